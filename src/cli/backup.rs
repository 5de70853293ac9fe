//! `calhub backup`: everything in one file, while the hub goes on.

use std::path::PathBuf;

use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    ending::Form,
    session::{Progress, say},
    settings::Settings,
    show,
};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Environment,
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
        if self.json {
            return say(&json!({
                "file": self.file, "made_at": now, "bytes": made.bytes, "sha256": made.sha256,
                "rows": made.rows, "key_file": kek, "key_file_included": false,
            })
            .to_string());
        }
        say(&format!("wrote {} ({}, {} bytes)", self.file.display(), counted(&made), made.bytes))?;
        say(&format!(
            "The key file {} is not in it. Keep a copy elsewhere: without it the stored logins do not open.",
            kek.display()
        ))
    }
}

/// What people count.
pub(super) fn counted(summary: &Summary) -> String {
    let of = |table: &str, one: &str| {
        let rows = summary.rows.get(table).copied().unwrap_or_default();
        show::count(usize::try_from(rows).unwrap_or(usize::MAX), one)
    };
    [of("connections", "connection"), of("calendars", "calendar"), of("events", "event")].join(", ")
}
