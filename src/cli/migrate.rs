//! `calhub migrate`: brings the database up to date without starting a hub.

use std::os::unix::fs::DirBuilderExt as _;

use anyhow::Context as _;
use clap::Args;
use secrecy::ExposeSecret as _;

use super::{session::say, settings::Settings, show};
use crate::{
    clock::SystemEntropy,
    config::{Config, Environment},
    store::{Options, Store, examine},
};

/// Bring the database up to date (`serve` does it too)
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  calhub migrate --database-url postgres://calhub@db/calhub")]
pub(crate) struct Migrate {
    #[command(flatten)]
    settings: Settings,
}

impl Migrate {
    pub(crate) async fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        let config = self.settings.load(environment)?;
        make_data_dir(&config)?;
        let url = config.store_url();
        let before = examine(url.expose_secret()).await?;
        Store::open(url.expose_secret(), &Options::default(), &SystemEntropy).await?.close().await;
        let after =
            examine(url.expose_secret()).await?.context("the database is not there after all")?;
        let version = after.version.split(" on ").next().unwrap_or_default();
        match before {
            Some(before) if before.missing == 0 => {
                say(&format!("the database ({version}) was up to date"))
            }
            Some(before) => {
                let steps = show::count(before.missing - after.missing, "migration");
                say(&format!("applied {steps}; the database ({version}) is up to date"))
            }
            None => say(&format!("made the database ({version})")),
        }
    }
}

pub(super) fn make_data_dir(config: &Config) -> anyhow::Result<()> {
    let mut dir = std::fs::DirBuilder::new();
    dir.recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .with_context(|| format!("cannot make {}", config.data_dir.display()))
}
