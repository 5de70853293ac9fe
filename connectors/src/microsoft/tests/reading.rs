//! Rounds: read to their end, joined to series, and followed by what has changed.

use jiff::civil::date;

use super::*;
use crate::{
    Change, Coverage, Next,
    connector::{Connector, Cursor},
    event::{BusyStatus, ItemRef, RemoteDate, RemoteEnd, Response as Answer, Status, Version},
};

async fn first_round() -> (Vec<Item>, Cursor) {
    let server =
        Server::new([reply(200, fixture!("round.json")), reply(200, fixture!("round_end.json"))]);
    let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    let page = page.unwrap();
    assert_eq!(page.coverage, Coverage::Everything);
    let Next::Resume(Some(cursor)) = page.next else { panic!("a whole round in one page") };
    (items(page.changes), cursor)
}

fn known(items: &[Item]) -> Stored {
    Stored(items.iter().map(|item| (item.item.clone(), item.version.clone())).collect())
}

#[tokio::test]
async fn a_round_asks_for_utc_immutable_ids_and_a_window_with_room() {
    let server = Server::new([round(&json!([]))]);
    connected(&server).pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    let asked = server.take();
    assert_eq!(asked[0].uri().path(), "/v1.0/me/calendars/AAA/calendarView/delta");
    assert_eq!(asks(&asked[0], "startDateTime").as_deref(), Some("2027-02-28T00:00:00Z"));
    assert_eq!(asks(&asked[0], "endDateTime").as_deref(), Some("2027-05-16T00:00:00Z"));
    // Nothing else can be asked of a delta.
    assert_eq!(asked[0].uri().query().unwrap().matches('=').count(), 2);
    let prefer = asked[0].headers()["prefer"].to_str().unwrap();
    for wanted in ["outlook.timezone=\"UTC\"", "IdType=\"ImmutableId\"", "odata.maxpagesize="] {
        assert!(prefer.contains(wanted), "{prefer}");
    }
}

#[tokio::test]
async fn thin_rows_are_joined_to_their_master_whatever_the_order() {
    let (items, cursor) = first_round().await;
    let names: Vec<_> = items.iter().map(|item| item.item.as_str()).collect();
    assert_eq!(names, ["D1", "S1", "M1"]);
    assert!(items.iter().all(|item| item.faults.is_empty() && !item.unplaced));
    let [regular, moved] = items[2].events.as_slice() else { panic!("{:?}", items[2].events) };
    assert_eq!(regular.start, utc("2027-03-01T08:00:00Z"), "the master itself is not busy");
    assert_eq!(regular.busy_status, Some(BusyStatus::Tentative), "as its master says");
    let second = RemoteDate::Period {
        start: utc("2027-03-08T08:00:00Z"),
        end: RemoteEnd::At(utc("2027-03-08T08:30:00Z")),
    };
    assert_eq!(regular.rdates, [second], "told twice, it is one");
    assert_eq!(moved.start, utc("2027-03-16T13:00:00Z"));
    assert_eq!(moved.busy_status, Some(BusyStatus::OutOfOffice), "as it says itself");
    assert_eq!(moved.recurrence_id.as_ref().unwrap().at, utc("2027-03-15T08:00:00Z"));
    let days = &items[0].events[0];
    assert_eq!(days.start, RemoteTime::Date(date(2027, 3, 10)));
    assert_eq!(days.end, RemoteEnd::At(RemoteTime::Date(date(2027, 3, 12))));
    // Nothing of what it is about is kept.
    assert!(!format!("{items:?} {cursor:?}").contains("business"));
}

#[tokio::test]
async fn what_is_unchanged_since_is_told_by_its_name_alone() {
    let (before, _) = first_round().await;
    let server =
        Server::new([reply(200, fixture!("round.json")), reply(200, fixture!("round_end.json"))]);
    let known = known(&before);
    let page = connected(&server).pull(&calendar(), window(), None, &known).await.unwrap();
    assert!(page.changes.iter().all(|change| matches!(change, Change::Unchanged(_))));
    assert_eq!(page.changes.len(), 3);
}

/// Follows the changes after the first round, answered like this.
async fn news(
    answers: impl IntoIterator<Item = Response<Bytes>>,
) -> (Result<Vec<Change>>, Vec<String>) {
    let (before, cursor) = first_round().await;
    let server = Server::new(answers);
    let microsoft = connected(&server);
    let page = microsoft.pull(&calendar(), window(), Some(&cursor), &known(&before)).await;
    if let Ok(page) = &page {
        assert_eq!(page.coverage, Coverage::Delta);
    }
    (page.map(|page| page.changes), server.asked())
}

fn master() -> Value {
    let mut rows: Value = serde_json::from_slice(fixture!("round.json")).unwrap();
    let mut master = rows["value"][1].take();
    master["@odata.etag"] = json!("W/\"k2\"");
    master
}

#[tokio::test]
async fn an_occurrence_without_a_tombstone_is_gone_when_its_series_is_told_without_it() {
    let mut rows: Value = serde_json::from_slice(fixture!("round.json")).unwrap();
    let first = rows["value"][0].take();
    let (changes, asked) =
        news([round(&json!([first, master()])), reply(200, fixture!("instances.json"))]).await;
    assert_eq!(asked, ["GET @/calendarView/delta", "GET events/M1/instances"]);
    let items = items(changes.unwrap());
    let [series] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!(series.events.len(), 2);
    assert_eq!(series.events[0].start, utc("2027-03-01T08:00:00Z"));
    assert!(series.events[0].rdates.is_empty(), "the eighth of March is free again");
    assert_eq!(series.events[0].busy_status, Some(BusyStatus::Tentative));
}

#[tokio::test]
async fn an_exception_alone_frees_no_other_occurrence() {
    let mut rows: Value = serde_json::from_slice(fixture!("round_end.json")).unwrap();
    let exception = rows["value"][1].take();
    let mut all: Value = serde_json::from_slice(fixture!("instances.json")).unwrap();
    let mut second = all["value"][0].clone();
    second["id"] = json!("O2");
    second["start"]["dateTime"] = json!("2027-03-08T08:00:00.0000000");
    second["end"]["dateTime"] = json!("2027-03-08T08:30:00.0000000");
    all["value"].as_array_mut().unwrap().push(second);
    let (changes, asked) = news([
        round(&json!([exception])),
        reply(200, master().to_string()),
        reply(200, all.to_string()),
    ])
    .await;
    assert_eq!(asked, ["GET @/calendarView/delta", "GET events/M1", "GET events/M1/instances"]);
    let items = items(changes.unwrap());
    assert_eq!(items[0].events[0].rdates.len(), 1, "the others are where they were");
}

#[tokio::test]
async fn farewells_are_told_apart_by_what_is_known() {
    let removed = |id: &str| json!({"id": id, "@removed": {"reason": "deleted"}});
    let strange = removed("never seen");
    let (changes, asked) = news([round(&json!([removed("S1"), strange, removed("M1")]))]).await;
    let gone = |id: &str| Change::Gone(ItemRef::new(id));
    assert_eq!(changes.unwrap(), [gone("M1"), gone("S1")]);
    assert_eq!(asked.len(), 1);
    // An occurrence leads to its series, which says what is left of it.
    let answers = [
        round(&json!([removed("O2"), removed("O1")])),
        reply(200, master().to_string()),
        reply(404, fixture!("refused/404_item.json")),
    ];
    let (changes, _) = news(answers).await;
    assert_eq!(changes.unwrap(), [gone("M1")]);
    // Gone and back again: the last word counts, in any order.
    let back = single("S1", &json!({}));
    let (changes, _) = news([round(&json!([removed("S1"), back]))]).await;
    assert!(matches!(changes.unwrap().as_slice(), [Change::Present(_)]));
    let (changes, _) = news([round(&json!([back, removed("S1")]))]).await;
    assert_eq!(changes.unwrap(), [gone("S1")]);
}

#[tokio::test]
async fn a_series_that_recurs_no_more_is_one_event() {
    let alone = single("M1", &json!({}));
    let removed = json!({"id": "O1", "@removed": {"reason": "changed"}});
    let (changes, _) = news([round(&json!([removed])), reply(200, alone.to_string())]).await;
    let items = items(changes.unwrap());
    assert_eq!((items[0].item.as_str(), items[0].events.len()), ("M1", 1));
    assert!(items[0].events[0].rdates.is_empty());
}

#[tokio::test]
async fn many_changed_series_are_listed_and_not_asked_for_one_by_one() {
    let thin = |n: usize| json!({"id": format!("o{n}"), "seriesMasterId": format!("m{n}"), "type": "occurrence"});
    let rows: Vec<Value> = (0..21).map(thin).collect();
    let (changes, asked) = news([round(&json!(rows))]).await;
    assert_eq!((changes.unwrap_err().kind, asked.len()), (Kind::CursorExpired, 1));
}

#[tokio::test]
async fn links_are_followed_letter_by_letter_and_to_no_other_host() {
    let (_, cursor) = first_round().await;
    let server = Server::new([round(&json!([]))]);
    let microsoft = connected(&server);
    microsoft.pull(&calendar(), window(), Some(&cursor), &Stored::default()).await.unwrap();
    let asked = server.take();
    let expected = "/v1.0/me/calendars/AAA/calendarView/delta?$deltatoken=D1";
    assert_eq!(asked[0].uri().path_and_query().unwrap().as_str(), expected);
    for elsewhere in [
        "https://evil.example/v1.0/me/calendars/AAA/calendarView/delta?$skiptoken=x",
        "http://graph.microsoft.com/v1.0/me/x",
        "https://graph.microsoft.com:8443/v1.0/me/x",
        "https://graph.microsoft.com@evil.example/v1.0/me/x",
        "https://a:b@graph.microsoft.com/v1.0/me/x",
        "https://graph.microsoft.com/beta/me/x",
        "/v1.0/me/x",
        "x",
    ] {
        for link in ["@odata.nextLink", "@odata.deltaLink"] {
            let server =
                Server::new([reply(200, json!({link: elsewhere, "value": []}).to_string())]);
            let microsoft = connected(&server);
            let pulled = microsoft.pull(&calendar(), window(), None, &Stored::default()).await;
            assert_eq!(pulled.unwrap_err().kind, Kind::BadReply, "{elsewhere}");
            assert_eq!(server.take().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_page_without_a_link_ends_nothing() {
    for body in ["{\"value\":[]}", "{\"@odata.deltaLink\":\"\",\"value\":[]}", "{}", "[]", "null"] {
        let server = Server::new([reply(200, body)]);
        let pulled = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
        assert_eq!(pulled.unwrap_err().kind, Kind::BadReply, "{body}");
    }
    let itself = json!({"@odata.nextLink": format!("{API}/calendars/AAA/calendarView/delta?$skiptoken=S1"), "value": []});
    let same = || reply(200, itself.to_string());
    let server = Server::new([same(), same(), same()]);
    let pulled = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    assert_eq!((pulled.unwrap_err().kind, server.take().len()), (Kind::BadReply, 2));
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_first_round_begins_it_once_more() {
    let lost = || reply(410, fixture!("refused/410_state.json"));
    let server = Server::new([reply(200, fixture!("round.json")), lost(), round(&json!([]))]);
    connected(&server).pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    assert_eq!(server.take().len(), 3);
    let page = || reply(200, fixture!("round.json"));
    let server = Server::new([page(), lost(), page(), lost()]);
    let pulled = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    assert_eq!(pulled.unwrap_err().kind, Kind::CursorExpired);
}

#[tokio::test]
async fn what_kind_of_busy_it_is_is_read_and_what_is_unknown_is_not_free() {
    let read = async |changes: Value| {
        let server = Server::new([round(&json!([single("S1", &changes)]))]);
        let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
        items(page.unwrap().changes).remove(0)
    };
    for (word, expected) in [
        (json!("free"), BusyStatus::Free),
        (json!("tentative"), BusyStatus::Tentative),
        (json!("busy"), BusyStatus::Busy),
        (json!("oof"), BusyStatus::OutOfOffice),
        (json!("workingElsewhere"), BusyStatus::WorkingElsewhere),
        (json!("unknown"), BusyStatus::Busy),
        (json!("of tomorrow"), BusyStatus::Busy),
        (json!(null), BusyStatus::Busy),
        (json!(7), BusyStatus::Busy),
    ] {
        let item = read(json!({"showAs": word})).await;
        assert_eq!(item.events[0].busy_status, Some(expected), "{word}");
    }
    let answer = |word: &str, organises: bool| json!({"responseStatus": {"response": word}, "isOrganizer": organises});
    for (word, expected) in [
        ("declined", Some(Answer::Declined)),
        ("accepted", Some(Answer::Accepted)),
        ("tentativelyAccepted", Some(Answer::Tentative)),
        ("notResponded", Some(Answer::NeedsAction)),
        ("none", None),
    ] {
        assert_eq!(read(answer(word, false)).await.events[0].response, expected, "{word}");
        assert_eq!(read(answer(word, true)).await.events[0].response, None);
    }
    assert_eq!(read(json!({"isCancelled": true})).await.events[0].status, Status::Cancelled);
    let unreadable = read(json!({"start": {"dateTime": "soon", "timeZone": "UTC"}})).await;
    assert!(unreadable.unplaced && unreadable.faults.len() == 1);
    let unreadable = read(json!({"end": null})).await;
    assert_eq!(unreadable.events[0].end, RemoteEnd::Unreadable);
}

#[tokio::test]
async fn a_zone_is_passed_on_by_its_name_where_the_server_answers_in_one() {
    let at = |zone: Value| json!({"dateTime": "2027-03-08T09:00:00.0000000", "timeZone": zone});
    let read = async |zone: Value| {
        let event = single("S1", &json!({"start": at(zone)}));
        let server = Server::new([round(&json!([event]))]);
        let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
        items(page.unwrap().changes).remove(0).events.remove(0).start
    };
    assert_eq!(read(json!("tzone://Microsoft/Utc")).await, utc("2027-03-08T09:00:00Z"));
    for zone in ["W. Europe Standard Time", "tzone://Microsoft/Custom", "中国标准时间", ""] {
        let RemoteTime::Zoned { tzid, .. } = read(json!(zone)).await else { panic!("{zone}") };
        assert_eq!(tzid, zone);
    }
    assert!(matches!(read(json!(null)).await, RemoteTime::Zoned { .. }));
    // Whole days that are no midnights are what their instants say.
    let odd = single("S1", &json!({"isAllDay": true}));
    let server = Server::new([round(&json!([odd]))]);
    let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    let items = items(page.unwrap().changes);
    assert_eq!(items[0].events[0].start, utc("2027-03-08T09:00:00Z"));
}

#[tokio::test]
async fn a_series_of_days_is_days_and_its_exceptions_stand_for_themselves() {
    let day = |day: u8| json!({"dateTime": format!("2027-03-{day:02}T00:00:00.0000000"), "timeZone": "UTC"});
    let master = single(
        "M1",
        &json!({"type": "seriesMaster", "isAllDay": true, "start": day(1), "end": day(2)}),
    );
    let thin = |n: u8| json!({"id": format!("O{n}"), "seriesMasterId": "M1", "type": "occurrence", "start": day(n), "end": day(n + 1)});
    let moved = single(
        "O3",
        &json!({"type": "exception", "seriesMasterId": "M1", "originalStart": "2027-03-02T23:00:00Z"}),
    );
    let server = Server::new([round(&json!([thin(1), thin(2), moved, master]))]);
    let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    let items = items(page.unwrap().changes);
    let [regular, moved] = items[0].events.as_slice() else { panic!("{items:?}") };
    assert_eq!(regular.start, RemoteTime::Date(date(2027, 3, 1)));
    assert_eq!(regular.rdates.len(), 1);
    assert_eq!(moved.recurrence_id, None, "no day is taken out by a midnight of another zone");
    assert_ne!(moved.uid, regular.uid);
}

#[tokio::test]
async fn a_series_without_its_master_is_read_whole() {
    let mut rows: Value = serde_json::from_slice(fixture!("round.json")).unwrap();
    let first = rows["value"][0].take();
    let server = Server::new([
        round(&json!([first])),
        reply(200, master().to_string()),
        reply(200, fixture!("instances.json")),
    ]);
    let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    let items = items(page.unwrap().changes);
    assert_eq!(items[0].events[0].busy_status, Some(BusyStatus::Tentative));
    // Gone meanwhile, what was told of it is busy all the same.
    let server =
        Server::new([round(&json!([first])), reply(404, fixture!("refused/404_item.json"))]);
    let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    let items = super::items(page.unwrap().changes);
    assert_eq!(items[0].events[0].busy_status, Some(BusyStatus::Busy));
}

#[tokio::test]
async fn a_span_is_read_occurrence_by_occurrence() {
    let mut rows: Value = serde_json::from_slice(fixture!("instances.json")).unwrap();
    let server = Server::new([listing(&rows["value"].take())]);
    let read = connected(&server).read_span(&calendar(), window()).await.unwrap();
    let starts: Vec<_> = read.iter().map(|item| item.events[0].start.clone()).collect();
    assert_eq!(starts, [utc("2027-03-01T08:00:00Z"), utc("2027-03-16T13:00:00Z")]);
    let asked = server.take();
    assert_eq!(asked[0].uri().path(), "/v1.0/me/calendars/AAA/calendarView");
    let fields = asks(&asked[0], "$select").unwrap();
    for word in ["subject", "body", "location", "attendees", "organizer"] {
        assert!(!fields.contains(word), "{word} in {fields}");
    }
}

#[tokio::test]
async fn calendars_have_the_zone_of_their_mailbox() {
    let settings = || reply(200, "{\"timeZone\":\"W. Europe Standard Time\"}");
    let server = Server::new([reply(200, fixture!("calendars.json")), settings()]);
    let listed = connected(&server).list_calendars().await.unwrap();
    let told: Vec<_> =
        listed.iter().map(|it| (it.calendar.as_str(), it.name.as_str(), it.writable)).collect();
    assert_eq!(told, [("AAA", "Calendar", true), ("BBB=", "Boss", false), ("CCC", "CCC", true)]);
    assert!(listed.iter().all(|it| it.time_zone.as_deref() == Some("W. Europe Standard Time")));
    // A grant that does not show it lists calendars all the same.
    let denied = reply(403, fixture!("refused/403_denied.json"));
    let server = Server::new([reply(200, fixture!("calendars.json")), denied]);
    let listed = connected_with(&server, Access::Read).list_calendars().await.unwrap();
    assert!(listed.iter().all(|it| it.time_zone.is_none() && !it.writable));
    // A failure is no zone that was taken away.
    let failed = reply(500, "");
    let server = Server::new([reply(200, fixture!("calendars.json")), failed]);
    assert!(connected(&server).list_calendars().await.is_err());
}

#[tokio::test]
async fn the_account_is_whose_calendar_it_is() {
    let own = json!({"id": "AAA", "owner": {"name": "Anna", "address": "Anna@Example.org"}});
    let server = Server::new([reply(200, own.to_string())]);
    let account = connected(&server).account().await.unwrap();
    assert_eq!(
        (account.identity.as_str(), account.label.as_str()),
        ("anna@example.org", "Anna@Example.org")
    );
    assert_eq!(server.asked(), ["GET calendar"]);
}

#[tokio::test]
async fn our_own_are_known_by_what_they_say() {
    let mark = "00000000000000000000000000000001@calhub bkg_1/0";
    let event = single("S1", &json!({"transactionId": mark}));
    let server = Server::new([round(&json!([event]))]);
    let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    let items = items(page.unwrap().changes);
    assert_eq!(items[0].events[0].marker.as_deref(), Some("bkg_1/0"));
    assert_eq!(items[0].events[0].uid, "00000000000000000000000000000001@calhub");
    assert_eq!(items[0].version, Some(Version::new("W/\"s1\"")));
}
