//! `/v1/ops/reconcile` and `/v1/ops/drift`: where calendars hold something else than their bookings want.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ops::selector;
use crate::{
    audit::{Act, Verb},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, Page, PageQuery, Query},
        wire::Instant,
    },
    model::ids::BookingId,
    push::{Found, Reconciled, reconcile::Drift},
    store::{DriftFilter, DriftRow},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(reconcile)).routes(routes!(drift))
}

/// How many differences are settled by one request that does not say.
const LIMIT: usize = 1_000;

/// Which calendars to compare.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"calendar_id": "cal_0198c1", "limit": 100, "dry_run": true}))]
struct ReconcileAsk {
    calendar_id: Option<String>,
    connection_id: Option<String>,
    #[serde(default)]
    all: bool,
    /// How many differences are settled at most; what is left is told.
    limit: Option<usize>,
    /// Tell what differs from what was read last, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What was compared.
#[derive(Debug, Serialize, ToSchema)]
struct ReconcileView {
    calendars: Vec<ReconciledView>,
    /// How many differences there are, and how many of them are being settled now.
    differences: usize,
    done: usize,
    dry_run: bool,
}

/// One calendar.
#[derive(Debug, Serialize, ToSchema)]
struct ReconciledView {
    calendar_id: String,
    /// When it was read, without which nothing can be compared.
    as_of: Option<Instant>,
    differences: Vec<DifferenceView>,
}

/// One difference between what a calendar holds and what is wanted there.
#[derive(Debug, Serialize, ToSchema)]
struct DifferenceView {
    /// `undelivered`, `unrecorded`, `missing`, `changed`, `leftover`, `copy` or `orphan`.
    drift: &'static str,
    booking_id: Option<String>,
    event_id: Option<String>,
    /// What the hub does about it: `deliver`, `look` (the event's own word decides) or `adopt`; nothing where people
    /// decide.
    act: Option<&'static str>,
    /// Whether that is being done now.
    done: bool,
}

impl From<Found> for DifferenceView {
    fn from(found: Found) -> Self {
        let Found { difference, is_done } = found;
        Self {
            drift: difference.drift.as_str(),
            booking_id: difference.booking.map(|id| id.to_string()),
            event_id: difference.item,
            act: difference.act.map(|act| act.as_str()),
            done: is_done,
        }
    }
}

impl From<Reconciled> for ReconciledView {
    fn from(one: Reconciled) -> Self {
        Self {
            calendar_id: one.calendar.to_string(),
            as_of: one.as_of.map(Into::into),
            differences: one.differences.into_iter().map(Into::into).collect(),
        }
    }
}

/// Reads calendars, compares them with what their bookings want, and settles what differs.
///
/// What a person changed stays as it is; nothing that a person removed is put back, and an event that only says it is
/// ours is never taken out.
#[utoipa::path(post, path = "/v1/ops/reconcile", tag = "Operations",
    security(("key" = ["ops"])), request_body = ReconcileAsk,
    responses((status = 200, body = ReconcileView), (status = "default", body = Problem)))]
async fn reconcile(
    State(api): State<Api>,
    caller: Caller,
    Body(ask): Body<ReconcileAsk>,
) -> Result<Json<ReconcileView>, Problem> {
    let selector = selector(ask.calendar_id.as_deref(), ask.connection_id.as_deref(), ask.all)?;
    let engine = Arc::clone(&api.hub.engine);
    let limit = ask.limit.unwrap_or(LIMIT);
    let found = engine.reconcile_selected(&caller.tenant, &selector, limit, ask.dry_run).await?;
    let found = found.ok_or_else(|| Problem::not_found("calendar or connection"))?;
    if !ask.dry_run {
        let act = Act::on(&caller.tenant, Verb::ReconcileAsked, selector.subject());
        api.hub.audit.note_alone(&caller.by(), act).await?;
    }
    let calendars: Vec<ReconciledView> = found.into_iter().map(Into::into).collect();
    let all = || calendars.iter().flat_map(|one| &one.differences);
    let (differences, done) = (all().count(), all().filter(|one| one.done).count());
    Ok(Json(ReconcileView { differences, done, dry_run: ask.dry_run, calendars }))
}

/// Which differences to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DriftQuery {
    calendar_id: Option<String>,
    /// `undelivered`, `unrecorded`, `missing`, `changed`, `leftover`, `copy` or `orphan`.
    kind: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// A difference as it was found last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"calendar_id": "cal_0198c1", "drift": "orphan", "booking_id": null,
    "event_id": "/calendars/anna/work/1.ics", "act": null, "since": "2026-03-02T09:00:00Z"}))]
struct DriftView {
    calendar_id: String,
    drift: String,
    booking_id: Option<String>,
    event_id: Option<String>,
    act: Option<String>,
    /// When it was found first.
    since: Instant,
}

impl From<DriftRow> for DriftView {
    fn from(row: DriftRow) -> Self {
        Self {
            calendar_id: row.calendar_id.to_string(),
            drift: row.kind,
            booking_id: row.booking_id.map(|id| id.to_string()),
            event_id: row.item,
            act: row.act,
            since: row.found_at.into(),
        }
    }
}

/// Lists where calendars hold something else than their bookings want, as it was found when they were compared last:
/// hourly, after a pull that shows an unknown event of ours, or when somebody asked.
#[utoipa::path(get, path = "/v1/ops/drift", tag = "Operations",
    security(("key" = ["ops"])), params(DriftQuery),
    responses((status = 200, body = Page<DriftView>), (status = "default", body = Problem)))]
async fn drift(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<DriftQuery>,
) -> Result<Json<Page<DriftView>>, Problem> {
    let wrong = |name, what: &str| Problem::parameter(name, what);
    let calendar = query
        .calendar_id
        .map(|text| text.parse().map_err(|_| wrong("calendar_id", "is not a calendar's id")));
    if let Some(kind) = &query.kind
        && !Drift::ALL.iter().any(|one| one.as_str() == kind)
    {
        return Err(wrong("kind", "is no kind of drift"));
    }
    let page = PageQuery { limit: query.limit, after: query.after };
    let after: Option<String> = page.after()?;
    let after = after
        .map(|text| place(&text).ok_or_else(|| wrong("after", "is not a cursor of this list")));
    let filter = DriftFilter {
        calendar: calendar.transpose()?,
        kind: query.kind,
        after: after.transpose()?,
        limit: page.rows()?,
    };
    let rows = api.hub.store.read().await?.drift().list(&caller.tenant, &filter).await?;
    let page = Page::cut(rows, page.limit()?, |row| {
        let booking = row.booking_id.as_ref().map_or("", BookingId::as_str);
        let item = row.item.as_deref().unwrap_or_default();
        format!("{}\n{}\n{booking}\n{item}", row.calendar_id, row.kind)
    });
    Ok(Json(page.map(Into::into)))
}

/// Reads where a page ended; the event's name, which may be anything, comes last.
fn place(text: &str) -> Option<(String, String, String, String)> {
    let mut parts = text.splitn(4, '\n').map(str::to_owned);
    Some((parts.next()?, parts.next()?, parts.next()?, parts.next()?))
}
