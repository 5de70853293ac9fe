//! What happens in the demo, over HTTP like anybody's program.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, time},
    tz::TimeZone,
};
use serde_json::{Value, json};

use super::{
    cast::{self, Cast},
    week,
};
use crate::{
    cli::{
        client::{Answer, Client},
        connect::first_reading,
        freebusy::render,
        session::say,
        show::field,
        when,
    },
    model::time::day_start,
};

pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const PAUSE: Duration = Duration::from_millis(100);
const DAYS: i32 = 7;

/// The hub that the story is told of.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) cast: Cast,
    pub(crate) today: Date,
    pub(crate) zone: TimeZone,
}

/// What was made, for those who want to look on.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) resource: String,
    pub(crate) calendar: String,
}

impl Stage {
    /// Links, reads, answers; a person moves an event, and the answer follows; a booking lands in the calendar, the
    /// person moves it, and the booking follows.
    pub(crate) async fn play(&self) -> anyhow::Result<Made> {
        say("1. Linking a CalDAV account and an ICS feed (simulated, on loopback)")?;
        let account = self
            .link(
                &json!({"provider": "caldav", "url": self.cast.server_url, "username": cast::USER,
            "password": cast::PASSWORD, "access": "read_write", "external_id": "demo-account"}),
            )
            .await?;
        let feed = self
            .link(
                &json!({"provider": "ics", "url": self.cast.feed_url, "external_id": "demo-feed"}),
            )
            .await?;
        let calendars: Vec<Value> =
            [&account, &feed].iter().flat_map(|linked| calendars(linked)).collect();
        let resource = self.resource(&calendars).await?;

        say("\n2. When is Anna Weber busy in the coming week?\n")?;
        let before = self.ask(&resource).await?;
        say(&week::draw(part(&before, &resource), self.today, DAYS, &self.zone))?;
        say(&format!("\n{}", self.in_words(&before, &resource)))?;

        say("\n3. Anna moves an event in her own calendar program")?;
        let practice = calendars
            .iter()
            .find(|calendar| field(calendar, "name") == "practice")
            .context("the simulated account lists no calendar of that name")?;
        let calendar = field(practice, "id");
        self.follow_the_move(&calendar, &resource, &before).await?;
        self.book(&calendar, &resource).await?;
        self.google().await?;
        Ok(Made { resource, calendar })
    }

    async fn link(&self, body: &Value) -> anyhow::Result<Answer> {
        let linked = self.client.post(&["v1", "connections"], body).await?;
        let id = field(&linked.body, "id");
        first_reading(&self.client, &id, PATIENCE, |_| ()).await?;
        let now = self.client.get(&["v1", "connections", &id], &[]).await?;
        let names: Vec<String> =
            calendars(&now).iter().map(|calendar| field(calendar, "name")).collect();
        let (provider, state) = (field(&now.body, "provider"), field(&now.body, "state"));
        say(&format!("   {id}  {provider:<6}  {state}  calendars: {}", names.join(", ")))?;
        Ok(now)
    }

    async fn resource(&self, calendars: &[Value]) -> anyhow::Result<String> {
        let links: Vec<Value> = calendars
            .iter()
            .map(|calendar| json!({"calendar_id": field(calendar, "id")}))
            .collect();
        let practice = calendars.iter().find(|calendar| field(calendar, "name") == "practice");
        let body = json!({"name": "Anna Weber", "external_id": "demo-anna", "time_zone": cast::ZONE,
            "calendars": links, "write_to": practice.map(|calendar| field(calendar, "id"))});
        let made = self.client.post(&["v1", "resources"], &body).await?;
        let id = field(&made.body, "id");
        say(&format!("   {id}  \"Anna Weber\" rests on {} calendars", links.len()))?;
        Ok(id)
    }

    async fn ask(&self, resource: &str) -> anyhow::Result<Answer> {
        let (start, end) = self.window();
        let body = json!({"start": start, "end": end, "resources": [resource], "evidence": "full"});
        Ok(self.client.post(&["v1", "freebusy"], &body).await?)
    }

    /// The coming week, from today's midnight on.
    pub(crate) fn window(&self) -> (Timestamp, Timestamp) {
        let end = self.today.saturating_add(DAYS.days());
        (day_start(self.today, &self.zone), day_start(end, &self.zone))
    }

    fn in_words(&self, answer: &Answer, resource: &str) -> String {
        render(resource, part(answer, resource), self.window(), &self.zone)
    }

    async fn follow_the_move(
        &self,
        calendar: &str,
        resource: &str,
        before: &Answer,
    ) -> anyhow::Result<()> {
        let now = self.client.get(&["v1", "changes"], &[("after", "now")]).await?;
        let cursor = field(&now.body, "cursor");
        let edit = self.cast.move_an_event().context("the simulated event cannot be moved")?;
        say(&format!("   {} -> {}", edit.before, edit.after))?;
        self.client.post(&["v1", "calendars", calendar, "refresh"], &json!({})).await?;
        let change = self.changed(&cursor, calendar).await?;
        say(&format!(
            "   the hub pulled it: {}, window {} - {}",
            field(&change, "type"),
            field(&change, "data.start"),
            field(&change, "data.end")
        ))?;
        let after = self.ask(resource).await?;
        for (mark, spans) in
            [("- busy", gone(before, &after, resource)), ("+ busy", gone(&after, before, resource))]
        {
            for (start, end) in spans {
                say(&format!("   {mark}  {}", when::span(start, end, &self.zone)))?;
            }
        }
        say(&format!("\n{}", week::draw(part(&after, resource), self.today, DAYS, &self.zone)))
    }

    /// An hour of a day to come.
    pub(super) fn hour(&self, days: i32, hour: i8) -> anyhow::Result<(Timestamp, Timestamp)> {
        let day = self.today.saturating_add(days.days());
        let start = day.to_datetime(time(hour, 0, 0, 0)).to_zoned(self.zone.clone())?.timestamp();
        Ok((start, start + 1.hour()))
    }

    /// Waits until something is as it should be.
    pub(super) async fn until(
        &self,
        path: &[&str],
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let waiting = async {
            loop {
                let found = self.client.get(path, &[]).await?;
                if is_so(&found.body) {
                    return anyhow::Ok(found.body);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.with_context(|| format!("waited a minute for {what}"))?
    }

    /// Waits for the change of one calendar in the change log.
    async fn changed(&self, cursor: &str, calendar: &str) -> anyhow::Result<Value> {
        let is_it = |item: &Value| {
            field(item, "type") == "busy.changed" && item.to_string().contains(calendar)
        };
        let waiting = async {
            let mut cursor = cursor.to_owned();
            loop {
                let page = self.client.get(&["v1", "changes"], &[("after", &cursor)]).await?;
                let items = page.body.get("items").and_then(Value::as_array);
                if let Some(change) = items.into_iter().flatten().find(|item| is_it(item)) {
                    return anyhow::Ok(change.clone());
                }
                cursor = field(&page.body, "cursor");
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .context("the change did not arrive within a minute")?
    }
}

fn calendars(connection: &Answer) -> Vec<Value> {
    connection.body.get("calendars").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn part<'a>(answer: &'a Answer, resource: &str) -> &'a Value {
    answer.body.get("resources").and_then(|all| all.get(resource)).unwrap_or(&Value::Null)
}

/// Busy spans of one answer that the other does not have.
fn gone(of: &Answer, not_in: &Answer, resource: &str) -> Vec<(Timestamp, Timestamp)> {
    let spans = |answer: &Answer| -> Vec<(Timestamp, Timestamp)> {
        let busy = part(answer, resource)
            .get("busy")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        busy.iter()
            .filter_map(|item| {
                Some((field(item, "start").parse().ok()?, field(item, "end").parse().ok()?))
            })
            .collect()
    };
    let there = spans(not_in);
    spans(of).into_iter().filter(|span| !there.contains(span)).collect()
}

/// Where to go on looking.
pub(crate) fn directions(base: &str, key: &str, data_dir: &Path, made: &Made) -> String {
    let (Made { resource, calendar }, dir) = (made, data_dir.display());
    format!(
        "\
Where to look:
  {base}/docs            the API, explained
  {base}/readyz          whether all of it works
  {base}/metrics         counters

  KEY='{key}'
  curl -H \"Authorization: Bearer $KEY\" {base}/v1/connections
  curl -H \"Authorization: Bearer $KEY\" {base}/v1/resources/{resource}/freebusy.ics
  curl -N -H \"Authorization: Bearer $KEY\" {base}/v1/changes/stream

  calhub connections list --data-dir {dir}
  calhub bookings list --data-dir {dir}
  calhub reconcile --dry-run --data-dir {dir}
  calhub audit verify --data-dir {dir}
  calhub sync {calendar} --full --dry-run --data-dir {dir}
  calhub doctor --data-dir {dir}
  (in a checkout: `cargo run -q -- connections list ...`)"
    )
}
