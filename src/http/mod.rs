//! The HTTP API: the only module that names axum. A route parses, calls one function, renders.
//!
//! [`pipeline`] is the way of a request: [`request`] (id, trace, errors in one shape), for those under `/v1` then
//! [`auth`] (key, tenant, limits), the scopes of [`routes`] and [`idempotency`], and at last a function in [`api`].

mod api;
mod auth;
mod chance;
mod extract;
mod idempotency;
mod limits;
mod meters;
mod oauth;
mod openapi;
mod pages;
mod pipeline;
mod problem;
mod request;
mod routes;
mod serving;
mod text;
mod unread;
mod wire;

use std::{ops::Deref, sync::Arc};

use tokio::sync::watch;

pub use auth::{Caller, Local, Scope, Token};
pub use pipeline::{described, service};
pub use problem::{CODES, Problem};
pub use serving::{Listeners, serve};

use self::{auth::Keyring, limits::Limiter, meters::Meters};
use crate::{changes::Relay, clock::SeededEntropy, hub::Hub};

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
    /// What the ids of requests are made of. They need only differ, and the machine is not asked for each.
    chance: SeededEntropy,
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
        let mut seed = [0; 8];
        hub.entropy.fill(&mut seed);
        let parts = Parts {
            keyring: Keyring::default(),
            limiter: Limiter::new(limits.requests_per_minute, limits.burst),
            refreshes: Limiter::new(limits.refreshes_per_minute, limits.refreshes_per_minute),
            strangers: Limiter::new(60, 300),
            meters: Meters::new(&hub),
            chance: SeededEntropy::new(u64::from_be_bytes(seed)),
            relay: Relay::new(hub.store.clone()),
            stopping,
            hub,
        };
        Self(Arc::new(parts))
    }
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
