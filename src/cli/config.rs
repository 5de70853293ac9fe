//! `calhub config`: what is in force.

use clap::{Args, Subcommand};

use super::{session::say, settings::Settings};
use crate::config::Environment;

/// Show the settings in force, secrets hidden
#[derive(Debug, Args)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the settings in force as TOML; secrets show as "***"
    #[command(after_help = "\
What wins, from weak to strong: the defaults, the configuration file, the environment, flags.

Examples:
  calhub config show
  CALHUB_SYNC_WORKERS=2 calhub config show --data-dir /var/lib/calhub
  calhub config show --defaults      # every setting, explained; a start for your config.toml")]
    Show {
        /// Print the commented defaults instead
        #[arg(long)]
        defaults: bool,
        #[command(flatten)]
        settings: Settings,
    },
}

impl ConfigCommand {
    pub(crate) fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        let Verb::Show { defaults, settings } = &self.verb;
        if *defaults {
            return say(crate::config::DEFAULTS.trim_end());
        }
        let table = settings.in_force(environment)?;
        say(table.to_string().trim_end())
    }
}
