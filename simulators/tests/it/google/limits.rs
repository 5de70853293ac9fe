//! Quotas, throttling, faults, batches.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::{Act, Fault, google::Throttling};

use super::{Api, event};

#[tokio::test]
async fn a_user_has_a_budget_in_any_minute() {
    let api = Api::new().await;
    api.world.tune_google(|knobs| knobs.user_per_minute = 5);
    for _ in 0..3 {
        assert_eq!(api.list("").await.status, 200);
    }
    api.world.advance(Duration::from_secs(40));
    for _ in 0..2 {
        assert_eq!(api.list("").await.status, 200);
    }
    let over = api.list("").await;
    assert_eq!((over.status, over.reason()), (403, "userRateLimitExceeded"));
    assert_eq!(over.json["error"]["errors"][0]["domain"], "usageLimits");
    api.world.advance(Duration::from_secs(21));
    assert_eq!(api.list("").await.status, 200, "the window slides");
    api.world.tune_google(|knobs| {
        knobs.throttling = Throttling::TooMany;
        knobs.retry_after_s = Some(9);
        knobs.user_per_minute = 1;
    });
    let over = api.list("").await;
    assert_eq!(
        (over.status, over.reason(), over.header("retry-after")),
        (429, "rateLimitExceeded", "9")
    );
    let peaks = api.world.google_peaks();
    assert!(
        peaks
            .iter()
            .any(|(name, peak, refused)| name.contains("ana@") && *peak == 6 && *refused == 2),
        "{peaks:?}"
    );
}

#[tokio::test]
async fn a_project_has_a_budget_and_a_patch_costs_three() {
    let api = Api::new().await;
    api.insert(event("booking1")).await;
    api.world.tune_google(|knobs| knobs.project_per_minute = 4);
    assert_eq!(api.patch("booking1", json!({ "summary": "x" })).await.status, 200);
    let over = api.list("").await;
    assert_eq!((over.status, over.reason()), (403, "rateLimitExceeded"));
}

#[tokio::test]
async fn bursts_of_writes_to_one_calendar_are_refused() {
    let api = Api::new().await;
    api.world.tune_google(|knobs| knobs.writes_per_minute = Some(2));
    api.insert(event("booking1")).await;
    api.insert(event("booking2")).await;
    assert_eq!(api.insert(event("booking3")).await.reason(), "quotaExceeded");
    assert_eq!(api.list("").await.status, 200, "reading goes on");
}

#[tokio::test]
async fn faults_meet_accounts_methods_and_turns() {
    let api = Api::new().await;
    let ana = |act: Act| Fault::new(act).account("ana@example.com");
    api.world.fault(
        ana(Act::Status { status: 403, retry_after_s: None, body: "quotaExceeded".into() })
            .report("events.list")
            .once(),
    );
    let refused = api.list("").await;
    assert_eq!(
        (refused.reason(), &refused.json["error"]["errors"][0]["domain"]),
        ("quotaExceeded", &json!("usageLimits"))
    );
    api.world
        .fault(ana(Act::RateLimit { requests: 1, per_s: 10, retry_after_s: 7 }).path("/events"));
    assert_eq!(api.list("").await.status, 200);
    let limited = api.list("").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, "7"));
    api.world.clear_faults();
    api.world.fault(
        ana(Act::Status {
            status: 502,
            retry_after_s: None,
            body: "<html>Bad gateway</html>".into(),
        })
        .once(),
    );
    assert_eq!(api.list("").await.text, "<html>Bad gateway</html>");
    api.world.clear_faults();
    api.world.fault(ana(Act::DropBefore).report("events.insert").once());
    assert!(
        api.try_send("POST", "calendars/primary/events", &[], &event("booking1")).await.is_err()
    );
    assert_eq!(api.one("booking1").await.status, 404, "nothing was done");
    api.world.fault(ana(Act::TruncateBody { keep: 20 }).report("events.list").once());
    assert!(api.try_send("GET", "calendars/primary/events", &[], &Value::Null).await.is_err());
    api.world.fault(ana(Act::Latency { ms: 5_000 }).report("events.list").once());
    let before = api.world.now();
    api.list("").await;
    assert_eq!(api.world.now().duration_since(before).as_secs(), 5);
    let refresh = Fault::new(Act::Status { status: 503, retry_after_s: None, body: String::new() });
    api.world.fault(refresh.account("ana@example.com").report("oauth.token").once());
    assert_eq!(api.refreshed(&api.refresh).await.status, 503);
}

#[tokio::test]
async fn foreign_hands_meddle_under_a_request() {
    let api = Api::new().await;
    api.insert(event("booking1")).await;
    let token = api.list("").await.sync_token();
    let edit = Act::ForeignEdit {
        calendar: "primary".into(),
        name: "booking1".into(),
        body: json!({ "summary": "Mine" }).to_string(),
    };
    api.world.fault(Fault::new(edit).account("ana@example.com").method("GET").once());
    let changes = api.list(&format!("syncToken={token}")).await;
    assert_eq!(changes.item("booking1")["summary"], "Mine");
    api.world.fault(Fault::new(Act::ExpireCursors).account("ana@example.com").once());
    assert_eq!(api.list(&format!("syncToken={token}")).await.status, 410);
    api.world.fault(Fault::new(Act::EmptyRows).account("ana@example.com").once());
    assert_eq!(api.list("").await.ids().len(), 0, "a glitch that looks like a deletion");
    api.world.fault(Fault::new(Act::RevokePassword).account("ana@example.com").once());
    assert_eq!(api.list("").await.status, 401);
}

#[tokio::test]
async fn the_log_names_account_client_and_method_and_holds_no_secret() {
    let api = Api::new().await;
    api.list("maxResults=3&q=secretword").await;
    api.refreshed(&api.refresh).await;
    let log = api.world.log();
    let entry = log.iter().find(|entry| entry.report.as_deref() == Some("events.list")).unwrap();
    assert_eq!(entry.account.as_deref(), Some("ana@example.com"));
    assert_eq!(
        (entry.client.as_deref(), entry.query.as_deref()),
        (Some("hub.apps.example"), Some("maxResults=3"))
    );
    let token = log.iter().rfind(|entry| entry.report.as_deref() == Some("oauth.token")).unwrap();
    assert_eq!((token.account.as_deref(), token.query.as_deref()), (Some("ana@example.com"), None));
    let text = serde_json::to_string(&log).unwrap();
    assert!(!text.contains("ya29") && !text.contains(&api.refresh) && !text.contains("secretword"));
}

fn part(n: usize, call: &str, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    format!(
        "--b\r\nContent-Type: application/http\r\nContent-ID: <item-{n}>\r\n\r\n{call} HTTP/1.1\r\n\
        Content-Type: application/json\r\n\r\n{body}\r\n"
    )
}

/// The status of each part by its number, and the order in which they came.
async fn batch(api: &Api, parts: &[String]) -> Vec<(usize, u16)> {
    let login = format!("Bearer {}", api.token);
    let headers =
        [("authorization", login.as_str()), ("content-type", "multipart/mixed; boundary=b")];
    let body = format!("{}--b--\r\n", parts.concat());
    let answer = api.raw("POST", "/batch/calendar/v3", &headers, body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let pieces = answer.text.split("Content-ID: <response-item-").skip(1);
    pieces
        .map(|piece| {
            let number = piece.split('>').next().unwrap().parse().unwrap();
            let line = piece.split("HTTP/1.1 ").nth(1).unwrap();
            (number, line.split(' ').next().unwrap().parse().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn parts_of_a_batch_have_statuses_of_their_own_in_any_order() {
    let api = Api::new().await;
    let path = "/calendar/v3/calendars/primary/events";
    let parts: Vec<String> = (0..8)
        .map(|n| part(n, &format!("POST {path}"), &event(&format!("booking{n}"))))
        .chain([
            part(8, &format!("GET {path}/unknown1"), &Value::Null),
            part(9, &format!("DELETE {path}/booking0"), &Value::Null),
        ])
        .collect();
    let answers = batch(&api, &parts).await;
    let status = |wanted: usize| answers.iter().find(|(n, _)| *n == wanted).unwrap().1;
    assert_eq!((status(0), status(8), status(9)), (200, 404, 204));
    let order: Vec<usize> = answers.iter().map(|(n, _)| *n).collect();
    assert!(order.len() == 10 && !order.is_sorted(), "{order:?}");
    assert_eq!(api.primary.events().len(), 7);
}

#[tokio::test]
async fn parts_of_a_batch_are_throttled_and_conflict_singly() {
    let api = Api::new().await;
    let path = "/calendar/v3/calendars/primary/events";
    let gets: Vec<String> = (0..6).map(|n| part(n, &format!("GET {path}"), &Value::Null)).collect();
    api.world.tune_google(|knobs| knobs.user_per_minute = 4);
    let throttled = batch(&api, &gets).await.iter().filter(|(_, status)| *status == 403).count();
    assert_eq!(throttled, 2);
    api.world.tune_google(|knobs| {
        knobs.user_per_minute = 600;
        knobs.batch_conflicts = 1_000;
    });
    let post = [part(0, &format!("POST {path}"), &event("booking1"))];
    assert_eq!(batch(&api, &post).await, [(0, 409)]);
    api.world.tune_google(|knobs| knobs.batch_limit = 5);
    let login = format!("Bearer {}", api.token);
    let headers =
        [("authorization", login.as_str()), ("content-type", "multipart/mixed; boundary=b")];
    let body = format!("{}--b--\r\n", gets.concat());
    assert_eq!(api.raw("POST", "/batch/calendar/v3", &headers, body).await.unwrap().status, 400);
}

/// `cargo test --release -p simulators --test it cheap -- --ignored --nocapture` prints what a call costs.
#[tokio::test]
#[ignore = "it measures"]
async fn a_call_on_a_small_calendar_is_cheap() {
    let api = Api::new().await;
    api.world.tune_google(|knobs| knobs.user_per_minute = u32::MAX);
    api.world.tune_google(|knobs| knobs.project_per_minute = u32::MAX);
    for n in 0..10 {
        api.insert(event(&format!("booking{n}"))).await;
    }
    let token = api.list("").await.sync_token();
    let query = format!("syncToken={token}");
    let start = std::time::Instant::now();
    for _ in 0..1_000 {
        api.list(&query).await;
    }
    let delta = start.elapsed() / 1_000;
    let start = std::time::Instant::now();
    for _ in 0..100 {
        api.list("").await;
    }
    let full = start.elapsed() / 100;
    println!("changes: {delta:?}, ten events: {full:?}");
    assert!(delta < Duration::from_millis(1), "{delta:?}");
}
