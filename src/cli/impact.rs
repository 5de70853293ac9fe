//! `calhub impact`: bookings that rest on calendars that nobody can vouch for.

use clap::Args;
use serde_json::Value;

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List bookings that rest on stale or broken calendars
#[derive(Debug, Args)]
#[command(after_help = "\
What a person has entered in such a calendar since it was read last, nobody knows: call them, or mend the connection.

Examples:
  calhub impact                      # of the next 24 hours
  calhub impact --horizon P7D --json")]
pub(crate) struct Impact {
    /// How far to look from now, as an ISO 8601 duration
    #[arg(long, value_name = "DURATION", default_value = "PT24H")]
    horizon: String,
    #[command(flatten)]
    target: Target,
}

impl Ask for Impact {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let query = [("horizon", self.horizon.as_str())];
        let items = session.client.list(&["v1", "ops", "impact"], &query).await?;
        session.print_list(&items, |items| told(items, &self.horizon))
    }
}

fn told(items: &[Value], horizon: &str) -> String {
    if items.is_empty() {
        return format!("no booking within {horizon} rests on a calendar in doubt");
    }
    let columns = [
        ("booking", "booking_id"),
        ("yours", "external_id"),
        ("start", "start"),
        ("end", "end"),
        ("calendar", "calendars.0.calendar_id"),
        ("because", "calendars.0.reason"),
        ("read last", "calendars.0.synced_at"),
    ];
    show::table(&columns, items)
}
