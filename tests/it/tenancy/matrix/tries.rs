//! What is tried on an operation: strangers, scopes, foreign ids, foreign places in lists, repeated requests.

use serde_json::json;

use super::{
    asking::Answer,
    findings::{Findings, Keys, is_enough},
    operation::{Operation, Place},
};
use crate::{
    api::world::KEY,
    tenancy::pair::{Kind, Pair, Side},
};

/// Who is nobody stays nobody, whatever they name.
pub(super) async fn strangers(
    pair: &Pair,
    operation: &Operation,
    keys: &Keys,
    found: &mut Findings,
) {
    let wrong_secret = format!("Bearer {}0", KEY.strip_suffix('f').unwrap());
    let credentials = [
        ("no key", None),
        ("garbage", Some("Bearer chk_nobody_0123456789abcdef0123456789abcdef")),
        ("wrong secret", Some(wrong_secret.as_str())),
        ("expired", Some(keys.expired.as_str())),
        ("revoked", Some(keys.revoked.as_str())),
    ];
    for (who, value) in credentials {
        let headers: Vec<_> = value.map(|value| ("authorization", value)).into_iter().collect();
        let mut seen = Vec::new();
        for side in [Some(&pair.ours), Some(&pair.theirs), None] {
            let filled = operation.filled(|kind| named(side, kind));
            let answer = filled.send(pair, &headers).await;
            let name = format!("{} by {who}", operation.name());
            found.check(answer.status == 401, || format!("{name}: {}", answer.status));
            found.no_leak(&name, &answer, &[], &pair.theirs);
            seen.push(answer.scrubbed(&[]).replace(request_id(&answer).as_str(), ""));
        }
        let alike = seen.windows(2).all(|two| two[0] == two[1]);
        found.check(alike, || format!("{} by {who} tells ids apart: {seen:?}", operation.name()));
    }
}

fn request_id(answer: &Answer) -> String {
    answer.headers["x-request-id"].to_str().unwrap().to_owned()
}

fn named(side: Option<&Side>, kind: Kind) -> String {
    side.map_or_else(|| kind.absent().to_owned(), |side| side.id(kind).to_owned())
}

/// A key with another scope is refused before anything is looked at; one with a scope of the document's is not.
pub(super) async fn scopes(pair: &Pair, operation: &Operation, keys: &Keys, found: &mut Findings) {
    for (scope, key) in &keys.scoped {
        let headers = [("authorization", key.as_str())];
        let name = format!("{} with {scope}", operation.name());
        if is_enough(scope, &operation.needed) {
            let answer = operation.filled(|kind| named(None, kind)).send(pair, &headers).await;
            found.check(![401, 403].contains(&answer.status), || {
                format!("{name}: {} though the document allows it", answer.status)
            });
            found.no_leak(&name, &answer, &[], &pair.theirs);
        } else {
            let mut seen = Vec::new();
            for side in [Some(&pair.ours), Some(&pair.theirs), None] {
                let filled = operation.filled(|kind| named(side, kind));
                let answer = filled.send(pair, &headers).await;
                let is_refused = answer.status == 403 && answer.text.contains("insufficient_scope");
                found.check(is_refused, || {
                    format!("{name}: {} though the document forbids it", answer.status)
                });
                seen.push(answer.scrubbed(&[]));
            }
            let alike = seen.windows(2).all(|two| two[0] == two[1]);
            found.check(alike, || format!("{name} tells ids apart: {seen:?}"));
        }
        // Acting for another tenant is for instance keys alone, and says nothing of which tenants there are.
        let mut seen = Vec::new();
        for tenant in [pair.theirs.tenant.as_str(), Kind::Tenant.absent()] {
            let headers = [("authorization", key.as_str()), ("calhub-tenant", tenant)];
            let filled = operation.filled(|kind| named(Some(&pair.theirs), kind));
            let answer = filled.send(pair, &headers).await;
            found.check(answer.status == 403, || {
                format!("{name} acting for the other tenant: {}", answer.status)
            });
            found.no_leak(&name, &answer, &[], &pair.theirs);
            seen.push(answer.scrubbed(&[]));
        }
        found.check(seen[0] == seen[1], || format!("{name} tells tenants apart: {seen:?}"));
    }
}

/// What the other tenant has is like what nobody has.
pub(super) async fn foreign_ids(
    pair: &Pair,
    operation: &Operation,
    headers: &[(&str, &str)],
    (own, other): (&Side, &Side),
    found: &mut Findings,
) {
    for slot in &operation.slots {
        for &kind in &slot.kinds {
            let base = Operation {
                slots: operation
                    .slots
                    .iter()
                    .filter(|one| one.place != slot.place)
                    .cloned()
                    .collect(),
                ..operation.clone()
            };
            let base = base.filled(|kind| named(Some(own), kind));
            let name = format!("{} with a foreign {kind:?} in {:?}", operation.name(), slot.place);
            let bare = |text: &'static str| [text, text.trim_start_matches("ext:")];
            let absent = base.with(&slot.place, kind.absent()).send(pair, headers).await;
            let absent = absent.scrubbed(&bare(kind.absent()));
            let theirs = other.id(kind);
            let answer = base.with(&slot.place, theirs).send(pair, headers).await;
            let sent = [theirs, theirs.trim_start_matches("ext:")];
            found.no_leak(&name, &answer, &sent, other);
            let told = answer.scrubbed(&sent);
            found.check(told == absent, || format!("{name}: {told}\n  nobody's: {absent}"));
            for malformed in kind.malformed() {
                let answer = base.with(&slot.place, malformed).send(pair, headers).await;
                found.no_leak(&format!("{name}, malformed {malformed}"), &answer, &[], other);
                let is_path = matches!(slot.place, Place::Path(_));
                found.check(!is_path || (400..500).contains(&answer.status), || {
                    format!("{name}: {malformed} is answered {}", answer.status)
                });
            }
        }
    }
}

/// Places in lists and logs, and keys of repeated requests, that the other tenant has.
pub(super) async fn positions(
    pair: &Pair,
    operation: &Operation,
    headers: &[(&str, &str)],
    (own, other): (&Side, &Side),
    found: &mut Findings,
) {
    let base = operation.filled(|kind| named(Some(own), kind));
    if operation.method == "GET" {
        let beginning = format!("{}.0.0", other.cursor.split('.').next().unwrap());
        let ids = other.ids.values().chain([&other.cursor, &beginning]);
        for after in ids {
            let name = format!("{} after={after}", operation.name());
            let one = base.with(&Place::Query("after".to_owned()), after);
            found.no_leak(&name, &one.send(pair, headers).await, &[after], other);
            if operation.path.ends_with("/stream") {
                let more = [headers, &[("last-event-id", after.as_str())]].concat();
                found.no_leak(&name, &base.send(pair, &more).await, &[after], other);
            }
        }
    }
}

/// An Idempotency-Key that the other tenant used on the same route is nobody's here.
pub(super) async fn repeated(
    pair: &Pair,
    operation: &Operation,
    headers: &[(&str, &str)],
    (own, other): (&Side, &Side),
    found: &mut Findings,
) {
    let mut base = operation.filled(|kind| named(None, kind));
    if operation.path == "/v1/resources" {
        // The very body that the other sent with it, but for its calendars.
        base.body = Some(json!({"name": own.canary}));
    }
    let more = [headers, &[("idempotency-key", other.idempotency_key.as_str())]].concat();
    let answer = base.send(pair, &more).await;
    let name = format!("{} with the other's Idempotency-Key", operation.name());
    found.no_leak(&name, &answer, &[&other.idempotency_key], other);
    let is_news = !answer.headers.contains_key("idempotency-replayed")
        && !answer.text.contains("idempotency_");
    found.check(is_news, || format!("{name}: {} {}", answer.status, answer.text));
}
