//! The demo's booking: it lands in Anna's calendar, she drags it, and the booking follows.

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::story::Stage;
use crate::cli::{
    session::say,
    show::{field, table},
    when,
};

impl Stage {
    /// A platform books Anna; she moves the event; the platform accepts.
    pub(super) async fn book(&self, calendar: &str, resource: &str) -> anyhow::Result<()> {
        say("\n4. A platform books Anna, and the booking lands in her calendar")?;
        let (slot, later) = (self.hour(2, 13)?, self.hour(2, 14)?);
        let asked = json!({"resources": [resource], "start": slot.0, "end": slot.1,
            "title": "First visit", "time_zone": self.zone.iana_name()});
        let made = self.client.post(&["v1", "bookings"], &asked).await?;
        let id = field(&made.body, "id");
        say(&format!("   {id}  {}", when::span(slot.0, slot.1, &self.zone)))?;
        let path = ["v1", "bookings", &id];
        let is_written = |found: &Value| field(found, "delivery") == "written";
        let found = self.until(&path, "the booking to be written", is_written).await?;
        say(&format!("   written: event {}", field(&found, "provider_events.0.event_id")))?;
        let twice = self.client.post(&["v1", "bookings"], &asked).await;
        let refusal = twice.err().context("the same slot was booked twice")?;
        say(&format!("   the same slot once more: {refusal}"))?;

        say("\n5. Anna drags it to an hour later, in her own calendar program")?;
        self.cast.drag(slot, later).context("the event of the booking is not there")?;
        self.client.post(&["v1", "calendars", calendar, "refresh"], &json!({})).await?;
        let has_conflict = |found: &Value| field(found, "conflicts.0.kind") == "moved";
        let found = self.until(&path, "the conflict to show", has_conflict).await?;
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
}
