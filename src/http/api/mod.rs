//! One endpoint family a file. Each gives a router that carries its own part of the OpenAPI document.

mod audit;
mod bookings;
mod calendars;
mod changes;
mod channels;
mod connections;
mod drift;
mod events;
mod feeds;
mod freebusy;
mod health;
mod holds;
mod hooks;
mod ical;
mod impact;
mod imports;
mod keys;
mod link_sessions;
mod ops;
mod outbox;
mod pauses;
mod provider_apps;
mod refusal;
mod render;
mod resources;
mod tenants;
mod timeline;

use utoipa_axum::router::OpenApiRouter;

use super::{Api, oauth, pages};

/// The routes that need a key.
pub(super) fn keyed() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(keys::router())
        .merge(tenants::router())
        .merge(connections::router())
        .merge(imports::router())
        .merge(provider_apps::router())
        .merge(link_sessions::router())
        .merge(calendars::router())
        .merge(resources::router())
        .merge(freebusy::router())
        .merge(holds::router())
        .merge(bookings::router())
        .merge(feeds::router())
        .merge(changes::router())
        .merge(ops::router())
        .merge(outbox::router())
        .merge(drift::router())
        .merge(impact::router())
        .merge(timeline::router())
        .merge(audit::router())
        .merge(pauses::router())
        .merge(channels::router())
}

/// The routes that anybody may call.
pub(super) fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(health::router())
        .merge(feeds::secret_router())
        .merge(hooks::router())
        .merge(pages::router())
        .merge(oauth::router())
}
