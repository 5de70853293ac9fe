//! `calhub restore`: a backup into a database, all of it or nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    backup::counted,
    ending::Form,
    migrate::make_data_dir,
    secrets,
    session::{Progress, say},
    settings::Settings,
};
use crate::{
    audit::{Act, By, Verb},
    clock::{Clock as _, SystemClock, SystemEntropy},
    config::Environment,
    secrets::{Kek, Vault},
    store::{self, BackupError, SealedKeys, Store},
};

/// Put a backup into an empty database, of either engine; no hub may run on it
#[derive(Debug, Args)]
#[command(after_help = "\
The backup is read through and checked first, and the key file must open what it holds. Then everything is stored in
one transaction: if anything fails, the database is what it was.

Every cursor of the change log is expired from then on (410 cursor_expired), so that consumers read anew. Calendars
answer `unknown` (stale) until the hub, once it is started, has read each of them again from the beginning.

Examples:
  cp kek.copy /var/lib/calhub/kek && calhub restore --data-dir /var/lib/calhub /var/backups/calhub-monday
  calhub restore --database-url postgres://calhub@db/calhub --kek-file kek from-sqlite.backup")]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Put the backup in place of all that the database holds
    #[arg(long)]
    replace: bool,

    /// Print what was done as JSON, for scripts
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: Settings,
}

impl Restore {
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Human }
    }

    pub(crate) async fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        super::run::arm(environment)?;
        let config = self.settings.load(environment)?;
        let mut progress = Progress::start(self.form());
        progress.show("checking the file");
        let backup = store::Backup::check(&self.file)?;
        check_key(&config.kek_path(), &backup.keys)?;
        make_data_dir(&config)?;
        let database =
            Store::open_alone(config.store_url().expose_secret(), &SystemEntropy).await?;
        let now = SystemClock.now();
        let mut told = |table: &str, rows: u64| progress.show(&format!("{table}: {rows}"));
        let done =
            store::restore(&database, &backup, self.replace, &SystemEntropy, now, &mut told).await;
        drop(progress);
        let noted = match &done {
            Ok(done) if backup.keys.hash_key.is_some() => {
                note(&config.kek_path(), &database, &done.sha256).await
            }
            _ => Ok(()),
        };
        database.close().await;
        let done = done?;
        noted.context("the backup is restored, but the audit log does not tell it")?;
        let made_at = backup.header.made_at;
        if self.json {
            return say(&json!({
                "file": self.file, "made_at": made_at, "made_by": backup.header.calhub,
                "rows": done.rows, "sha256": done.sha256,
            })
            .to_string());
        }
        say(&format!("restored {} as of {made_at}", counted(&done)))?;
        say(
            "Cursors of the change log are expired; calendars are unknown until the hub has read them again.",
        )?;
        say("Next: calhub serve")
    }
}

/// The last entry that the backup brought is followed by one that says where it came from.
async fn note(kek: &Path, database: &Store, sha256: &str) -> anyhow::Result<()> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let vault = Vault::open(Kek::load(kek)?, database, clock, entropy).await?;
    let act = Act::on_hub(Verb::BackupRestored).with(json!({"sha256": sha256}));
    Ok(secrets::audit_log(database, vault).note_alone(&By::cli(), act).await?)
}

fn check_key(path: &Path, keys: &SealedKeys) -> anyhow::Result<()> {
    if keys.hash_key.is_none() && keys.data_keys.is_empty() {
        return Ok(());
    }
    if !path.exists() {
        return Err(BackupError::Refused(format!(
            "the key file {} is not there, and it is not in the backup: put the copy of it there first, \
             or name it with --kek-file",
            path.display()
        ))
        .into());
    }
    let kek = Kek::load(path)?;
    kek.check(keys).with_context(|| {
        format!("{} does not open this backup: it was sealed by another key file", path.display())
    })
}
