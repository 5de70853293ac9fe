//! The pages on which a person links an account: rendered here, without scripts, with nothing from elsewhere.

mod answer;
mod forms;
mod show;
mod words;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use self::answer::{base, cookie, failed, lead, message, not_let_in};
use self::{
    answer::{door, with_cookie},
    show::{Saying, show},
};
use super::{
    Api, Problem,
    extract::{Path, Query},
};
use crate::{
    link::{LinkError, NotLetIn, Visit},
    model::ids::{ConnectionId, LinkSessionId, TenantId},
};

/// The routes of the pages. What lets somebody in is in the address or in a cookie, not a key.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(style))
        .routes(routes!(open, begin))
        .routes(routes!(again))
        .merge(forms::router())
}

/// The one stylesheet of the pages.
#[utoipa::path(get, path = "/link/style.css", tag = "Pages", security(()),
    responses((status = 200, content_type = "text/css", body = String)))]
async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("../../../templates/style.css")).into_response()
}

/// What a page is asked for besides.
#[derive(Debug, Default, Deserialize)]
struct Look {
    done: Option<String>,
    again: Option<String>,
}

/// The page of a link session. Under the address with the session's secret it is a button: what opens every address in
/// a mail ties the session to nobody.
#[utoipa::path(get, path = "/link/{session}", tag = "Pages", security(()),
    params(("session" = String, Path, description = "The secret of a new session's address, or its id once a browser has it.")),
    responses((status = 200, content_type = "text/html", body = String), (status = 303), (status = "default", body = Problem)))]
async fn open(
    State(api): State<Api>,
    Path(text): Path<String>,
    Query(look): Query<Look>,
    headers: HeaderMap,
) -> Response {
    if text.parse::<LinkSessionId>().is_ok() {
        let visit = match enter(&api, &headers, &text).await {
            Ok(visit) => visit,
            Err(refused) => return *refused,
        };
        return shown(&api, &visit, &look).await;
    }
    match api.hub.visits.look(&text, |session| cookie(&api, &headers, session)).await {
        Ok(Some(visit)) => lead(&page_of(&api, &visit)),
        Ok(None) => door(&api),
        Err(why) => not_let_in(&api, &why),
    }
}

fn page_of(api: &Api, visit: &Visit) -> String {
    format!("{}/link/{}", base(api), visit.row.session_id)
}

/// Ties a session to the browser in which its button is pressed, and leads on to an address without the secret.
#[utoipa::path(post, path = "/link/{session}", tag = "Pages", security(()),
    params(("session" = String, Path, description = "The secret of a new session's address.")),
    responses((status = 303), (status = "default", body = Problem)))]
async fn begin(State(api): State<Api>, Path(secret): Path<String>, headers: HeaderMap) -> Response {
    // Where the browser tells that another site's page has pressed it for somebody.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        let text =
            "This was sent by another page. Open the link again, and press the button there.";
        return message(&api, StatusCode::FORBIDDEN, "Please try again", text);
    }
    match api.hub.visits.open(&secret, |session| cookie(&api, &headers, session)).await {
        Ok((visit, made)) => with_cookie(&api, lead(&page_of(&api, &visit)), &visit, made.as_ref()),
        Err(why) => not_let_in(&api, &why),
    }
}

async fn shown(api: &Api, visit: &Visit, look: &Look) -> Response {
    let notice = match look.done.as_deref() {
        Some("saved") => Some("Your choice is saved."),
        Some("unlinked") => Some("The account is being disconnected."),
        Some("linked") => Some("The account is connected again."),
        _ => None,
    };
    let again = look.again.as_deref().and_then(|id| id.parse::<ConnectionId>().ok());
    let again = match may_manage(api, visit, again.as_ref()).await {
        Ok(true) => again,
        Ok(false) => None,
        Err(error) => return failed(api, &error),
    };
    let saying = Saying { notice, trouble: None, again: again.as_ref() };
    match show(api, visit, saying).await {
        Ok(page) => page,
        Err(LinkError::NotFound) => not_let_in(api, &NotLetIn::Ended),
        Err(error) => failed(api, &error),
    }
}

/// Whether a visit is about this connection.
pub(super) async fn may_manage(
    api: &Api,
    visit: &Visit,
    connection: Option<&ConnectionId>,
) -> Result<bool, LinkError> {
    let Some(connection) = connection else { return Ok(false) };
    let mut tx = api.hub.store.read().await?;
    let rows = show::managed(&mut tx, visit).await?;
    Ok(rows.iter().any(|row| row.connection_id == *connection))
}

/// The visit that a browser has.
pub(super) async fn enter(
    api: &Api,
    headers: &HeaderMap,
    session: &str,
) -> Result<Visit, Box<Response>> {
    let session: LinkSessionId =
        session.parse().map_err(|_| Box::new(not_let_in(api, &NotLetIn::Ended)))?;
    let shown = cookie(api, headers, &session);
    let entered = api.hub.visits.enter(&session, shown.as_ref()).await;
    entered.map_err(|why| Box::new(not_let_in(api, &why)))
}

/// Where `relink_url` of a connection leads: to a new visit, in which the same account is linked again.
#[utoipa::path(get, path = "/link/again/{tenant}/{connection}/{proof}", tag = "Pages", security(()),
    params(("tenant" = String, Path), ("connection" = String, Path), ("proof" = String, Path)),
    responses((status = 303), (status = "default", body = Problem)))]
async fn again(
    State(api): State<Api>,
    Path((tenant, connection, proof)): Path<(String, String, String)>,
) -> Response {
    let now = api.hub.clock.now();
    if api.strangers.take(&connection, now).is_some_and(|verdict| !verdict.allowed) {
        let text = "This address was opened too often. Try again in a minute.";
        return message(&api, StatusCode::TOO_MANY_REQUESTS, "Please wait", text);
    }
    let ids = (tenant.parse::<TenantId>(), connection.parse::<ConnectionId>());
    let (Ok(tenant), Ok(connection)) = ids else { return not_let_in(&api, &NotLetIn::Ended) };
    let made: Result<SecretString, NotLetIn> =
        api.hub.visits.again(&tenant, &connection, &proof).await;
    match made {
        Ok(url) => lead(url.expose_secret()),
        Err(why) => not_let_in(&api, &why),
    }
}
