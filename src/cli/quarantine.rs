//! `calhub quarantine`: changes that look like a fault and wait for a decision.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List changes that look like a fault, and confirm or reject them
#[derive(Debug, Args)]
#[command(after_help = "\
When a calendar suddenly loses much of its future, the removal is kept aside: the old busy time stays, and the
calendar's answers are unknown (quarantined) until a second listing misses the same, or you decide.

Examples:
  calhub quarantine list
  calhub quarantine confirm cal_...      # the events are really gone
  calhub quarantine reject cal_...       # it was a fault: keep what was there, read again")]
pub(crate) struct Quarantine {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what is kept aside, with the difference
    List,
    /// The change is right: apply it
    Confirm {
        /// The id that `list` shows
        id: String,
    },
    /// The change is a fault: drop it
    Reject {
        /// The id that `list` shows
        id: String,
    },
}

impl Ask for Quarantine {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let (id, verb, done) = match &self.verb {
            Verb::List => {
                let items = session.client.list(&["v1", "ops", "quarantine"], &[]).await?;
                return session.print_list(&items, list);
            }
            Verb::Confirm { id } => (id, "confirm", "is confirmed and applied"),
            Verb::Reject { id } => (id, "reject", "is rejected; what was there stays"),
        };
        let answer =
            session.client.post(&["v1", "ops", "quarantine", id, verb], &json!({})).await?;
        session.print(&answer, |_| format!("{id} {done}"))
    }
}

fn list(items: &[Value]) -> String {
    let columns = [
        ("calendar", "calendar_id"),
        ("name", "name"),
        ("connection", "connection_id"),
        ("since", "difference.since"),
        ("intervals lost", "difference.lost"),
        ("of", "difference.before"),
        ("decided", "difference.word"),
    ];
    if items.is_empty() {
        return "nothing is kept aside".to_owned();
    }
    let spans: Vec<String> = items.iter().map(spans).collect();
    format!("{}\n{}", show::table(&columns, items), spans.join("\n"))
}

/// When the lost time lies, a line each: an operator may know whether that week was cancelled.
fn spans(item: &Value) -> String {
    let difference = item.get("difference");
    let found = difference.and_then(|it| it.get("spans")).and_then(Value::as_array);
    let lines = found
        .into_iter()
        .flatten()
        .map(|span| format!("  {} .. {}", show::field(span, "start"), show::field(span, "end")));
    let more = difference.and_then(|it| it.get("more")).and_then(Value::as_u64).unwrap_or(0);
    let rest = (more > 0).then(|| format!("  and {more} more"));
    let head = format!("\n{} would lose:", show::field(item, "calendar_id"));
    std::iter::once(head).chain(lines).chain(rest).collect::<Vec<_>>().join("\n")
}
