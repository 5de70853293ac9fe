//! A hub in process, and hands on its store.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use calhub::{
    clock::{Clock, ManualClock, SeededEntropy},
    config::{Environment, Overrides, load},
    http::{Api, service},
    hub::Hub,
    model::{
        busy::BusyClass,
        ids::{CalendarId, ChangeId, ConnectionId, TenantId},
        interval::Span,
        states::{Access, ConnectionState, Provider},
    },
    secrets::{Kek, Vault},
    serve::{Parts, assemble, first_run},
    store::{
        BusyRow, ConnectionHealth, ConnectionRow, NewChange, Options, PullOutcome,
        RemoteCalendarRow, Sealed, Store,
    },
    sync::Connectors,
};
use connectors::transport::{Settings, Transport};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

pub const KEY: &str = "chk_boot_0123456789abcdef0123456789abcdef";
/// Where the clock begins.
pub const NOW: &str = "2026-03-02T08:00:00Z";

pub struct TestHub {
    pub hub: Arc<Hub>,
    pub clock: ManualClock,
    pub routes: Router,
    pub tenant: TenantId,
    pub stop: watch::Sender<bool>,
    entropy: SeededEntropy,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Checks that it is a problem document of this code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        assert_eq!(self.body["code"], code, "{}", self.text);
        assert_eq!(self.body["type"], format!("urn:calhub:problem:{code}"));
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["request_id"].as_str(), self.header("x-request-id"));
        self
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.text)).to_owned()
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl TestHub {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A hub with these settings, by their environment names.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        let entropy = SeededEntropy::new(42);
        let store = Store::open("sqlite::memory:", &Options::default(), &entropy).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = Transport::over_network(Settings::default()).unwrap();
        Self::over(store, transport, variables).await
    }

    /// A hub on a database of the caller's, which reaches what the transport reaches.
    pub async fn over(store: Store, transport: Transport, variables: &[(&str, &str)]) -> Self {
        Self::beside(0, store, transport, variables).await
    }

    /// The `nth` hub on one database: it has the keys of the others, and makes ids of its own.
    pub async fn beside(
        nth: u64,
        store: Store,
        transport: Transport,
        variables: &[(&str, &str)],
    ) -> Self {
        Self::connected(nth, store, Arc::new(transport), variables).await
    }

    /// The same with connectors of the caller's.
    pub async fn connected(
        nth: u64,
        store: Store,
        connectors: Arc<dyn Connectors>,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut all = vec![("CALHUB_BOOTSTRAP_KEY", KEY), ("CALHUB_DATA_DIR", "/nonexistent")];
        all.extend(variables);
        let config = load(&Environment::of(&all), &Overrides::default()).unwrap();
        let clock = ManualClock::at(at(NOW));
        let entropy = SeededEntropy::new(42 + nth);
        let (shared_clock, shared_entropy) = (Arc::new(clock.clone()), Arc::new(entropy.clone()));
        let kek =
            if nth == 0 { Kek::generate(&entropy) } else { Kek::generate(&SeededEntropy::new(42)) };
        let vault =
            Vault::open(kek, &store, shared_clock.clone(), shared_entropy.clone()).await.unwrap();
        let parts = Parts {
            store,
            vault,
            clock: shared_clock,
            entropy: shared_entropy,
            connectors,
            traffic: Arc::default(),
        };
        let hub = Arc::new(assemble(config, parts));
        first_run(&hub).await.unwrap();
        hub.tail.catch_up().await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let routes = Router::new().fallback_service(service(Api::new(Arc::clone(&hub), stopping)));
        let tenant = hub.default_tenant().await.unwrap();
        Self { hub, clock, routes, tenant, stop, entropy }
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, body, text }
    }

    /// Sends a request with the first key and more headers.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {KEY}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None, &[]).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body), &[("if-match", "*")]).await
    }

    /// Makes a key with these scopes and gives its `Authorization` value.
    pub async fn key(&self, scopes: &[&str]) -> String {
        let made =
            self.post("/v1/keys", json!({"name": "test", "scopes": scopes})).await.expect(201);
        format!("Bearer {}", made.body["key"].as_str().unwrap())
    }

    /// Makes a tenant with an admin key of its own.
    pub async fn other_tenant(&self) -> (TenantId, String) {
        let made = self.post("/v1/tenants", json!({"name": "other"})).await.expect(201);
        let tenant = made.id();
        let key = self
            .call(
                Method::POST,
                "/v1/keys",
                Some(json!({"name": "admin", "scopes": ["admin"]})),
                &[("calhub-tenant", &tenant)],
            )
            .await
            .expect(201);
        (tenant.parse().unwrap(), format!("Bearer {}", key.body["key"].as_str().unwrap()))
    }

    /// Puts a linked calendar into the store, as if it had just been read.
    pub async fn calendar(&self, provider: Provider) -> (ConnectionId, CalendarId) {
        self.calendar_of(&self.tenant.clone(), provider).await
    }

    pub async fn calendar_of(
        &self,
        tenant: &TenantId,
        provider: Provider,
    ) -> (ConnectionId, CalendarId) {
        let now = self.clock.now();
        let connection_id = ConnectionId::mint(&self.clock, &self.entropy);
        let calendar_id = CalendarId::mint(&self.clock, &self.entropy);
        let connection = ConnectionRow {
            tenant_id: tenant.clone(),
            connection_id: connection_id.clone(),
            provider,
            identity: connection_id.to_string(),
            account_label: "someone".to_owned(),
            external_id: None,
            access: Access::ReadWrite,
            state: ConnectionState::Healthy,
            login: Sealed::new(vec![1]),
            learned: Value::Null,
            metadata: json!({}),
            last_ok_at: Some(now),
            last_error: None,
            failures: 0,
            revision: 1,
            created_at: now,
            touched_at: now,
        };
        let listed = RemoteCalendarRow {
            calendar_id: calendar_id.clone(),
            provider_ref: "/work/".to_owned(),
            name: "Work".to_owned(),
            time_zone: None,
            writable: provider == Provider::Caldav,
            transparent: false,
            poll_every: Duration::from_secs(900),
            expected_max_age: Duration::from_secs(1800),
        };
        let mut tx = self.hub.store.begin().await.unwrap();
        tx.connections().insert(&connection).await.unwrap();
        tx.calendars().upsert_listed(tenant, &connection_id, &[listed], now).await.unwrap();
        tx.commit().await.unwrap();
        self.pulled(tenant, &calendar_id).await;
        (connection_id, calendar_id)
    }

    /// Notes a completed pull of now.
    pub async fn pulled(&self, tenant: &TenantId, calendar: &CalendarId) {
        let now = self.clock.now();
        let day = Duration::from_secs(86_400);
        let outcome = PullOutcome {
            cursor: None,
            generation: 1,
            synced_at: now,
            covered: Span::clamped(now - 35 * day, now + 400 * day),
            poll_every: Duration::from_secs(900),
            expected_max_age: Duration::from_secs(1800),
            published_at: None,
            full_at: None,
            name: None,
            time_zone: None,
        };
        let mut tx = self.hub.store.begin().await.unwrap();
        assert!(
            tx.calendars().finish_pull(tenant, calendar, &outcome, now).await.unwrap().is_some()
        );
        tx.commit().await.unwrap();
        self.settle().await;
    }

    /// Lets the index catch up.
    pub async fn settle(&self) {
        self.hub.tail.catch_up().await.unwrap();
    }

    /// Adds busy time and tells the change log, as a pull does.
    pub async fn busy(&self, calendar: &CalendarId, spans: &[(&str, &str, BusyClass)]) {
        let rows: Vec<_> = spans
            .iter()
            .enumerate()
            .map(|(n, (start, end, class))| BusyRow {
                series: format!("series {n} {start}"),
                span: Span::new(at(start), at(end)).unwrap(),
                class: *class,
            })
            .collect();
        let mut tx = self.hub.store.begin().await.unwrap();
        tx.events().busy_insert(&self.tenant, calendar, &rows).await.unwrap();
        let change = NewChange {
            tenant_id: self.tenant.clone(),
            change_id: ChangeId::mint(&self.clock, &self.entropy),
            kind: "busy.changed".to_owned(),
            actor: "hub".to_owned(),
            subject: calendar.to_string(),
            body: json!({"calendar_id": calendar}),
            at: self.clock.now(),
        };
        tx.changes().append(&[change]).await.unwrap();
        tx.commit().await.unwrap();
        self.settle().await;
    }

    /// Sets how a connection stands and tells the change log.
    pub async fn standing(&self, connection: &ConnectionId, state: ConnectionState, kind: &str) {
        let health = ConnectionHealth {
            state,
            last_ok_at: None,
            last_error: None,
            failures: 1,
            learned: None,
        };
        let now = self.clock.now();
        let mut tx = self.hub.store.begin().await.unwrap();
        tx.connections().set_health(&self.tenant, connection, &health, now).await.unwrap();
        let change = NewChange {
            tenant_id: self.tenant.clone(),
            change_id: ChangeId::mint(&self.clock, &self.entropy),
            kind: kind.to_owned(),
            actor: "hub".to_owned(),
            subject: connection.to_string(),
            body: json!({"connection_id": connection}),
            at: now,
        };
        tx.changes().append(&[change]).await.unwrap();
        tx.commit().await.unwrap();
        self.settle().await;
    }

    /// Moves the clock; the index looks again at once, as it does every second.
    pub async fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.settle().await;
    }
}
