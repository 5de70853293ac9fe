//! `calhub freebusy`: when a calendar or a resource is busy, and what is not known.

use clap::{ArgGroup, Args, ValueEnum};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    ending::Ending,
    session::{Ask, Reach, Session, Target},
    show,
    when::{self, When},
};

/// Tell when a calendar or a resource is busy, and what is unknown
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("whose").required(true).args(["calendar", "resource"]),
    after_help = "\
Busy time and unknown time are listed in one table. What is unknown is neither busy nor free: never book there
without looking. Times without an offset are taken in --tz, or in the zone of the resource or calendar.

Examples:
  calhub freebusy --resource ext:doctor_482 --from 2026-03-02 --to 2026-03-09
  calhub freebusy --calendar cal_... --from 2026-03-02T09:00 --to 2026-03-02T17:00 --tz Europe/Berlin
  calhub freebusy --calendar cal_... --from 2026-03-02T00:00:00Z --to 2026-03-09T00:00:00Z --json
  calhub freebusy --resource res_... --from 2026-03-02 --to 2026-03-03 --max-staleness PT5M --refresh if_stale"
)]
pub(crate) struct Freebusy {
    /// The calendar (cal_...)
    #[arg(long, value_name = "ID")]
    calendar: Option<String>,
    /// The resource (res_..., or ext: and your own id)
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// The first instant
    #[arg(long, value_name = "TIME")]
    from: When,
    /// The instant after the last
    #[arg(long, value_name = "TIME")]
    to: When,
    /// The zone of times in and out [default: the resource's or calendar's, else UTC]
    #[arg(long, value_name = "ZONE", value_parser = when::zone)]
    tz: Option<TimeZone>,
    /// How old a calendar's copy may be, such as PT20M [default: each calendar's own]
    #[arg(long, value_name = "DURATION")]
    max_staleness: Option<String>,
    /// Whether stale calendars are pulled first
    #[arg(long, value_enum, default_value = "never")]
    refresh: Refresh,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Refresh {
    /// Answers from what is known
    Never,
    /// Pulls stale calendars first, for two seconds at most
    IfStale,
}

impl Ask for Freebusy {
    fn reach(&self) -> Reach {
        self.target.reach()
    }

    async fn ask(&self, session: &Session) -> anyhow::Result<()> {
        let zone = self.zone(session).await?;
        let (from, to) = (self.from.in_zone(&zone), self.to.in_zone(&zone));
        if to <= from {
            return Err(Ending::WrongUse("--to must be later than --from".to_owned()).into());
        }
        let body = self.body(from, to);
        let path = ["v1", "freebusy"];
        let answer = match self.refresh {
            Refresh::Never => session.client.post(&path, &body).await?,
            Refresh::IfStale => session.client.post_and_wait(&path, &body, 2).await?,
        };
        session.print(&answer, |body| match self.of(body) {
            Some(part) => render(self.id(), part, (from, to), &zone),
            None => format!(
                "{}: {}",
                self.id(),
                show::field(body, &format!("errors.{}.code", self.id()))
            ),
        })?;
        if self.of(&answer.body).is_some() { Ok(()) } else { Err(self.refused(&answer.body)) }
    }
}

impl Freebusy {
    fn id(&self) -> &str {
        self.calendar.as_deref().or(self.resource.as_deref()).unwrap_or_default()
    }

    /// The zone that times are read and shown in. Only a person needs the hub asked for it.
    async fn zone(&self, session: &Session) -> anyhow::Result<TimeZone> {
        if let Some(zone) = &self.tz {
            return Ok(zone.clone());
        }
        let is_for_a_script = session.form == super::ending::Form::Json;
        if is_for_a_script && !self.from.needs_a_zone() && !self.to.needs_a_zone() {
            return Ok(TimeZone::UTC);
        }
        let family = if self.calendar.is_some() { "calendars" } else { "resources" };
        let answer = session.client.get(&["v1", family, self.id()], &[]).await?;
        let name = show::field(&answer.body, "time_zone");
        Ok(when::zone(&name).unwrap_or(TimeZone::UTC))
    }

    fn body(&self, from: Timestamp, to: Timestamp) -> Value {
        let mut body = Map::new();
        body.insert("start".to_owned(), json!(from));
        body.insert("end".to_owned(), json!(to));
        body.insert("calendars".to_owned(), json!(Vec::from_iter(&self.calendar)));
        body.insert("resources".to_owned(), json!(Vec::from_iter(&self.resource)));
        body.insert("evidence".to_owned(), json!("full"));
        body.extend(self.max_staleness.iter().map(|age| ("max_staleness".to_owned(), json!(age))));
        if self.refresh == Refresh::IfStale {
            body.insert("refresh".to_owned(), json!("if_stale"));
        }
        Value::Object(body)
    }

    fn of<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        let family = if self.calendar.is_some() { "calendars" } else { "resources" };
        body.get(family)?.get(self.id())
    }

    fn refused(&self, body: &Value) -> anyhow::Error {
        let code = body
            .get("errors")
            .and_then(|errors| errors.get(self.id()))
            .map(|e| show::field(e, "code"));
        match code.as_deref() {
            Some("not_found") => anyhow::anyhow!("there is no {}", show::clean(self.id())),
            Some(code) => anyhow::anyhow!("{} cannot be answered: {code}", show::clean(self.id())),
            None => anyhow::anyhow!("the answer says nothing about {}", show::clean(self.id())),
        }
    }
}

/// One calendar's or resource's part of an answer, for a person.
pub(crate) fn render(
    id: &str,
    part: &Value,
    (from, to): (Timestamp, Timestamp),
    zone: &TimeZone,
) -> String {
    let zone_name = zone.iana_name().unwrap_or("UTC");
    let mut blocks = vec![format!(
        "{}   {} - {}   ({zone_name})",
        show::clean(id),
        when::at(from, zone),
        when::at(to, zone)
    )];
    let rows = rows(part, zone);
    blocks.push(if rows.is_empty() {
        "  nothing is busy".to_owned()
    } else {
        indented(&show::align(&rows))
    });
    blocks.push(verdict(part));
    let evidence = evidence(part);
    if !evidence.is_empty() {
        blocks.push(indented(&show::align(&evidence)));
    }
    blocks.join("\n")
}

fn rows(part: &Value, zone: &TimeZone) -> Vec<Vec<String>> {
    let mut rows: Vec<(Timestamp, Vec<String>)> = Vec::new();
    for item in items(part, "busy") {
        rows.extend(row(item, zone, show::field(item, "kind")));
    }
    for item in items(part, "unknown") {
        let calendar = item
            .get("calendar_id")
            .and_then(Value::as_str)
            .map(|id| format!(", {}", show::clean(id)));
        let told =
            format!("unknown ({}{})", show::field(item, "reason"), calendar.unwrap_or_default());
        rows.extend(row(item, zone, told));
    }
    rows.sort_by_key(|(start, _)| *start);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// A span that cannot be read is shown as it came: it must not vanish.
fn row(item: &Value, zone: &TimeZone, told: String) -> Option<(Timestamp, Vec<String>)> {
    let (start, end) = (show::field(item, "start"), show::field(item, "end"));
    Some(match (start.parse(), end.parse()) {
        (Ok(from), Ok(to)) => (from, vec![when::span(from, to, zone), told]),
        _ => (Timestamp::MIN, vec![format!("{start} - {end}"), told]),
    })
}

fn verdict(part: &Value) -> String {
    let unknown = items(part, "unknown").count();
    if part.get("complete") == Some(&Value::Bool(true)) && unknown == 0 {
        return "complete: everything in this window is known".to_owned();
    }
    format!("NOT complete: {} unknown, neither busy nor free", show::count(unknown, "span"))
}

fn evidence(part: &Value) -> Vec<Vec<String>> {
    let row = |item: &Value| {
        vec![
            show::field(item, "calendar_id"),
            show::field(item, "state"),
            format!("read {}", show::field(item, "synced_at")),
            format!("known until {}", show::field(item, "covered_until")),
        ]
    };
    items(part, "evidence").map(row).collect()
}

fn items<'a>(part: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    part.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> (Timestamp, Timestamp) {
        ("2026-03-02T00:00:00Z".parse().unwrap(), "2026-03-04T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn unknown_time_stands_among_the_busy_time() {
        let part = json!({"complete": false,
            "busy": [{"start": "2026-03-03T08:00:00Z", "end": "2026-03-03T09:00:00Z", "kind": "tentative"}],
            "unknown": [{"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z", "reason": "stale",
                "calendar_id": "cal_1"}],
            "evidence": [{"calendar_id": "cal_1", "synced_at": "2026-03-01T00:00:00Z", "state": "stale",
                "covered_until": "2027-01-01T00:00:00Z"}]});
        assert_eq!(
            render("res_1", &part, window(), &when::zone("Europe/Berlin").unwrap()),
            "res_1   Mon 2026-03-02 01:00 - Wed 2026-03-04 01:00   (Europe/Berlin)\n\
             \x20 Mon 2026-03-02 01:00 - Tue 2026-03-03 01:00  unknown (stale, cal_1)\n\
             \x20 Tue 2026-03-03 09:00 - 10:00                 tentative\n\
             NOT complete: 1 span unknown, neither busy nor free\n\
             \x20 cal_1  stale  read 2026-03-01T00:00:00Z  known until 2027-01-01T00:00:00Z"
        );
    }

    #[test]
    fn an_empty_window_is_called_known_only_when_it_is() {
        let utc = TimeZone::UTC;
        let known =
            render("cal_1", &json!({"complete": true, "busy": [], "unknown": []}), window(), &utc);
        assert!(
            known.contains("nothing is busy")
                && known.contains("everything in this window is known")
        );
        let odd = render("cal_1", &json!({"busy": [], "unknown": []}), window(), &utc);
        assert!(odd.contains("NOT complete"), "{odd}");
    }
}
