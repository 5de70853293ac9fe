//! `calhub sync`: pulls calendars now, on an operator's word.

use std::time::Duration;

use clap::{ArgGroup, Args};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    client::Client,
    session::{Ask, Progress, Reach, Session, Target},
    show,
};

const PAUSE: Duration = Duration::from_millis(250);

/// Pull calendars now
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").required(true).args(["calendar", "connection", "all"]),
    after_help = "\
Examples:
  calhub sync cal_... --wait
  calhub sync --connection con_... --full      # reads everything again, not only changes
  calhub sync --all --full --dry-run           # asks the providers, tells what would change, changes nothing"
)]
pub(crate) struct Sync {
    /// The calendar (cal_...)
    #[arg(value_name = "CAL_ID")]
    calendar: Option<String>,
    /// All calendars of a connection
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// All calendars
    #[arg(long)]
    all: bool,
    /// Read everything again instead of what changed
    #[arg(long)]
    full: bool,
    /// Tell what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// End once the calendars are read
    #[arg(long)]
    wait: bool,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    #[command(flatten)]
    target: Target,
}

impl Ask for Sync {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let waits = self.wait && !self.dry_run;
        let before = if waits { self.calendars(&session.client).await? } else { Vec::new() };
        let answer = session.client.post(&["v1", "ops", "sync"], &self.body()).await?;
        session.print(&answer, |body| self.told(body))?;
        if !waits {
            return Ok(());
        }
        self.until_read(session, &before).await
    }
}

impl Sync {
    fn body(&self) -> Value {
        let mut body = Map::new();
        body.extend(self.calendar.iter().map(|id| ("calendar_id".to_owned(), json!(id))));
        body.extend(self.connection.iter().map(|id| ("connection_id".to_owned(), json!(id))));
        let flags = [("all", self.all), ("full", self.full), ("dry_run", self.dry_run)];
        body.extend(
            flags
                .into_iter()
                .filter(|(_, set)| *set)
                .map(|(name, set)| (name.to_owned(), json!(set))),
        );
        Value::Object(body)
    }

    fn told(&self, body: &Value) -> String {
        if self.dry_run { dry_run(body) } else { asked(body, self.full) }
    }

    /// The calendars that were asked for, as they are now.
    async fn calendars(&self, client: &Client) -> anyhow::Result<Vec<Value>> {
        if let Some(id) = &self.calendar {
            return Ok(vec![client.get(&["v1", "calendars", id], &[]).await?.body]);
        }
        let query: Vec<_> =
            self.connection.iter().map(|id| ("connection_id", id.as_str())).collect();
        Ok(client.list(&["v1", "calendars"], &query).await?)
    }

    async fn until_read(&self, session: &Session, before: &[Value]) -> anyhow::Result<()> {
        let mut progress = Progress::start(session.form);
        let waiting = async {
            loop {
                let now = self.calendars(&session.client).await?;
                let open = unread(before, &now);
                if open.is_empty() {
                    return anyhow::Ok(());
                }
                if let Some(why) = stuck(&session.client, before, &now, &open).await {
                    anyhow::bail!(why);
                }
                progress.show(&format!("read {} of {}", before.len() - open.len(), before.len()));
                tokio::time::sleep(PAUSE).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(self.timeout), waiting).await;
        drop(progress);
        match ended {
            Ok(Ok(())) => {
                session.remark(&format!("read {}", show::count(before.len(), "calendar")))
            }
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let open = unread(before, &self.calendars(&session.client).await?).join(", ");
                anyhow::bail!(
                    "not read in {} s: {open}; `calhub connections list` tells why",
                    self.timeout
                )
            }
        }
    }
}

/// The calendars whose last completed pull is still the one from before. One that is gone meanwhile is done.
fn unread(before: &[Value], now: &[Value]) -> Vec<String> {
    let read_at = |calendars: &[Value], id: &str| -> Option<Option<Timestamp>> {
        let calendar = calendars.iter().find(|calendar| show::field(calendar, "id") == id)?;
        Some(show::field(calendar, "synced_at").parse().ok())
    };
    before
        .iter()
        .map(|calendar| show::field(calendar, "id"))
        .filter(|id| read_at(now, id).is_some_and(|at| at <= read_at(before, id).flatten()))
        .collect()
}

/// Why waiting on is of no use: a pull failed, or a login no longer works.
async fn stuck(
    client: &Client,
    before: &[Value],
    now: &[Value],
    open: &[String],
) -> Option<String> {
    let waits = |calendar: &&Value| open.contains(&show::field(calendar, "id"));
    for calendar in now.iter().filter(waits) {
        let (id, error) = (show::field(calendar, "id"), show::field(calendar, "last_error"));
        let was = before.iter().find(|calendar| show::field(calendar, "id") == id);
        if error != "-" && was.is_none_or(|was| show::field(was, "last_error") != error) {
            return Some(format!("{id} could not be read: {error}"));
        }
        let connection = show::field(calendar, "connection_id");
        let state = client.get(&["v1", "connections", &connection], &[]).await;
        let state = state.map(|answer| show::field(&answer.body, "state")).unwrap_or_default();
        if matches!(state.as_str(), "needs_reauth" | "revoked" | "removing") {
            return Some(format!(
                "{id} cannot be read: {connection} is {state}; `calhub doctor` tells what to do"
            ));
        }
    }
    None
}

fn asked(body: &Value, full: bool) -> String {
    let calendars = body.get("calendars").and_then(Value::as_array).map(Vec::len);
    let what = if full { "a full pull" } else { "a pull" };
    match calendars {
        Some(number) => format!("asked for {what} of {}", show::count(number, "calendar")),
        None => format!("asked for {what}"),
    }
}

fn dry_run(body: &Value) -> String {
    let plans = body.get("plans").and_then(Value::as_array);
    let columns = [
        ("calendar", "calendar_id"),
        ("events changed", "would.items_changed"),
        ("events gone", "would.items_gone"),
        ("busy added", "would.added"),
        ("busy removed", "would.removed"),
        ("would be kept aside", "would.quarantined"),
        ("error", "error"),
    ];
    let table = plans.map(|plans| show::table(&columns, plans)).unwrap_or_default();
    format!("{table}\nnothing was changed").trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_what_would_change() {
        let body = serde_json::json!({"dry_run": true, "plans": [
            {"calendar_id": "cal_1", "would": {"items_changed": 2, "items_gone": 0, "added": 3, "removed": 1,
                "quarantined": false}},
            {"calendar_id": "cal_2", "error": "unauthorized"}]});
        assert_eq!(
            dry_run(&body),
            "calendar  events changed  events gone  busy added  busy removed  would be kept aside  error\n\
             cal_1     2               0            3           1             no                   -\n\
             cal_2     -               -            -           -             -                    unauthorized\n\
             nothing was changed"
        );
    }

    #[test]
    fn a_calendar_counts_as_read_when_its_last_pull_is_another_one() {
        let at = |id: &str, time: Value| json!({"id": id, "synced_at": time});
        let before = [
            at("cal_1", json!("2026-03-02T09:00:00Z")),
            at("cal_2", Value::Null),
            at("cal_3", Value::Null),
        ];
        let now = [
            at("cal_1", json!("2026-03-02T09:00:00Z")),
            at("cal_2", json!("2026-03-02T09:00:01Z")),
        ];
        assert_eq!(unread(&before, &now), ["cal_1"]);
    }
}
