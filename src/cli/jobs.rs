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
  calhub jobs list --lane pull
  calhub jobs retry pull:cal_...")]
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
        /// Only those of this kind: pull, list, advance, remove, deliver, clash
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
        match &self.verb {
            Verb::List { lane } => {
                let query: Vec<_> = lane.iter().map(|lane| ("lane", lane.as_str())).collect();
                let items = session.client.list(&["v1", "ops", "jobs"], &query).await?;
                session.print_list(&items, list)
            }
            Verb::Retry { id } => {
                let path = ["v1", "ops", "jobs", id, "retry"];
                let answer = session.client.post(&path, &json!({})).await?;
                session.print(&answer, |_| format!("{id} runs now"))
            }
            Verb::Discard { id } => {
                let answer = session.client.delete(&["v1", "ops", "jobs", id], &[]).await?;
                session.print(&answer, |_| format!("{id} is dropped"))
            }
        }
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
