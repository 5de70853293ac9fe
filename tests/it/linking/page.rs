//! The page on which a person links an account, without a browser's engine: what it says, what it sets, where it leads.

use serde_json::json;

use super::scene::{BASE, Person, Scene};

#[tokio::test]
async fn a_person_links_a_google_account_and_chooses_calendars() {
    let scene = Scene::new().await;
    let room = json!({"name": "Dr. Adler", "external_id": "adler"});
    let resource = scene.hub.post("/v1/resources", room).await.expect(201).id();
    let asked = json!({"mode": "link", "resource_id": resource, "external_id": "doctor",
        "access": "read_write", "return_url": "https://platform.example/back?x=1"});
    let (session, url) = scene.session(asked).await;
    let mut ana = scene.person();
    let page = ana.open(&url).await.expect(200);
    assert!(page.text.contains("Continue with Google"), "{}", page.text);
    assert!(page.text.contains("Written: bookings"), "{}", page.text);
    assert_eq!(scene.outcome(&session).await["status"], "open");

    let led = ana.link(&session, "ana@example.com").await.expect(303);
    let page = ana.get(led.header("location").unwrap()).await.expect(200);
    assert!(page.text.contains("Your calendar is connected"), "{}", page.text);
    assert!(page.text.contains("ana@example.com"));
    assert!(page.text.contains("Which calendars tell when Dr. Adler is busy?"));
    assert!(
        page.text.contains("https://platform.example/back?x=1&#38;status=linked&#38;session=")
            || page
                .text
                .contains("https://platform.example/back?x=1&amp;status=linked&amp;session="),
        "{}",
        page.text
    );

    let outcome = scene.outcome(&session).await;
    assert_eq!(outcome["status"], "linked");
    let connection = outcome["connection_id"].as_str().unwrap();
    let found = scene.hub.get(&format!("/v1/connections/{connection}")).await.expect(200).body;
    assert_eq!(found["external_id"], "doctor");
    let calendars = found["calendars"].as_array().unwrap();
    let id = |name: &str| {
        let found = calendars.iter().find(|calendar| calendar["name"] == name);
        found.unwrap_or_else(|| panic!("{calendars:?}"))["id"].as_str().unwrap().to_owned()
    };
    let (own, work) = (id("ana@example.com"), id("work"));
    let token = Person::token(&page.text);
    let form = [("token", &*token), ("blocks", &*own), ("blocks", &*work), ("write_to", &*work)];
    let saved = ana.post(&format!("/link/{session}/calendars"), &form).await.expect(303);
    let page = ana.get(saved.header("location").unwrap()).await.expect(200);
    assert!(page.text.contains("Your choice is saved."));
    let resource = scene.hub.get(&format!("/v1/resources/{resource}")).await.expect(200).body;
    assert_eq!(resource["write_to"], work.as_str());
    assert_eq!(resource["calendars"].as_array().unwrap().len(), 2);
    // The page and the resource agree from then on.
    assert_eq!(page.text.matches(" checked").count(), 3, "{}", page.text);
}

#[tokio::test]
async fn pages_load_nothing_frame_nowhere_and_keep_no_secret() {
    let scene = Scene::new().await;
    let (session, url) = scene.session(json!({"mode": "link"})).await;
    let secret = url.rsplit('/').next().unwrap().to_owned();
    assert_eq!(secret.len(), 64);
    let mut ana = scene.person();
    let door = ana.get(&url).await.expect(200);
    assert!(!door.text.contains(&secret) && door.header("set-cookie").is_none());
    assert_eq!(door.header("referrer-policy"), Some("no-referrer"));
    let led = ana.post(&url, &[]).await.expect(303);
    let cookie = led.header("set-cookie").unwrap();
    for part in ["__Host-calhub-", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let page = ana.get(led.header("location").unwrap()).await.expect(200);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"));
    assert!(!page.text.contains("<script") && !page.text.contains("style="));
    assert!(!page.text.contains(&secret));
    for reference in page.text.split("href=\"").skip(1) {
        assert!(reference.starts_with('/'), "{reference}");
    }
    assert!(page.text.contains("<html lang=\"en\">"));
    assert!(led.header("location").unwrap().ends_with(&session));
    let style = ana.get(&format!("{BASE}/link/style.css")).await.expect(200);
    assert!(!style.text.contains("url(") && !style.text.contains("@import"));
}

#[tokio::test]
async fn caldav_and_feeds_use_the_same_page() {
    let scene = Scene::new().await;
    let account = scene.world.add_account(simulators::AccountSpec::new("bea", "right"));
    account.add_calendar(simulators::CalendarSpec::new("desk"));
    let (session, url) =
        scene.session(json!({"mode": "link", "providers": ["caldav", "ics"]})).await;
    let mut bea = scene.person();
    let page = bea.open(&url).await.expect(200);
    assert!(!page.text.contains("Google"), "{}", page.text);
    let token = Person::token(&page.text);
    let address = format!("{}{}", crate::support::simulated::ORIGIN, account.path());
    let form = |password: &'static str| {
        vec![
            ("token".to_owned(), token.clone()),
            ("url".to_owned(), address.clone()),
            ("username".to_owned(), "bea".to_owned()),
            ("password".to_owned(), password.to_owned()),
        ]
    };
    let path = format!("/link/{session}/caldav");
    let fields = form("wrong");
    let fields: Vec<_> = fields.iter().map(|(a, b)| (&**a, &**b)).collect();
    let refused = bea.post(&path, &fields).await.expect(422);
    assert!(
        refused.text.contains("The user name or password was not accepted"),
        "{}",
        refused.text
    );
    assert!(!refused.text.contains("wrong"));
    assert_eq!(scene.outcome(&session).await["reason"], "unauthorized");
    let fields = form("right");
    let fields: Vec<_> = fields.iter().map(|(a, b)| (&**a, &**b)).collect();
    let led = bea.post(&path, &fields).await.expect(303);
    let page = bea.get(led.header("location").unwrap()).await.expect(200);
    assert!(page.text.contains("Your calendar is connected"), "{}", page.text);
    assert_eq!(scene.outcome(&session).await["status"], "linked");
}

#[tokio::test]
async fn what_is_linked_is_managed_by_whom_it_concerns() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    scene.hub.post("/v1/link-sessions", json!({"mode": "manage"})).await.problem(422, "invalid");
    let asked = json!({"mode": "manage", "connection_id": connection});
    let (session, url) = scene.session(asked).await;
    let mut ana = scene.person();
    let page = ana.open(&url).await.expect(200);
    assert!(page.text.contains("ana@example.com") && page.text.contains("Sign in again"));
    let token = Person::token(&page.text);
    // Nobody else's account can be named.
    let other =
        scene.world.add_google_account(simulators::GoogleAccountSpec::new("bob@example.com"));
    let grant = other.grant(super::scene::CLIENT, &super::scene::SCOPES);
    let body = json!({"provider": "google", "refresh_token": grant});
    let bob = scene.hub.post("/v1/connections", body).await.expect(201).id();
    let path = format!("/link/{session}/unlink");
    ana.post(&path, &[("token", &token), ("connection", &bob)]).await.expect(404);
    let form = [("token", &*token), ("connection", &*connection), ("future_bookings", "keep")];
    ana.post(&path, &form).await.expect(303);
    scene.step().await;
    scene.hub.get(&format!("/v1/connections/{connection}")).await.problem(404, "not_found");
    scene.hub.get(&format!("/v1/connections/{bob}")).await.expect(200);
    // The grant is given back at Google.
    let log = scene.world.log();
    assert!(log.iter().any(|entry| entry.report.as_deref() == Some("oauth.revoke")), "{log:?}");
}
