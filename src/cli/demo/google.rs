//! The demo's Google account: linked through the hub's own page, told of at once, and written into.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    cast::GOOGLE_USER,
    story::{PATIENCE, Stage},
    visitor::Visitor,
};
use crate::cli::{session::say, show::field, when};

impl Stage {
    /// A person links Google on the hub's page; what they note shows at once; a booking lands there, and follows them.
    pub(super) async fn google(&self) -> anyhow::Result<()> {
        say("\n6. Ben connects his Google Calendar on the hub's own page, and agrees on Google's")?;
        let calendar = self.visit().await?;
        let body = json!({"name": "Ben Arnold", "external_id": "demo-ben", "time_zone": self.zone.iana_name(),
            "calendars": [{"calendar_id": calendar}], "write_to": calendar, "on_provider_move": "follow"});
        let resource = field(&self.client.post(&["v1", "resources"], &body).await?.body, "id");
        let is_told = |found: &Value| field(found, "push") == "healthy";
        self.until(&["v1", "calendars", &calendar], "Google to be heard", is_told).await?;
        say("   Google tells the hub of every change from now on")?;

        say("\n7. Ben notes a visit to the dentist in Google Calendar")?;
        let visit = self.hour(1, 10)?;
        let since = Instant::now();
        self.cast.note(visit).context("Google takes no event")?;
        self.until_busy(&resource, visit).await?;
        let took = since.elapsed().as_millis();
        say(&format!("   {}: busy {took} ms later", when::span(visit.0, visit.1, &self.zone)))?;

        say("\n8. A platform books Ben, and he moves the event in Google Calendar")?;
        let (slot, later) = (self.hour(2, 15)?, self.hour(2, 16)?);
        let asked = json!({"resources": [resource], "start": slot.0, "end": slot.1, "title": "First visit"});
        let made = self.client.post(&["v1", "bookings"], &asked).await?;
        let id = field(&made.body, "id");
        let path = ["v1", "bookings", &id];
        let is_written = |found: &Value| field(found, "delivery") == "written";
        let found = self.until(&path, "the booking to be written", is_written).await?;
        let event = field(&found, "provider_events.0.event_id");
        say(&format!("   {id}  {}", when::span(slot.0, slot.1, &self.zone)))?;
        say(&format!("   written: event {event}"))?;
        self.cast.reschedule(&event, later).context("the event of the booking is not there")?;
        let start = later.0.to_string();
        let has_followed = |found: &Value| {
            field(found, "start").parse::<Timestamp>().is_ok_and(|at| at.to_string() == start)
        };
        self.until(&path, "the booking to follow", has_followed).await?;
        say(&format!("   the booking follows: {}", when::span(later.0, later.1, &self.zone)))
    }

    /// Goes through the pages as a browser does; answers the account's own calendar.
    async fn visit(&self) -> anyhow::Result<String> {
        let asked = json!({"mode": "link", "providers": ["google"], "access": "read_write",
            "login_hint": GOOGLE_USER, "external_id": "demo-google"});
        let session = self.client.post(&["v1", "link-sessions"], &asked).await?.body;
        let mut ben = Visitor::new()?;
        let door = ben.open(&field(&session, "url").parse()?).await?;
        let page = ben.press(&door, &[]).await?;
        say(&format!("   {}", page.url))?;
        let consent = ben.open(&page.link("/oauth/google/start")?).await?;
        let asked_for = consent.url.query_pairs().find(|(name, _)| name == "scope");
        let scopes = asked_for.context("Google was asked for nothing")?.1.into_owned();
        let mut fields = vec![("action", "allow"), ("account", GOOGLE_USER)];
        fields.extend(scopes.split(' ').map(|scope| ("scope", scope)));
        let done = ben.press(&consent, &fields).await?;
        ensure!(done.url.path().starts_with("/link/"), "Google led to {}", done.url);
        let path = ["v1", "link-sessions", &field(&session, "id")];
        let outcome = self.client.get(&path, &[]).await?.body;
        let connection = field(&outcome, "connection_id");
        let path = ["v1", "connections", &connection];
        let is_read = |found: &Value| field(found, "state") == "healthy";
        let linked = self.until(&path, "Google to be read", is_read).await?;
        say(&format!("   {connection}  google  healthy  {}", field(&linked, "account_label")))?;
        let calendars = linked.get("calendars").and_then(Value::as_array).cloned();
        let own = calendars
            .unwrap_or_default()
            .into_iter()
            .find(|calendar| field(calendar, "provider_ref") == GOOGLE_USER);
        Ok(field(&own.context("Google lists no calendar of Ben's own")?, "id"))
    }

    async fn until_busy(&self, resource: &str, span: (Timestamp, Timestamp)) -> anyhow::Result<()> {
        let asked = json!({"start": span.0, "end": span.1, "resources": [resource]});
        let waiting = async {
            loop {
                let answer = self.client.post(&["v1", "freebusy"], &asked).await?.body;
                let busy = answer.get("resources").and_then(|all| all.get(resource)?.get("busy"));
                if busy.and_then(Value::as_array).is_some_and(|busy| !busy.is_empty()) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.context("the change did not show within a minute")?
    }
}
