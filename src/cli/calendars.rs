//! `calhub calendars`: the calendars of the connections.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    session::{Ask, Reach, Session, Target},
    show, when,
};

/// List and show calendars, set their zone, ask for a pull
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub calendars list --connection con_...
  calhub calendars set cal_... --time-zone Europe/Berlin     # feeds often state no zone
  calhub calendars refresh cal_...                           # a pull now instead of at its time")]
pub(crate) struct Calendars {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List calendars
    List {
        /// Only those of one connection
        #[arg(long, value_name = "ID")]
        connection: Option<String>,
    },
    /// Show one calendar
    Show {
        /// cal_...
        id: String,
    },
    /// Set its time zone; busy time is worked out anew at once
    #[command(visible_alias = "update")]
    Set {
        /// cal_...
        id: String,
        /// The zone for its all-day and floating times, such as Europe/Berlin
        #[arg(long, value_name = "ZONE", value_parser = known_zone)]
        time_zone: String,
    },
    /// Ask for a pull now
    Refresh {
        /// cal_...
        id: String,
    },
}

fn known_zone(name: &str) -> Result<String, String> {
    when::zone(name).map(|_| name.to_owned())
}

impl Ask for Calendars {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List { connection } => {
                let query: Vec<_> =
                    connection.iter().map(|id| ("connection_id", id.as_str())).collect();
                let items = session.client.list(&["v1", "calendars"], &query).await?;
                session.print_list(&items, |items| {
                    if items.is_empty() { "there are no calendars".to_owned() } else { list(items) }
                })
            }
            Verb::Show { id } => {
                let answer = session.client.get(&["v1", "calendars", id], &[]).await?;
                session.print(&answer, card)
            }
            Verb::Set { id, time_zone } => {
                let changes = json!({"time_zone": time_zone});
                let answer = session.client.patch(&["v1", "calendars", id], &changes).await?;
                session.remark(&format!("{id} is now in {time_zone}"))?;
                session.print(&answer, card)
            }
            Verb::Refresh { id } => {
                let answer =
                    session.client.post(&["v1", "calendars", id, "refresh"], &json!({})).await?;
                session.print(&answer, |_| format!("asked for a pull of {id}; `calhub calendars show {id}` tells when it was done"))
            }
        }
    }
}

/// Calendars as a table.
pub(crate) fn list(items: &[Value]) -> String {
    let columns = [
        ("calendar", "id"),
        ("name", "name"),
        ("zone", "time_zone"),
        ("writable", "writable"),
        ("first sync", "initial_sync"),
        ("synced at", "synced_at"),
        ("known until", "covered_until"),
    ];
    show::table(&columns, items)
}

fn card(calendar: &Value) -> String {
    show::fields(
        &[
            ("calendar", "id"),
            ("connection", "connection_id"),
            ("name", "name"),
            ("time zone", "time_zone"),
            ("writable", "writable"),
            ("push", "push"),
            ("first sync", "initial_sync"),
            ("synced at", "synced_at"),
            ("source lag", "source_lag"),
            ("fresh for", "expected_max_age"),
            ("known from", "covered_from"),
            ("known until", "covered_until"),
            ("polled every", "poll_every"),
            ("quarantined", "quarantined"),
            ("last error", "last_error"),
            ("that is", "last_error_text"),
            ("at the provider", "provider_ref"),
        ],
        calendar,
    )
}
