//! `/v1/link-sessions`: visits to the hosted page, made for a person and looked at afterwards.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{connections::resolve, resources::find};
use crate::{
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, Page, PageQuery, Path, Query, check_text, id},
        wire::{Instant, Iso},
    },
    link::{Asked, Mode, NewVisit, Visit},
    model::{
        ids::LinkSessionId,
        states::{Access, Provider},
    },
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(make, list)).routes(routes!(get))
}

const USUAL: Duration = Duration::from_secs(3_600);
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// A visit to the hosted page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"mode": "link", "resource_id": "ext:doctor_482", "access": "read_write",
    "external_id": "doctor_482", "return_url": "https://platform.example.org/settings/calendar"}))]
struct NewLinkSession {
    /// `link`: a new account. `relink`: the same account again, with all its ids. `manage`: what is linked, to be linked
    /// again or taken out.
    #[serde(default = "link")]
    mode: String,
    /// `con_..` or `ext:..`; `relink` needs it, and it is what `manage` shows.
    connection_id: Option<String>,
    /// `res_..` or `ext:..`: the person chooses which calendars block it and which one its bookings are written into.
    /// `manage` shows the accounts of its calendars.
    resource_id: Option<String>,
    /// Which to offer; all that can be linked when left out.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    providers: Vec<Provider>,
    /// `busy_only`, `read` or `read_write`.
    #[schema(value_type = Option<String>)]
    access: Option<Access>,
    /// The account that the provider is to suggest.
    login_hint: Option<String>,
    /// The language of the page, where there is a choice.
    locale: Option<String>,
    /// Your own id for the connection that is made.
    external_id: Option<String>,
    /// Where the person goes in the end, with `status`, `reason` and `session` in the query; https.
    return_url: Option<String>,
    /// How long the visit may last: `PT1H` when left out, at most `P7D`.
    #[schema(value_type = Option<String>)]
    ttl: Option<Iso>,
}

fn link() -> String {
    "link".to_owned()
}

/// A visit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "lks_0198c1", "mode": "link", "status": "linked", "reason": null,
    "connection_id": "con_0198c1", "created_at": "2026-03-02T09:00:00Z", "expires_at": "2026-03-02T10:00:00Z"}))]
struct LinkSessionView {
    id: String,
    mode: &'static str,
    /// `open`, `linked`, `unlinked` or `expired`.
    status: String,
    /// Why the last try came to nothing: `denied`, `admin_consent_required`, `missing_scope`, `different_account`, ...
    reason: Option<String>,
    /// What was linked.
    connection_id: Option<String>,
    created_at: Instant,
    expires_at: Instant,
}

/// A visit that was just made, with its address: shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "lks_0198c1", "url": "https://hub.example.org/link/5f0c...",
    "expires_at": "2026-03-02T10:00:00Z"}))]
struct MadeLinkSession {
    id: String,
    /// For one browser, the first that opens it: send the person there, and show it to nobody else.
    url: String,
    expires_at: Instant,
}

impl LinkSessionView {
    fn of(api: &Api, visit: &Visit) -> Self {
        let row = &visit.row;
        let is_over = row.status == "open" && row.expires_at <= api.hub.clock.now();
        let reason = row.reason.as_deref();
        Self {
            id: row.session_id.to_string(),
            mode: visit.mode.as_str(),
            status: if is_over { "expired".to_owned() } else { row.status.clone() },
            // What stands after a colon is for the page.
            reason: reason.and_then(|word| word.split(':').next()).map(str::to_owned),
            connection_id: row.linked.as_ref().map(ToString::to_string),
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
        }
    }
}

/// Makes a visit to the hosted page, on which a person links an account, links it again, or takes it out.
#[utoipa::path(post, path = "/v1/link-sessions", tag = "Connections and calendars",
    security(("key" = ["connections:write"])), request_body = NewLinkSession,
    responses((status = 201, body = MadeLinkSession), (status = "default", body = Problem)))]
async fn make(
    State(api): State<Api>,
    caller: Caller,
    Body(new): Body<NewLinkSession>,
) -> Result<impl IntoResponse, Problem> {
    let visit = new.into_visit(&api, &caller).await?;
    let session = caller.chance.mint(&api.hub, LinkSessionId::mint);
    let made = api.hub.visits.make(&caller.by(), &caller.tenant, session, visit).await?;
    let (visit, url) = made;
    let made = MadeLinkSession {
        id: visit.row.session_id.to_string(),
        url: url.expose_secret().to_owned(),
        expires_at: visit.row.expires_at.into(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Lists visits in the order in which they were made, with what became of them; forgotten some time after their end.
#[utoipa::path(get, path = "/v1/link-sessions", tag = "Connections and calendars",
    security(("key" = ["connections:read"])), params(PageQuery),
    responses((status = 200, body = Page<LinkSessionView>), (status = "default", body = Problem)))]
async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<LinkSessionView>>, Problem> {
    let after: Option<LinkSessionId> = page.after()?;
    let visits = api.hub.visits.list(&caller.tenant, after.as_ref(), page.rows()?).await?;
    let page = Page::cut(visits, page.limit()?, |visit| visit.row.session_id.to_string());
    Ok(Json(page.map(|visit| LinkSessionView::of(&api, &visit))))
}

/// Tells what became of a visit.
#[utoipa::path(get, path = "/v1/link-sessions/{id}", tag = "Connections and calendars",
    security(("key" = ["connections:read"])), params(("id" = String, Path)),
    responses((status = 200, body = LinkSessionView), (status = "default", body = Problem)))]
async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<LinkSessionView>, Problem> {
    let session: LinkSessionId = id(&text, "link session")?;
    let visit = api.hub.visits.get(&caller.tenant, &session).await?;
    let visit = visit.ok_or_else(|| Problem::not_found("link session"))?;
    Ok(Json(LinkSessionView::of(&api, &visit)))
}

impl NewLinkSession {
    async fn into_visit(self, api: &Api, caller: &Caller) -> Result<NewVisit, Problem> {
        let mode = Mode::parse(&self.mode)
            .ok_or_else(|| Problem::field("/mode", "invalid", "must be link, relink or manage"))?;
        let connection = match &self.connection_id {
            Some(text) => Some(resolve(api, caller, text).await?),
            None => None,
        };
        let resource = match &self.resource_id {
            Some(text) => {
                let mut tx = api.hub.store.read().await?;
                Some(find(&mut tx, caller, text).await?.resource_id)
            }
            None => None,
        };
        if mode == Mode::Relink && connection.is_none() {
            return Err(Problem::field("/connection_id", "required", "relink needs it"));
        }
        if mode == Mode::Manage && connection.is_none() && resource.is_none() {
            let detail = "manage needs a connection or a resource: a tenant's accounts belong to many people";
            return Err(Problem::field("/connection_id", "required", detail));
        }
        for (pointer, text) in [
            ("/external_id", &self.external_id),
            ("/login_hint", &self.login_hint),
            ("/locale", &self.locale),
        ] {
            if let Some(text) = text {
                check_text(pointer, text, 200)?;
            }
        }
        let return_url = self.return_url.as_deref().map(return_address).transpose()?;
        let asked = Asked {
            providers: self.providers,
            access: self.access,
            login_hint: self.login_hint,
            locale: self.locale,
            external_id: self.external_id,
            return_url,
        };
        Ok(NewVisit { mode, connection, resource, asked, lasts: lasts(self.ttl)? })
    }
}

fn lasts(ttl: Option<Iso>) -> Result<Duration, Problem> {
    let Some(ttl) = ttl else { return Ok(USUAL) };
    let wrong = || Problem::field("/ttl", "invalid", "must be between PT1M and P7D");
    let lasts = Duration::try_from(ttl.0).map_err(|_| wrong())?;
    if (Duration::from_secs(60)..=LONGEST).contains(&lasts) { Ok(lasts) } else { Err(wrong()) }
}

/// Only what leads a browser to one place: https, or this machine, with nothing hidden in it.
fn return_address(text: &str) -> Result<String, Problem> {
    let wrong = |detail: &str| Problem::field("/return_url", "invalid", detail.to_owned());
    let url = Url::parse(text).map_err(|_| wrong("is not an address"))?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong("has no host")),
    };
    if !(url.scheme() == "https" || (url.scheme() == "http" && is_here)) {
        return Err(wrong("must be https"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong("must hold neither a user name nor a fragment"));
    }
    if text.len() > 2_000 {
        return Err(wrong("is too long"));
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_address_leads_to_one_place() {
        for good in ["https://a.example/x?y=1", "http://localhost:3000/", "http://127.0.0.1/x"] {
            assert!(return_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "//a.example",
            "/x",
            "https://user@a.example/",
            "https://a.example/#x",
            "ftp://a.example/",
            "http://localhost.evil.example/",
        ] {
            assert!(return_address(bad).is_err(), "{bad}");
        }
    }
}
