//! A hub with one resource whose calendar stands in a simulated account.

use std::{collections::BTreeSet, ops::Deref, time::Duration};

use calhub::{
    clock::Clock,
    store::{Share, Store, WorkRow},
    sync::Lane,
};
use connectors::transport::Transport;
use serde_json::{Value, json};
use simulators::{Account, AccountSpec, Calendar, CalendarSpec, World};

use crate::{
    api::world::{Answer, NOW, TestHub},
    support::{
        engines::Bed,
        simulated::{ORIGIN, transport},
    },
};

pub struct Place {
    pub ground: Ground,
    pub account: Account,
    pub calendar: Calendar,
}

/// What there is of a place wherever the calendar stands.
pub struct Ground {
    pub hub: TestHub,
    pub world: World,
    /// Ids at the hub.
    pub calendar_id: String,
    pub resource: String,
}

impl Deref for Place {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl Place {
    /// Anna's calendar `work` is linked, blocks her and takes her bookings.
    pub async fn new(bed: &Bed) -> Self {
        let world = World::new(NOW.parse().unwrap());
        let spec = AccountSpec::new("anna", "right");
        Self::over(bed.store.clone(), transport(&world), world, spec, &json!({})).await
    }

    /// The same at a server of the caller's choice, with more said of the resource.
    pub async fn over(
        store: Store,
        transport: Transport,
        world: World,
        spec: AccountSpec,
        more: &Value,
    ) -> Self {
        let hub = TestHub::over(store, transport, &[]).await;
        let account = world.add_account(spec);
        let calendar = account.add_calendar(CalendarSpec::new("work"));
        let login = json!({
            "provider": "caldav", "url": format!("{ORIGIN}{}", account.path()), "username": "anna",
            "password": "right", "access": "read_write",
        });
        let ground = Ground::linked(hub, world, login, more).await;
        Self { ground, account, calendar }
    }

    /// The same place with another hub.
    pub fn with_hub(self, hub: TestHub) -> Self {
        Self { ground: Ground { hub, ..self.ground }, ..self }
    }

    /// Anna drags an event in her calendar; the hub reads it and does what policies say.
    pub async fn drag(&self, start: &str, new_start: &str, end: &str, new_end: &str) {
        let event = self.stored().into_iter().find(|(_, body)| body.contains(start));
        let (name, body) = event.expect("there is such an event");
        let moved = body
            .replace("@calhub", "%calhub")
            .replace(end, "@")
            .replace(start, new_start)
            .replace('@', new_end)
            .replace("%calhub", "@calhub");
        self.calendar.put(&name, moved);
        self.sync().await;
        self.policies().await;
    }

    /// The bodies of all objects in the calendar.
    pub fn objects(&self) -> Vec<String> {
        self.stored().into_iter().map(|(_, body)| body).collect()
    }

    /// The same with their names.
    pub fn stored(&self) -> Vec<(String, String)> {
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        self.calendar.resources().into_iter().map(|(name, one)| (name, text(&one.body))).collect()
    }
}

impl Ground {
    /// An account with one calendar is linked, blocks Anna and takes her bookings.
    pub async fn linked(hub: TestHub, world: World, login: Value, more: &Value) -> Self {
        hub.post("/v1/connections", login).await.expect(201);
        hub.hub.engine.step().await.unwrap();
        let calendars = hub.get("/v1/calendars").await.expect(200).body;
        let calendar_id = calendars["items"][0]["id"].as_str().unwrap().to_owned();
        let mut wanted = json!({
            "name": "Anna", "external_id": "anna", "time_zone": "Europe/Berlin",
            "calendars": [{"calendar_id": calendar_id}], "write_to": calendar_id,
        });
        for (name, value) in more.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        let resource = hub.post("/v1/resources", wanted).await.expect(201).id();
        hub.settle().await;
        Self { hub, world, calendar_id, resource }
    }

    /// Runs all that is due, and lets the index see it.
    pub async fn settle(&self) {
        // As `Engine::step` does, but only lanes that have something due are asked: that is much cheaper.
        while self.run_due().await > 0 {}
        self.hub.settle().await;
    }

    async fn run_due(&self) -> usize {
        let (hub, now) = (&self.hub.hub, self.now());
        let mut tx = hub.store.read().await.unwrap();
        let rows = tx.work().list(&self.hub.tenant, None, None, 10_000).await.unwrap();
        tx.rollback().await.unwrap();
        let is_due =
            |row: &&WorkRow| row.due_at <= now && row.lease_until.is_none_or(|until| until <= now);
        let due: BTreeSet<&str> = rows.iter().filter(is_due).map(|row| row.lane.as_str()).collect();
        let mut ran = 0;
        for lane in Lane::ALL.into_iter().filter(|lane| due.contains(lane.as_str())) {
            ran += hub.engine.drain(lane, Share::All).await.unwrap();
        }
        ran
    }

    /// Lets time pass for hub and world alike, and runs what is due then.
    pub async fn pass(&self, time: Duration) {
        self.hub.clock.advance(time);
        self.world.advance(time);
        self.settle().await;
    }

    /// Has everything read again.
    pub async fn sync(&self) {
        self.pass(Duration::from_secs(1)).await;
        self.hub.post("/v1/ops/sync", json!({"all": true})).await.expect(202);
        self.settle().await;
    }

    /// Asks for Anna's time on 3 March 2026, `from` and `to` in hours.
    pub fn slot(&self, from: u8, to: u8) -> Value {
        json!({"resources": [self.resource], "start": hour(from), "end": hour(to)})
    }

    pub async fn book(&self, from: u8, to: u8) -> Answer {
        self.hub.post("/v1/bookings", self.slot(from, to)).await
    }

    pub async fn booking(&self, id: &str) -> Value {
        self.hub.get(&format!("/v1/bookings/{id}")).await.expect(200).body
    }

    /// Anna's busy time on 3 March 2026, as `from-to` in hours.
    pub async fn busy(&self) -> Vec<String> {
        let ask = json!({"resources": [self.resource], "start": hour(0), "end": hour(23)});
        let found = self.hub.post("/v1/freebusy", ask).await.expect(200).body;
        let spans = found["resources"][&self.resource]["busy"].as_array().unwrap().clone();
        let of = |at: &Value| at.as_str().unwrap()[11..13].trim_start_matches('0').to_owned();
        spans.iter().map(|span| format!("{}-{}", of(&span["start"]), of(&span["end"]))).collect()
    }

    /// What became of a booking, in words.
    pub async fn kinds(&self, id: &str) -> Vec<String> {
        let found = self.booking(id).await;
        let rows = found["history"].as_array().unwrap().iter();
        rows.map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// Does what policies say about conflicts, and what follows.
    pub async fn policies(&self) {
        self.hub.hub.desk.follow_policies().await.unwrap();
        self.settle().await;
        self.sync().await;
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.hub.clock.now()
    }
}

pub fn hour(hour: u8) -> String {
    format!("2026-03-03T{hour:02}:00:00Z")
}

/// A calendar object with one event of an hour or more on 3 March 2026.
pub fn event(uid: &str, from: u8, to: u8) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//person//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20260301T000000Z\r\nDTSTART:20260303T{from:02}0000Z\r\nDTEND:20260303T{to:02}0000Z\r\n\
         SUMMARY:Private\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}
