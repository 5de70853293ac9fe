//! `calhub reconcile` and `calhub drift`: where calendars hold something else than their bookings want.

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::{
    session::{Ask, Progress, Reach, Session, Target},
    show,
};

/// Compare calendars with what their bookings want, and settle what differs
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").args(["calendar", "connection"]),
    after_help = "\
Nothing that a person removed is put back, nothing that a person changed is overwritten, and an event that only says it
is ours is never taken out: those are told, for you to decide.

Examples:
  calhub reconcile --dry-run                # what differs, from what was read last; changes nothing
  calhub reconcile                          # reads every calendar that holds bookings, and settles
  calhub reconcile --calendar cal_... --limit 10"
)]
pub(crate) struct Reconcile {
    /// Only this calendar
    #[arg(long, value_name = "ID")]
    calendar: Option<String>,
    /// Only the calendars of this connection
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Settle at most so many differences
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    /// Tell what differs and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
}

impl Ask for Reconcile {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let calendars = match &self.calendar {
            Some(id) => vec![id.clone()],
            None => {
                let query: Vec<_> =
                    self.connection.iter().map(|id| ("connection_id", id.as_str())).collect();
                let all = session.client.list(&["v1", "calendars"], &query).await?;
                let may_hold = |one: &&Value| one.get("writable") == Some(&json!(true));
                all.iter().filter(may_hold).map(|one| show::field(one, "id")).collect()
            }
        };
        let mut progress = Progress::start(session.form);
        let (mut compared, mut found, mut done) = (Vec::new(), 0, 0);
        for (at, id) in calendars.iter().enumerate() {
            progress.show(&format!("compared {at} of {}", calendars.len()));
            let left = self.limit.saturating_sub(done);
            let ask = json!({"calendar_id": id, "limit": left, "dry_run": self.dry_run});
            let answer = session.client.post(&["v1", "ops", "reconcile"], &ask).await?.body;
            found += number(&answer, "differences");
            done += number(&answer, "done");
            compared.extend(
                answer.get("calendars").and_then(Value::as_array).cloned().unwrap_or_default(),
            );
        }
        drop(progress);
        let whole = json!({
            "calendars": compared, "differences": found, "done": done, "dry_run": self.dry_run,
        });
        session.print_value(&whole, told)
    }
}

fn number(answer: &Value, name: &str) -> usize {
    answer.get(name).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok()).unwrap_or(0)
}

/// The differences of all calendars in one table, and what was done.
fn told(whole: &Value) -> String {
    let calendars = whole.get("calendars").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows = Vec::new();
    let mut unread = Vec::new();
    for calendar in &calendars {
        let id = show::field(calendar, "calendar_id");
        if calendar.get("as_of").is_none_or(Value::is_null) {
            unread.push(id.clone());
        }
        for one in calendar.get("differences").and_then(Value::as_array).into_iter().flatten() {
            let mut row = one.as_object().cloned().unwrap_or_default();
            row.insert("calendar_id".to_owned(), json!(id));
            rows.push(Value::Object(row));
        }
    }
    let mut lines = Vec::new();
    if !rows.is_empty() {
        lines.push(show::table(&COLUMNS, &rows));
    }
    if !unread.is_empty() {
        lines.push(format!("never read so far, so not compared: {}", unread.join(", ")));
    }
    let (found, done) = (number(whole, "differences"), number(whole, "done"));
    let compared = show::count(calendars.len() - unread.len(), "calendar");
    let is_dry = whole.get("dry_run") == Some(&json!(true));
    lines.push(match (found, is_dry) {
        (0, _) => format!("compared {compared}: they hold what their bookings want"),
        (_, true) => format!(
            "compared {compared}: {}; nothing was changed",
            show::count(found, "difference")
        ),
        (_, false) => format!(
            "compared {compared}: {}, {done} being settled now; `calhub drift` tells what is left",
            show::count(found, "difference")
        ),
    });
    lines.join("\n")
}

const COLUMNS: [(&str, &str); 6] = [
    ("calendar", "calendar_id"),
    ("drift", "drift"),
    ("booking", "booking_id"),
    ("event", "event_id"),
    ("to do", "act"),
    ("done", "done"),
];

/// List where calendars hold something else than their bookings want
#[derive(Debug, Args)]
#[command(after_help = "\
What is listed was found when the calendars were compared last: hourly, and by `calhub reconcile`.

  undelivered  wanted, and given up: `calhub outbox list --state failed`
  unrecorded   there, and the hub did not know: it is adopted
  missing      written, and gone: somebody took it out; resolve the booking's conflict
  changed      somebody changed it; resolve the booking's conflict, if there is one
  leftover     there, though its booking is cancelled; take it out by hand, or `calhub outbox adopt` it to have it done
  copy         a second event that says it is a booking's
  orphan       says it is of a booking that this hub does not know; `POST /v1/bookings` with `adopt` takes it over

Examples:
  calhub drift
  calhub drift --kind orphan --json")]
pub(crate) struct Drift {
    /// Only this calendar
    #[arg(long, value_name = "ID")]
    calendar: Option<String>,
    /// Only differences of this kind
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    target: Target,
}

impl Ask for Drift {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let mut query = Vec::new();
        query.extend(self.calendar.iter().map(|id| ("calendar_id", id.as_str())));
        query.extend(self.kind.iter().map(|kind| ("kind", kind.as_str())));
        let items = session.client.list(&["v1", "ops", "drift"], &query).await?;
        session.print_list(&items, |items| {
            let columns = [
                ("calendar", "calendar_id"),
                ("drift", "drift"),
                ("booking", "booking_id"),
                ("event", "event_id"),
                ("to do", "act"),
                ("since", "since"),
            ];
            match items {
                [] => "calendars hold what their bookings want".to_owned(),
                _ => show::table(&columns, items),
            }
        })
    }
}
