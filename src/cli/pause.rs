//! `calhub pause`, `resume` and `pauses`: leaving a provider, a tenant or a connection alone for a while.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::{
    ending::Ending,
    session::{Ask, Reach, Session, Target},
    show,
};

/// What to pause or resume.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["provider", "whole_tenant", "connection"]))]
struct Which {
    /// Every connection at this provider, of every tenant: caldav, ics, google, microsoft
    #[arg(long, value_name = "P")]
    provider: Option<String>,
    /// Every connection of the tenant that is acted for; `--tenant ID` alone means the same
    #[arg(long)]
    whole_tenant: bool,
    /// One connection
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Only listings, pulls and live reads
    #[arg(long)]
    reads: bool,
    /// Only deliveries
    #[arg(long)]
    writes: bool,
}

impl Which {
    fn body(&self, tenant: Option<&str>) -> anyhow::Result<Value> {
        let mut body = match (&self.provider, &self.connection) {
            (Some(provider), _) => json!({"provider": provider}),
            (_, Some(connection)) => json!({"connection": connection}),
            _ if self.whole_tenant || tenant.is_some() => json!({"tenant": true}),
            _ => {
                let text = "say what: --provider P, --connection ID, --tenant ID or --whole-tenant";
                return Err(Ending::WrongUse(text.to_owned()).into());
            }
        };
        if let Some(fields) = body.as_object_mut().filter(|_| self.reads || self.writes) {
            fields.insert("reads".to_owned(), json!(self.reads));
            fields.insert("writes".to_owned(), json!(self.writes));
        }
        Ok(body)
    }
}

/// Have the hub ask nothing of a provider, a tenant's connections or one connection, until `resume`
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is lost: calendars grow stale and say so, bookings that need fresh evidence are `unverified`, deliveries wait.
Without --reads and --writes both are paused. It holds for every hub at once, and over restarts.

Examples:
  calhub pause --provider caldav --writes      # no deliveries to any CalDAV server
  calhub pause --connection con_...
  calhub pause --tenant ten_...
  calhub pauses                                # what is paused, since when, by whom
  calhub resume --provider caldav")]
pub(crate) struct Pause {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    target: Target,
}

/// Take a pause back; what waited is done at once
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  calhub resume --connection con_... --reads     # deliveries stay paused")]
pub(crate) struct Resume {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    target: Target,
}

/// List what is paused
#[derive(Debug, Args)]
pub(crate) struct Pauses {
    #[command(flatten)]
    target: Target,
}

impl Ask for Pause {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let body = self.which.body(self.target.tenant())?;
        let answer = session.client.post(&["v1", "ops", "pause"], &body).await?;
        session.print(&answer, |item| format!("paused: {} of {}", halves(item), target(item)))
    }
}

impl Ask for Resume {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let body = self.which.body(self.target.tenant())?;
        let answer = session.client.post(&["v1", "ops", "resume"], &body).await?;
        session.print(&answer, |item| {
            let left = match halves(item) {
                "nothing" => String::new(),
                halves => format!("; still paused: {halves}"),
            };
            format!("resumed; {} pieces of work are due now{left}", show::field(item, "woken"))
        })
    }
}

impl Ask for Pauses {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let items = session.client.list(&["v1", "ops", "pauses"], &[]).await?;
        session.print_list(&items, list)
    }
}

/// Which of the two are paused, in words.
pub(crate) fn halves(item: &Value) -> &'static str {
    let is = |name| item.get(name).and_then(Value::as_bool) == Some(true);
    match (is("reads"), is("writes")) {
        (true, true) => "reading and writing",
        (true, false) => "reading",
        (false, true) => "writing",
        (false, false) => "nothing",
    }
}

/// What is paused, in words.
pub(crate) fn target(item: &Value) -> String {
    let told = |name: &str| item.get(name).and_then(Value::as_str).map(show::clean);
    match (told("provider"), told("connection_id"), told("tenant_id")) {
        (Some(provider), ..) => format!("every {provider} connection"),
        (_, Some(connection), _) => connection,
        (.., Some(tenant)) => format!("every connection of {tenant}"),
        _ => "-".to_owned(),
    }
}

fn list(items: &[Value]) -> String {
    if items.is_empty() {
        return "nothing is paused".to_owned();
    }
    let line = |item: &Value| {
        let (since, actor) = (show::field(item, "since"), show::field(item, "actor"));
        vec![target(item), halves(item).to_owned(), since, actor]
    };
    let head = ["what", "paused", "since", "by"].map(str::to_owned).to_vec();
    show::align(&std::iter::once(head).chain(items.iter().map(line)).collect::<Vec<_>>())
}
