//! Whether the hub lives, whether it is ready, and its meters.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{Api, Problem},
    model::time::tzdb,
    sync::Ahead,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// A database that takes longer is as good as none.
const PATIENCE: Duration = Duration::from_secs(1);

/// That the process runs.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
    version: &'static str,
}

/// Answers as long as the process runs.
#[utoipa::path(get, path = "/healthz", tag = "Operations", security(()), responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether the hub can answer, and which part cannot.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ready", "database": "ok", "migrations": "ok", "index": "ok", "index_lag": 0.2,
    "clock": {"ahead": 0.4, "servers": 3}, "tzdb_version": "2026a", "version": "0.1.0"}))]
struct Readiness {
    /// `ready` or `not_ready`.
    status: &'static str,
    database: &'static str,
    migrations: &'static str,
    /// `ok`, `loading` or `behind`.
    index: &'static str,
    /// Seconds.
    index_lag: Option<f64>,
    /// What the answers of providers say of this hub's clock; absent until one has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<ClockView>,
    tzdb_version: &'static str,
    version: &'static str,
}

/// This hub's clock as the answers of providers (their `Date`) see it.
#[derive(Debug, Serialize, ToSchema)]
struct ClockView {
    /// Seconds by which this hub's clock is ahead of the middle one of those servers; negative when it is behind.
    ahead: f64,
    /// How many servers were compared.
    servers: usize,
}

impl From<Ahead> for ClockView {
    fn from(ahead: Ahead) -> Self {
        Self { ahead: ahead.by.as_secs_f64(), servers: ahead.hosts }
    }
}

/// Answers 200 once database, migrations and index are there, and 503 while they are not.
#[utoipa::path(get, path = "/readyz", tag = "Operations", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn readyz(State(api): State<Api>) -> impl IntoResponse {
    let hub = &api.hub;
    let database = match tokio::time::timeout(PATIENCE, hub.default_tenant()).await {
        Ok(Ok(_)) => "ok",
        Ok(Err(_)) | Err(_) => "unavailable",
    };
    let now = hub.clock.now();
    let lag = hub.index.lag(now);
    let index = match lag {
        None => "loading",
        Some(_) if hub.index.is_current(now) => "ok",
        Some(_) => "behind",
    };
    let is_ready = database == "ok" && index == "ok";
    let readiness = Readiness {
        status: if is_ready { "ready" } else { "not_ready" },
        database,
        // A store opens only after its migrations have run.
        migrations: "ok",
        index,
        index_lag: lag.map(|lag| lag.as_secs_f64()),
        clock: hub.traffic.clock_ahead().map(ClockView::from),
        tzdb_version: tzdb().version(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// The hub's meters in Prometheus' text form. They name no account, address or title, and of tenants only the id.
#[utoipa::path(get, path = "/metrics", tag = "Operations", security(()),
    responses((status = 200, content_type = "text/plain", body = String), (status = "default", body = Problem)))]
async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    let text = api.meters.told(&api.hub).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
