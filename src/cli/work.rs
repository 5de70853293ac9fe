//! `calhub work`: the engine without the API.

use clap::Args;

use super::{
    ending::tell,
    serve::{start_logging, told_to_stop},
    settings::Settings,
};
use crate::{config::Environment, serve::Role};

/// Run the engine alone, beside hubs that serve the API from the same database
#[derive(Debug, Args)]
#[command(after_help = "\
Needs PostgreSQL and the key-encryption key that the other hubs of the cell use.

Example:
  calhub work --database-url postgres://calhub@db/calhub --kek-file /run/secrets/kek")]
pub(crate) struct Work {
    #[command(flatten)]
    settings: Settings,
}

impl Work {
    pub(crate) async fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        let config = self.settings.load(environment)?;
        start_logging(&config, environment)?;
        let started = |_: &_| tell("calhub works; Ctrl-C stops it");
        crate::serve::run(config, Role::Work, started, told_to_stop()?).await?;
        Ok(())
    }
}
