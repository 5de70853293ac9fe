//! The simulated Google, in this process with its different habits, and over real sockets.

mod expansion;
mod grant;
mod levels;
pub(super) mod samples;

use std::{collections::HashMap, sync::Arc, sync::Mutex, time::Duration};

use async_trait::async_trait;
use connectors::{
    CalendarRef, Connector, Kind, Version, WriteKey,
    conformance::{Abilities, Garbage, Subject},
    connector::{Draft, DraftTime},
    event::RemoteTime,
    google::{Access, Google, Settings, scopes},
    transport::{self, Counts, Transport},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use simulators::{
    Act, Fault, GoogleAccount, GoogleAccountSpec, GoogleCalendar, GoogleCalendarSpec, GoogleKnobs,
    World,
};
use tokio::{net::TcpListener, task::AbortHandle};

use self::{
    grant::{CLIENT, Grant},
    samples::Sample,
};
use super::keeps_every_promise;
use crate::support::simulated::{ORIGIN, transport};

struct Simulated {
    world: World,
    account: GoogleAccount,
    calendar: GoogleCalendar,
    grant: Arc<Grant>,
    transport: Transport,
    origin: String,
    /// The ids that events were given, by the names that the promises have for them.
    named: Mutex<HashMap<String, String>>,
    served: Option<AbortHandle>,
}

impl Simulated {
    fn new(tune: impl FnOnce(&mut GoogleKnobs)) -> Self {
        let world = World::new("2027-03-01T00:00:00Z".parse().unwrap());
        world.tune_google(tune);
        let account = world.add_google_account(GoogleAccountSpec::new("anna@example.org"));
        let calendar = account.add_calendar(GoogleCalendarSpec::new("team"));
        let refresh_token = account.grant(CLIENT, scopes(Access::ReadWrite));
        let grant = Arc::new(Grant::new(world.clone(), refresh_token));
        let transport = transport(&world);
        let (origin, named) = (ORIGIN.to_owned(), Mutex::default());
        Self { world, account, calendar, grant, transport, origin, named, served: None }
    }

    /// The same over loopback.
    async fn over_http() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let mut subject = Self::new(|_| ());
        let settings = transport::Settings {
            allow_net: vec!["127.0.0.0/8".parse().unwrap()],
            ..transport::Settings::default()
        };
        let served = tokio::spawn(simulators::serve(subject.world.clone(), listener));
        subject.transport = Transport::over_network(settings).unwrap();
        (subject.origin, subject.served) = (origin, Some(served.abort_handle()));
        subject
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Some(served) = &self.served {
            served.abort();
        }
        if !std::thread::panicking() {
            assert_eq!(self.world.violations(), [], "against the published description");
        }
    }
}

#[async_trait]
impl Subject for Simulated {
    fn abilities(&self) -> Abilities {
        Abilities {
            tombstones: true,
            expires_cursors: true,
            revokes_login: true,
            throttles: true,
            drops_replies: true,
            answers_garbage: true,
            removes_calendar: true,
            idles_cheaply: true,
            has_versions: true,
            expands: false,
            many: 130,
        }
    }

    fn connector(&self, learned: Value) -> Box<dyn Connector> {
        let settings = Settings { api: self.origin.parse().unwrap() };
        let (transport, grant) = (self.transport.clone(), Arc::clone(&self.grant));
        Box::new(Google::new(transport, settings, grant, Access::ReadWrite, learned).unwrap())
    }

    fn calendar(&self) -> CalendarRef {
        CalendarRef::new(self.calendar.id())
    }

    async fn put(&self, name: &str, ics: &str) {
        let sample = Sample::read(ics);
        let known = self.named.lock().unwrap().get(name).cloned();
        let id = match known {
            Some(id) => {
                self.calendar.patch(&id, sample.changes()).unwrap();
                id
            }
            None => {
                let made = self.calendar.insert(sample.event()).unwrap();
                made["id"].as_str().unwrap().to_owned()
            }
        };
        for (instance, changes) in sample.overrides(&id) {
            self.calendar.patch(&instance, changes).unwrap();
        }
        self.named.lock().unwrap().insert(name.to_owned(), id);
        self.world.advance(Duration::from_secs(2));
    }

    async fn delete(&self, name: &str) {
        let id = self.named.lock().unwrap().remove(name).unwrap();
        self.calendar.delete(&id).unwrap();
        self.world.advance(Duration::from_secs(2));
    }

    async fn count(&self, uid: &str) -> usize {
        let events = self.calendar.events();
        events.values().filter(|event| samples::is_of(event, uid)).count()
    }

    async fn stored(&self) -> String {
        self.calendar.events().values().map(samples::text).collect()
    }

    fn counts(&self) -> Counts {
        self.transport.counts()
    }

    fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = vec![self.calendar.id().into(), "team%40group".into()];
        secrets.extend(self.grant.secrets());
        assert!(secrets.iter().all(|secret: &SecretString| secret.expose_secret().len() > 5));
        secrets
    }

    async fn expire_cursors(&self) {
        self.account.expire_sync_tokens();
    }

    async fn revoke_login(&self) {
        self.account.revoke_grants();
    }

    async fn throttle_next(&self, retry_after: Duration) {
        let retry_after_s = Some(retry_after.as_secs());
        let body = "userRateLimitExceeded".to_owned();
        self.world.fault(Fault::new(Act::Status { status: 403, retry_after_s, body }).once());
    }

    async fn drop_next_reply(&self) {
        self.world.fault(Fault::new(Act::DropAfterApply).report("events.insert").once());
    }

    async fn answer_garbage(&self, garbage: Garbage) {
        let body = |body: &str, content_type: &str| Act::Body {
            body: body.into(),
            content_type: content_type.into(),
        };
        self.world.fault(Fault::new(match garbage {
            Garbage::Html => body("<!DOCTYPE html><html><p>Sign in</p></html>", "text/html"),
            Garbage::Json => body("{\"error\":\"sign in\"}", "application/json"),
            Garbage::Empty => body("", "text/plain"),
            Garbage::Truncated => Act::TruncateBody { keep: 120 },
        }));
    }

    async fn answer_well_again(&self) {
        self.world.clear_faults();
    }

    async fn remove_calendar(&self) {
        self.calendar.unshare();
    }
}

async fn keeps(name: &str, tune: impl Fn(&mut GoogleKnobs)) {
    keeps_every_promise(name, async || Simulated::new(&tune)).await;
}

#[tokio::test]
async fn google_as_it_is_described() {
    keeps("described", |_| ()).await;
}

#[tokio::test]
async fn google_over_http() {
    keeps_every_promise("http", Simulated::over_http).await;
}

#[tokio::test]
async fn google_in_short_and_empty_pages() {
    keeps("pages", |knobs| (knobs.page_cap, knobs.empty_pages) = (Some(40), true)).await;
}

#[tokio::test]
async fn google_that_tells_little_of_what_was_deleted_and_does_not_notice_an_id_given_twice() {
    keeps("thin", |knobs| {
        (knobs.thin_instances, knobs.thin_deletions) = (true, true);
        (knobs.duplicates_undetected, knobs.lost_status) = (true, 403);
    })
    .await;
}

/// A booking's event as the hub writes it.
fn draft() -> Draft {
    let at = |text: &str| DraftTime::At(text.parse().unwrap());
    Draft {
        start: at("2027-03-08T09:00:00Z"),
        end: at("2027-03-08T10:00:00Z"),
        title: "Appointment".into(),
        description: None,
        location: None,
        private: true,
        tentative: false,
        stamped: "2027-03-01T00:00:00Z".parse().unwrap(),
        sequence: 0,
        zone: None,
        guests: Vec::new(),
        keeps_words: false,
        keeps_time: false,
    }
}

fn key(generation: u8) -> WriteKey {
    let uid = format!("bkg-burnt-{generation}@calhub");
    WriteKey { uid, marker: format!("bkg_burnt/{generation}") }
}

#[tokio::test]
async fn a_deletion_burns_its_id_and_another_generation_can_be_written() {
    for revive in [false, true] {
        let subject = Simulated::new(|knobs| knobs.deleted_revive = revive);
        let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
        let writer = connector.writer().unwrap();
        let first = writer.create(&calendar, &key(0), &draft()).await.unwrap().item;
        subject.calendar.delete(first.item.as_str()).unwrap();
        assert_eq!(writer.get(&calendar, &first.item).await.unwrap(), None);
        assert_eq!(writer.find(&calendar, &key(0)).await.unwrap(), None);
        let burnt = writer.create(&calendar, &key(0), &draft()).await.unwrap_err();
        assert_eq!(burnt.kind, Kind::AlreadyExists { at: Some(first.item) });
        writer.create(&calendar, &key(1), &draft()).await.unwrap();
        assert_eq!(subject.calendar.events().len(), 1);
    }
}

#[tokio::test]
async fn a_replace_leaves_alone_what_is_not_the_hubs_and_mails_nobody() {
    let subject = Simulated::new(|_| ());
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let writer = connector.writer().unwrap();
    let made = writer.create(&calendar, &key(0), &draft()).await.unwrap().item;
    let theirs = json!({
        "attendees": [{"email": "boss@example.org", "responseStatus": "accepted"}],
        "reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 5}]},
        "colorId": "7",
        "location": "Here",
        "extendedProperties": {"private": {"theirs": "1"}, "shared": {"also": "2"}},
    });
    let theirs = subject.calendar.patch(made.item.as_str(), theirs).unwrap();
    let mails = subject.world.outbox().len();
    let version = Version::new(theirs["etag"].as_str().unwrap());
    let later = |hour: u8| DraftTime::At(format!("2027-03-08T{hour}:00:00Z").parse().unwrap());
    let moved = Draft { start: later(11), end: later(12), title: "Later".into(), ..draft() };
    let written = writer.replace(&calendar, &key(0), &made.item, &version, &moved).await.unwrap();
    let stands = subject.calendar.get(made.item.as_str()).unwrap();
    for name in ["attendees", "reminders", "colorId", "location"] {
        assert_eq!(stands[name], theirs[name], "{name}");
    }
    let extended = &stands["extendedProperties"];
    let private = json!({"theirs": "1", "calhub": "bkg_burnt/0"});
    assert_eq!((&extended["private"], &extended["shared"]["also"]), (&private, &json!("2")));
    assert_eq!((&stands["summary"], &stands["visibility"]), (&json!("Later"), &json!("private")));
    // A new hour becomes a day, and a day an hour.
    let day = |day| DraftTime::On(jiff::civil::date(2027, 3, day));
    let days = Draft { start: day(9), end: day(10), keeps_words: true, ..draft() };
    let version = written.item.version.unwrap();
    let written = writer.replace(&calendar, &key(0), &made.item, &version, &days).await.unwrap();
    assert_eq!(written.item.events[0].start, RemoteTime::Date(jiff::civil::date(2027, 3, 9)));
    let version = written.item.version.unwrap();
    let hours = Draft { keeps_words: true, ..draft() };
    let written = writer.replace(&calendar, &key(0), &made.item, &version, &hours).await.unwrap();
    assert_eq!(
        written.item.events[0].start,
        RemoteTime::Utc("2027-03-08T09:00:00Z".parse().unwrap())
    );
    let silent = Draft { keeps_words: true, keeps_time: true, title: "Not said".into(), ..draft() };
    let before = subject.calendar.get(made.item.as_str()).unwrap();
    let version = written.item.version.unwrap();
    writer.replace(&calendar, &key(1), &made.item, &version, &silent).await.unwrap();
    let after = subject.calendar.get(made.item.as_str()).unwrap();
    for name in ["summary", "start", "end", "status", "attendees", "transparency", "sequence"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_eq!(after["extendedProperties"]["private"]["calhub"], "bkg_burnt/1");
    assert_eq!(subject.world.outbox().len(), mails, "nobody was mailed");
}
