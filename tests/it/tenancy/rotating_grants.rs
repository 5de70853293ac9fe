//! Keys are changed while grants are in use: access tokens and the secrets of tenants' own OAuth clients open
//! afterwards, nobody is asked to sign in again, and what was replaced opens no more.

use std::sync::Arc;

use calhub::{
    model::states::Provider,
    secrets::{Place, SecretsError},
    store::{Sealed, SealedColumn},
};
use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;
use simulators::{GoogleAccountSpec, GoogleClientSpec};

use crate::{
    linking::scene::{CLIENT, Rotating, SCOPES, Scene, hub_on, token_calls, world},
    support::engines::on_each_engine,
};

const OWN: &str = "own.apps";
const APP: &str = "/v1/provider-apps/google";

/// The sealed parts of a connection's grant and of the tenant's client.
async fn seals(scene: &Scene, connection: &str) -> (Sealed, Sealed, Sealed) {
    let (tenant, id) = (&scene.hub.tenant, connection.parse().unwrap());
    let mut tx = scene.hub.hub.store.read().await.unwrap();
    let login = tx.connections().get(tenant, &id).await.unwrap().unwrap().login;
    let token = tx.grants().get(tenant, &id).await.unwrap().unwrap().access_token.unwrap();
    let app = tx.provider_apps().get(tenant, Provider::Google).await.unwrap().unwrap().secret;
    (login, token, app)
}

#[tokio::test]
async fn grants_and_clients_are_sealed_anew_and_go_on() {
    on_each_engine(async |bed| {
        let scene = Scene::on(bed.store.clone()).await;
        scene.world.add_google_client(GoogleClientSpec::new(OWN, "GOCSPX-own"));
        let own = json!({"client_id": OWN, "client_secret": "GOCSPX-own"});
        scene.hub.call(Method::PUT, APP, Some(own), &[]).await.expect(200);
        let import = async |token: String, client: &str| {
            let asked = json!({"provider": "google", "refresh_token": token, "client_id": client});
            scene.hub.post("/v1/connections", asked).await.expect(201).id()
        };
        let ana = import(scene.ana.grant(CLIENT, &SCOPES), CLIENT).await;
        let bob = scene.world.add_google_account(GoogleAccountSpec::new("bob@example.com"));
        let bob = import(bob.grant(OWN, &SCOPES), OWN).await;
        scene.step().await;
        scene.advance(60).await;
        let (before, calls) = (seals(&scene, &ana).await, scene.token_calls());
        let vault = &scene.hub.hub.vault;
        let rotated = vault.rotate(&scene.hub.hub.store, async |_| {}).await.unwrap();
        assert!(rotated.unreadable.is_empty(), "{rotated:?}");
        // Two logins, two access tokens, one secret of a client, at least.
        assert!(rotated.secrets_resealed >= 5, "{rotated:?}");
        let after = seals(&scene, &ana).await;
        assert!(before.0 != after.0 && before.1 != after.1 && before.2 != after.2);
        // The same access tokens are handed out: nothing was asked of the provider.
        let tenant = &scene.hub.tenant;
        for id in [&ana, &bob] {
            scene.hub.hub.engine.access_token(tenant, &id.parse().unwrap()).await.unwrap();
        }
        assert_eq!(scene.token_calls(), calls);
        // When they end, both are renewed, the one of the tenant's own client by its secret.
        scene.advance(3_700).await;
        for id in [&ana, &bob] {
            scene.hub.hub.engine.access_token(tenant, &id.parse().unwrap()).await.unwrap();
        }
        assert_eq!(scene.token_calls(), calls + 2);
        scene.step().await;
        for id in [&ana, &bob] {
            let path = format!("/v1/connections/{id}");
            assert_eq!(scene.hub.get(&path).await.expect(200).body["state"], "healthy");
        }
        // What was kept from before is of no use.
        let mut tx = scene.hub.hub.store.read().await.unwrap();
        for (row, column, sealed) in [
            (ana.as_str(), "grants.access_token", &before.1),
            ("google", "provider_apps.secret", &before.2),
        ] {
            let refused = vault.unseal(&mut tx, Place { tenant, row, column }, sealed).await;
            assert!(matches!(refused, Err(SecretsError::Tampered)), "{column}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_renewed_meanwhile_is_not_overwritten() {
    on_each_engine(async |bed| {
        let scene = Scene::on(bed.store.clone()).await;
        let ana = scene.import().await;
        let (tenant, id) = (scene.hub.tenant.clone(), ana.parse().unwrap());
        // What a rotation has read just before the token is renewed.
        let mut tx = scene.hub.hub.store.read().await.unwrap();
        let column = SealedColumn::Token;
        let seen = tx.data_keys().sealed_by_others(&tenant, column, 99, None, 10).await.unwrap();
        tx.rollback().await.unwrap();
        let seen = seen.into_iter().find(|row| row.part == ana).unwrap();
        scene.advance(3_700).await;
        let engine = &scene.hub.hub.engine;
        let renewed = engine.access_token(&tenant, &id).await.unwrap();
        let mut tx = scene.hub.hub.store.begin().await.unwrap();
        let place = Place { tenant: &tenant, row: &ana, column: "grants.access_token" };
        let stale = scene.hub.hub.vault.seal(&mut tx, place, b"stale").await.unwrap();
        assert!(!tx.data_keys().reseal_secret(&tenant, column, &seen, &stale).await.unwrap());
        tx.commit().await.unwrap();
        let kept = engine.access_token(&tenant, &id).await.unwrap();
        assert_eq!(kept.expose_secret(), renewed.expose_secret());
    })
    .await;
}

/// Where each renewal brings another refresh token, the login is written by renewals and by the rotation alike.
#[tokio::test]
async fn refresh_tokens_that_change_outlive_a_rotation() {
    on_each_engine(async |bed| {
        let (world, ana) = world();
        let rotating = Rotating { world: world.clone(), now: std::sync::Mutex::default() };
        let hub = hub_on(0, bed.store.clone(), Arc::new(rotating)).await;
        let asked = json!({"provider": "google", "refresh_token": ana.grant(CLIENT, &SCOPES)});
        let id = hub.post("/v1/connections", asked).await.expect(201).id().parse().unwrap();
        for round in 0..4 {
            world.advance(std::time::Duration::from_secs(3_600));
            hub.advance(3_600).await;
            let renewing = hub.hub.engine.access_token(&hub.tenant, &id);
            let rotated = hub.hub.vault.rotate(&hub.hub.store, async |_| {});
            let (renewed, rotated) = tokio::join!(renewing, rotated);
            assert!(renewed.is_ok(), "round {round}: {renewed:?}");
            assert!(rotated.unwrap().unreadable.is_empty());
        }
        // Were an old one ever sent again, the grant would be dead.
        assert_eq!(token_calls(&world), 5);
    })
    .await;
}
