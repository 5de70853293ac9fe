//! Reasons and statuses against what they mean.

use std::time::Duration;

use super::*;
use crate::{
    connector::{Connector, Cursor},
    error::{Effect, RetryAfter, Throttle},
    google::errors::{About, refused},
};

macro_rules! refusal {
    ($name:literal) => {{
        let status = $name.split('_').next().unwrap().parse().unwrap();
        reply(status, fixture!(concat!("refused/", $name, ".json")))
    }};
}

fn kind(reply: &Response<Bytes>, about: About) -> Kind {
    refused(reply, "pull at www.googleapis.com", about).kind
}

fn throttled(retry_after: Option<RetryAfter>, scope: Throttle) -> Kind {
    Kind::Throttled { retry_after, scope }
}

#[test]
fn the_reason_decides_what_a_403_means() {
    let hour = |minutes: u64| Some(RetryAfter::In(Duration::from_secs(minutes * 60)));
    for (reply, expected) in [
        (refusal!("403_user"), throttled(None, Throttle::Account)),
        (refusal!("403_project"), throttled(None, Throttle::Project)),
        (refusal!("429_rate"), throttled(None, Throttle::Project)),
        (refusal!("403_quota"), throttled(hour(15), Throttle::Account)),
        (refusal!("403_daily"), throttled(hour(60), Throttle::Project)),
        (refusal!("403_permissions"), Kind::MissingScope),
        (refusal!("403_scope"), Kind::MissingScope),
        (refusal!("403_disabled"), Kind::ApiDisabled),
        (refusal!("403_forbidden"), Kind::Forbidden),
        (refusal!("403_organizer"), Kind::Forbidden),
        (refusal!("403_access"), Kind::Forbidden),
        (refusal!("403_no_user"), Kind::Forbidden),
        (refusal!("403_new"), Kind::Forbidden),
    ] {
        assert_eq!(kind(&reply, About::Token), expected);
        assert_eq!(kind(&reply, About::Event), expected);
    }
}

#[test]
fn a_pause_that_google_asks_for_is_taken() {
    let asked = Some(RetryAfter::In(Duration::from_secs(120)));
    for (reply, scope) in [
        (refusal!("403_user"), Throttle::Account),
        (refusal!("403_quota"), Throttle::Account),
        (refusal!("429_rate"), Throttle::Project),
        (reply(429, "{\"error\":{\"errors\":[{\"reason\":\"new\"}]}}"), Throttle::Account),
        (reply(429, "<html>Too many</html>"), Throttle::Host),
        (reply(503, ""), Throttle::Host),
    ] {
        let reply = with(reply, "retry-after", "120");
        assert_eq!(kind(&reply, About::Token), throttled(asked, scope));
    }
    // The day of a project ends at midnight in California, by the clock of whoever refuses.
    let late = with(refusal!("403_daily"), "date", "Mon, 08 Mar 2027 07:59:00 GMT");
    let midnight = RetryAfter::At("2027-03-08T08:00:00Z".parse().unwrap());
    assert_eq!(kind(&late, About::Token), throttled(Some(midnight), Throttle::Project));
}

#[test]
fn the_rest_is_told_apart_by_status_and_subject() {
    for (reply, about, expected) in [
        (refusal!("400_invalid"), About::Token, Kind::CursorExpired),
        (refusal!("400_invalid"), About::Calendar, Kind::Rejected),
        (refusal!("400_empty_range"), About::Event, Kind::Rejected),
        (refusal!("400_no_push"), About::Channel, Kind::NoPush),
        (refusal!("400_channel"), About::Channel, Kind::AlreadyExists { at: None }),
        (refusal!("401_address"), About::Channel, Kind::Rejected),
        (refusal!("404_not_found"), About::Token, Kind::CalendarGone),
        (refusal!("404_not_found"), About::Calendar, Kind::CalendarGone),
        (refusal!("404_not_found"), About::Channel, Kind::CalendarGone),
        (refusal!("404_not_found"), About::Event, Kind::Gone),
        (refusal!("404_not_found"), About::Account, Kind::Forbidden),
        (refusal!("409_duplicate"), About::Calendar, Kind::AlreadyExists { at: None }),
        (refusal!("409_conflict"), About::Event, Kind::Unavailable),
        (refusal!("410_full_sync"), About::Token, Kind::CursorExpired),
        (refusal!("410_updated_min"), About::Token, Kind::CursorExpired),
        (refusal!("410_full_sync"), About::Calendar, Kind::Unavailable),
        (reply(410, ""), About::Token, Kind::CursorExpired),
        (reply(410, "{\"error\":{\"code\":410}}"), About::Token, Kind::CursorExpired),
        (reply(410, ""), About::Calendar, Kind::CalendarGone),
        (refusal!("410_deleted"), About::Event, Kind::Gone),
        (refusal!("412_condition"), About::Event, Kind::VersionConflict),
        (refusal!("500_backend"), About::Event, Kind::Unavailable),
        (reply(502, "<html>Bad gateway</html>"), About::Token, Kind::Unavailable),
        (reply(503, ""), About::Token, Kind::Unavailable),
        (reply(302, ""), About::Token, Kind::BadReply),
        // Some proxy's word, and not Google's.
        (reply(403, "<html>Blocked</html>"), About::Token, Kind::BadReply),
        (reply(404, "<html>Not here</html>"), About::Event, Kind::BadReply),
        (reply(404, ""), About::Token, Kind::BadReply),
    ] {
        assert_eq!(kind(&reply, about), expected, "{} {about:?}", reply.status());
    }
}

#[test]
fn no_refusal_tells_of_anybody() {
    for reply in [
        refusal!("403_new"),
        refusal!("401_address"),
        reply(403, "{\"error\":{\"errors\":[{\"reason\":\"ana@example.com has no calendar\"}]}}"),
        reply(400, "{\"error\":\"ana@example.com\"}"),
        reply(500, "<html>ana@example.com https://hub.example/hooks</html>"),
    ] {
        let error = refused(&reply, "pull at www.googleapis.com", About::Event);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("ana@") && !text.contains("hub.example"), "{text}");
        assert!(text.contains("www.googleapis.com was answered with"), "{text}");
    }
    let error = refused(&refusal!("403_new"), "pull at x", About::Event);
    assert_eq!(error.to_string(), "pull at x was answered with 403 (someNewReason)");
    assert_eq!(error.status, Some(403));
}

#[tokio::test]
async fn a_cursor_may_expire_in_the_middle_of_its_pages() {
    let events = json!([]);
    for refusal in [refusal!("410_full_sync"), reply(410, ""), refusal!("400_invalid")] {
        let server = Server::new([page(&events, "nextPageToken", "CPT1"), refusal]);
        let google = connected(&server);
        let first = google.pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
        let crate::Next::More(cursor) = first.next else { panic!("no page") };
        let next = google.pull(&calendar(), window(), Some(&cursor), &Stored::default()).await;
        assert_eq!(next.unwrap_err().kind, Kind::CursorExpired);
    }
}

#[tokio::test]
async fn what_is_forbidden_may_be_a_calendar_that_is_gone() {
    let entry = || reply(200, "{\"id\":\"ana@example.com\"}");
    for (listed, expected) in [
        (entry(), Kind::Forbidden),
        (refusal!("404_not_found"), Kind::CalendarGone),
        (reply(200, "{\"id\":\"ana@example.com\",\"deleted\":true}"), Kind::CalendarGone),
        (refusal!("500_backend"), Kind::Forbidden),
    ] {
        let server = Server::new([refusal!("403_forbidden"), listed]);
        let google = connected(&server);
        let pulled = google.pull(&calendar(), window(), None, &Stored::default()).await;
        assert_eq!(pulled.unwrap_err().kind, expected);
    }
}

#[tokio::test]
async fn a_failure_of_google_leaves_a_write_in_doubt_and_a_read_not() {
    for reply in [refusal!("500_backend"), reply(503, ""), reply(502, "<html></html>")] {
        let server = Server::new([reply.clone(), reply]);
        let google = connected(&server);
        let read = google.account().await.unwrap_err();
        assert_eq!(read.kind, Kind::Unavailable);
        let key = crate::WriteKey { uid: "bkg-1@calhub".into(), marker: "bkg_1".into() };
        let writer = google.writer().unwrap();
        let written = writer.create(&calendar(), &key, &super::writing::draft()).await.unwrap_err();
        assert_eq!((written.kind, written.effect), (Kind::Unavailable, Effect::Unknown));
    }
}

#[tokio::test]
async fn nothing_is_told_by_an_error_of_a_body() {
    let server = Server::new([
        reply(200, "{\"error\":\"ana@example.com\"}"),
        reply(200, "{\"kind\":\"calendar#events\",\"items\":[{\"id\":\"ana@example.com\""),
    ]);
    let google = connected(&server);
    let cursor: Option<&Cursor> = None;
    for _ in 0..2 {
        let error = google.pull(&calendar(), window(), cursor, &Stored::default()).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, Kind::BadReply);
        assert!(!format!("{error} {error:?} {google:?}").contains("ana"), "{error:?}");
    }
}
