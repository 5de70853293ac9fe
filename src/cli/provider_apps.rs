//! `calhub provider-apps`: a tenant's own OAuth clients.

use clap::{Args, Subcommand, ValueEnum};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{
    connect::password,
    session::{Ask, Reach, Session, Target},
    show,
};

/// Set, show and remove a tenant's own OAuth clients
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  calhub provider-apps set google --client-id 1234.apps.googleusercontent.com --client-secret-file secret.txt
  calhub provider-apps show google       # with the redirect address that the provider must know
  calhub provider-apps remove google")]
pub(crate) struct ProviderApps {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set the client that people's grants are given to from now on
    Set {
        /// Whose client it is
        #[arg(value_enum)]
        provider: Provider,
        /// Its id
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// A file that holds its secret, `-` for standard input
        #[arg(long, value_name = "FILE")]
        client_secret_file: String,
        /// Of Microsoft's: global, us_gov, us_gov_dod or china
        #[arg(long)]
        cloud: Option<String>,
        /// Of Microsoft's: common, organizations, consumers, or the id or domain of one directory
        #[arg(long)]
        directory: Option<String>,
    },
    /// Show the client, without its secret
    Show {
        /// Whose client it is
        #[arg(value_enum)]
        provider: Provider,
    },
    /// Remove the client; what was granted to it is renewed no more
    Remove {
        /// Whose client it is
        #[arg(value_enum)]
        provider: Provider,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Provider {
    /// Google
    Google,
    /// Microsoft
    Microsoft,
}

impl Provider {
    fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Microsoft => "microsoft",
        }
    }
}

impl Ask for ProviderApps {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        match &self.verb {
            Verb::Set { provider, client_id, client_secret_file, cloud, directory } => {
                let secret = password(client_secret_file)?;
                let mut body =
                    json!({"client_id": client_id, "client_secret": secret.expose_secret()});
                for (name, stated) in [("cloud", cloud), ("directory", directory)] {
                    if let (Some(stated), Some(body)) = (stated, body.as_object_mut()) {
                        body.insert(name.to_owned(), json!(stated));
                    }
                }
                let path = ["v1", "provider-apps", provider.as_str()];
                let answer = session.client.put(&path, &body).await?;
                session.print(&answer, card)
            }
            Verb::Show { provider } => {
                let path = ["v1", "provider-apps", provider.as_str()];
                let answer = session.client.get(&path, &[]).await?;
                session.print(&answer, card)
            }
            Verb::Remove { provider } => {
                let name = provider.as_str();
                let answer = session.client.delete(&["v1", "provider-apps", name], &[]).await?;
                session.print(&answer, |_| format!("removed the client at {name}"))
            }
        }
    }
}

fn card(app: &Value) -> String {
    let rows = [
        ("provider", "provider"),
        ("client id", "client_id"),
        ("redirect address", "redirect_uri"),
        ("cloud", "cloud"),
        ("directory", "directory"),
        ("updated", "updated_at"),
    ];
    show::fields(&rows, app)
}
