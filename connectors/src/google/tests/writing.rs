//! The failure table of writes against scripted answers, and what is written.

use jiff::{Timestamp, civil::date, tz::TimeZone};

use super::*;
use crate::{
    connector::{Connector, Draft, DraftTime, Guest, WriteKey, Writer, Written},
    error::Effect,
    event::{ItemRef, Version},
};

const UID: &str = "bkg-1@calhub";
const ETAG: &str = "\"3500000000000000\"";

pub(super) fn draft() -> Draft {
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
    WriteKey { uid: UID.into(), marker: "bkg_1/0".into() }
}

fn id() -> ItemRef {
    crate::google::id::of_uid(UID)
}

fn guest(address: &str) -> Guest {
    Guest { address: address.into(), name: Some("Ben".into()) }
}

/// The event of the key as it stands at Google.
fn event() -> Value {
    json!({
        "id": id().as_str(), "etag": ETAG, "status": "confirmed",
        "iCalUID": format!("{}@google.com", id().as_str()),
        "start": {"dateTime": "2027-03-08T10:00:00+01:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2027-03-08T11:00:00+01:00", "timeZone": "Europe/Berlin"},
        "extendedProperties": {"private": {"calhub": "bkg_1/0"}},
    })
}

fn there() -> Response<Bytes> {
    reply(200, event().to_string())
}

fn cancelled() -> Response<Bytes> {
    reply(200, json!({"id": id().as_str(), "etag": ETAG, "status": "cancelled"}).to_string())
}

fn missing() -> Response<Bytes> {
    reply(404, fixture!("refused/404_not_found.json"))
}

fn entry() -> Response<Bytes> {
    reply(200, "{\"id\":\"ana@example.com\",\"accessRole\":\"owner\"}")
}

fn duplicate() -> Response<Bytes> {
    reply(409, fixture!("refused/409_duplicate.json"))
}

fn found(events: &[Value]) -> Response<Bytes> {
    page(&json!(events), "nextSyncToken", "x")
}

const CREATE: &str = "POST";
const ENTRY: &str = "GET users/me/calendarList/ana%40example.com";

fn get() -> String {
    format!("GET /{}", id().as_str())
}

async fn create(server: &Arc<Server>) -> Result<Written> {
    connected(server).writer().unwrap().create(&calendar(), &key(), &draft()).await
}

async fn replace(server: &Arc<Server>, draft: &Draft) -> Result<Written> {
    let google = connected(server);
    google.replace(&calendar(), &key(), &id(), &Version::new(ETAG), draft).await
}

async fn delete(server: &Arc<Server>) -> Result<()> {
    Writer::delete(&connected(server), &calendar(), &id(), &Version::new(ETAG)).await
}

#[tokio::test]
async fn a_create_mails_nobody_and_leaves_to_the_calendar_what_is_the_calendars() {
    let server = Server::new([there()]);
    let written = create(&server).await.unwrap();
    assert_eq!((written.item.item, written.item.version), (id(), Some(Version::new(ETAG))));
    assert_eq!(written.item.events[0].uid, UID);
    let asked = server.take();
    assert_eq!(asks(&asked[0], "sendUpdates").as_deref(), Some("none"));
    let expected = json!({
        "id": id().as_str(),
        "start": {"dateTime": "2027-03-08T09:00:00Z"},
        "end": {"dateTime": "2027-03-08T10:00:00Z"},
        "summary": "Appointment",
        "visibility": "private",
        "transparency": "opaque",
        "status": "confirmed",
        "extendedProperties": {"private": {"calhub": "bkg_1/0"}},
    });
    assert_eq!(sent(&asked[0]), expected);
}

#[tokio::test]
async fn a_draft_is_written_in_its_zone_as_dates_or_as_tentative() {
    let body = async |draft: &Draft| {
        let server = Server::new([there()]);
        connected(&server).create(&calendar(), &key(), draft).await.unwrap();
        let asked = server.take();
        (sent(&asked[0]), asks(&asked[0], "sendUpdates").unwrap())
    };
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let words = Draft {
        zone: Some(zone),
        tentative: true,
        private: false,
        description: Some("Two\r\nlines\u{7}".into()),
        location: Some("Here".into()),
        guests: vec![guest("mailto:ben@x.test")],
        ..draft()
    };
    let (event, mail) = body(&words).await;
    assert_eq!(
        event["start"],
        json!({"dateTime": "2027-03-08T10:00:00+01:00", "timeZone": "Europe/Berlin"})
    );
    assert_eq!((&event["status"], &event["location"]), (&json!("tentative"), &json!("Here")));
    assert_eq!(event["description"], "Two\nlines");
    assert_eq!(event.get("visibility"), None);
    assert_eq!(event["attendees"], json!([{"email": "ben@x.test", "displayName": "Ben"}]));
    assert_eq!(mail, "all", "guests are mailed because they were asked for");
    let days = Draft {
        start: DraftTime::On(date(2027, 3, 8)),
        end: DraftTime::On(date(2027, 3, 8)),
        ..draft()
    };
    let (event, _) = body(&days).await;
    assert_eq!(
        (&event["start"], &event["end"]),
        (&json!({"date": "2027-03-08"}), &json!({"date": "2027-03-09"}))
    );
    // Google takes no event that takes no time.
    let (event, _) = body(&Draft { end: draft().start, ..draft() }).await;
    assert_eq!(event["end"], json!({"dateTime": "2027-03-08T09:01:00Z"}));
}

#[tokio::test]
async fn a_second_create_finds_the_first() {
    let server = Server::new([duplicate(), there()]);
    assert_eq!(create(&server).await.unwrap().item.item, id());
    assert_eq!(server.asked(), [CREATE.to_owned(), get()]);
}

#[tokio::test]
async fn a_twin_that_google_makes_of_a_second_create_is_taken_out() {
    let mut twin = event();
    (twin["id"], twin["etag"]) = (json!("twin0"), json!("\"9\""));
    let twin = || reply(200, twin.to_string());
    let server = Server::new([twin(), there(), reply(204, "")]);
    assert_eq!(create(&server).await.unwrap().item.item, id());
    assert_eq!(server.asked(), [CREATE.to_owned(), get(), "DELETE /twin0 \"9\"".to_owned()]);
    // Without a first one it is the only one.
    let server = Server::new([twin(), missing(), entry()]);
    assert_eq!(create(&server).await.unwrap().item.item, ItemRef::new("twin0"));
    let server = Server::new([twin(), there(), reply(503, "")]);
    assert_eq!(create(&server).await.unwrap_err().effect, Effect::Unknown);
}

#[tokio::test]
async fn a_burnt_id_is_told_so_that_another_is_made() {
    for answers in [vec![duplicate(), cancelled()], vec![duplicate(), missing(), entry()]] {
        let server = Server::new(answers);
        let error = create(&server).await.unwrap_err();
        assert_eq!(error.kind, Kind::AlreadyExists { at: Some(id()) });
        assert_eq!(error.effect, Effect::None);
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_create_is_an_unknown_effect() {
    let server = Server::new([]);
    let error = create(&server).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::Unavailable, Effect::Unknown));
    let server = Server::new([reply(200, "{\"id\":")]);
    let error = create(&server).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::BadReply, Effect::Unknown));
    let server = Server::new([reply(404, fixture!("refused/404_not_found.json"))]);
    let error = create(&server).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::CalendarGone, Effect::None));
}

#[tokio::test]
async fn an_event_is_found_by_its_id_and_else_by_its_marker() {
    let find = async |server: &Arc<Server>| connected(server).find(&calendar(), &key()).await;
    let server = Server::new([there()]);
    assert_eq!(find(&server).await.unwrap().unwrap().item.item, id());
    assert_eq!(server.asked(), [get()]);
    // Google may not notice that an id was given twice, and make another event of the second.
    let mut twin = event();
    twin["id"] = json!("twin0");
    let mut occurrence = event();
    occurrence["id"] = json!("twin0_20270308T090000Z");
    occurrence["recurringEventId"] = json!("twin0");
    for first in [missing(), cancelled()] {
        let server = Server::new([
            first,
            page(&json!([]), "nextPageToken", "CPT1"),
            found(&[occurrence.clone(), twin.clone()]),
        ]);
        assert_eq!(find(&server).await.unwrap().unwrap().item.item, ItemRef::new("twin0"));
        let asked = server.take();
        let sought = Some("calhub=bkg_1/0".to_owned());
        assert_eq!(asks(&asked[1], "privateExtendedProperty"), sought);
        assert_eq!(asks(&asked[2], "pageToken").as_deref(), Some("CPT1"));
    }
    let server = Server::new([missing(), found(&[])]);
    assert_eq!(find(&server).await.unwrap(), None);
    // No event in a calendar that is not there says nothing about the event.
    let server = Server::new([missing(), missing()]);
    assert_eq!(find(&server).await.unwrap_err().kind, Kind::CalendarGone);
    let server = Server::new([missing(), found(&[twin])]);
    let by_uid = WriteKey { uid: "their-uid@example.org".into(), marker: String::new() };
    connected(&server).find(&calendar(), &by_uid).await.unwrap().unwrap();
    let asked = server.take();
    assert_eq!(asks(&asked[1], "iCalUID").as_deref(), Some("their-uid@example.org"));
}

#[tokio::test]
async fn an_event_is_gone_when_google_says_so_and_its_calendar_is_there() {
    let get_item =
        async |server: &Arc<Server>| Writer::get(&connected(server), &calendar(), &id()).await;
    for answers in [vec![cancelled()], vec![missing(), entry()], vec![reply(410, ""), entry()]] {
        assert_eq!(get_item(&Server::new(answers)).await.unwrap(), None);
    }
    let server = Server::new([missing(), missing()]);
    assert_eq!(get_item(&server).await.unwrap_err().kind, Kind::CalendarGone);
    assert_eq!(server.asked(), [get(), ENTRY.to_owned()]);
    let server = Server::new([missing(), reply(503, "")]);
    assert_eq!(get_item(&server).await.unwrap_err().kind, Kind::Unavailable);
    let server = Server::new([there()]);
    assert_eq!(get_item(&server).await.unwrap().unwrap().item, id());
}

#[tokio::test]
async fn a_replace_names_only_what_is_ours() {
    let server = Server::new([there(), there()]);
    replace(&server, &draft()).await.unwrap();
    let asked = server.take();
    assert_eq!((asked.len(), asked[1].method().as_str()), (2, "PATCH"));
    assert_eq!(asked[1].headers()["if-match"], ETAG);
    assert_eq!(asks(&asked[1], "sendUpdates").as_deref(), Some("none"));
    let expected = json!({
        "start": {"dateTime": "2027-03-08T09:00:00Z", "date": null},
        "end": {"dateTime": "2027-03-08T10:00:00Z", "date": null},
        "summary": "Appointment",
        "visibility": "private",
        "transparency": "opaque",
        "status": "confirmed",
        "extendedProperties": {"private": {"calhub": "bkg_1/0"}},
    });
    assert_eq!(sent(&asked[1]), expected);
    let days = Draft {
        start: DraftTime::On(date(2027, 3, 8)),
        end: DraftTime::On(date(2027, 3, 9)),
        keeps_words: true,
        ..draft()
    };
    let server = Server::new([there()]);
    replace(&server, &days).await.unwrap();
    let start = json!({"date": "2027-03-08", "dateTime": null, "timeZone": null});
    assert_eq!(sent(&server.take()[0])["start"], start);
}

#[tokio::test]
async fn a_draft_that_keeps_words_and_time_changes_nothing_that_a_person_sees() {
    let silent =
        Draft { keeps_words: true, keeps_time: true, guests: vec![guest("ben@x.test")], ..draft() };
    let server = Server::new([there()]);
    replace(&server, &silent).await.unwrap();
    let asked = server.take();
    assert_eq!(sent(&asked[0]), json!({"extendedProperties": {"private": {"calhub": "bkg_1/0"}}}));
    assert_eq!(asks(&asked[0], "sendUpdates").as_deref(), Some("none"));
    let server = Server::new([there()]);
    replace(&server, &Draft { keeps_time: false, ..silent.clone() }).await.unwrap();
    let asked = server.take();
    let body = sent(&asked[0]);
    assert!(
        body.get("start").is_some()
            && body.get("summary").is_none()
            && body.get("attendees").is_none()
    );
    assert_eq!(asks(&asked[0], "sendUpdates").as_deref(), Some("all"), "guests hear of a new time");
    let server = Server::new([there(), there()]);
    replace(&server, &Draft { keeps_words: false, guests: vec![], ..silent }).await.unwrap();
    let body = sent(&server.take()[1]);
    assert!(body.get("start").is_none() && body.get("summary").is_some());
}

#[tokio::test]
async fn guests_are_added_to_those_who_are_there() {
    let mut with_people = event();
    with_people["attendees"] = json!([
        {"email": "ana@example.com", "self": true, "responseStatus": "accepted"},
        {"email": "cy@x.test", "responseStatus": "declined", "comment": "No"},
    ]);
    let server = Server::new([reply(200, with_people.to_string()), there()]);
    replace(&server, &Draft { guests: vec![guest("ben@x.test")], ..draft() }).await.unwrap();
    let asked = server.take();
    let body = sent(&asked[1]);
    let attendees = body["attendees"].as_array().unwrap();
    assert_eq!(attendees.len(), 3);
    assert_eq!(attendees[1], with_people["attendees"][1]);
    assert_eq!(body["extendedProperties"]["private"]["calhubGuests"].as_str().unwrap().len(), 8);
    assert_eq!(asks(&asked[0], "maxAttendees"), None, "nobody may be overlooked");
}

#[tokio::test]
async fn a_stale_write_conflicts() {
    let conflict = || reply(412, fixture!("refused/412_condition.json"));
    let mut newer = event();
    newer["etag"] = json!("\"4\"");
    let newer = reply(200, newer.to_string());
    let keeps_words = Draft { keeps_words: true, ..draft() };
    let stale = [
        replace(&Server::new([newer.clone()]), &draft()).await.err(),
        replace(&Server::new([there(), conflict()]), &draft()).await.err(),
        replace(&Server::new([conflict()]), &keeps_words).await.err(),
        delete(&Server::new([newer])).await.err(),
        delete(&Server::new([there(), conflict(), there()])).await.err(),
    ];
    for error in stale {
        assert_eq!(error.unwrap().kind, Kind::VersionConflict);
    }
    for answers in [vec![missing(), entry()], vec![cancelled()]] {
        assert_eq!(replace(&Server::new(answers), &draft()).await.unwrap_err().kind, Kind::Gone);
    }
    let server = Server::new([missing(), entry()]);
    assert_eq!(replace(&server, &keeps_words).await.unwrap_err().kind, Kind::Gone);
    let server = Server::new([]);
    let lost = replace(&server, &keeps_words).await.unwrap_err();
    assert_eq!(lost.effect, Effect::Unknown);
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    let done = || reply(204, "");
    let deleted = || reply(410, fixture!("refused/410_deleted.json"));
    for answers in [
        vec![there(), done()],
        vec![there(), deleted()],
        vec![there(), missing()],
        vec![there(), reply(412, ""), cancelled()],
        vec![cancelled()],
        vec![missing(), entry()],
    ] {
        delete(&Server::new(answers)).await.unwrap();
    }
    let server = Server::new([missing(), missing()]);
    assert_eq!(delete(&server).await.unwrap_err().kind, Kind::CalendarGone);
    let server = Server::new([there()]);
    assert_eq!(delete(&server).await.unwrap_err().effect, Effect::Unknown);
    // Those hear of it whom we have invited.
    for (marks, mail) in [("", "none"), ("0a1b2c3d", "all")] {
        let mut invited = event();
        invited["extendedProperties"]["private"]["calhubGuests"] = json!(marks);
        let server = Server::new([reply(200, invited.to_string()), done()]);
        delete(&server).await.unwrap();
        let asked = server.take();
        assert_eq!(asks(&asked[1], "sendUpdates").as_deref(), Some(mail));
        assert_eq!(asked[1].headers()["if-match"], ETAG);
    }
}
