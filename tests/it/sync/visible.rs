//! How soon a change shows after its notification, through the built hub, against one round trip to the provider (P8).
//!
//! `scripts/push-visible` runs it with some thousand changes and judges the bars.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulators::{
    Act, Fault, GoogleAccountSpec, GoogleCalendar, GoogleCalendarSpec, Notification, World,
};
use tokio::net::TcpListener;

use crate::{
    hubs::site::{RealSleep, WallClock},
    linking::{
        scene::SCOPES,
        site::{CLIENT, SECRET, google},
    },
    support::hub::{HubProcess, until},
};

const ACCOUNTS: usize = 12;
/// What Google takes for an answer.
const LATENCY_MS: u64 = 60;
/// Notifications of one calendar within this are one pull.
const COALESCED: Duration = Duration::from_millis(2_300);

fn rounds() -> usize {
    std::env::var("CALHUB_VISIBLE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

struct Bench {
    hub: HubProcess,
    world: World,
    origin: String,
    calendars: Vec<(GoogleCalendar, String)>,
    refresh: String,
}

impl Bench {
    async fn new() -> Self {
        let world = World::with_clock(Box::new(WallClock), Box::new(RealSleep));
        world.tune_google(|knobs| knobs.allow_http_push = true);
        world.add_google_client(simulators::GoogleClientSpec::new(CLIENT, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        // Notifications are brought by hand, so that it is known when.
        let router = world.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let hub = HubProcess::start_as(None, |command| {
            google(command, &origin);
            let mut args = command.get_args().skip_while(|arg| *arg != "--listen");
            let listen = args.nth(1).unwrap().to_str().unwrap().to_owned();
            command.env("CALHUB_PUBLIC_URL", format!("http://{listen}"));
        })
        .await;
        let mut bench = Self { hub, world, origin, calendars: Vec::new(), refresh: String::new() };
        for n in 0..ACCOUNTS {
            let account = GoogleAccountSpec::new(&format!("p{n}@example.com"));
            let account = bench.world.add_google_account(account);
            account.add_calendar(GoogleCalendarSpec::new(&format!("work{n}")));
            bench.refresh = account.grant(CLIENT, &SCOPES);
            let asked = json!({"provider": "google", "refresh_token": bench.refresh});
            let (status, made) = bench.hub.post("/v1/connections", &asked).await;
            assert_eq!(status, 201, "{made}");
            for found in bench.hub.synced(made["id"].as_str().unwrap()).await {
                let id = found["provider_ref"].as_str().unwrap();
                let calendar = account.calendar(id).unwrap();
                bench.calendars.push((calendar, found["id"].as_str().unwrap().to_owned()));
            }
        }
        until("every calendar to be told of", || async {
            for notification in bench.world.take_notifications() {
                let status = bench.tell(&notification).await;
                bench.world.notification_answered(notification, Some(status));
            }
            let (_, all) = bench.hub.get("/v1/calendars?limit=500").await;
            let all = all["items"].as_array()?;
            all.iter().all(|calendar| calendar["push"] == "healthy").then_some(())
        })
        .await;
        bench
    }

    async fn tell(&self, notification: &Notification) -> u16 {
        let mut request = self.hub.client().post(&notification.address);
        for (name, value) in &notification.headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    }

    async fn is_busy(&self, calendar: &str, start: jiff::Timestamp) -> bool {
        let end = start + Duration::from_secs(600);
        let asked = json!({"start": start, "end": end, "calendars": [calendar], "max_staleness": "PT240H", "evidence": "none"});
        let (status, answer) = self.hub.post("/v1/freebusy", &asked).await;
        assert_eq!(status, 200, "{answer}");
        answer["calendars"][calendar]["busy"].as_array().is_some_and(|busy| !busy.is_empty())
    }

    /// How long Google takes for one listing of changes, as a client beside the hub sees it.
    async fn round_trips(&self, calendar: &GoogleCalendar) -> Vec<Duration> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "refresh_token"),
                ("refresh_token", &self.refresh),
                ("client_id", CLIENT),
                ("client_secret", SECRET),
            ])
            .finish();
        let client = self.hub.client();
        let asked = client.post(format!("{}/g/token", self.origin)).body(form);
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        let told: Value = asked.send().await.unwrap().json().await.unwrap();
        let token = told["access_token"].as_str().unwrap();
        let id = calendar.id().replace('@', "%40");
        let list = format!("{}/calendar/v3/calendars/{id}/events?singleEvents=false", self.origin);
        let first: Value =
            client.get(&list).bearer_auth(token).send().await.unwrap().json().await.unwrap();
        let list = format!("{list}&syncToken={}", first["nextSyncToken"].as_str().unwrap());
        let mut took = Vec::new();
        for _ in 0..20 {
            let began = Instant::now();
            let answer = client.get(&list).bearer_auth(token).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200);
            answer.bytes().await.unwrap();
            took.push(began.elapsed());
        }
        took
    }
}

fn quantile(all: &mut [Duration], share: f64) -> f64 {
    all.sort();
    let at = ((all.len() as f64 * share).ceil() as usize).clamp(1, all.len()) - 1;
    all[at].as_secs_f64() * 1_000.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_shows_a_round_trip_after_its_notification() {
    let bench = Bench::new().await;
    bench.world.fault(Fault::new(Act::Latency { ms: LATENCY_MS }).report("events.list"));
    let last = &bench.calendars.last().unwrap().0;
    let mut trips = bench.round_trips(last).await;
    let (mut acks, mut shown) = (Vec::new(), Vec::new());
    for round in 0..rounds() {
        let began = tokio::time::Instant::now();
        for (calendar, id) in &bench.calendars {
            let hours = 24 + 2 * i64::try_from(round).unwrap();
            let start = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
            let end = start + Duration::from_secs(600);
            let event =
                json!({"summary": "x", "start": {"dateTime": start}, "end": {"dateTime": end}});
            calendar.insert(event).unwrap();
            let [told] = &bench.world.take_notifications()[..] else {
                panic!("one change, one message")
            };
            let since = Instant::now();
            assert_eq!(bench.tell(told).await, 204);
            acks.push(since.elapsed());
            while !bench.is_busy(id, start).await {
                assert!(since.elapsed() < Duration::from_secs(20), "it never shows");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            shown.push(since.elapsed());
        }
        tokio::time::sleep_until(began + COALESCED).await;
    }
    trips.extend(bench.round_trips(last).await);
    let trip = quantile(&mut trips, 0.5);
    let (p50, p99) = (quantile(&mut shown, 0.5), quantile(&mut shown, 0.99));
    let ack = quantile(&mut acks, 0.99);
    eprintln!(
        "{} changes: shown after p50 {p50:.1} ms, p99 {p99:.1} ms; a round trip is {trip:.1} ms; \
         acknowledged within p99 {ack:.1} ms",
        shown.len()
    );
    if std::env::var_os("CALHUB_BARS").is_some() {
        assert!(p50 <= trip + 20.0, "p50 {p50} ms, a round trip {trip} ms");
        assert!(p99 <= trip + 250.0, "p99 {p99} ms, a round trip {trip} ms");
        assert!(ack <= 50.0, "acknowledged after {ack} ms");
    } else {
        // Beside other tests it is only seen that nothing waits for a poll.
        assert!(p50 <= 5_000.0, "p50 {p50} ms");
    }
}
