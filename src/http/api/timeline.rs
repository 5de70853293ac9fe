//! `/v1/ops/timeline`: all that happened to one calendar, connection or booking.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    booking::story,
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Page, PageQuery, Query},
        wire::Instant,
    },
    model::ids::{BookingId, CalendarId, ConnectionId},
    store::{TimelinePage, TimelineRow, Tx},
    sync::timeline::describe,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(timeline))
}

/// Whose timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TimelineQuery {
    /// `cal_..` (with what happened to its connection), `con_..` (with all its calendars), or `bkg_..` (from the request
    /// that made it to every try at its calendars).
    id: String,
    limit: Option<u32>,
    after: Option<String>,
}

/// Something that happened, once or several times in a row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"subject": "cal_0198c1", "kind": "pulled", "text": "pulled: nothing new", "times": 95,
    "first_at": "2026-03-02T09:00:00Z", "last_at": "2026-03-03T08:45:00Z", "detail": {"full": false}}))]
struct EntryView {
    /// The calendar, connection or booking that it is about.
    subject: String,
    /// Of a booking: what its history says, and `try`. Otherwise `linked`, `listed`, `listing_failed`, `state_changed`, `nudged`, `started_over`, `pulled`,
    /// `pull_failed`, `held`, `released`, `judged`, `paused`, `resumed`.
    kind: String,
    /// The same in a sentence.
    text: String,
    /// How often in a row.
    times: i64,
    first_at: Instant,
    last_at: Instant,
    /// Numbers, states and codes; never a title, an address or a login.
    #[schema(value_type = Object)]
    detail: Value,
}

impl From<TimelineRow> for EntryView {
    fn from(row: TimelineRow) -> Self {
        Self {
            text: describe(&row.kind, &row.body),
            subject: row.subject,
            kind: row.kind,
            times: row.times,
            first_at: row.first_at.into(),
            last_at: row.last_at.into(),
            detail: row.body,
        }
    }
}

/// The connection that an id is, or belongs to.
async fn home(tx: &mut Tx, caller: &Caller, text: &str) -> Result<ConnectionId, Problem> {
    if let Ok(calendar) = text.parse::<CalendarId>() {
        let row = tx.calendars().get(&caller.tenant, &calendar).await?;
        return row.map(|row| row.connection_id).ok_or_else(|| Problem::not_found("calendar"));
    }
    let unknown = || Problem::not_found("calendar or connection");
    let connection = text.parse::<ConnectionId>().map_err(|_| unknown())?;
    let row = tx.connections().get(&caller.tenant, &connection).await?;
    row.map(|row| row.connection_id).ok_or_else(unknown)
}

/// Tells all that happened to one calendar, connection or booking, the latest first.
///
/// Nudges, pulls with their outcome, decisions on suspicious removals, states. Equal entries in a row are one
/// that counts; at most 300 a calendar or connection are kept, for at most 90 days. A booking's comes on one page.
#[utoipa::path(get, path = "/v1/ops/timeline", tag = "Operations",
    security(("key" = ["ops"])), params(TimelineQuery),
    responses((status = 200, body = Page<EntryView>), (status = "default", body = Problem)))]
async fn timeline(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let mut tx = api.hub.store.read().await?;
    if let Ok(booking) = query.id.parse() {
        let items = of_booking(&mut tx, &caller, &booking).await?;
        return Ok(Json(Page { items, next: None }));
    }
    let page = PageQuery { limit: query.limit, after: query.after };
    let after: Option<String> = page.after()?;
    let after = after.as_deref().map(place).transpose()?;
    let connection = home(&mut tx, &caller, &query.id).await?;
    let asked = TimelinePage { connection: &connection, id: &query.id, after, limit: page.rows()? };
    let rows = tx.timeline().read(&caller.tenant, &asked).await?;
    let page = Page::cut(rows, page.limit()?, |row| {
        format!("{}:{}:{}", row.last_at.as_microsecond(), row.n, row.subject)
    });
    Ok(Json(page.map(Into::into)))
}

/// How many tries at each calendar are told.
const TRIES: i64 = 500;

/// A booking's history with every try at its calendars.
async fn of_booking(
    tx: &mut Tx,
    caller: &Caller,
    booking: &BookingId,
) -> Result<Vec<EntryView>, Problem> {
    let tenant = &caller.tenant;
    tx.bookings().get(tenant, booking).await?.ok_or_else(|| Problem::not_found("booking"))?;
    let once = |subject: &str, kind: String, text, at: Timestamp, detail| {
        let (subject, at) = (subject.to_owned(), Instant::from(at));
        EntryView { subject, kind, text, times: 1, first_at: at, last_at: at, detail }
    };
    let mut told = Vec::new();
    for row in tx.bookings().history(tenant, booking).await? {
        let mut detail = row.body;
        let text = story::describe(&row.kind, &detail);
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("actor".to_owned(), json!(row.actor));
        }
        told.push((row.at, once(booking.as_str(), row.kind, text, row.at, detail)));
    }
    for delivery in tx.outbox().of_booking(tenant, booking).await? {
        let calendar = &delivery.calendar_id;
        let mut tries = tx.outbox().attempts(tenant, booking, calendar, TRIES).await?;
        tries.reverse();
        for row in tries {
            let text = story::describe_try(&row);
            let detail = json!({"verb": row.verb, "outcome": row.outcome, "status": row.status});
            told.push((row.at, once(calendar.as_str(), "try".to_owned(), text, row.at, detail)));
        }
    }
    // Of the same instant the history comes first, as it happened.
    told.sort_by_key(|(at, _)| *at);
    Ok(told.into_iter().rev().map(|(_, entry)| entry).collect())
}

/// Reads where a page begins.
fn place(text: &str) -> Result<(Timestamp, &str, i64), Problem> {
    let read = || {
        let (at, rest) = text.split_once(':')?;
        let (n, subject) = rest.split_once(':')?;
        Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, subject, n.parse().ok()?))
    };
    read().ok_or_else(|| Problem::parameter("after", "is not a cursor of this list"))
}
