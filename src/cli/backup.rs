//! `calhub backup`: everything in one file, while the hub goes on.

use std::path::PathBuf;

use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    ending::Form,
    secrets,
    session::{Progress, say},
    settings::Settings,
    show,
};
use crate::{
    audit::{Act, By, Verb},
    clock::{Clock as _, SystemClock},
    config::{Config, Environment},
    store::{Summary, back_up},
};

/// Copy everything the hub holds into one file, also while it runs
#[derive(Debug, Args)]
#[command(after_help = "\
The file holds the state of one instant. It can be restored into SQLite and into PostgreSQL, whichever it was made
from. It is for its owner alone (mode 0600): it holds calendars\' events.

The key file is NOT in it, and without it no stored login opens. Keep a copy of the key file in another safe place.

Examples:
  calhub backup /var/backups/calhub-monday
  calhub backup --database-url postgres://calhub@db/calhub --force nightly.backup")]
pub(crate) struct Backup {
    /// Where to write it
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace a file that is there
    #[arg(long)]
    force: bool,

    /// Print what was done as JSON, for scripts
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: Settings,
}

impl Backup {
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Human }
    }

    pub(crate) async fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        super::run::arm(environment)?;
        let config = self.settings.load(environment)?;
        let url = config.store_url();
        let mut progress = Progress::start(self.form());
        let now = SystemClock.now();
        let mut told = |table: &str, rows: u64| progress.show(&format!("{table}: {rows}"));
        let made = back_up(url.expose_secret(), &self.file, self.force, now, &mut told).await?;
        drop(progress);
        let kek = config.kek_path();
        // Not on a machine without the key file, nor from a standby that takes no writes.
        let audited = kek.exists() && note(&config, &made).await.is_ok();
        if self.json {
            return say(&json!({
                "file": self.file, "made_at": now, "bytes": made.bytes, "sha256": made.sha256,
                "rows": made.rows, "key_file": kek, "key_file_included": false, "audited": audited,
            })
            .to_string());
        }
        say(&format!("wrote {} ({}, {} bytes)", self.file.display(), counted(&made), made.bytes))?;
        if !audited {
            say(
                "That it was made is not in the audit log: no key file here, or the database takes no writes.",
            )?;
        }
        say(&format!(
            "The key file {} is not in it. Keep a copy elsewhere: without it the stored logins do not open.",
            kek.display()
        ))
    }
}

/// Writes into the audit log that everything was copied, which only who has the key file can do.
async fn note(config: &Config, made: &Summary) -> anyhow::Result<()> {
    let (store, vault) = secrets::open(config).await?;
    let act = Act::on_hub(Verb::BackupMade).with(json!({"sha256": made.sha256}));
    secrets::audit_log(&store, vault).note_alone(&By::cli(), act).await?;
    store.close().await;
    Ok(())
}

/// What people count.
pub(super) fn counted(summary: &Summary) -> String {
    let of = |table: &str, one: &str| {
        let rows = summary.rows.get(table).copied().unwrap_or_default();
        show::count(usize::try_from(rows).unwrap_or(usize::MAX), one)
    };
    [of("connections", "connection"), of("calendars", "calendar"), of("events", "event")].join(", ")
}
