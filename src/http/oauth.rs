//! The way to a provider's consent page and back.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    extract::Query,
    pages::{base, cookie, enter, failed, lead, may_manage, message, not_let_in},
};
use crate::{
    link::{LinkError, Mode, NotLetIn, Returned, Visit},
    model::{ids::ConnectionId, states::Provider},
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(callback))
        .routes(routes!(start_microsoft))
        .routes(routes!(callback_microsoft))
}

/// Which visit sets out, and for what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StartQuery {
    session: String,
    /// To link this connection again.
    connection: Option<String>,
}

/// Sends the browser of a link session to Google's consent page.
#[utoipa::path(get, path = "/oauth/google/start", tag = "Pages", security(()), params(StartQuery),
    responses((status = 303), (status = "default", body = Problem)))]
async fn start(
    State(api): State<Api>,
    Query(query): Query<StartQuery>,
    headers: HeaderMap,
) -> Response {
    set_out(&api, Provider::Google, &query, &headers).await
}

/// Sends the browser of a link session to Microsoft's consent page.
#[utoipa::path(get, path = "/oauth/microsoft/start", tag = "Pages", security(()), params(StartQuery),
    responses((status = 303), (status = "default", body = Problem)))]
async fn start_microsoft(
    State(api): State<Api>,
    Query(query): Query<StartQuery>,
    headers: HeaderMap,
) -> Response {
    set_out(&api, Provider::Microsoft, &query, &headers).await
}

async fn set_out(
    api: &Api,
    provider: Provider,
    query: &StartQuery,
    headers: &HeaderMap,
) -> Response {
    let visit = match enter(api, headers, &query.session).await {
        Ok(visit) => visit,
        Err(refused) => return *refused,
    };
    let connection = query.connection.as_deref().and_then(|id| id.parse::<ConnectionId>().ok());
    let departed = match wanted(api, &visit, provider, connection).await {
        Ok(connection) => api.hub.visits.depart(&visit, provider, connection.as_ref()).await,
        Err(error) => Err(error),
    };
    match departed {
        Ok(url) => lead(url.as_str()),
        Err(LinkError::NotFound) => not_let_in(api, &NotLetIn::Ended),
        Err(LinkError::Refused(error)) => {
            let name = if provider == Provider::Microsoft { "Microsoft" } else { "Google" };
            tracing::warn!(%error, "Nobody can be sent to {name}.");
            let text = format!(
                "Connecting to {name} is not set up here. Whoever runs this service has to act."
            );
            message(api, StatusCode::CONFLICT, &format!("{name} cannot be connected"), &text)
        }
        Err(error) => failed(api, &error),
    }
}

/// Which connection a trip is about: a new one only where the visit is to link one.
async fn wanted(
    api: &Api,
    visit: &Visit,
    provider: Provider,
    connection: Option<ConnectionId>,
) -> Result<Option<ConnectionId>, LinkError> {
    let offers = visit.asked.providers.is_empty() || visit.asked.providers.contains(&provider);
    match (visit.mode, connection) {
        (Mode::Link, None) if offers => Ok(None),
        (Mode::Link, _) => Err(LinkError::NotFound),
        (Mode::Relink, None) => Ok(visit.row.connection_id.clone()),
        (_, connection) => {
            let may = may_manage(api, visit, connection.as_ref()).await?;
            connection.filter(|_| may).map(Some).ok_or(LinkError::NotFound)
        }
    }
}

/// Where Google sends browsers back to: registered with it to the letter.
#[utoipa::path(get, path = "/oauth/google/callback", tag = "Pages", security(()),
    responses((status = 303), (status = "default", body = Problem)))]
async fn callback(
    State(api): State<Api>,
    Query(returned): Query<Returned>,
    headers: HeaderMap,
) -> Response {
    come_back(&api, Provider::Google, returned, &headers).await
}

/// Where Microsoft sends browsers back to: registered with it to the letter.
#[utoipa::path(get, path = "/oauth/microsoft/callback", tag = "Pages", security(()),
    responses((status = 303), (status = "default", body = Problem)))]
async fn callback_microsoft(
    State(api): State<Api>,
    Query(returned): Query<Returned>,
    headers: HeaderMap,
) -> Response {
    come_back(&api, Provider::Microsoft, returned, &headers).await
}

async fn come_back(
    api: &Api,
    provider: Provider,
    returned: Returned,
    headers: &HeaderMap,
) -> Response {
    let cookie_of = |session: &_| cookie(api, headers, session);
    match api.hub.visits.arrive(provider, returned, cookie_of).await {
        Ok(visit) => {
            if let Err(error) = api.hub.tail.catch_up().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "The busy index could not catch up.");
            }
            lead(&format!("{}/link/{}", base(api), visit.row.session_id))
        }
        Err(why) => not_let_in(api, &why),
    }
}
