//! The demo's booking: it lands in Anna's calendar, she drags it, and the booking follows.

use anyhow::Context as _;
use jiff::{Timestamp, ToSpan as _, civil::time};
use serde_json::{Value, json};

use super::story::{PATIENCE, PAUSE, Stage};
use crate::cli::{
    session::say,
    show::{field, table},
    when,
};

impl Stage {
    /// A platform books Anna; she moves the event; the platform accepts.
    pub(super) async fn book(&self, calendar: &str, resource: &str) -> anyhow::Result<()> {
        say("\n4. A platform books Anna, and the booking lands in her calendar")?;
        let (slot, later) = (self.slot(13)?, self.slot(14)?);
        let asked = json!({"resources": [resource], "start": slot.0, "end": slot.1,
            "title": "First visit", "time_zone": self.zone.iana_name()});
        let made = self.client.post(&["v1", "bookings"], &asked).await?;
        let id = field(&made.body, "id");
        say(&format!("   {id}  {}", when::span(slot.0, slot.1, &self.zone)))?;
        let found = self.booking(&id, |found| field(found, "delivery") == "written").await?;
        say(&format!("   written: event {}", field(&found, "provider_events.0.event_id")))?;
        let twice = self.client.post(&["v1", "bookings"], &asked).await;
        let refusal = twice.err().context("the same slot was booked twice")?;
        say(&format!("   the same slot once more: {refusal}"))?;

        say("\n5. Anna drags it to an hour later, in her own calendar program")?;
        self.cast.drag(slot, later).context("the event of the booking is not there")?;
        self.client.post(&["v1", "calendars", calendar, "refresh"], &json!({})).await?;
        let has_conflict = |found: &Value| field(found, "conflicts.0.kind") == "moved";
        let found = self.booking(&id, has_conflict).await?;
        let columns = [("conflict", "id"), ("kind", "kind"), ("now at", "with.start")];
        let conflicts = found.get("conflicts").and_then(Value::as_array).cloned();
        let rows = table(&columns, &conflicts.unwrap_or_default());
        say(&rows.lines().map(|line| format!("   {line}\n")).collect::<String>())?;
        let conflict = field(&found, "conflicts.0.id");
        let path = ["v1", "bookings", &id, "conflicts", &conflict, "resolve"];
        let settled = self.client.post(&path, &json!({"action": "accept"})).await?;
        let at: Timestamp = field(&settled.body, "start").parse()?;
        let until: Timestamp = field(&settled.body, "end").parse()?;
        say(&format!("   accepted: {id}  {}", when::span(at, until, &self.zone)))
    }

    /// An hour of the day after tomorrow.
    fn slot(&self, hour: i8) -> anyhow::Result<(Timestamp, Timestamp)> {
        let day = self.today.saturating_add(2.days());
        let start = day.to_datetime(time(hour, 0, 0, 0)).to_zoned(self.zone.clone())?.timestamp();
        Ok((start, start + 1.hour()))
    }

    /// Waits until a booking is as it should be.
    async fn booking(&self, id: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let waiting = async {
            loop {
                let found = self.client.get(&["v1", "bookings", id], &[]).await?;
                if is_so(&found.body) {
                    return anyhow::Ok(found.body);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.context("the booking did not get there within a minute")?
    }
}
