//! The API in this process over an empty SQLite database: a route, some headers and a body of the fuzzer's.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Uri},
};
use calhub::{
    clock::{ManualClock, SeededEntropy},
    config::{Environment, Overrides, load},
    http::{Api, document, service},
    secrets::{Kek, Vault},
    serve::{Parts, assemble, first_run},
    store::{Options, Store},
};
use connectors::transport::{Cut, Service, Settings, Transport};
use tower::ServiceExt;

const KEY: &str = "chk_boot_0123456789abcdef0123456789abcdef";

/// The API, every method and path of its own document, and what drives it.
struct Hub {
    routes: Router,
    operations: Vec<(String, String)>,
    runtime: tokio::runtime::Runtime,
}

/// Nobody is there to be linked.
#[derive(Debug)]
struct Nobody;

#[async_trait::async_trait]
impl Service for Nobody {
    async fn call(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, Cut> {
        Err(Cut::Refused)
    }
}

fn hub() -> &'static Hub {
    static HUB: OnceLock<Hub> = OnceLock::new();
    HUB.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let routes = runtime.block_on(start());
        let document = serde_json::to_value(document()).unwrap();
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                // It never ends by itself.
                if !path.ends_with("/stream") {
                    operations.push((method.to_uppercase(), path.clone()));
                }
            }
        }
        Hub { routes, operations, runtime }
    })
}

async fn start() -> Router {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let variables = [
        ("CALHUB_BOOTSTRAP_KEY", KEY),
        ("CALHUB_DATA_DIR", "/nonexistent"),
        ("CALHUB_HTTP__REQUESTS_PER_MINUTE", "0"),
    ];
    let config = load(&Environment::of(&variables), &Overrides::default()).unwrap();
    let clock = Arc::new(ManualClock::at("2027-03-01T08:00:00Z".parse().unwrap()));
    let entropy = Arc::new(SeededEntropy::new(42));
    let store = Store::open("sqlite::memory:", &Options::default(), &*entropy).await.unwrap();
    let kek = Kek::generate(&*entropy);
    let vault = Vault::open(kek, &store, clock.clone(), entropy.clone()).await.unwrap();
    let connectors = Arc::new(Transport::in_process(Arc::new(Nobody), Settings::default()));
    let parts = Parts { store, vault, clock, entropy, connectors, traffic: Arc::default() };
    let hub = Arc::new(assemble(config, parts));
    first_run(&hub).await.unwrap();
    hub.tail.catch_up().await.unwrap();
    // Leaked: a sender that is gone means "stop".
    let (stop, stopping) = tokio::sync::watch::channel(false);
    std::mem::forget(stop);
    Router::new().fallback_service(service(Api::new(hub, stopping)))
}

/// The first byte chooses the operation, the second the headers; then a line that fills the path's parameters and
/// the query, then the body.
pub fn http_bodies(data: &[u8]) {
    let [which, how, rest @ ..] = data else { return };
    let hub = hub();
    let (method, path) = &hub.operations[usize::from(*which) % hub.operations.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, body) = rest.split_at(end);
    let line = String::from_utf8_lossy(line);
    let (id, query) = line.split_once('?').unwrap_or((&line, ""));
    let mut target = String::new();
    for part in path.split('/').skip(1) {
        target.push('/');
        target.push_str(if part.starts_with('{') { id } else { part });
    }
    // What an HTTP/1.1 parser would not let through is no business of the routes.
    let Ok(uri) = format!("{target}?{query}").parse::<Uri>() else { return };
    let mut request = Request::builder().method(method.as_str()).uri(uri);
    if how & 1 == 0 {
        request = request.header("authorization", format!("Bearer {KEY}"));
    }
    request = match how >> 1 & 3 {
        0 => request.header("content-type", "application/json"),
        1 => request.header("content-type", "text/plain"),
        2 => request.header("content-type", "application/x-www-form-urlencoded"),
        _ => request,
    };
    if how & 8 != 0 {
        request = request.header("if-match", "*");
    }
    if how & 16 != 0 {
        let key: String = body.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        request = request.header("idempotency-key", key);
    }
    if how & 32 != 0
        && let Ok(value) = http::HeaderValue::from_bytes(body.get(..40).unwrap_or(body))
    {
        request = request.header("calhub-tenant", value.clone()).header("last-event-id", value);
    }
    let body = body.get(1..).unwrap_or(&[]).to_vec();
    let Ok(request) = request.body(Body::from(body)) else { return };
    hub.runtime.block_on(async {
        let answer = hub.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").cloned();
        let text = to_bytes(answer.into_body(), 64 << 20).await.unwrap();
        // 503 is a store that is busy; nothing else may be the hub's fault.
        assert!(status < 500, "{method} {path}: {}", String::from_utf8_lossy(&text));
        // People's pages say it to people.
        if path.starts_with("/link/") || path.starts_with("/oauth/") {
            let kinds = ["text/html; charset=utf-8", "application/problem+json"];
            let is_told = kind.as_ref().is_some_and(|it| kinds.iter().any(|kind| it == kind));
            assert!(status < 400 || is_told, "{method} {path}: {kind:?}");
        } else if status >= 400 {
            assert_eq!(
                kind.as_ref().and_then(|it| it.to_str().ok()),
                Some("application/problem+json")
            );
            let problem: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert!(problem["code"].is_string(), "{problem}");
        }
    });
}
