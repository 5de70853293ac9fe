//! The control API, seeds and the page.

use serde_json::{Value, json};
use simulators::{AccountSpec, Profile, Seed, World, seed};

use crate::client::{Answer, Client};

async fn ask(client: &Client, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, path, &[], &body).await
}

async fn get(client: &Client, path: &str) -> Value {
    serde_json::from_str(&ask(client, "GET", path, Value::Null).await.body).unwrap()
}

#[tokio::test]
async fn events_are_edited_as_their_owner_would() {
    let client = Client::new("generic");
    let lines = [
        "BEGIN:VEVENT",
        "UID:x",
        "DTSTAMP:20270101T000000Z",
        "DTSTART:20270301T090000Z",
        "END:VEVENT",
    ];
    let put = json!({ "account": "anna", "calendar": "work", "name": "x.ics", "lines": lines });
    assert_eq!(ask(&client, "PUT", "/_sim/events", put).await.status, 200);
    let truth = get(&client, "/_sim/truth").await;
    let resource = &truth["accounts"]["anna"]["calendars"]["work"]["resources"]["x.ics"];
    assert_eq!((&resource["uid"], resource["etag"].is_string()), (&json!("x"), true));
    let gone = json!({ "account": "anna", "calendar": "work", "name": "x.ics" });
    assert_eq!(ask(&client, "DELETE", "/_sim/events", gone.clone()).await.status, 200);
    assert_eq!(ask(&client, "DELETE", "/_sim/events", gone).await.status, 404);
    assert_eq!(client.world.log().len(), 0, "the control API leaves no trace in the log");
}

#[tokio::test]
async fn accounts_calendars_and_feeds_are_made_and_tuned() {
    let client = Client::new("generic");
    let bo = json!({ "user": "bo", "password": "pw", "profile": "caldav:radicale",
        "knobs": { "sync": { "page": 2, "invalid": { "refused": { "status": 410, "told": false } } } } });
    assert_eq!(ask(&client, "POST", "/_sim/accounts", bo).await.status, 200);
    let profile = client.world.account("bo").unwrap().profile();
    assert_eq!((profile.sync.page, profile.write.conditional_get), (Some(2), false));
    assert_eq!(
        profile.sync.invalid,
        simulators::profile::InvalidToken::Refused { status: 410, told: false }
    );
    let calendar = json!({ "spec": { "name": "home", "transparent": true } });
    assert_eq!(ask(&client, "POST", "/_sim/accounts/bo/calendars", calendar).await.status, 200);
    let patch = json!({ "account": "bo", "calendar": "home", "set": { "access": "read_only" }, "gone": 404 });
    assert_eq!(ask(&client, "PATCH", "/_sim/calendars", patch).await.status, 200);
    let feed = json!({ "name": "f", "body": "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "knobs": { "weak": true } });
    assert_eq!(ask(&client, "POST", "/_sim/feeds", feed).await.status, 200);
    let patch =
        json!({ "name": "f", "fail_next": [503], "knobs": { "gzip": { "bomb": { "mib": 1 } } } });
    assert_eq!(ask(&client, "PATCH", "/_sim/feeds", patch).await.status, 200);
    assert_eq!(client.send("GET", "/ics/f.ics", &[], "").await.status, 503);
    assert_eq!(client.send("GET", "/ics/f.ics", &[], "").await.header("content-encoding"), "gzip");
    let revoked = json!({ "revoked": true });
    assert_eq!(ask(&client, "PATCH", "/_sim/accounts/anna", revoked).await.status, 200);
    assert_eq!(client.sync("").await.status, 401);
}

#[tokio::test]
async fn faults_the_clock_and_the_log_are_at_hand() {
    let client = Client::new("generic");
    let fault = json!({ "on": { "report": "sync-collection", "turn": { "nth": 1 } },
        "act": { "status": { "status": 429, "retry_after_s": 7 } } });
    assert_eq!(ask(&client, "POST", "/_sim/faults", fault).await.status, 200);
    assert_eq!(client.sync("").await.header("retry-after"), "7");
    assert_eq!(get(&client, "/_sim/faults").await.as_array().unwrap().len(), 1);
    let log = get(&client, "/_sim/log").await;
    assert_eq!((&log[0]["status"], &log[0]["faults"][0]), (&json!(429), &json!("status")));
    ask(&client, "DELETE", "/_sim/faults", Value::Null).await;
    assert_eq!(client.sync("").await.status, 207);
    let clock = ask(&client, "POST", "/_sim/clock/advance", json!({ "seconds": 3600 })).await;
    assert!(clock.body.contains("2027-03-01T09:00:00Z"), "{}", clock.body);
    let wrong = ask(&client, "POST", "/_sim/faults", json!({ "act": "explode" })).await;
    assert!(wrong.status == 400 && wrong.body.contains("unknown variant"), "{}", wrong.body);
    assert_eq!(ask(&client, "GET", "/_sim/nowhere", Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_demo_seed_is_sound_and_a_dump_can_be_sown_again() {
    let world = World::new("2027-03-03T08:00:00Z".parse().unwrap());
    let xena = AccountSpec::new("xena", "pw").profile(Profile::named("xandikos").unwrap());
    world.add_account(xena);
    world.sow(&Seed::parse(seed::DEMO).unwrap()).unwrap();
    let anna = world.account("anna").unwrap();
    let work = anna.calendar("work").unwrap();
    assert!(work.resources().len() >= 10);
    let standup = work.get("standup.ics").unwrap().text();
    assert!(
        standup.contains("DTSTART;TZID=Europe/Berlin:20270201T093000"),
        "four Mondays ago: {standup}"
    );
    assert!(standup.contains("BEGIN:VTIMEZONE") && !standup.contains('{'));
    assert_eq!(world.feeds().len(), 1);
    let copy = World::new(world.now());
    let text = serde_json::to_string(&world.dump()).unwrap();
    copy.sow(&Seed::parse(&text).unwrap()).unwrap();
    let bodies = |world: &World| -> Vec<_> {
        let calendars = world.account("anna").unwrap().calendars();
        calendars
            .iter()
            .flat_map(|c| c.resources().into_values().map(|r| (r.name.clone(), r.text())))
            .collect()
    };
    assert_eq!(bodies(&world), bodies(&copy));
    assert_eq!(world.account("xena").unwrap().profile(), copy.account("xena").unwrap().profile());
}

#[tokio::test]
async fn oddities_are_stored_as_they_are() {
    let client = Client::new("generic");
    client.world.sow(&Seed::parse(seed::ODDITIES).unwrap()).unwrap();
    let odd = client.world.account("odd").unwrap().calendar("oddities").unwrap();
    let bodies: Vec<_> = odd.resources().into_values().map(|resource| resource.text()).collect();
    for part in
        ["RANGE=THISANDFUTURE", "VALUE=PERIOD", "TZID=Eastern Standard Time", "METHOD:PUBLISH\n"]
    {
        assert!(bodies.iter().any(|body| body.contains(part)), "{part}");
    }
    let login = [("authorization", "Basic b2RkOm9kZC1zZWNyZXQ="), ("depth", "1")];
    let rows = client.send("PROPFIND", &odd.path(), &login, "").await;
    assert!(
        rows.body.contains("%C3%BCmlaut@home.ics") && rows.body.contains("with%20method.ics"),
        "{}",
        rows.body
    );
}

#[tokio::test]
async fn a_seed_with_a_typo_is_refused_with_a_reason() {
    assert!(Seed::parse("{\"acounts\": []}").is_err());
    let world = World::new("2027-03-03T08:00:00Z".parse().unwrap());
    let seed = Seed::parse(
        "{\"accounts\": [{\"user\": \"a\", \"password\": \"b\", \"profile\": \"radicle\"}]}",
    )
    .unwrap();
    let refused = world.sow(&seed).unwrap_err().to_string();
    assert!(refused.contains("radicle") && refused.contains("radicale"), "{refused}");
    assert!(Profile::names().all(|name| Profile::named(name).is_some()));
}

#[tokio::test]
async fn the_page_shows_calendars_and_escapes_what_people_write() {
    let client = Client::new("generic");
    client.work.put("a.ics", crate::client::event("a", "SUMMARY:<script>alert(1)</script>\r\n"));
    let page = client.send("GET", "/", &[], "").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(
        page.body.contains("work")
            && page.body.contains("&lt;script&gt;")
            && !page.body.contains("<script>")
    );
}
