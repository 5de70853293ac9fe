//! Reading: what roles and scopes let through.

use serde_json::{Value, json};
use simulators::{GoogleCalendarSpec, Role};

use super::{Api, api::weekly, event};

#[tokio::test]
async fn a_free_busy_reader_sees_times_and_nothing_else() {
    let api = Api::new().await;
    let team = api.ana.add_calendar(GoogleCalendarSpec::new("team").role(Role::FreeBusyReader));
    let mut body = event("meeting1");
    body["description"] = json!("secret");
    body["attendees"] = json!([{ "email": "x@x.example" }]);
    team.insert(body).unwrap();
    let mut free = event("free00");
    free["transparency"] = json!("transparent");
    team.insert(free).unwrap();
    let answer = api.get(&format!("calendars/{}/events", team.id())).await;
    assert_eq!(
        (answer.ids(), &answer.json["accessRole"]),
        (vec!["meeting1"], &json!("freeBusyReader"))
    );
    let names: Vec<_> = answer.item("meeting1").as_object().unwrap().keys().cloned().collect();
    let bare = [
        "end",
        "etag",
        "htmlLink",
        "iCalUID",
        "id",
        "kind",
        "start",
        "status",
        "updated",
        "visibility",
    ];
    assert_eq!(names, bare);
    api.is_by_the_book();
}

#[tokio::test]
async fn a_reader_sees_no_details_of_private_events() {
    let api = Api::new().await;
    let team = api.ana.add_calendar(GoogleCalendarSpec::new("team").role(Role::Reader));
    for (id, visibility) in [("public1", "default"), ("secret1", "private")] {
        let mut body = event(id);
        body["visibility"] = json!(visibility);
        team.insert(body).unwrap();
    }
    let answer = api.get(&format!("calendars/{}/events", team.id())).await;
    assert_eq!(answer.item("public1")["summary"], "public1");
    assert_eq!(answer.item("secret1").get("summary"), None);
    assert_eq!(answer.item("secret1")["visibility"], "private");
    team.set_role(Role::WriterWithoutPrivateAccess);
    let again = api.get(&format!("calendars/{}/events/secret1", team.id())).await;
    assert_eq!(again.json.get("summary"), None);
}

#[tokio::test]
async fn scopes_bound_what_may_be_called() {
    let api = Api::with(&["calendar.events"]).await;
    let list = api.get("users/me/calendarList").await;
    assert_eq!((list.status, list.reason()), (403, "insufficientPermissions"));
    assert_eq!(list.json["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(list.json["error"]["status"], "PERMISSION_DENIED");
    let busy = json!({ "timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-03-02T00:00:00Z", "items": [] });
    assert_eq!(api.post("freeBusy", busy).await.status, 403, "calendar.events is not enough");
    assert_eq!(api.insert(event("booking1")).await.status, 200);
    let reading = api.narrowed(&["calendar.events.readonly"]).await;
    assert_eq!(reading.list("").await.status, 200);
    assert_eq!(reading.insert(event("booking2")).await.reason(), "insufficientPermissions");
    let availability = api.narrowed(&["calendar.events.freebusy"]).await;
    let seen = availability.list("").await;
    assert_eq!(seen.item("booking1").get("summary"), None, "masked by scope");
}

#[tokio::test]
async fn many_attendees_may_be_left_out_but_not_oneself() {
    let api = Api::new().await;
    let mut body = event("meeting1");
    body["attendees"] = json!([{ "email": "a@x.example" }, { "email": "ana@example.com", "responseStatus": "declined" }]);
    api.insert(body).await;
    let answer = api.list("maxAttendees=1").await;
    let row = answer.item("meeting1");
    assert_eq!(
        row["attendees"],
        json!([{ "email": "ana@example.com", "responseStatus": "declined", "self": true, "organizer": true }])
    );
    assert_eq!(row["attendeesOmitted"], true);
    assert_eq!(row["status"], "confirmed", "declined events stay");
    api.is_by_the_book();
}

#[tokio::test]
async fn answers_may_be_partial_and_known() {
    let api = Api::new().await;
    api.insert(weekly("series")).await;
    let answer = api.list("fields=items(id,start/timeZone),nextSyncToken").await;
    let item = json!({ "id": "series", "start": { "timeZone": "Europe/Berlin" } });
    assert_eq!(answer.json["items"], json!([item]));
    assert!(!answer.sync_token().is_empty() && answer.json.get("kind").is_none());
    let whole = api.list("").await;
    let known = [("if-none-match", whole.header("etag"))];
    assert_eq!(api.send("GET", "calendars/primary/events", &known, &Value::Null).await.status, 304);
}

#[tokio::test]
async fn what_the_description_does_not_know_is_refused_and_noted() {
    let api = Api::new().await;
    let unknown = api.list("maxResult=5").await;
    assert_eq!((unknown.status, unknown.reason()), (400, "invalidParameter"));
    let mut body = event("booking1");
    body["titel"] = json!("x");
    assert_eq!(api.insert(body).await.status, 400);
    assert_eq!(api.list("maxResults=0").await.status, 400);
    assert_eq!(api.list("eventTypes=party").await.status, 400);
    let noted: Vec<String> = api.world.violations().into_iter().map(|v| v.method).collect();
    assert_eq!(noted, ["events.list", "events.insert", "events.list", "events.list"]);
    let broken =
        api.try_send("POST", "calendars/primary/events", &[], &json!("text")).await.unwrap();
    assert_eq!(broken.reason(), "parseError");
}

#[tokio::test]
async fn the_simulators_own_answers_are_checked_too() {
    let api = Api::new().await;
    for (id, name, value) in [
        ("booking1", "titel", json!("x")),
        ("booking2", "summary", json!(5)),
        ("booking3", "guestsCanModify", json!("yes")),
    ] {
        let mut body = event(id);
        body[name] = value;
        // Nobody checks what is put under the API's feet.
        api.primary.insert(body).unwrap();
        assert_eq!(api.one(id).await.status, 200);
    }
    let noted: Vec<_> = api.world.violations().into_iter().map(|v| (v.side, v.what)).collect();
    assert_eq!(noted.len(), 3);
    assert!(noted.iter().all(|(side, _)| *side == "response"), "{noted:?}");
    assert!(
        noted[0].1.contains(".titel is unknown") && noted[1].1.contains(".summary"),
        "{noted:?}"
    );
}
