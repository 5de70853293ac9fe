//! The real way of what a provider sends: transport, connector, the hub's own words, plans, and the text that the
//! store would write. And what that costs a process of its own.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use calhub::{
    model::interval::Span,
    sync::digest::{Frame, News, Stored, plans, read},
};
use connectors::{
    CalendarRef, Change, Connector, Known, Next, Versions,
    caldav::{Caldav, Login},
    ics::Feed,
    transport::{Cut, Service, Settings, Transport},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::corpus::{Bomb, Kind};

/// Items planned at a time, as a pull does.
const CHUNK: usize = 200;

/// What reading a bomb cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub cpu: Duration,
    /// How far the resident memory of the process grew at its highest.
    pub grown: usize,
    pub items: usize,
    pub intervals: usize,
}

#[derive(Debug)]
struct Sender(Mutex<Vec<Response<Bytes>>>);

#[async_trait]
impl Service for Sender {
    async fn call(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let mut answers = self.0.lock().unwrap();
        // The last one is the answer to everything from then on.
        if answers.len() > 1 {
            Ok(answers.remove(0))
        } else {
            answers.first().cloned().ok_or(Cut::Refused)
        }
    }
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Known for Nothing {
    async fn versions(&self) -> connectors::Result<Versions> {
        Ok(Versions::new())
    }
}

fn answer(status: u16, body: Bytes, coding: Option<&'static str>) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    if let Some(coding) = coding {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    answer
}

fn connector(bomb: &Bomb) -> Box<dyn Connector> {
    let body = Bytes::from(bomb.bytes());
    let answers = match bomb.kind {
        Kind::Feed => vec![answer(200, body, bomb.coding)],
        Kind::Multistatus => vec![answer(207, body, bomb.coding)],
        Kind::Object => {
            let listing = "<d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>/dav/cal/a.ics</d:href><d:propstat><d:prop><d:getetag>\"1\"</d:getetag></d:prop></d:propstat></d:response><d:sync-token>t</d:sync-token></d:multistatus>";
            let none = "<d:multistatus xmlns:d=\"DAV:\"></d:multistatus>";
            vec![
                answer(207, Bytes::from(listing), None),
                answer(207, Bytes::from(none), None),
                answer(200, body, bomb.coding),
            ]
        }
    };
    let transport =
        Transport::in_process(Arc::new(Sender(Mutex::new(answers))), Settings::default());
    if bomb.kind == Kind::Feed {
        return Box::new(
            Feed::new(transport, "https://cal.example/a.ics".into(), Value::Null).unwrap(),
        );
    }
    let base = "https://cal.example/dav/";
    let places = json!({"base": base, "principal": null, "homes": [base], "own_addresses": []});
    let learned = json!({"from": base, "places": places, "capabilities": {}});
    Box::new(
        Caldav::connect(transport, Login::with_password(base, "anna", "word".into()), learned)
            .unwrap(),
    )
}

/// Reads a bomb to its end, and says what that cost.
pub fn cost(bomb: &Bomb) -> Cost {
    let connector = connector(bomb);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let frame = Frame::new(
        Span::new("2027-01-25T00:00:00Z".parse().unwrap(), "2028-04-04T00:00:00Z".parse().unwrap())
            .unwrap(),
        TimeZone::get("Europe/Berlin").unwrap(),
    );
    let window = calhub::sync::window::of_connector(frame.window);
    let (before, began) = (resident("VmRSS"), cpu());
    // The highest mark starts over.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let mut cost = Cost::default();
    runtime.block_on(async {
        let calendar = CalendarRef::new("/dav/cal/");
        let mut cursor = None;
        for _ in 0..4 {
            let Ok(page) = connector.pull(&calendar, window, cursor.as_ref(), &Nothing).await
            else {
                return;
            };
            take(page.changes, &frame, &mut cost);
            match page.next {
                Next::More(more) => cursor = Some(more),
                Next::Resume(_) => return,
            }
        }
    });
    cost.cpu = cpu() - began;
    cost.grown = resident("VmHWM").saturating_sub(before);
    cost
}

/// Judges and plans a page, and writes down what the store would keep.
fn take(changes: Vec<Change>, frame: &Frame, cost: &mut Cost) {
    let mut present = changes.into_iter().filter_map(|change| match change {
        Change::Present(item) => Some(item),
        Change::Unchanged(_) | Change::Gone(_) => None,
    });
    loop {
        let items: Vec<_> = present.by_ref().take(CHUNK).collect();
        if items.is_empty() {
            return;
        }
        cost.items += items.len();
        let mut news = BTreeMap::new();
        for item in &items {
            let row = read(item, None);
            std::hint::black_box(serde_json::to_vec(&row.events).unwrap());
            news.insert(row.item.clone(), News::Present(row));
        }
        for plan in plans(&Stored::default(), &news, frame) {
            cost.intervals += plan.diff.inserts.len();
        }
    }
}

/// The processor time of this process.
pub fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.try_into().unwrap(), spent.tv_nsec.try_into().unwrap())
}

fn resident(what: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}
