//! `/v1/ops/outbox`: what calendars should hold for bookings, every try at it, and the operator's hand on it.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    audit::{Act, Verb},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, Page, PageQuery, Path, Query, check_text},
        wire::Instant,
    },
    model::{
        ids::{BookingId, CalendarId},
        states::Delivery,
    },
    push::ask_for_delivery,
    store::{AttemptRow, OutboxFilter, OutboxRow, Tx},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(retry))
        .routes(routes!(skip))
        .routes(routes!(adopt))
}

/// How many tries are shown of each row.
const TRIES: i64 = 20;

/// One calendar's part of one booking.
#[derive(Debug, Serialize, ToSchema)]
struct OutboxView {
    /// Booking and calendar.
    id: String,
    booking_id: String,
    calendar_id: String,
    /// `pending`, `written`, `conflict`, `failed` or `not_applicable`.
    state: &'static str,
    /// Whether there should be an event at all.
    present: bool,
    /// The revision of the booking that is wanted, and the one that was last sent.
    wanted: i64,
    written: Option<i64>,
    /// Whether something was sent of which nobody knows whether it arrived.
    in_doubt: bool,
    event_id: Option<String>,
    version: Option<String>,
    last_error: Option<String>,
    /// The last tries, the latest first.
    attempts: Vec<AttemptView>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptView {
    /// `create`, `replace`, `delete`, `find` or `get`.
    verb: String,
    /// `ok`, or what went wrong.
    outcome: String,
    /// The provider's HTTP status.
    status: Option<i64>,
    detail: Option<String>,
    at: Instant,
    took_ms: u64,
}

impl AttemptView {
    fn of(row: AttemptRow) -> Self {
        Self {
            verb: row.verb,
            outcome: row.outcome,
            status: row.status,
            detail: row.detail,
            at: row.at.into(),
            took_ms: u64::try_from(row.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl OutboxView {
    fn of(row: OutboxRow, attempts: Vec<AttemptRow>) -> Self {
        Self {
            id: format!("{}:{}", row.booking_id, row.calendar_id),
            booking_id: row.booking_id.to_string(),
            calendar_id: row.calendar_id.to_string(),
            state: row.state.as_str(),
            present: row.present,
            wanted: row.wanted,
            written: row.written.map(|(revision, _)| revision),
            in_doubt: row.is_in_doubt(),
            event_id: row.item,
            version: row.version,
            last_error: row.last_error,
            attempts: attempts.into_iter().map(AttemptView::of).collect(),
        }
    }
}

/// Which rows to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OutboxQuery {
    /// `failed` are the dead letters.
    state: Option<String>,
    calendar_id: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

fn parts(text: &str) -> Option<(BookingId, CalendarId)> {
    let (booking, calendar) = text.split_once(':')?;
    Some((booking.parse().ok()?, calendar.parse().ok()?))
}

/// Lists what calendars should hold for bookings, with the last tries.
#[utoipa::path(get, path = "/v1/ops/outbox", tag = "Operations",
    security(("key" = ["ops"])), params(OutboxQuery),
    responses((status = 200, body = Page<OutboxView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<OutboxQuery>,
) -> Result<Json<Page<OutboxView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let wrong = |name, what: &str| Problem::parameter(name, what);
    let state = query.state.map(|word| {
        Delivery::parse(&word).ok_or_else(|| wrong("state", "is no state of the outbox"))
    });
    let calendar = query
        .calendar_id
        .map(|text| text.parse().map_err(|_| wrong("calendar_id", "is not a calendar's id")));
    let after: Option<String> = page.after()?;
    let after = after
        .map(|text| parts(&text).ok_or_else(|| wrong("after", "is not a cursor of this list")));
    let filter = OutboxFilter {
        state: state.transpose()?,
        calendar: calendar.transpose()?,
        after: after.transpose()?,
        limit: page.rows()?,
    };
    let mut tx = api.hub.store.read().await?;
    let rows = tx.outbox().list(&caller.tenant, &filter).await?;
    let rows =
        Page::cut(rows, page.limit()?, |row| format!("{}:{}", row.booking_id, row.calendar_id));
    let mut items = Vec::with_capacity(rows.items.len());
    for row in rows.items {
        let (booking, calendar) = (&row.booking_id, &row.calendar_id);
        let tries = tx.outbox().attempts(&caller.tenant, booking, calendar, TRIES).await?;
        items.push(OutboxView::of(row, tries));
    }
    Ok(Json(Page { items, next: rows.next }))
}

async fn find(tx: &mut Tx, caller: &Caller, text: &str) -> Result<OutboxRow, Problem> {
    let none = || Problem::not_found("row of the outbox");
    let (booking, calendar) = parts(text).ok_or_else(none)?;
    tx.outbox().get(&caller.tenant, &booking, &calendar).await?.ok_or_else(none)
}

/// Stores a row as an operator wants it, and has it looked at.
async fn renew(
    api: &Api,
    caller: &Caller,
    (text, verb): (&str, Verb),
    with: impl FnOnce(OutboxRow) -> OutboxRow,
) -> Result<StatusCode, Problem> {
    let mut tx = api.hub.store.begin().await?;
    if let Some((booking, _)) = parts(text) {
        tx.bookings().lock(&caller.tenant, &booking).await?;
    }
    let row = with(find(&mut tx, caller, text).await?);
    let now = api.hub.clock.now();
    tx.outbox().found(&caller.tenant, &row, now).await?;
    ask_for_delivery(&mut tx, &caller.tenant, &row.booking_id, &row.calendar_id, now).await?;
    let calendar = json!({"calendar_id": row.calendar_id});
    let act = Act::on(&caller.tenant, verb, row.booking_id.as_str()).with(calendar);
    api.hub.audit.note(&mut tx, &caller.by(), act).await?;
    tx.commit().await?;
    api.hub.engine.ring();
    Ok(StatusCode::ACCEPTED)
}

/// Tries a row again now. What may have landed is looked at before anything is repeated.
#[utoipa::path(post, path = "/v1/ops/outbox/{id}/retry", tag = "Operations",
    security(("key" = ["ops"])), params(("id" = String, Path, description = "`bkg_..:cal_..`.")),
    responses((status = 202, description = "It is tried now."), (status = "default", body = Problem)))]
async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let asked = (&*text, Verb::OutboxRetried);
    renew(&api, &caller, asked, |row| OutboxRow { state: Delivery::Pending, ..row }).await
}

/// Leaves the calendar as it is: the booking stands, and nothing more is written there for it.
#[utoipa::path(post, path = "/v1/ops/outbox/{id}/skip", tag = "Operations",
    security(("key" = ["ops"])), params(("id" = String, Path, description = "`bkg_..:cal_..`.")),
    responses((status = 202, description = "It is left."), (status = "default", body = Problem)))]
async fn skip(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let leave = |row| OutboxRow { state: Delivery::NotApplicable, last_error: None, ..row };
    renew(&api, &caller, (&text, Verb::OutboxSkipped), leave).await
}

/// The event that stands for a booking already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"event_id": "/calendars/anna/work/1.ics"}))]
struct Adoption {
    /// The provider's name for it.
    event_id: String,
}

/// Takes an event that is in the calendar already for the booking's own. It is looked at first: another time than the
/// booking's is a conflict.
#[utoipa::path(post, path = "/v1/ops/outbox/{id}/adopt", tag = "Operations",
    security(("key" = ["ops"])), request_body = Adoption,
    params(("id" = String, Path, description = "`bkg_..:cal_..`.")),
    responses((status = 202, description = "It is looked at now."), (status = "default", body = Problem)))]
async fn adopt(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    Body(body): Body<Adoption>,
) -> Result<StatusCode, Problem> {
    check_text("/event_id", &body.event_id, 2_000)?;
    let asked = (&*text, Verb::OutboxAdopted);
    renew(&api, &caller, asked, |row| row.adopting(&body.event_id)).await
}
