//! Feeds against a scripted publisher.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use super::Feed;
use crate::{
    CalendarRef, Connector, ItemRef,
    connector::{Change, Coverage, Cursor, Known, Next, Page, Versions, Window},
    error::{Kind, Result},
    transport::{Cut, Service, Settings, Transport},
};

#[derive(Debug, Default)]
struct Publisher {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Service for Publisher {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        self.asked.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().ok_or(Cut::Refused)
    }
}

#[derive(Default)]
struct Stored(Versions);

#[async_trait]
impl Known for Stored {
    async fn versions(&self) -> Result<Versions> {
        Ok(self.0.clone())
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response<Bytes> {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    if !body.is_empty() {
        answer = answer.header("content-length", body.len());
    }
    answer.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn body(head: &str, events: &[(&str, u8)]) -> String {
    let events: String = events
        .iter()
        .map(|(uid, hour)| format!("BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART:20270308T{hour:02}0000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\n"))
        .collect();
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME:Team\r\n{head}{events}END:VCALENDAR\r\n"
    )
}

fn publisher(answers: Vec<Response<Bytes>>) -> Arc<Publisher> {
    Arc::new(Publisher { answers: Mutex::new(answers.into()), asked: Mutex::default() })
}

fn feed(publisher: &Arc<Publisher>, url: &str, learned: Value) -> Feed {
    let transport = Transport::in_process(Arc::clone(publisher) as _, Settings::default());
    Feed::new(transport, url.to_owned().into(), learned).unwrap()
}

const URL: &str = "webcal://feeds.example/private-abc123/basic.ics";

async fn pull(feed: &Feed, cursor: Option<&Cursor>, known: &Versions) -> Result<Page> {
    let window = Window {
        start: "2027-03-01T00:00:00Z".parse().unwrap(),
        end: "2027-04-01T00:00:00Z".parse().unwrap(),
    };
    feed.pull(&CalendarRef::new(""), window, cursor, &Stored(known.clone())).await
}

fn resume(page: &Page) -> Cursor {
    let Next::Resume(Some(cursor)) = &page.next else { panic!("{:?}", page.next) };
    cursor.clone()
}

fn versions(page: &Page) -> Versions {
    let items = page.changes.iter().filter_map(|change| match change {
        Change::Present(item) => Some((item.item.clone(), item.version.clone())),
        Change::Unchanged(_) | Change::Gone(_) => None,
    });
    items.collect()
}

fn named(uid: &str) -> ItemRef {
    super::snapshot::name_of(&ItemRef::new(uid))
}

#[tokio::test]
async fn validators_are_sent_back_byte_by_byte() {
    let headers = [("etag", "W/\"a b\""), ("last-modified", "Mon, 1 Mar 2027 00:00:00 +0000")];
    let publisher =
        publisher(vec![answer(200, &headers, &body("", &[("a", 9)])), answer(304, &[], "")]);
    let feed = feed(&publisher, URL, Value::Null);
    let first = pull(&feed, None, &Versions::new()).await.unwrap();
    assert_eq!(first.coverage, Coverage::Everything);
    assert_eq!(first.calendar.as_ref().unwrap().published, "2027-03-01T00:00:00Z".parse().ok());
    let second = pull(&feed, Some(&resume(&first)), &versions(&first)).await.unwrap();
    assert!(second.changes.is_empty() && second.coverage == Coverage::Delta);
    assert_eq!(resume(&second), resume(&first));
    let asked = publisher.asked.lock().unwrap();
    assert_eq!(asked[0].uri().scheme_str(), Some("https"));
    assert!(!asked[0].headers().contains_key("if-none-match"));
    assert_eq!(asked[1].headers()["if-none-match"], "W/\"a b\"");
    assert_eq!(asked[1].headers()["if-modified-since"], "Mon, 1 Mar 2027 00:00:00 +0000");
}

#[tokio::test]
async fn only_what_changed_is_told() {
    let publisher = publisher(vec![
        answer(200, &[], &body("", &[("a", 9), ("b", 10)])),
        answer(200, &[], &body("", &[("c", 12), ("b", 11), ("a", 9)])),
    ]);
    let feed = feed(&publisher, URL, Value::Null);
    let first = pull(&feed, None, &Versions::new()).await.unwrap();
    let second = pull(&feed, Some(&resume(&first)), &versions(&first)).await.unwrap();
    assert_eq!(second.coverage, Coverage::Everything);
    assert!(second.changes.contains(&Change::Unchanged(named("a"))));
    let mut present: Vec<_> = versions(&second).into_keys().collect();
    present.sort();
    let mut changed = [named("b"), named("c")];
    changed.sort();
    assert_eq!(present, changed);
}

#[tokio::test]
async fn new_stamps_order_and_uids_are_no_change() {
    let first_body = body("", &[("a", 9), ("b", 10)]);
    let churned = body("PRODID:-//x//2//EN\r\n", &[("y", 10), ("x", 9)])
        .replace("DTSTAMP:20270101", "DTSTAMP:20270202");
    let publisher = publisher(vec![
        answer(200, &[], &first_body),
        answer(200, &[], &churned),
        answer(200, &[], &churned),
    ]);
    let feed = feed(&publisher, URL, Value::Null);
    let first = pull(&feed, None, &Versions::new()).await.unwrap();
    let known = versions(&first);
    let second = pull(&feed, Some(&resume(&first)), &known).await.unwrap();
    assert!(second.changes.is_empty() && second.coverage == Coverage::Delta);
    // Also when everything is asked for: the known items are recognised by what they say.
    let full = pull(&feed, None, &known).await.unwrap();
    assert_eq!(full.changes.len(), 2);
    for item in ["a", "b"] {
        assert!(full.changes.contains(&Change::Unchanged(named(item))), "{:?}", full.changes);
    }
}

#[tokio::test]
async fn the_address_is_a_secret_and_its_login_stays_with_it() {
    let moved = ("location", "https://elsewhere.example/x.ics");
    let publisher = publisher(vec![answer(302, &[moved], ""), answer(200, &[], &body("", &[]))]);
    let feed =
        feed(&publisher, "https://anna:p%40ss@feeds.example/private-abc123/basic.ics", Value::Null);
    let account = feed.account().await.unwrap();
    assert_eq!(account.label, "Team (feeds.example)");
    for text in [format!("{account:?}"), format!("{feed:?}"), feed.learned().to_string()] {
        assert!(
            !text.contains("abc123") && !text.contains("p@ss") && !text.contains("p%40ss"),
            "{text}"
        );
    }
    let asked = publisher.asked.lock().unwrap();
    assert_eq!(asked[0].headers()["authorization"], "Basic YW5uYTpwQHNz");
    assert!(asked[0].uri().authority().is_some_and(|authority| !authority.as_str().contains('@')));
    assert!(!asked[1].headers().contains_key("authorization"), "not to another origin");
}

#[tokio::test]
async fn spellings_of_one_address_are_one_account() {
    let mut identities = Vec::new();
    for url in [
        URL,
        "https://feeds.example/private-abc123/basic.ics",
        "WEBCALS://FEEDS.example:443/private-abc123/basic.ics#x",
    ] {
        let publisher = publisher(vec![answer(200, &[], &body("", &[]))]);
        identities.push(feed(&publisher, url, Value::Null).account().await.unwrap().identity);
    }
    identities.dedup();
    assert_eq!(identities.len(), 1);
    for text in
        ["", "feeds.example/x.ics", "ftp://feeds.example/x", "file:///etc/passwd", "https://"]
    {
        let transport = Transport::in_process(publisher(Vec::new()) as _, Settings::default());
        let outcome = Feed::new(transport, text.to_owned().into(), Value::Null);
        assert_eq!(outcome.map(|_| ()).unwrap_err().kind, Kind::Rejected, "{text}");
    }
}

#[tokio::test]
async fn the_poll_interval_is_the_publishers_within_our_bounds() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for (head, cache, expected) in [
        ("", None, minutes(15)),
        ("REFRESH-INTERVAL;VALUE=DURATION:PT4H\r\n", None, minutes(240)),
        ("X-PUBLISHED-TTL:PT1H\r\n", Some("max-age=60"), minutes(60)),
        ("REFRESH-INTERVAL;VALUE=DURATION:PT1S\r\n", None, minutes(5)),
        ("REFRESH-INTERVAL;VALUE=DURATION:P52W\r\n", None, minutes(24 * 60)),
        ("", Some("public, max-age=1800"), minutes(30)),
        ("", Some("max-age=31536000"), minutes(60)),
        ("", Some("no-store, max-age=0"), minutes(15)),
    ] {
        let headers: Vec<_> = cache.iter().map(|value| ("cache-control", *value)).collect();
        let publisher = publisher(vec![answer(200, &headers, &body(head, &[]))]);
        let page = pull(&feed(&publisher, URL, Value::Null), None, &Versions::new()).await.unwrap();
        assert_eq!(page.calendar.unwrap().poll_every, Some(expected), "{head} {cache:?}");
    }
}

#[tokio::test]
async fn what_is_no_calendar_is_never_an_empty_one() {
    let html = "<!DOCTYPE html><html>Sign in</html>";
    let cut = body("", &[("a", 9)]).replace("END:VCALENDAR\r\n", "");
    let mut unframed = answer(200, &[], &cut);
    unframed.headers_mut().remove("content-length");
    for (reply, expected) in [
        (answer(200, &[], html), Kind::BadReply),
        (answer(200, &[], "{}"), Kind::BadReply),
        (answer(200, &[], ""), Kind::BadReply),
        (answer(204, &[], ""), Kind::BadReply),
        (answer(206, &[], &body("", &[])), Kind::BadReply),
        (answer(304, &[], ""), Kind::BadReply),
        (unframed, Kind::Unavailable),
        (answer(401, &[], html), Kind::Unauthorized),
        (answer(403, &[], html), Kind::Forbidden),
        (answer(404, &[], html), Kind::CalendarGone),
        (answer(410, &[], ""), Kind::CalendarGone),
        (answer(500, &[], html), Kind::Unavailable),
    ] {
        let status = reply.status();
        let publisher = publisher(vec![reply]);
        let error =
            pull(&feed(&publisher, URL, Value::Null), None, &Versions::new()).await.unwrap_err();
        assert_eq!(error.kind, expected, "{status}: {error}");
        assert!(!format!("{error:?}").contains("abc123"));
    }
}

#[tokio::test]
async fn a_whole_transfer_of_a_broken_file_keeps_what_is_readable_and_says_so() {
    let cut = body("", &[("a", 9)]).replace("END:VCALENDAR\r\n", "BEGIN:VEVENT\r\nUID:b\r\n");
    let publisher = publisher(vec![answer(200, &[], &cut)]);
    let page = pull(&feed(&publisher, URL, Value::Null), None, &Versions::new()).await.unwrap();
    let told = page
        .changes
        .iter()
        .any(|change| matches!(change, Change::Present(item) if !item.faults.is_empty()));
    assert!(told && versions(&page).contains_key(&named("a")), "{:?}", page.changes);
}

#[tokio::test]
async fn a_feed_that_moved_for_good_is_asked_at_its_new_place() {
    let to = "https://new.example/private-xyz/basic.ics";
    let mut learned = Value::Null;
    for _ in 0..3 {
        let publisher =
            publisher(vec![answer(301, &[("location", to)], ""), answer(200, &[], &body("", &[]))]);
        let feed = feed(&publisher, URL, learned);
        pull(&feed, None, &Versions::new()).await.unwrap();
        learned = feed.learned();
        assert!(!learned.to_string().contains("xyz"));
    }
    let moved = publisher(vec![answer(200, &[], &body("", &[]))]);
    pull(&feed(&moved, URL, learned.clone()), None, &Versions::new()).await.unwrap();
    assert_eq!(moved.asked.lock().unwrap()[0].uri().host(), Some("new.example"));
    // And when the new place is gone, the old one is asked again.
    let back = publisher(vec![answer(404, &[], ""), answer(200, &[], &body("", &[]))]);
    let feed = feed(&back, URL, learned);
    pull(&feed, None, &Versions::new()).await.unwrap();
    assert_eq!(back.asked.lock().unwrap()[1].uri().host(), Some("feeds.example"));
}
