//! `/v1/holds`: a span that is reserved for a short time while someone decides.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{events::settle, resources::named};
use crate::{
    booking::{Actor, NewHold},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, Page, PageQuery, Path, Query, check_metadata, check_text, etag},
        wire::{Instant, Iso},
    },
    model::{ids::HoldId, interval::Span, states::HoldState},
    store::{HoldRow, Tx},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(get, patch, remove))
}

/// A hold that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"resources": ["ext:doctor_482"], "start": "2026-03-02T09:00:00Z",
    "end": "2026-03-02T09:30:00Z", "ttl": "PT5M"}))]
struct HoldBody {
    /// `res_..`, or `ext:` and an external id; all of them or none is held.
    resources: Vec<String>,
    start: Instant,
    end: Instant,
    /// From now on; at most an hour.
    #[serde(default = "five_minutes")]
    ttl: Iso,
    /// How old the knowledge of the calendars may be; a minute when left out.
    #[serde(default)]
    max_staleness: Option<Iso>,
    /// A hold that ends in favour of this one.
    #[serde(default)]
    replaces: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

fn five_minutes() -> Iso {
    Iso(SignedDuration::from_mins(5))
}

/// A hold.
#[derive(Debug, Serialize, ToSchema)]
struct HoldView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// `held`, `confirmed`, `released` or `expired`.
    state: HoldWord,
    resources: Vec<String>,
    start: Instant,
    end: Instant,
    expires_at: Instant,
    /// What it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    booking_id: Option<String>,
    #[schema(value_type = Object)]
    metadata: serde_json::Value,
    created_at: Instant,
}

/// What became of a hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
struct HoldWord(HoldState);

impl HoldView {
    fn of(row: &HoldRow, now: jiff::Timestamp) -> Self {
        let is_over = row.state == HoldState::Held && row.expires_at <= now;
        Self {
            id: row.hold_id.to_string(),
            external_id: row.external_id.clone(),
            state: HoldWord(if is_over { HoldState::Expired } else { row.state }),
            resources: row.resources.iter().map(ToString::to_string).collect(),
            start: row.span.start().into(),
            end: row.span.end().into(),
            expires_at: row.expires_at.into(),
            booking_id: row.booking_id.as_ref().map(ToString::to_string),
            metadata: row.metadata.clone(),
            created_at: row.created_at.into(),
        }
    }
}

type Rendered = (StatusCode, [(HeaderName, HeaderValue); 1], Json<HoldView>);

fn rendered(api: &Api, status: StatusCode, row: &HoldRow) -> Rendered {
    let view = HoldView::of(row, api.hub.clock.now());
    (status, [(header::ETAG, etag(row.revision))], Json(view))
}

/// Finds a hold by its id or by `ext:` and its external id.
pub(super) async fn find(tx: &mut Tx, caller: &Caller, text: &str) -> Result<HoldRow, Problem> {
    let row = match text.strip_prefix("ext:") {
        Some(external_id) => tx.holds().by_external_id(&caller.tenant, external_id).await?,
        None => match text.parse() {
            Ok(hold) => tx.holds().get(&caller.tenant, &hold).await?,
            Err(_) => None,
        },
    };
    row.ok_or_else(|| Problem::not_found("hold"))
}

pub(super) fn actor(caller: &Caller) -> Actor<'_> {
    Actor { tenant: &caller.tenant, name: &caller.actor, request: caller.request.as_deref() }
}

/// A span of a body.
pub(super) fn span(start: Instant, end: Instant) -> Result<Span, Problem> {
    Span::new(start.0, end.0)
        .filter(|span| !span.is_empty())
        .ok_or_else(|| Problem::field("/end", "invalid", "must be after start"))
}

/// Reserves a span of one or several resources for a short time.
///
/// It is verified like a booking: what the calendars say counts, read once more where it is too old.
#[utoipa::path(post, path = "/v1/holds", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = HoldBody,
    responses((status = 201, body = HoldView), (status = "default", body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body<HoldBody>,
) -> Result<impl IntoResponse, Problem> {
    check_metadata(&body.metadata)?;
    if let Some(external_id) = &body.external_id {
        check_text("/external_id", external_id, 200)?;
    }
    let span = span(body.start, body.end)?;
    let mut tx = api.hub.store.read().await?;
    let resources = named(&mut tx, &caller, &body.resources, "/resources").await?;
    let replaces = match &body.replaces {
        Some(text) => Some(find(&mut tx, &caller, text).await?.hold_id),
        None => None,
    };
    tx.rollback().await?;
    let new = NewHold {
        id: caller.chance.mint(&api.hub, HoldId::mint),
        resources,
        span,
        ttl: body.ttl.0,
        max_staleness: body.max_staleness.map(|age| age.0),
        replaces,
        external_id: body.external_id,
        metadata: json!(body.metadata),
    };
    let row = api.hub.desk.hold(actor(&caller), new).await?;
    settle(&api).await;
    Ok(rendered(&api, StatusCode::CREATED, &row))
}

/// Which holds to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HoldQuery {
    /// `held`, `confirmed`, `released` or `expired`.
    state: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists holds.
#[utoipa::path(get, path = "/v1/holds", tag = "Holds and bookings",
    security(("key" = ["bookings:read"])), params(HoldQuery),
    responses((status = 200, body = Page<HoldView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<HoldQuery>,
) -> Result<Json<Page<HoldView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let after: Option<HoldId> = page.after()?;
    let state = query.state.map(|word| {
        HoldState::parse(&word).ok_or_else(|| Problem::parameter("state", "is no state of a hold"))
    });
    let state = state.transpose()?;
    let mut tx = api.hub.store.read().await?;
    let rows = tx.holds().list(&caller.tenant, state, after.as_ref(), page.rows()?).await?;
    let now = api.hub.clock.now();
    let page = Page::cut(rows, page.limit()?, |row| row.hold_id.to_string());
    Ok(Json(page.map(|row| HoldView::of(&row, now))))
}

/// Reads a hold.
#[utoipa::path(get, path = "/v1/holds/{id}", tag = "Holds and bookings",
    security(("key" = ["bookings:read"])),
    params(("id" = String, Path, description = "`hld_..`, or `ext:` and the external id.")),
    responses((status = 200, body = HoldView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let row = find(&mut api.hub.store.read().await?, &caller, &text).await?;
    Ok(rendered(&api, StatusCode::OK, &row))
}

/// How long a hold is to last from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ttl": "PT10M"}))]
struct ExtendBody {
    /// From now on; at most an hour after the hold was made.
    ttl: Iso,
}

/// Extends a hold.
#[utoipa::path(patch, path = "/v1/holds/{id}", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = ExtendBody, params(("id" = String, Path)),
    responses((status = 200, body = HoldView), (status = "default", body = Problem)))]
async fn patch(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    Body(body): Body<ExtendBody>,
) -> Result<impl IntoResponse, Problem> {
    let seen = find(&mut api.hub.store.read().await?, &caller, &text).await?;
    let row = api.hub.desk.extend(actor(&caller), &seen.hold_id, body.ttl.0).await?;
    settle(&api).await;
    Ok(rendered(&api, StatusCode::OK, &row))
}

/// Gives a hold back.
#[utoipa::path(delete, path = "/v1/holds/{id}", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), params(("id" = String, Path)),
    responses((status = 204, description = "Given back."), (status = "default", body = Problem)))]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let seen = find(&mut api.hub.store.read().await?, &caller, &text).await?;
    api.hub.desk.release(actor(&caller), &seen.hold_id).await?;
    settle(&api).await;
    Ok(StatusCode::NO_CONTENT)
}
