//! Limits and batches: four at a time, ten thousand in ten minutes, twenty in one, and answers that get lost.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use simulators::{Act, Cut, Fault};

use super::{Api, api::LEA, event};

#[tokio::test]
async fn a_mailbox_serves_four_requests_at_a_time() {
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| knobs.yields = 3);
    let answers = join_all((0..6).map(|_| api.get("me/calendars"))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(
        (refused[0].code(), refused[0].header("retry-after")),
        ("ApplicationThrottled", "10")
    );
    assert!(refused[0].text.contains("MailboxConcurrency"));
    let peak = &api.world.microsoft_peaks()[0];
    assert!(peak.lane.ends_with(LEA));
    assert_eq!((peak.together, peak.refused_together), (6, 2));
    assert_eq!(api.get("me/calendars").await.status, 200, "one after the other it goes on");
    api.world.tune_microsoft(|knobs| {
        knobs.throttle_status = 503;
        knobs.retry_after_missing = 1_000;
    });
    let answers = join_all((0..5).map(|_| api.get("me/calendars"))).await;
    let refused = answers.iter().find(|answer| answer.status == 503).unwrap();
    assert_eq!((refused.code(), refused.header("retry-after")), ("ServiceUnavailable", ""));
}

#[tokio::test]
async fn requests_that_wait_hold_their_places_and_give_them_back() {
    let api = Api::new().await;
    api.world.fault(Fault::new(Act::DropBefore).report("calendars.list"));
    for _ in 0..9 {
        let cut = api.try_send("GET", "me/calendars", &[], &Value::Null).await;
        assert!(matches!(cut, Err(Cut::BeforeApply)));
    }
    api.world.clear_faults();
    assert_eq!(api.get("me/calendars").await.status, 200);
    assert_eq!(api.world.microsoft_peaks()[0].together, 1);
}

#[tokio::test]
async fn a_window_of_ten_minutes_has_an_end() {
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| knobs.window_requests = 5);
    for _ in 0..5 {
        assert_eq!(api.get("me").await.status, 200);
    }
    assert_eq!(api.get("me").await.status, 429);
    api.world.advance(Duration::from_secs(600));
    assert_eq!(api.get("me").await.status, 200);
    assert_eq!(api.world.microsoft_peaks()[0].refused_in_window, 1);
}

#[tokio::test]
async fn a_batch_answers_each_request_in_any_order() {
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| knobs.window_requests = 4);
    let create = json!({ "id": "1", "method": "POST", "url": "/me/events", "headers": { "Content-Type": "application/json" }, "body": event("x") });
    let get = |id: &str, on: Value| json!({ "id": id, "method": "GET", "url": "/me/events/nonsense", "dependsOn": on });
    let me = |id: &str| json!({ "id": id, "method": "GET", "url": "me?$select=displayName" });
    let body = json!({ "requests": [create, get("2", json!(["1"])), get("3", json!(["2"])), me("4"), me("5"), me("6")] });
    let answer = api.post("$batch", body).await;
    let rows = answer.json["responses"].as_array().unwrap();
    let status =
        |id: &str| rows.iter().find(|row| row["id"] == id).unwrap()["status"].as_u64().unwrap();
    assert_eq!((status("1"), status("2"), status("3")), (201, 400, 424));
    assert_eq!((status("4"), status("5"), status("6")), (200, 200, 429));
    let throttled = rows.iter().find(|row| row["id"] == "6").unwrap();
    assert_eq!(throttled["headers"]["retry-after"], "10");
    let many: Vec<Value> = (0..21).map(|n| me(&n.to_string())).collect();
    assert_eq!(api.post("$batch", json!({ "requests": many })).await.status, 400);
    let mut orders: Vec<String> = Vec::new();
    api.world.tune_microsoft(|knobs| knobs.window_requests = 10_000);
    for _ in 0..5 {
        let answer = api.post("$batch", json!({ "requests": [me("1"), me("2"), me("3")] })).await;
        let ids = answer.json["responses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned());
        orders.push(ids.collect());
    }
    assert!(orders.iter().any(|order| *order != orders[0]), "{orders:?}");
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_write() {
    let api = Api::new().await;
    let made = api.calendar.insert(event("x")).unwrap();
    let id = api.calendar.ordinary_id(made["id"].as_str().unwrap()).unwrap();
    let path = format!("me/events/{id}");
    for (report, verb, path, body) in [
        ("events.create", "POST", "me/events", event("y")),
        ("events.update", "PATCH", path.as_str(), json!({ "subject": "z" })),
        ("events.delete", "DELETE", path.as_str(), Value::Null),
    ] {
        api.world.fault(Fault::new(Act::DropAfterApply).account(LEA).report(report).once());
        let cut = api.try_send(verb, path, &[], &body).await;
        assert!(matches!(cut, Err(Cut::AfterApply)), "{report}");
    }
    let events = api.calendar.events();
    assert_eq!((events.len(), &events.values().next().unwrap()["subject"]), (1, &json!("y")));
    let word = Act::Status { status: 503, retry_after_s: Some(7), body: String::new() };
    api.world.fault(Fault::new(word).report("calendars.list").once());
    let refused = api.get("me/calendars").await;
    assert_eq!(
        (refused.status, refused.code(), refused.header("retry-after")),
        (503, "ServiceUnavailable", "7")
    );
    let entry = api.world.log().into_iter().next_back().unwrap();
    assert_eq!(
        (entry.account.as_deref(), entry.report.as_deref()),
        (Some(LEA), Some("calendars.list"))
    );
}

#[tokio::test]
async fn others_change_and_delete_under_a_request() {
    let api = Api::new().await;
    let named = |name: &str| {
        let mut body = event(name);
        body["id"] = json!(name);
        body
    };
    api.calendar.insert(named("booking1")).unwrap();
    let edit = Act::ForeignEdit {
        calendar: "Calendar".into(),
        name: "booking1".into(),
        body: json!({ "subject": "theirs" }).to_string(),
    };
    api.world.fault(Fault::new(edit).report("events.list").once());
    assert_eq!(api.get("me/events").await.rows()[0]["subject"], "theirs");
    let delete = Act::ForeignDelete { calendar: "Calendar".into(), name: "booking1".into() };
    api.world.fault(Fault::new(delete).report("events.list").once());
    assert_eq!(api.get("me/events").await.rows().len(), 0);
    api.world.fault(
        Fault::new(Act::CalendarGone { calendar: "Calendar".into(), status: 404 })
            .report("events.list")
            .once(),
    );
    assert_eq!(api.get("me/events").await.status, 404);
    api.world.fault(Fault::new(Act::RevokePassword).report("me.get").once());
    assert_eq!(api.get("me").await.status, 401);
}
