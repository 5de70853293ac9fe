//! Who may do what: keys, scopes, tenants.

use std::time::Duration;

use axum::http::Method;
use calhub::model::states::Provider;
use connectors::transport::{Settings, Transport};
use serde_json::{Value, json};

use super::world::{KEY, NOW, TestHub, at};
use crate::support::engines::on_each_engine;

/// A request each, with the scopes of which one is enough; `admin` and `instance` always are.
const MATRIX: &[(&str, &str, &[&str])] = &[
    ("GET", "/v1/keys", &[]),
    ("POST", "/v1/keys", &[]),
    ("DELETE", "/v1/keys/none", &[]),
    ("GET", "/v1/connections", &["connections:read", "connections:write"]),
    ("POST", "/v1/connections", &["connections:write"]),
    ("GET", "/v1/connections/con_1", &["connections:read", "connections:write"]),
    ("PATCH", "/v1/connections/con_1", &["connections:write"]),
    ("DELETE", "/v1/connections/con_1", &["connections:write"]),
    (
        "GET",
        "/v1/calendars",
        &["connections:read", "connections:write", "availability:read", "resources:write"],
    ),
    ("PATCH", "/v1/calendars/cal_1", &["connections:write"]),
    ("POST", "/v1/calendars/cal_1/refresh", &["availability:read"]),
    ("GET", "/v1/resources", &["availability:read", "resources:write"]),
    ("POST", "/v1/resources", &["resources:write"]),
    ("GET", "/v1/resources/res_1", &["availability:read", "resources:write"]),
    ("PUT", "/v1/resources/ext:a", &["resources:write"]),
    ("PATCH", "/v1/resources/res_1", &["resources:write"]),
    ("DELETE", "/v1/resources/res_1", &["resources:write"]),
    ("POST", "/v1/resources/res_1/feeds", &["resources:write"]),
    ("DELETE", "/v1/resources/res_1/feeds", &["resources:write"]),
    ("POST", "/v1/freebusy", &["availability:read"]),
    ("GET", "/v1/resources/res_1/freebusy.ics", &["availability:read"]),
    (
        "GET",
        "/v1/changes",
        &[
            "availability:read",
            "bookings:read",
            "bookings:write",
            "connections:read",
            "connections:write",
            "ops",
        ],
    ),
    ("GET", "/v1/ops/jobs", &["ops"]),
    ("POST", "/v1/ops/sync", &["ops"]),
    ("GET", "/v1/ops/quarantine", &["ops"]),
    ("POST", "/v1/ops/quarantine/cal_1/confirm", &["ops"]),
    ("GET", "/v1/ops/unexpandable", &["ops"]),
];

/// Every scope of a tenant's keys.
pub const SCOPES: [&str; 9] = [
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

#[tokio::test]
async fn every_route_asks_for_its_scope_and_no_other_will_do() {
    let hub = TestHub::new().await;
    for scope in SCOPES {
        let key = hub.key(&[scope]).await;
        for (method, path, enough) in MATRIX {
            let method: Method = method.parse().unwrap();
            let body = (method != Method::GET && method != Method::DELETE).then(|| json!({}));
            let headers = [("authorization", key.as_str()), ("if-match", "*")];
            let answer = hub.call(method.clone(), path, body, &headers).await;
            let forbidden = answer.status.as_u16() == 403;
            // What is wrong with the body may be found before the scope is looked at.
            let unread = answer.status.as_u16() == 422;
            let allowed = scope == "admin" || enough.contains(&scope);
            assert!(
                forbidden != allowed || (unread && !allowed),
                "{scope} {method} {path}: {}",
                answer.text
            );
            if !allowed {
                assert!(!answer.status.is_success(), "{scope} {method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn only_an_instance_key_sees_tenants() {
    let hub = TestHub::new().await;
    let admin = hub.key(&["admin"]).await;
    let headers = [("authorization", admin.as_str())];
    hub.call(Method::GET, "/v1/tenants", None, &headers).await.problem(403, "insufficient_scope");
    let body = Some(json!({"name": "x"}));
    hub.call(Method::POST, "/v1/tenants", body, &headers).await.problem(403, "insufficient_scope");
    let own = format!("/v1/tenants/{}", hub.tenant);
    hub.call(Method::GET, &own, None, &headers).await.expect(200);
    let (other, _) = hub.other_tenant().await;
    hub.call(Method::GET, &format!("/v1/tenants/{other}"), None, &headers)
        .await
        .problem(404, "not_found");
    let as_other = [("authorization", admin.as_str()), ("calhub-tenant", other.as_str())];
    hub.call(Method::GET, "/v1/keys", None, &as_other).await.problem(403, "insufficient_scope");
}

#[tokio::test]
async fn a_key_grants_nothing_beyond_itself() {
    let hub = TestHub::new().await;
    let admin = hub.key(&["admin"]).await;
    let body = Some(json!({"name": "x", "scopes": ["instance"]}));
    let answer = hub.call(Method::POST, "/v1/keys", body, &[("authorization", &admin)]).await;
    answer.problem(403, "insufficient_scope");
}

#[tokio::test]
async fn bad_keys_are_all_refused_alike() {
    let hub = TestHub::new().await;
    let wrong_secret = format!("Bearer {}x", KEY.strip_suffix('f').unwrap());
    for value in [
        "Bearer chk_nobody_0123456789abcdef0123456789abcdef",
        &wrong_secret,
        "Bearer",
        "Bearer x",
        &format!("Basic {KEY}"),
    ] {
        let headers = [("authorization", value)];
        let answer =
            hub.call(Method::GET, "/v1/keys", None, &headers).await.problem(401, "unauthenticated");
        assert!(answer.header("www-authenticate").is_some());
        assert!(!answer.text.contains("0123456789abcdef"));
    }
}

#[tokio::test]
async fn guessing_keys_is_slowed_down() {
    let hub = TestHub::new().await;
    let headers = [("authorization", "Bearer chk_nobody_0123456789abcdef0123456789abcdef")];
    let mut refused = None;
    for _ in 0..310 {
        let answer = hub.call(Method::GET, "/v1/keys", None, &headers).await;
        if answer.status.as_u16() == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("no limit").problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    hub.get("/v1/keys").await.expect(200);
}

#[tokio::test]
async fn a_key_ends_when_it_expires_or_is_revoked() {
    let hub = TestHub::new().await;
    let end = at(NOW) + Duration::from_secs(60);
    let new = json!({"name": "short", "scopes": ["admin"], "expires_at": end.to_string()});
    let made = hub.post("/v1/keys", new).await.expect(201);
    let key = format!("Bearer {}", made.body["key"].as_str().unwrap());
    let headers = [("authorization", key.as_str())];
    hub.call(Method::GET, "/v1/keys", None, &headers).await.expect(200);
    let listed = hub.get("/v1/keys").await.expect(200);
    assert!(!listed.text.contains(made.body["key"].as_str().unwrap()));
    hub.advance(60).await;
    hub.call(Method::GET, "/v1/keys", None, &headers).await.problem(401, "unauthenticated");

    let made = hub.post("/v1/keys", json!({"name": "long", "scopes": ["admin"]})).await.expect(201);
    let key = format!("Bearer {}", made.body["key"].as_str().unwrap());
    let headers = [("authorization", key.as_str())];
    hub.call(Method::GET, "/v1/keys", None, &headers).await.expect(200);
    hub.delete(&format!("/v1/keys/{}", made.id())).await.expect(204);
    hub.call(Method::GET, "/v1/keys", None, &headers).await.problem(401, "unauthenticated");
}

/// The last key that may make keys, and the hub's owner, who needs none.
#[tokio::test]
async fn a_tenant_keeps_a_key_that_may_make_others() {
    on_each_engine(async |bed| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = Transport::over_network(Settings::default()).unwrap();
        let hub = TestHub::over(bed.store.clone(), transport, &[]).await;
        let (tenant, first) = hub.other_tenant().await;
        let acting = [("calhub-tenant", tenant.as_str())];
        let as_first = [("authorization", first.as_str())];
        let id_of = |key: &str| key.split('_').nth(1).unwrap().to_owned();
        let path_of = |key: &str| format!("/v1/keys/{}", id_of(key));
        let make = async |scope: &str, more: Value| {
            let mut body = json!({"name": "k", "scopes": [scope]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let made = hub.call(Method::POST, "/v1/keys", Some(body), &acting).await.expect(201);
            format!("Bearer {}", made.body["key"].as_str().unwrap())
        };
        // Neither a narrow key nor one that has expired makes another one.
        make("ops", json!({})).await;
        let end = at(NOW) + Duration::from_secs(1);
        make("admin", json!({"expires_at": end.to_string()})).await;
        hub.advance(2).await;
        let refused = hub.call(Method::DELETE, &path_of(&first), None, &as_first).await;
        let told = refused.problem(409, "conflict");
        assert!(told.text.contains("Make another one"), "{}", told.text);
        // Of two that revoke each other at once, one stays.
        let second = make("admin", json!({})).await;
        let as_second = [("authorization", second.as_str())];
        let (path_one, path_two) = (path_of(&first), path_of(&second));
        let both = tokio::join!(
            hub.call(Method::DELETE, &path_two, None, &as_first),
            hub.call(Method::DELETE, &path_one, None, &as_second),
        );
        let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
        statuses.sort_unstable();
        assert!([[204, 401], [204, 409]].contains(&statuses), "{statuses:?}");
        let left = hub.call(Method::GET, "/v1/keys", None, &acting).await.expect(200);
        let mut left = left.body["items"].as_array().unwrap().clone();
        left.retain(|key| key["scopes"] == json!(["admin"]) && key["expires_at"].is_null());
        assert_eq!(left.len(), 1, "{left:?}");
        // Who runs the hub can always make another, and so may take the last one.
        let path = format!("/v1/keys/{}", left[0]["id"].as_str().unwrap());
        hub.call(Method::DELETE, &path, None, &acting).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn another_tenant_sees_nothing_of_this_one_on_any_route() {
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Caldav).await;
    let new = json!({"name": "A", "external_id": "a", "calendars": [{"calendar_id": calendar}]});
    let resource = hub.post("/v1/resources", new).await.expect(201).id();
    let feed =
        hub.post(&format!("/v1/resources/{resource}/feeds"), json!({})).await.expect(201).id();
    let key = hub.post("/v1/keys", json!({"name": "k", "scopes": ["ops"]})).await.expect(201).id();
    let (other, admin) = hub.other_tenant().await;
    let headers = [("authorization", admin.as_str()), ("if-match", "*")];

    let gone = [
        ("GET", format!("/v1/connections/{connection}")),
        ("PATCH", format!("/v1/connections/{connection}")),
        ("DELETE", format!("/v1/connections/{connection}")),
        ("GET", format!("/v1/calendars/{calendar}")),
        ("PATCH", format!("/v1/calendars/{calendar}")),
        ("POST", format!("/v1/calendars/{calendar}/refresh")),
        ("GET", format!("/v1/resources/{resource}")),
        ("GET", "/v1/resources/ext:a".to_owned()),
        ("PATCH", format!("/v1/resources/{resource}")),
        ("DELETE", format!("/v1/resources/{resource}")),
        ("GET", format!("/v1/resources/{resource}/freebusy.ics")),
        ("POST", format!("/v1/resources/{resource}/feeds")),
        ("GET", format!("/v1/resources/{resource}/feeds")),
        ("DELETE", format!("/v1/resources/{resource}/feeds/{feed}")),
        ("DELETE", format!("/v1/keys/{key}")),
        ("GET", format!("/v1/tenants/{}", hub.tenant)),
        ("DELETE", format!("/v1/ops/jobs/pull:{calendar}")),
        ("POST", format!("/v1/ops/quarantine/{calendar}/confirm")),
    ];
    for (method, path) in &gone {
        let body = (*method != "GET" && *method != "DELETE").then(|| json!({}));
        let answer = hub.call(method.parse().unwrap(), path, body, &headers).await;
        assert_eq!(answer.status.as_u16(), 404, "{method} {path}: {}", answer.text);
    }
    for path in
        ["/v1/connections", "/v1/calendars", "/v1/resources", "/v1/ops/jobs", "/v1/ops/quarantine"]
    {
        let answer = hub.call(Method::GET, path, None, &headers).await.expect(200);
        assert_eq!(answer.body["items"], json!([]), "{path}");
    }
    let log = hub.call(Method::GET, "/v1/changes", None, &headers).await.expect(200);
    assert!(!log.text.contains(&resource) && !log.text.contains(calendar.as_str()), "{}", log.text);

    let ask = json!({"start": NOW, "end": "2026-03-03T00:00:00Z", "resources": [resource, "ext:a"],
        "calendars": [calendar]});
    let answer = hub.call(Method::POST, "/v1/freebusy", Some(ask), &headers).await.expect(200);
    assert_eq!(answer.body["resources"], json!({}));
    assert_eq!(answer.body["calendars"], json!({}));
    assert_eq!(answer.body["errors"].as_object().unwrap().len(), 3);

    let link = json!({"name": "B", "calendars": [{"calendar_id": calendar}]});
    hub.call(Method::POST, "/v1/resources", Some(link), &headers).await.problem(422, "invalid");
    let write = json!({"name": "B", "write_to": calendar});
    hub.call(Method::POST, "/v1/resources", Some(write), &headers).await.problem(422, "invalid");
    let sync = json!({"calendar_id": calendar});
    hub.call(Method::POST, "/v1/ops/sync", Some(sync), &headers).await.problem(404, "not_found");

    // The same external id is free in another tenant, and an instance key acts for either.
    let new = json!({"name": "B", "external_id": "a"});
    hub.call(Method::POST, "/v1/resources", Some(new), &headers).await.expect(201);
    let listed =
        hub.call(Method::GET, "/v1/resources", None, &[("calhub-tenant", other.as_str())]).await;
    assert_eq!(listed.body["items"][0]["name"], "B");
    hub.get(&format!("/v1/resources/{resource}")).await.expect(200);
}
