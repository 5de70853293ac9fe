//! `calhub keys`: API keys and what they may do.

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

const SCOPES: [&str; 10] = [
    "availability:read",
    "bookings:read",
    "bookings:write",
    "resources:write",
    "connections:read",
    "connections:write",
    "webhooks:write",
    "ops",
    "admin",
    "instance",
];

/// List, make and revoke API keys
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub keys create --name website --scope availability:read
  calhub keys create --name platform --scope availability:read --scope connections:write --expires-at 2027-01-01T00:00:00Z
  calhub keys revoke 0198c1f2...")]
pub(crate) struct Keys {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List keys; their secrets are not stored
    List,
    /// Make a key and shows it once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do; can be repeated
        #[arg(long = "scope", required = true, value_parser = PossibleValuesParser::new(SCOPES))]
        scopes: Vec<String>,
        /// When it ends, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires_at: Option<Timestamp>,
    },
    /// Revoke a key at once
    #[command(visible_alias = "remove")]
    Revoke {
        /// The id that `list` shows
        id: String,
    },
}

impl Ask for Keys {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List => {
                let items = session.client.list(&["v1", "keys"], &[]).await?;
                session.print_list(&items, list)
            }
            Verb::Create { name, scopes, expires_at } => {
                let mut body = Map::new();
                body.insert("name".to_owned(), json!(name));
                body.insert("scopes".to_owned(), json!(scopes));
                if let Some(at) = expires_at {
                    body.insert("expires_at".to_owned(), json!(at));
                }
                let answer = session.client.post(&["v1", "keys"], &Value::Object(body)).await?;
                session.print(&answer, made)
            }
            Verb::Revoke { id } => {
                let answer = session.client.delete(&["v1", "keys", id], &[]).await?;
                session.print(&answer, |_| format!("revoked {id}"))
            }
        }
    }
}

fn list(items: &[Value]) -> String {
    let columns = [
        ("id", "id"),
        ("name", "name"),
        ("scopes", "scopes"),
        ("created", "created_at"),
        ("expires", "expires_at"),
    ];
    show::table(&columns, items)
}

fn made(key: &Value) -> String {
    let about = show::fields(
        &[
            ("id", "id"),
            ("name", "name"),
            ("scopes", "scopes"),
            ("expires", "expires_at"),
            ("key", "key"),
        ],
        key,
    );
    format!("{about}\n\nThe key is shown once. Keep it.")
}
