//! `calhub unexpandable`: what the hub cannot work out, and therefore calls unknown.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List events that cannot be worked out; their time is unknown
#[derive(Debug, Args)]
#[command(after_help = "\
A rule beyond its work budget, or one that nobody can read, makes its span unknown; an event whose start cannot be
read makes the whole calendar unknown, because it may be at any time. Mend or delete it in the calendar itself.

Examples:
  calhub unexpandable list")]
pub(crate) struct Unexpandable {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List them, with the provider's name for each
    List,
}

impl Ask for Unexpandable {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match self.verb {
            Verb::List => {
                let items = session.client.list(&["v1", "ops", "unexpandable"], &[]).await?;
                session.print_list(&items, list)
            }
        }
    }
}

fn list(items: &[Value]) -> String {
    let columns = [
        ("calendar", "calendar_id"),
        ("unknown from", "start"),
        ("to", "end"),
        ("at the provider", "series"),
    ];
    if items.is_empty() {
        "everything could be worked out".to_owned()
    } else {
        show::table(&columns, items)
    }
}
