//! What a visit shows: providers to choose from, the calendars of what was linked, or everything that is linked.

use std::collections::BTreeSet;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use url::Url;

use super::{
    answer::{base, page},
    words,
};
use crate::{
    http::Api,
    link::{LinkError, Mode, Visit},
    model::{
        ids::ConnectionId,
        states::{Access, ConnectionState, Provider},
    },
    store::{ConnectionRow, Tx},
};

#[derive(Template)]
#[template(path = "choose.html")]
struct Choose<'a> {
    lang: &'a str,
    base: &'a str,
    session: &'a str,
    token: &'a str,
    heading: &'a str,
    trouble: Option<&'a str>,
    lacks: Vec<&'a str>,
    access: Vec<&'a str>,
    /// Where to sign in, at providers where that is by OAuth.
    signs: Vec<SignIn>,
    caldav: bool,
    ics: bool,
    again: bool,
    connection: Option<&'a str>,
    back: Option<String>,
}

/// A way to a provider's consent page.
struct SignIn {
    id: &'static str,
    heading: &'static str,
    name: &'static str,
    note: &'static str,
    url: String,
}

#[derive(Template)]
#[template(path = "linked.html")]
struct LinkedPage<'a> {
    lang: &'a str,
    base: &'a str,
    session: &'a str,
    token: &'a str,
    heading: &'a str,
    notice: Option<&'a str>,
    account: &'a str,
    resource: Option<&'a str>,
    calendars: Vec<CalendarChoice>,
    writes: bool,
    takes: bool,
    access: Vec<&'a str>,
    back: Option<String>,
}

struct CalendarChoice {
    id: String,
    name: String,
    blocks: bool,
    writable: bool,
    takes: bool,
}

#[derive(Template)]
#[template(path = "manage.html")]
struct Manage<'a> {
    lang: &'a str,
    base: &'a str,
    session: &'a str,
    token: &'a str,
    notice: Option<&'a str>,
    accounts: Vec<AccountView>,
    back: Option<String>,
}

struct AccountView {
    id: String,
    label: String,
    provider: &'static str,
    state: &'static str,
    calendars: Vec<String>,
    access: Vec<&'static str>,
    again: Option<String>,
}

/// What to say besides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Saying<'a> {
    pub(super) notice: Option<&'a str>,
    /// A reason, where a form came to nothing.
    pub(super) trouble: Option<&'a str>,
    /// The connection that is to be linked again, on the page that shows several.
    pub(super) again: Option<&'a ConnectionId>,
}

/// The page of a visit as it stands.
pub(super) async fn show(
    api: &Api,
    visit: &Visit,
    saying: Saying<'_>,
) -> Result<Response, LinkError> {
    let is_linked = visit.row.status == "linked" && saying.trouble.is_none();
    match (visit.mode, &visit.row.linked) {
        (Mode::Manage, _) if saying.again.is_none() => manage(api, visit, saying).await,
        (_, Some(connection)) if is_linked && saying.again.is_none() => {
            linked(api, visit, connection, saying).await
        }
        _ => choose(api, visit, saying).await,
    }
}

async fn choose(api: &Api, visit: &Visit, saying: Saying<'_>) -> Result<Response, LinkError> {
    let tenant = &visit.row.tenant_id;
    let again = saying.again.or(visit.row.connection_id.as_ref());
    let known = match again.filter(|_| visit.mode != Mode::Link) {
        Some(id) => api.hub.store.read().await?.connections().get(tenant, id).await?,
        None => None,
    };
    let offers = |provider: Provider| match &known {
        Some(row) => row.provider == provider,
        None => visit.asked.providers.is_empty() || visit.asked.providers.contains(&provider),
    };
    let base = base(api);
    let session = visit.row.session_id.as_str();
    let connection = known.as_ref().map(|row| row.connection_id.as_str());
    let mut signs = Vec::new();
    for provider in [Provider::Google, Provider::Microsoft] {
        if offers(provider) && api.hub.visits.has_app(tenant, provider).await? {
            let (name, note) = words::sign_in(provider);
            let url = start(&base, session, provider, connection);
            let (id, heading) = (provider.as_str(), words::provider(provider));
            signs.push(SignIn { id, heading, name, note, url });
        }
    }
    let token = api.hub.visits.form_token(visit);
    let reason = saying.trouble.or(visit.row.reason.as_deref());
    let (word, lacks) = reason.map_or(("", ""), |it| it.split_once(':').unwrap_or((it, "")));
    let level = visit.asked.access.or(known.as_ref().map(|row| row.access));
    let choose = Choose {
        lang: "en",
        base: &base,
        session,
        token: &token,
        heading: if known.is_some() {
            "Sign in to your calendar again"
        } else {
            "Connect your calendar"
        },
        trouble: reason.map(|_| words::trouble(word)),
        lacks: lacks.split(',').filter(|it| !it.is_empty()).map(words::scope).collect(),
        access: words::access(level.unwrap_or(Access::ReadWrite)),
        signs,
        caldav: offers(Provider::Caldav),
        ics: offers(Provider::Ics),
        again: known.is_some(),
        connection,
        back: back(visit, "cancelled"),
    };
    let status = match saying.trouble {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    Ok(page(status, &choose))
}

async fn linked(
    api: &Api,
    visit: &Visit,
    connection: &ConnectionId,
    saying: Saying<'_>,
) -> Result<Response, LinkError> {
    let tenant = &visit.row.tenant_id;
    let mut tx = api.hub.store.read().await?;
    let row = tx.connections().get(tenant, connection).await?.ok_or(LinkError::NotFound)?;
    let all = tx.calendars().by_connection(tenant, connection).await?;
    drop(tx);
    let choices = match &visit.row.resource_id {
        Some(resource) => api.hub.linker.choices(tenant, resource, connection).await?,
        None => None,
    };
    let chosen = choices.as_ref().map(|choices| choices.chosen.clone()).unwrap_or_default();
    // Before anything was chosen, all of them is the safe answer.
    let is_new = chosen.blocks.is_empty() && chosen.write_to.is_none();
    let may_write = row.access == Access::ReadWrite;
    let calendars: Vec<CalendarChoice> = all
        .iter()
        .filter(|calendar| calendar.listed)
        .map(|calendar| CalendarChoice {
            id: calendar.calendar_id.to_string(),
            name: calendar.name.clone(),
            blocks: is_new || chosen.blocks.contains(&calendar.calendar_id),
            writable: calendar.writable && may_write,
            takes: chosen.write_to.as_ref() == Some(&calendar.calendar_id),
        })
        .collect();
    let base = base(api);
    let token = api.hub.visits.form_token(visit);
    let shown = LinkedPage {
        lang: "en",
        base: &base,
        session: visit.row.session_id.as_str(),
        token: &token,
        heading: "Your calendar is connected",
        notice: saying.notice,
        account: &row.account_label,
        resource: choices.as_ref().map(|choices| choices.resource.name.as_str()),
        writes: calendars.iter().any(|calendar| calendar.writable),
        takes: chosen.write_to.is_some(),
        calendars,
        access: words::access(row.access),
        back: back(visit, "linked"),
    };
    Ok(page(StatusCode::OK, &shown))
}

async fn manage(api: &Api, visit: &Visit, saying: Saying<'_>) -> Result<Response, LinkError> {
    let mut tx = api.hub.store.read().await?;
    let (base, session) = (base(api), visit.row.session_id.as_str());
    let mut accounts = Vec::new();
    for row in managed(&mut tx, visit).await? {
        let calendars = tx.calendars().by_connection(&row.tenant_id, &row.connection_id).await?;
        let id = row.connection_id.as_str();
        let is_going = row.state == ConnectionState::Removing;
        accounts.push(AccountView {
            id: id.to_owned(),
            label: row.account_label.clone(),
            provider: words::provider(row.provider),
            state: words::state(row.state),
            calendars: calendars.into_iter().map(|calendar| calendar.name).collect(),
            access: words::access(row.access),
            again: (!is_going).then(|| again(&base, session, &row)),
        });
    }
    let token = api.hub.visits.form_token(visit);
    let (lang, notice) = ("en", saying.notice);
    let back = back(visit, &visit.row.status);
    let shown = Manage { lang, base: &base, session, token: &token, notice, accounts, back };
    Ok(page(StatusCode::OK, &shown))
}

/// The connections that a visit may manage: the one that it is about, or those of its resource's calendars.
pub(super) async fn managed(tx: &mut Tx, visit: &Visit) -> Result<Vec<ConnectionRow>, LinkError> {
    let tenant = &visit.row.tenant_id;
    let mut ids: BTreeSet<ConnectionId> = visit.row.connection_id.iter().cloned().collect();
    if let (Mode::Manage, Some(resource)) = (visit.mode, &visit.row.resource_id) {
        let links = tx.resources().links(tenant, resource).await?;
        let mut calendars: Vec<_> = links.into_iter().map(|link| link.calendar_id).collect();
        calendars.extend(tx.resources().get(tenant, resource).await?.and_then(|row| row.write_to));
        let rows = tx.calendars().get_many(tenant, &calendars).await?;
        ids.extend(rows.into_iter().map(|row| row.connection_id));
    }
    let mut rows = Vec::new();
    for id in ids {
        rows.extend(tx.connections().get(tenant, &id).await?);
    }
    Ok(rows)
}

fn again(base: &str, session: &str, row: &ConnectionRow) -> String {
    match row.provider {
        Provider::Google | Provider::Microsoft => {
            start(base, session, row.provider, Some(row.connection_id.as_str()))
        }
        Provider::Caldav | Provider::Ics => {
            format!("{base}/link/{session}?again={}", row.connection_id)
        }
    }
}

fn start(base: &str, session: &str, provider: Provider, connection: Option<&str>) -> String {
    let path = format!("{base}/oauth/{}/start?session={session}", provider.as_str());
    connection.map_or(path.clone(), |connection| format!("{path}&connection={connection}"))
}

/// Where the person came from, with what came of it.
fn back(visit: &Visit, status: &str) -> Option<String> {
    let mut url = Url::parse(visit.asked.return_url.as_deref()?).ok()?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("status", status);
        if status != "linked"
            && let Some(reason) = visit.row.reason.as_deref().and_then(|it| it.split(':').next())
        {
            query.append_pair("reason", reason);
        }
        query.append_pair("session", visit.row.session_id.as_str());
    }
    Some(url.into())
}
