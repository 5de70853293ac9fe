//! Subscriptions: the handshake, limits, renewal, and the events of their own life.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use serde_json::{Value, json};
use simulators::Receiver;

use super::{Api, event};

/// A receiver that echoes tokens as it should, or as it is told.
#[derive(Debug, Default)]
pub struct Ear {
    pub asked: Mutex<Vec<String>>,
    pub answer: Mutex<Option<Response<Bytes>>>,
}

impl Receiver for Ear {
    fn post(&self, request: Request<Bytes>) -> BoxFuture<'static, Option<Response<Bytes>>> {
        self.asked.lock().unwrap().push(request.uri().to_string());
        let coded = request.uri().query().unwrap_or_default();
        let coded = coded.split('&').find_map(|pair| pair.strip_prefix("validationToken="));
        let token = percent_encoding::percent_decode_str(coded.unwrap_or_default())
            .decode_utf8()
            .unwrap()
            .into_owned();
        let told = self.answer.lock().unwrap().clone();
        let echo = Response::builder()
            .header("content-type", "text/plain")
            .body(Bytes::from(token))
            .unwrap();
        Box::pin(async move { Some(told.unwrap_or(echo)) })
    }
}

pub fn wanted(api: &Api) -> Value {
    let now = api.world.now();
    json!({ "changeType": "created,updated,deleted", "notificationUrl": "https://hub.example/graph/n/abc?x=1",
        "lifecycleNotificationUrl": "https://hub.example/graph/l/abc",
        "resource": format!("me/calendars/{}/events", api.calendar.id()),
        "expirationDateTime": (now + Duration::from_secs(6 * 86_400)).to_string(), "clientState": "state-1" })
}

pub async fn listening() -> (Api, Arc<Ear>) {
    let api = Api::new().await;
    let ear = Arc::new(Ear::default());
    api.world.set_receiver(ear.clone());
    (api, ear)
}

#[tokio::test]
async fn both_addresses_are_asked_before_a_subscription_is_made() {
    let (api, ear) = listening().await;
    let made = api.post("subscriptions", wanted(&api)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(
        (made.json["clientState"].as_str(), made.json["changeType"].as_str()),
        (Some("state-1"), Some("created,updated,deleted"))
    );
    let asked = ear.asked.lock().unwrap().clone();
    assert!(
        asked[0].starts_with("https://hub.example/graph/n/abc?x=1&validationToken=Validation%3A"),
        "{asked:?}"
    );
    assert!(asked[1].starts_with("https://hub.example/graph/l/abc?validationToken="));
    assert_eq!(asked.len(), 2);
    api.is_by_the_book();
}

#[tokio::test]
async fn who_does_not_echo_the_token_gets_no_subscription() {
    let (api, ear) = listening().await;
    let wrong = |status: u16, kind: &str, body: &str| {
        Response::builder()
            .status(status)
            .header("content-type", kind)
            .body(Bytes::from(body.to_owned()))
            .unwrap()
    };
    for answer in [
        wrong(404, "text/plain", ""),
        wrong(202, "text/plain", "x"),
        wrong(200, "text/plain", "x"),
        wrong(200, "text/html", "x"),
    ] {
        *ear.answer.lock().unwrap() = Some(answer);
        let refused = api.post("subscriptions", wanted(&api)).await;
        assert_eq!((refused.status, refused.code()), (400, "ValidationError"));
    }
    assert_eq!(api.get("subscriptions").await.rows().len(), 0);
    let mut plain = wanted(&api);
    plain["notificationUrl"] = json!("http://hub.example/n");
    assert_eq!(api.post("subscriptions", plain).await.code(), "InvalidRequest");
}

#[tokio::test]
async fn without_a_receiver_the_validation_times_out() {
    let api = Api::new().await;
    let refused = api.post("subscriptions", wanted(&api)).await;
    assert!(refused.status == 400 && refused.text.contains("timed out"));
    api.world.tune_microsoft(|knobs| knobs.handshake = false);
    assert_eq!(api.post("subscriptions", wanted(&api)).await.status, 201);
}

#[tokio::test]
async fn subscriptions_live_under_seven_days_and_over_three_quarters_of_an_hour() {
    let (api, _) = listening().await;
    let until = |seconds: u64| {
        let mut body = wanted(&api);
        body["expirationDateTime"] =
            json!((api.world.now() + Duration::from_secs(seconds)).to_string());
        body
    };
    let long = api.post("subscriptions", until(10_081 * 60)).await;
    assert_eq!(long.code(), "ExtensionError");
    assert!(long.text.contains("can only be 10080 minutes in the future"));
    api.world.tune_microsoft(|knobs| knobs.subscription_max_min = 4_230);
    assert!(api.post("subscriptions", until(4_231 * 60)).await.text.contains("4230"));
    let short = api.post("subscriptions", until(60)).await;
    assert_eq!(short.json["expirationDateTime"], "2027-03-01T06:45:00Z", "raised");
    api.world.advance(Duration::from_secs(45 * 60));
    assert_eq!(api.get(&format!("subscriptions/{}", short.id())).await.status, 404);
    let renewed = json!({ "expirationDateTime": until(3_600)["expirationDateTime"] });
    let path = format!("subscriptions/{}", short.id());
    assert_eq!(
        api.send("PATCH", &path, &[], renewed).await.status,
        404,
        "expired ones are made anew"
    );
    assert_eq!(api.world.take_microsoft_notifications(), [], "and it ended in silence");
}

#[tokio::test]
async fn a_subscription_is_renewed_listed_and_deleted() {
    let (api, _) = listening().await;
    let made = api.post("subscriptions", wanted(&api)).await;
    let path = format!("subscriptions/{}", made.id());
    api.world.advance(Duration::from_secs(3_000));
    let later = (api.world.now() + Duration::from_secs(86_400)).to_string();
    let renewed = api.send("PATCH", &path, &[], json!({ "expirationDateTime": later })).await;
    assert_eq!(
        (renewed.status, renewed.json["expirationDateTime"].as_str()),
        (200, Some(later.as_str()))
    );
    let other = json!({ "expirationDateTime": later, "lifecycleNotificationUrl": "https://hub.example/other" });
    assert_eq!(api.send("PATCH", &path, &[], other).await.status, 400, "cannot be added later");
    let other =
        json!({ "expirationDateTime": later, "notificationUrl": "https://hub.example/other" });
    assert_eq!(api.send("PATCH", &path, &[], other).await.status, 400, "was not asked");
    assert_eq!(api.get("subscriptions").await.rows()[0]["id"], made.id());
    assert_eq!(api.send("DELETE", &path, &[], Value::Null).await.status, 204);
    assert_eq!(api.send("DELETE", &path, &[], Value::Null).await.status, 404);
    api.is_by_the_book();
}

#[tokio::test]
async fn a_twin_is_made_or_refused() {
    let (api, _) = listening().await;
    let first = api.post("subscriptions", wanted(&api)).await;
    let second = api.post("subscriptions", wanted(&api)).await;
    assert_ne!(first.id(), second.id());
    api.world.tune_microsoft(|knobs| knobs.duplicate_subscriptions = false);
    assert_eq!(api.post("subscriptions", wanted(&api)).await.status, 409);
    api.calendar.insert(event("x")).unwrap();
    let told = api.world.take_microsoft_notifications();
    assert_eq!(told.len(), 4, "both tell, created and updated");
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let (api, _) = listening().await;
    for (name, value) in [
        ("resource", json!("me/messages")),
        ("resource", json!("me/calendars/AAMkno/events")),
        ("resource", json!("users/max@contoso.example/events")),
        ("changeType", json!("moved")),
        ("expirationDateTime", json!("tomorrow")),
        ("expirationDateTime", json!("2027-02-01T00:00:00Z")),
        ("clientState", json!("x".repeat(129))),
        ("notificationUrl", Value::Null),
    ] {
        let mut body = wanted(&api);
        body[name] = value.clone();
        let refused = api.post("subscriptions", body).await;
        assert!((400..=404).contains(&refused.status), "{name} {value}");
    }
    for resource in ["me/events", "/me/events", &format!("users/{}/events", api.lea.id())] {
        let mut body = wanted(&api);
        body["resource"] = json!(resource);
        assert_eq!(api.post("subscriptions", body).await.status, 201, "{resource}");
    }
    api.world.tune_microsoft(|knobs| knobs.most_subscriptions = 3);
    assert_eq!(api.post("subscriptions", wanted(&api)).await.status, 403);
}

#[tokio::test]
async fn the_three_events_of_a_subscriptions_life_are_told() {
    let (api, _) = listening().await;
    let made = api.post("subscriptions", wanted(&api)).await;
    let told = || {
        let due = api.world.take_microsoft_notifications();
        let items = due.iter().flat_map(|one| one.body["value"].as_array().unwrap().clone());
        items
            .map(|item| item["lifecycleEvent"].as_str().unwrap_or("change").to_owned())
            .collect::<Vec<_>>()
    };
    api.world.tell_missed(made.id());
    let missed = api.world.take_microsoft_notifications();
    assert_eq!(missed[0].address, "https://hub.example/graph/l/abc");
    assert_eq!(
        (&missed[0].body["value"][0]["clientState"], &missed[0].body["value"][0]["lifecycleEvent"]),
        (&json!("state-1"), &json!("missed"))
    );
    api.world.require_reauthorization(made.id());
    api.calendar.insert(event("x")).unwrap();
    assert_eq!(told(), ["reauthorizationRequired", "change", "change"], "for a while it goes on");
    api.world.advance(Duration::from_secs(3_600));
    api.calendar.insert(event("y")).unwrap();
    assert_eq!(told(), [""; 0], "unheeded, it stops");
    assert_eq!(
        api.post(&format!("subscriptions/{}/reauthorize", made.id()), Value::Null).await.status,
        202
    );
    api.calendar.insert(event("z")).unwrap();
    assert_eq!(told().len(), 2);
    api.world.remove_subscription(made.id(), true);
    assert_eq!(told(), ["subscriptionRemoved"]);
    api.is_by_the_book();
}

#[tokio::test]
async fn renewing_heeds_a_reauthorization_and_both_at_once_are_noted() {
    let (api, _) = listening().await;
    let made = api.post("subscriptions", wanted(&api)).await;
    api.world.require_reauthorization(made.id());
    let path = format!("subscriptions/{}", made.id());
    let later = json!({ "expirationDateTime": wanted(&api)["expirationDateTime"] });
    assert_eq!(api.send("PATCH", &path, &[], later).await.status, 200);
    api.world.advance(Duration::from_secs(301));
    assert!(api.world.microsoft_subscriptions()[0].reauthorize_since.is_none());
    api.is_by_the_book();
    api.post(&format!("{path}/reauthorize"), Value::Null).await;
    assert!(api.world.microsoft_violations()[0].what.contains("within ten minutes"));
}

#[tokio::test]
async fn a_revoked_grant_takes_its_subscriptions_along() {
    let (api, _) = listening().await;
    api.post("subscriptions", wanted(&api)).await;
    api.lea.revoke_grants();
    assert_eq!(api.world.microsoft_subscriptions().len(), 0);
    let told = api.world.take_microsoft_notifications();
    assert_eq!(told[0].body["value"][0]["lifecycleEvent"], "subscriptionRemoved");
}

#[tokio::test]
async fn a_subscription_in_a_batch_is_validated_as_well() {
    let (api, ear) = listening().await;
    let one = json!({ "id": "1", "method": "POST", "url": "/subscriptions", "headers": { "Content-Type": "application/json" },
        "body": wanted(&api) });
    let answer = api.post("$batch", json!({ "requests": [one] })).await;
    assert_eq!(answer.json["responses"][0]["status"], 201, "{}", answer.text);
    assert_eq!(ear.asked.lock().unwrap().len(), 2);
}
