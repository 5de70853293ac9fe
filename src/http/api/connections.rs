//! `/v1/connections`: linking accounts, keeping them, taking them out.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    events::settle,
    refusal::by,
    render::{ConnectionView, GrantView},
};
use crate::{
    http::{
        Api, Problem, Scope,
        auth::Caller,
        extract::{
            Body, IfMatch, Page, PageQuery, Path, Query, check_metadata, check_text, etag, id,
        },
        problem::Passing,
    },
    link::{Grant, LinkRequest, LinkUpdate, Login, Realm},
    model::{
        ids::{ConnectionId, TenantId},
        states::{Access, ConnectionState, Provider},
    },
    store::{CalendarRow, ConnectionFilter, ConnectionRow, PauseRow, Paused, Tx},
    sync::Removal,
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(link, list)).routes(routes!(get, patch, remove))
}

/// An account to link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"provider": "caldav", "url": "https://dav.example.org/", "username": "me",
    "password": "app password", "external_id": "doctor_482"}))]
pub(super) struct NewConnection {
    /// `caldav`, `ics`, `google` or `microsoft`.
    provider: String,
    /// Of a CalDAV server (any address of it), or of a feed (`https:` or `webcal:`).
    #[schema(value_type = Option<String>)]
    url: Option<SecretString>,
    username: Option<String>,
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// Of a grant that a person has given elsewhere to the same OAuth client (the tenant's own, else the hub's).
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
    /// Which of the OAuth clients the grant was given to, where there are two.
    client_id: Option<String>,
    /// `busy_only`, `read` or `read_write`.
    #[schema(value_type = Option<String>)]
    access: Option<Access>,
    pub(super) external_id: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl NewConnection {
    /// `client` is the OAuth client of this tenant, for a provider that has them.
    pub(super) fn into_request(
        self,
        client: Option<(String, Realm)>,
    ) -> Result<LinkRequest, Problem> {
        check_metadata(&self.metadata)?;
        if let Some(external_id) = &self.external_id {
            check_text("/external_id", external_id, 200)?;
        }
        let provider = Provider::parse(&self.provider).ok_or_else(|| {
            Problem::field(
                "/provider",
                "unknown_provider",
                "must be caldav, ics, google or microsoft",
            )
        })?;
        let missing =
            |pointer| move || Problem::field(pointer, "required", "is required for this provider");
        let url = self
            .url
            .filter(|url| !url.expose_secret().trim().is_empty())
            .ok_or_else(missing("/url"));
        let login = match provider {
            Provider::Caldav => Login::Caldav {
                url: url?.expose_secret().to_owned(),
                username: self.username.ok_or_else(missing("/username"))?,
                password: self.password.ok_or_else(missing("/password"))?,
            },
            Provider::Ics => Login::Ics { url: url? },
            Provider::Google | Provider::Microsoft => {
                let given = |token: &SecretString| !token.expose_secret().trim().is_empty();
                let token = self.refresh_token.filter(given);
                let refresh_token = token.ok_or_else(missing("/refresh_token"))?;
                let (client_id, realm) = client.unwrap_or_default();
                let access = self.access.unwrap_or(Access::ReadWrite);
                Login::OAuth(Grant { provider, client_id, realm, refresh_token, access })
            }
        };
        Ok(LinkRequest {
            login,
            access: self.access,
            external_id: self.external_id,
            metadata: (!self.metadata.is_empty()).then(|| serde_json::json!(self.metadata)),
        })
    }
}

/// The OAuth client that a grant from elsewhere was given to, and where it is registered, at a provider that has such.
pub(super) async fn client_of(
    api: &Api,
    caller: &Caller,
    new: &NewConnection,
) -> Result<Option<(String, Realm)>, Problem> {
    let has_clients = |it: &Provider| matches!(it, Provider::Google | Provider::Microsoft);
    let provider = Provider::parse(&new.provider).filter(has_clients);
    let Some(provider) = provider else { return Ok(None) };
    let client_id = new.client_id.as_deref();
    let found = api.hub.linker.client(&caller.tenant, provider, client_id).await;
    found.map(Some).map_err(|error| by(provider, error))
}

/// What to change about a connection; what is left out stays, null takes away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "new app password"}))]
struct ConnectionPatch {
    #[schema(value_type = Option<String>)]
    url: Option<SecretString>,
    username: Option<String>,
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// Of another grant by the same account to the same OAuth client.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
    #[schema(value_type = Option<String>)]
    access: Option<Access>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Option<BTreeMap<String, Option<String>>>>,
}

/// Tells null from absent.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

impl ConnectionPatch {
    fn into_update(self, row: &ConnectionRow) -> Result<LinkUpdate, Problem> {
        if let Some(Some(external_id)) = &self.external_id {
            check_text("/external_id", external_id, 200)?;
        }
        let metadata = match self.metadata {
            None => None,
            Some(None) => Some(BTreeMap::new()),
            Some(Some(patch)) => {
                let mut merged: BTreeMap<String, String> =
                    serde_json::from_value(row.metadata.clone()).unwrap_or_default();
                for (key, value) in patch {
                    match value {
                        Some(value) => merged.insert(key, value),
                        None => merged.remove(&key),
                    };
                }
                check_metadata(&merged)?;
                Some(merged)
            }
        };
        Ok(LinkUpdate {
            url: self.url,
            username: self.username,
            password: self.password,
            refresh_token: self.refresh_token,
            grant: None,
            access: self.access,
            external_id: self.external_id,
            metadata: metadata.map(|metadata| serde_json::json!(metadata)),
        })
    }
}

async fn read(
    tx: &mut Tx,
    tenant: &TenantId,
    connection: &ConnectionId,
) -> Result<ConnectionRow, Problem> {
    let row = tx.connections().get(tenant, connection).await?;
    row.ok_or_else(|| Problem::not_found("connection"))
}

/// Where a person signs in again: told to those who may link accounts, while it is needed.
fn with_relink_url(api: &Api, caller: &Caller, row: &ConnectionRow, view: &mut ConnectionView) {
    let is_needed = matches!(row.state, ConnectionState::NeedsReauth | ConnectionState::Revoked);
    if is_needed && caller.may(Scope::ConnectionsWrite) {
        view.relink_url = Some(api.hub.visits.again_url(&row.tenant_id, &row.connection_id));
    }
}

/// What is known of the grant behind a connection, where there is one.
async fn grant(tx: &mut Tx, row: &ConnectionRow) -> Result<Option<GrantView>, Problem> {
    match row.provider {
        Provider::Google | Provider::Microsoft => {
            let found = tx.grants().get(&row.tenant_id, &row.connection_id).await?;
            Ok(found.map(Into::into))
        }
        Provider::Caldav | Provider::Ics => Ok(None),
    }
}

async fn rendered(
    api: &Api,
    caller: &Caller,
    connection: &ConnectionId,
    status: StatusCode,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], Json<ConnectionView>), Problem> {
    let tenant = &caller.tenant;
    let mut tx = api.hub.store.read().await?;
    let row = read(&mut tx, tenant, connection).await?;
    let calendars = tx.calendars().by_connection(tenant, connection).await?;
    let paused = tx.pauses().on(tenant, connection, row.provider).await?;
    let tag = (header::ETAG, etag(row.revision));
    let mut view = ConnectionView::of(row.clone(), &calendars, paused);
    view.grant = grant(&mut tx, &row).await?;
    with_relink_url(api, caller, &row, &mut view);
    Ok((status, [tag], Json(view)))
}

/// Links an account after checking it live.
///
/// 201 with the new connection, or 200 with the one that the account is linked by already. When the account
/// cannot be linked, 422 with a diagnosis as its code: `unauthorized`, `not_caldav`, `blocked_address`, `tls`,
/// `dns`, `timeout`, `bad_reply`, ...
#[utoipa::path(post, path = "/v1/connections", tag = "Connections and calendars",
    security(("key" = ["connections:write"])), request_body = NewConnection,
    responses((status = 201, body = ConnectionView), (status = 200, body = ConnectionView),
        (status = "default", body = Problem)))]
async fn link(
    State(api): State<Api>,
    caller: Caller,
    Body(new): Body<NewConnection>,
) -> Result<impl IntoResponse, Problem> {
    let client_id = client_of(&api, &caller, &new).await?;
    let request = new.into_request(client_id)?;
    let provider = request.login.provider();
    let linker = api.hub.linker.acting(caller.by());
    let linked = linker.link(&caller.tenant, request).await.map_err(|error| by(provider, error))?;
    settle(&api).await;
    let status = if linked.created { StatusCode::CREATED } else { StatusCode::OK };
    rendered(&api, &caller, &linked.connection_id, status).await
}

/// Which connections to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ConnectionQuery {
    state: Option<String>,
    provider: Option<String>,
    external_id: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

/// Lists connections with their calendars.
#[utoipa::path(get, path = "/v1/connections", tag = "Connections and calendars",
    security(("key" = ["connections:read"])), params(ConnectionQuery),
    responses((status = 200, body = Page<ConnectionView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ConnectionQuery>,
) -> Result<Json<Page<ConnectionView>>, Problem> {
    let page = PageQuery { limit: query.limit, after: query.after };
    let state = query.state.map(|word| {
        ConnectionState::parse(&word)
            .ok_or_else(|| Problem::parameter("state", "is not a connection's state"))
    });
    let provider = query.provider.map(|word| {
        Provider::parse(&word).ok_or_else(|| Problem::parameter("provider", "is not a provider"))
    });
    let filter = ConnectionFilter {
        state: state.transpose()?,
        provider: provider.transpose()?,
        external_id: query.external_id,
        after: page.after()?,
        limit: page.rows()?,
    };
    let mut tx = api.hub.store.read().await?;
    let rows = tx.connections().list(&caller.tenant, &filter).await?;
    let rows = Page::cut(rows, page.limit()?, |row| row.connection_id.to_string());
    let pauses = tx.pauses().of_tenant(&caller.tenant).await?;
    let mut items = Vec::with_capacity(rows.items.len());
    for row in rows.items {
        let calendars: Vec<CalendarRow> =
            tx.calendars().by_connection(&caller.tenant, &row.connection_id).await?;
        let concerns =
            |pause: &&PauseRow| pause.concerns(&caller.tenant, &row.connection_id, row.provider);
        let held = pauses.iter().filter(concerns);
        let held = held.fold(Paused::default(), |all, pause| all.and(pause.paused));
        let mut view = ConnectionView::of(row.clone(), &calendars, held);
        view.grant = grant(&mut tx, &row).await?;
        with_relink_url(&api, &caller, &row, &mut view);
        items.push(view);
    }
    Ok(Json(Page { items, next: rows.next }))
}

/// Finds a connection by its id or by `ext:` and its external id.
pub(super) async fn resolve(
    api: &Api,
    caller: &Caller,
    text: &str,
) -> Result<ConnectionId, Problem> {
    match text.strip_prefix("ext:") {
        None => id(text, "connection"),
        Some(external_id) => {
            let row = api
                .hub
                .store
                .read()
                .await?
                .connections()
                .by_external_id(&caller.tenant, external_id)
                .await?;
            row.map(|row| row.connection_id).ok_or_else(|| Problem::not_found("connection"))
        }
    }
}

/// Reads a connection.
#[utoipa::path(get, path = "/v1/connections/{id}", tag = "Connections and calendars",
    security(("key" = ["connections:read"])),
    params(("id" = String, Path, description = "`con_..`, or `ext:` and the external id.")),
    responses((status = 200, body = ConnectionView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let connection = resolve(&api, &caller, &text).await?;
    rendered(&api, &caller, &connection, StatusCode::OK).await
}

/// Changes password, address or access; the account and every calendar id stay.
///
/// 409 `different_account` when the new login belongs to somebody else.
#[utoipa::path(patch, path = "/v1/connections/{id}", tag = "Connections and calendars",
    security(("key" = ["connections:write"])), request_body = ConnectionPatch,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or `*`.")),
    responses((status = 200, body = ConnectionView), (status = "default", body = Problem)))]
async fn patch(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    if_match: IfMatch,
    Body(patch): Body<ConnectionPatch>,
) -> Result<impl IntoResponse, Problem> {
    let connection = resolve(&api, &caller, &text).await?;
    let mut tx = api.hub.store.read().await?;
    let row = read(&mut tx, &caller.tenant, &connection).await?;
    tx.rollback().await?;
    if_match.check(row.revision)?;
    let expected = if if_match == IfMatch::Any { None } else { Some(row.revision) };
    let update = patch.into_update(&row)?;
    let linker = api.hub.linker.acting(caller.by());
    let updated = linker.update(&caller.tenant, &connection, update, expected).await;
    updated.map_err(|error| by(row.provider, error))?;
    settle(&api).await;
    rendered(&api, &caller, &connection, StatusCode::OK).await
}

/// How to take a connection out.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RemovalQuery {
    /// Whether the hub's own events are removed at the provider.
    ///
    /// Exactly those that it wrote are, past ones too; what cannot be removed within about a day stays, and
    /// `connection.removed` in the change log says how many those were.
    #[serde(default)]
    remove_events: bool,
    /// `keep` or `cancel`; needed when a resource writes there.
    future_bookings: Option<String>,
}

/// Takes a connection out: 202 and `state: removing`, then everything stored of it is erased.
#[utoipa::path(delete, path = "/v1/connections/{id}", tag = "Connections and calendars",
    security(("key" = ["connections:write"])),
    params(("id" = String, Path), RemovalQuery),
    responses((status = 202, body = ConnectionView), (status = "default", body = Problem)))]
async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
    Query(query): Query<RemovalQuery>,
) -> Result<axum::response::Response, Problem> {
    let connection = resolve(&api, &caller, &text).await?;
    let future_bookings = query.future_bookings.as_deref();
    if future_bookings.is_some_and(|word| !matches!(word, "keep" | "cancel")) {
        return Err(Problem::parameter("future_bookings", "must be keep or cancel"));
    }
    let mut tx = api.hub.store.read().await?;
    let row = read(&mut tx, &caller.tenant, &connection).await?;
    let writing = tx.resources().writing_to(&caller.tenant, &connection).await?;
    tx.rollback().await?;
    if !writing.is_empty() && future_bookings.is_none() {
        let detail = "A resource writes into a calendar of this connection. \
                      Say what becomes of its future bookings: future_bookings=keep or cancel.";
        let problem = Problem::new("in_use", detail);
        return Err(Problem {
            blocked_by: Some(Box::new(serde_json::json!({"resources": writing}))),
            ..problem
        });
    }
    let removal =
        Removal { events: query.remove_events, cancel: future_bookings == Some("cancel") };
    api.hub.linker.acting(caller.by()).remove(&caller.tenant, &connection, removal).await?;
    if removal.cancel {
        api.hub.desk.cancel_unlinked().await?;
    }
    settle(&api).await;
    let mut answer = match rendered(&api, &caller, &connection, StatusCode::ACCEPTED).await {
        Ok(answer) => answer.into_response(),
        // Erased already.
        Err(_) => {
            let mut view = ConnectionView::of(row, &[], Paused::default());
            view.state = ConnectionState::Removing.as_str();
            (StatusCode::ACCEPTED, Json(view)).into_response()
        }
    };
    // It tells of the account: kept under an Idempotency-Key, it would outlive the connection.
    answer.extensions_mut().insert(Passing);
    Ok(answer)
}
