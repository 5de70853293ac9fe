//! The order of the checks.

use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use super::{
    check::{Check, State, render},
    classes::{ALL, SETTINGS},
    database::database,
    disk, files, google, hub, machine, reach,
};
use crate::{
    cli::{
        client::Client,
        ending::Ending,
        session::{Before, base_url, say, secret},
        settings::Settings,
        show,
    },
    clock::{Clock, SystemClock},
    config::{Config, DEFAULTS, Environment},
};

/// Check the settings, the machine, the database and every connection, and say what to do
#[derive(Debug, Args)]
#[command(after_help = "\
Works without a running hub; one that runs is asked too. Changes nothing. Exit code 1 when something needs action.

Examples:
  calhub doctor
  calhub doctor --data-dir /var/lib/calhub --json
  calhub doctor --offline            # asks no name server
  calhub doctor --explain            # what is looked for, and why it matters")]
pub(crate) struct Doctor {
    /// Leave out what asks the network
    #[arg(long)]
    offline: bool,

    /// Print the findings as JSON, for scripts
    #[arg(long)]
    json: bool,

    /// List everything that is looked for, and why it matters
    #[arg(long)]
    explain: bool,

    #[command(flatten)]
    settings: Settings,

    /// Ask the hub at this address instead of this machine's (CALHUB_URL)
    #[arg(long, value_name = "URL", help_heading = "Hub")]
    url: Option<String>,

    /// An API key for --url (CALHUB_KEY)
    #[arg(long, value_name = "KEY", help_heading = "Hub", value_parser = secret)]
    key: Option<SecretString>,
}

impl Doctor {
    pub(crate) async fn run(
        &self,
        before: &Before,
        environment: &Environment,
    ) -> anyhow::Result<()> {
        if self.explain {
            return say(&explained());
        }
        let (checks, settings): (_, toml::Table) = match self.settings.load(environment) {
            Ok(config) => {
                let table = self.settings.in_force(environment)?;
                (self.examine(&config, before).await?, table)
            }
            Err(error) => {
                let fix = "mend it there; `calhub config show --defaults` explains every setting";
                (
                    vec![Check::action(SETTINGS, "settings", error.to_string(), fix)],
                    toml::Table::new(),
                )
            }
        };
        let needs_action = checks.iter().any(|check| check.state == State::Action);
        if self.json {
            let version = env!("CARGO_PKG_VERSION");
            say(&serde_json::to_string_pretty(
                &json!({"ok": !needs_action, "version": version, "checks": checks, "settings": settings}),
            )?)?;
        } else {
            say(&render(&checks))?;
            let stated = stated(&settings);
            say(&format!(
                "\nSettings that are not the defaults (`calhub config show` prints all):\n{stated}"
            ))?;
        }
        if needs_action { Err(Ending::Told.into()) } else { Ok(()) }
    }

    async fn examine(&self, config: &Config, before: &Before) -> anyhow::Result<Vec<Check>> {
        let now = SystemClock.now();
        let trying = (!self.offline).then_some(config);
        let heard = hub::ask(self.client(config, before)?, trying, now).await;
        let (database, sealed) = database(config, now).await;
        let runs_here = heard.runs && !self.is_elsewhere(before);
        let mut checks = vec![
            Check::ok("settings", "they can be read"),
            files::data_dir(&config.data_dir),
            files::key_file(&config.kek_path(), sealed.as_deref()),
        ];
        checks.extend(disk::room(&config.data_dir));
        if let Some(file) = config.store_file() {
            let dir = file.parent().unwrap_or(&config.data_dir);
            if dir != config.data_dir {
                checks.extend(disk::room(dir));
            }
            checks.extend(disk::file_system(dir));
            checks.extend(disk::write_ahead_log(&file));
            checks.extend(disk::other_hub(&file, heard.runs));
        }
        checks.push(disk::open_files());
        checks.extend(database);
        checks.push(machine::zone_rules(now));
        if !self.offline {
            checks.push(machine::names().await);
            checks.extend(reach::public_address(config, google::is_set_up(config)).await);
            checks.extend(google::own_client(config).await);
        }
        checks.push(machine::networks(&config.allow_net));
        checks.push(machine::port(config.listen, runs_here));
        checks.extend(heard.checks);
        Ok(checks)
    }

    fn is_elsewhere(&self, before: &Before) -> bool {
        before.url_or(self.url.as_deref()).is_some()
    }

    /// The hub to ask, which need not be there.
    fn client(
        &self,
        config: &Config,
        before: &Before,
    ) -> anyhow::Result<Result<Client, crate::cli::client::Failure>> {
        let key = before.key_or(self.key.as_ref());
        Ok(match before.url_or(self.url.as_deref()) {
            Some(url) => Client::at_url(base_url(url)?, key),
            None => Client::at_socket(config.socket_path(), key),
        })
    }
}

/// Every class of failure with why it matters and where the guide speaks of it.
fn explained() -> String {
    let rows: Vec<Vec<String>> = ALL
        .iter()
        .map(|class| vec![class.word.to_owned(), class.why.to_owned(), format!("#{}", class.guide)])
        .collect();
    show::align(&rows)
}

/// What is in force and differs from the defaults, secrets hidden already.
fn stated(settings: &toml::Table) -> String {
    let defaults: toml::Table = DEFAULTS.parse().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in settings {
        match (value, defaults.get(name)) {
            (toml::Value::Table(section), Some(toml::Value::Table(usual))) => {
                let other = section.iter().filter(|(key, value)| usual.get(*key) != Some(*value));
                lines.extend(other.map(|(key, value)| format!("  {name}.{key} = {value}")));
            }
            (value, usual) if usual != Some(value) => lines.push(format!("  {name} = {value}")),
            _ => {}
        }
    }
    if lines.is_empty() { "  none".to_owned() } else { lines.join("\n") }
}
