//! Pages that are too large to be read.

use serde_json::json;

use super::*;
use crate::connector::{Connector, Next};

/// Events of which each carries what another program keeps in it.
fn laden(ids: std::ops::Range<u32>, next: &str, token: &str) -> Response<Bytes> {
    let note = "x".repeat(200);
    let event = |n| {
        json!({"id": format!("e{n}"), "status": "confirmed", "extendedProperties": {"private": {"other": note}},
        "start": {"dateTime": "2027-03-15T09:00:00+01:00"}, "end": {"dateTime": "2027-03-15T10:00:00+01:00"}})
    };
    page(&json!(ids.map(event).collect::<Vec<_>>()), next, token)
}

fn cramped(server: &Arc<Server>, body: usize) -> Google {
    let limits = transport::Limits { body, ..transport::Limits::default() };
    let settings = transport::Settings { limits, ..transport::Settings::default() };
    let transport = Transport::in_process(Arc::clone(server) as _, settings);
    let tokens = Arc::new(Given { left: Mutex::new(1) });
    Google::new(transport, Settings::default(), tokens, Access::ReadWrite, Value::Null).unwrap()
}

#[tokio::test]
async fn a_page_too_large_to_be_read_is_asked_for_again_with_half_its_events() {
    let server = Server::new([
        laden(0..40, "nextSyncToken", "CST1"),
        laden(0..20, "nextPageToken", "CPT1"),
        laden(0..9, "nextPageToken", "CPT1"),
        laden(9..18, "nextSyncToken", "CST1"),
        laden(18..19, "nextSyncToken", "CST2"),
    ]);
    let google = cramped(&server, 4_500);
    let read = google.pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    assert_eq!(read.changes.len(), 9);
    let Next::More(cursor) = read.next else { panic!("no page") };
    // The rest of the round is not tried whole again; the next round is.
    let read = google.pull(&calendar(), window(), Some(&cursor), &Stored::default()).await.unwrap();
    let Next::Resume(Some(cursor)) = read.next else { panic!("no cursor") };
    google.pull(&calendar(), window(), Some(&cursor), &Stored::default()).await.unwrap();
    let asked: Vec<_> =
        server.take().iter().map(|it| (asks(it, "maxResults"), asks(it, "pageToken"))).collect();
    let expected =
        [("2500", None), ("1250", None), ("625", None), ("625", Some("CPT1")), ("2500", None)];
    let told =
        |(most, page): (&str, Option<&str>)| (Some(most.to_owned()), page.map(str::to_owned));
    assert_eq!(asked, expected.map(told));
}

#[tokio::test]
async fn a_single_event_too_large_to_be_read_is_a_bad_reply() {
    let server = Server::new((0..20).map(|_| laden(0..40, "nextSyncToken", "CST1")));
    let google = cramped(&server, 4_500);
    let read = google.pull(&calendar(), window(), None, &Stored::default()).await;
    assert_eq!(read.unwrap_err().kind, Kind::BadReply);
    let last = server.take().last().and_then(|it| asks(it, "maxResults"));
    assert_eq!(last.as_deref(), Some("1"));
    let at = |text: &str| text.parse().unwrap();
    let server =
        Server::new([laden(0..40, "nextSyncToken", "x"), laden(0..2, "nextSyncToken", "x")]);
    let span = Window { start: at("2027-03-15T08:00:00Z"), end: at("2027-03-15T09:00:00Z") };
    assert_eq!(cramped(&server, 4_500).read_span(&calendar(), span).await.unwrap().len(), 2);
    assert_eq!(asks(&server.take()[1], "maxResults").as_deref(), Some("1250"));
}
