//! `calhub outbox`: what is on its way into calendars, and what got stuck.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List deliveries into calendars with every try, and retry, skip or adopt those that got stuck
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub outbox list --state failed                      # the dead letters
  calhub outbox retry bkg_...:cal_...
  calhub outbox skip bkg_...:cal_...                     # leave the calendar as it is
  calhub outbox adopt bkg_...:cal_... /cal/work/1.ics    # this event stands for the booking already")]
pub(crate) struct Outbox {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what calendars should hold, with the last try at each
    List {
        /// Only those in this state: pending, written, conflict, failed, not_applicable
        #[arg(long)]
        state: Option<String>,
        /// Only those of this calendar
        #[arg(long)]
        calendar: Option<String>,
    },
    /// Try one again now; what may have landed is looked at first
    Retry {
        /// The id that `list` shows
        id: String,
    },
    /// Leave the calendar as it is
    Skip {
        /// The id that `list` shows
        id: String,
    },
    /// Take an event that is there already for the booking's own
    Adopt {
        /// The id that `list` shows
        id: String,
        /// The provider's name for the event
        event: String,
    },
}

impl Ask for Outbox {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let (id, verb, body, done) = match &self.verb {
            Verb::List { state, calendar } => {
                let mut query = Vec::new();
                query.extend(state.iter().map(|word| ("state", word.as_str())));
                query.extend(calendar.iter().map(|id| ("calendar_id", id.as_str())));
                let items = session.client.list(&["v1", "ops", "outbox"], &query).await?;
                return session.print_list(&items, list);
            }
            Verb::Retry { id } => (id, "retry", json!({}), "is tried now"),
            Verb::Skip { id } => (id, "skip", json!({}), "is left as it is"),
            Verb::Adopt { id, event } => {
                (id, "adopt", json!({"event_id": event}), "is looked at now")
            }
        };
        let path = ["v1", "ops", "outbox", id, verb];
        let answer = session.client.post(&path, &body).await?;
        session.print(&answer, |_| format!("{id} {done}"))
    }
}

fn list(items: &[Value]) -> String {
    let columns = [
        ("id", "id"),
        ("state", "state"),
        ("last error", "last_error"),
        ("last try", "attempts.0.verb"),
        ("at", "attempts.0.at"),
        ("ended", "attempts.0.outcome"),
        ("status", "attempts.0.status"),
    ];
    if items.is_empty() { "nothing is on its way".to_owned() } else { show::table(&columns, items) }
}
