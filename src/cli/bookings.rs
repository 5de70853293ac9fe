//! `calhub bookings` and `calhub holds`: promises made through the hub.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List, show and end bookings, and settle their conflicts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub bookings list --resource ext:doctor_482
  calhub bookings show bkg_...                         # its events, conflicts and history
  calhub bookings cancel bkg_... --reason \"asked for\"
  calhub bookings resolve bkg_... cfl_... accept       # what the calendar says holds from now on")]
pub(crate) struct Bookings {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List bookings
    List {
        /// Only those of this resource: its id, or `ext:` and its external id
        #[arg(long)]
        resource: Option<String>,
        /// Only those in this status: confirmed, cancelled, completed, no_show
        #[arg(long)]
        status: Option<String>,
    },
    /// Show a booking with its events, conflicts and history
    Show {
        /// Its id, or `ext:` and its external id
        id: String,
    },
    /// Cancel a booking; its events are taken out of the calendars
    Cancel {
        /// Its id, or `ext:` and its external id
        id: String,
        /// Kept in its history
        #[arg(long)]
        reason: Option<String>,
    },
    /// Settle a conflict
    Resolve {
        /// The booking's id
        id: String,
        /// The conflict's id, as `show` tells it
        conflict: String,
        /// accept (the calendar is right), revert (the booking is) or dismiss (both stay)
        action: String,
    },
}

impl Ask for Bookings {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List { resource, status } => {
                let mut query = Vec::new();
                query.extend(resource.iter().map(|id| ("resource_id", id.as_str())));
                query.extend(status.iter().map(|word| ("status", word.as_str())));
                let items = session.client.list(&["v1", "bookings"], &query).await?;
                session.print_list(&items, list)
            }
            Verb::Show { id } => {
                let found = session.client.get(&["v1", "bookings", id], &[]).await?;
                session.print(&found, story)
            }
            Verb::Cancel { id, reason } => {
                let path = ["v1", "bookings", id, "cancel"];
                let done = session.client.post(&path, &json!({"reason": reason})).await?;
                session.print(&done, |_| format!("{id} is cancelled"))
            }
            Verb::Resolve { id, conflict, action } => {
                let path = ["v1", "bookings", id, "conflicts", conflict, "resolve"];
                let done = session.client.post(&path, &json!({"action": action})).await?;
                session.print(&done, |_| format!("{conflict} of {id}: {action}"))
            }
        }
    }
}

fn list(items: &[Value]) -> String {
    let columns = [
        ("id", "id"),
        ("external id", "external_id"),
        ("start", "start"),
        ("end", "end"),
        ("status", "status"),
        ("delivery", "delivery"),
    ];
    if items.is_empty() { "there are no bookings".to_owned() } else { show::table(&columns, items) }
}

/// A booking from its beginning to now.
fn story(found: &Value) -> String {
    let rows = |name: &str| -> Vec<Value> {
        found.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut parts = vec![list(std::slice::from_ref(found))];
    let mut part = |name: &str, columns: &[(&str, &str)]| {
        let rows = rows(name);
        if !rows.is_empty() {
            let title = name.replace('_', " ");
            parts.push(format!("\n{title}\n{}", show::table(columns, &rows)));
        }
    };
    part(
        "provider_events",
        &[
            ("calendar", "calendar_id"),
            ("event", "event_id"),
            ("delivery", "delivery"),
            ("last error", "last_error"),
        ],
    );
    part(
        "conflicts",
        &[("id", "id"), ("kind", "kind"), ("start", "with.start"), ("end", "with.end")],
    );
    part("history", &[("at", "at"), ("what", "kind"), ("by", "actor")]);
    parts.join("\n")
}

/// List and release holds
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub holds list --state held
  calhub holds release hld_...")]
pub(crate) struct Holds {
    #[command(subcommand)]
    verb: HoldVerb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum HoldVerb {
    /// List holds
    List {
        /// Only those in this state: held, confirmed, released, expired
        #[arg(long)]
        state: Option<String>,
    },
    /// Give a hold back before its end
    Release {
        /// Its id, or `ext:` and its external id
        id: String,
    },
}

impl Ask for Holds {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match &self.verb {
            HoldVerb::List { state } => {
                let query: Vec<_> = state.iter().map(|word| ("state", word.as_str())).collect();
                let items = session.client.list(&["v1", "holds"], &query).await?;
                let columns = [
                    ("id", "id"),
                    ("start", "start"),
                    ("end", "end"),
                    ("state", "state"),
                    ("expires", "expires_at"),
                ];
                session.print_list(&items, |items| match items {
                    [] => "there are no holds".to_owned(),
                    items => show::table(&columns, items),
                })
            }
            HoldVerb::Release { id } => {
                let done = session.client.delete(&["v1", "holds", id], &[]).await?;
                session.print(&done, |_| format!("{id} is released"))
            }
        }
    }
}
