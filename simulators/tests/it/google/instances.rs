//! Series: ids of instances, exceptions, splits.

use serde_json::{Value, json};

use super::{Api, api::weekly};

async fn with_series(event: Value) -> Api {
    let api = Api::new().await;
    let made = api.insert(event).await;
    assert_eq!(made.status, 200, "{}", made.text);
    api
}

fn all_day() -> Value {
    json!({ "id": "feast0", "start": { "date": "2027-03-01" }, "end": { "date": "2027-03-02" },
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"] })
}

#[tokio::test]
async fn instances_are_called_by_their_original_start() {
    let api = with_series(weekly("series")).await;
    api.insert(all_day()).await;
    let timed = api.get("calendars/primary/events/series/instances?maxResults=5").await;
    // Summer time begins on 28 March.
    let ids = [
        "series_20270301T080000Z",
        "series_20270308T080000Z",
        "series_20270315T080000Z",
        "series_20270322T080000Z",
        "series_20270329T070000Z",
    ];
    assert_eq!(timed.ids(), ids);
    let first = &timed.json["items"][0];
    assert_eq!((&first["recurringEventId"], first.get("recurrence")), (&json!("series"), None));
    let dated = api.get("calendars/primary/events/feast0/instances").await;
    assert_eq!(dated.ids(), ["feast0_20270301", "feast0_20270302", "feast0_20270303"]);
    assert_eq!(api.one("series_20270308T080000Z").await.status, 200);
    assert_eq!(api.one("series_20270309T080000Z").await.status, 404, "no such instance");
    api.is_by_the_book();
}

#[tokio::test]
async fn a_series_may_leave_out_its_first_occurrence() {
    let mut event = all_day();
    event["recurrence"] = json!(["RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20270301"]);
    let api = with_series(event).await;
    let left = api.get("calendars/primary/events/feast0/instances").await;
    assert_eq!(left.ids(), ["feast0_20270302", "feast0_20270303"]);
    api.is_by_the_book();
}

#[tokio::test]
async fn an_instance_is_found_by_its_original_start_after_a_move() {
    let api = with_series(weekly("series")).await;
    let id = "series_20270308T080000Z";
    api.primary.reschedule(id, "2027-03-20T14:00:00+01:00", "2027-03-20T15:00:00+01:00").unwrap();
    let original = "originalStart=2027-03-08T08:00:00Z";
    let found = api.get(&format!("calendars/primary/events/series/instances?{original}")).await;
    assert_eq!(found.ids(), [id]);
    assert_eq!(found.json["items"][0]["start"]["dateTime"], "2027-03-20T14:00:00+01:00");
    api.is_by_the_book();
}

#[tokio::test]
async fn deleted_instances_are_listed_on_request_only() {
    let api = with_series(all_day()).await;
    assert_eq!(api.delete("feast0_20270302").await.status, 204);
    assert_eq!(api.delete("feast0_20270302").await.status, 410);
    let path = "calendars/primary/events/feast0/instances";
    assert_eq!(api.get(path).await.ids().len(), 2);
    let all = api.get(&format!("{path}?showDeleted=true")).await;
    assert_eq!(all.item("feast0_20270302")["status"], "cancelled");
    let patched = api.patch("feast0_20270303", json!({ "status": "cancelled" })).await;
    assert_eq!((patched.status, &patched.json["status"]), (200, &json!("cancelled")));
}

#[tokio::test]
async fn pages_of_instances_lead_on() {
    let api = with_series(weekly("series")).await;
    let path =
        "calendars/primary/events/series/instances?maxResults=2&timeMin=2027-03-08T08:15:00Z";
    let first = api.get(path).await;
    assert_eq!(first.ids()[0], "series_20270308T080000Z", "timeMin is inclusive here");
    let second = api.get(&format!("{path}&pageToken={}", first.page_token())).await;
    assert_eq!(second.ids()[0], "series_20270322T080000Z");
}

#[tokio::test]
async fn a_moved_instance_and_a_cancelled_one_come_in_the_next_changes() {
    let api = with_series(weekly("series")).await;
    let token = api.list("").await.sync_token();
    let (moved, cancelled) = ("series_20270315T080000Z", "series_20270308T080000Z");
    api.primary
        .reschedule(moved, "2027-03-16T14:00:00+01:00", "2027-03-16T14:15:00+01:00")
        .unwrap();
    api.primary.delete(cancelled).unwrap();
    let changes = api.list(&format!("syncToken={token}")).await;
    assert_eq!(changes.ids(), [moved, cancelled]);
    let row = changes.item(moved);
    assert_eq!(row["originalStartTime"]["dateTime"], "2027-03-15T09:00:00+01:00");
    assert_eq!(row["start"]["dateTime"], "2027-03-16T14:00:00+01:00");
    assert_eq!(
        api.primary.get("series").unwrap()["recurrence"],
        json!(["RRULE:FREQ=WEEKLY;BYDAY=MO"]),
        "no EXDATE"
    );
    api.is_by_the_book();
}

#[tokio::test]
async fn deleting_the_master_takes_its_exceptions() {
    let api = with_series(weekly("series")).await;
    let id = "series_20270308T080000Z";
    api.primary.reschedule(id, "2027-03-09T14:00:00+01:00", "2027-03-09T15:00:00+01:00").unwrap();
    let token = api.list("").await.sync_token();
    api.delete("series").await;
    let changes = api.list(&format!("syncToken={token}")).await;
    assert!(
        changes.item("series")["status"] == "cancelled"
            && changes.item(id)["status"] == "cancelled"
    );
    assert_eq!(api.primary.events().len(), 0);
}

#[tokio::test]
async fn this_and_following_makes_two_series() {
    let api = with_series(weekly("series")).await;
    let late = "series_20270322T080000Z";
    api.primary.reschedule(late, "2027-03-23T14:00:00+01:00", "2027-03-23T15:00:00+01:00").unwrap();
    let token = api.list("").await.sync_token();
    let made =
        api.primary.split("series_20270315T080000Z", json!({ "summary": "New stand-up" })).unwrap();
    assert_eq!(made["id"], "series_R20270315T080000");
    assert_ne!(made["iCalUID"], "series@google.com");
    let changes = api.list(&format!("syncToken={token}")).await;
    let old = &changes.item("series")["recurrence"][0];
    assert_eq!(old, "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20270315T075959Z");
    assert_eq!(changes.item(late)["status"], "cancelled");
    let instances =
        api.get("calendars/primary/events/series_R20270315T080000/instances?maxResults=1").await;
    assert_eq!(instances.ids(), ["series_R20270315T080000_20270315T080000Z"]);
    let before = api.get("calendars/primary/events/series/instances").await;
    assert_eq!(before.ids().len(), 2);
}

#[tokio::test]
async fn a_shorter_series_drops_the_exceptions_behind_its_end() {
    let api = with_series(weekly("series")).await;
    let id = "series_20270329T070000Z";
    api.primary.patch(id, json!({ "summary": "Last" })).unwrap();
    api.primary.patch("series", json!({ "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"] })).unwrap();
    assert_eq!(api.primary.get(id).unwrap()["status"], "cancelled");
    let kept = "series_20270308T080000Z";
    api.primary.patch(kept, json!({ "summary": "Second" })).unwrap();
    api.primary.patch("series", json!({ "recurrence": null })).unwrap();
    assert_eq!(api.primary.get(kept).unwrap()["status"], "cancelled", "no series any more");
}

#[tokio::test]
async fn rules_of_every_frequency_are_expanded() {
    let api = Api::new().await;
    for (n, (rule, starts)) in [
        ("FREQ=DAILY;INTERVAL=10;COUNT=3", ["20270301", "20270311", "20270321"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", ["20270326", "20270430", "20270528"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3", ["20270331", "20270531", "20270731"]),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3",
            ["20270331", "20270430", "20270531"],
        ),
        ("FREQ=YEARLY;COUNT=3", ["20270301", "20280301", "20290301"]),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=1MO;COUNT=3", ["20270301", "20280306", "20290305"]),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU;COUNT=3",
            ["20270301", "20270314", "20270315"],
        ),
        ("FREQ=DAILY;UNTIL=20270303", ["20270301", "20270302", "20270303"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = all_day();
        body["id"] = json!(format!("rule{n}"));
        body["recurrence"] = json!([format!("RRULE:{rule}")]);
        assert_eq!(api.insert(body).await.status, 200, "{rule}");
        let found = api.get(&format!("calendars/primary/events/rule{n}/instances")).await;
        let ids: Vec<String> = starts.iter().map(|day| format!("rule{n}_{day}")).collect();
        assert_eq!(found.ids(), ids, "{rule}");
    }
    let mut body = all_day();
    body["id"] = json!("ruled");
    body["recurrence"] = json!([
        "RRULE:FREQ=DAILY;COUNT=3",
        "EXDATE;VALUE=DATE:20270302",
        "RDATE;VALUE=DATE:20270410"
    ]);
    api.insert(body).await;
    let found = api.get("calendars/primary/events/ruled/instances").await;
    assert_eq!(found.ids(), ["ruled_20270301", "ruled_20270303", "ruled_20270410"]);
}
