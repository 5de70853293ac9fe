//! Subscriptions against scripted answers.

use std::time::Duration;

use super::*;
use crate::connector::{Channels, OpenChannel, WantedChannel};

fn wanted() -> WantedChannel {
    WantedChannel {
        channel: "ch-1".into(),
        secret: "told-to-nobody".into(),
        address: "https://hub.example/hooks/microsoft/ch-1".parse().unwrap(),
        lives: Duration::from_secs(604_800),
        now: "2027-03-01T00:00:00Z".parse().unwrap(),
    }
}

fn refused(status: u16, name: &str) -> Response<Bytes> {
    let path = format!("{}/../fixtures/microsoft/refused/{name}.json", env!("CARGO_MANIFEST_DIR"));
    reply(status, std::fs::read(path).unwrap())
}

fn made() -> Response<Bytes> {
    reply(201, fixture!("subscription.json"))
}

async fn open(server: &Arc<Server>) -> Result<OpenChannel> {
    connected(server).open(&calendar(), &wanted()).await
}

#[tokio::test]
async fn a_subscription_tells_changes_and_its_own_fate_to_one_address() {
    let server = Server::new([made()]);
    let opened = open(&server).await.unwrap();
    assert_eq!(opened.resource, "S1");
    assert_eq!(opened.expires_at, "2027-03-07T23:55:00Z".parse().unwrap());
    let asked = server.take();
    assert_eq!(asked[0].uri().path(), "/v1.0/subscriptions");
    let hook = "https://hub.example/hooks/microsoft/ch-1";
    let expected = json!({
        "changeType": "created,updated,deleted", "resource": "me/calendars/AAA/events",
        "notificationUrl": hook, "lifecycleNotificationUrl": hook,
        "expirationDateTime": "2027-03-07T23:55:00Z", "clientState": "told-to-nobody",
    });
    assert_eq!(sent(&asked[0]), expected);
}

#[tokio::test]
async fn a_shorter_life_is_taken_where_no_longer_one_is_given() {
    let server = Server::new([refused(400, "400_expiration"), made()]);
    open(&server).await.unwrap();
    assert_eq!(sent(&server.take()[1])["expirationDateTime"], "2027-03-03T22:25:00Z");
    let server = Server::new([refused(400, "400_expiration"), refused(400, "400_expiration")]);
    assert_eq!(open(&server).await.unwrap_err().kind, Kind::Rejected);
}

#[tokio::test]
async fn what_an_earlier_try_has_left_is_taken_out_and_nothing_of_others() {
    let one = |id: &str, url: &str, resource: &str| json!({"id": id, "notificationUrl": url, "resource": resource});
    let all = json!([
        one("stray", "https://hub.example/hooks/microsoft/ch-0", "/me/calendars/AAA/events"),
        one(
            "other calendar",
            "https://hub.example/hooks/microsoft/ch-2",
            "me/calendars/BBB/events"
        ),
        one(
            "other hub",
            "https://elsewhere.example/hooks/microsoft/ch-0",
            "me/calendars/AAA/events"
        ),
    ]);
    let conflict = || refused(409, "409_subscription");
    let server = Server::new([conflict(), listing(&all), reply(204, ""), made()]);
    open(&server).await.unwrap();
    let expected = [
        "POST /v1.0/subscriptions",
        "GET /v1.0/subscriptions",
        "DELETE /v1.0/subscriptions/stray",
        "POST /v1.0/subscriptions",
    ];
    assert_eq!(server.asked(), expected);
    let server = Server::new([conflict(), listing(&json!([])), conflict()]);
    assert_eq!(open(&server).await.unwrap_err().kind, Kind::AlreadyExists { at: None });
}

#[tokio::test]
async fn a_subscription_is_refused_in_words_that_the_hub_knows() {
    let there = || reply(200, "{\"id\":\"AAA\"}");
    for (answers, kind) in [
        (vec![refused(400, "400_validation")], Kind::Rejected),
        (vec![refused(403, "403_denied"), there()], Kind::NoPush),
        (vec![refused(403, "403_denied"), refused(404, "404_item")], Kind::CalendarGone),
        (vec![refused(404, "404_item")], Kind::CalendarGone),
    ] {
        let error = open(&Server::new(answers)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!format!("{error:?}").contains("told-to-nobody"));
    }
}

#[tokio::test]
async fn a_subscription_lives_on_or_is_gone() {
    let channel = OpenChannel { resource: "S1".into(), expires_at: wanted().now };
    let renew = async |answers: Vec<Response<Bytes>>| {
        let server = Server::new(answers);
        let renewed = connected(&server).renew(&channel, &wanted()).await;
        (renewed, server.take())
    };
    let (renewed, asked) = renew(vec![reply(200, fixture!("subscription.json"))]).await;
    assert_eq!(renewed.unwrap().unwrap().expires_at, "2027-03-07T23:55:00Z".parse().unwrap());
    assert_eq!(asked[0].method(), "PATCH");
    assert_eq!(sent(&asked[0]), json!({"expirationDateTime": "2027-03-07T23:55:00Z"}));
    let (renewed, _) = renew(vec![refused(404, "404_item")]).await;
    assert_eq!(renewed.unwrap_err().kind, Kind::Gone);
    for status in [204, 404] {
        let server = Server::new([reply(status, "")]);
        connected(&server).close("ch-1", "S1").await.unwrap();
        assert_eq!(server.asked(), ["DELETE /v1.0/subscriptions/S1"]);
    }
}
