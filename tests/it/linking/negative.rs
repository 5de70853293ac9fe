//! Everything that must not link an account, or show one, or lead somebody away. Each case is a name and a hostile act.

use serde_json::{Value, json};

use super::scene::{CALLBACK, Person, Scene};
use crate::api::world::Answer;

/// A link session whose person is on Google's consent page.
struct Stand<'s> {
    ana: Person<'s>,
    session: String,
    consent: String,
}

async fn stand<'s>(scene: &'s Scene, asked: Value) -> Stand<'s> {
    let (session, url) = scene.session(asked).await;
    let mut ana = scene.person();
    ana.open(&url).await.expect(200);
    let consent = ana.depart(&session).await;
    Stand { ana, session, consent }
}

fn link() -> Value {
    json!({"mode": "link", "access": "read_write"})
}

fn query(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

fn with(url: &str, name: &str, value: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.retain(|(key, _)| key != name);
    pairs.push((name.to_owned(), value.to_owned()));
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

async fn nothing_linked(scene: &Scene) {
    let all = scene.hub.get("/v1/connections").await.expect(200).body;
    assert_eq!(all["items"], json!([]));
}

#[track_caller]
fn is_a_plain_page(answer: Answer, status: u16) {
    let answer = answer.expect(status);
    assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{}", answer.text);
    assert!(answer.header("location").is_none());
}

#[tokio::test]
async fn a_callback_without_a_state_is_refused() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    is_a_plain_page(stand.ana.get("/oauth/google/callback?code=4/x").await, 404);
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn a_state_that_is_none_of_ours_is_refused() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    let forged = with(&back, "state", &"a".repeat(64));
    is_a_plain_page(stand.ana.get(&forged).await, 404);
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn an_empty_state_is_refused() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    is_a_plain_page(stand.ana.get(&with(&back, "state", "")).await, 404);
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn a_state_is_good_once() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    stand.ana.get(&back).await.expect(303);
    is_a_plain_page(stand.ana.get(&back).await, 404);
}

#[tokio::test]
async fn a_state_that_failed_once_is_used_up_too() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    stand.ana.get(&with(&back, "code", "4/another")).await.expect(303);
    assert_eq!(scene.outcome(&stand.session).await["reason"], "code_refused");
    is_a_plain_page(stand.ana.get(&back).await, 404);
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn a_state_that_another_trip_replaced_is_refused() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    stand.ana.depart(&stand.session.clone()).await;
    is_a_plain_page(stand.ana.get(&back).await, 404);
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn a_state_older_than_ten_minutes_is_refused() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    scene.advance(601).await;
    let consent = stand.consent.clone();
    let back = stand.ana.allow(&consent, "ana@example.com").await;
    stand.ana.get(&back).await.expect(303);
    assert_eq!(scene.outcome(&stand.session).await["reason"], "took_too_long");
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn another_browser_cannot_bring_the_answer() {
    let scene = Scene::new().await;
    let stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    is_a_plain_page(scene.person().get(&back).await, 403);
    nothing_linked(&scene).await;
}

/// The attacker's own answer, brought to the victim's browser: the victim's session would hold the attacker's account.
#[tokio::test]
async fn the_answer_to_another_session_is_refused() {
    let scene = Scene::new().await;
    let attacker = stand(&scene, link()).await;
    let mut victim = stand(&scene, link()).await;
    let back = attacker.ana.allow(&attacker.consent, "ana@example.com").await;
    is_a_plain_page(victim.ana.get(&back).await, 403);
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn a_code_of_another_session_is_refused_by_its_verifier() {
    let scene = Scene::new().await;
    let attacker = stand(&scene, link()).await;
    let mut victim = stand(&scene, link()).await;
    let theirs = attacker.ana.allow(&attacker.consent, "ana@example.com").await;
    let ours = victim.ana.allow(&victim.consent, "ana@example.com").await;
    let injected = with(&ours, "code", &query(&theirs, "code"));
    victim.ana.get(&injected).await.expect(303);
    assert_eq!(scene.outcome(&victim.session).await["reason"], "code_refused");
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn an_answer_by_another_issuer_is_refused() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    stand.ana.get(&with(&back, "iss", "https://evil.example")).await.expect(303);
    assert_eq!(scene.outcome(&stand.session).await["reason"], "mixed_up");
    assert_eq!(scene.token_calls(), 0);
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn an_answer_without_a_code_is_refused() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let state = query(&stand.consent, "state");
    stand.ana.get(&format!("/oauth/google/callback?state={state}")).await.expect(303);
    assert_eq!(scene.outcome(&stand.session).await["reason"], "no_code");
    assert_eq!(scene.token_calls(), 0);
}

#[tokio::test]
async fn a_person_who_denies_is_told_so_and_may_try_again() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let consent = stand.consent.clone();
    let back = stand.ana.decide(&consent, &[("action", "deny")]).await;
    let led = stand.ana.get(&back).await.expect(303);
    let page = stand.ana.get(led.header("location").unwrap()).await.expect(200);
    assert!(page.text.contains("You did not agree"), "{}", page.text);
    let outcome = scene.outcome(&stand.session).await;
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("open"), &json!("denied")));
    stand.ana.link(&stand.session.clone(), "ana@example.com").await.expect(303);
    assert_eq!(scene.outcome(&stand.session).await["status"], "linked");
}

#[tokio::test]
async fn a_box_that_was_unticked_is_named_and_nothing_is_linked() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let consent = stand.consent.clone();
    let list = "https://www.googleapis.com/auth/calendar.calendarlist.readonly";
    let fields = [("action", "allow"), ("account", "ana@example.com"), ("scope", list)];
    let back = stand.ana.decide(&consent, &fields).await;
    let led = stand.ana.get(&back).await.expect(303);
    let page = stand.ana.get(led.header("location").unwrap()).await.expect(200);
    assert!(page.text.contains("View and edit events on all your calendars"), "{}", page.text);
    assert!(page.text.contains("Continue with Google"));
    assert_eq!(scene.outcome(&stand.session).await["reason"], "missing_scope");
    nothing_linked(&scene).await;
}

#[tokio::test]
async fn another_account_cannot_take_the_place_of_a_connection() {
    let scene = Scene::new().await;
    scene.world.add_google_account(simulators::GoogleAccountSpec::new("bob@example.com"));
    let connection = scene.import().await;
    let asked = json!({"mode": "relink", "connection_id": connection});
    let mut stand = stand(&scene, asked).await;
    let consent = stand.consent.clone();
    let back = stand.ana.allow(&consent, "bob@example.com").await;
    stand.ana.get(&back).await.expect(303);
    assert_eq!(scene.outcome(&stand.session).await["reason"], "different_account");
    let found = scene.hub.get(&format!("/v1/connections/{connection}")).await.expect(200).body;
    assert_eq!(found["account_label"], "ana@example.com");
}

#[tokio::test]
async fn an_address_opens_in_one_browser() {
    let scene = Scene::new().await;
    let (_, url) = scene.session(link()).await;
    let mut ana = scene.person();
    ana.open(&url).await.expect(200);
    is_a_plain_page(scene.person().get(&url).await, 403);
    is_a_plain_page(scene.person().post(&url, &[]).await, 403);
    // Ana may open it again, and is led to her page.
    ana.get(&url).await.expect(303);
    ana.post(&url, &[]).await.expect(303);
}

#[tokio::test]
async fn a_program_that_reads_mail_ties_a_session_to_nobody() {
    let scene = Scene::new().await;
    let (session, url) = scene.session(link()).await;
    let path = super::scene::path_of(&url);
    for method in ["GET", "HEAD", "GET", "OPTIONS"] {
        let request = http::Request::builder().method(method).uri(&path);
        let seen = scene.hub.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert!(seen.header("set-cookie").is_none(), "{method}");
        assert!(!seen.text.contains(&session), "{method}");
    }
    // Nor does another site's page that presses the button for somebody.
    let request = http::Request::builder().method("POST").uri(&path);
    let request = request.header("sec-fetch-site", "cross-site");
    let refused = scene.hub.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert!(refused.header("set-cookie").is_none());
    is_a_plain_page(refused, 403);
    let page = scene.person().open(&url).await.expect(200);
    assert!(page.text.contains("Continue with Google"), "{}", page.text);
}

#[tokio::test]
async fn a_session_is_not_entered_by_its_id_alone() {
    let scene = Scene::new().await;
    let (session, url) = scene.session(link()).await;
    let mut ana = scene.person();
    ana.open(&url).await.expect(200);
    is_a_plain_page(scene.person().get(&format!("/link/{session}")).await, 403);
    // Nor by a cookie that was made up.
    let mut other = scene.person();
    other.cookies = ana.cookies.clone();
    other.cookies.values_mut().for_each(|value| *value = "0".repeat(64));
    is_a_plain_page(other.get(&format!("/link/{session}")).await, 403);
}

#[tokio::test]
async fn a_session_that_has_ended_opens_no_more() {
    let scene = Scene::new().await;
    let asked = json!({"mode": "link", "ttl": "PT5M"});
    let (session, url) = scene.session(asked.clone()).await;
    scene.advance(301).await;
    is_a_plain_page(scene.person().get(&url).await, 404);
    assert_eq!(scene.outcome(&session).await["status"], "expired");
    let (session, url) = scene.session(asked).await;
    let mut ana = scene.person();
    ana.open(&url).await.expect(200);
    scene.advance(301).await;
    is_a_plain_page(ana.get(&format!("/link/{session}")).await, 404);
    is_a_plain_page(ana.get(&format!("/oauth/google/start?session={session}")).await, 404);
}

#[tokio::test]
async fn a_trip_begins_only_in_the_sessions_browser() {
    let scene = Scene::new().await;
    let stand = stand(&scene, link()).await;
    let path = format!("/oauth/google/start?session={}", stand.session);
    is_a_plain_page(scene.person().get(&path).await, 403);
    is_a_plain_page(scene.person().get("/oauth/google/start?session=lks_none").await, 404);
}

#[tokio::test]
async fn the_consent_address_asks_for_exactly_what_it_should() {
    let scene = Scene::new().await;
    let stand = stand(&scene, json!({"mode": "link", "access": "busy_only"})).await;
    assert_eq!(query(&stand.consent, "response_type"), "code");
    assert_eq!(query(&stand.consent, "redirect_uri"), CALLBACK);
    assert_eq!(query(&stand.consent, "code_challenge_method"), "S256");
    assert_eq!(query(&stand.consent, "code_challenge").len(), 43);
    assert_eq!(query(&stand.consent, "access_type"), "offline");
    assert_eq!(query(&stand.consent, "prompt"), "consent");
    assert_eq!(query(&stand.consent, "state").len(), 64);
    assert_eq!(
        query(&stand.consent, "scope"),
        "https://www.googleapis.com/auth/calendar.calendarlist.readonly \
         https://www.googleapis.com/auth/calendar.events.freebusy"
    );
    for secret in ["client_secret", "code_verifier", "include_granted_scopes"] {
        assert!(!stand.consent.contains(secret), "{}", stand.consent);
    }
}

#[tokio::test]
async fn a_return_address_that_leads_elsewhere_is_refused_when_it_is_stated() {
    let scene = Scene::new().await;
    for bad in [
        "http://platform.example/",
        "//platform.example/",
        "javascript:alert(1)",
        "https://user:pass@platform.example/",
        "https://platform.example/#token",
        "data:text/html,x",
    ] {
        let asked = json!({"mode": "link", "return_url": bad});
        scene.hub.post("/v1/link-sessions", asked).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn nothing_in_a_callback_says_where_it_leads() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let back = stand.ana.allow(&stand.consent, "ana@example.com").await;
    let lured = format!("{back}&return_url=https://evil.example&redirect_uri=https://evil.example");
    let led = stand.ana.get(&lured).await.expect(303);
    assert_eq!(led.header("location"), Some(&*format!("/link/{}", stand.session)));
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    let asked = json!({"mode": "manage", "connection_id": connection});
    let (session, url) = scene.session(asked).await;
    let mut ana = scene.person();
    ana.open(&url).await.expect(200);
    let path = format!("/link/{session}/unlink");
    for token in ["", "x", &"A".repeat(43)] {
        let form = [("token", token), ("connection", &*connection)];
        is_a_plain_page(ana.post(&path, &form).await, 403);
    }
    // A token of another session, too.
    let (other, url) = scene.session(link()).await;
    let page = ana.open(&url).await.expect(200);
    let token = Person::token(&page.text);
    let form = [("token", &*token), ("connection", &*connection)];
    is_a_plain_page(ana.post(&path, &form).await, 403);
    assert_ne!(other, session);
    scene.hub.get(&format!("/v1/connections/{connection}")).await.expect(200);
}

#[tokio::test]
async fn a_session_to_link_again_links_nothing_new() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    scene.world.add_account(simulators::AccountSpec::new("eve", "right"));
    let asked = json!({"mode": "relink", "connection_id": connection});
    let (session, url) = scene.session(asked).await;
    let mut ana = scene.person();
    ana.open(&url).await.expect(200);
    // The page has no form, so the token is made here.
    let id = session.parse().unwrap();
    let visit = scene.hub.hub.visits.get(&scene.hub.tenant, &id).await.unwrap().unwrap();
    let token = scene.hub.hub.visits.form_token(&visit);
    let address = crate::support::simulated::ORIGIN;
    let form = [("token", &*token), ("url", address), ("username", "eve"), ("password", "right")];
    let answer = ana.post(&format!("/link/{session}/caldav"), &form).await;
    assert_ne!(answer.status, 303, "{}", answer.text);
    let all = scene.hub.get("/v1/connections").await.expect(200).body;
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_relink_address_that_was_changed_is_refused() {
    let scene = Scene::new().await;
    let first = scene.import().await;
    let bob = scene.world.add_google_account(simulators::GoogleAccountSpec::new("bob@example.com"));
    let grant = bob.grant(super::scene::CLIENT, &super::scene::SCOPES);
    let body = json!({"provider": "google", "refresh_token": grant});
    let second = scene.hub.post("/v1/connections", body).await.expect(201).id();
    let url = scene.hub.hub.visits.again_url(&scene.hub.tenant, &first.parse().unwrap());
    let mut person = scene.person();
    person.get(&url).await.expect(303);
    is_a_plain_page(person.get(&url.replace(&first, &second)).await, 404);
    let (head, proof) = url.rsplit_once('/').unwrap();
    let (until, proof) = proof.split_once('-').unwrap();
    let later = until.parse::<i64>().unwrap() + 1;
    is_a_plain_page(person.get(&format!("{head}/{later}-{proof}")).await, 404);
    is_a_plain_page(person.get(&format!("{head}/{until}-{}", "A".repeat(43))).await, 404);
    scene.advance(8 * 86_400).await;
    is_a_plain_page(person.get(&url).await, 404);
}

#[tokio::test]
async fn a_tenant_reads_and_links_only_its_own() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    let (session, _) = scene.session(link()).await;
    let (_, key) = scene.hub.other_tenant().await;
    let headers = [("authorization", &*key)];
    let path = format!("/v1/link-sessions/{session}");
    let other = scene.hub.call(http::Method::GET, &path, None, &headers).await;
    other.problem(404, "not_found");
    let asked = json!({"mode": "relink", "connection_id": connection});
    let path = "/v1/link-sessions";
    let other = scene.hub.call(http::Method::POST, path, Some(asked), &headers).await;
    other.problem(404, "not_found");
}

#[tokio::test]
async fn an_administrators_refusal_is_told_as_such() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let state = query(&stand.consent, "state");
    let path = format!("/oauth/google/callback?state={state}&error=admin_policy_enforced");
    let led = stand.ana.get(&path).await.expect(303);
    let page = stand.ana.get(led.header("location").unwrap()).await.expect(200);
    assert!(page.text.contains("Ask your administrator"), "{}", page.text);
    assert_eq!(scene.outcome(&stand.session).await["reason"], "admin_consent_required");
}

#[tokio::test]
async fn what_google_says_in_an_error_is_not_shown() {
    let scene = Scene::new().await;
    let mut stand = stand(&scene, link()).await;
    let state = query(&stand.consent, "state");
    let path = format!(
        "/oauth/google/callback?state={state}&error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%3Cb%3Ehi"
    );
    let led = stand.ana.get(&path).await.expect(303);
    let page = stand.ana.get(led.header("location").unwrap()).await.expect(200);
    assert!(!page.text.contains("alert(1)") && !page.text.contains("<b>"), "{}", page.text);
    assert_eq!(scene.outcome(&stand.session).await["reason"], "provider_refused");
}
