//! `/v1/ops`: what the hub is at, and the operator's hand on it.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::events::settle;
use crate::{
    audit::{Act, Verb},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, Page, PageQuery, Path, Query, id},
        wire::{Instant, Micros},
    },
    model::ids::CalendarId,
    store::{CalendarRow, StoreError, Tx, WorkRow},
    sync::{
        Planned, Selector, SyncError,
        quarantine::{Held, Word},
    },
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(jobs))
        .routes(routes!(retry))
        .routes(routes!(discard))
        .routes(routes!(sync))
        .routes(routes!(quarantined))
        .routes(routes!(confirm))
        .routes(routes!(reject))
        .routes(routes!(unexpandable))
}

/// One piece of due work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "pull:cal_0198c1", "lane": "pull", "subject": "cal_0198c1", "state": "waiting",
    "due_at": "2026-03-02T09:00:00Z", "attempts": 0, "nudges": 3, "last_error": null, "lease_until": null}))]
struct JobView {
    /// Lane and subject.
    id: String,
    lane: String,
    subject: String,
    /// `waiting`, `ready`, `running` or `failing`.
    state: &'static str,
    due_at: Instant,
    attempts: i64,
    nudges: i64,
    last_error: Option<String>,
    lease_until: Option<Instant>,
}

impl JobView {
    fn of(row: WorkRow, now: jiff::Timestamp) -> Self {
        let state = if row.lease_until.is_some_and(|until| until > now) {
            "running"
        } else if row.last_error.as_ref().is_some_and(|code| code != "put_off") {
            "failing"
        } else if row.due_at <= now {
            "ready"
        } else {
            "waiting"
        };
        Self {
            id: format!("{}:{}", row.lane, row.subject),
            lane: row.lane,
            subject: row.subject,
            state,
            due_at: row.due_at.into(),
            attempts: row.attempts,
            nudges: row.nudges,
            last_error: row.last_error,
            lease_until: row.lease_until.map(Into::into),
        }
    }
}

/// Which work to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobQuery {
    lane: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists due work, with what went wrong last.
#[utoipa::path(get, path = "/v1/ops/jobs", tag = "Operations",
    security(("key" = ["ops"])), params(JobQuery),
    responses((status = 200, body = Page<JobView>), (status = "default", body = Problem)))]
async fn jobs(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<JobQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let after: Option<String> = page.after()?;
    let after = after.as_deref().map(|text| {
        text.split_once(':')
            .ok_or_else(|| Problem::parameter("after", "is not a cursor of this list"))
    });
    let mut tx = api.hub.store.read().await?;
    let rows = tx
        .work()
        .list(&caller.tenant, query.lane.as_deref(), after.transpose()?, page.rows()?)
        .await?;
    let now = api.hub.clock.now();
    let page = Page::cut(rows, page.limit()?, |row| format!("{}:{}", row.lane, row.subject));
    Ok(Json(page.map(|row| JobView::of(row, now))))
}

async fn job(tx: &mut Tx, caller: &Caller, text: &str) -> Result<WorkRow, Problem> {
    let (lane, subject) = text.split_once(':').ok_or_else(|| Problem::not_found("job"))?;
    let row = tx.work().get(&caller.tenant, lane, subject).await?;
    row.ok_or_else(|| Problem::not_found("job"))
}

async fn note(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    verb: Verb,
    row: &WorkRow,
) -> Result<(), StoreError> {
    let act = Act::on(&caller.tenant, verb, &row.subject).with(json!({"lane": row.lane}));
    api.hub.audit.note(tx, &caller.by(), act).await
}

/// Makes a piece of work due now.
#[utoipa::path(post, path = "/v1/ops/jobs/{id}/retry", tag = "Operations",
    security(("key" = ["ops"])), params(("id" = String, Path)),
    responses((status = 202, body = JobView), (status = "default", body = Problem)))]
async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let now = api.hub.clock.now();
    let mut tx = api.hub.store.begin().await?;
    let row = job(&mut tx, &caller, &text).await?;
    tx.work().nudge(&caller.tenant, &row.lane, &row.subject, None, now).await?;
    note(&api, &mut tx, &caller, Verb::JobRetried, &row).await?;
    let row = job(&mut tx, &caller, &text).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(JobView::of(row, now))))
}

/// Removes a piece of work. A calendar's pull comes back with its next nudge.
#[utoipa::path(delete, path = "/v1/ops/jobs/{id}", tag = "Operations",
    security(("key" = ["ops"])), params(("id" = String, Path)),
    responses((status = 204, description = "Removed."), (status = "default", body = Problem)))]
async fn discard(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = api.hub.store.begin().await?;
    let row = job(&mut tx, &caller, &text).await?;
    tx.work().remove(&caller.tenant, &row.lane, &row.subject).await?;
    note(&api, &mut tx, &caller, Verb::JobDiscarded, &row).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What to pull.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"calendar_id": "cal_0198c1", "full": true, "dry_run": false}))]
struct SyncAsk {
    calendar_id: Option<String>,
    connection_id: Option<String>,
    #[serde(default)]
    all: bool,
    /// Forget the cursor and list everything.
    #[serde(default)]
    full: bool,
    /// Tell what a pull would change, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
struct SyncView {
    /// The calendars that are pulled.
    calendars: Vec<String>,
    dry_run: bool,
    /// With `dry_run`: what each pull would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    plans: Option<Vec<Value>>,
}

/// Pulls one calendar, one connection's or all of them; or, with `dry_run`, tells what that would change.
#[utoipa::path(post, path = "/v1/ops/sync", tag = "Operations",
    security(("key" = ["ops"])), request_body = SyncAsk,
    responses((status = 202, body = SyncView), (status = 200, body = SyncView), (status = "default", body = Problem)))]
async fn sync(
    State(api): State<Api>,
    caller: Caller,
    Body(ask): Body<SyncAsk>,
) -> Result<impl IntoResponse, Problem> {
    let selector = selector(ask.calendar_id.as_deref(), ask.connection_id.as_deref(), ask.all)?;
    let none = || Problem::not_found("calendar or connection");
    if ask.dry_run {
        let planned =
            api.hub.engine.dry_run(&caller.tenant, &selector, ask.full).await?.ok_or_else(none)?;
        let view = SyncView {
            calendars: planned.iter().map(|one| one.calendar.to_string()).collect(),
            dry_run: true,
            plans: Some(planned.iter().map(plan).collect()),
        };
        return Ok((StatusCode::OK, Json(view)));
    }
    let nudged = api
        .hub
        .engine
        .request_sync(&caller.by(), &caller.tenant, &selector, ask.full)
        .await?
        .ok_or_else(none)?;
    let calendars = nudged.iter().map(ToString::to_string).collect();
    Ok((StatusCode::ACCEPTED, Json(SyncView { calendars, dry_run: false, plans: None })))
}

fn plan(planned: &Planned) -> Value {
    match &planned.outcome {
        Ok(pulled) => json!({"calendar_id": planned.calendar, "would": pulled}),
        Err(error) => json!({"calendar_id": planned.calendar, "error": error.code()}),
    }
}

/// Which calendars are meant.
pub(super) fn selector(
    calendar: Option<&str>,
    connection: Option<&str>,
    all: bool,
) -> Result<Selector, Problem> {
    match (calendar, connection, all) {
        (Some(text), None, false) => Ok(Selector::Calendar(id(text, "calendar")?)),
        (None, Some(text), false) => Ok(Selector::Connection(id(text, "connection")?)),
        (None, None, true) => Ok(Selector::All),
        _ => Err(Problem::field(
            "",
            "required",
            "name exactly one of calendar_id, connection_id and all",
        )),
    }
}

/// Why the engine could not do what was asked of it.
impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(error) => error.into(),
            SyncError::Gone => Self::not_found("calendar or connection"),
            SyncError::Paused => Self::new("paused", "An operator has paused reading there."),
            error => Self::internal(&error, "sync"),
        }
    }
}

/// A change that is kept aside.
#[derive(Debug, Serialize, ToSchema)]
struct QuarantineView {
    calendar_id: String,
    connection_id: String,
    name: String,
    /// What the provider's answer would take away: `since`, `lost` of `before` future busy intervals, the
    /// earliest `spans` of them and how many `more`, and the operator's `word` (`none`, `confirmed`, `rejected`).
    #[schema(value_type = Object)]
    difference: Value,
}

impl From<CalendarRow> for QuarantineView {
    fn from(row: CalendarRow) -> Self {
        Self {
            calendar_id: row.calendar_id.to_string(),
            connection_id: row.connection_id.to_string(),
            name: row.name,
            difference: difference(row.quarantine),
        }
    }
}

/// What would be lost: how much, of how much, and when; nothing of what it is.
fn difference(note: Option<Value>) -> Value {
    let held = note.and_then(|note| serde_json::from_value::<Held>(note).ok());
    let Some(held) = held else { return Value::Null };
    let span = |(start, end): &(jiff::Timestamp, jiff::Timestamp)| json!({"start": Instant::from(*start), "end": Instant::from(*end)});
    let spans: Vec<Value> = held.spans.iter().map(span).collect();
    json!({
        "since": Instant::from(held.since),
        "lost": held.lost,
        "before": held.before,
        "word": held.word,
        "spans": spans,
        "more": held.lost.saturating_sub(held.spans.len()),
    })
}

/// Lists changes that look like a fault and are kept aside, with the difference.
#[utoipa::path(get, path = "/v1/ops/quarantine", tag = "Operations",
    security(("key" = ["ops"])),
    responses((status = 200, body = Page<QuarantineView>), (status = "default", body = Problem)))]
async fn quarantined(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Page<QuarantineView>>, Problem> {
    let rows = api.hub.store.read().await?.calendars().quarantined(&caller.tenant).await?;
    Ok(Json(Page { items: rows.into_iter().map(Into::into).collect(), next: None }))
}

async fn decide(
    api: &Api,
    caller: &Caller,
    text: &str,
    accept: bool,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let calendar: CalendarId = id(text, "calendar")?;
    let row = api.hub.store.read().await?.calendars().get(&caller.tenant, &calendar).await?;
    row.filter(|row| row.quarantine.is_some())
        .ok_or_else(|| Problem::not_found("quarantined change"))?;
    let word = if accept { Word::Confirmed } else { Word::Rejected };
    let settled =
        api.hub.engine.judge_quarantine(&caller.by(), &caller.tenant, &calendar, word).await?;
    if !settled {
        return Err(Problem::not_found("quarantined change"));
    }
    settle(api).await;
    let decision = if accept { "confirmed" } else { "rejected" };
    Ok((StatusCode::ACCEPTED, Json(json!({"calendar_id": calendar, "decision": decision}))))
}

/// Lets a quarantined change in: the next pull applies it.
#[utoipa::path(post, path = "/v1/ops/quarantine/{calendar_id}/confirm", tag = "Operations",
    security(("key" = ["ops"])),
    params(("calendar_id" = String, Path)),
    responses((status = 202, body = Object), (status = "default", body = Problem)))]
async fn confirm(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    decide(&api, &caller, &text, true).await
}

/// Throws a quarantined change away: what was known stays, and everything is listed again.
#[utoipa::path(post, path = "/v1/ops/quarantine/{calendar_id}/reject", tag = "Operations",
    security(("key" = ["ops"])),
    params(("calendar_id" = String, Path)),
    responses((status = 202, body = Object), (status = "default", body = Problem)))]
async fn reject(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    decide(&api, &caller, &text, false).await
}

/// A span that could not be expanded.
#[derive(Debug, Serialize, ToSchema)]
struct UnexpandableView {
    calendar_id: String,
    /// The provider's name for the series.
    series: String,
    start: Micros,
    end: Micros,
}

/// Lists series that could not be expanded within their work budget; their span is unknown.
#[utoipa::path(get, path = "/v1/ops/unexpandable", tag = "Operations",
    security(("key" = ["ops"])),
    responses((status = 200, body = Page<UnexpandableView>), (status = "default", body = Problem)))]
async fn unexpandable(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Page<UnexpandableView>>, Problem> {
    let rows = api.hub.store.read().await?.events().unexpandable(&caller.tenant, 500).await?;
    let view = |row: crate::store::CalendarBusyRow| UnexpandableView {
        calendar_id: row.calendar_id.to_string(),
        series: row.busy.series,
        start: Micros(row.busy.span.start_us()),
        end: Micros(row.busy.span.end_us()),
    };
    Ok(Json(Page { items: rows.into_iter().map(view).collect(), next: None }))
}
