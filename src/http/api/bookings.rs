//! `/v1/bookings`: promises made through the hub.

mod answer;
mod asked;
mod body;

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    answer::Answer,
    asked::asked,
    body::{BookingBody, BookingView, whole},
};
use super::{
    events::settle,
    holds::{actor, span},
    resources::{find as find_resource, named},
};
use crate::{
    booking::{Answering, Changes, Details, NewBooking, Refusal, Settlement},
    http::{
        Api, Problem,
        auth::Caller,
        extract::{
            Body, IfMatch, Page, PageQuery, Path, PreferredWait, Query, check_text, etag,
            merge_patch, typed,
        },
        wire::Instant,
    },
    model::{
        ids::BookingId,
        states::{BookingStatus, Delivery},
    },
    store::{BookingFilter, BookingRow, Tx},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, put, patch))
        .routes(routes!(confirm))
        .routes(routes!(cancel))
        .routes(routes!(complete))
        .routes(routes!(no_show))
        .routes(routes!(resolve))
}

/// Finds a booking by its id or by `ext:` and its external id.
pub(super) async fn lookup(
    tx: &mut Tx,
    caller: &Caller,
    text: &str,
) -> Result<Option<BookingRow>, Problem> {
    Ok(match text.strip_prefix("ext:") {
        Some(external_id) => tx.bookings().by_external_id(&caller.tenant, external_id).await?,
        None => match text.parse() {
            Ok(booking) => tx.bookings().get(&caller.tenant, &booking).await?,
            Err(_) => None,
        },
    })
}

async fn find(tx: &mut Tx, caller: &Caller, text: &str) -> Result<BookingRow, Problem> {
    lookup(tx, caller, text).await?.ok_or_else(|| Problem::not_found("booking"))
}

/// Answers a booking as it stands, with its history where one booking was asked for.
async fn rendered(api: &Api, status: StatusCode, row: &BookingRow) -> Result<Response, Problem> {
    let mut tx = api.hub.store.read().await?;
    // Its details may have been sealed anew since it was read, and who asked may have waited long.
    let now = tx.bookings().get(&row.tenant_id, &row.booking_id).await?;
    Ok(shown(api, &mut tx, status, now.as_ref().unwrap_or(row)).await?)
}

async fn shown(
    api: &Api,
    tx: &mut Tx,
    status: StatusCode,
    row: &BookingRow,
) -> Result<Response, Refusal> {
    let view = view(api, tx, row, true).await?;
    Ok((status, [(header::ETAG, etag(row.revision))], Json(view)).into_response())
}

async fn view(
    api: &Api,
    tx: &mut Tx,
    row: &BookingRow,
    with_history: bool,
) -> Result<BookingView, Refusal> {
    let details = Details::open(&api.hub.vault, tx, row).await?;
    let outbox = tx.outbox().of_booking(&row.tenant_id, &row.booking_id).await?;
    let history = match with_history {
        true => Some(tx.bookings().history(&row.tenant_id, &row.booking_id).await?),
        false => None,
    };
    let conflicts = tx.conflicts().of_booking(&row.tenant_id, &row.booking_id).await?;
    Ok(BookingView::of(row, &details, &outbox, &conflicts, history))
}

/// Waits until the calendars have what is wanted, or say that they will not; at most for `wait`.
async fn delivered(api: &Api, row: &BookingRow, wait: Duration) -> Result<(), Problem> {
    const LOOK: Duration = Duration::from_millis(250);
    let mut bell = api.hub.store.bell();
    let look = async {
        loop {
            bell.mark_unchanged();
            let mut tx = api.hub.store.read().await?;
            let outbox = tx.outbox().of_booking(&row.tenant_id, &row.booking_id).await?;
            tx.rollback().await?;
            if whole(&outbox) != Delivery::Pending {
                return Ok(());
            }
            let _ = tokio::time::timeout(LOOK, bell.changed()).await;
        }
    };
    tokio::time::timeout(wait, look).await.unwrap_or(Ok(()))
}

/// Answers a booking that was made or changed, after waiting as long as the caller wants.
async fn answer(
    api: &Api,
    status: StatusCode,
    row: &BookingRow,
    wait: Option<Duration>,
) -> Result<Response, Problem> {
    settle(api).await;
    if let Some(wait) = wait {
        delivered(api, row, wait).await?;
    }
    let mut response = rendered(api, status, row).await?;
    if let Some(wait) = wait {
        let value = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
            .expect("digits are a header value");
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), value);
    }
    Ok(response)
}

/// Makes a booking; its answer is kept with it where the request has a place for that.
async fn make(
    api: &Api,
    caller: &Caller,
    new: NewBooking,
    wait: Option<Duration>,
) -> Result<Response, Problem> {
    let kept = caller.slot.as_deref().map(|slot| Answer::new(api, slot));
    let answering = kept.as_ref().map(|answer| answer as &dyn Answering);
    let booked = api.hub.desk.book_answering(actor(caller), new, answering).await?;
    match kept.and_then(Answer::made) {
        Some(made) => {
            settle(api).await;
            Ok(made)
        }
        None => answer(api, StatusCode::CREATED, &booked.booking, wait).await,
    }
}

/// Makes a booking, of a hold or of a span.
///
/// Where a calendar's knowledge is older than `max_staleness` it is read once more, within two seconds. With
/// `Prefer: wait=5` the answer waits until the calendar has the event.
///
/// With `adopt` an event that is in the calendar already becomes the booking: its time is claimed, it is marked as ours,
/// and nothing else of it changes. The same again answers the same booking.
#[utoipa::path(post, path = "/v1/bookings", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = BookingBody,
    params(("Prefer" = Option<String>, Header, description = "`wait=5`: how long to wait for the calendar, in seconds.")),
    responses((status = 201, body = BookingView), (status = "default", body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    PreferredWait(wait): PreferredWait,
    Body(body): Body<BookingBody>,
) -> Result<Response, Problem> {
    let new = asked(&api, &caller, body).await?;
    make(&api, &caller, new, wait).await
}

/// Confirms a hold: the platform has done its own payment or approval.
#[utoipa::path(post, path = "/v1/holds/{id}/confirm", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = BookingBody,
    params(("id" = String, Path, description = "`hld_..`, or `ext:` and the external id."),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: how long to wait for the calendar, in seconds.")),
    responses((status = 201, body = BookingView), (status = "default", body = Problem)))]
async fn confirm(
    State(api): State<Api>,
    caller: Caller,
    Path(hold): Path<String>,
    PreferredWait(wait): PreferredWait,
    Body(body): Body<BookingBody>,
) -> Result<Response, Problem> {
    if body.hold_id.as_ref().is_some_and(|stated| *stated != hold) {
        return Err(Problem::field("/hold_id", "invalid", "differs from the one in the address"));
    }
    let new = asked(&api, &caller, BookingBody { hold_id: Some(hold), ..body }).await?;
    make(&api, &caller, new, wait).await
}

/// Which bookings to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BookingQuery {
    /// `res_..`, or `ext:` and an external id.
    resource_id: Option<String>,
    external_id: Option<String>,
    /// `pending_payment`, `confirmed`, `cancelled`, `completed` or `no_show`.
    status: Option<String>,
    /// Those that end after it.
    #[param(value_type = Option<String>)]
    start: Option<Instant>,
    /// Those that begin before it.
    #[param(value_type = Option<String>)]
    end: Option<Instant>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists bookings, without their history.
#[utoipa::path(get, path = "/v1/bookings", tag = "Holds and bookings",
    security(("key" = ["bookings:read"])), params(BookingQuery),
    responses((status = 200, body = Page<BookingView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<BookingQuery>,
) -> Result<Json<Page<BookingView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let status = query.status.map(|word| {
        let wrong = || Problem::parameter("status", "is no status of a booking");
        BookingStatus::parse(&word).ok_or_else(wrong)
    });
    let mut tx = api.hub.store.read().await?;
    let resource = match &query.resource_id {
        Some(text) => Some(find_resource(&mut tx, &caller, text).await?.resource_id),
        None => None,
    };
    let filter = BookingFilter {
        status: status.transpose()?,
        resource,
        start: query.start.map(|at| at.0),
        end: query.end.map(|at| at.0),
        after: page.after()?,
        limit: page.rows()?,
    };
    let rows = match &query.external_id {
        Some(external_id) => {
            tx.bookings().by_external_id(&caller.tenant, external_id).await?.into_iter().collect()
        }
        None => tx.bookings().list(&caller.tenant, &filter).await?,
    };
    let page = Page::cut(rows, page.limit()?, |row| row.booking_id.to_string());
    let mut items = Vec::with_capacity(page.items.len());
    for row in &page.items {
        items.push(view(&api, &mut tx, row, false).await?);
    }
    Ok(Json(Page { items, next: page.next }))
}

/// Reads a booking with its history.
#[utoipa::path(get, path = "/v1/bookings/{id}", tag = "Holds and bookings",
    security(("key" = ["bookings:read"])),
    params(("id" = String, Path, description = "`bkg_..`, or `ext:` and the external id.")),
    responses((status = 200, body = BookingView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Response, Problem> {
    let row = find(&mut api.hub.store.read().await?, &caller, &text).await?;
    rendered(&api, StatusCode::OK, &row).await
}

/// Whether this very request has had its effect on a booking, and the hub went down before it could say so.
async fn was_done(tx: &mut Tx, caller: &Caller, row: &BookingRow) -> Result<bool, Problem> {
    Ok(match caller.chance.request() {
        Some(request) => tx.bookings().was_done(&row.tenant_id, &row.booking_id, request).await?,
        None => false,
    })
}

/// Changes a booking to what a body says as a whole.
async fn change(
    api: &Api,
    caller: &Caller,
    seen: &BookingRow,
    body: BookingBody,
) -> Result<BookingRow, Problem> {
    body.check()?;
    let fixed = [
        ("/hold_id", body.hold_id.is_some()),
        ("/write_to", body.write_to.is_some()),
        ("/adopt", body.adopt.is_some()),
    ];
    if let Some((pointer, _)) = fixed.into_iter().find(|(_, is_stated)| *is_stated) {
        return Err(Problem::field(pointer, "invalid", "cannot be changed"));
    }
    let required = |pointer| Problem::field(pointer, "required", "is required");
    let start = body.start.ok_or_else(|| required("/start"))?;
    let end = body.end.ok_or_else(|| required("/end"))?;
    let mut tx = api.hub.store.read().await?;
    let resources = named(&mut tx, caller, &body.resources, "/resources").await?;
    tx.rollback().await?;
    let changes = Changes {
        resources,
        span: span(start, end)?,
        details: body.details(),
        time_zone: body.time_zone,
        external_id: body.external_id,
        metadata: json!(body.metadata),
        max_staleness: body.max_staleness.map(|age| age.0),
        allow_unverified: body.allow_unverified,
        as_found_in: None,
        request: caller.chance.request().map(str::to_owned),
    };
    Ok(api.hub.desk.change_booking(actor(caller), seen, changes).await?.booking)
}

/// Makes the booking with this external id, or changes it to what the body says.
#[utoipa::path(put, path = "/v1/bookings/{id}", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = BookingBody,
    params(("id" = String, Path, description = "`ext:` and the external id.")),
    responses((status = 200, body = BookingView), (status = 201, body = BookingView),
        (status = "default", body = Problem)))]
async fn put(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    headers: HeaderMap,
    PreferredWait(wait): PreferredWait,
    Body(body): Body<BookingBody>,
) -> Result<Response, Problem> {
    let external_id = text.strip_prefix("ext:").ok_or_else(|| {
        Problem::parameter("id", "PUT takes ext:{external_id}; a bkg_ id is changed by PATCH")
    })?;
    if body.external_id.as_ref().is_some_and(|stated| stated != external_id) {
        let detail = "differs from the one in the address";
        return Err(Problem::field("/external_id", "invalid", detail));
    }
    let body = BookingBody { external_id: Some(external_id.to_owned()), ..body };
    let mut tx = api.hub.store.read().await?;
    let there = lookup(&mut tx, &caller, &text).await?;
    let is_done = match &there {
        Some(row) => was_done(&mut tx, &caller, row).await?,
        None => false,
    };
    tx.rollback().await?;
    match there {
        None => {
            let new = asked(&api, &caller, body).await?;
            let booked = api.hub.desk.book(actor(&caller), new).await?;
            answer(&api, StatusCode::CREATED, &booked.booking, wait).await
        }
        // Made or changed by this request, before the hub went down.
        Some(row) if caller.chance.mint(&api.hub, BookingId::mint) == row.booking_id => {
            answer(&api, StatusCode::CREATED, &row, wait).await
        }
        Some(row) if is_done => answer(&api, StatusCode::OK, &row, wait).await,
        Some(row) => {
            if headers.contains_key(header::IF_MATCH) {
                IfMatch::of(&headers)?.check(row.revision)?;
            }
            let row = change(&api, &caller, &row, body).await?;
            answer(&api, StatusCode::OK, &row, wait).await
        }
    }
}

/// Changes a booking (RFC 7396). A new time is claimed before the old one is given back.
#[utoipa::path(patch, path = "/v1/bookings/{id}", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = BookingBody,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or `*`.")),
    responses((status = 200, body = BookingView), (status = "default", body = Problem)))]
async fn patch(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    if_match: IfMatch,
    PreferredWait(wait): PreferredWait,
    Body(patch): Body<Value>,
) -> Result<Response, Problem> {
    let mut tx = api.hub.store.read().await?;
    let row = find(&mut tx, &caller, &text).await?;
    if was_done(&mut tx, &caller, &row).await? {
        tx.rollback().await?;
        return answer(&api, StatusCode::OK, &row, wait).await;
    }
    if_match.check(row.revision)?;
    let details = Details::open(&api.hub.vault, &mut tx, &row).await?;
    tx.rollback().await?;
    let mut value = serde_json::to_value(BookingBody::of(&row, &details)).unwrap_or(Value::Null);
    merge_patch(&mut value, patch);
    let row = change(&api, &caller, &row, typed(value)?).await?;
    answer(&api, StatusCode::OK, &row, wait).await
}

/// Why a booking ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"reason": "The client asked for it."}))]
struct Ending {
    reason: Option<String>,
}

async fn end(
    api: &Api,
    caller: &Caller,
    text: &str,
    (to, ending, wait): (BookingStatus, Ending, Option<Duration>),
) -> Result<Response, Problem> {
    if let Some(reason) = &ending.reason {
        check_text("/reason", reason, 500)?;
    }
    let row = find(&mut api.hub.store.read().await?, caller, text).await?;
    let reason = ending.reason.as_deref();
    let row = api.hub.desk.end_booking(actor(caller), &row.booking_id, to, reason).await?;
    answer(api, StatusCode::OK, &row, wait).await
}

/// Cancels a booking: its time is free at once, and its events are taken out of the calendars.
#[utoipa::path(post, path = "/v1/bookings/{id}/cancel", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = Ending, params(("id" = String, Path)),
    responses((status = 200, body = BookingView), (status = "default", body = Problem)))]
async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    PreferredWait(wait): PreferredWait,
    Body(ending): Body<Ending>,
) -> Result<Response, Problem> {
    end(&api, &caller, &text, (BookingStatus::Cancelled, ending, wait)).await
}

/// Says that a booking took place.
#[utoipa::path(post, path = "/v1/bookings/{id}/complete", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = Ending, params(("id" = String, Path)),
    responses((status = 200, body = BookingView), (status = "default", body = Problem)))]
async fn complete(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    Body(ending): Body<Ending>,
) -> Result<Response, Problem> {
    end(&api, &caller, &text, (BookingStatus::Completed, ending, None)).await
}

/// Says that nobody came.
#[utoipa::path(post, path = "/v1/bookings/{id}/no-show", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = Ending, params(("id" = String, Path)),
    responses((status = 200, body = BookingView), (status = "default", body = Problem)))]
async fn no_show(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    Body(ending): Body<Ending>,
) -> Result<Response, Problem> {
    end(&api, &caller, &text, (BookingStatus::NoShow, ending, None)).await
}

/// What is to become of a conflict.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"action": "accept"}))]
struct Resolution {
    action: Action,
}

/// `accept`: what the calendar says holds from now on. `revert`: what was agreed is written again. `dismiss`: both
/// stay, and the pair is not told again.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Accept,
    Revert,
    Dismiss,
}

/// Settles a conflict.
#[utoipa::path(post, path = "/v1/bookings/{id}/conflicts/{conflict_id}/resolve", tag = "Holds and bookings",
    security(("key" = ["bookings:write"])), request_body = Resolution,
    params(("id" = String, Path), ("conflict_id" = String, Path)),
    responses((status = 200, body = BookingView), (status = "default", body = Problem)))]
async fn resolve(
    State(api): State<Api>,
    caller: Caller,
    Path((text, conflict)): Path<(String, String)>,
    PreferredWait(wait): PreferredWait,
    Body(body): Body<Resolution>,
) -> Result<Response, Problem> {
    let mut tx = api.hub.store.read().await?;
    let row = find(&mut tx, &caller, &text).await?;
    let all = tx.conflicts().of_booking(&caller.tenant, &row.booking_id).await?;
    tx.rollback().await?;
    let found = all.into_iter().find(|one| one.conflict_id.as_str() == conflict);
    let found = found.ok_or_else(|| Problem::not_found("conflict"))?;
    let wanted = match body.action {
        Action::Accept => Settlement::Accept,
        Action::Revert => Settlement::Revert,
        Action::Dismiss => Settlement::Dismiss,
    };
    api.hub.desk.settle(actor(&caller), &found, wanted).await?;
    let row = find(&mut api.hub.store.read().await?, &caller, row.booking_id.as_str()).await?;
    answer(&api, StatusCode::OK, &row, wait).await
}
