//! Free/busy of a resource as a calendar file, for whoever has a key or a secret address.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ical::{Shape, write},
    resources::find,
};
use crate::{
    drill::{Bug, is_back},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Page, Path, Query, id},
        wire::Instant,
    },
    index::query::{Basis, Question, answer},
    model::{
        ids::{FeedId, ResourceId, TenantId},
        interval::Span,
    },
    secrets::mint_secret,
    store::FeedRow,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(calendar_file))
        .routes(routes!(mint, list, revoke_all))
        .routes(routes!(revoke))
}

/// The route whose address itself is the credential.
pub(super) fn secret_router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(secret_file))
}

/// How far back and ahead a file reaches when nobody says.
const BACK: SignedDuration = SignedDuration::from_hours(24 * 7);
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 90);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 500);

/// Which span, and in which shape.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    /// A week ago when left out.
    #[param(value_type = Option<String>)]
    start: Option<Instant>,
    /// Ninety days ahead when left out.
    #[param(value_type = Option<String>)]
    end: Option<Instant>,
    /// `events` for clients that only show events.
    #[serde(rename = "as")]
    shape: Option<String>,
}

impl FileQuery {
    fn window(&self, now: Timestamp) -> Result<Span, Problem> {
        let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
        let start = self
            .start
            .map_or_else(|| whole(now.saturating_sub(BACK).unwrap_or(Timestamp::MIN)), |at| at.0);
        let end = self
            .end
            .map_or_else(|| whole(now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX)), |at| at.0);
        let span = Span::new(start, end).filter(|span| !span.is_empty());
        let span = span.ok_or_else(|| Problem::parameter("end", "must be after start"))?;
        if end.duration_since(start) > LONGEST {
            return Err(Problem::parameter("end", "at most 500 days after start"));
        }
        Ok(span)
    }

    fn shape(&self) -> Result<Shape, Problem> {
        match self.shape.as_deref() {
            None | Some("freebusy") => Ok(Shape::FreeBusy),
            Some("events") => Ok(Shape::Events),
            Some(_) => Err(Problem::parameter("as", "must be events or freebusy")),
        }
    }
}

async fn file(
    api: &Api,
    tenant: &TenantId,
    resource: &ResourceId,
    query: &FileQuery,
) -> Result<Response, Problem> {
    let now = api.hub.clock.now();
    let (window, shape) = (query.window(now)?, query.shape()?);
    let question =
        Question { window, max_staleness: None, now, is_current: api.hub.index.is_current(now) };
    let basis = api.hub.index.read(tenant, |part| {
        part.resource(resource).map(|resource| Basis::of_resource(part, &resource))
    });
    let mut basis = basis.flatten().ok_or_else(|| Problem::not_found("resource"))?;
    if basis.is_shared() {
        let mut tx = api.hub.store.read().await?;
        basis.leave_out(&mut tx, tenant, &[], &*api.hub.clock).await?;
    }
    let text = write(shape, resource.as_str(), window, now, &answer(&question, &basis));
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    Ok((headers, text).into_response())
}

/// A resource's free/busy as RFC 5545 VFREEBUSY; what is unknown is `FBTYPE=BUSY-UNAVAILABLE`.
#[utoipa::path(get, path = "/v1/resources/{id}/freebusy.ics", tag = "Free/busy",
    security(("key" = ["availability:read"])),
    params(("id" = String, Path), FileQuery),
    responses((status = 200, content_type = "text/calendar", body = String), (status = "default", body = Problem)))]
async fn calendar_file(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    Query(query): Query<FileQuery>,
) -> Result<Response, Problem> {
    let mut tx = api.hub.store.read().await?;
    let row = find(&mut tx, &caller, &text).await?;
    tx.rollback().await?;
    Box::pin(file(&api, &caller.tenant, &row.resource_id, &query)).await
}

/// A secret feed address, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct FeedView {
    id: String,
    created_at: Instant,
}

/// A secret feed address that was just made: shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "fed_0198c1", "url": "https://hub.example.org/feeds/fed_0198c1/5f0c....ics",
    "created_at": "2026-03-02T09:00:00Z"}))]
struct MadeFeed {
    id: String,
    /// Whoever has it can read the resource's free/busy. `?as=events` for clients that only show events.
    url: String,
    created_at: Instant,
}

/// Makes a secret address under which the resource's free/busy can be subscribed to.
#[utoipa::path(post, path = "/v1/resources/{id}/feeds", tag = "Free/busy",
    security(("key" = ["resources:write"])), params(("id" = String, Path)),
    responses((status = 201, body = MadeFeed), (status = "default", body = Problem)))]
async fn mint(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let secret = mint_secret(&*api.hub.entropy);
    let mut tx = api.hub.store.begin().await?;
    let resource = find(&mut tx, &caller, &text).await?;
    let row = FeedRow {
        tenant_id: caller.tenant.clone(),
        feed_id: caller.chance.mint(&api.hub, FeedId::mint),
        resource_id: resource.resource_id,
        hash: api.hub.vault.hash_secret(secret.expose_secret()).to_vec(),
        created_at: api.hub.clock.now(),
    };
    // An earlier try may have made it: nobody has its secret, which only the answer told.
    tx.feeds().delete(&row.tenant_id, &row.resource_id, &row.feed_id).await?;
    tx.feeds().insert(&row).await?;
    tx.commit().await?;
    let url = format!(
        "{}/feeds/{}/{}.ics",
        api.hub.config.base_url(),
        row.feed_id,
        secret.expose_secret()
    );
    let made = MadeFeed { id: row.feed_id.to_string(), url, created_at: row.created_at.into() };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Lists the resource's secret addresses, without their secrets.
#[utoipa::path(get, path = "/v1/resources/{id}/feeds", tag = "Free/busy",
    security(("key" = ["resources:write"])), params(("id" = String, Path)),
    responses((status = 200, body = Page<FeedView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<Page<FeedView>>, Problem> {
    let mut tx = api.hub.store.read().await?;
    let resource = find(&mut tx, &caller, &text).await?;
    let rows = tx.feeds().list(&caller.tenant, &resource.resource_id).await?;
    let view =
        |row: FeedRow| FeedView { id: row.feed_id.to_string(), created_at: row.created_at.into() };
    Ok(Json(Page { items: rows.into_iter().map(view).collect(), next: None }))
}

/// Revokes every secret address of the resource.
#[utoipa::path(delete, path = "/v1/resources/{id}/feeds", tag = "Free/busy",
    security(("key" = ["resources:write"])), params(("id" = String, Path)),
    responses((status = 204, description = "Revoked."), (status = "default", body = Problem)))]
async fn revoke_all(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = api.hub.store.begin().await?;
    let resource = find(&mut tx, &caller, &text).await?.resource_id;
    for row in tx.feeds().list(&caller.tenant, &resource).await? {
        tx.feeds().delete(&caller.tenant, &resource, &row.feed_id).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes one secret address.
#[utoipa::path(delete, path = "/v1/resources/{id}/feeds/{feed_id}", tag = "Free/busy",
    security(("key" = ["resources:write"])),
    params(("id" = String, Path), ("feed_id" = String, Path)),
    responses((status = 204, description = "Revoked."), (status = "default", body = Problem)))]
async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Path((text, feed)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let feed: FeedId = id(&feed, "feed")?;
    let mut tx = api.hub.store.begin().await?;
    let resource = find(&mut tx, &caller, &text).await?.resource_id;
    let gone = tx.feeds().delete(&caller.tenant, &resource, &feed).await?;
    tx.commit().await?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("feed")) }
}

/// The free/busy behind a secret address. Anything wrong with the address is the same 404.
#[utoipa::path(get, path = "/feeds/{feed_id}/{secret}", tag = "Free/busy", security(()),
    params(("feed_id" = String, Path), ("secret" = String, Path), FileQuery),
    responses((status = 200, content_type = "text/calendar", body = String), (status = "default", body = Problem)))]
async fn secret_file(
    State(api): State<Api>,
    Path((feed, secret)): Path<(String, String)>,
    Query(query): Query<FileQuery>,
) -> Result<Response, Problem> {
    let feed: FeedId = id(&feed, "feed")?;
    let secret = secret.strip_suffix(".ics").unwrap_or(&secret);
    let rows = api.hub.store.read().await?.feeds().find(&feed).await?;
    let is_it = |row: &FeedRow| {
        api.hub.vault.matches(&row.hash, secret) || is_back(Bug::FeedSecretUnchecked)
    };
    let row = rows.into_iter().find(is_it);
    let row = row.ok_or_else(|| Problem::not_found("feed"))?;
    Box::pin(file(&api, &row.tenant_id, &row.resource_id, &query)).await
}
