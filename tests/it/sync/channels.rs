//! Being told of changes: what a notification does, and what is left when none comes.

use axum::http::Method;
use calhub::clock::Clock as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulators::{GoogleCalendar, Notification};

use crate::linking::scene::Scene;

const HOUR: u64 = 3_600;

/// A scene whose account is linked, read and told of.
struct Told {
    scene: Scene,
    connection: String,
    resource: String,
}

impl Told {
    async fn new() -> Self {
        let told = Self::linked().await;
        assert_eq!(told.deliver().await, [204, 204], "each calendar's channel greets");
        told.pass(5).await;
        assert_eq!(told.push().await, ["healthy", "healthy"]);
        told
    }

    /// Linked and read, and nothing heard yet.
    async fn linked() -> Self {
        let scene = Scene::new().await;
        let connection = scene.import().await;
        scene.step().await;
        let calendars = scene.hub.get("/v1/calendars").await.expect(200).body;
        let links: Vec<_> = calendars["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|calendar| json!({"calendar_id": calendar["id"], "blocks": true}))
            .collect();
        let resource = json!({"name": "Ana", "calendars": links});
        let resource = scene.hub.post("/v1/resources", resource).await.expect(201).id();
        Self { scene, connection, resource }
    }

    fn primary(&self) -> GoogleCalendar {
        self.scene.ana.primary()
    }

    fn now(&self) -> Timestamp {
        self.scene.hub.clock.now()
    }

    /// A person notes an event, so many hours from now.
    fn note(&self, hours: i64) -> String {
        let at = |hours| self.now() + SignedDuration::from_hours(hours);
        let event = json!({"summary": "Dentist", "start": {"dateTime": at(hours)}, "end": {"dateTime": at(hours + 1)}});
        self.primary().insert(event).unwrap()["id"].as_str().unwrap().to_owned()
    }

    async fn send(&self, notification: &Notification) -> u16 {
        let path = notification.address.strip_prefix("https://hub.example").unwrap();
        let headers: Vec<(String, &str)> = notification
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.as_str()))
            .collect();
        let mut headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        headers.push(("authorization", ""));
        self.scene.hub.call(Method::POST, path, None, &headers).await.status.as_u16()
    }

    /// Brings what Google has to tell; answers how it was taken.
    async fn deliver(&self) -> Vec<u16> {
        let mut taken = Vec::new();
        for notification in self.scene.world.take_notifications() {
            let status = self.send(&notification).await;
            self.scene.world.notification_answered(notification, Some(status));
            taken.push(status);
        }
        taken
    }

    async fn pass(&self, seconds: u64) {
        self.scene.advance(seconds).await;
        self.scene.step().await;
    }

    async fn calendars(&self) -> Vec<Value> {
        let all = self.scene.hub.get("/v1/calendars").await.expect(200).body;
        all["items"].as_array().unwrap().clone()
    }

    async fn push(&self) -> Vec<String> {
        let calendars = self.calendars().await.into_iter();
        calendars.map(|calendar| calendar["push"].as_str().unwrap().to_owned()).collect()
    }

    /// How well the primary calendar is told of.
    async fn primary_push(&self) -> String {
        let id = self.primary().id().to_owned();
        let calendars = self.calendars().await;
        let primary = calendars.iter().find(|calendar| calendar["provider_ref"] == json!(id));
        primary.unwrap()["push"].as_str().unwrap().to_owned()
    }

    async fn busy(&self) -> usize {
        let (start, end) = (self.now(), self.now() + SignedDuration::from_hours(24 * 20));
        let asked = json!({"start": start, "end": end, "resources": [self.resource], "max_staleness": "PT240H"});
        let answer = self.scene.hub.post("/v1/freebusy", asked).await.expect(200).body;
        answer["resources"][&self.resource]["busy"].as_array().unwrap().len()
    }

    /// How often Google was asked for the list of calendars.
    fn listings(&self) -> usize {
        self.scene.world.count(|entry| entry.report.as_deref() == Some("calendarList.list"))
    }

    /// How often Google was asked for events or channels.
    fn calls(&self) -> usize {
        self.scene.world.count(|entry| {
            entry.report.as_deref().is_some_and(|method| !method.starts_with("oauth"))
        })
    }
}

#[tokio::test]
async fn a_persons_event_shows_with_its_notification() {
    let told = Told::new().await;
    let before = told.calls();
    told.note(3);
    assert_eq!(told.busy().await, 0);
    assert_eq!(told.deliver().await, [204]);
    told.scene.step().await;
    assert_eq!(told.busy().await, 1);
    assert_eq!(told.calls() - before, 1, "one request for one change");
    assert_eq!(told.scene.world.violations(), []);
}

#[tokio::test]
async fn told_of_a_calendar_is_polled_six_times_a_day_and_stays_fresh() {
    let told = Told::new().await;
    let (before, listed) = (told.calls(), told.listings());
    for _ in 0..24 * 4 {
        told.pass(HOUR / 4).await;
        told.deliver().await;
        let calendars = told.calendars().await;
        assert!(calendars.iter().all(|calendar| calendar["expected_max_age"] == "PT4H"));
    }
    // Two calendars, each polled about every three and a half hours, and a listing now and then for both.
    let listings = told.listings() - listed;
    assert!((4..=6).contains(&listings), "{listings}");
    let calls = told.calls() - before - listings;
    assert!((12..=16).contains(&calls), "{calls}");
    let asked = json!({"start": told.now(), "end": told.now() + SignedDuration::from_hours(9), "resources": [told.resource]});
    let answer = told.scene.hub.post("/v1/freebusy", asked).await.expect(200).body;
    assert_eq!(answer["complete"], true, "{answer}");
    assert_eq!(answer["resources"][&told.resource]["evidence"][0]["push"], "healthy");
}

#[tokio::test]
async fn a_change_that_nobody_told_turns_the_channel_stale_and_polling_is_as_without() {
    let told = Told::new().await;
    told.scene.world.tune_google(|knobs| knobs.push_drop = 1000);
    told.pass(HOUR).await;
    told.note(30);
    told.pass(2 * HOUR).await;
    assert_eq!((told.primary_push().await.as_str(), told.busy().await), ("healthy", 0));
    told.pass(HOUR).await;
    assert_eq!((told.primary_push().await.as_str(), told.busy().await), ("stale", 1));
    // From now on a quarter of an hour is the longest that anything waits.
    told.note(32);
    told.pass(HOUR / 4).await;
    assert_eq!(told.busy().await, 2);
    // What is heard again is believed again.
    told.scene.world.tune_google(|knobs| knobs.push_drop = 0);
    told.pass(5).await;
    told.note(34);
    assert_eq!(told.deliver().await, [204]);
    told.scene.step().await;
    assert_eq!((told.primary_push().await.as_str(), told.busy().await), ("healthy", 3));
}

#[tokio::test]
async fn forged_notifications_are_refused_and_cost_nothing() {
    let told = Told::new().await;
    told.note(3);
    let [real] = &told.scene.world.take_notifications()[..] else {
        panic!("one change, one message")
    };
    let before = told.calls();
    let with = |name: &str, value: &str| {
        let mut forged = real.clone();
        for header in forged.headers.iter_mut().filter(|(known, _)| known == name) {
            header.1 = value.to_owned();
        }
        forged
    };
    let foreign = real.address.replace("chn_", "chn_f");
    let mut elsewhere = real.clone();
    elsewhere.address.clone_from(&foreign);
    let mut silent = real.clone();
    silent.headers.retain(|(name, _)| name != "X-Goog-Channel-Token");
    for (what, forged) in [
        ("a wrong secret", with("X-Goog-Channel-Token", &"0".repeat(64))),
        ("no secret", silent),
        ("another channel", with("X-Goog-Channel-ID", "chn_01900000000070008000000000000000")),
        ("another address", elsewhere),
        ("another resource", with("X-Goog-Resource-ID", "somebody-elses")),
        ("no number", with("X-Goog-Message-Number", "many")),
    ] {
        assert_eq!(told.send(&forged).await, 404, "{what}");
    }
    told.scene.step().await;
    assert_eq!((told.calls(), told.busy().await), (before, 0));
    assert_eq!(told.send(real).await, 204);
    told.scene.step().await;
    assert_eq!(told.busy().await, 1);
    // Said again, it is no news.
    let before = told.calls();
    told.scene.advance(60).await;
    for _ in 0..100 {
        assert_eq!(told.send(real).await, 204);
    }
    told.scene.step().await;
    assert_eq!(told.calls(), before);
}

#[tokio::test]
async fn a_flood_of_notifications_is_two_pulls() {
    let told = Told::new().await;
    for n in 0..50 {
        told.note(3 + 2 * n);
    }
    let before = told.calls();
    let notifications = told.scene.world.take_notifications();
    assert_eq!(notifications.len(), 50);
    for notification in &notifications {
        assert_eq!(told.send(notification).await, 204);
        told.scene.step().await;
    }
    assert_eq!(told.calls() - before, 1);
    told.pass(2).await;
    assert_eq!((told.calls() - before, told.busy().await), (2, 50));
}

#[tokio::test]
async fn a_channel_is_replaced_long_before_its_end_and_closed_once_the_new_one_is_heard() {
    let told = Told::new().await;
    let of_primary = || -> Vec<String> {
        let id = told.primary().id().to_owned();
        let channels = told.scene.world.channels().into_iter();
        channels.filter(|it| it.calendar.as_deref() == Some(&id)).map(|it| it.id).collect()
    };
    let first = of_primary();
    assert_eq!(first.len(), 1);
    let mut days = 0;
    while of_primary() == first {
        told.pass(6 * HOUR).await;
        days += 1;
        assert!(days < 4 * 5, "not renewed by 70 % of its life");
    }
    assert!(days >= 4 * 3, "renewed before half of its life");
    assert_eq!(of_primary().len(), 2, "side by side until the new one was heard");
    told.note(3);
    let taken = told.deliver().await;
    assert!(taken.len() >= 3 && taken.iter().all(|status| *status == 204), "{taken:?}");
    told.pass(150).await;
    let now = of_primary();
    assert!(now.len() == 1 && now != first, "{now:?}");
    // What the old one still says is heard politely, and changes nothing.
    let listed = told.scene.hub.get("/v1/ops/channels").await.expect(200).body;
    assert_eq!(
        listed["items"].as_array().unwrap().iter().filter(|it| it["state"] == "open").count(),
        2
    );
    assert_eq!(told.busy().await, 1);
}

#[tokio::test]
async fn a_calendar_that_is_never_told_of_is_polled_and_asked_for_again_next_week() {
    let told = {
        let scene = Scene::new().await;
        scene.ana.primary().set_watchable(false);
        let connection = scene.import().await;
        scene.step().await;
        Told { scene, connection, resource: String::new() }
    };
    let watches =
        || told.scene.world.count(|entry| entry.report.as_deref() == Some("events.watch"));
    assert_eq!(told.primary_push().await, "none");
    let before = watches();
    for _ in 0..24 * 6 {
        told.pass(HOUR).await;
        told.deliver().await;
    }
    assert!(watches() <= before + 2, "{} times", watches() - before);
}

#[tokio::test]
async fn channels_end_with_their_connection() {
    let told = Told::new().await;
    assert_eq!(told.scene.world.channels().len(), 2);
    let path = format!("/v1/connections/{}", told.connection);
    told.scene.hub.delete(&path).await.expect(202);
    told.pass(2).await;
    assert_eq!(told.scene.world.channels().len(), 0);
    let left = told.scene.hub.get("/v1/ops/channels").await.expect(200).body;
    assert_eq!(left["items"], json!([]));
}

#[tokio::test]
async fn what_waits_for_a_broken_store_is_told_again() {
    let told = Told::new().await;
    told.note(3);
    let notifications = told.scene.world.take_notifications();
    // The provider was told to come again, and does.
    for notification in notifications {
        told.scene.world.notification_answered(notification, Some(503));
    }
    told.scene.advance(600).await;
    assert_eq!(told.deliver().await, [204]);
    told.scene.step().await;
    assert_eq!(told.busy().await, 1);
}
