//! A Google that answers whatever the fuzzer wrote, in order, to the real connector.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::{
    CalendarRef, Change, Connector, ItemRef, Known, Next, Version, Versions, WantedChannel, Window,
    WriteKey,
    connector::{Draft, DraftTime},
    google::{Access, Google, Settings},
    oauth::Tokens,
    transport::{self, Cut, Service, Transport},
};
use http::{Request, Response, StatusCode};

/// Between one answer and the next.
const CUT: &[u8] = b"\n%%\n";

#[derive(Debug)]
struct Server(Mutex<VecDeque<Response<Bytes>>>);

#[async_trait]
impl Service for Server {
    async fn call(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        self.0.lock().unwrap().pop_front().ok_or(Cut::Refused)
    }
}

/// A status on the first line, the body behind it; without such a line, a 200.
fn answer(text: &[u8]) -> Response<Bytes> {
    let status = text.get(..3).and_then(|it| StatusCode::from_bytes(it).ok());
    let (status, body) = match (status, text.get(3)) {
        (Some(status), Some(b'\n')) => (status, &text[4..]),
        _ => (StatusCode::OK, text),
    };
    let mut answer = Response::new(Bytes::copy_from_slice(body));
    *answer.status_mut() = status;
    answer
}

#[derive(Debug)]
struct Grant;

#[async_trait]
impl Tokens for Grant {
    async fn access_token(&self) -> connectors::Result<secrecy::SecretString> {
        Ok("token".into())
    }

    async fn instead_of(
        &self,
        _: &secrecy::SecretString,
    ) -> connectors::Result<secrecy::SecretString> {
        Ok("another".into())
    }
}

#[derive(Debug)]
struct Something;

#[async_trait]
impl Known for Something {
    async fn versions(&self) -> connectors::Result<Versions> {
        Ok([(ItemRef::new("m1aaaaa"), Some(Version::new("\"1\"")))].into())
    }
}

fn split(data: &[u8]) -> VecDeque<Response<Bytes>> {
    let mut answers = VecDeque::new();
    let mut rest = data;
    while answers.len() < 24 {
        match rest.windows(CUT.len()).position(|here| here == CUT) {
            Some(at) => {
                answers.push_back(answer(&rest[..at]));
                rest = &rest[at + CUT.len()..];
            }
            None => {
                answers.push_back(answer(rest));
                break;
            }
        }
    }
    answers
}

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
        stamped: jiff::Timestamp::UNIX_EPOCH,
        sequence: 0,
        zone: None,
        guests: Vec::new(),
        keeps_words: false,
        keeps_time: false,
    }
}

/// The first byte says what is asked: the account, some rounds of pulls, a span, a write or a channel.
pub fn google(data: &[u8]) {
    let Some((what, rest)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let service = Arc::new(Server(Mutex::new(split(rest))));
    let transport = Transport::in_process(service, transport::Settings::default());
    let made = Google::new(
        transport,
        Settings::default(),
        Arc::new(Grant),
        Access::ReadWrite,
        serde_json::Value::Null,
    );
    let Ok(connector) = made else { return };
    let at = |text: &str| text.parse().unwrap();
    let window = Window { start: at("2027-03-01T00:00:00Z"), end: at("2027-04-01T00:00:00Z") };
    let calendar = CalendarRef::new("ana@example.com");
    runtime.block_on(async {
        match what & 7 {
            0 => {
                let _ = connector.account().await;
                let _ = connector.list_calendars().await;
            }
            1 => drop(connector.read_span(&calendar, window).await),
            2 => {
                let wanted = WantedChannel {
                    channel: "ch-1".into(),
                    secret: "secret".into(),
                    address: "https://hub.example/hooks".parse().unwrap(),
                    lives: Duration::from_secs(3600),
                    now: window.start,
                };
                let channels = connector.channels().unwrap();
                let _ = channels.open(&calendar, &wanted).await;
                let _ = channels.close("ch-1", "resource").await;
            }
            3 => {
                let writer = connector.writer().unwrap();
                let key = WriteKey { uid: "bkg-1@calhub".into(), marker: "bkg_1/0".into() };
                let _ = writer.create(&calendar, &key, &draft()).await;
                if let Ok(Some(found)) = writer.find(&calendar, &key).await
                    && let Some(version) = &found.item.version
                {
                    let item = &found.item.item;
                    let _ = writer.replace(&calendar, &key, item, version, &draft()).await;
                    let _ = writer.delete(&calendar, item, version).await;
                }
            }
            _ => pulls(&connector, &calendar, window).await,
        }
    });
}

/// Some rounds; whatever stands in a page that was read is named.
async fn pulls(connector: &Google, calendar: &CalendarRef, window: Window) {
    let mut cursor = None;
    for _ in 0..6 {
        let Ok(page) = connector.pull(calendar, window, cursor.as_ref(), &Something).await else {
            break;
        };
        for change in &page.changes {
            let (Change::Unchanged(name) | Change::Gone(name)) = change else { continue };
            assert!(!name.as_str().is_empty());
        }
        cursor = match page.next {
            Next::More(next) | Next::Resume(Some(next)) => Some(next),
            Next::Resume(None) => None,
        };
    }
}
