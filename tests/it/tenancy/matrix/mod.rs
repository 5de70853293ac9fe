//! Every route x every credential x every id: generated from the OpenAPI document of the hub that runs.
//!
//! What another tenant has behaves exactly like what nobody has, nothing of it is told, and nothing of it
//! changes.

mod asking;
mod findings;
mod open;
mod operation;
mod tries;

use std::collections::BTreeSet;

use calhub::drill::{Bug, Drill};
use serde_json::json;

use self::{
    findings::{Findings, is_enough, keys},
    operation::{Operation, operations},
    tries::{foreign_ids, positions, repeated, scopes, strangers},
};
use super::{inventory::documented, pair::Pair};
use crate::{
    api::world::KEY,
    support::engines::{on_each_engine, on_sqlite},
};

/// What was tried, as method and path, and what is wrong.
type Outcome = (BTreeSet<(String, String)>, Vec<String>);

/// Where an instance key sees all tenants.
const EVERYBODYS: [&str; 3] = ["/v1/tenants", "/v1/ops/audit", "/v1/ops/pauses"];

fn is_everybodys(operation: &Operation) -> bool {
    EVERYBODYS.iter().any(|path| operation.path.starts_with(path))
}

/// Runs everything on the paths that contain `part`.
async fn matrix(pair: &Pair, part: &str) -> Outcome {
    let document = pair.hub.get("/openapi.json").await.expect(200).body;
    let mut operations = operations(&document);
    operations.retain(|one| one.path.contains(part));
    let keys = keys(pair).await;
    let mut found = Findings(Vec::new());
    let before = pair.rows_of(&pair.theirs.tenant).await;
    let instance = format!("Bearer {KEY}");
    let mut repeated_at = BTreeSet::new();
    for operation in &operations {
        strangers(pair, operation, &keys, &mut found).await;
        scopes(pair, operation, &keys, &mut found).await;
        let sides = (&pair.ours, &pair.theirs);
        let mut callers: Vec<&str> = keys
            .scoped
            .iter()
            .filter(|(scope, _)| is_enough(scope, &operation.needed))
            .map(|(_, key)| key.as_str())
            .collect();
        if !is_everybodys(operation) {
            callers.push(&instance);
        }
        for (n, key) in callers.into_iter().enumerate() {
            let headers = [("authorization", key)];
            foreign_ids(pair, operation, &headers, sides, &mut found).await;
            positions(pair, operation, &headers, sides, &mut found).await;
            // Once a route: another body under the same key is another request.
            if n == 0 && repeated_at.insert((&operation.method, &operation.documented)) {
                repeated(pair, operation, &headers, sides, &mut found).await;
            }
        }
        let after = pair.rows_of(&pair.theirs.tenant).await;
        found.check(before == after, || {
            let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
            format!("{} changed the other tenant's rows: {new:?}", operation.name())
        });
    }
    // The other way round: an instance key that acts for them meets nothing of ours.
    let headers =
        [("authorization", instance.as_str()), ("calhub-tenant", pair.theirs.tenant.as_str())];
    let before = pair.rows_of(&pair.ours.tenant).await;
    for operation in operations.iter().filter(|one| !one.path.starts_with("/v1/tenants")) {
        let sides = (&pair.theirs, &pair.ours);
        foreign_ids(pair, operation, &headers, sides, &mut found).await;
    }
    let after = pair.rows_of(&pair.ours.tenant).await;
    found.check(before == after, || "acting for them changed our rows".to_owned());
    let mut tried: BTreeSet<_> =
        operations.into_iter().map(|one| (one.method, one.documented)).collect();
    tried.extend(open::tried(pair, &document, part, &keys, &mut found).await);
    (tried, found.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_never_meet_on_any_route_by_any_key_or_id() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        let (tried, found) = matrix(&pair, "").await;
        let document = pair.hub.get("/openapi.json").await.expect(200).body;
        assert_eq!(tried, documented(&document), "every documented route, which are all routes");
        assert!(tried.len() > 35, "{} operations", tried.len());
        assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_scope_that_is_not_checked_is_found() {
    caught(Bug::ScopeUnchecked, "/v1/keys", "though the document forbids it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_tenant_that_is_not_checked_is_found() {
    caught(Bug::TenantUnchecked, "/v1/keys", "acting for the other tenant").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_one_look_up_without_its_tenant_is_found() {
    caught(Bug::LookUpWithoutTenant, "/v1/calendars", "of the other tenant").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_feed_that_opens_without_its_secret_is_found() {
    caught(Bug::FeedSecretUnchecked, "/feeds/{feed_id}/{secret}", "a foreign secret").await;
}

async fn caught(bug: Bug, part: &str, expected: &str) {
    on_sqlite(async |bed| {
        let pair = Pair::new(bed).await;
        let (_, found) = Drill::with_bugs(&[bug]).run(matrix(&pair, part)).await.unwrap();
        assert!(found.iter().any(|one| one.contains(expected)), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn a_kept_answer_is_not_told_to_a_key_that_may_not_ask() {
    let hub = crate::api::world::TestHub::new().await;
    let body = json!({"name": "k", "scopes": ["admin"]});
    let ask = async |key: &str| {
        let headers = [("authorization", key), ("idempotency-key", "the-same")];
        hub.call(axum::http::Method::POST, "/v1/keys", Some(body.clone()), &headers).await
    };
    let instance = format!("Bearer {KEY}");
    let made = ask(&instance).await.expect(201);
    assert_eq!(ask(&instance).await.expect(201).body, made.body);
    let narrow = hub.key(&["availability:read"]).await;
    ask(&narrow).await.problem(403, "insufficient_scope");
    let admin = hub.key(&["admin"]).await;
    ask(&admin).await.problem(422, "idempotency_mismatch");
}
