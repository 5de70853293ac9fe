//! `/v1/ops/timeline`: all that happened to one calendar or connection.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Page, PageQuery, Query},
        wire::Instant,
    },
    model::ids::{CalendarId, ConnectionId},
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
    /// `cal_..` (with what happened to its connection) or `con_..` (with all its calendars).
    id: String,
    limit: Option<u32>,
    after: Option<String>,
}

/// Something that happened, once or several times in a row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"subject": "cal_0198c1", "kind": "pulled", "text": "pulled: nothing new", "times": 95,
    "first_at": "2026-03-02T09:00:00Z", "last_at": "2026-03-03T08:45:00Z", "detail": {"full": false}}))]
struct EntryView {
    /// The calendar or connection that it is about.
    subject: String,
    /// `linked`, `listed`, `listing_failed`, `state_changed`, `nudged`, `started_over`, `pulled`,
    /// `pull_failed`, `held`, `released`, `judged`.
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

/// Tells all that happened to one calendar or connection, the latest first.
///
/// Nudges, pulls with their outcome, decisions on suspicious removals, states. Equal entries in a row are one
/// that counts; at most 300 a calendar or connection are kept, for at most 90 days.
#[utoipa::path(get, path = "/v1/ops/timeline", tag = "Operations",
    security(("key" = ["ops"])), params(TimelineQuery),
    responses((status = 200, body = Page<EntryView>), (status = "default", body = Problem)))]
async fn timeline(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let after: Option<String> = page.after()?;
    let after = after.as_deref().map(place).transpose()?;
    let mut tx = api.hub.store.read().await?;
    let connection = home(&mut tx, &caller, &query.id).await?;
    let asked = TimelinePage { connection: &connection, id: &query.id, after, limit: page.rows()? };
    let rows = tx.timeline().read(&caller.tenant, &asked).await?;
    let page = Page::cut(rows, page.limit()?, |row| {
        format!("{}:{}:{}", row.last_at.as_microsecond(), row.n, row.subject)
    });
    Ok(Json(page.map(Into::into)))
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
