//! Notifications: what they say, and how they come late, twice, out of order or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::{MicrosoftCalendarSpec, MicrosoftNotification};

use super::{
    Api, event,
    subscriptions::{listening, wanted},
};

fn items(due: &[MicrosoftNotification]) -> Vec<Value> {
    due.iter().flat_map(|one| one.body["value"].as_array().unwrap().clone()).collect()
}

fn kinds(due: &[MicrosoftNotification]) -> Vec<String> {
    items(due).iter().map(|item| item["changeType"].as_str().unwrap().to_owned()).collect()
}

async fn subscribed() -> Api {
    let (api, _) = listening().await;
    assert_eq!(api.post("subscriptions", wanted(&api)).await.status, 201);
    api
}

#[tokio::test]
async fn one_action_tells_created_and_several_updated() {
    let api = subscribed().await;
    api.world.tune_microsoft(|knobs| (knobs.push_echoes, knobs.bumps) = (2, 1));
    let made = api.create(event("x")).await;
    let due = api.world.take_microsoft_notifications();
    assert_eq!(kinds(&due), ["created", "updated", "updated"]);
    let item = &items(&due)[0];
    assert_eq!(item["clientState"], "state-1");
    assert_eq!(item["resourceData"]["id"], made.id());
    assert_eq!(item["resourceData"]["@odata.type"], "#Microsoft.Graph.Event");
    assert_eq!(item["resource"], format!("Users/{}/Events/{}", api.lea.id(), made.id()));
    assert_eq!(due[0].address, "https://hub.example/graph/n/abc?x=1");
    api.world.advance(Duration::from_secs(2));
    assert_eq!(
        kinds(&api.world.take_microsoft_notifications()),
        ["updated"],
        "the changeKey moved by itself"
    );
    api.delete(made.id()).await;
    assert_eq!(kinds(&api.world.take_microsoft_notifications()), ["deleted"]);
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let (api, _) = listening().await;
    let mut body = wanted(&api);
    body["changeType"] = json!("deleted");
    api.post("subscriptions", body).await;
    let other = api.lea.add_calendar(MicrosoftCalendarSpec::new("Team"));
    other.insert(event("elsewhere")).unwrap();
    let here = api.calendar.insert(event("here")).unwrap();
    assert_eq!(api.world.take_microsoft_notifications(), []);
    api.calendar.delete(here["id"].as_str().unwrap()).unwrap();
    assert_eq!(kinds(&api.world.take_microsoft_notifications()), ["deleted"]);
}

#[tokio::test]
async fn the_root_may_cover_secondary_calendars() {
    let (api, _) = listening().await;
    let mut body = wanted(&api);
    body["resource"] = json!("me/events");
    api.post("subscriptions", body).await;
    let other = api.lea.add_calendar(MicrosoftCalendarSpec::new("Team"));
    other.insert(event("x")).unwrap();
    assert_eq!(api.world.take_microsoft_notifications(), []);
    api.world.tune_microsoft(|knobs| knobs.root_covers_all = true);
    other.insert(event("y")).unwrap();
    assert_eq!(api.world.take_microsoft_notifications().len(), 2);
}

#[tokio::test]
async fn ids_are_immutable_where_the_subscription_was_made_so() {
    let (api, _) = listening().await;
    api.send("POST", "subscriptions", &[super::api::IMMUTABLE], wanted(&api)).await;
    let made = api.calendar.insert(event("x")).unwrap();
    let due = items(&api.world.take_microsoft_notifications());
    assert_eq!(due[0]["resourceData"]["id"], made["id"]);
}

#[tokio::test]
async fn notifications_are_lost_late_doubled_and_mixed() {
    let api = subscribed().await;
    let tune = |change: fn(&mut simulators::MicrosoftKnobs)| api.world.tune_microsoft(change);
    tune(|knobs| knobs.push_echoes = 0);
    let edit = || api.calendar.insert(event("x")).unwrap();
    tune(|knobs| (knobs.push_drop, knobs.push_missed) = (1_000, 1_000));
    edit();
    let told = items(&api.world.take_microsoft_notifications());
    assert_eq!((told.len(), &told[0]["lifecycleEvent"]), (1, &json!("missed")));
    tune(|knobs| (knobs.push_drop, knobs.push_missed, knobs.push_duplicate) = (0, 0, 1_000));
    edit();
    assert_eq!(api.world.take_microsoft_notifications().len(), 2);
    tune(|knobs| (knobs.push_duplicate, knobs.push_delay_ms) = (0, 5_000));
    edit();
    assert_eq!(api.world.take_microsoft_notifications(), []);
    api.world.advance(Duration::from_secs(5));
    assert_eq!(api.world.take_microsoft_notifications().len(), 1);
    tune(|knobs| (knobs.push_delay_ms, knobs.push_reorder) = (0, 1_000));
    let first = edit();
    tune(|knobs| knobs.push_reorder = 0);
    api.calendar.delete(first["id"].as_str().unwrap()).unwrap();
    api.world.advance(Duration::from_secs(2));
    assert_eq!(kinds(&api.world.take_microsoft_notifications()), ["deleted", "created"]);
    tune(|knobs| knobs.push_together = 10);
    for _ in 0..3 {
        edit();
    }
    let together = api.world.take_microsoft_notifications();
    assert_eq!((together.len(), items(&together).len()), (1, 3));
}

#[tokio::test]
async fn what_was_not_taken_comes_again_for_four_hours() {
    let api = subscribed().await;
    api.world.tune_microsoft(|knobs| knobs.push_echoes = 0);
    api.calendar.insert(event("x")).unwrap();
    let mut tries = 0;
    let end = api.world.now() + Duration::from_secs(6 * 3_600);
    while api.world.now() < end {
        for one in api.world.take_microsoft_notifications() {
            let status = if tries % 2 == 0 { Some(500) } else { None };
            api.world.microsoft_notification_answered(one, status, Duration::ZERO);
            tries += 1;
        }
        api.world.advance(Duration::from_secs(10));
    }
    assert!((5..20).contains(&tries), "{tries}");
    api.calendar.insert(event("y")).unwrap();
    let one = api.world.take_microsoft_notifications().remove(0);
    api.world.microsoft_notification_answered(one, Some(202), Duration::ZERO);
    api.world.advance(Duration::from_secs(4 * 3_600));
    assert_eq!(api.world.take_microsoft_notifications(), []);
}

/// Takes `count` notifications, of which the first `slow` are answered slowly.
fn answered(api: &Api, count: usize, slow: usize) {
    for n in 0..count {
        api.calendar.insert(event("x")).unwrap();
        for one in api.world.take_microsoft_notifications() {
            let took = Duration::from_secs(if n < slow { 4 } else { 1 });
            api.world.microsoft_notification_answered(one, Some(202), took);
        }
    }
}

#[tokio::test]
async fn a_slow_receiver_is_told_late_and_a_slower_one_nothing() {
    let api = subscribed().await;
    api.world.tune_microsoft(|knobs| knobs.push_echoes = 0);
    answered(&api, 92, 0);
    answered(&api, 12, 12);
    api.calendar.insert(event("x")).unwrap();
    assert_eq!(api.world.take_microsoft_notifications(), [], "slow: ten minutes late");
    api.world.advance(Duration::from_secs(600));
    assert_eq!(api.world.take_microsoft_notifications().len(), 1);
    answered(&api, 5, 5);
    api.calendar.insert(event("x")).unwrap();
    api.world.advance(Duration::from_secs(599));
    assert_eq!(api.world.take_microsoft_notifications(), [], "slower: lost");
    api.world.advance(Duration::from_secs(1));
    api.calendar.insert(event("x")).unwrap();
    assert_eq!(api.world.take_microsoft_notifications().len(), 1, "after ten minutes it goes on");
}
