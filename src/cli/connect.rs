//! `calhub connect`: links an account or a feed and waits until it is read for the first time.

use std::{io::Read as _, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{
    client::{Answer, Client, Failure},
    connections,
    ending::Ending,
    session::{Ask, Progress, Reach, Session},
    show,
};

const PAUSE: Duration = Duration::from_millis(250);

/// Link a CalDAV account or an ICS feed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub connect caldav --url https://caldav.fastmail.com/ --username anna@example.org --password-file password.txt
  pass show calendar | calhub connect caldav --url https://cloud.example.org --username anna --password-file -
  calhub connect ics --url 'webcal://calendar.example.org/secret/basic.ics'

The login is checked at once. An account that is linked already keeps its connection and its calendars' ids.
Here --url is the calendar's address; the hub's is --hub or CALHUB_URL.")]
pub(crate) struct Connect {
    #[command(subcommand)]
    what: What,

    /// The hub's address (CALHUB_URL) [default: the hub of this machine, over its socket]
    #[arg(long, global = true, value_name = "URL", help_heading = "Hub")]
    hub: Option<String>,

    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A CalDAV account: iCloud, Fastmail, Nextcloud, Radicale and many more
    Caldav {
        /// The server's host, its DAV address, your principal or one calendar
        #[arg(long, value_name = "URL")]
        url: String,
        /// Your user name there
        #[arg(long, value_name = "NAME")]
        username: String,
        /// A file that holds the password, `-` for standard input
        #[arg(long, value_name = "FILE")]
        password_file: String,
        #[command(flatten)]
        common: Common,
    },
    /// An ICS feed
    Ics {
        /// The feed's address, https:// or webcal://. It is a password: the hub stores it sealed
        #[arg(long, value_name = "URL")]
        url: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// What the hub may do there
    #[arg(long, value_enum)]
    access: Option<Access>,
    /// Your own id for this connection
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// A word of your own about it; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// End once it is linked, before it is read for the first time
    #[arg(long)]
    no_wait: bool,
    /// How long to wait for the first reading, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

/// How much the hub may see and do at the provider.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Access {
    /// Reads times only
    BusyOnly,
    /// Reads events
    Read,
    /// Reads, and writes bookings
    ReadWrite,
}

impl Access {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BusyOnly => "busy_only",
            Self::Read => "read",
            Self::ReadWrite => "read_write",
        }
    }
}

/// Reads `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if name.is_empty() {
        Err("write NAME=VALUE".to_owned())
    } else {
        Ok((name.to_owned(), value.to_owned()))
    }
}

/// Metadata as the API takes it.
pub(crate) fn metadata(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
}

/// Reads a password from a file, or from standard input for `-`. The line's end is not part of it.
pub(crate) fn password(file: &str) -> anyhow::Result<SecretString> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the password from standard input")?;
        text
    } else {
        std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the password file {file}"))?
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Ending::WrongUse(format!("there is no password in {file}")).into());
    }
    Ok(SecretString::from(text))
}

impl Ask for Connect {
    fn reach(&self) -> Reach {
        self.reach.with_url(self.hub.as_ref())
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let body = self.what.request()?;
        let common = self.what.common();
        let linked = session.client.post(&["v1", "connections"], &body).await?;
        let id = show::field(&linked.body, "id");
        session.remark(&match linked.status {
            200 => format!("{id} was linked already; its calendars and their ids stay"),
            _ => format!("linked {id}"),
        })?;
        if common.no_wait {
            return session.print(&linked, connections::card);
        }
        let mut progress = Progress::start(session.form);
        let patience = Duration::from_secs(common.timeout);
        let read = first_reading(&session.client, &id, patience, |text| progress.show(text)).await;
        drop(progress);
        let last = session.client.get(&["v1", "connections", &id], &[]).await?;
        session.print(&last, connections::card)?;
        read
    }
}

impl What {
    fn common(&self) -> &Common {
        match self {
            Self::Caldav { common, .. } | Self::Ics { common, .. } => common,
        }
    }

    fn request(&self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        match self {
            Self::Caldav { url, username, password_file, .. } => {
                body.insert("provider".to_owned(), json!("caldav"));
                body.insert("url".to_owned(), json!(url));
                body.insert("username".to_owned(), json!(username));
                body.insert("password".to_owned(), json!(password(password_file)?.expose_secret()));
            }
            Self::Ics { url, .. } => {
                body.insert("provider".to_owned(), json!("ics"));
                body.insert("url".to_owned(), json!(url));
            }
        }
        let common = self.common();
        if let Some(access) = common.access {
            body.insert("access".to_owned(), json!(access.as_str()));
        }
        if let Some(id) = &common.external_id {
            body.insert("external_id".to_owned(), json!(id));
        }
        if !common.metadata.is_empty() {
            body.insert("metadata".to_owned(), metadata(&common.metadata));
        }
        Ok(Value::Object(body))
    }
}

/// Waits until all calendars of a connection have been read once.
///
/// # Errors
///
/// When the connection turns out broken, or when patience ends (the hub goes on).
pub(crate) async fn first_reading(
    client: &Client,
    connection: &str,
    patience: Duration,
    mut tell: impl FnMut(&str),
) -> anyhow::Result<()> {
    let waiting = async {
        loop {
            let now = client.get(&["v1", "connections", connection], &[]).await?;
            match stage(&now) {
                Stage::Ready => return Ok::<_, Failure>(None),
                Stage::Broken(state) => return Ok(Some(state)),
                Stage::Reading { done, all } => {
                    tell(&format!("reading calendars: {done} of {all}"));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(patience, waiting).await {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(state))) => Err(anyhow::anyhow!(
            "the connection is {state}; see `calhub connections show {connection}`"
        )),
        Ok(Err(failure)) => Err(failure.into()),
        Err(_) => Err(anyhow::anyhow!(
            "not all calendars are read yet; the hub goes on: see `calhub connections show {connection}`"
        )),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Reading { done: usize, all: usize },
    Ready,
    Broken(String),
}

fn stage(connection: &Answer) -> Stage {
    let calendars = connection.body.get("calendars").and_then(Value::as_array);
    let calendars = calendars.map(Vec::as_slice).unwrap_or_default();
    let is_done = |calendar: &&Value| show::field(calendar, "initial_sync") == "done";
    let done = calendars.iter().filter(is_done).count();
    match show::field(&connection.body, "state").as_str() {
        state @ ("needs_reauth" | "revoked" | "removing") => Stage::Broken(state.to_owned()),
        "syncing" => Stage::Reading { done, all: calendars.len() },
        _ if done == calendars.len() => Stage::Ready,
        state @ "degraded" => Stage::Broken(state.to_owned()),
        _ => Stage::Reading { done, all: calendars.len() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage_of(body: Value) -> Stage {
        stage(&Answer { raw: String::new(), body, etag: None, status: 200 })
    }

    #[test]
    fn a_connection_is_ready_when_every_calendar_was_read() {
        let done = json!({"state": "healthy", "calendars": [{"initial_sync": "done"}]});
        assert_eq!(stage_of(done), Stage::Ready);
        let half = json!({"state": "syncing", "calendars": [{"initial_sync": "done"}, {"initial_sync": "pending"}]});
        assert_eq!(stage_of(half), Stage::Reading { done: 1, all: 2 });
        let refused = json!({"state": "needs_reauth", "calendars": [{"initial_sync": "pending"}]});
        assert_eq!(stage_of(refused), Stage::Broken("needs_reauth".to_owned()));
    }

    #[test]
    fn a_password_loses_its_line_end_and_nothing_else() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " pa ss \r\n").unwrap();
        let read = password(file.path().to_str().unwrap()).unwrap();
        assert_eq!(read.expose_secret(), " pa ss ");
        assert!(password("/nowhere/password").is_err());
    }
}
