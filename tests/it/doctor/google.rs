//! OAuth clients that are set up wrong, and grants that end, lack something, or meet a switched-off API.

use std::process::Command;

use serde_json::{Value, json};
use simulators::{Act, Fault, Publishing};
use sqlx::{Connection, SqliteConnection};

use super::{GOOGLE, expect, findings, healthy};
use crate::{
    linking::site::{Site, google, site},
    support::hub::{free_port, until},
};

/// The doctor beside a hub, with its settings and others.
fn look(site: &Site, more: &[(&str, &str)]) -> Vec<Value> {
    let mut command = site.calhub();
    settings(&mut command, site);
    command.args(["doctor", "--json"]).envs(more.iter().copied());
    findings(&mut command)
}

fn settings(command: &mut Command, site: &Site) {
    google(command, &site.simulated);
    command
        .env("CALHUB_ALLOW_NET", "127.0.0.0/8")
        .env("CALHUB_LISTEN", site.hub.url.trim_start_matches("http://"))
        .env("CALHUB_PUBLIC_URL", &site.hub.url);
}

fn says<'f>(found: &'f [Value], class: &str) -> Vec<&'f str> {
    let of_it = found.iter().filter(|check| check["class"] == class);
    of_it.map(|check| check["says"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_set_up_wrong() {
    let site = site().await;
    let found = look(&site, &[]);
    // Good for trying out on one machine, and no more.
    expect(&found, GOOGLE, "public_url_plain");
    for (class, _) in GOOGLE.iter().filter(|(class, _)| *class != "public_url_plain") {
        healthy(&found, class);
    }
    expect(&look(&site, &[("CALHUB_PUBLIC_URL", "")]), GOOGLE, "public_url_missing");

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let found = look(&site, &[("CALHUB_PUBLIC_URL", &nobody)]);
    expect(&found, GOOGLE, "public_url_unreachable");
    // What people would be sent back to is not what Google knows, either.
    expect(&found, GOOGLE, "redirect_uri_mismatch");
    let fix = format!("add exactly {nobody}/oauth/google/callback");
    assert!(found.iter().any(|check| check["fix"].as_str().is_some_and(|it| it.contains(&fix))));
    let found = look(&site, &[("CALHUB_PUBLIC_URL", &site.simulated)]);
    expect(&found, GOOGLE, "public_url_unreachable");
    assert!(says(&found, "public_url_unreachable")[0].contains("no hub"), "{found:?}");

    for (name, value) in
        [("CALHUB_GOOGLE_CLIENT_SECRET", "GOCSPX-old"), ("CALHUB_GOOGLE_CLIENT_ID", "other.apps")]
    {
        let found = look(&site, &[(name, value)]);
        expect(&found, GOOGLE, "oauth_client_refused");
        healthy(&found, "redirect_uri_mismatch");
        assert!(!format!("{found:?}").contains("GOCSPX"), "secrets are not told");
    }
    let away = format!("{nobody}/g");
    expect(
        &look(&site, &[("CALHUB_GOOGLE_OAUTH_BASE_URL", &away)]),
        GOOGLE,
        "oauth_client_untried",
    );

    // A tenant's own client is tried beside the hub's.
    site.world.add_google_client(simulators::GoogleClientSpec::new("own.apps", "GOCSPX-own"));
    let own = json!({"client_id": "own.apps", "client_secret": "GOCSPX-own"});
    let url = format!("{}/v1/provider-apps/google", site.hub.url);
    assert_eq!(site.hub.answer(site.hub.client().put(url).json(&own)).await.0, 200);
    let found = look(&site, &[]);
    expect(&found, GOOGLE, "redirect_uri_mismatch");
    assert!(says(&found, "redirect_uri_mismatch")[0].contains("own.apps"), "{found:?}");
}

/// Has everything read, until a connection stands so.
async fn stands(site: &Site, connection: &str, state: &str, error: &str) {
    until(&format!("{connection} to be {state} by {error}"), || async {
        site.hub.post("/v1/ops/sync", &json!({"all": true})).await;
        let (_, found) = site.hub.get(&format!("/v1/connections/{connection}")).await;
        (found["state"] == state && found["last_error"] == error).then_some(())
    })
    .await;
}

async fn linked(site: &Site, email: &str) -> String {
    let outcome = site.link(email, |_| true).await;
    assert_eq!(outcome["status"], "linked", "{outcome}");
    let connection = outcome["connection_id"].as_str().unwrap().to_owned();
    site.hub.synced(&connection).await;
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_of_an_app_in_testing() {
    let site = site().await;
    site.world.add_google_client(site.client().publishing(Publishing::Testing));
    let _ana = site.account("ana@example.com");
    linked(&site, "ana@example.com").await;
    // Google tells when the grant ends: told before it does.
    let found = look(&site, &[]);
    expect(&found, GOOGLE, "oauth_testing_mode");
    assert!(says(&found, "oauth_testing_mode")[0].contains("ends at"), "{found:?}");
    site.world.remove_google_account("ana@example.com");

    // Where nobody told, a grant that died a week after it was given says it.
    let site = self::site().await;
    let (ben, cleo) = (site.account("ben@example.com"), site.account("cleo@example.com"));
    let (bens, cleos) =
        (linked(&site, "ben@example.com").await, linked(&site, "cleo@example.com").await);
    healthy(&look(&site, &[]), "oauth_testing_mode");
    ben.revoke_grants();
    cleo.revoke_grants();
    stands(&site, &bens, "needs_reauth", "unauthorized").await;
    stands(&site, &cleos, "needs_reauth", "unauthorized").await;
    let database = format!("sqlite:{}", site.hub.dir.path().join("calhub.db").display());
    let mut conn = SqliteConnection::connect(&database).await.unwrap();
    let earlier = "UPDATE grants SET given_us = given_us - 604800000000 WHERE connection_id = $1";
    sqlx::query(earlier).bind(&bens).execute(&mut conn).await.unwrap();
    let found = look(&site, &[]);
    expect(&found, GOOGLE, "oauth_testing_mode");
    let told = says(&found, "oauth_testing_mode");
    assert!(told.len() == 1 && told[0].contains("ben@example.com"), "{found:?}");
    // Who took it back on the first day is asked to sign in again, and nothing is said of testing.
    let reauth = says(&found, "needs_reauth");
    assert!(reauth.len() == 1 && reauth[0].contains("cleo@example.com"), "{found:?}");
    let fix = found.iter().find(|check| check["class"] == "needs_reauth").unwrap();
    assert!(fix["fix"].as_str().unwrap().contains("/link/again/"), "{fix}");
    // A dead grant's access token is not kept.
    let kept: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM grants WHERE access_token IS NOT NULL OR ended_us IS NULL",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_the_calendar_api() {
    let site = site().await;
    let _dora = site.account("dora@example.com");
    let outcome = site.link("dora@example.com", |scope| !scope.ends_with(".events")).await;
    assert_eq!(outcome["reason"], "missing_scope", "{outcome}");
    let found = look(&site, &[]);
    expect(&found, GOOGLE, "missing_scope");
    assert!(says(&found, "missing_scope")[0].starts_with("1 failed attempt"), "{found:?}");
    let doras = linked(&site, "dora@example.com").await;
    // What Google says once a scope is gone.
    let body = json!({"error": {"code": 403, "message": "Request had insufficient authentication scopes.",
        "errors": [{"domain": "global", "reason": "insufficientPermissions"}], "status": "PERMISSION_DENIED"}});
    let act = Act::Status { status: 403, retry_after_s: None, body: body.to_string() };
    site.world.fault(Fault::new(act).path("/calendar/v3/"));
    stands(&site, &doras, "needs_reauth", "missing_scope").await;
    let found = look(&site, &[]);
    assert!(
        says(&found, "missing_scope").iter().any(|it| it.contains("dora@example.com")),
        "{found:?}"
    );
    site.world.clear_faults();

    let eve = site.account("eve@example.com");
    let eves = linked(&site, "eve@example.com").await;
    let mut off = site.client();
    off.api_disabled = true;
    site.world.add_google_client(off);
    stands(&site, &eves, "degraded", "api_disabled").await;
    let finn = site.account("finn@example.com");
    let outcome = site.link(finn.email(), |_| true).await;
    assert_eq!(outcome["reason"], "api_disabled", "{outcome}");
    let found = look(&site, &[]);
    expect(&found, GOOGLE, "api_disabled");
    let told = says(&found, "api_disabled");
    assert!(told.iter().any(|it| it.contains(eve.email())), "{found:?}");
    assert!(told.iter().any(|it| it.contains("to link an account")), "{found:?}");
}
