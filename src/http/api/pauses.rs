//! `/v1/ops/pause`, `resume` and `pauses`: leaving a provider, a tenant or a connection alone for a while.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{
        Api, Problem, Scope,
        auth::Caller,
        extract::{Body, Page},
        wire::Instant,
    },
    model::{ids::TenantId, states::Provider},
    store::{PauseRow, Paused, Target},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(pause)).routes(routes!(resume)).routes(routes!(list))
}

/// What to pause or resume: exactly one of `provider`, `tenant` and `connection`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"connection": "con_0198c1", "reads": false, "writes": true}))]
struct PauseAsk {
    /// Every connection at this provider, whosesoever; needs an instance key.
    provider: Option<String>,
    /// `true` for the tenant that is acted for, or its id; another's with an instance key.
    #[schema(value_type = Option<Object>)]
    tenant: Option<Value>,
    /// One connection, by its id or `ext:` and its external id.
    connection: Option<String>,
    /// Listings, pulls, refreshes and live reads. Both, where neither is named.
    reads: Option<bool>,
    /// Deliveries of bookings, moves and cancellations.
    writes: Option<bool>,
}

/// Something that is paused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"provider": null, "tenant_id": "ten_0198c1", "connection_id": "con_0198c1",
    "reads": false, "writes": true, "since": "2026-03-02T09:00:00Z", "actor": "key:0198c1"}))]
struct PauseView {
    provider: Option<&'static str>,
    tenant_id: Option<String>,
    connection_id: Option<String>,
    reads: bool,
    writes: bool,
    since: Instant,
    /// Who paused first.
    actor: String,
}

impl From<PauseRow> for PauseView {
    fn from(row: PauseRow) -> Self {
        let (provider, tenant_id, connection_id) = match row.target {
            Target::Provider(provider) => (Some(provider.as_str()), None, None),
            Target::Tenant(tenant) => (None, Some(tenant.to_string()), None),
            Target::Connection(tenant, connection) => {
                (None, Some(tenant.to_string()), Some(connection.to_string()))
            }
        };
        let Paused { reads, writes } = row.paused;
        let (since, actor) = (row.since.into(), row.actor);
        Self { provider, tenant_id, connection_id, reads, writes, since, actor }
    }
}

/// What a pause was left at.
#[derive(Debug, Serialize, ToSchema)]
struct ResumedView {
    /// What of this target is still paused. A pause of its tenant or provider holds besides.
    reads: bool,
    writes: bool,
    /// Pieces of work that are due now.
    woken: u64,
}

impl PauseAsk {
    fn what(&self) -> Result<Paused, Problem> {
        let what = match (self.reads, self.writes) {
            (None, None) => Paused { reads: true, writes: true },
            (reads, writes) => {
                Paused { reads: reads.unwrap_or(false), writes: writes.unwrap_or(false) }
            }
        };
        if what.is_any() {
            return Ok(what);
        }
        Err(Problem::field("", "required", "reads, writes or both must be true"))
    }

    async fn target(&self, api: &Api, caller: &Caller) -> Result<Target, Problem> {
        match (&self.provider, &self.tenant, &self.connection) {
            (Some(word), None, None) => {
                let provider = Provider::parse(word).ok_or_else(|| {
                    Problem::field("/provider", "unknown_provider", "is not a provider")
                })?;
                caller.need(&[Scope::Instance])?;
                Ok(Target::Provider(provider))
            }
            (None, Some(tenant), None) => Ok(Target::Tenant(whose(api, caller, tenant).await?)),
            (None, None, Some(text)) => {
                let connection = super::connections::resolve(api, caller, text).await?;
                Ok(Target::Connection(caller.tenant.clone(), connection))
            }
            _ => Err(Problem::field(
                "",
                "required",
                "name exactly one of provider, tenant and connection",
            )),
        }
    }
}

/// Which tenant is meant by `true` or an id.
async fn whose(api: &Api, caller: &Caller, stated: &Value) -> Result<TenantId, Problem> {
    let wrong = || Problem::field("/tenant", "invalid", "must be true or a tenant's id");
    let tenant: TenantId = match stated {
        Value::Bool(true) => return Ok(caller.tenant.clone()),
        Value::String(text) => text.parse().map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    if tenant != caller.tenant && !caller.may(Scope::Instance) {
        return Err(Problem::not_found("tenant"));
    }
    let there = api.hub.store.read().await?.tenants().get(&tenant).await?;
    there.map(|row| row.tenant_id).ok_or_else(|| Problem::not_found("tenant"))
}

/// Has the hubs ask nothing of a provider, a tenant's connections or one connection.
///
/// From the answer on no pull, listing or live read begins there (`reads`), and no delivery (`writes`); a page or step
/// that is under way ends. Nothing is lost: calendars grow stale and say so, a booking that needs fresh evidence is
/// `unverified`, and deliveries wait without being counted as tries.
#[utoipa::path(post, path = "/v1/ops/pause", tag = "Operations",
    security(("key" = ["ops"])), request_body = PauseAsk,
    responses((status = 200, body = PauseView), (status = "default", body = Problem)))]
async fn pause(
    State(api): State<Api>,
    caller: Caller,
    Body(ask): Body<PauseAsk>,
) -> Result<Json<PauseView>, Problem> {
    let (what, target) = (ask.what()?, ask.target(&api, &caller).await?);
    let paused = api.hub.engine.pause(&caller.by(), &target, what).await?;
    Ok(Json(paused.ok_or_else(|| Problem::not_found("connection"))?.into()))
}

/// Takes a pause back, in whole or in part. What waited is due at once, as fast as its hosts are asked.
#[utoipa::path(post, path = "/v1/ops/resume", tag = "Operations",
    security(("key" = ["ops"])), request_body = PauseAsk,
    responses((status = 200, body = ResumedView), (status = "default", body = Problem)))]
async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Body(ask): Body<PauseAsk>,
) -> Result<Json<ResumedView>, Problem> {
    let (what, target) = (ask.what()?, ask.target(&api, &caller).await?);
    let resumed = api.hub.engine.resume(&caller.by(), &target, what).await?;
    let (left, woken) = resumed.ok_or_else(|| Problem::not_found("connection"))?;
    Ok(Json(ResumedView { reads: left.reads, writes: left.writes, woken }))
}

/// Lists what is paused: the tenant's own and what holds whole providers; everybody's with an instance key that acts for
/// no tenant.
#[utoipa::path(get, path = "/v1/ops/pauses", tag = "Operations",
    security(("key" = ["ops"])),
    responses((status = 200, body = Page<PauseView>), (status = "default", body = Problem)))]
async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Page<PauseView>>, Problem> {
    let mut tx = api.hub.store.read().await?;
    let rows = if caller.is_for_all() {
        tx.pauses().all().await?
    } else {
        tx.pauses().of_tenant(&caller.tenant).await?
    };
    Ok(Json(Page { items: rows.into_iter().map(Into::into).collect(), next: None }))
}
