//! The failure table of writes against scripted servers.

use jiff::Timestamp;
use serde_json::json;

use super::{Server, calendar, connected, event, listing, reply, with};
use crate::{
    Connector, Effect, ItemRef, Version, WriteKey,
    connector::{Draft, DraftTime, Written},
    error::{Kind, Result},
};

const UID: &str = "bkg-1@calhub";
const PUT: &str = "PUT /dav/cal/bkg-1@calhub.ics if-none-match: *";
const GET: &str = "GET /dav/cal/bkg-1@calhub.ics";

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
        stamped: Timestamp::UNIX_EPOCH,
        sequence: 0,
        zone: None,
        guests: Vec::new(),
        keeps_words: false,
        keeps_time: false,
    }
}

fn key() -> WriteKey {
    WriteKey { uid: UID.into(), marker: "bkg_1".into() }
}

async fn create(
    server: &std::sync::Arc<Server>,
    capabilities: serde_json::Value,
) -> Result<Written> {
    let connector = connected(server, &capabilities);
    connector.writer().unwrap().create(&calendar(), &key(), &draft()).await
}

fn found(uid: &str) -> http::Response<bytes::Bytes> {
    with(reply(200, event(uid)), "etag", "\"7\"")
}

fn refused(precondition: &str) -> String {
    format!(
        "<D:error xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">{precondition}</D:error>"
    )
}

#[tokio::test]
async fn a_create_is_conditional_and_read_back() {
    let server = Server::new([with(reply(201, ""), "etag", "\"1\""), found(UID)]);
    let written = create(&server, json!({})).await.unwrap();
    assert_eq!(written.item.version, Some(Version::new("\"7\"")), "as read back, not as answered");
    assert_eq!(server.asked(), [PUT, GET]);
}

#[tokio::test]
async fn a_server_may_store_under_another_name() {
    let renamed = with(reply(201, ""), "location", "/dav/cal/renamed.EML");
    let server = Server::new([renamed, found(UID)]);
    let written = create(&server, json!({})).await.unwrap();
    assert_eq!(written.item.item, ItemRef::new("/dav/cal/renamed.EML"));
    let elsewhere = with(reply(201, ""), "location", "https://evil.test/dav/cal/x.ics");
    let server = Server::new([elsewhere, found(UID)]);
    create(&server, json!({})).await.unwrap();
    assert_eq!(server.asked(), [PUT, GET]);
}

#[tokio::test]
async fn a_refused_create_that_was_ours_is_a_success() {
    let server = Server::new([reply(412, ""), found(UID)]);
    assert!(create(&server, json!({})).await.is_ok());
    let taken =
        refused("<C:no-uid-conflict><D:href>/dav/cal/theirs.ics</D:href></C:no-uid-conflict>");
    for status in [403, 409, 412] {
        let server = Server::new([reply(status, taken.clone()), found(UID)]);
        let written = create(&server, json!({})).await.unwrap();
        assert_eq!(written.item.item, ItemRef::new("/dav/cal/theirs.ics"));
    }
}

#[tokio::test]
async fn twins_are_found_however_the_server_says_it() {
    let place = listing(&[("/dav/cal/twin.ics", "\"1\"")], None);
    for (status, body) in [
        (409, refused("<C:no-uid-conflict/>")),
        (412, refused("<C:no-uid-conflict/>")),
        (403, refused("<C:unique-scheduling-object-resource/>")),
        (400, "Calendar object with uid already exists in this calendar collection.".into()),
        (409, "Event UID already in use.".into()),
    ] {
        // Not under our name; found by its UID.
        let server = Server::new([
            reply(status, body.clone()),
            reply(404, ""),
            reply(207, place.clone()),
            found(UID),
        ]);
        let written = create(&server, json!({})).await.unwrap();
        assert_eq!(written.item.item, ItemRef::new("/dav/cal/twin.ics"), "{status} {body}");
        let server = Server::new([
            reply(status, body.clone()),
            reply(404, ""),
            reply(207, listing(&[], None)),
        ]);
        let error = create(&server, json!({})).await.unwrap_err();
        assert_eq!(error.kind, Kind::AlreadyExists { at: None }, "{status} {body}");
    }
}

#[tokio::test]
async fn somebody_elses_event_in_our_place_is_told() {
    let server = Server::new([reply(412, ""), found("theirs")]);
    let error = create(&server, json!({})).await.unwrap_err();
    let at = Some(ItemRef::new("/dav/cal/bkg-1@calhub.ics"));
    assert_eq!(error.kind, Kind::AlreadyExists { at });
}

#[tokio::test]
async fn refusals_are_sorted() {
    for (status, body, expected, effect) in [
        (403, refused("<D:need-privileges/>"), Kind::Forbidden, Effect::None),
        (403, refused("<C:max-resource-size/>"), Kind::Rejected, Effect::None),
        (412, refused("<C:valid-calendar-data/>"), Kind::Rejected, Effect::None),
        (403, refused("<C:supported-calendar-component/>"), Kind::Rejected, Effect::None),
        (400, "bad".into(), Kind::Rejected, Effect::None),
        (413, String::new(), Kind::Rejected, Effect::None),
        (415, String::new(), Kind::Rejected, Effect::None),
        (507, String::new(), Kind::Rejected, Effect::None),
        (423, String::new(), Kind::Unavailable, Effect::None),
        (500, String::new(), Kind::Unavailable, Effect::Unknown),
        (502, String::new(), Kind::Unavailable, Effect::Unknown),
    ] {
        let server = Server::new([reply(status, body.clone())]);
        let error = create(&server, json!({})).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (expected, effect), "{status} {body}");
    }
    for status in [403, 404, 409] {
        let server = Server::new([reply(status, ""), reply(404, "")]);
        let error = create(&server, json!({})).await.unwrap_err();
        assert_eq!(error.kind, Kind::CalendarGone, "{status} of a calendar that is gone");
    }
}

#[tokio::test]
async fn where_conditions_are_ignored_the_place_is_looked_at_first() {
    let server = Server::new([found(UID)]);
    create(&server, json!({"create_condition": false})).await.unwrap();
    assert_eq!(server.asked(), [GET]);
    let nothing = || reply(207, listing(&[], None));
    let server = Server::new([found("theirs"), nothing(), found("theirs")]);
    let error = create(&server, json!({"create_condition": false})).await.unwrap_err();
    assert!(matches!(error.kind, Kind::AlreadyExists { .. }));
    assert!(!server.asked().iter().any(|line| line.starts_with("PUT")));
}

#[tokio::test]
async fn a_write_sends_back_the_version_as_it_was_received() {
    let current = || with(reply(200, event(UID)), "etag", "W/\"7-gzip\"");
    let server = Server::new([current(), reply(204, ""), current(), current(), reply(204, "")]);
    let connector = connected(&server, &json!({}));
    let writer = connector.writer().unwrap();
    let (item, version) = (ItemRef::new("/dav/cal/x.ics"), Version::new("\"7\""));
    writer.replace(&calendar(), &key(), &item, &version, &draft()).await.unwrap();
    writer.delete(&calendar(), &item, &version).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[1], "PUT /dav/cal/x.ics if-match: W/\"7-gzip\"");
    assert_eq!(asked[4], "DELETE /dav/cal/x.ics if-match: W/\"7-gzip\"");
}

#[tokio::test]
async fn a_vanished_event_is_gone_and_not_a_conflict() {
    let (item, version) = (ItemRef::new("/dav/cal/x.ics"), Version::new("\"7\""));
    for (answers, expected) in [
        (vec![reply(404, "")], Kind::Gone),
        (vec![found(UID), reply(412, ""), reply(404, "")], Kind::Gone),
        (vec![found(UID), reply(404, "")], Kind::Gone),
        (vec![found(UID), reply(412, ""), found(UID)], Kind::VersionConflict),
        (vec![with(reply(200, event(UID)), "etag", "\"8\"")], Kind::VersionConflict),
    ] {
        let server = Server::new(answers);
        let connector = connected(&server, &json!({}));
        let writer = connector.writer().unwrap();
        let error =
            writer.replace(&calendar(), &key(), &item, &version, &draft()).await.unwrap_err();
        assert_eq!(error.kind, expected);
    }
    for answers in [
        vec![reply(404, "")],
        vec![found(UID), reply(404, "")],
        vec![found(UID), reply(412, ""), reply(404, "")],
        vec![found(UID), reply(403, ""), reply(404, "")],
    ] {
        let server = Server::new(answers);
        let connector = connected(&server, &json!({}));
        let writer = connector.writer().unwrap();
        assert!(writer.delete(&calendar(), &item, &version).await.is_ok());
    }
}

#[tokio::test]
async fn a_server_without_etags_is_still_asked_conditionally() {
    let plain = || reply(200, event(UID));
    let none = || reply(207, "<d:multistatus xmlns:d=\"DAV:\"/>");
    let server = Server::new([plain(), none(), plain(), none(), reply(204, ""), plain(), none()]);
    let connector = connected(&server, &json!({}));
    let writer = connector.writer().unwrap();
    let item = ItemRef::new("/dav/cal/x.ics");
    let version = writer.get(&calendar(), &item).await.unwrap().unwrap().version.unwrap();
    assert!(version.as_str().starts_with("content:"));
    writer.replace(&calendar(), &key(), &item, &version, &draft()).await.unwrap();
    assert_eq!(server.asked()[4], "PUT /dav/cal/x.ics if-match: *");
}
