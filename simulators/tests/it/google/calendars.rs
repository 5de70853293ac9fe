//! The calendar list, calendars, settings, free/busy.

use serde_json::{Value, json};
use simulators::{GoogleCalendarSpec, Role};

use super::{Api, api::weekly, event};

const LIST: &str = "users/me/calendarList";

#[tokio::test]
async fn the_list_is_paged_and_tells_roles() {
    let api = Api::new().await;
    let roles = [
        Role::FreeBusyReader,
        Role::Reader,
        Role::WriterWithoutPrivateAccess,
        Role::Writer,
        Role::Owner,
    ];
    for (n, role) in roles.into_iter().enumerate() {
        api.ana.add_calendar(GoogleCalendarSpec::new(&format!("cal{n}")).role(role));
    }
    let first = api.get(&format!("{LIST}?maxResults=4")).await;
    assert_eq!((first.ids().len(), first.sync_token().as_str()), (4, ""));
    let second = api.get(&format!("{LIST}?maxResults=4&pageToken={}", first.page_token())).await;
    assert_eq!((second.ids().len(), second.sync_token().is_empty()), (2, false));
    let primary = first.item("ana@example.com");
    assert_eq!((&primary["primary"], &primary["accessRole"]), (&json!(true), &json!("owner")));
    let writers = api.get(&format!("{LIST}?minAccessRole=writer")).await;
    assert_eq!(writers.ids().len(), 3);
    assert_eq!(api.get(&format!("{LIST}/primary")).await.json["id"], "ana@example.com");
    api.is_by_the_book();
}

#[tokio::test]
async fn at_most_250_entries_come_on_a_page() {
    let api = Api::new().await;
    for n in 0..255 {
        api.ana.add_calendar(GoogleCalendarSpec::new(&format!("cal{n}")));
    }
    assert_eq!(api.get(&format!("{LIST}?maxResults=1000")).await.ids().len(), 250);
    assert_eq!(api.get(LIST).await.ids().len(), 100);
}

#[tokio::test]
async fn a_sync_of_the_list_shows_hidden_and_lost_calendars() {
    let api = Api::new().await;
    let (a, b) = (
        api.ana.add_calendar(GoogleCalendarSpec::new("a")),
        api.ana.add_calendar(GoogleCalendarSpec::new("b")),
    );
    let token = api.get(LIST).await.sync_token();
    a.hide(true);
    b.unshare();
    let changes = api.get(&format!("{LIST}?syncToken={token}")).await;
    assert_eq!(
        (&changes.item(a.id())["hidden"], &changes.item(b.id())["deleted"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(api.get(LIST).await.ids(), ["ana@example.com"]);
    let all = api.get(&format!("{LIST}?showHidden=true&showDeleted=true")).await;
    assert_eq!(all.ids().len(), 3);
    for forbidden in [
        "minAccessRole=owner",
        "showDeleted=false",
        "showHidden=false",
        "showOwnOrganizationOnly=true",
    ] {
        assert_eq!(
            api.get(&format!("{LIST}?syncToken={token}&{forbidden}")).await.status,
            400,
            "{forbidden}"
        );
    }
    api.ana.expire_sync_tokens();
    assert_eq!(api.get(&format!("{LIST}?syncToken={token}")).await.reason(), "fullSyncRequired");
}

#[tokio::test]
async fn a_lower_role_does_not_show_in_a_sync_of_the_list() {
    let api = Api::new().await;
    let team = api.ana.add_calendar(GoogleCalendarSpec::new("team").role(Role::Writer));
    let token = api.get(LIST).await.sync_token();
    let events = api.get(&format!("calendars/{}/events", team.id())).await.sync_token();
    team.set_role(Role::Reader);
    team.rename("New name");
    assert_eq!(api.get(&format!("{LIST}?syncToken={token}")).await.ids().len(), 0);
    assert_eq!(api.get(LIST).await.item(team.id())["accessRole"], "reader");
    let events = api.get(&format!("calendars/{}/events?syncToken={events}", team.id())).await;
    assert_eq!(events.status, 410, "cursors die with the role");
}

#[tokio::test]
async fn a_lost_calendar_is_not_found_or_forbidden() {
    let api = Api::new().await;
    let team = api.ana.add_calendar(GoogleCalendarSpec::new("team"));
    let path = format!("calendars/{}/events", team.id());
    team.unshare();
    assert_eq!(api.get(&path).await.reason(), "notFound");
    team.share_again();
    assert_eq!(api.get(&path).await.status, 200);
    api.world.tune_google(|knobs| knobs.lost_status = 403);
    team.remove();
    assert_eq!(api.get(&path).await.status, 403);
    assert_eq!(api.get("calendars/nobody%40example.com/events").await.status, 403);
}

#[tokio::test]
async fn calendars_are_made_changed_and_removed() {
    let api = Api::new().await;
    let made =
        api.post("calendars", json!({ "summary": "Bookings", "timeZone": "Europe/London" })).await;
    let id = made.json["id"].as_str().unwrap().to_owned();
    assert!(id.ends_with("@group.calendar.google.com"), "{id}");
    let coded = id.replace('@', "%40");
    let changed = api
        .send("PATCH", &format!("calendars/{coded}"), &[], &json!({ "summary": "Visits" }))
        .await;
    assert_eq!(
        (&changed.json["summary"], &changed.json["timeZone"]),
        (&json!("Visits"), &json!("Europe/London"))
    );
    let entry = json!({ "summaryOverride": "Mine", "hidden": true });
    let entry = api.send("PATCH", &format!("{LIST}/{coded}"), &[], &entry).await;
    assert_eq!(
        (&entry.json["summaryOverride"], &entry.json["hidden"]),
        (&json!("Mine"), &json!(true))
    );
    assert_eq!(
        api.send("DELETE", &format!("calendars/{coded}"), &[], &Value::Null).await.status,
        204
    );
    assert_eq!(api.get(&format!("calendars/{coded}")).await.status, 404);
    assert_eq!(api.send("DELETE", "calendars/primary", &[], &Value::Null).await.status, 403);
    api.is_by_the_book();
}

#[tokio::test]
async fn a_new_zone_moves_all_day_events_and_no_event_changes() {
    let api = Api::new().await;
    api.insert(json!({ "id": "dated0", "start": { "date": "2027-03-02" }, "end": { "date": "2027-03-03" } })).await;
    let token = api.list("").await.sync_token();
    let before = api.list("timeMin=2027-03-02T23:30:00Z").await.ids().len();
    api.primary.set_time_zone("America/New_York");
    assert_eq!((before, api.list("timeMin=2027-03-02T23:30:00Z").await.ids().len()), (0, 1));
    let changes = api.list(&format!("syncToken={token}")).await;
    assert_eq!((changes.ids().len(), &changes.json["timeZone"]), (0, &json!("America/New_York")));
}

#[tokio::test]
async fn settings_are_told_one_and_all() {
    let api = Api::new().await;
    let zone = api.get("users/me/settings/timezone").await;
    assert_eq!(zone.json["value"], "Europe/Berlin");
    assert!(api.get("users/me/settings").await.ids().contains(&"weekStart"));
    assert_eq!(api.get("users/me/settings/nothing").await.status, 404);
    api.is_by_the_book();
}

fn busy(answer: &super::Answer, calendar: &str) -> Vec<(String, String)> {
    let spans = answer.json["calendars"][calendar]["busy"].as_array().unwrap();
    spans
        .iter()
        .map(|span| (span["start"].as_str().unwrap().into(), span["end"].as_str().unwrap().into()))
        .collect()
}

fn asked(from: &str, to: &str, ids: &[&str]) -> Value {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "timeMin": from, "timeMax": to, "items": items })
}

fn span(start: &str, end: &str) -> (String, String) {
    (format!("2027-03-01T{start}:00Z"), format!("2027-03-01T{end}:00Z"))
}

#[tokio::test]
async fn free_busy_merges_and_leaves_out_what_does_not_block() {
    let api = Api::new().await;
    let at = |id: &str, start: &str, end: &str, more: Value| {
        let mut body = json!({ "id": id, "start": { "dateTime": format!("2027-03-01T{start}:00Z") },
            "end": { "dateTime": format!("2027-03-01T{end}:00Z") } });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        api.primary.insert(body).unwrap();
    };
    let answered = |word: &str| json!({ "attendees": [{ "email": "ana@example.com", "responseStatus": word }] });
    at("first0", "08:00", "09:00", json!({}));
    at("second", "08:30", "10:00", json!({}));
    at("free00", "11:00", "12:00", json!({ "transparency": "transparent" }));
    at("declined", "12:00", "13:00", answered("declined"));
    at("tentative", "13:00", "14:00", answered("tentative"));
    at("unanswered", "14:00", "15:00", answered("needsAction"));
    at(
        "office",
        "15:00",
        "16:00",
        json!({ "eventType": "workingLocation", "transparency": "transparent",
        "visibility": "public", "workingLocationProperties": { "type": "homeOffice" } }),
    );
    at("away00", "16:00", "17:00", json!({ "eventType": "outOfOffice" }));
    at("focus0", "18:00", "19:00", json!({ "eventType": "focusTime" }));
    at("mail00", "20:00", "21:00", json!({ "eventType": "fromGmail" }));
    let ask = asked("2027-03-01T00:00:00Z", "2027-03-02T00:00:00Z", &["ana@example.com"]);
    let answer = api.post("freeBusy", ask.clone()).await;
    let all = [
        span("08:00", "10:00"),
        span("13:00", "15:00"),
        span("16:00", "17:00"),
        span("18:00", "19:00"),
        span("20:00", "21:00"),
    ];
    assert_eq!(busy(&answer, "ana@example.com"), all);
    api.world.tune_google(|knobs| knobs.needs_action_is_busy = false);
    assert_eq!(
        busy(&api.post("freeBusy", ask).await, "ana@example.com")[1],
        span("13:00", "14:00")
    );
    api.is_by_the_book();
}

#[tokio::test]
async fn free_busy_follows_exceptions_and_tells_errors_by_calendar() {
    let api = Api::new().await;
    api.primary.insert(weekly("series")).unwrap();
    api.primary
        .reschedule(
            "series_20270301T080000Z",
            "2027-03-01T15:00:00+01:00",
            "2027-03-01T16:00:00+01:00",
        )
        .unwrap();
    api.primary.insert(event("booking1")).unwrap();
    let ids = ["primary", "stranger@example.com"];
    let answer =
        api.post("freeBusy", asked("2027-03-01T00:00:00Z", "2027-03-02T00:00:00Z", &ids)).await;
    assert_eq!(busy(&answer, "primary"), [span("08:00", "09:00"), span("14:00", "15:00")]);
    assert_eq!(answer.json["calendars"]["stranger@example.com"]["errors"][0]["reason"], "notFound");
    let long =
        api.post("freeBusy", asked("2027-01-01T00:00:00Z", "2027-06-01T00:00:00Z", &ids)).await;
    assert_eq!((long.status, long.reason()), (400, "timeRangeTooLong"));
    let missing =
        api.post("freeBusy", json!({ "timeMax": "2027-06-01T00:00:00Z", "items": [] })).await;
    assert_eq!((missing.status, missing.reason()), (400, "required"));
}
