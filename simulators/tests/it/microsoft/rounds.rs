//! Rounds of a delta: pages, disorder, lag, and the ways in which a link dies.

use std::time::Duration;

use serde_json::Value;
use simulators::{Act, Fault, microsoft::ResetCode};

use super::{Api, api::FIRST, event, weekly};

#[tokio::test]
async fn pages_follow_each_other_and_the_delta_link_comes_last() {
    let api = Api::new().await;
    for n in 0..7 {
        api.calendar.insert(event(&format!("Event {n}"))).unwrap();
    }
    api.calendar.insert(weekly("Stand-up")).unwrap();
    let small = [("prefer", "odata.maxpagesize=3")];
    let page = api.send("GET", FIRST, &small, Value::Null).await;
    assert_eq!((page.rows().len(), page.link("deltaLink")), (3, None));
    assert!(page.link("nextLink").unwrap().contains("$skiptoken="));
    let (rows, link) = api.round(FIRST, "odata.maxpagesize=3").await;
    assert_eq!(rows.len(), 7 + 1 + 14);
    let mut ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len(), "no row twice");
    assert!(link.contains("$deltatoken="));
    assert_eq!(
        api.send("GET", FIRST, &small, Value::Null).await.header("preference-applied"),
        "odata.maxpagesize=3"
    );
    api.is_by_the_book();
}

#[tokio::test]
async fn a_round_does_not_lose_what_changes_within_it() {
    let api = Api::new().await;
    let made: Vec<String> = (0..9)
        .map(|n| {
            api.calendar.insert(event(&format!("Event {n}"))).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let prefer = "odata.maxpagesize=4, IdType=\"ImmutableId\"";
    let first = api.send("GET", FIRST, &[("prefer", prefer)], Value::Null).await;
    api.calendar.delete(&made[0]).unwrap();
    api.calendar.patch(&made[8], serde_json::json!({ "subject": "New" })).unwrap();
    let (rest, link) = api.round(&first.link("nextLink").unwrap(), prefer).await;
    assert_eq!(first.rows().len() + rest.len(), 8, "the changed one comes in the next round");
    let (rows, _) = api.round(&link, prefer).await;
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [made[0].as_str(), made[8].as_str()]);
}

#[tokio::test]
async fn a_page_may_be_empty_and_go_on() {
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| knobs.empty_pages = true);
    api.calendar.insert(event("Visit")).unwrap();
    let page = api.get(FIRST).await;
    assert_eq!(page.rows().len(), 0);
    assert!(page.link("nextLink").is_some());
    let (rows, link) = api.first_round().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(api.get(&link).await.rows().len(), 0);
    assert!(api.get(&link).await.link("deltaLink").is_none());
}

#[tokio::test]
async fn rows_may_come_twice_and_in_any_order() {
    let api = Api::new().await;
    api.calendar.insert(weekly("Stand-up")).unwrap();
    api.world.tune_microsoft(|knobs| {
        knobs.occurrences_first = true;
        knobs.duplicate_rows = 1_000;
    });
    let (rows, _) = api.first_round().await;
    assert_eq!(rows.len(), 2 * 15);
    assert_eq!(rows[0]["type"], "occurrence");
    assert_eq!(rows[14]["type"], "seriesMaster");
    api.world.fault(Fault::new(Act::ReorderRows).report("calendarView.delta").once());
    assert_eq!(api.first_round().await.0[0]["type"], "seriesMaster");
}

#[tokio::test]
async fn a_write_shows_after_a_while() {
    let api = Api::new().await;
    let (_, link) = api.first_round().await;
    api.world.tune_microsoft(|knobs| knobs.list_lag_s = 30);
    let made = api.create(event("Visit")).await;
    let (rows, link) = api.round(&link, "").await;
    assert_eq!(rows.len(), 0);
    assert_eq!(api.one(made.id()).await.status, 200, "the event itself is there");
    api.world.advance(Duration::from_secs(60));
    let (rows, _) = api.round(&link, "").await;
    assert_eq!(rows[0]["id"], made.id());
}

#[tokio::test]
async fn a_dead_link_answers_410_with_or_without_a_way_on() {
    let api = Api::new().await;
    api.calendar.insert(event("Visit")).unwrap();
    let (_, link) = api.first_round().await;
    api.calendar.expire_delta_links();
    let gone = api.get(&link).await;
    assert_eq!((gone.status, gone.code()), (410, "SyncStateNotFound"));
    let anew = gone.header("location").strip_prefix("http://sim.example").unwrap().to_owned();
    assert!(anew.ends_with("$deltatoken="), "{anew}");
    let (rows, link) = api.round(&anew, "").await;
    assert_eq!(rows.len(), 1);
    api.world.tune_microsoft(|knobs| {
        knobs.reset_location = false;
        knobs.reset = ResetCode::Required;
    });
    api.lea.expire_delta_links();
    let gone = api.get(&link).await;
    assert_eq!((gone.status, gone.code(), gone.header("location")), (410, "resyncRequired", ""));
}

#[tokio::test]
async fn a_reset_may_come_in_the_middle_of_a_round() {
    let api = Api::new().await;
    for n in 0..9 {
        api.calendar.insert(event(&format!("Event {n}"))).unwrap();
    }
    let first = api.send("GET", FIRST, &[("prefer", "odata.maxpagesize=3")], Value::Null).await;
    api.world.fault(Fault::new(Act::ExpireCursors).report("calendarView.delta").once());
    assert_eq!(api.get(&first.link("nextLink").unwrap()).await.status, 410);
    assert_eq!(api.first_round().await.0.len(), 9);
}

#[tokio::test]
async fn a_mangled_token_is_a_bad_request() {
    let api = Api::new().await;
    let (_, link) = api.first_round().await;
    let mangled = format!("{}x", link.trim_end_matches(|c: char| c.is_alphanumeric()));
    assert_eq!(api.get(&mangled).await.status, 400);
    api.world.tune_microsoft(|knobs| knobs.mangled_status = 410);
    assert_eq!(api.get(&mangled).await.code(), "SyncStateInvalid");
}

#[tokio::test]
async fn a_link_grows_old() {
    let api = Api::new().await;
    let (_, link) = api.first_round().await;
    api.world.tune_microsoft(|knobs| knobs.delta_link_s = Some(600));
    assert_eq!(api.get(&link).await.status, 200);
    api.world.advance(Duration::from_secs(600));
    assert_eq!(api.get(&link).await.status, 410);
}

#[tokio::test]
async fn rows_may_keep_the_transaction_to_themselves() {
    let api = Api::new().await;
    let mut body = event("Booking");
    body["transactionId"] = serde_json::json!("b-1");
    api.create(body).await;
    assert_eq!(api.first_round().await.0[0]["transactionId"], "b-1");
    api.world.tune_microsoft(|knobs| knobs.delta_tells_transactions = false);
    assert!(api.first_round().await.0[0].get("transactionId").is_none());
}
