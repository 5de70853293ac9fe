//! Every route x every credential x every id: generated from the OpenAPI document of the hub that runs.
//!
//! What another tenant has behaves exactly like what nobody has, nothing of it is told, and nothing of it
//! changes. A route, a parameter or a body that this file does not know fails it: teach it, then it is covered.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request},
};
use calhub::drill::{Bug, Drill};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::pair::{Kind, Pair, Side};
use crate::{
    api::world::{KEY, NOW},
    support::{
        engines::{on_each_engine, on_sqlite},
        simulated::ORIGIN,
    },
};

const SCOPES: [&str; 9] = [
    "availability:read",
    "bookings:read",
    "bookings:write",
    "resources:write",
    "connections:read",
    "connections:write",
    "webhooks:write",
    "ops",
    "admin",
];

/// Where an id stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Path(String),
    Query(String),
    Body(&'static str),
}

/// One id of a request, and what it may name there.
#[derive(Clone, Debug)]
struct Slot {
    place: Place,
    kinds: Vec<Kind>,
}

/// One documented operation, with one shape of body.
#[derive(Clone, Debug)]
struct Operation {
    method: String,
    path: String,
    needed: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Value>,
    slots: Vec<Slot>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

/// Operations of the document that need a key, each with everything in it that names something.
fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (method, path) in super::inventory::documented(document) {
        if !path.starts_with("/v1/") {
            continue;
        }
        let operation = &document["paths"][&path][method.to_lowercase()];
        let alternatives = operation["security"].as_array().unwrap();
        let needed = alternatives.iter().map(|one| one["key"][0].as_str().unwrap().to_owned());
        let mut slots = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let (place, kinds) = match parameter["in"].as_str().unwrap() {
                "path" => (Place::Path(name.to_owned()), kinds_in_path(&path, name)),
                "query" => (Place::Query(name.to_owned()), kinds_in_query(&path, name)),
                _ => continue,
            };
            if !kinds.is_empty() {
                slots.push(Slot { place, kinds });
            }
        }
        let one = Operation {
            method,
            needed: needed.collect(),
            query: Vec::new(),
            body: None,
            slots,
            path: path.clone(),
        };
        let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref");
        match schema.and_then(Value::as_str) {
            None => all.push(one),
            Some(reference) => {
                let shapes = bodies(reference.rsplit('/').next().unwrap());
                let properties =
                    &document.pointer(reference.trim_start_matches('#')).unwrap()["properties"];
                every_id_is_known(&one, properties, &shapes);
                for (body, named) in shapes {
                    let mut one = one.clone();
                    one.body = Some(body);
                    one.slots.extend(named);
                    all.push(one);
                }
            }
        }
    }
    all
}

fn kinds_in_path(path: &str, name: &str) -> Vec<Kind> {
    let family = path.trim_start_matches("/v1/").split('/').next().unwrap();
    match (family, name) {
        ("keys", "id") => vec![Kind::Key],
        ("tenants", "id") => vec![Kind::Tenant],
        ("connections", "id") => vec![Kind::Connection, Kind::ConnectionExt],
        ("calendars", "id") => vec![Kind::Calendar],
        ("resources", "id") => vec![Kind::Resource, Kind::ResourceExt],
        ("resources", "feed_id") => vec![Kind::Feed],
        ("ops", "id") if path.contains("/jobs/") => vec![Kind::Job],
        ("ops", "calendar_id") => vec![Kind::Quarantined],
        _ => panic!("what is {{{name}}} of {path}? Say it here"),
    }
}

fn kinds_in_query(path: &str, name: &str) -> Vec<Kind> {
    match name {
        "connection_id" => vec![Kind::Connection],
        "calendar_id" => vec![Kind::Calendar],
        "resource_id" => vec![Kind::Resource],
        "id" if path.ends_with("/timeline") => vec![Kind::Calendar, Kind::Connection],
        "external_id" if path.contains("connections") => vec![Kind::ConnectionExt],
        "external_id" => vec![Kind::ResourceExt],
        // A place in a list names nothing; `positions` looks at it.
        "after" => Vec::new(),
        "limit" | "state" | "provider" | "lane" | "types" | "start" | "end" | "as"
        | "remove_events" | "future_bookings" | "kind" | "horizon" | "format" | "since"
        | "until" | "from" | "to" | "before" => Vec::new(),
        _ => panic!("what is ?{name}= of {path}? Say it here"),
    }
}

/// What is sent as a body of this schema, and where ids stand in it.
fn bodies(schema: &str) -> Vec<(Value, Vec<Slot>)> {
    let slot =
        |pointer, kinds: &[Kind]| Slot { place: Place::Body(pointer), kinds: kinds.to_vec() };
    match schema {
        "NewConnection" => vec![(
            json!({"provider": "caldav", "url": format!("{ORIGIN}/nobody/"), "username": "u",
                "password": "p"}),
            vec![],
        )],
        "ConnectionPatch" => vec![(json!({"metadata": {"x": "y"}}), vec![])],
        "CalendarPatch" => vec![(json!({"time_zone": "Europe/Berlin"}), vec![])],
        "NewKey" => vec![(json!({"name": "k", "scopes": ["availability:read"]}), vec![])],
        "TenantBody" => vec![(json!({"name": "canaryours"}), vec![])],
        "ResourceBody" => vec![(
            json!({"name": "n", "calendars": [{"calendar_id": ""}], "write_to": ""}),
            vec![
                slot("/calendars/0/calendar_id", &[Kind::Calendar]),
                slot("/write_to", &[Kind::Calendar]),
            ],
        )],
        "Ask" => vec![(
            json!({"start": NOW, "end": "2026-03-09T00:00:00Z", "resources": [""], "calendars": [""],
                "refresh": "if_stale"}),
            vec![
                slot("/resources/0", &[Kind::Resource, Kind::ResourceExt]),
                slot("/calendars/0", &[Kind::Calendar]),
            ],
        )],
        "SyncAsk" => vec![
            (json!({"calendar_id": ""}), vec![slot("/calendar_id", &[Kind::Calendar])]),
            (
                json!({"calendar_id": "", "dry_run": true}),
                vec![slot("/calendar_id", &[Kind::Calendar])],
            ),
            (
                json!({"connection_id": "", "full": true}),
                vec![slot("/connection_id", &[Kind::Connection])],
            ),
        ],
        _ => panic!("what is in a {schema}? Say it here"),
    }
}

/// A body may not grow an id that this file does not try.
fn every_id_is_known(operation: &Operation, properties: &Value, shapes: &[(Value, Vec<Slot>)]) {
    let tried: Vec<String> = shapes
        .iter()
        .flat_map(|(_, slots)| slots)
        .map(|slot| format!("{:?}", slot.place))
        .collect();
    for name in properties.as_object().unwrap().keys() {
        let is_id = name != "external_id"
            && (name.ends_with("_id")
                || ["resources", "calendars", "write_to", "resource", "calendar"]
                    .contains(&name.as_str()));
        assert!(
            !is_id || tried.iter().any(|place| place.contains(name.as_str())),
            "{} {}: {name} names something and is not tried",
            operation.method,
            operation.path,
        );
    }
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The operation with every id from `pick`.
    fn filled(&self, pick: impl Fn(Kind) -> String) -> Self {
        self.slots
            .iter()
            .fold(self.clone(), |filled, slot| filled.with(&slot.place, &pick(slot.kinds[0])))
    }

    fn with(&self, place: &Place, value: &str) -> Self {
        let mut next = self.clone();
        match place {
            Place::Path(name) => next.path = next.path.replace(&format!("{{{name}}}"), value),
            Place::Query(name) => {
                next.query.retain(|(known, _)| known != name);
                let bare =
                    if name == "external_id" { value.trim_start_matches("ext:") } else { value };
                next.query.push((name.clone(), bare.to_owned()));
            }
            Place::Body(pointer) => {
                let body = next.body.as_mut().unwrap();
                *body.pointer_mut(pointer).unwrap() = Value::String(value.to_owned());
            }
        }
        next
    }

    async fn send(&self, pair: &Pair, headers: &[(&str, &str)]) -> Answer {
        // Each from an address of its own: strangers are limited by theirs.
        static CALLERS: AtomicU32 = AtomicU32::new(0);
        let address = Ipv4Addr::from(0x0a00_0000 + CALLERS.fetch_add(1, Ordering::Relaxed));
        let mut uri = self.path.clone();
        for (n, (name, value)) in self.query.iter().enumerate() {
            uri.push(if n == 0 { '?' } else { '&' });
            uri.push_str(&format!("{name}={value}"));
        }
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(uri)
            .header("if-match", "*")
            .extension(ConnectInfo(SocketAddr::from((address, 9))));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = pair.hub.routes.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut text = Vec::new();
        let mut stream = body.into_data_stream();
        // An endless answer is read until it has nothing to say.
        while let Ok(Some(Ok(chunk))) =
            tokio::time::timeout(patience(&parts.headers), stream.next()).await
        {
            text.extend(chunk);
        }
        let text = String::from_utf8(text).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}

fn patience(headers: &HeaderMap) -> Duration {
    let is_endless = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    if is_endless { Duration::from_millis(60) } else { Duration::from_secs(20) }
}

impl Answer {
    /// The answer without what differs from one request to the next, and without the ids that were sent.
    fn scrubbed(&self, sent: &[&str]) -> String {
        let mut text = self.text.clone();
        for value in sent {
            text = text.replace(value, "SENT");
        }
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| {
                !matches!(name.as_str(), "x-request-id" | "date" | "content-length")
            })
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
            .collect();
        headers.sort();
        format!("{} {} {}", self.status, headers.join(", "), without_new_ids(&text))
    }
}

/// Replaces ids and secrets that are made anew at each request.
fn without_new_ids(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        let is_id = word.len() >= 32
            && word.rsplit('_').next().unwrap().bytes().all(|b| b.is_ascii_hexdigit());
        let is_cursor = word.starts_with('e') && word.len() > 8;
        out.push_str(if is_id || is_cursor { "ID" } else { &word });
        word.clear();
        out.push(letter);
    }
    out
}

/// What is wrong, as sentences; empty when nothing is.
struct Findings(Vec<String>);

impl Findings {
    fn check(&mut self, ok: bool, what: impl FnOnce() -> String) {
        if !ok {
            self.0.push(what());
        }
    }

    /// Nothing of `other` may stand in the answer, beyond what was sent.
    fn no_leak(&mut self, name: &str, answer: &Answer, sent: &[&str], other: &Side) {
        let mut text = answer.text.clone();
        for (header, value) in &answer.headers {
            text.push_str(&format!("\n{header}: {}", value.to_str().unwrap_or("?")));
        }
        for value in sent {
            text = text.replace(value, "SENT");
        }
        let traces = other.ids.values().map(String::as_str).chain([other.canary]);
        for trace in traces.filter(|trace| text.contains(trace)) {
            self.0.push(format!("{name}: tells {trace} of the other tenant: {text}"));
        }
        self.check(answer.status < 500, || format!("{name}: {} {}", answer.status, answer.text));
    }
}

struct Keys {
    /// By scope, of our tenant.
    scoped: Vec<(&'static str, String)>,
    expired: String,
    revoked: String,
}

async fn keys(pair: &Pair) -> Keys {
    let mut scoped = Vec::new();
    for scope in SCOPES {
        scoped.push((scope, pair.hub.key(&[scope]).await));
    }
    let made = |body: Value| async move {
        let made = pair.hub.post("/v1/keys", body).await.expect(201);
        (made.id(), format!("Bearer {}", made.body["key"].as_str().unwrap()))
    };
    let (gone, revoked) = made(json!({"name": "r", "scopes": ["admin"]})).await;
    pair.hub.delete(&format!("/v1/keys/{gone}")).await.expect(204);
    let end = "2026-03-02T08:00:01Z";
    let (_, expired) = made(json!({"name": "e", "scopes": ["admin"], "expires_at": end})).await;
    pair.hub.advance(2).await;
    Keys { scoped, expired, revoked }
}

/// Whether a key of this scope may.
fn is_enough(scope: &str, needed: &[String]) -> bool {
    needed.iter().any(|one| {
        scope == one
            || (scope == "admin" && one != "instance")
            || (scope == "connections:write" && one == "connections:read")
            || (scope == "bookings:write" && one == "bookings:read")
    })
}

/// Who is nobody stays nobody, whatever they name.
async fn strangers(pair: &Pair, operation: &Operation, keys: &Keys, found: &mut Findings) {
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
async fn scopes(pair: &Pair, operation: &Operation, keys: &Keys, found: &mut Findings) {
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
async fn foreign_ids(
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
async fn positions(
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
async fn repeated(
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

/// Runs everything on the paths that contain `part`; answers how many operations were tried, and what was found.
async fn matrix(pair: &Pair, part: &str) -> (usize, Vec<String>) {
    let document = pair.hub.get("/openapi.json").await.expect(200).body;
    let mut operations = operations(&document);
    operations.retain(|one| one.path.contains(part));
    let keys = keys(pair).await;
    let mut found = Findings(Vec::new());
    let before = pair.rows_of(&pair.theirs.tenant).await;
    let instance = format!("Bearer {KEY}");
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
        // An instance key sees all tenants, and only there.
        if !operation.path.starts_with("/v1/tenants") {
            callers.push(&instance);
        }
        for (n, key) in callers.into_iter().enumerate() {
            let headers = [("authorization", key)];
            foreign_ids(pair, operation, &headers, sides, &mut found).await;
            positions(pair, operation, &headers, sides, &mut found).await;
            if n == 0 {
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
    (operations.len(), found.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_never_meet_on_any_route_by_any_key_or_id() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        let (tried, found) = matrix(&pair, "").await;
        assert!(tried > 35, "{tried} operations");
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
