//! `calhub trace`: all that happened to one calendar, connection or booking.

use clap::Args;
use serde_json::Value;

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// Tell all that happened to a calendar, a connection or a booking
#[derive(Debug, Args)]
#[command(after_help = "\
The oldest first: nudges, pulls and what they brought, failures, removals that were held back and what became of
them, changes of state. What repeats itself is one line with a count.

Examples:
  calhub trace cal_...          # with what happened to its connection
  calhub trace con_...          # with all its calendars
  calhub trace bkg_...          # from the request to every try at its calendars
  calhub trace cal_... --json")]
pub(crate) struct Trace {
    /// cal_..., con_... or bkg_...
    id: String,
    #[command(flatten)]
    target: Target,
}

impl Ask for Trace {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let query = [("id", self.id.as_str())];
        let mut items = session.client.list(&["v1", "ops", "timeline"], &query).await?;
        items.reverse();
        session.print_list(&items, story)
    }
}

fn story(items: &[Value]) -> String {
    if items.is_empty() {
        return "nothing has happened yet".to_owned();
    }
    let columns = [
        ("first", "first_at"),
        ("last", "last_at"),
        ("times", "times"),
        ("about", "subject"),
        ("what", "text"),
    ];
    show::table(&columns, items)
}
