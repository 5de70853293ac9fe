//! What a person sends from a page. Each form carries a token of its visit, beside the browser's cookie.

use axum::{
    body::Body as AxumBody,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{base, failed, lead, message},
    enter, may_manage,
    show::{Saying, show},
};
use crate::{
    audit::By,
    http::{
        Api, Problem,
        extract::{PATIENCE, Path, arrived},
    },
    link::{Choice, LinkError, LinkRequest, LinkUpdate, Login, Mode, Visit},
    model::{ids::ConnectionId, states::Access},
    sync::Removal,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(caldav))
        .routes(routes!(ics))
        .routes(routes!(calendars))
        .routes(routes!(unlink))
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
    }

    fn connection(&self) -> Option<ConnectionId> {
        self.get("connection").and_then(|id| id.parse().ok())
    }
}

/// A form that came from the visit's own page, in its browser.
async fn received(
    api: &Api,
    session: &str,
    headers: &HeaderMap,
    body: AxumBody,
) -> Result<(Visit, Form), Box<Response>> {
    let visit = enter(api, headers, session).await?;
    let unread = |_| {
        let text = "What was sent could not be read. Please try again.";
        Box::new(message(api, StatusCode::BAD_REQUEST, "Please try again", text))
    };
    let bytes = arrived(body, PATIENCE).await.map_err(unread)?;
    let form = Form(url::form_urlencoded::parse(&bytes).into_owned().collect());
    if !api.hub.visits.is_own_form(&visit, form.get("token").unwrap_or_default()) {
        let text = "This form is too old, or came from somewhere else. Open the page again.";
        return Err(Box::new(message(api, StatusCode::FORBIDDEN, "Please try again", text)));
    }
    let now = api.hub.clock.now();
    if api.strangers.take(session, now).is_some_and(|verdict| !verdict.allowed) {
        let text = "That was too often. Try again in a minute.";
        return Err(Box::new(message(api, StatusCode::TOO_MANY_REQUESTS, "Please wait", text)));
    }
    Ok((visit, form))
}

/// Links a CalDAV account, or gives a linked one its new password.
#[utoipa::path(post, path = "/link/{session}/caldav", tag = "Pages", security(()),
    params(("session" = String, Path)),
    responses((status = 303), (status = "default", body = Problem)))]
async fn caldav(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: AxumBody,
) -> Response {
    let (visit, form) = match received(&api, &session, &headers, body).await {
        Ok(received) => received,
        Err(refused) => return *refused,
    };
    let password = form.get("password").unwrap_or_default().to_owned();
    let login = Login::Caldav {
        url: form.get("url").unwrap_or_default().to_owned(),
        username: form.get("username").unwrap_or_default().to_owned(),
        password: password.clone().into(),
    };
    let update = LinkUpdate { password: Some(password.into()), ..LinkUpdate::default() };
    let done = link(&api, &visit, form.connection(), login, update).await;
    ended(&api, &visit, form.connection().as_ref(), done).await
}

/// Links a feed, or gives a linked one its new address.
#[utoipa::path(post, path = "/link/{session}/ics", tag = "Pages", security(()),
    params(("session" = String, Path)),
    responses((status = 303), (status = "default", body = Problem)))]
async fn ics(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: AxumBody,
) -> Response {
    let (visit, form) = match received(&api, &session, &headers, body).await {
        Ok(received) => received,
        Err(refused) => return *refused,
    };
    let url = form.get("url").unwrap_or_default().to_owned();
    let login = Login::Ics { url: url.clone().into() };
    let update = LinkUpdate { url: Some(url.into()), ..LinkUpdate::default() };
    let done = link(&api, &visit, form.connection(), login, update).await;
    ended(&api, &visit, form.connection().as_ref(), done).await
}

fn by(visit: &Visit) -> By {
    By { actor: visit.row.actor.as_str().into(), request: None }
}

async fn link(
    api: &Api,
    visit: &Visit,
    again: Option<ConnectionId>,
    login: Login,
    update: LinkUpdate,
) -> Result<ConnectionId, LinkError> {
    let linker = api.hub.linker.acting(by(visit));
    let tenant = &visit.row.tenant_id;
    if let Some(connection) = again {
        if !may_manage(api, visit, Some(&connection)).await? {
            return Err(LinkError::NotFound);
        }
        linker.update(tenant, &connection, update, None).await?;
        return Ok(connection);
    }
    let provider = login.provider();
    let offers = visit.asked.providers.is_empty() || visit.asked.providers.contains(&provider);
    if visit.mode != Mode::Link || !offers {
        return Err(LinkError::NotFound);
    }
    // What is only read is never asked to be more.
    let access = visit.asked.access.filter(|access| {
        !(provider == crate::model::states::Provider::Ics && *access == Access::ReadWrite)
    });
    let external_id = visit.asked.external_id.clone();
    let asked = LinkRequest { login, access, external_id, metadata: None };
    Ok(linker.link(tenant, asked).await?.connection_id)
}

async fn ended(
    api: &Api,
    visit: &Visit,
    again: Option<&ConnectionId>,
    done: Result<ConnectionId, LinkError>,
) -> Response {
    let (status, reason, linked) = match &done {
        Ok(connection) => ("linked", None, Some(connection)),
        Err(error) => ("open", Some(error.code()), None),
    };
    if let Err(error) = api.hub.visits.note(visit, status, reason, linked).await {
        return failed(api, &error);
    }
    match reason {
        None => {
            settle(api).await;
            lead(&format!("{}/link/{}?done=linked", base(api), visit.row.session_id))
        }
        Some(_) => {
            let again = again.filter(|_| visit.mode == Mode::Manage);
            let saying = Saying { notice: None, trouble: reason, again };
            show(api, visit, saying).await.unwrap_or_else(|error| failed(api, &error))
        }
    }
}

/// Takes a person's choice of calendars for the session's resource.
#[utoipa::path(post, path = "/link/{session}/calendars", tag = "Pages", security(()),
    params(("session" = String, Path)),
    responses((status = 303), (status = "default", body = Problem)))]
async fn calendars(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: AxumBody,
) -> Response {
    let (visit, form) = match received(&api, &session, &headers, body).await {
        Ok(received) => received,
        Err(refused) => return *refused,
    };
    let (Some(resource), Some(connection)) = (&visit.row.resource_id, &visit.row.linked) else {
        return lead(&format!("{}/link/{session}", base(&api)));
    };
    let choice = Choice {
        blocks: form.all("blocks").filter_map(|id| id.parse().ok()).collect(),
        write_to: form.get("write_to").and_then(|id| id.parse().ok()),
    };
    let linker = api.hub.linker.acting(by(&visit));
    match linker.choose(&visit.row.tenant_id, resource, connection, &choice).await {
        Ok(()) => {
            settle(&api).await;
            lead(&format!("{}/link/{session}?done=saved", base(&api)))
        }
        Err(LinkError::DoesNotFit(_) | LinkError::NotFound) => {
            let text = "What you chose is not there any more. Open the page again.";
            message(&api, StatusCode::CONFLICT, "Please try again", text)
        }
        Err(error) => failed(&api, &error),
    }
}

/// Takes out an account that the session may manage.
#[utoipa::path(post, path = "/link/{session}/unlink", tag = "Pages", security(()),
    params(("session" = String, Path)),
    responses((status = 303), (status = "default", body = Problem)))]
async fn unlink(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: AxumBody,
) -> Response {
    let (visit, form) = match received(&api, &session, &headers, body).await {
        Ok(received) => received,
        Err(refused) => return *refused,
    };
    let removal = Removal {
        events: form.get("remove_events") == Some("yes"),
        cancel: form.get("future_bookings") == Some("cancel"),
    };
    match taken_out(&api, &visit, form.connection(), removal).await {
        Ok(()) => lead(&format!("{}/link/{session}?done=unlinked", base(&api))),
        Err(LinkError::NotFound) => {
            let text = "That account is not connected any more.";
            message(&api, StatusCode::NOT_FOUND, "Already disconnected", text)
        }
        Err(error) => failed(&api, &error),
    }
}

async fn taken_out(
    api: &Api,
    visit: &Visit,
    connection: Option<ConnectionId>,
    removal: Removal,
) -> Result<(), LinkError> {
    let connection = connection.filter(|_| visit.mode == Mode::Manage);
    if !may_manage(api, visit, connection.as_ref()).await? {
        return Err(LinkError::NotFound);
    }
    let connection = connection.ok_or(LinkError::NotFound)?;
    api.hub.visits.note(visit, "unlinked", None, None).await?;
    let linker = api.hub.linker.acting(by(visit));
    linker.remove(&visit.row.tenant_id, &connection, removal).await?;
    // The desk cancels what is to be cancelled within a second; here it is only sooner.
    if removal.cancel
        && let Err(error) = api.hub.desk.cancel_unlinked().await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "Bookings are cancelled later.");
    }
    settle(api).await;
    Ok(())
}

/// Lets the index see what was just committed.
async fn settle(api: &Api) {
    if let Err(error) = api.hub.tail.catch_up().await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "The busy index could not catch up.");
    }
}
