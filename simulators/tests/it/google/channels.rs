//! Push channels: opening, messages, what gets lost, the end.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::{GoogleCalendarSpec, Notification};

use super::{Answer, Api, event};

const ADDRESS: &str = "https://hub.example/push/google";

fn channel(id: &str) -> Value {
    json!({ "id": id, "type": "web_hook", "address": ADDRESS, "token": "t0ken" })
}

async fn watch(api: &Api, body: Value) -> Answer {
    api.post("calendars/primary/events/watch", body).await
}

/// Opened, and its first message taken.
async fn watching(api: &Api, id: &str) -> Answer {
    let answer = watch(api, channel(id)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(api.world.take_notifications().len(), 1);
    answer
}

fn header<'a>(notification: &'a Notification, name: &str) -> &'a str {
    notification.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

fn edit(api: &Api, times: usize) {
    for n in 0..times {
        api.primary.patch("booking1", json!({ "summary": n.to_string() })).unwrap();
    }
}

async fn filled() -> Api {
    let api = Api::new().await;
    api.primary.insert(event("booking1")).unwrap();
    api
}

#[tokio::test]
async fn a_channel_begins_with_a_sync_message_and_tells_its_headers() {
    let api = filled().await;
    let answer = watch(&api, channel("channel-1")).await;
    assert_eq!(answer.json["kind"], "api#channel");
    let expiration = answer.json["expiration"].as_str().unwrap();
    let week = api.world.now().as_millisecond() + 604_800_000;
    assert_eq!(expiration, week.to_string(), "milliseconds as a string, a week from now");
    let uri = "http://sim.example/calendar/v3/calendars/ana@example.com/events?alt=json";
    assert_eq!(answer.json["resourceUri"], uri);
    edit(&api, 1);
    let sent = api.world.take_notifications();
    let states: Vec<&str> = sent.iter().map(|n| header(n, "X-Goog-Resource-State")).collect();
    assert_eq!(states, ["sync", "exists"]);
    assert_eq!(header(&sent[0], "X-Goog-Message-Number"), "1");
    let told = &sent[1];
    assert_eq!(told.address, ADDRESS);
    assert_eq!(header(told, "X-Goog-Channel-ID"), "channel-1");
    assert_eq!(header(told, "X-Goog-Channel-Token"), "t0ken");
    assert_eq!(header(told, "X-Goog-Channel-Expiration"), "Mon, 08 Mar 2027 08:00:00 GMT");
    assert_eq!(header(told, "X-Goog-Resource-ID"), answer.json["resourceId"].as_str().unwrap());
    assert_eq!(header(told, "X-Goog-Resource-URI"), uri);
    api.is_by_the_book();
}

#[tokio::test]
async fn longer_lives_are_cut_and_the_most_restrictive_wins() {
    let api = filled().await;
    let now = api.world.now().as_millisecond();
    let lives = async |id: &str, more: Value| {
        let mut body = channel(id);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = watch(&api, body).await;
        let ends: i64 = answer.json["expiration"].as_str().unwrap().parse().unwrap();
        (ends - now) / 1_000
    };
    assert_eq!(lives("a", json!({ "params": { "ttl": "9999999" } })).await, 604_800);
    assert_eq!(lives("b", json!({ "params": { "ttl": "3600" } })).await, 3_600);
    let both = json!({ "params": { "ttl": "3600" }, "expiration": (now + 60_000).to_string() });
    assert_eq!(lives("c", both).await, 60);
}

#[tokio::test]
async fn what_a_channel_must_be() {
    let api = filled().await;
    let with = |name: &str, value: Value| {
        let mut body = channel("channel-1");
        body[name] = value;
        body
    };
    assert_eq!(watch(&api, with("id", json!("x".repeat(65)))).await.status, 400);
    assert_eq!(watch(&api, with("token", json!("x".repeat(257)))).await.status, 400);
    assert_eq!(watch(&api, with("type", json!("email"))).await.status, 400);
    let plain = watch(&api, with("address", json!("http://hub.example/push"))).await;
    assert_eq!((plain.status, plain.reason()), (400, "push.webhookUrlNotHttps"));
    let local = watch(&api, with("address", json!("https://localhost/push"))).await;
    assert_eq!((local.status, local.reason()), (401, "push.webhookUrlUnauthorized"));
    api.world.tune_google(|knobs| knobs.allow_http_push = true);
    assert_eq!(watch(&api, with("address", json!("http://127.0.0.1:9/push"))).await.status, 200);
    let again = watch(&api, channel("channel-1")).await;
    assert_eq!((again.status, again.reason()), (400, "channelIdNotUnique"));
}

#[tokio::test]
async fn some_resources_cannot_be_watched() {
    let api = Api::new().await;
    let id = "en.german#holiday@group.v.calendar.google.com";
    let mut spec = GoogleCalendarSpec::new(id);
    spec.unwatchable = true;
    let holidays = api.ana.add_calendar(spec);
    let path = "calendars/en.german%23holiday%40group.v.calendar.google.com/events";
    assert_eq!(api.get(path).await.status, 200, "{}", holidays.id());
    let refused = api.post(&format!("{path}/watch"), channel("channel-1")).await;
    assert_eq!((refused.status, refused.reason()), (400, "pushNotSupportedForRequestedResource"));
}

#[tokio::test]
async fn the_resource_is_the_same_for_every_channel_on_it() {
    let api = filled().await;
    let first = watching(&api, "a").await.json["resourceId"].clone();
    assert_eq!(watching(&api, "b").await.json["resourceId"], first);
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 2, "overlapping channels tell twice");
}

#[tokio::test]
async fn own_writes_and_bursts_are_told_one_by_one() {
    let api = filled().await;
    watching(&api, "a").await;
    api.insert(event("booking2")).await;
    edit(&api, 9);
    assert_eq!(api.world.take_notifications().len(), 10);
}

#[tokio::test]
async fn a_channel_may_ask_for_some_kinds_of_events() {
    let api = filled().await;
    api.post("calendars/primary/events/watch?eventTypes=outOfOffice", channel("a")).await;
    api.world.take_notifications();
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 0);
    let mut away = event("away00");
    away["eventType"] = json!("outOfOffice");
    api.primary.insert(away).unwrap();
    assert_eq!(api.world.take_notifications().len(), 1);
}

#[tokio::test]
async fn numbers_grow_and_may_leave_gaps() {
    let api = filled().await;
    api.world.tune_google(|knobs| knobs.push_gaps = true);
    watching(&api, "a").await;
    edit(&api, 20);
    let numbers: Vec<u64> = api.world.take_notifications().iter().map(|n| n.number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b) && numbers[19] > 21, "{numbers:?}");
}

#[tokio::test]
async fn messages_are_lost_doubled_and_out_of_order_by_chance() {
    let sent = |seed: u64| async move {
        let api = filled().await;
        api.world.set_seed(seed);
        watching(&api, "a").await;
        api.world.tune_google(|knobs| {
            (knobs.push_drop, knobs.push_duplicate, knobs.push_reorder) = (300, 300, 300);
        });
        edit(&api, 50);
        api.world.advance(Duration::from_secs(10));
        api.world.take_notifications().iter().map(|n| n.number).collect::<Vec<u64>>()
    };
    let numbers = sent(7).await;
    let mut once = numbers.clone();
    once.sort_unstable();
    once.dedup();
    assert!(once.len() < 50 && once.len() < numbers.len() && !numbers.is_sorted(), "{numbers:?}");
    assert_eq!(numbers, sent(7).await, "the same chance with the same seed");
    assert_ne!(numbers, sent(8).await);
}

#[tokio::test]
async fn all_messages_may_be_lost_but_the_first() {
    let api = filled().await;
    api.world.tune_google(|knobs| knobs.push_drop = 1_000);
    watching(&api, "a").await;
    edit(&api, 5);
    assert_eq!(api.world.take_notifications().len(), 0);
}

#[tokio::test]
async fn messages_may_be_late() {
    let api = filled().await;
    watching(&api, "a").await;
    api.world.tune_google(|knobs| knobs.push_delay_ms = 30_000);
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 0);
    assert_eq!(
        api.world.next_notification().unwrap().duration_since(api.world.now()).as_secs(),
        30
    );
    api.world.advance(Duration::from_secs(30));
    assert_eq!(api.world.take_notifications().len(), 1);
}

#[tokio::test]
async fn a_channel_may_die_in_silence() {
    let api = filled().await;
    watching(&api, "a").await;
    api.world.kill_channels("ana@example.com");
    edit(&api, 1);
    assert_eq!((api.world.take_notifications().len(), api.world.channels().len()), (0, 1));
    api.world.tune_google(|knobs| knobs.push_dies_after = Some(3));
    watching(&api, "b").await;
    edit(&api, 5);
    assert_eq!(api.world.take_notifications().len(), 2);
}

#[tokio::test]
async fn only_four_answers_bring_a_message_again() {
    let api = filled().await;
    watching(&api, "a").await;
    for (status, comes_again) in [
        (Some(500), true),
        (Some(502), true),
        (Some(503), true),
        (Some(504), true),
        (Some(200), false),
        (Some(204), false),
        (Some(401), false),
        (Some(404), false),
        (Some(429), false),
        (None, false),
    ] {
        edit(&api, 1);
        let told = api.world.take_notifications().remove(0);
        api.world.notification_answered(told, status);
        assert_eq!(api.world.take_notifications().len(), 0, "not at once");
        api.world.advance(Duration::from_secs(2));
        assert_eq!(api.world.take_notifications().len() == 1, comes_again, "{status:?}");
    }
}

#[tokio::test]
async fn a_404_may_end_a_channel() {
    let api = filled().await;
    api.world.tune_google(|knobs| knobs.push_stops_at_404 = true);
    watching(&api, "a").await;
    edit(&api, 1);
    let told = api.world.take_notifications().remove(0);
    api.world.notification_answered(told, Some(404));
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 0);
}

#[tokio::test]
async fn stopping_ends_a_channel_and_nothing_renews_it() {
    let api = filled().await;
    let opened = watching(&api, "a").await;
    let stop = |id: &str, resource: &Value| json!({ "id": id, "resourceId": resource });
    let resource = &opened.json["resourceId"];
    assert_eq!(api.post("channels/stop", stop("b", resource)).await.status, 404);
    assert_eq!(api.post("channels/stop", stop("a", &json!("other"))).await.status, 404);
    assert_eq!(api.post("channels/stop", stop("a", resource)).await.status, 204);
    assert_eq!(api.post("channels/stop", stop("a", resource)).await.status, 404);
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 0);
    let renewed = watch(&api, channel("a")).await;
    assert_eq!(renewed.reason(), "channelIdNotUnique", "a new channel needs a new id");
    api.is_by_the_book();
}

#[tokio::test]
async fn a_stopped_channel_may_deliver_for_a_while() {
    let api = filled().await;
    api.world.tune_google(|knobs| knobs.push_after_stop_s = 60);
    let opened = watching(&api, "a").await;
    let stop = json!({ "id": "a", "resourceId": opened.json["resourceId"] });
    api.post("channels/stop", stop).await;
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 1);
    api.world.advance(Duration::from_secs(61));
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 0);
}

#[tokio::test]
async fn an_expired_channel_tells_nothing_and_cannot_be_stopped() {
    let mut api = filled().await;
    let opened = watching(&api, "a").await;
    api.world.advance(Duration::from_secs(604_801));
    edit(&api, 1);
    assert_eq!(api.world.take_notifications().len(), 0);
    api.log_in().await;
    let stop = json!({ "id": "a", "resourceId": opened.json["resourceId"] });
    assert_eq!(api.post("channels/stop", stop).await.status, 404);
}

#[tokio::test]
async fn the_calendar_list_can_be_watched_and_a_lost_calendar_says_so() {
    let api = filled().await;
    let work = api.ana.add_calendar(GoogleCalendarSpec::new("work"));
    assert_eq!(api.post("users/me/calendarList/watch", channel("list")).await.status, 200);
    api.post(&format!("calendars/{}/events/watch", work.id()), channel("work")).await;
    api.world.take_notifications();
    work.remove();
    let sent = api.world.take_notifications();
    let states: Vec<(&str, &str)> = sent
        .iter()
        .map(|n| (header(n, "X-Goog-Channel-ID"), header(n, "X-Goog-Resource-State")))
        .collect();
    assert_eq!(states, [("list", "exists"), ("work", "not_exists")]);
}
