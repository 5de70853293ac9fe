//! `/v1/calendars`: what was found behind the connections, and asking for a pull.

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{events::settle, render::CalendarView};
use crate::{
    drill::{Bug, is_back},
    http::{
        Api, Problem,
        auth::{Caller, tell_limit},
        extract::{Body, IfMatch, Page, PageQuery, Path, Query, etag, id},
    },
    model::{
        ids::{CalendarId, ConnectionId},
        states::Provider,
        time::tzdb,
    },
    store::{CalendarFilter, CalendarRow, Tx},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, patch)).routes(routes!(refresh))
}

/// Which calendars to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CalendarQuery {
    connection_id: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists calendars.
#[utoipa::path(get, path = "/v1/calendars", tag = "Connections and calendars",
    security(("key" = ["connections:read"]), ("key" = ["availability:read"]), ("key" = ["resources:write"])), params(CalendarQuery),
    responses((status = 200, body = Page<CalendarView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<CalendarQuery>,
) -> Result<Json<Page<CalendarView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let connection_id: Option<ConnectionId> = query
        .connection_id
        .map(|text| {
            text.parse()
                .map_err(|_| Problem::parameter("connection_id", "is not a connection's id"))
        })
        .transpose()?;
    let filter = CalendarFilter { connection_id, after: page.after()?, limit: page.rows()? };
    let mut tx = api.hub.store.read().await?;
    let rows = tx.calendars().list(&caller.tenant, &filter).await?;
    let rows = Page::cut(rows, page.limit()?, |row| row.calendar_id.to_string());
    let mut providers: HashMap<ConnectionId, Provider> = HashMap::new();
    for row in &rows.items {
        if !providers.contains_key(&row.connection_id) {
            providers.insert(row.connection_id.clone(), provider_of(&mut tx, &caller, row).await?);
        }
    }
    let provider =
        |row: &CalendarRow| providers.get(&row.connection_id).copied().unwrap_or(Provider::Ics);
    Ok(Json(rows.map(|row| CalendarView::of(&row, provider(&row)))))
}

/// A calendar whose connection has just gone is shown as the most careful kind.
async fn provider_of(tx: &mut Tx, caller: &Caller, row: &CalendarRow) -> Result<Provider, Problem> {
    let connection = tx.connections().get(&caller.tenant, &row.connection_id).await?;
    Ok(connection.map_or(Provider::Ics, |connection| connection.provider))
}

async fn find(tx: &mut Tx, caller: &Caller, text: &str) -> Result<CalendarRow, Problem> {
    let calendar: CalendarId = id(text, "calendar")?;
    if is_back(Bug::LookUpWithoutTenant) {
        let all = tx.calendars().all(None, 1000).await?;
        let row = all.into_iter().find(|row| row.calendar_id == calendar);
        return row.ok_or_else(|| Problem::not_found("calendar"));
    }
    let row = tx.calendars().get(&caller.tenant, &calendar).await?;
    row.ok_or_else(|| Problem::not_found("calendar"))
}

type Rendered = ([(HeaderName, HeaderValue); 1], Json<CalendarView>);

async fn rendered(api: &Api, caller: &Caller, text: &str) -> Result<Rendered, Problem> {
    let mut tx = api.hub.store.read().await?;
    let row = find(&mut tx, caller, text).await?;
    let provider = provider_of(&mut tx, caller, &row).await?;
    Ok(([(header::ETAG, etag(row.revision))], Json(CalendarView::of(&row, provider))))
}

/// Reads a calendar.
#[utoipa::path(get, path = "/v1/calendars/{id}", tag = "Connections and calendars",
    security(("key" = ["connections:read"]), ("key" = ["availability:read"]), ("key" = ["resources:write"])), params(("id" = String, Path)),
    responses((status = 200, body = CalendarView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    rendered(&api, &caller, &text).await
}

/// What may be changed of a calendar.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"time_zone": "Europe/Berlin"}))]
struct CalendarPatch {
    /// IANA name of the zone for all-day and floating times; null takes the provider's again.
    time_zone: Option<String>,
}

/// Sets a calendar's zone, for feeds that do not state one.
#[utoipa::path(patch, path = "/v1/calendars/{id}", tag = "Connections and calendars",
    security(("key" = ["connections:write"])), request_body = CalendarPatch,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or `*`.")),
    responses((status = 200, body = CalendarView), (status = "default", body = Problem)))]
async fn patch(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    if_match: IfMatch,
    Body(patch): Body<serde_json::Value>,
) -> Result<impl IntoResponse, Problem> {
    let states_zone = patch.get("time_zone").is_some();
    let patch: CalendarPatch = crate::http::extract::typed(patch)?;
    let mut tx = api.hub.store.begin().await?;
    let row = find(&mut tx, &caller, &text).await?;
    if_match.check(row.revision)?;
    if states_zone && patch.time_zone != row.time_zone_set {
        let zone = patch.time_zone.as_deref().map(known_zone).transpose()?;
        let now = api.hub.clock.now();
        let expected = Some(row.revision);
        let revision = tx
            .calendars()
            .set_time_zone(&caller.tenant, &row.calendar_id, expected, zone.as_deref(), now)
            .await?;
        revision.ok_or_else(IfMatch::stale)?;
        api.hub.engine.reread(&mut tx, &caller.tenant, &row.calendar_id).await?;
        tx.commit().await?;
        // The zone is set and the reading queued; that it cannot be done at once fails nothing.
        if let Err(error) = api.hub.engine.reread_now(&caller.tenant, &row.calendar_id).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "A calendar in a new zone is expanded later, not at once.");
        }
        settle(&api).await;
    } else {
        tx.rollback().await?;
    }
    rendered(&api, &caller, &text).await
}

/// Checks an IANA zone name and gives its usual spelling.
pub(super) fn known_zone(name: &str) -> Result<String, Problem> {
    let zone = tzdb().zone(name);
    let spelled = zone.as_ref().and_then(|zone| zone.iana_name()).map(str::to_owned);
    spelled.ok_or_else(|| {
        Problem::field(
            "/time_zone",
            "unknown_zone",
            "is not an IANA zone name such as Europe/Berlin",
        )
    })
}

/// What became of a nudge.
#[derive(Debug, Serialize, ToSchema)]
struct Nudged {
    calendar_id: String,
    /// Always `queued`.
    status: &'static str,
}

/// Asks for a pull now. 202 as soon as the nudge is kept; `synced_at` tells when it was done.
#[utoipa::path(post, path = "/v1/calendars/{id}/refresh", tag = "Connections and calendars",
    security(("key" = ["availability:read"])),
    params(("id" = String, Path)),
    responses((status = 202, body = Nudged), (status = "default", body = Problem)))]
async fn refresh(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = api.hub.store.read().await?;
    let row = find(&mut tx, &caller, &text).await?;
    tx.rollback().await?;
    let verdict = api.refreshes.take(&caller.actor, api.hub.clock.now());
    if let Some(verdict) = verdict.filter(|verdict| !verdict.allowed) {
        let problem = Problem::new("rate_limited", "This hub's own limit on refreshes.");
        let mut response = problem.retry_after(verdict.reset_s.max(1)).into_response();
        tell_limit(&verdict, &mut response);
        return Ok(response);
    }
    api.hub.engine.refresh(&caller.tenant, &row.calendar_id).await?;
    let nudged = Nudged { calendar_id: row.calendar_id.to_string(), status: "queued" };
    Ok((StatusCode::ACCEPTED, Json(nudged)).into_response())
}
