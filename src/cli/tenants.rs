//! `calhub tenants`: who shares the hub. Needs an instance key or the local socket.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    session::{Ask, Reach, Session, Target},
    show,
};

/// List, make and remove tenants (instance key or local socket)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub tenants create --name 'Clinic North'
  calhub keys create --tenant ten_... --name platform --scope admin")]
pub(crate) struct Tenants {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List tenants
    List,
    /// Show one tenant
    Show {
        /// ten_...
        id: String,
    },
    /// Make a tenant
    Create {
        /// What people call it
        #[arg(long)]
        name: String,
    },
    /// Rename a tenant
    Update {
        /// ten_...
        id: String,
        /// What people call it
        #[arg(long)]
        name: String,
    },
    /// Remove a tenant and erase all that is stored of it
    Remove {
        /// ten_...
        id: String,
    },
}

impl Ask for Tenants {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let client = &session.client;
        match &self.verb {
            Verb::List => {
                let items = client.list(&["v1", "tenants"], &[]).await?;
                session.print_list(&items, |items| {
                    show::table(&[("id", "id"), ("name", "name"), ("created", "created_at")], items)
                })
            }
            Verb::Show { id } => {
                session.print(&client.get(&["v1", "tenants", id], &[]).await?, card)
            }
            Verb::Create { name } => {
                let answer = client.post(&["v1", "tenants"], &json!({"name": name})).await?;
                session.print(&answer, |tenant| format!("made {}", card(tenant)))
            }
            Verb::Update { id, name } => {
                let answer = client.patch(&["v1", "tenants", id], &json!({"name": name})).await?;
                session.print(&answer, |tenant| format!("updated {}", card(tenant)))
            }
            Verb::Remove { id } => {
                let answer = client.delete(&["v1", "tenants", id], &[]).await?;
                session.print(&answer, |_| format!("removed {id}"))
            }
        }
    }
}

fn card(tenant: &Value) -> String {
    show::fields(&[("tenant", "id"), ("name", "name"), ("created", "created_at")], tenant)
}
