//! What the hubs of these tests read: a simulated CalDAV server on loopback that counts who talks to it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{extract::Request, middleware};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::{Account, AccountSpec, Act, Calendar, CalendarSpec, Clock, Fault, Sleeper, World};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

#[derive(Clone, Copy, Debug)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[derive(Clone, Copy, Debug)]
pub struct RealSleep;

impl Sleeper for RealSleep {
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// How many requests are being answered, and the most there ever were.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<(AtomicUsize, AtomicUsize)>);

impl InFlight {
    pub fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    pub fn forget(&self) {
        self.0.1.store(0, Ordering::SeqCst);
    }
}

struct Answering(InFlight);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server with one account, `anna`.
pub struct Site {
    pub world: World,
    pub anna: Account,
    pub in_flight: InFlight,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
    router: axum::Router,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Site {
    pub async fn open() -> Self {
        let world = World::with_clock(Box::new(WallClock), Box::new(RealSleep));
        let anna = world.add_account(AccountSpec::new("anna", "right"));
        let in_flight = InFlight::default();
        let (counter, held) = (in_flight.clone(), watch::Sender::new(false));
        let gate = held.subscribe();
        let router = world.router().layer(middleware::from_fn(
            move |request: Request, next: middleware::Next| {
                let (counter, mut gate) = (counter.clone(), gate.clone());
                async move {
                    let now = counter.0.0.fetch_add(1, Ordering::SeqCst) + 1;
                    counter.0.1.fetch_max(now, Ordering::SeqCst);
                    let _answering = Answering(counter);
                    let _ = gate.wait_for(|held| !held).await;
                    next.run(request).await
                }
            },
        ));
        let (address, task) = listen("127.0.0.1", &router).await;
        Self { world, anna, in_flight, held, router, address, tasks: vec![task] }
    }

    pub fn calendar(&self, name: &str) -> Calendar {
        self.anna.add_calendar(CalendarSpec::new(name))
    }

    /// The body of `POST /v1/connections` for the account.
    pub fn login(&self) -> Value {
        login(&format!("http://{}{}", self.address, self.anna.path()), "anna")
    }

    /// Adds an account with one calendar of one event, at a host of its own. Answers the body that links it.
    pub async fn person(&mut self, name: &str, number: u8) -> Value {
        let account = self.world.add_account(AccountSpec::new(name, "right"));
        let (object, body) = event(name, 1);
        account.add_calendar(CalendarSpec::new("own")).put(&object, body);
        let (address, task) = listen(&format!("127.0.1.{number}"), &self.router).await;
        self.tasks.push(task);
        login(&format!("http://{address}{}", account.path()), name)
    }

    /// Makes every answer take this long.
    pub fn slow(&self, ms: u64) {
        self.world.fault(Fault::new(Act::Latency { ms }));
    }

    /// Holds back every answer from now on, or gives them all.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    pub fn requests(&self) -> usize {
        self.world.log().len()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn listen(host: &str, router: &axum::Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router.clone();
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

fn login(url: &str, user: &str) -> Value {
    json!({ "provider": "caldav", "url": url, "username": user, "password": "right" })
}

/// A calendar object with one event of an hour, `hour` hours from the next full hour.
pub fn event(uid: &str, hour: i64) -> (String, String) {
    let start = slot(hour);
    let end = slot(hour + 1);
    let compact = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let body = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//hubs//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:{}\r\nDTEND:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        compact(start),
        compact(end)
    );
    (format!("{uid}.ics"), body)
}

/// The instant so many hours from the next full hour.
pub fn slot(hour: i64) -> Timestamp {
    let hours = Timestamp::now().as_second() / 3_600 + 1 + hour;
    Timestamp::from_second(hours * 3_600).unwrap()
}
