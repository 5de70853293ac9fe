//! `calhub channels`: through which providers tell of changes.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List the channels through which providers tell of changes
#[derive(Debug, Args)]
#[command(after_help = "\
A provider that tells of changes makes calendars current within seconds; every calendar is polled all the same, only less
often. How well a calendar is told of is its `push` in `calhub calendars list`: healthy, pending (not heard yet), stale (a
change was found that nobody had told of) or none.

Examples:
  calhub channels list
  calhub channels list --json")]
pub(crate) struct Channels {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what is open, and when each was heard last
    List,
}

impl Ask for Channels {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let Verb::List = self.verb;
        let items = session.client.list(&["v1", "ops", "channels"], &[]).await?;
        session.print_list(&items, list)
    }
}

fn list(items: &[Value]) -> String {
    if items.is_empty() {
        return "no provider tells of changes: calendars are polled (a provider needs a public address, `public_url`)"
            .to_owned();
    }
    let columns = [
        ("channel", "id"),
        ("calendar", "calendar_id"),
        ("state", "state"),
        ("heard first", "proven_at"),
        ("heard last", "heard_at"),
        ("messages", "messages"),
        ("replaced", "renew_at"),
    ];
    show::table(&columns, items)
}
