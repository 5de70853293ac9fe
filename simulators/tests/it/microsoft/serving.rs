//! Microsoft over the control API, seeds, the page, and sockets.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::{Seed, World, seed, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

use super::{
    Api,
    api::{Answer, CLIENT, LEA},
    event,
    subscriptions::wanted,
    weekly,
};

async fn control(api: &Api, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    api.raw(method, &format!("/_sim/microsoft/{path}"), &[], body).await.unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "read better where it is called")]
fn at(more: Value) -> Value {
    let mut body = json!({ "account": LEA, "calendar": "Calendar" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn the_control_api_edits_as_the_person() {
    let api = Api::new().await;
    let made = control(&api, "POST", "events", at(json!({ "event": weekly("series") }))).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let id = made.id();
    let patch = at(json!({ "id": id, "patch": { "subject": "Moved" } }));
    assert_eq!(control(&api, "PATCH", "events", patch).await.json["subject"], "Moved");
    let before = api.calendar.get(id).unwrap()["changeKey"].clone();
    control(&api, "PATCH", "events", at(json!({ "id": id, "bump": true }))).await;
    assert_ne!(api.calendar.get(id).unwrap()["changeKey"], before);
    assert_eq!(control(&api, "DELETE", "events", at(json!({ "id": id }))).await.status, 200);
    let gone = control(&api, "DELETE", "events", at(json!({ "id": id }))).await;
    assert!(gone.status == 400 && gone.text.contains("ErrorItemNotFound"), "{}", gone.text);
    let truth = control(&api, "GET", "truth", Value::Null).await;
    let calendars = truth.json[LEA]["calendars"].as_object().unwrap();
    assert_eq!(calendars.values().next().unwrap()["events"], json!({}));
}

#[tokio::test]
async fn the_control_api_makes_things_and_breaks_them() {
    let api = Api::new().await;
    let max = json!({ "spec": { "email": "max@contoso.example", "time_zone": "GMT Standard Time" },
        "calendars": [{ "spec": { "name": "Team" }, "events": [event("x")] }] });
    assert_eq!(control(&api, "POST", "accounts", max).await.status, 200);
    assert_eq!(api.world.microsoft_account("max@contoso.example").unwrap().calendars().len(), 2);
    let spec = json!({ "client_id": "c2", "client_secret": "s2", "admin_consented": true });
    assert_eq!(control(&api, "POST", "clients", spec).await.status, 200);
    let grant = json!({ "client_id": "c2", "scopes": ["Calendars.Read"] });
    let grant = control(&api, "POST", "accounts/max@contoso.example/grant", grant).await;
    assert!(grant.json["refresh_token"].is_string());
    let (_, link) = api.first_round().await;
    control(
        &api,
        "PATCH",
        "calendars",
        at(json!({ "expire_delta_links": true, "editable": false })),
    )
    .await;
    assert_eq!(api.get(&link).await.status, 410);
    assert_eq!(api.create(event("x")).await.status, 403);
    let knobs = json!({ "push_drop": 500, "reset": "resyncRequired", "delta_link_s": 60 });
    assert_eq!(control(&api, "PATCH", "knobs", knobs).await.status, 200);
    assert_eq!(control(&api, "GET", "knobs", Value::Null).await.json["push_drop"], 500);
    assert_eq!(control(&api, "PATCH", "knobs", json!({ "push_drip": 1 })).await.status, 400);
    api.world.tune_microsoft(|knobs| knobs.handshake = false);
    let made = api.post("subscriptions", wanted(&api)).await;
    let say = json!({ "say": "missed" });
    assert_eq!(
        control(&api, "PATCH", &format!("subscriptions/{}", made.id()), say).await.status,
        200
    );
    assert_eq!(
        control(&api, "GET", "notifications", Value::Null).await.json.as_array().unwrap().len(),
        1
    );
    assert_eq!(control(&api, "GET", "subscriptions", Value::Null).await.json[0]["id"], made.id());
    assert_eq!(control(&api, "GET", "violations", Value::Null).await.json, json!([]));
    assert!(control(&api, "GET", "peaks", Value::Null).await.json[0]["together"].is_u64());
    let path = format!("accounts/{LEA}");
    control(&api, "PATCH", &path, json!({ "refuse_refreshes": 50076 })).await;
    assert_eq!(api.refreshed(&api.refresh).await.json["error_codes"], json!([50_076]));
    control(&api, "PATCH", &path, json!({ "revoke_grants": true })).await;
    assert_eq!(api.get("me").await.status, 401);
    let routes = api.raw("GET", "/_sim/", &[], String::new()).await.unwrap();
    assert!(routes.text.contains("/_sim/microsoft") && routes.text.contains("expire_delta_links"));
}

#[tokio::test]
async fn a_dump_can_be_sown_again() {
    let api = Api::new().await;
    let master = api.create(weekly("series")).await;
    let path = format!(
        "me/events/{}/instances?startDateTime=2027-03-01&endDateTime=2027-04-01",
        master.id()
    );
    let rows = api.get(&path).await.rows().clone();
    api.delete(rows[1]["id"].as_str().unwrap()).await;
    api.patch(rows[2]["id"].as_str().unwrap(), json!({ "subject": "Other", "showAs": "free" }))
        .await;
    let mark = "String {00020329-0000-0000-C000-000000000046} Name hub-mirror";
    let mut booking = event("Booking");
    booking["transactionId"] = json!("b-1");
    booking["singleValueExtendedProperties"] = json!([{ "id": mark, "value": "b-1" }]);
    api.create(booking).await;
    let shared = simulators::MicrosoftCalendarSpec::new("Max").shared_by("max@contoso.example");
    api.lea.add_calendar(shared);
    let copy = World::new(api.world.now());
    let text = serde_json::to_string(&api.world.dump()).unwrap();
    copy.sow(&Seed::parse(&text).unwrap()).unwrap();
    let plain = |world: &World| {
        let truth = world.microsoft_account(LEA).unwrap().truth().to_string();
        // What was written anew is another version.
        let keys = |text: &str, name: &str| {
            let parts = text.split(name).skip(1);
            let found = parts.filter_map(|part| part.split(',').next());
            found.fold(text.to_owned(), |all, key| all.replace(key, ""))
        };
        keys(&keys(&truth, "\"changeKey\""), "\"@odata.etag\"")
    };
    assert_eq!(plain(&api.world), plain(&copy));
    let lea = copy.microsoft_account(LEA).unwrap();
    let api = Api { calendar: lea.default_calendar(), lea, world: copy, ..api };
    assert_eq!(api.refreshed(&api.refresh).await.status, 200, "grants are kept");
}

#[tokio::test]
async fn the_demo_has_an_account_and_an_app() {
    let world = World::new("2027-03-03T08:00:00Z".parse().unwrap());
    world.sow(&Seed::parse(seed::DEMO).unwrap()).unwrap();
    let lea = world.microsoft_account("lea@contoso.example").unwrap();
    assert_eq!(lea.calendars().len(), 2);
    assert_eq!(lea.default_calendar().events().len(), 5, "every event of the seed was sown");
    assert_eq!(lea.calendar("Team").unwrap().events().len(), 1);
    assert!(world.microsoft_clients()[0].redirect_uris[0].ends_with("/oauth/microsoft/callback"));
}

#[tokio::test]
async fn the_page_shows_microsoft_and_escapes_what_people_write() {
    let api = Api::new().await;
    api.calendar.insert(event("<script>alert(1)</script>")).unwrap();
    let page = api.raw("GET", "/", &[], String::new()).await.unwrap();
    assert!(page.text.contains(CLIENT) && page.text.contains(LEA));
    assert!(page.text.contains("&lt;script&gt;") && !page.text.contains("<script>"));
}

/// What a receiver echoes: the token that it was given, as text.
pub fn echo(head: &str) -> (u16, String) {
    let target = head.split_whitespace().nth(1).unwrap_or_default();
    let coded = target.split(['?', '&']).find_map(|pair| pair.strip_prefix("validationToken="));
    match coded {
        Some(coded) => {
            let token = percent_encoding::percent_decode_str(coded).decode_utf8().unwrap();
            (200, token.into_owned())
        }
        None => (202, String::new()),
    }
}

/// Answers so many requests at an address, and gives what was asked.
pub async fn answering(
    most: usize,
    answer: impl Fn(&str) -> (u16, String) + Send + 'static,
) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}/push/microsoft?x=1", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut asked: Vec<String> = Vec::new();
        while asked.len() < most {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            while !text.ends_with(b"\r\n\r\n") {
                text.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(text).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            stream.read_exact(&mut body).await.unwrap();
            let (status, told) = answer(&head);
            let kind = "Content-Type: text/plain\r\nX-Content-Type-Options: nosniff";
            let head_out = format!(
                "HTTP/1.1 {status} X\r\n{kind}\r\nContent-Length: {}\r\n\r\n{told}",
                told.len()
            );
            stream.write_all(head_out.as_bytes()).await.unwrap();
            asked.push(format!("{head}{}", String::from_utf8(body).unwrap()));
        }
        asked
    });
    (address, task)
}

#[tokio::test]
async fn a_served_world_asks_its_receivers_and_tells_them() {
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| (knobs.allow_http_push, knobs.push_echoes) = (true, 0));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let serving = tokio::spawn(serve(api.world.clone(), listener));
    let (address, received) = answering(3, echo).await;
    let mut body = wanted(&api);
    body["notificationUrl"] = json!(address);
    body["lifecycleNotificationUrl"] = json!(address);
    let made = api.post("subscriptions", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    api.calendar.insert(event("x")).unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(10), received).await.unwrap().unwrap();
    assert!(
        asked[0].starts_with("POST /push/microsoft?x=1&validationToken=Validation%3A"),
        "{}",
        asked[0]
    );
    assert!(asked[0].contains("Content-Type: text/plain; charset=utf-8"));
    assert!(asked[2].starts_with("POST /push/microsoft?x=1 HTTP/1.1"));
    let told: Value = serde_json::from_str(asked[2].split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        (&told["value"][0]["changeType"], &told["value"][0]["clientState"]),
        (&json!("created"), &json!("state-1"))
    );
    serving.abort();
}
