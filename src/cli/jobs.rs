//! `calhub jobs`: the hub's work, waiting or stuck.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List the hub's work, run it again or drop it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub jobs list --state failed
  calhub jobs retry ID")]
pub(crate) struct Jobs {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List jobs
    List {
        /// Only those in this state
        #[arg(long)]
        state: Option<String>,
        /// Only those of this kind
        #[arg(long)]
        lane: Option<String>,
    },
    /// Run a job now
    Retry {
        /// The id that `list` shows
        id: String,
    },
    /// Drop a job
    Discard {
        /// The id that `list` shows
        id: String,
    },
}

impl Ask for Jobs {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let (id, verb, done) = match &self.verb {
            Verb::List { state, lane } => {
                let filters = [("state", state), ("lane", lane)];
                let query: Vec<_> = filters
                    .iter()
                    .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
                    .collect();
                let items = session.client.list(&["v1", "ops", "jobs"], &query).await?;
                return session.print_list(&items, list);
            }
            Verb::Retry { id } => (id, "retry", "runs now"),
            Verb::Discard { id } => (id, "discard", "is dropped"),
        };
        let answer = session.client.post(&["v1", "ops", "jobs", id, verb], &json!({})).await?;
        session.print(&answer, |_| format!("{id} {done}"))
    }
}

fn list(items: &[Value]) -> String {
    let columns = [
        ("id", "id"),
        ("lane", "lane"),
        ("subject", "subject"),
        ("state", "state"),
        ("due", "due_at"),
        ("attempts", "attempts"),
        ("last error", "last_error"),
    ];
    if items.is_empty() { "there are no jobs".to_owned() } else { show::table(&columns, items) }
}
