//! The simulated Microsoft Graph, in this process with its different habits, and over real sockets.

mod samples;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::{
    CalendarRef, Connector, Kind, Result,
    conformance::{Abilities, Garbage, Ledger, Subject},
    microsoft::{Access, Microsoft, Settings, scopes},
    oauth::Tokens,
    transport::{self, Counts, Transport},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use simulators::{
    Act, Fault, MicrosoftAccount, MicrosoftAccountSpec, MicrosoftCalendar, MicrosoftCalendarSpec,
    MicrosoftKnobs, World,
};
use tokio::{net::TcpListener, task::AbortHandle};

use super::{google::samples::Sample, keeps_every_promise};
use crate::support::simulated::{ORIGIN, transport};

const CLIENT: &str = "client-1";

/// Access tokens of a simulated grant, refreshed as Microsoft's documentation says and not as the hub does: every
/// answer brings another refresh token.
struct Grant {
    world: World,
    refresh_token: Mutex<String>,
    access: Mutex<Option<String>>,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grant")
    }
}

impl Grant {
    async fn refresh(&self) -> Result<SecretString> {
        let form = format!(
            "grant_type=refresh_token&client_id={CLIENT}&client_secret=secret&refresh_token={}",
            self.refresh_token.lock().unwrap()
        );
        let request = http::Request::post("https://sim.example/common/oauth2/v2.0/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .unwrap();
        let reply = self.world.call(request).await.unwrap();
        let body: Value = serde_json::from_slice(reply.body()).unwrap();
        let Some(token) = body["access_token"].as_str() else {
            assert_eq!(body["error"], "invalid_grant", "{body}");
            return Err(Kind::Unauthorized.error("the grant was revoked"));
        };
        *self.refresh_token.lock().unwrap() = body["refresh_token"].as_str().unwrap().to_owned();
        *self.access.lock().unwrap() = Some(token.to_owned());
        Ok(token.into())
    }
}

#[async_trait]
impl Tokens for Grant {
    async fn access_token(&self) -> Result<SecretString> {
        let known = self.access.lock().unwrap().clone();
        match known {
            Some(token) => Ok(token.into()),
            None => self.refresh().await,
        }
    }

    async fn instead_of(&self, refused: &SecretString) -> Result<SecretString> {
        assert_eq!(self.access.lock().unwrap().as_deref(), Some(refused.expose_secret()));
        self.refresh().await
    }
}

struct Simulated {
    world: World,
    account: MicrosoftAccount,
    calendar: MicrosoftCalendar,
    grant: Arc<Grant>,
    transport: Transport,
    origin: String,
    /// The ids that events were given, by the names that the promises have for them.
    named: Mutex<HashMap<String, String>>,
    served: Option<AbortHandle>,
}

impl Simulated {
    fn new(tune: impl FnOnce(&mut MicrosoftKnobs)) -> Self {
        let world = World::new("2027-03-01T00:00:00Z".parse().unwrap());
        world.tune_microsoft(tune);
        let account = world.add_microsoft_account(MicrosoftAccountSpec::new("anna@example.org"));
        let calendar = account.add_calendar(MicrosoftCalendarSpec::new("team"));
        let refresh_token = account.grant(CLIENT, scopes(Access::ReadWrite)).into();
        let access = Mutex::default();
        let grant = Arc::new(Grant { world: world.clone(), refresh_token, access });
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

    /// The occurrence of a series that begins, or began, at an instant.
    fn occurrence(&self, series: &str, original: jiff::Timestamp) -> String {
        let day = jiff::SignedDuration::from_hours(24);
        let all = self.calendar.view(original - day * 30, original + day * 30);
        let is_it = |event: &&Value| {
            let start = event["originalStart"].as_str().and_then(|at| at.parse().ok());
            event["seriesMasterId"] == series && start == Some(original)
        };
        let found = all.iter().find(is_it);
        found.unwrap_or_else(|| panic!("{all:?}"))["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Some(served) = &self.served {
            served.abort();
        }
        if !std::thread::panicking() {
            assert!(self.world.microsoft_violations().is_empty(), "against the published types");
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
            expands: true,
            many: 230,
        }
    }

    fn connector(&self, learned: Value) -> Box<dyn Connector> {
        let settings = Settings { api: self.origin.parse().unwrap() };
        let (transport, grant) = (self.transport.clone(), Arc::clone(&self.grant));
        Box::new(Microsoft::new(transport, settings, grant, Access::ReadWrite, learned).unwrap())
    }

    fn calendar(&self) -> CalendarRef {
        CalendarRef::new(self.calendar.id())
    }

    async fn put(&self, name: &str, ics: &str) {
        let sample = Sample::read(ics);
        let known = self.named.lock().unwrap().get(name).cloned();
        let id = match known {
            Some(id) => {
                self.calendar.patch(&id, samples::changes(&sample)).unwrap();
                id
            }
            None => {
                let made = self.calendar.insert(samples::event(&sample)).unwrap();
                made["id"].as_str().unwrap().to_owned()
            }
        };
        for (original, changes) in samples::overrides(&sample) {
            let occurrence = self.occurrence(&id, original);
            self.calendar.patch(&occurrence, changes).unwrap();
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
        self.calendar.events().values().filter(|event| samples::is_of(event, uid)).count()
    }

    async fn stored(&self) -> String {
        self.calendar.events().values().map(samples::text).collect()
    }

    fn counts(&self) -> Counts {
        self.transport.counts()
    }

    fn secrets(&self) -> Vec<SecretString> {
        let access = self.grant.access.lock().unwrap().clone();
        let refresh_token = self.grant.refresh_token.lock().unwrap().clone();
        let all = [Some(self.calendar.id().to_owned()), Some(refresh_token), access];
        all.into_iter().flatten().map(Into::into).collect()
    }

    async fn expire_cursors(&self) {
        self.account.expire_delta_links();
    }

    async fn revoke_login(&self) {
        self.account.revoke_grants();
    }

    async fn throttle_next(&self, retry_after: Duration) {
        let retry_after_s = Some(retry_after.as_secs());
        let body = "ApplicationThrottled".to_owned();
        self.world.fault(Fault::new(Act::Status { status: 429, retry_after_s, body }).once());
    }

    async fn drop_next_reply(&self) {
        self.world.fault(Fault::new(Act::DropAfterApply).report("events.create").once());
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
        self.calendar.unshare(404);
    }
}

async fn keeps(name: &str, tune: impl Fn(&mut MicrosoftKnobs)) {
    keeps_every_promise(name, async || Simulated::new(&tune)).await;
}

#[tokio::test]
async fn graph_as_it_is_described() {
    keeps("described", |_| ()).await;
}

#[tokio::test]
async fn graph_over_http() {
    keeps_every_promise("http", Simulated::over_http).await;
}

#[tokio::test]
async fn graph_in_short_and_empty_pages_out_of_order_and_twice() {
    keeps("pages", |knobs| {
        (knobs.page_cap, knobs.empty_pages) = (Some(40), true);
        (knobs.occurrences_first, knobs.duplicate_rows) = (true, 300);
    })
    .await;
}

#[tokio::test]
async fn graph_that_knows_a_create_by_other_words_and_mangled_links_by_another_status() {
    keeps("words", |knobs| {
        knobs.other_body = simulators::microsoft::OtherBody::Conflict;
        (knobs.mangled_status, knobs.reset_location) = (410, false);
        knobs.transaction_outlives_event = true;
    })
    .await;
}

/// The busy starts that the hub would have.
async fn starts(ledger: &Ledger) -> Vec<String> {
    use calhub::{
        model::interval::Span,
        sync::digest::{Frame, intervals, read},
    };
    let at = |text: &str| text.parse().unwrap();
    let window = Span::clamped(at("2027-03-01T00:00:00Z"), at("2027-04-20T00:00:00Z"));
    let frame = Frame::new(window, jiff::tz::TimeZone::UTC);
    let items = ledger.items();
    let all = items.iter().flat_map(|item| intervals([&read(item, None)], &frame));
    let mut starts: Vec<String> = all.map(|busy| busy.span.start().to_string()).collect();
    starts.sort();
    starts
}

fn weekly() -> Value {
    json!({
        "iCalUId": "weekly", "subject": "Weekly",
        "start": {"dateTime": "2027-03-08T10:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2027-03-08T11:00:00", "timeZone": "W. Europe Standard Time"},
        "recurrence": {
            "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "sunday"},
            "range": {"type": "numbered", "startDate": "2027-03-08", "numberOfOccurrences": 4,
                "recurrenceTimeZone": "W. Europe Standard Time"},
        },
    })
}

#[tokio::test]
async fn occurrences_come_and_go_as_graph_has_them_whatever_it_tells() {
    use simulators::microsoft::SeriesRemoval;
    for removal in [SeriesRemoval::Master, SeriesRemoval::Occurrences, SeriesRemoval::Both] {
        let subject = Simulated::new(|knobs| knobs.series_removal = removal);
        let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
        let made = subject.calendar.insert(weekly()).unwrap();
        let id = made["id"].as_str().unwrap().to_owned();
        let ledger = Ledger::default();
        ledger.pull(&*connector, &calendar).await.unwrap();
        let all = starts(&ledger).await;
        let monday = |day: &str| format!("2027-03-{day}T09:00:00Z");
        let last = "2027-03-29T08:00:00Z".to_owned();
        assert_eq!(all, [monday("08"), monday("15"), monday("22"), last.clone()]);
        // One taken out: nothing says so but its absence.
        let second = subject.occurrence(&id, monday("15").parse().unwrap());
        subject.calendar.delete(&second).unwrap();
        subject.world.advance(Duration::from_secs(2));
        ledger.pull(&*connector, &calendar).await.unwrap();
        assert_eq!(starts(&ledger).await, [monday("08"), monday("22"), last.clone()]);
        // One moved: the others stay.
        let third = subject.occurrence(&id, monday("22").parse().unwrap());
        subject.calendar.reschedule(&third, "2027-03-24T15:00:00", "2027-03-24T16:00:00").unwrap();
        subject.world.advance(Duration::from_secs(2));
        ledger.pull(&*connector, &calendar).await.unwrap();
        let expected = [monday("08"), "2027-03-24T15:00:00Z".to_owned(), last.clone()];
        assert_eq!(starts(&ledger).await, expected);
        // And all of it.
        subject.calendar.delete(&id).unwrap();
        subject.world.advance(Duration::from_secs(2));
        ledger.pull(&*connector, &calendar).await.unwrap();
        assert!(starts(&ledger).await.is_empty(), "{removal:?}");
    }
}
