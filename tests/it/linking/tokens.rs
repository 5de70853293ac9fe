//! Access tokens: one call for all who want one, kept over restarts, rotation and death.

use std::sync::Arc;

use calhub::drill::{Bug, Drill};
use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;
use simulators::{Act, Fault};

use super::scene::{CLIENT, Rotating, SCOPES, Scene, hub_on, token_calls, world};
use crate::{
    api::world::TestHub,
    support::{
        engines::{Bed, on_each_engine, on_sqlite},
        simulated::Simulated,
    },
};

/// Sixty-four accounts' worth of callers for one account, half of them at each of two hubs, when its token has just
/// ended; answers how often the provider was asked for another.
async fn crowd(bed: &Bed) -> usize {
    let scene = Scene::on(bed.store.clone()).await;
    let connection = scene.import().await;
    scene.step().await;
    let beside = hub_on(1, bed.open_again().await, Arc::new(Simulated(scene.world.clone()))).await;
    scene.advance(3_700).await;
    beside.clock.advance(std::time::Duration::from_secs(3_700));
    let before = scene.token_calls();
    let tokens = |hub: &TestHub| {
        let (hub, tenant) = (Arc::clone(&hub.hub), scene.hub.tenant.clone());
        let connection = connection.parse().unwrap();
        async move {
            let token = hub.engine.access_token(&tenant, &connection).await.unwrap();
            token.expose_secret().to_owned()
        }
    };
    let all = (0..64).map(|n| tokens(if n % 2 == 0 { &scene.hub } else { &beside }));
    let got = join_all(all).await;
    assert!(got.iter().all(|token| *token == got[0]));
    beside.hub.store.close().await;
    scene.token_calls() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_refreshes_at_once_are_one_call() {
    on_each_engine(async |bed| assert_eq!(crowd_of(bed).await, 1)).await;
}

/// SQLite has one hub.
async fn crowd_of(bed: &Bed) -> usize {
    match bed.engine {
        calhub::store::Engine::Postgres => crowd(bed).await,
        calhub::store::Engine::Sqlite => crowd_of_one(bed).await,
    }
}

async fn crowd_of_one(bed: &Bed) -> usize {
    let scene = Scene::on(bed.store.clone()).await;
    let connection = scene.import().await.parse().unwrap();
    scene.advance(3_500).await;
    let before = scene.token_calls();
    let engine = &scene.hub.hub.engine;
    let all = (0..64).map(|_| engine.access_token(&scene.hub.tenant, &connection));
    assert!(join_all(all).await.iter().all(Result::is_ok));
    scene.token_calls() - before
}

#[tokio::test]
async fn without_the_lease_everybody_calls() {
    on_sqlite(async |bed| {
        let calls = Drill::with_bugs(&[Bug::EveryoneRenews]).run(crowd_of_one(bed)).await.unwrap();
        assert!(calls > 8, "{calls}");
    })
    .await;
}

#[tokio::test]
async fn a_restart_asks_for_no_token() {
    on_each_engine(async |bed| {
        let (world, ana) = world();
        let hub = hub_on(0, bed.store.clone(), Arc::new(Simulated(world.clone()))).await;
        let token = ana.grant(CLIENT, &SCOPES);
        let asked = json!({"provider": "google", "refresh_token": token});
        let id = hub.post("/v1/connections", asked).await.expect(201).id();
        let before = token_calls(&world);
        let again = hub_on(1, bed.store.clone(), Arc::new(Simulated(world.clone()))).await;
        again.hub.engine.access_token(&hub.tenant, &id.parse().unwrap()).await.unwrap();
        assert_eq!(token_calls(&world), before);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_that_changes_is_kept_each_time() {
    on_each_engine(async |bed| {
        let (world, ana) = world();
        let rotating = Rotating { world: world.clone(), now: std::sync::Mutex::default() };
        let hub = hub_on(0, bed.store.clone(), Arc::new(rotating)).await;
        let token = ana.grant(CLIENT, &SCOPES);
        let asked = json!({"provider": "google", "refresh_token": token});
        let id = hub.post("/v1/connections", asked).await.expect(201).id();
        for _ in 0..5 {
            world.advance(std::time::Duration::from_secs(3_600));
            hub.advance(3_600).await;
            // Were an old one ever sent again, the grant would be dead.
            hub.hub.engine.access_token(&hub.tenant, &id.parse().unwrap()).await.unwrap();
        }
        assert_eq!(token_calls(&world), 6);
    })
    .await;
}

#[tokio::test]
async fn a_withdrawn_grant_asks_for_the_person_and_heals() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    scene.step().await;
    let path = format!("/v1/connections/{connection}");
    let before = scene.hub.get(&path).await.body["calendars"].clone();
    scene.ana.revoke_grants();
    scene.advance(3_600).await;
    scene.step().await;
    let dead = scene.hub.get(&path).await.expect(200).body;
    assert_eq!(dead["state"], "needs_reauth");
    let url = dead["relink_url"].as_str().unwrap();
    assert!(url.starts_with("https://hub.example/link/again/ten_"), "{url}");
    // Who may only read does not get it.
    let reader = scene.hub.key(&["connections:read"]).await;
    let headers = [("authorization", &*reader)];
    let seen = scene.hub.call(http::Method::GET, &path, None, &headers).await.expect(200).body;
    assert_eq!(seen["relink_url"], json!(null));
    // The person signs in again: every id stays.
    let mut ana = scene.person();
    let led = ana.get(url).await.expect(303);
    let page = ana.open(led.header("location").unwrap()).await.expect(200);
    assert!(page.text.contains("Sign in with Google again"), "{}", page.text);
    let session = page.text.split("session=").nth(1).unwrap().split(['&', '"']).next().unwrap();
    ana.link(session, "ana@example.com").await.expect(303);
    scene.step().await;
    let healed = scene.hub.get(&path).await.expect(200).body;
    assert_eq!(healed["state"], "healthy");
    let ids = |calendars: &serde_json::Value| -> Vec<String> {
        let all = calendars.as_array().unwrap().iter();
        all.map(|calendar| calendar["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&healed["calendars"]), ids(&before));
}

#[tokio::test]
async fn no_token_and_no_secret_of_a_visit_stands_in_the_database() {
    on_each_engine(async |bed| {
        let scene = Scene::on(bed.store.clone()).await;
        let own = json!({"client_id": "own.apps", "client_secret": "GOCSPX-of-a-tenant"});
        let path = "/v1/provider-apps/google";
        scene.hub.call(http::Method::PUT, path, Some(own), &[]).await.expect(200);
        let refresh = scene.ana.grant(CLIENT, &SCOPES);
        let asked = json!({"provider": "google", "refresh_token": refresh, "client_id": CLIENT});
        let id = scene.hub.post("/v1/connections", asked).await.expect(201).id();
        scene.hub.delete(path).await.expect(204);
        let (tenant, id) = (scene.hub.tenant.clone(), id.parse().unwrap());
        let access = scene.hub.hub.engine.access_token(&tenant, &id).await.unwrap();
        let own = json!({"client_id": "own.apps", "client_secret": "GOCSPX-of-a-tenant"});
        let (session, url) = scene.session(json!({"mode": "link"})).await;
        let mut ana = scene.person();
        ana.open(&url).await.expect(200);
        let consent = ana.depart(&session).await;
        let state = url::Url::parse(&consent).unwrap();
        let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        scene.hub.call(http::Method::PUT, path, Some(own), &[]).await.expect(200);
        let mut words = vec![
            refresh,
            access.expose_secret().to_owned(),
            "GOCSPX-of-a-tenant".to_owned(),
            url.rsplit('/').next().unwrap().to_owned(),
            state,
        ];
        words.extend(ana.cookies.values().cloned());
        let hex = |word: &str| word.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let rows = crate::tenancy::pair::dump(&bed.url, bed.engine).await.join("\n");
        assert!(rows.contains("own.apps") && rows.contains(&session), "the rows are read");
        let lower = rows.to_lowercase();
        for word in words {
            assert!(!rows.contains(&word) && !lower.contains(&hex(&word)), "{word} is there");
        }
    })
    .await;
}

/// What Google answers where the token lacks a scope.
fn lacking() -> Act {
    let body = json!({"error": {"code": 403, "message": "Request had insufficient authentication scopes.",
        "errors": [{"domain": "global", "reason": "insufficientPermissions"}], "status": "PERMISSION_DENIED"}});
    Act::Status { status: 403, retry_after_s: None, body: body.to_string() }
}

#[tokio::test]
async fn a_listing_that_works_does_not_hide_that_events_lack_a_scope() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    scene.step().await;
    let path = format!("/v1/connections/{connection}");
    scene.world.fault(Fault::new(lacking()).path("/calendar/v3/calendars/"));
    for round in 0..6 {
        scene.advance(3_600).await;
        scene.step().await;
        let found = scene.hub.get(&path).await.expect(200).body;
        let told = (found["state"].as_str().unwrap(), found["last_error"].as_str().unwrap());
        assert_eq!(told, ("needs_reauth", "missing_scope"), "round {round}");
    }
    scene.world.clear_faults();
    let asked = json!({"provider": "google", "refresh_token": scene.ana.grant(CLIENT, &SCOPES)});
    let again = scene.hub.post("/v1/connections", asked).await.expect(200);
    assert_eq!(again.id(), connection, "a new grant for the same account");
    scene.step().await;
    assert_eq!(scene.hub.get(&path).await.body["state"], "healthy");
}
