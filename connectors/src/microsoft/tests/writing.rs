//! What is written, and the failure table of writes against scripted answers.

use jiff::{Timestamp, civil::date, tz::TimeZone};

use super::*;
use crate::{
    connector::{Draft, DraftTime, Guest, WriteKey, Writer, Written},
    error::Effect,
    event::{ItemRef, Version},
};

const ETAG: &str = "W/\"s1\"";
const MARK: &str = "String {00020329-0000-0000-C000-000000000046} Name calhub";
const SPELLED: &str = "bkg-1@calhub bkg_1/0";

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
    WriteKey { uid: "bkg-1@calhub".into(), marker: "bkg_1/0".into() }
}

fn made() -> Response<Bytes> {
    reply(201, single("S1", &json!({"transactionId": SPELLED})).to_string())
}

fn refused(status: u16, name: &str) -> Response<Bytes> {
    let path = format!("{}/../fixtures/microsoft/refused/{name}.json", env!("CARGO_MANIFEST_DIR"));
    reply(status, std::fs::read(path).unwrap())
}

async fn create(server: &Arc<Server>, draft: &Draft) -> Result<Written> {
    connected(server).create(&calendar(), &key(), draft).await
}

async fn replace(server: &Arc<Server>, draft: &Draft) -> Result<Written> {
    let (item, expected) = (ItemRef::new("S1"), Version::new(ETAG));
    connected(server).replace(&calendar(), &key(), &item, &expected, draft).await
}

#[tokio::test]
async fn a_create_says_whose_it_is_twice_and_mails_nobody() {
    let server = Server::new([made()]);
    let written = create(&server, &draft()).await.unwrap();
    assert_eq!(written.item.version, Some(Version::new(ETAG)));
    assert_eq!(written.item.events[0].marker.as_deref(), Some("bkg_1/0"));
    let asked = server.take();
    assert_eq!(asked[0].uri().path(), "/v1.0/me/calendars/AAA/events");
    let expected = json!({
        "transactionId": SPELLED,
        "singleValueExtendedProperties": [{"id": MARK, "value": SPELLED}],
        "subject": "Appointment",
        "sensitivity": "private",
        "showAs": "busy",
        "isAllDay": false,
        "start": {"dateTime": "2027-03-08T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-08T10:00:00", "timeZone": "UTC"},
    });
    assert_eq!(sent(&asked[0]), expected);
}

#[tokio::test]
async fn a_draft_is_written_in_utc_as_dates_or_as_tentative() {
    let body = async |draft: &Draft| {
        let server = Server::new([made()]);
        create(&server, draft).await.unwrap();
        sent(&server.take()[0])
    };
    let guest = Guest { address: "mailto:ben@x.test".into(), name: Some("Ben".into()) };
    let words = Draft {
        // The hour that the clock shows twice: its instant does not depend on who reads it.
        start: DraftTime::At("2027-10-31T00:30:00Z".parse().unwrap()),
        end: DraftTime::At("2027-10-31T01:30:00Z".parse().unwrap()),
        zone: Some(TimeZone::get("Europe/Berlin").unwrap()),
        tentative: true,
        private: false,
        description: Some("Two\r\nlines\u{7}".into()),
        location: Some("Here".into()),
        guests: vec![guest],
        ..draft()
    };
    let event = body(&words).await;
    assert_eq!(event["start"], json!({"dateTime": "2027-10-31T00:30:00", "timeZone": "UTC"}));
    assert_eq!(event["showAs"], "tentative");
    assert_eq!(event["body"], json!({"contentType": "text", "content": "Two\nlines"}));
    assert_eq!(event["location"]["displayName"], "Here");
    assert_eq!(event.get("sensitivity"), None);
    let attendee =
        json!({"emailAddress": {"address": "ben@x.test", "name": "Ben"}, "type": "required"});
    assert_eq!(event["attendees"], json!([attendee]));
    let days = Draft {
        start: DraftTime::On(date(2027, 3, 10)),
        end: DraftTime::On(date(2027, 3, 10)),
        ..draft()
    };
    let event = body(&days).await;
    assert_eq!(
        (&event["isAllDay"], &event["start"]["dateTime"]),
        (&json!(true), &json!("2027-03-10T00:00:00"))
    );
    assert_eq!(event["end"]["dateTime"], "2027-03-11T00:00:00", "a day at least");
}

#[tokio::test]
async fn an_answer_about_another_event_is_not_believed() {
    let other = reply(201, single("X", &json!({"transactionId": "of somebody else"})).to_string());
    let mine = single("S1", &json!({"transactionId": SPELLED}));
    let server = Server::new([other, listing(&json!([mine]))]);
    assert_eq!(create(&server, &draft()).await.unwrap().item.item, ItemRef::new("S1"));
    let asked = server.take();
    let filter = asks(&asked[1], "$filter").unwrap();
    let wanted = format!(
        "singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq '{SPELLED}')"
    );
    assert_eq!(filter, wanted);
    let other = reply(201, single("X", &json!({"transactionId": "of somebody else"})).to_string());
    let server = Server::new([other, listing(&json!([]))]);
    let error = create(&server, &draft()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::BadReply, Effect::Unknown));
}

#[tokio::test]
async fn a_create_that_was_made_before_is_found() {
    let duplicate = || refused(409, "409_transaction");
    let mine = single("S1", &json!({"transactionId": SPELLED}));
    let server = Server::new([duplicate(), listing(&json!([mine]))]);
    assert_eq!(create(&server, &draft()).await.unwrap().item.item, ItemRef::new("S1"));
    // Taken out since: its name is not given again.
    let server = Server::new([duplicate(), listing(&json!([]))]);
    let error = create(&server, &draft()).await.unwrap_err();
    assert_eq!(error.kind, Kind::AlreadyExists { at: None });
    for (status, name) in [(503, "503_save"), (412, "412_conflict"), (409, "409_conflict")] {
        let server = Server::new([refused(status, name)]);
        let error = create(&server, &draft()).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (Kind::Unavailable, Effect::Unknown), "{name}");
    }
    let server = Server::new([refused(400, "400_invalid")]);
    let error = create(&server, &draft()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::Rejected, Effect::None));
}

#[tokio::test]
async fn what_is_found_stands_there_and_its_own_word_comes_before_its_first() {
    let cancelled = single("C1", &json!({"isCancelled": true}));
    let adopted = single(
        "S1",
        &json!({"transactionId": "old@calhub bkg_0/0", "singleValueExtendedProperties": [
            {"id": MARK.replace("C000", "c000"), "value": SPELLED},
            {"id": MARK.replace("calhub", "Calhub"), "value": "x@calhub bkg_9/9"}]}),
    );
    let server = Server::new([listing(&json!([cancelled, adopted]))]);
    let found = connected(&server).find(&calendar(), &key()).await.unwrap().unwrap();
    assert_eq!(found.item.events[0].marker.as_deref(), Some("bkg_1/0"));
    let server = Server::new([listing(&json!([]))]);
    assert_eq!(connected(&server).find(&calendar(), &key()).await.unwrap(), None);
    let by_uid = WriteKey { uid: "o'brien".into(), marker: String::new() };
    let server = Server::new([listing(&json!([]))]);
    connected(&server).find(&calendar(), &by_uid).await.unwrap();
    assert_eq!(asks(&server.take()[0], "$filter").unwrap(), "iCalUId eq 'o''brien'");
}

#[tokio::test]
async fn a_replace_changes_what_is_ours_if_nobody_was_faster() {
    let people =
        || reply(200, json!({"id": "S1", "@odata.etag": ETAG, "attendees": []}).to_string());
    let after = || reply(200, single("S1", &json!({"@odata.etag": "W/\"s2\""})).to_string());
    let server = Server::new([people(), after()]);
    let written = replace(&server, &draft()).await.unwrap();
    assert_eq!(written.item.version, Some(Version::new("W/\"s2\"")));
    assert_eq!(written.item.events[0].marker.as_deref(), Some("bkg_1/0"), "which no answer shows");
    assert_eq!(server.asked(), ["GET @/events/S1", "PATCH @/events/S1 W/\"s1\""]);
    let newer = reply(200, json!({"id": "S1", "@odata.etag": "W/\"s9\""}).to_string());
    let server = Server::new([newer]);
    assert_eq!(replace(&server, &draft()).await.unwrap_err().kind, Kind::VersionConflict);
    let server = Server::new([people(), refused(412, "412_conflict")]);
    let error = replace(&server, &draft()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::VersionConflict, Effect::None));
    // A silent one says nothing but whose it is.
    let server = Server::new([after()]);
    let silent = Draft { keeps_words: true, keeps_time: true, ..draft() };
    replace(&server, &silent).await.unwrap();
    let expected = json!({"singleValueExtendedProperties": [{"id": MARK, "value": SPELLED}]});
    assert_eq!(sent(&server.take()[0]), expected);
}

#[tokio::test]
async fn guests_of_others_stay_and_ours_come_and_go() {
    let boss = json!({"emailAddress": {"address": "boss@x.test"}, "type": "required", "status": {"response": "accepted"}});
    let stands = json!({"id": "S1", "@odata.etag": ETAG, "attendees": [boss]});
    let after = || reply(200, single("S1", &json!({})).to_string());
    let server = Server::new([reply(200, stands.to_string()), after()]);
    let invites =
        Draft { guests: vec![Guest { address: "ben@x.test".into(), name: None }], ..draft() };
    replace(&server, &invites).await.unwrap();
    let body = sent(&server.take()[1]);
    assert_eq!(body["attendees"][0], boss);
    assert_eq!(body["attendees"][1]["emailAddress"]["address"], "ben@x.test");
    let marks = body["singleValueExtendedProperties"][1].clone();
    let stands = json!({"id": "S1", "@odata.etag": ETAG, "attendees": body["attendees"], "singleValueExtendedProperties": [marks]});
    let server = Server::new([reply(200, stands.to_string()), after()]);
    replace(&server, &draft()).await.unwrap();
    assert_eq!(sent(&server.take()[1])["attendees"], json!([boss]));
}

#[tokio::test]
async fn a_delete_is_conditional_and_a_series_is_expected_by_its_own_word() {
    let delete = async |expected: &str, answers: Vec<Response<Bytes>>| {
        let server = Server::new(answers);
        let (item, expected) = (ItemRef::new("S1"), Version::new(expected));
        let deleted = Writer::delete(&connected(&server), &calendar(), &item, &expected).await;
        (deleted.map_err(|error| error.kind), server.asked())
    };
    let (deleted, asked) = delete("W/\"k1\" abc defg", vec![reply(204, "")]).await;
    deleted.unwrap();
    assert_eq!(asked, ["DELETE @/events/S1 W/\"k1\""]);
    let stands = || reply(200, single("S1", &json!({})).to_string());
    let (deleted, _) = delete(ETAG, vec![refused(412, "412_conflict"), stands()]).await;
    assert_eq!(deleted, Err(Kind::VersionConflict));
    // Without a state to expect, nothing is sent.
    let (deleted, asked) = delete(" abc defg", vec![]).await;
    assert_eq!((deleted, asked), (Err(Kind::VersionConflict), vec![]));
}
