//! Writing: ids, versions, what PUT clears and PATCH keeps, what the server makes of it.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::{Act, Fault, GoogleCalendarSpec, Role, google::Conferencing};

use super::{Api, api::weekly, event};

#[tokio::test]
async fn client_ids_are_base32hex_of_five_to_1024_characters() {
    let api = Api::new().await;
    for wrong in ["abcd", "abcdw", "ABCDE", "abc-de", &"a".repeat(1025)] {
        assert_eq!(api.insert(event(wrong)).await.status, 400, "{wrong}");
    }
    for right in ["abcde", "0123456789v", &"a".repeat(1024)] {
        assert_eq!(api.insert(event(right)).await.status, 200, "{right}");
    }
    let mut both = event("abcdef");
    both["iCalUID"] = json!("x@example.com");
    assert_eq!(api.insert(both).await.status, 400, "not both id and iCalUID");
    let mut none = event("x");
    none.as_object_mut().unwrap().remove("id");
    let made = api.insert(none).await;
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.json["iCalUID"], format!("{id}@google.com"));
    api.is_by_the_book();
}

#[tokio::test]
async fn an_id_is_taken_for_good() {
    let api = Api::new().await;
    assert_eq!(api.insert(event("booking1")).await.status, 200);
    let again = api.insert(event("booking1")).await;
    assert_eq!((again.status, again.reason()), (409, "duplicate"));
    assert_eq!(api.delete("booking1").await.status, 204);
    let burnt = api.insert(event("booking1")).await;
    assert_eq!((burnt.status, burnt.reason()), (409, "duplicate"), "also when it was deleted");
    let revive = api.put("booking1", event("booking1")).await;
    assert_eq!((revive.status, revive.reason()), (403, "forbidden"));
    api.world.tune_google(|knobs| knobs.deleted_revive = true);
    assert_eq!(api.put("booking1", event("booking1")).await.json["status"], "confirmed");
}

#[tokio::test]
async fn a_duplicate_may_go_unnoticed_and_make_a_twin() {
    let api = Api::new().await;
    api.world.tune_google(|knobs| knobs.duplicates_undetected = true);
    api.insert(event("booking1")).await;
    let twin = api.insert(event("booking1")).await;
    assert_eq!(twin.status, 200);
    assert_ne!(twin.json["id"], "booking1");
}

#[tokio::test]
async fn put_replaces_and_patch_merges() {
    let api = Api::new().await;
    let mut full = event("booking1");
    full["description"] = json!("old");
    full["attendees"] = json!([{ "email": "a@x.example" }, { "email": "b@x.example" }]);
    full["extendedProperties"] = json!({ "private": { "a": "1", "b": "2" } });
    api.insert(full).await;
    let patched = api
        .patch(
            "booking1",
            json!({ "extendedProperties": { "private": { "b": null, "c": "3" } },
            "attendees": [{ "email": "c@x.example" }], "description": null }),
        )
        .await;
    assert_eq!(patched.json["extendedProperties"]["private"], json!({ "a": "1", "c": "3" }));
    assert_eq!(patched.json["attendees"].as_array().unwrap().len(), 1, "arrays are replaced whole");
    assert_eq!(patched.json.get("description"), None);
    let put = api.put("booking1", event("booking1")).await;
    assert_eq!((put.json.get("attendees"), put.json.get("extendedProperties")), (None, None));
    assert_eq!(put.json["created"], patched.json["created"]);
    api.is_by_the_book();
}

#[tokio::test]
async fn from_timed_to_all_day_the_old_form_must_be_nulled() {
    let api = Api::new().await;
    api.insert(event("booking1")).await;
    let half = json!({ "start": { "date": "2027-03-01" }, "end": { "date": "2027-03-02" } });
    assert_eq!(api.patch("booking1", half).await.status, 400);
    let nulled = |date: &str| json!({ "date": date, "dateTime": null, "timeZone": null });
    let whole = json!({ "start": nulled("2027-03-01"), "end": nulled("2027-03-02") });
    let done = api.patch("booking1", whole).await;
    assert_eq!(done.json["start"], json!({ "date": "2027-03-01" }), "{}", done.text);
}

#[tokio::test]
async fn an_instance_takes_no_recurrence() {
    let api = Api::new().await;
    api.insert(weekly("series")).await;
    let rule = json!({ "recurrence": ["RRULE:FREQ=DAILY"] });
    assert_eq!(api.patch("series_20270308T080000Z", rule).await.status, 400);
}

#[tokio::test]
async fn every_change_makes_a_new_etag_and_a_stale_one_is_refused() {
    let api = Api::new().await;
    let first = api.insert(event("booking1")).await;
    let etag = first.json["etag"].as_str().unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "the quotes are part of the value");
    api.primary.respond("booking1", "accepted").unwrap();
    let path = "calendars/primary/events/booking1";
    let stale = [("if-match", etag.as_str())];
    for (method, body) in
        [("PUT", event("booking1")), ("PATCH", json!({})), ("DELETE", Value::Null)]
    {
        let answer = api.send(method, path, &stale, &body).await;
        assert_eq!((answer.status, answer.reason()), (412, "conditionNotMet"), "{method}");
        assert_eq!(answer.json["error"]["errors"][0]["location"], "If-Match");
    }
    let fresh = api.one("booking1").await.json["etag"].as_str().unwrap().to_owned();
    let known = api.send("GET", path, &[("if-none-match", &fresh)], &Value::Null).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    let done = api.send("PATCH", path, &[("if-match", &fresh)], &json!({ "summary": "x" })).await;
    assert_eq!(done.status, 200);
    assert_ne!(done.json["etag"], fresh);
}

#[tokio::test]
async fn reminders_may_keep_the_etag() {
    let api = Api::new().await;
    let before = api.insert(event("booking1")).await.json["etag"].clone();
    api.world.tune_google(|knobs| knobs.reminders_keep_etag = true);
    let reminders = json!({ "reminders": { "useDefault": false, "overrides": [{ "method": "popup", "minutes": 5 }] } });
    let after = api.patch("booking1", reminders.clone()).await;
    assert_eq!((&after.json["etag"], &after.json["reminders"]), (&before, &reminders["reminders"]));
}

#[tokio::test]
async fn deleting_twice_never_and_long_ago() {
    let mut api = Api::new().await;
    api.insert(event("booking1")).await;
    assert_eq!(api.delete("booking1").await.status, 204);
    let again = api.delete("booking1").await;
    assert_eq!((again.status, again.reason()), (410, "deleted"));
    let never = api.delete("unknown1").await;
    assert_eq!((never.status, never.reason()), (404, "notFound"));
    let gone = api.one("booking1").await;
    assert_eq!((gone.status, &gone.json["status"]), (200, &json!("cancelled")));
    assert_eq!(gone.json["summary"], "booking1", "details do not mean that it lives");
    api.world.advance(Duration::from_secs(31 * 86_400));
    api.log_in().await;
    assert_eq!(api.one("booking1").await.status, 404);
}

#[tokio::test]
async fn importing_again_gives_the_same_event() {
    let api = Api::new().await;
    let mut body = event("x");
    body.as_object_mut().unwrap().remove("id");
    body["iCalUID"] = json!("meeting@elsewhere.example");
    body["organizer"] = json!({ "email": "boss@elsewhere.example" });
    body["eventType"] = json!("focusTime");
    let first = api.post("calendars/primary/events/import", body.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.json["eventType"], "default", "only default events are imported");
    assert_eq!(first.json["organizer"]["email"], "boss@elsewhere.example");
    body["summary"] = json!("Changed");
    let second = api.post("calendars/primary/events/import", body.clone()).await;
    assert_eq!(
        (&second.json["id"], &second.json["summary"]),
        (&first.json["id"], &json!("Changed"))
    );
    body.as_object_mut().unwrap().remove("iCalUID");
    assert_eq!(api.post("calendars/primary/events/import", body).await.status, 400);
    api.is_by_the_book();
}

#[tokio::test]
async fn an_event_takes_time() {
    let api = Api::new().await;
    for (start, end) in [
        (
            json!({ "dateTime": "2027-03-01T09:00:00Z" }),
            json!({ "dateTime": "2027-03-01T09:00:00Z" }),
        ),
        (
            json!({ "dateTime": "2027-03-01T09:00:00Z" }),
            json!({ "dateTime": "2027-03-01T08:00:00Z" }),
        ),
        (json!({ "date": "2027-03-01" }), json!({ "date": "2027-03-01" })),
    ] {
        let answer = api.insert(json!({ "start": start, "end": end })).await;
        assert_eq!((answer.status, answer.reason()), (400, "timeRangeEmpty"));
    }
    let mixed =
        json!({ "start": { "date": "2027-03-01" }, "end": { "dateTime": "2027-03-01T09:00:00Z" } });
    assert_eq!(api.insert(mixed).await.status, 400);
    let floating = json!({ "start": { "dateTime": "2027-03-01T09:00:00" }, "end": { "dateTime": "2027-03-01T10:00:00" } });
    assert_eq!(api.insert(floating).await.status, 400, "an offset or a zone is needed");
    let mut endless = event("series");
    endless["recurrence"] = json!(["RRULE:FREQ=DAILY"]);
    assert_eq!(api.insert(endless).await.status, 400, "a series needs a zone");
    assert_eq!(api.insert(json!({ "summary": "x" })).await.reason(), "required");
}

#[tokio::test]
async fn conferences_are_made_only_when_asked_with_the_version() {
    let api = Api::new().await;
    let mut body = event("booking1");
    body["conferenceData"] = json!({ "createRequest": { "requestId": "r1" } });
    assert_eq!(api.insert(body.clone()).await.json.get("conferenceData"), None, "version 0");
    body["id"] = json!("booking2");
    let made = api.post("calendars/primary/events?conferenceDataVersion=1", body.clone()).await;
    assert_eq!(made.json["conferenceData"]["createRequest"]["status"]["statusCode"], "success");
    let link = made.json["hangoutLink"].clone();
    let again = json!({ "conferenceData": { "createRequest": { "requestId": "r1" } } });
    let path = "calendars/primary/events/booking2?conferenceDataVersion=1";
    let same = api.send("PATCH", path, &[], &again).await;
    assert_eq!(same.json["hangoutLink"], link, "a repeated request is ignored");
    api.is_by_the_book();
}

#[tokio::test]
async fn conferences_may_be_pending_or_fail() {
    let api = Api::new().await;
    api.world.tune_google(|knobs| knobs.conferencing = Conferencing::After(5));
    let mut body = event("booking1");
    body["conferenceData"] = json!({ "createRequest": { "requestId": "r1" } });
    let pending = api.post("calendars/primary/events?conferenceDataVersion=1", body.clone()).await;
    let code = |answer: &super::Answer| {
        answer.json["conferenceData"]["createRequest"]["status"]["statusCode"].clone()
    };
    assert_eq!((code(&pending), pending.json.get("hangoutLink")), (json!("pending"), None));
    api.world.advance(Duration::from_secs(6));
    let done = api.one("booking1").await;
    assert_eq!(code(&done), "success");
    assert!(done.json["conferenceData"]["entryPoints"][0]["uri"].is_string());
    assert_ne!(done.json["etag"], pending.json["etag"]);
    api.world.tune_google(|knobs| knobs.conferencing = Conferencing::Fails);
    body["id"] = json!("booking2");
    let failed = api.post("calendars/primary/events?conferenceDataVersion=1", body).await;
    assert_eq!(code(&failed), "failure");
}

#[tokio::test]
async fn the_answer_is_lost_and_the_event_is_there() {
    let api = Api::new().await;
    api.world.fault(
        Fault::new(Act::DropAfterApply).account("ana@example.com").report("events.insert").once(),
    );
    let lost = api.try_send("POST", "calendars/primary/events", &[], &event("booking1")).await;
    assert!(lost.is_err());
    assert_eq!(api.insert(event("booking1")).await.status, 409);
    assert_eq!(api.one("booking1").await.json["status"], "confirmed");
    let unsure = Fault::new(Act::StatusAfterApply { status: 503 }).report("events.delete").once();
    api.world.fault(unsure);
    assert_eq!(api.delete("booking1").await.status, 503);
    assert_eq!(api.delete("booking1").await.status, 410, "it had been done");
}

#[tokio::test]
async fn the_kinds_of_events_have_rules() {
    let api = Api::new().await;
    let timed = |kind: &str, more: Value| {
        let mut body = event("x");
        body.as_object_mut().unwrap().remove("id");
        body["eventType"] = json!(kind);
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let office = json!({ "transparency": "transparent", "visibility": "public",
        "workingLocationProperties": { "type": "homeOffice", "homeOffice": {} } });
    assert_eq!(api.insert(timed("outOfOffice", json!({}))).await.status, 200);
    assert_eq!(api.insert(timed("focusTime", json!({}))).await.status, 200);
    assert_eq!(api.insert(timed("workingLocation", office)).await.status, 200);
    assert_eq!(api.insert(timed("workingLocation", json!({}))).await.status, 400);
    assert_eq!(api.insert(timed("fromGmail", json!({}))).await.status, 400);
    assert!(api.primary.insert(timed("fromGmail", json!({}))).is_ok(), "Gmail itself may");
    let birthday = json!({ "id": "birth1", "eventType": "birthday", "start": { "date": "2027-03-05" }, "end": { "date": "2027-03-06" },
        "recurrence": ["RRULE:FREQ=YEARLY"], "visibility": "private", "transparency": "transparent" });
    assert_eq!(api.insert(birthday).await.status, 200);
    let work = api.ana.add_calendar(GoogleCalendarSpec::new("work"));
    let path = format!("calendars/{}/events", work.id());
    assert_eq!(api.post(&path, timed("focusTime", json!({}))).await.status, 400, "primary only");
    let focus = api.list("eventTypes=focusTime").await;
    let id = focus.ids()[0];
    assert_eq!(api.patch(id, json!({ "eventType": "default" })).await.status, 400, "immutable");
    api.is_by_the_book();
}

#[tokio::test]
async fn the_server_rewrites_what_was_sent() {
    let api = Api::new().await;
    let block = "-::~:~::~:~:~:~::~:~::-";
    let mut body = event("booking1");
    body["description"] = json!(format!("Agenda\n{block}\nJoin with Google Meet\n{block}"));
    body["start"] =
        json!({ "dateTime": "2027-03-01T03:00:00-05:00", "timeZone": "America/New_York" });
    let made = api.insert(body).await;
    assert_eq!(made.json["description"], "Agenda");
    let start = json!({ "dateTime": "2027-03-01T09:00:00+01:00", "timeZone": "America/New_York" });
    assert_eq!(made.json["start"], start, "in the calendar's zone");
    assert_eq!(made.json["reminders"], json!({ "useDefault": true }));
    let mut bo = simulators::GoogleAccountSpec::new("bo@example.com");
    bo.name = Some("Bo".into());
    api.world.add_google_account(bo);
    let named =
        api.patch("booking1", json!({ "attendees": [{ "email": "bo@example.com" }] })).await;
    let attendee =
        json!({ "email": "bo@example.com", "displayName": "Bo", "responseStatus": "needsAction" });
    assert_eq!(named.json["attendees"][0], attendee);
    let there = api.get("calendars/primary/events/booking1?timeZone=UTC").await;
    assert_eq!(there.json["start"]["dateTime"], "2027-03-01T08:00:00Z");
    api.is_by_the_book();
}

#[tokio::test]
async fn own_data_has_limits() {
    let api = Api::new().await;
    for private in [json!({ "k".repeat(45): "v" }), json!({ "k": "v".repeat(1025) })] {
        let mut body = event("booking1");
        body["extendedProperties"] = json!({ "private": private });
        assert_eq!(api.insert(body).await.status, 400);
    }
}

#[tokio::test]
async fn moving_to_another_calendar_leaves_a_row_of_an_id() {
    let api = Api::new().await;
    let work = api.ana.add_calendar(GoogleCalendarSpec::new("work"));
    api.insert(event("booking1")).await;
    let token = api.list("").await.sync_token();
    let path = format!("calendars/primary/events/booking1/move?destination={}", work.id());
    let moved = api.post(&path, Value::Null).await;
    assert_eq!((moved.status, &moved.json["organizer"]["email"]), (200, &json!(work.id())));
    let left = api.list(&format!("syncToken={token}")).await;
    let row = left.item("booking1").as_object().unwrap();
    assert_eq!(row.len(), 4, "kind, etag, id, status: {row:?}");
    assert_eq!(api.get(&format!("calendars/{}/events/booking1", work.id())).await.status, 200);
    api.is_by_the_book();
}

#[tokio::test]
async fn only_writers_write_and_only_organisers_move() {
    let api = Api::new().await;
    let team = api.ana.add_calendar(GoogleCalendarSpec::new("team").role(Role::Reader));
    let path = format!("calendars/{}/events", team.id());
    let refused = api.post(&path, event("booking1")).await;
    assert_eq!((refused.status, refused.reason()), (403, "requiredAccessLevel"));
    let mut invited = event("meeting1");
    invited["organizer"] = json!({ "email": "boss@x.example" });
    invited["attendees"] = json!([{ "email": "ana@example.com" }, { "email": "boss@x.example" }]);
    api.primary.insert(invited).unwrap();
    let later = json!({ "end": { "dateTime": "2027-03-01T11:00:00+01:00" } });
    assert_eq!(api.patch("meeting1", later).await.reason(), "forbiddenForNonOrganizer");
    assert_eq!(api.patch("meeting1", json!({ "colorId": "5" })).await.status, 200);
}

#[tokio::test]
async fn overlapping_events_are_taken_without_complaint() {
    let api = Api::new().await;
    assert_eq!(api.insert(event("booking1")).await.status, 200);
    assert_eq!(api.insert(event("booking2")).await.status, 200);
}

#[tokio::test]
async fn mail_goes_out_only_when_asked() {
    let api = Api::new().await;
    let mut body = event("booking1");
    body["attendees"] = json!([{ "email": "bo@example.com" }, { "email": "cy@elsewhere.example" }]);
    api.insert(body.clone()).await;
    assert_eq!(api.world.outbox().len(), 0);
    body["id"] = json!("booking2");
    api.post("calendars/primary/events?sendUpdates=externalOnly", body.clone()).await;
    assert_eq!(api.world.outbox().len(), 1);
    body["id"] = json!("booking3");
    api.post("calendars/primary/events?sendUpdates=all", body).await;
    assert_eq!(api.world.outbox().len(), 3);
}

#[tokio::test]
async fn quick_add_makes_an_event_of_a_text() {
    let api = Api::new().await;
    let made =
        api.post("calendars/primary/events/quickAdd?text=Lunch%20with%20Bo", Value::Null).await;
    assert_eq!(
        (made.status, &made.json["summary"]),
        (200, &json!("Lunch with Bo")),
        "{}",
        made.text
    );
}
