//! Pages of events, and where rounds go.

use std::collections::HashMap;

use jiff::civil::date;
use serde_json::json;

use super::*;
use crate::{
    connector::{Change, Connector, Coverage, Cursor, Next},
    event::{
        EventType, Item, ItemRef, RemoteEnd, RemoteEvent, RemoteTime, Response as Answer, Status,
        Version,
    },
    google::{pull::changes, read_page, wire},
};

fn items(body: &[u8]) -> HashMap<String, Item> {
    let present = |change| match change {
        Change::Present(item) => Some((item.item.as_str().to_owned(), item)),
        _ => None,
    };
    read_page(body).unwrap().into_iter().filter_map(present).collect()
}

fn only(item: &Item) -> &RemoteEvent {
    assert_eq!(item.events.len(), 1, "{item:?}");
    &item.events[0]
}

fn utc(text: &str) -> RemoteTime {
    RemoteTime::Utc(text.parse().unwrap())
}

fn zoned(day: i8, hour: i8, minute: i8, tzid: &str) -> RemoteTime {
    RemoteTime::Zoned { at: date(2027, 3, day).at(hour, minute, 0, 0), tzid: tzid.into() }
}

#[test]
fn a_series_keeps_its_rule_in_its_own_zone() {
    let read = items(fixture!("page.json"));
    let weekly = only(&read["m1aaaaa"]);
    assert_eq!(weekly.start, zoned(1, 9, 0, "Europe/Berlin"));
    assert_eq!(weekly.end, RemoteEnd::At(zoned(1, 9, 15, "Europe/Berlin")));
    assert_eq!(weekly.rules, ["FREQ=WEEKLY;BYDAY=MO"]);
    assert_eq!(weekly.exdates, [zoned(29, 9, 0, "Europe/Berlin")]);
    assert_eq!((weekly.uid.as_str(), weekly.sequence), ("m1aaaaa@google.com", 2));
    assert_eq!(read["m1aaaaa"].version, Some(Version::new("\"3500000000000000\"")));
    // The page is in the calendar's zone, the rule is in the event's.
    let abroad = only(&read["n1ccccc"]);
    assert_eq!(abroad.start, zoned(1, 10, 0, "America/New_York"));
    assert_eq!(abroad.uid, "040000008200E00074C5B7101A82E00800000000@example.org");
}

#[test]
fn a_moved_and_a_cancelled_occurrence_belong_to_their_series() {
    let read = items(fixture!("page.json"));
    let cancelled = &read["m1aaaaa_20270308T080000Z"];
    assert_eq!(cancelled.series, ItemRef::new("m1aaaaa"));
    let event = only(cancelled);
    assert_eq!(event.status, Status::Cancelled);
    let original = event.recurrence_id.clone().unwrap();
    assert_eq!(original.at, zoned(8, 9, 0, "Europe/Berlin"));
    let moved = &read["m1aaaaa_20270315T080000Z"];
    assert_eq!(moved.series, ItemRef::new("m1aaaaa"));
    assert_eq!(only(moved).start, zoned(16, 14, 0, "Europe/Berlin"));
    assert_eq!(only(moved).recurrence_id.as_ref().unwrap().at, zoned(15, 9, 0, "Europe/Berlin"));
    assert_eq!(only(moved).stamped, Some("2027-02-02T08:00:00Z".parse().unwrap()));
    assert_eq!(read["m1aaaaa"].series, read["m1aaaaa"].item);
}

#[test]
fn a_date_stays_a_date_and_a_single_event_is_an_instant() {
    let read = items(fixture!("page.json"));
    let away = only(&read["d1bbbbb"]);
    assert_eq!(away.start, RemoteTime::Date(date(2027, 3, 10)));
    assert_eq!(away.end, RemoteEnd::At(RemoteTime::Date(date(2027, 3, 12))));
    assert!(away.transparent && away.status == Status::Tentative);
    let single = only(&read["64p36d1h6orjge9g64p36d1h6orjge9g"]);
    assert_eq!(single.start, utc("2027-03-02T15:00:00Z"));
    assert_eq!(single.marker.as_deref(), Some("bkg_1/0"));
}

#[test]
fn a_cancelled_row_with_nothing_but_an_id_is_understood() {
    let changes = read_page(fixture!("delta.json")).unwrap();
    let gone: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Gone(item) => Some(item.as_str()),
            _ => None,
        })
        .collect();
    let unnamed = "_60q30c1g60o30e1i60o4ac1g60rj8gpl88rj2c1h84s34h9g60s30c1g60o30c1g";
    // The rest of a split series is a series, and no occurrence.
    assert_eq!(gone, ["z9deleted0", "m1aaaaa_R20270412T070000", unnamed]);
    let read = items(fixture!("delta.json"));
    let timed = &read["m1aaaaa_20270405T070000Z"];
    assert_eq!(timed.series, ItemRef::new("m1aaaaa"));
    assert_eq!(only(timed).recurrence_id.as_ref().unwrap().at, utc("2027-04-05T07:00:00Z"));
    let day = &read["d2ddddd_20270310"];
    assert_eq!(only(day).recurrence_id.as_ref().unwrap().at, RemoteTime::Date(date(2027, 3, 10)));
    assert_eq!((only(day).status, day.series.as_str()), (Status::Cancelled, "d2ddddd"));
    // A moved occurrence comes without its master, and without the zone of its new time.
    let moved = only(&read["m1aaaaa_20270322T080000Z"]);
    assert_eq!(moved.start, utc("2027-03-23T13:00:00Z"));
}

#[test]
fn every_type_and_every_answer_is_told_apart_and_unknown_ones_are_busy() {
    let read = items(fixture!("types.json"));
    let of_type = |id: &str| only(&read[id]).event_type;
    for (id, expected) in [
        ("default", EventType::Default),
        ("outofoffice", EventType::OutOfOffice),
        ("focustime", EventType::FocusTime),
        ("workinglocation", EventType::WorkingLocation),
        ("birthday", EventType::Birthday),
        ("fromgmail", EventType::Default),
        ("newtype", EventType::Default),
    ] {
        assert_eq!(of_type(id), expected, "{id}");
    }
    for (id, expected) in [
        ("accepted", Some(Answer::Accepted)),
        ("declined", Some(Answer::Declined)),
        ("tentative", Some(Answer::Tentative)),
        ("needsaction", Some(Answer::NeedsAction)),
        ("others", None),
        ("newanswer", None),
    ] {
        assert_eq!(only(&read[id]).response, expected, "{id}");
        assert!(!only(&read[id]).transparent);
    }
}

#[test]
fn a_masked_event_is_busy() {
    let read = items(fixture!("masked.json"));
    let event = only(&read["masked1"]);
    assert_eq!((event.transparent, event.status), (false, Status::Confirmed));
    assert_eq!(event.end, RemoteEnd::At(utc("2027-03-02T16:00:00Z")));
}

#[test]
fn what_cannot_be_read_is_told_and_is_never_free() {
    let read = items(fixture!("odd.json"));
    assert_eq!(read.len(), 15, "nothing is dropped");
    for id in ["nostart", "oddstart", "impossible"] {
        assert!(read[id].unplaced && read[id].events.is_empty(), "{id}");
        assert_eq!(read[id].faults, ["the start cannot be read"], "{id}");
    }
    assert!(!read["freeandodd"].unplaced && read["freeandodd"].faults.len() == 1);
    for id in ["noend", "oddend"] {
        assert_eq!(only(&read[id]).end, RemoteEnd::Unreadable, "{id}");
        assert_eq!(read[id].faults, ["the end cannot be read"], "{id}");
    }
    assert_eq!(only(&read["noendday"]).end, RemoteEnd::Unstated);
    let words = only(&read["oddwords"]);
    assert_eq!((words.status, words.transparent), (Status::Confirmed, false));
    assert_eq!((read["oddwords"].version.clone(), words.stamped), (None, None));
    let recurs = &read["oddrecurrence"];
    assert!(recurs.unplaced && recurs.faults.len() == 3, "{:?}", recurs.faults);
    assert_eq!(only(recurs).rules, ["FREQ=WEEKLY"]);
    assert!(read["norecurrence"].unplaced);
    let homeless = &read["homeless"];
    assert_eq!((homeless.series.as_str(), homeless.faults.len()), ("homeless", 1));
    assert_eq!(only(homeless).recurrence_id, None);
    let zone = &read["oddzone"];
    assert_eq!(only(zone).start, utc("2027-03-01T08:00:00Z"));
    assert!(zone.faults.contains(&"a time zone is unknown".to_owned()));
    assert_eq!(only(&read["nooffset"]).start, zoned(1, 9, 0, "Asia/Tokyo"));
    assert_eq!(only(&read["nozone"]).start, zoned(1, 9, 0, "Europe/Berlin"));
    assert!(read["good"].faults.is_empty());
}

#[test]
fn an_event_of_ours_is_known_by_its_id_alone() {
    let uid = "0123456789abcdef0123456789abcdef@calhub";
    let id = crate::google::id::of_uid(uid);
    let event = json!({"id": id.as_str(), "iCalUID": format!("{}@google.com", id.as_str()),
        "start": {"date": "2027-03-01"}, "end": {"date": "2027-03-02"}});
    let body = json!({"kind": "calendar#events", "items": [event]}).to_string();
    assert_eq!(only(&items(body.as_bytes())[id.as_str()]).uid, uid);
}

#[test]
fn a_clock_that_is_shown_twice_leaves_no_doubt() {
    // Berlin, 31 October 2027, 02:30, the second time.
    let moment = json!({"dateTime": "2027-10-31T02:30:00+01:00", "timeZone": "Europe/Berlin"});
    let event = json!({"id": "a_20271030T003000Z", "recurringEventId": "a",
        "originalStartTime": {"dateTime": "2027-10-30T02:30:00+02:00", "timeZone": "Europe/Berlin"},
        "start": moment, "end": {"dateTime": "2027-10-31T03:30:00+01:00", "timeZone": "Europe/Berlin"}});
    let body = json!({"kind": "calendar#events", "items": [event]}).to_string();
    let read = items(body.as_bytes());
    assert_eq!(only(&read["a_20271030T003000Z"]).start, utc("2027-10-31T01:30:00Z"));
}

#[test]
fn what_is_no_page_is_no_empty_page() {
    for body in [
        "",
        "<html><p>Sign in</p></html>",
        "{\"error\":\"sign in\"}",
        "{}",
        "[]",
        "null",
        "{\"kind\":\"calendar#event\",\"items\":[]}",
        "{\"kind\":\"calendar#events\"}",
        "{\"kind\":\"calendar#events\",\"items\":[{\"status\":\"confirmed\"}]}",
        "{\"kind\":\"calendar#events\",\"items\":[{\"id\":\"a\"}]",
        "{\"kind\":\"calendar#events\",\"items\":{\"id\":\"a\"}}",
        "{\"kind\":\"calendar#events\",\"items\":[7]}",
    ] {
        let error = read_page(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind, Kind::BadReply, "{body}");
        assert!(!error.to_string().contains("sign"), "{error}");
    }
    assert!(read_page(b"{\"kind\":\"calendar#events\",\"items\":[],\"x\":\xff}").is_err());
}

#[test]
fn nothing_is_escaped_that_is_not_and_borrowed_that_is() {
    let body =
        br#"{"kind":"calendar#events","items":[{"id":"a\u0062c","start":{"date":"2027-03-01"}}]}"#;
    assert!(items(body).contains_key("abc"));
}

#[tokio::test]
async fn a_round_goes_through_empty_pages_to_its_token() {
    let server = Server::new([
        reply(200, fixture!("page.json")),
        page(&json!([]), "nextPageToken", "CPT2"),
        reply(200, fixture!("last.json")),
        reply(200, fixture!("delta.json")),
    ]);
    let google = connected(&server);
    let known = Stored::default();
    let mut cursor: Option<Cursor> = None;
    for (number, tokens) in
        [(None, None), (None, Some("CPT1")), (None, Some("CPT2"))].into_iter().enumerate()
    {
        let page = google.pull(&calendar(), window(), cursor.as_ref(), &known).await.unwrap();
        assert_eq!(page.coverage, Coverage::Everything);
        assert_eq!(page.calendar.unwrap().time_zone.as_deref(), Some("Europe/Berlin"));
        let [asked] = &server.take()[..] else { panic!("one request a page") };
        assert_eq!(
            (asks(asked, "syncToken").as_deref(), asks(asked, "pageToken").as_deref()),
            tokens
        );
        cursor = match (page.next, number) {
            (Next::More(next), 0 | 1) => Some(next),
            (Next::Resume(next), 2) => next,
            other => panic!("{other:?}"),
        };
    }
    let page = google.pull(&calendar(), window(), cursor.as_ref(), &known).await.unwrap();
    assert_eq!(page.coverage, Coverage::Delta);
    assert_eq!(asks(&server.take()[0], "syncToken").as_deref(), Some("CST1"));
    assert_eq!(*known.1.lock().unwrap(), 3, "a delta needs no look at what is known");
}

#[test]
fn the_same_etag_is_no_news() {
    let page = wire::page(fixture!("page.json")).unwrap();
    let known = [
        (ItemRef::new("m1aaaaa"), Some(Version::new("\"3500000000000000\""))),
        (ItemRef::new("d1bbbbb"), Some(Version::new("\"older\""))),
        (ItemRef::new("n1ccccc"), None),
    ];
    let changes = changes(&page, &known.into()).unwrap();
    let unchanged: Vec<_> =
        changes.iter().filter(|change| matches!(change, Change::Unchanged(_))).collect();
    assert_eq!(unchanged, [&Change::Unchanged(ItemRef::new("m1aaaaa"))]);
}

#[tokio::test]
async fn a_cursor_of_another_question_reads_everything_and_believes_nothing() {
    let event = json!([{"id": "abcde", "etag": "\"1\"", "start": {"date": "2027-03-01"}}]);
    let server = Server::new([
        page(&event, "nextSyncToken", "CST1"),
        page(&event, "nextSyncToken", "CST2"),
        page(&event, "nextSyncToken", "CST3"),
    ]);
    let busy_only = connected_with(&server, Access::BusyOnly);
    let known =
        Stored([(ItemRef::new("abcde"), Some(Version::new("\"1\"")))].into(), Mutex::default());
    let read = busy_only.pull(&calendar(), window(), None, &known).await.unwrap();
    assert!(matches!(read.changes[..], [Change::Unchanged(_)]));
    let Next::Resume(Some(cursor)) = read.next else { panic!("no cursor") };
    // The same event may say more to somebody who may see more.
    let google = connected(&server);
    for old in [cursor.as_str(), "{\"question\":0,\"sync\":\"x\"}", "CST1", "", "{}"] {
        let old = Cursor::new(old);
        let error = google.pull(&calendar(), window(), Some(&old), &known).await.unwrap_err();
        assert_eq!(error.kind, Kind::CursorExpired, "{old:?}");
    }
    let read = google.pull(&calendar(), window(), None, &known).await.unwrap();
    assert!(matches!(read.changes[..], [Change::Present(_)]), "{:?}", read.changes);
    let read = google.pull(&calendar(), window(), None, &known).await.unwrap();
    assert!(matches!(read.changes[..], [Change::Unchanged(_)]), "once is enough");
}

#[tokio::test]
async fn a_change_of_role_reads_everything() {
    let server = Server::new([
        page(&json!([]), "nextSyncToken", "CST1"),
        reply(200, fixture!("masked.json")),
    ]);
    let google = connected(&server);
    let read = google.pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    let Next::Resume(cursor) = read.next else { panic!("no cursor") };
    let read = google.pull(&calendar(), window(), cursor.as_ref(), &Stored::default()).await;
    assert_eq!(read.unwrap_err().kind, Kind::CursorExpired);
}

#[tokio::test]
async fn a_listing_that_does_not_get_on_is_given_up() {
    let again = || page(&json!([]), "nextPageToken", "CPT1");
    let server = Server::new([again(), again()]);
    let google = connected(&server);
    let read = google.pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    let Next::More(cursor) = read.next else { panic!("no page") };
    let read = google.pull(&calendar(), window(), Some(&cursor), &Stored::default()).await;
    assert_eq!(read.unwrap_err().kind, Kind::BadReply);
}

#[tokio::test]
async fn a_span_is_read_as_google_works_it_out() {
    let moved = json!([{"id": "m1_20270315T080000Z", "recurringEventId": "m1", "iCalUID": "m1@google.com",
        "originalStartTime": {"dateTime": "2027-03-15T09:00:00+01:00"},
        "start": {"dateTime": "2027-03-16T14:00:00+01:00"}, "end": {"dateTime": "2027-03-16T15:00:00+01:00"}}]);
    let server = Server::new([
        page(&moved, "nextPageToken", "CPT1"),
        page(&json!([]), "nextSyncToken", "x"),
    ]);
    let google = connected(&server);
    let at = |text: &str| text.parse().unwrap();
    let span = Window { start: at("2027-03-16T13:00:00.5Z"), end: at("2027-03-16T13:30:00.5Z") };
    let items = google.read_span(&calendar(), span).await.unwrap();
    assert_eq!((items.len(), items[0].series.as_str()), (1, "m1"));
    let asked = server.take();
    assert_eq!(asks(&asked[0], "singleEvents").as_deref(), Some("true"));
    assert_eq!(asks(&asked[0], "timeMin").as_deref(), Some("2027-03-16T13:00:00Z"));
    assert_eq!(asks(&asked[0], "timeMax").as_deref(), Some("2027-03-16T13:30:01Z"));
    assert_eq!(asks(&asked[1], "pageToken").as_deref(), Some("CPT1"));
}

#[tokio::test]
async fn calendars_are_listed_with_what_may_be_done_to_them() {
    let last =
        json!({"kind": "calendar#calendarList", "items": [{"id": "x", "accessRole": "owner"}]});
    let listed = [reply(200, fixture!("calendars.json")), reply(200, last.to_string())];
    let server = Server::new(listed.iter().cloned());
    let found = connected(&server).list_calendars().await.unwrap();
    let seen: Vec<_> =
        found.iter().map(|it| (it.calendar.as_str(), it.name.as_str(), it.writable)).collect();
    let expected = [
        ("ana@example.com", "ana@example.com", true),
        ("team@group.calendar.google.com", "My team", true),
        ("half@group.calendar.google.com", "Half", true),
        ("en.german#holiday@group.v.calendar.google.com", "Holidays", false),
        ("boss@example.com", "boss@example.com", false),
        ("new@group.calendar.google.com", "New role", false),
        ("x", "x", true),
    ];
    assert_eq!(seen, expected);
    assert_eq!(found[1].time_zone.as_deref(), Some("America/New_York"));
    assert_eq!(asks(&server.take()[1], "pageToken").as_deref(), Some("CLP1"));
    let server = Server::new(listed);
    let google = connected_with(&server, Access::Read);
    assert!(google.writer().is_none() && google.channels().is_some());
    assert!(google.list_calendars().await.unwrap().iter().all(|calendar| !calendar.writable));
}

#[tokio::test]
async fn an_account_is_its_primary_calendar() {
    let entry = json!({"kind": "calendar#calendarListEntry", "id": "ana@example.com", "accessRole": "owner"});
    let server = Server::new([reply(200, entry.to_string())]);
    let account = connected(&server).account().await.unwrap();
    assert_eq!(account.identity, "ana@example.com");
    assert_eq!(account.label, "ana@example.com");
    assert_eq!(server.asked(), ["GET users/me/calendarList/primary"]);
}
