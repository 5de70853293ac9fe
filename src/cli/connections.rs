//! `calhub connections`: what is linked, and how it is.

use clap::{Args, Subcommand, ValueEnum};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::{
    calendars,
    connect::{Access, metadata, pair, password},
    ending::Ending,
    imports,
    session::{Ask, Reach, Session, Target},
    show,
};

/// List, show, update and remove linked accounts and feeds
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub connections list --state needs_reauth
  calhub connections show con_...
  calhub connections update con_... --password-file new-password.txt     # ids of its calendars stay
  calhub connections import accounts.ndjson --dry-run                    # a result a row; run again to go on
  calhub connections remove con_...                                      # erases all that was stored of it")]
pub(crate) struct Connections {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List connections
    List {
        /// Only those in this state: syncing, healthy, degraded, needs_reauth, revoked, removing
        #[arg(long)]
        state: Option<String>,
        /// Only those of this provider: caldav, ics, google
        #[arg(long)]
        provider: Option<String>,
        /// Only the one with your own id
        #[arg(long, value_name = "ID")]
        external_id: Option<String>,
    },
    /// Show one connection with its calendars
    Show {
        /// con_..., or ext: and your own id
        id: String,
    },
    /// Change its login, address or access; every id stays
    Update(Update),
    /// Link many accounts from a file of JSON lines, each as for POST /v1/connections
    Import {
        /// The file
        #[arg(value_name = "FILE.ndjson")]
        file: String,
        /// Look at every account and keep nothing
        #[arg(long)]
        dry_run: bool,
        /// Also those whose external_id is linked already
        #[arg(long)]
        again: bool,
    },
    /// Remove it and erase what was stored of it
    Remove {
        /// con_..., or ext: and your own id
        id: String,
        /// Also remove from its calendars exactly the events that the hub put there
        #[arg(long)]
        remove_events: bool,
        /// What becomes of future bookings that are written there
        #[arg(long, value_enum, value_name = "FATE")]
        future_bookings: Option<Fate>,
    },
}

#[derive(Debug, Args)]
struct Update {
    /// con_..., or ext: and your own id
    id: String,
    /// A file that holds the new password, `-` for standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    /// The user name
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The new address of the same account or feed
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// What the hub may do there
    #[arg(long, value_enum)]
    access: Option<Access>,
    /// Your own id for it
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// A word of your own about it; can be repeated, an empty value clears it
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Fate {
    /// They stay
    Keep,
    /// They are cancelled
    Cancel,
}

impl Ask for Connections {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match &self.verb {
            Verb::Import { file, dry_run, again } => {
                imports::import(session, file, *dry_run, *again).await
            }
            Verb::List { state, provider, external_id } => {
                let filters =
                    [("state", state), ("provider", provider), ("external_id", external_id)];
                let query: Vec<_> = filters
                    .iter()
                    .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
                    .collect();
                let items = session.client.list(&["v1", "connections"], &query).await?;
                session.print_list(&items, list)
            }
            Verb::Show { id } => {
                let answer = session.client.get(&["v1", "connections", id], &[]).await?;
                session.print(&answer, card)
            }
            Verb::Update(update) => {
                let answer = session
                    .client
                    .patch(&["v1", "connections", &update.id], &update.body()?)
                    .await?;
                session.remark(&format!("updated {}", show::field(&answer.body, "id")))?;
                session.print(&answer, card)
            }
            Verb::Remove { id, remove_events, future_bookings } => {
                let mut query =
                    vec![("remove_events", if *remove_events { "true" } else { "false" })];
                query.extend(future_bookings.map(|fate| match fate {
                    Fate::Keep => ("future_bookings", "keep"),
                    Fate::Cancel => ("future_bookings", "cancel"),
                }));
                let answer = session.client.delete(&["v1", "connections", id], &query).await?;
                session.print(&answer, |_| match remove_events {
                    false => format!("{id} is being removed, and all that was stored of it erased"),
                    true => format!(
                        "{id} is being removed: first the events that the hub put there, then all that was stored of it; \
                         `calhub connections show {id}` tells whether it is done"
                    ),
                })
            }
        }
    }
}

impl Update {
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        if let Some(file) = &self.password_file {
            body.insert("password".to_owned(), json!(password(file)?.expose_secret()));
        }
        let stated = [
            ("username", self.username.as_deref()),
            ("url", self.address.as_deref()),
            ("access", self.access.map(Access::as_str)),
            ("external_id", self.external_id.as_deref()),
        ];
        let stated =
            stated.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?))));
        body.extend(stated);
        if !self.metadata.is_empty() {
            body.insert("metadata".to_owned(), cleared(metadata(&self.metadata)));
        }
        if body.is_empty() {
            return Err(Ending::WrongUse("say what to change; --help lists it".to_owned()).into());
        }
        Ok(Value::Object(body))
    }
}

/// An empty value takes a name out of the metadata.
pub(crate) fn cleared(metadata: Value) -> Value {
    match metadata {
        Value::Object(pairs) => Value::Object(
            pairs
                .into_iter()
                .map(|(name, value)| if value == "" { (name, Value::Null) } else { (name, value) })
                .collect(),
        ),
        other => other,
    }
}

fn list(items: &[Value]) -> String {
    if items.is_empty() {
        return "nothing is linked; `calhub connect --help` shows how".to_owned();
    }
    let columns = [
        ("id", "id"),
        ("provider", "provider"),
        ("state", "state"),
        ("account", "account_label"),
        ("access", "access"),
        ("last ok", "last_ok_at"),
        ("external id", "external_id"),
    ];
    show::table(&columns, items)
}

/// One connection with its calendars.
pub(crate) fn card(connection: &Value) -> String {
    let about = show::fields(
        &[
            ("connection", "id"),
            ("provider", "provider"),
            ("account", "account_label"),
            ("state", "state"),
            ("access", "access"),
            ("external id", "external_id"),
            ("metadata", "metadata"),
            ("last ok", "last_ok_at"),
            ("last error", "last_error"),
            ("that is", "last_error_text"),
            ("relink at", "relink_url"),
        ],
        connection,
    );
    let calendars = connection.get("calendars").and_then(Value::as_array);
    match calendars {
        Some(items) if !items.is_empty() => format!("{about}\n\n{}", calendars::list(items)),
        _ => about,
    }
}
