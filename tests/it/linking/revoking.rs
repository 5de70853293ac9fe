//! Giving a grant back when its account is unlinked.

use http::Method;
use serde_json::json;
use simulators::{Act, Fault};

use super::scene::{CLIENT, SCOPES, Scene};

fn revokes(scene: &Scene) -> usize {
    scene.world.count(|entry| entry.report.as_deref() == Some("oauth.revoke"))
}

async fn is_there(scene: &Scene, connection: &str) -> bool {
    scene.hub.get(&format!("/v1/connections/{connection}")).await.status == 200
}

async fn unlink(scene: &Scene, connection: &str) {
    scene.hub.delete(&format!("/v1/connections/{connection}")).await.expect(202);
    scene.step().await;
}

#[tokio::test]
async fn a_provider_that_does_not_take_a_grant_back_is_asked_a_few_times_and_then_left() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    scene.step().await;
    let act = Act::Status { status: 503, retry_after_s: None, body: String::new() };
    scene.world.fault(Fault::new(act).report("oauth.revoke"));
    unlink(&scene, &connection).await;
    assert_eq!((revokes(&scene), is_there(&scene, &connection).await), (1, true));
    let mut tries = Vec::new();
    while is_there(&scene, &connection).await {
        scene.advance(10).await;
        scene.step().await;
        tries.push(revokes(&scene));
        assert!(tries.len() < 60, "it is kept for good: {tries:?}");
    }
    let last = *tries.last().unwrap();
    assert!((5..=7).contains(&last), "{tries:?}");
    // Minutes, not hours: what is stored of somebody who left goes.
    assert!(tries.len() <= 20, "{tries:?}");
    scene.advance(3_600).await;
    scene.step().await;
    assert_eq!(revokes(&scene), last, "nothing is asked any more");
}

#[tokio::test]
async fn a_grant_is_given_back_once_the_provider_answers_again() {
    let scene = Scene::new().await;
    let token = scene.ana.grant(CLIENT, &SCOPES);
    let asked = json!({"provider": "google", "refresh_token": token});
    let connection = scene.hub.post("/v1/connections", asked.clone()).await.expect(201).id();
    scene.step().await;
    scene.world.fault(Fault::new(Act::DropBefore).report("oauth.revoke").once());
    unlink(&scene, &connection).await;
    assert!(is_there(&scene, &connection).await);
    scene.advance(25).await;
    scene.step().await;
    assert!(!is_there(&scene, &connection).await);
    // It is dead at the provider: nobody links by it again.
    scene.hub.post("/v1/connections", asked).await.problem(422, "unauthorized");
}

#[tokio::test]
async fn a_grant_that_serves_another_tenant_too_is_given_back_with_the_last() {
    let scene = Scene::new().await;
    let first = scene.import().await;
    let (_, key) = scene.hub.other_tenant().await;
    let headers = [("authorization", &*key)];
    let token = scene.ana.grant(CLIENT, &SCOPES);
    let asked = json!({"provider": "google", "refresh_token": token});
    let other = scene.hub.call(Method::POST, "/v1/connections", Some(asked), &headers).await;
    let second = other.expect(201).id();
    scene.step().await;
    unlink(&scene, &first).await;
    assert!(!is_there(&scene, &first).await);
    assert_eq!(revokes(&scene), 0, "the other tenant's would have ended, too");
    scene.advance(4_000).await;
    scene.step().await;
    let path = format!("/v1/connections/{second}");
    let found = scene.hub.call(Method::GET, &path, None, &headers).await.expect(200).body;
    assert_eq!(found["state"], "healthy", "{found}");
    scene.hub.call(Method::DELETE, &path, None, &headers).await.expect(202);
    scene.step().await;
    assert_eq!(revokes(&scene), 1);
    scene.hub.call(Method::GET, &path, None, &headers).await.expect(404);
}

#[tokio::test]
async fn a_dead_grants_access_token_is_not_kept() {
    let scene = Scene::new().await;
    let connection = scene.import().await.parse().unwrap();
    scene.step().await;
    let tenant = &scene.hub.tenant;
    let kept = async || {
        let mut tx = scene.hub.hub.store.read().await.unwrap();
        tx.grants().get(tenant, &connection).await.unwrap().unwrap()
    };
    let before = kept().await;
    assert!(before.access_token.is_some() && before.ended_at.is_none());
    assert_eq!((before.given_at, before.ends_at), (None, None), "it was given elsewhere");
    scene.ana.revoke_grants();
    scene.advance(60).await;
    // The access token is refused, and so is the grant: hours before the token's own end.
    let asked = json!({"connection_id": connection, "full": true});
    scene.hub.post("/v1/ops/sync", asked).await.expect(202);
    scene.step().await;
    let after = kept().await;
    assert!(after.access_token.is_none() && after.expires_at.is_none(), "{after:?}");
    assert_eq!(after.ended_at, Some(scene.now()));
    assert!(after.lease_owner.is_none());
    let calls = scene.token_calls();
    let refused = scene.hub.hub.engine.access_token(tenant, &connection).await;
    assert!(refused.is_err());
    assert_eq!(scene.token_calls(), calls + 1, "nothing else is left to hand out");
}
