//! `/v1/ops/channels`: through which providers tell of changes.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Page, PageQuery, Query},
        wire::Instant,
    },
    store::ChannelRow,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A channel through which a provider tells of a calendar's changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "chn_0198c1", "calendar_id": "cal_0198c1", "state": "open",
    "opened_at": "2026-03-02T09:00:00Z", "expires_at": "2026-03-09T09:00:00Z", "renew_at": "2026-03-06T11:00:00Z",
    "proven_at": "2026-03-02T09:00:01Z", "heard_at": "2026-03-03T14:12:00Z", "messages": 17}))]
struct ChannelView {
    id: String,
    calendar_id: String,
    /// `opening`, `open` or `closing`.
    state: String,
    opened_at: Instant,
    expires_at: Option<Instant>,
    /// When it is replaced by another one.
    renew_at: Option<Instant>,
    /// When the provider was first heard on it.
    proven_at: Option<Instant>,
    /// When it was last heard.
    heard_at: Option<Instant>,
    /// The highest number of a message; some are lost on the way.
    messages: i64,
}

impl From<ChannelRow> for ChannelView {
    fn from(row: ChannelRow) -> Self {
        Self {
            id: row.channel_id.to_string(),
            calendar_id: row.calendar_id.to_string(),
            state: row.state,
            opened_at: row.created_at.into(),
            expires_at: row.expires_at.map(Into::into),
            renew_at: row.renew_at.map(Into::into),
            proven_at: row.proven_at.map(Into::into),
            heard_at: row.heard_at.map(Into::into),
            messages: row.number,
        }
    }
}

/// Which channels to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ChannelQuery {
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists the channels through which providers tell of changes.
#[utoipa::path(get, path = "/v1/ops/channels", tag = "Operations", security(("key" = ["ops"])),
    params(ChannelQuery),
    responses((status = 200, body = Page<ChannelView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ChannelQuery>,
) -> Result<Json<Page<ChannelView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let (after, limit) = (page.after()?, page.rows()?);
    let mut tx = api.hub.store.glance().await?;
    let rows = tx.channels().list(&caller.tenant, after.as_ref(), limit).await?;
    let rows = Page::cut(rows, page.limit()?, |row| row.channel_id.to_string());
    let items = rows.items.into_iter().map(Into::into).collect();
    Ok(Json(Page { items, next: rows.next }))
}
