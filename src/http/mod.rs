//! The HTTP API: the only module that names axum. A route parses, calls one function, renders.
//!
//! From the outside in, every request passes [`request`] (id, trace, errors in one shape), and those
//! under `/v1` then [`auth`] (key, tenant, limits), [`scopes`] and [`idempotency`], before a function in [`api`].

mod api;
mod auth;
mod chance;
mod extract;
mod idempotency;
mod limits;
mod meters;
mod openapi;
mod problem;
mod request;
mod scopes;
mod serving;
mod text;
mod unread;
mod wire;

use std::{ops::Deref, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tokio::sync::watch;
use tower_http::compression::CompressionLayer;

pub use auth::{Caller, Local, Scope, Token};
pub use problem::{CODES, Problem};
pub use serving::{Listeners, serve};

use self::{auth::Keyring, limits::Limiter, meters::Meters, scopes::Needed};
use crate::{changes::Relay, hub::Hub};

/// The largest body that is read.
const BODY_LIMIT: usize = 1 << 20;

/// What every route has at hand.
#[derive(Clone, Debug)]
pub struct Api(Arc<Parts>);

/// The inside of [`Api`].
#[derive(Debug)]
pub struct Parts {
    pub hub: Arc<Hub>,
    keyring: Keyring,
    limiter: Limiter,
    refreshes: Limiter,
    strangers: Limiter,
    meters: Meters,
    /// Reads the change log once for all live streams.
    relay: Arc<Relay>,
    /// Turns true when the hub is told to stop, so that endless answers end.
    stopping: watch::Receiver<bool>,
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Api {
    pub fn new(hub: Arc<Hub>, stopping: watch::Receiver<bool>) -> Self {
        let limits = &hub.config.http;
        let parts = Parts {
            keyring: Keyring::default(),
            limiter: Limiter::new(limits.requests_per_minute, limits.burst),
            refreshes: Limiter::new(limits.refreshes_per_minute, limits.refreshes_per_minute),
            strangers: Limiter::new(60, 300),
            meters: Meters::new(&hub),
            relay: Relay::new(hub.store.clone()),
            stopping,
            hub,
        };
        Self(Arc::new(parts))
    }
}

/// Every route of the hub.
pub fn router(api: Api) -> Router {
    let (routes, document) = api::keyed().split_for_parts();
    let needed = Arc::new(Needed::of(&document));
    let keyed = routes
        .layer(middleware::from_fn_with_state(api.clone(), idempotency::once))
        .layer(middleware::from_fn_with_state(needed, scopes::check))
        .layer(middleware::from_fn_with_state(api.clone(), auth::gate));
    let (open, open_document) = api::open().split_for_parts();
    let mut document = document;
    document.merge(open_document);
    let pages = openapi::router(&openapi::complete(document));
    Router::new()
        .merge(keyed)
        .merge(open)
        .merge(pages)
        .fallback(request::nothing_here)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(api.clone(), request::frame))
        .layer(CompressionLayer::new())
        .with_state(api)
}

/// Every metric of a hub as a table in Markdown, for its documentation.
pub fn metrics_table(api: &Api) -> String {
    api.meters.table()
}

/// The OpenAPI document of all routes.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = api::keyed().into_openapi();
    document.merge(api::open().into_openapi());
    openapi::complete(document)
}
