//! `/v1/changes`: the change log, in pages and live.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use prometheus::IntGauge;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    changes::{After, ChangeFilter, ChangeRow, Follower, Reader},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{PageQuery, Query, words},
        wire::Instant,
    },
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(follow))
}

const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where to read from, and what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ChangesQuery {
    /// A cursor, or `now`. Without it: everything that is kept.
    after: Option<String>,
    /// Comma-separated types; all when left out.
    types: Option<String>,
    limit: Option<u32>,
}

/// One entry.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "evt_0198c1", "cursor": "e5f0c.0.42", "type": "busy.changed",
    "timestamp": "2026-03-02T09:00:00Z", "tenant_id": "ten_0198c1", "actor": "connection:con_0198c1",
    "data": {"calendar_id": "cal_0198c1", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}}))]
struct ChangeView {
    id: String,
    cursor: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: Instant,
    tenant_id: String,
    actor: String,
    #[schema(value_type = Object)]
    data: Value,
}

impl From<ChangeRow> for ChangeView {
    fn from(row: ChangeRow) -> Self {
        let ChangeRow { cursor, change } = row;
        Self {
            id: change.change_id.to_string(),
            cursor: cursor.to_string(),
            kind: change.kind,
            timestamp: change.at.into(),
            tenant_id: change.tenant_id.to_string(),
            actor: change.actor,
            data: change.body,
        }
    }
}

/// A part of the log, and where to go on.
#[derive(Debug, Serialize, ToSchema)]
struct ChangesView {
    items: Vec<ChangeView>,
    /// Always there, also when nothing was found.
    cursor: String,
}

fn asked(
    caller: &Caller,
    after: Option<&str>,
    types: Option<&str>,
    limit: usize,
) -> Result<(After, ChangeFilter), Problem> {
    let filter = ChangeFilter {
        tenant: Some(caller.tenant.clone()),
        kinds: words(types),
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
    };
    let after = match after {
        None => After::Start,
        Some(text) => text
            .parse()
            .map_err(|_| Problem::parameter("after", "is not a cursor of the change log"))?,
    };
    Ok((after, filter))
}

/// Reads what happened after a cursor, in the order in which it was committed.
///
/// A consumer that stores the cursor misses nothing and may see an entry twice (same `id`). Entries are kept for
/// 30 days; 410 `cursor_expired` after that.
#[utoipa::path(get, path = "/v1/changes", tag = "Changes",
    security(("key" = ["availability:read"]), ("key" = ["bookings:read"]), ("key" = ["connections:read"]), ("key" = ["ops"])), params(ChangesQuery),
    responses((status = 200, body = ChangesView), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<ChangesView>, Problem> {
    let limit = PageQuery { limit: query.limit, after: None }.limit()?;
    let (after, filter) = asked(&caller, query.after.as_deref(), query.types.as_deref(), limit)?;
    let mut reader = Reader::open(api.hub.store.clone(), after, filter).await?;
    let rows =
        if query.after.as_deref() == Some("now") { Vec::new() } else { reader.page().await? };
    let cursor = reader.cursor().to_string();
    Ok(Json(ChangesView { items: rows.into_iter().map(ChangeView::from).collect(), cursor }))
}

/// Follows the log live (server-sent events): `id:` is the cursor, `event:` the type, `data:` the entry.
///
/// `Last-Event-ID` resumes where a connection was lost; a comment every 15 seconds keeps the line open. Starts at
/// `after`, or at the end of the log.
#[utoipa::path(get, path = "/v1/changes/stream", tag = "Changes",
    security(("key" = ["availability:read"]), ("key" = ["bookings:read"]), ("key" = ["connections:read"]), ("key" = ["ops"])),
    params(ChangesQuery, ("Last-Event-ID" = Option<String>, Header, description = "The last `id:` that was seen.")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = "default", body = Problem)))]
async fn follow(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<ChangesQuery>,
) -> Result<impl IntoResponse, Problem> {
    let limit = PageQuery { limit: query.limit, after: None }.limit()?;
    let seen = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.is_empty());
    let after = seen.or(query.after.as_deref()).unwrap_or("now");
    let (after, filter) = asked(&caller, Some(after), query.types.as_deref(), limit)?;
    let follower = api.relay.follow(after, filter).await?;
    let events = entries(follower, api.stopping.clone(), Present::of(&api));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat")))
}

/// Counts a live reader for as long as it is there.
struct Present(IntGauge);

impl Present {
    fn of(api: &Api) -> Self {
        let readers = api.meters.readers.clone();
        readers.inc();
        Self(readers)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Entries until the hub stops, or until the reader's cursor expires under it.
fn entries(
    follower: Follower,
    stopping: watch::Receiver<bool>,
    present: Present,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let begun = (follower, stopping, present);
    stream::unfold(begun, |(mut follower, mut stopping, present)| async move {
        let rows = tokio::select! {
            page = follower.next_page() => match page {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "A live reader of the change log ends.");
                    return None;
                }
            },
            _ = stopping.wait_for(|stop| *stop) => return None,
        };
        let events: Vec<_> = rows.into_iter().map(|row| Ok(entry(row))).collect();
        Some((stream::iter(events), (follower, stopping, present)))
    })
    .flatten()
}

fn entry(row: ChangeRow) -> Event {
    let view = ChangeView::from(row);
    let data = serde_json::to_string(&view).unwrap_or_default();
    Event::default().id(&view.cursor).event(&view.kind).data(data)
}
