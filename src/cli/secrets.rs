//! `calhub secrets`: changing the keys that seal what the database must not tell, while hubs run.

use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::json;

use super::{
    ending::{Ending, Form},
    session::{Progress, say},
    settings::Settings,
    show,
};
use crate::{
    audit::{self, Act, AuditLog, By},
    clock::{SystemClock, SystemEntropy},
    config::{Config, Environment},
    secrets::{Kek, Rotated, Standing, Step, Vault},
    store::{Options, Store},
};

/// Change the keys that seal secrets; works beside running hubs
#[derive(Debug, Args)]
#[command(after_help = "\
On one machine:
  calhub secrets rotate --new-kek        new keys of both kinds, everything sealed anew
  calhub secrets forget-keks             once no backup needs the old key-encryption key

Several machines share one database:
  calhub secrets new-kek                 adds a key to this machine's key file; it does not seal yet
  (copy the key file to every machine; running hubs read it when they meet the new key)
  calhub secrets rotate                  from now on the new key seals
  calhub secrets status                  which key seals, and whether older ones still do

A rotation that was interrupted goes on when it is run again. Logins, API keys and feeds stay valid.")]
pub(crate) struct Secrets {
    #[command(subcommand)]
    verb: Verb,

    /// Print what was done as JSON, for scripts
    #[arg(long, global = true)]
    json: bool,

    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make new data keys and seal every secret anew; by the newest key-encryption key of the key file
    Rotate {
        /// First add a new key-encryption key to the key file
        #[arg(long)]
        new_kek: bool,
    },
    /// Add a new key-encryption key to the key file; it seals from the next rotation on
    NewKek,
    /// Show which keys seal
    Status,
    /// Take the key-encryption keys that seal nothing any more out of the key file
    ForgetKeks,
}

/// Keys in a file, for scripts.
#[derive(Debug, Serialize)]
struct Keks {
    key_file: String,
    keys: usize,
}

impl Secrets {
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Human }
    }

    pub(crate) async fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        let config = self.settings.load(environment)?;
        match self.verb {
            Verb::Rotate { new_kek } => self.rotate(&config, new_kek).await,
            Verb::NewKek => self.new_kek(&config),
            Verb::Status => {
                let (store, vault) = open(&config).await?;
                let standing = vault.standing(&store).await?;
                self.print(&standing, || standing_text(&standing))
            }
            Verb::ForgetKeks => {
                let (store, vault) = open(&config).await?;
                let gone = vault.forget_older_keks(&store).await?;
                if gone > 0 {
                    let act = Act::on_hub(audit::Verb::KeksForgotten).with(json!({"keys": gone}));
                    audit_log(&store, vault).note_alone(&By::cli(), act).await?;
                }
                let keys = Keks { key_file: config.kek_path().display().to_string(), keys: 1 };
                self.print(&keys, || match gone {
                    0 => "the key file holds one key already".to_owned(),
                    gone => format!(
                        "took {} out of {}; backups from before the rotation need them",
                        show::count(gone, "older key"),
                        keys.key_file
                    ),
                })
            }
        }
    }

    async fn rotate(&self, config: &Config, new_kek: bool) -> anyhow::Result<()> {
        let (store, mut vault) = open(config).await?;
        if new_kek {
            let standing = vault.standing(&store).await?;
            // One that was interrupted, or a key that waits for its rotation, is gone on with.
            if standing.kek_is_newest && !standing.rotating {
                Kek::add_to(&config.kek_path(), &SystemEntropy)?;
                vault = vault_of(config, &store).await?;
            }
        }
        let vault = Arc::new(vault);
        let log = audit_log(&store, Arc::clone(&vault));
        log.note_alone(&By::cli(), Act::on_hub(audit::Verb::SecretsRotationBegun)).await?;
        let mut progress = Progress::start(self.form());
        let rotated = vault
            .rotate(&store, async |step| {
                if let Step::Secrets(sealed) = step {
                    progress.show(&format!("{sealed} secrets sealed anew"));
                }
            })
            .await
            .context("the rotation was interrupted; run it again to go on")?;
        drop(progress);
        let told = json!({
            "kek_changed": rotated.kek_changed, "secrets_resealed": rotated.secrets_resealed,
            "data_keys_made": rotated.data_keys_made, "unreadable": rotated.unreadable.len(),
        });
        let act = Act::on_hub(audit::Verb::SecretsRotated).with(told);
        log.note_alone(&By::cli(), act).await?;
        store.close().await;
        self.print(&rotated, || rotated_text(&rotated))?;
        if rotated.unreadable.is_empty() { Ok(()) } else { Err(Ending::Told.into()) }
    }

    fn new_kek(&self, config: &Config) -> anyhow::Result<()> {
        let path = config.kek_path();
        let keys = Kek::add_to(&path, &SystemEntropy)?;
        let told = Keks { key_file: path.display().to_string(), keys };
        self.print(&told, || {
            format!(
                "{} holds {} now; copy it to every machine of the cell, then run `calhub secrets rotate`",
                told.key_file,
                show::count(keys, "key")
            )
        })
    }

    fn print<T: Serialize>(&self, told: &T, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        match self.form() {
            Form::Json => say(&serde_json::to_string(told)?),
            Form::Human => say(&text()),
        }
    }
}

/// Where what these commands do is written down; a hub that runs, or the next one, gives it its place.
pub(super) fn audit_log(store: &Store, vault: impl Into<Arc<Vault>>) -> AuditLog {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    AuditLog::new(store.clone(), vault.into(), clock, entropy)
}

/// Opens database and key file as a guest of the hubs that run. Neither is made.
pub(super) async fn open(config: &Config) -> anyhow::Result<(Store, Vault)> {
    let options = Options { exclusive: false, connections: 2, ..Options::default() };
    let url = config.store_url();
    let found = crate::store::examine(url.expose_secret()).await?;
    found.context("there is no database here; name it with --data-dir or --database-url")?;
    let store = Store::open(url.expose_secret(), &options, &SystemEntropy).await?;
    let vault = vault_of(config, &store).await?;
    Ok((store, vault))
}

async fn vault_of(config: &Config, store: &Store) -> anyhow::Result<Vault> {
    let kek = Kek::load(&config.kek_path())?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Ok(Vault::open(kek, store, clock, entropy).await?)
}

fn standing_text(standing: &Standing) -> String {
    let mut lines = vec![
        format!("key-encryption key that seals: {}", standing.kek),
        format!("keys in this machine's key file: {}", standing.keks_in_file),
        format!("data keys: {}", standing.data_keys),
    ];
    if !standing.kek_is_newest {
        lines.push(
            "the newest key of the file does not seal yet: run `calhub secrets rotate`".to_owned(),
        );
    }
    if standing.data_keys_of_older_keks > 0 || standing.rotating {
        lines.push("a rotation has not ended: run `calhub secrets rotate` to go on".to_owned());
    }
    lines.join("\n")
}

fn rotated_text(rotated: &Rotated) -> String {
    let mut lines = Vec::new();
    if rotated.resumed {
        lines.push("went on with the rotation that was interrupted".to_owned());
    }
    if rotated.kek_changed || rotated.data_keys_resealed > 0 {
        lines.push(format!(
            "another key-encryption key seals now: {} data keys sealed anew",
            rotated.data_keys_resealed
        ));
    }
    lines.push(format!(
        "made {} data keys, sealed {} secrets anew, dropped {} old data keys",
        rotated.data_keys_made, rotated.secrets_resealed, rotated.data_keys_dropped
    ));
    for row in &rotated.unreadable {
        lines.push(format!(
            "does not open, and was left as it is: {row} (link the account again; its old data key stays)"
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_told() {
        let rotated = Rotated {
            kek_changed: true,
            data_keys_resealed: 2,
            data_keys_made: 2,
            data_keys_dropped: 2,
            secrets_resealed: 7,
            ..Rotated::default()
        };
        assert_eq!(
            rotated_text(&rotated),
            "another key-encryption key seals now: 2 data keys sealed anew\n\
             made 2 data keys, sealed 7 secrets anew, dropped 2 old data keys"
        );
    }
}
