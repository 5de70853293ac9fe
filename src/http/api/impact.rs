//! `/v1/ops/impact`: bookings that rest on calendars that nobody can vouch for.

use axum::{Json, extract::State};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    booking::{AtRisk, Doubted},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Page, PageQuery, Query},
        wire::{Instant, Iso},
    },
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(impact))
}

/// What is asked for when nothing is.
const HORIZON: SignedDuration = SignedDuration::from_hours(24);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 400);

/// How far to look.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImpactQuery {
    /// A duration from now, `PT24H` when left out.
    #[param(value_type = Option<String>)]
    horizon: Option<Iso>,
    limit: Option<u32>,
    after: Option<String>,
}

/// A booking that rests on calendars in doubt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"booking_id": "bkg_0198c1", "external_id": "order_1001", "start": "2026-03-02T09:00:00Z",
    "end": "2026-03-02T09:30:00Z", "resources": ["res_0198c1"], "verified": true, "calendars": [{
    "calendar_id": "cal_0198c1", "reason": "needs_reauth", "synced_at": "2026-03-01T20:00:00Z", "blocks": true}]}))]
struct ImpactView {
    booking_id: String,
    external_id: Option<String>,
    start: Instant,
    end: Instant,
    resources: Vec<String>,
    /// Whether every calendar vouched for the slot when it was booked.
    verified: bool,
    calendars: Vec<DoubtedView>,
}

/// A calendar in doubt.
#[derive(Debug, Serialize, ToSchema)]
struct DoubtedView {
    calendar_id: String,
    /// `stale`, `needs_reauth`, `quarantined` or `never_synced`.
    reason: &'static str,
    synced_at: Option<Instant>,
    /// Whether its busy time would be in the booking's way; otherwise the booking is only written there.
    blocks: bool,
}

impl From<Doubted> for DoubtedView {
    fn from(one: Doubted) -> Self {
        Self {
            calendar_id: one.calendar_id.to_string(),
            reason: one.reason.as_str(),
            synced_at: one.synced_at.map(Into::into),
            blocks: one.blocks,
        }
    }
}

impl From<AtRisk> for ImpactView {
    fn from(one: AtRisk) -> Self {
        let AtRisk { booking, calendars } = one;
        Self {
            booking_id: booking.booking_id.to_string(),
            external_id: booking.external_id,
            start: booking.span.start().into(),
            end: booking.span.end().into(),
            resources: booking.resources.iter().map(ToString::to_string).collect(),
            verified: booking.verified,
            calendars: calendars.into_iter().map(Into::into).collect(),
        }
    }
}

/// Lists the bookings of the next hours that rest on calendars which are stale, in quarantine, never read, or whose login
/// is refused: what a person has entered there since, nobody knows.
#[utoipa::path(get, path = "/v1/ops/impact", tag = "Operations",
    security(("key" = ["ops"])), params(ImpactQuery),
    responses((status = 200, body = Page<ImpactView>), (status = "default", body = Problem)))]
async fn impact(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ImpactQuery>,
) -> Result<Json<Page<ImpactView>>, Problem> {
    let horizon = query.horizon.map_or(HORIZON, |horizon| horizon.0);
    if horizon.is_negative() || horizon > LONGEST {
        return Err(Problem::parameter("horizon", "must be between PT0S and P400D"));
    }
    let page = PageQuery { limit: query.limit, after: query.after };
    let after: Option<String> = page.after()?;
    let wrong = || Problem::parameter("after", "is not a cursor of this list");
    let after = after.map(|text| text.parse().map_err(|_| wrong())).transpose()?;
    let until = api.hub.clock.now().saturating_add(horizon).unwrap_or(jiff::Timestamp::MAX);
    let rows = usize::try_from(page.rows()?).unwrap_or(usize::MAX);
    let found = api.hub.desk.impact(&caller.tenant, until, after, rows).await?;
    let page = Page::cut(found, page.limit()?, |one| one.booking.booking_id.to_string());
    Ok(Json(page.map(Into::into)))
}
