//! Google over the control API, seeds, the page, and sockets.

use std::sync::Arc;

use serde_json::{Value, json};
use simulators::{Seed, World, seed, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Answer, Api, api::weekly, event};

async fn control(api: &Api, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    api.raw(method, &format!("/_sim/google/{path}"), &[], body).await.unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "read better where it is called")]
fn at(more: Value) -> Value {
    let mut body = json!({ "account": "ana@example.com", "calendar": "primary" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn the_control_api_edits_as_the_person() {
    let api = Api::new().await;
    let made = control(&api, "POST", "events", at(json!({ "event": weekly("series") }))).await;
    assert_eq!((made.status, &made.json["id"]), (200, &json!("series")), "{}", made.text);
    let id = "series_20270308T080000Z";
    let patch = at(json!({ "id": id, "patch": { "summary": "Moved" } }));
    assert_eq!(control(&api, "PATCH", "events", patch).await.json["summary"], "Moved");
    let answer = at(json!({ "id": id, "respond": "declined" }));
    assert_eq!(
        control(&api, "PATCH", "events", answer).await.json["attendees"][0]["responseStatus"],
        "declined"
    );
    let split = at(json!({ "id": "series_20270315T080000Z", "split": { "summary": "New" } }));
    assert_eq!(control(&api, "PATCH", "events", split).await.json["id"], "series_R20270315T080000");
    assert_eq!(control(&api, "DELETE", "events", at(json!({ "id": "series" }))).await.status, 200);
    let gone = control(&api, "DELETE", "events", at(json!({ "id": "series" }))).await;
    assert!(gone.status == 400 && gone.text.contains("deleted"), "{}", gone.text);
    let truth = control(&api, "GET", "truth", Value::Null).await;
    let events = &truth.json["ana@example.com"]["calendars"]["ana@example.com"]["events"];
    assert_eq!(events.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn the_control_api_makes_things_and_breaks_them() {
    let api = Api::new().await;
    let bo = json!({ "spec": { "email": "bo@example.com", "time_zone": "Europe/London" },
        "calendars": [{ "spec": { "id": "work" }, "events": [event("booking1")] }] });
    assert_eq!(control(&api, "POST", "accounts", bo).await.status, 200);
    assert_eq!(api.world.google_account("bo@example.com").unwrap().calendars().len(), 2);
    let spec = json!({ "client_id": "c2", "client_secret": "s2", "publishing": "testing" });
    assert_eq!(control(&api, "POST", "clients", spec).await.status, 200);
    let grant = json!({ "client_id": "c2", "scopes": ["calendar.events"] });
    let grant = control(&api, "POST", "accounts/bo@example.com/grant", grant).await;
    assert!(grant.json["refresh_token"].as_str().unwrap().starts_with("1//"));
    let token = api.list("").await.sync_token();
    control(&api, "PATCH", "calendars", at(json!({ "expire_sync_tokens": "mute" }))).await;
    assert_eq!(api.list(&format!("syncToken={token}")).await.status, 410);
    control(
        &api,
        "PATCH",
        "calendars",
        at(json!({ "role": "freeBusyReader", "time_zone": "UTC" })),
    )
    .await;
    assert_eq!(api.list("").await.json["accessRole"], "freeBusyReader");
    let knobs = json!({ "push_drop": 500, "conferencing": { "after": 5 } });
    assert_eq!(control(&api, "PATCH", "knobs", knobs).await.status, 200);
    assert_eq!(control(&api, "GET", "knobs", Value::Null).await.json["push_drop"], 500);
    let typo = control(&api, "PATCH", "knobs", json!({ "push_drip": 1 })).await;
    assert_eq!(typo.status, 400);
    assert_eq!(control(&api, "GET", "violations", Value::Null).await.json, json!([]));
    control(&api, "PATCH", "accounts/ana@example.com", json!({ "revoke_grants": true })).await;
    assert_eq!(api.list("").await.status, 401);
    let routes = api.raw("GET", "/_sim/", &[], String::new()).await.unwrap();
    assert!(routes.text.contains("/accounts/{email}/grant"));
}

#[tokio::test]
async fn a_dump_can_be_sown_again() {
    let api = Api::new().await;
    api.primary.insert(weekly("series")).unwrap();
    api.primary.delete("series_20270308T080000Z").unwrap();
    api.primary.patch("series_20270315T080000Z", json!({ "summary": "Other" })).unwrap();
    let work = api.ana.add_calendar(simulators::GoogleCalendarSpec::new("work"));
    work.insert(event("booking1")).unwrap();
    let copy = World::new(api.world.now());
    let text = serde_json::to_string(&api.world.dump()).unwrap();
    copy.sow(&Seed::parse(&text).unwrap()).unwrap();
    let plain = |world: &World| {
        let mut truth = world.google_account("ana@example.com").unwrap().truth();
        for calendar in truth["calendars"].as_object_mut().unwrap().values_mut() {
            for event in calendar["events"].as_object_mut().unwrap().values_mut() {
                for name in ["etag", "updated", "sequence"] {
                    event.as_object_mut().unwrap().remove(name);
                }
            }
        }
        truth
    };
    assert_eq!(plain(&api.world), plain(&copy));
    let api = Api { world: copy, ..api };
    assert_eq!(api.refreshed(&api.refresh).await.status, 200, "grants are kept");
}

#[tokio::test]
async fn the_demo_has_an_account_and_a_client() {
    let world = World::new("2027-03-03T08:00:00Z".parse().unwrap());
    world.sow(&Seed::parse(seed::DEMO).unwrap()).unwrap();
    let ana = world.google_account("ana@example.com").unwrap();
    assert_eq!(ana.calendars().len(), 2);
    assert_eq!(ana.primary().events().len(), 5, "every event of the seed was sown");
    let start = ana.primary().get("standup00").unwrap();
    assert_eq!(start["start"]["dateTime"], "2027-03-01T09:00:00+01:00");
    assert_eq!(ana.calendar("practice").unwrap().events().len(), 2);
    assert_eq!(world.google_clients()[0].client_id, "demo-client.apps.example");
}

#[tokio::test]
async fn the_page_shows_google_and_escapes_what_people_write() {
    let api = Api::new().await;
    let mut body = event("booking1");
    body["summary"] = json!("<script>alert(1)</script>");
    api.primary.insert(body).unwrap();
    let page = api.raw("GET", "/", &[], String::new()).await.unwrap();
    assert!(page.text.contains("hub.apps.example") && page.text.contains("booking1"));
    assert!(page.text.contains("&lt;script&gt;") && !page.text.contains("<script>"));
}

fn client() -> reqwest::Client {
    let _ =
        rustls::crypto::CryptoProvider::install_default(rustls::crypto::ring::default_provider());
    let roots = Arc::new(rustls::RootCertStore::empty());
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
}

/// Answers one request after the other with these statuses, and gives what was asked.
async fn receiver(statuses: Vec<u16>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}/push/google?x=1", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut asked = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            asked.push(String::from_utf8(head).unwrap());
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (address, task)
}

#[tokio::test]
async fn a_served_world_posts_its_notifications_and_tries_again() {
    let api = Api::new().await;
    api.world.tune_google(|knobs| knobs.allow_http_push = true);
    api.primary.insert(event("booking1")).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(api.world.clone(), listener));
    let (address, received) = receiver(vec![200, 503, 204]).await;
    let body = json!({ "id": "channel-1", "type": "web_hook", "address": address, "token": "t" });
    let opened = client()
        .post(format!("{origin}/calendar/v3/calendars/primary/events/watch"))
        .bearer_auth(&api.token)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(opened.status(), 200);
    api.primary.patch("booking1", json!({ "summary": "x" })).unwrap();
    // The first try of the change is refused for now; the clock of this world moves to the next one.
    let mut turns = 0;
    while !received.is_finished() && turns < 500 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        api.world.advance(std::time::Duration::from_millis(100));
        turns += 1;
    }
    let asked =
        tokio::time::timeout(std::time::Duration::from_secs(5), received).await.unwrap().unwrap();
    let number = |head: &str| {
        head.lines().find(|line| line.starts_with("X-Goog-Message-Number")).unwrap().to_owned()
    };
    assert!(asked[0].starts_with("POST /push/google?x=1 HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(
        asked
            .iter()
            .all(|head| head.contains("Content-Length: 0")
                && head.contains("X-Goog-Channel-Token: t"))
    );
    assert_eq!((number(&asked[1]), number(&asked[2])), (number(&asked[1]), number(&asked[1])));
    serving.abort();
}
