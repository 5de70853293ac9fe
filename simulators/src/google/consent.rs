//! The consent page: who are you, what do you allow. Plain HTML that needs nothing from elsewhere.

use std::{collections::BTreeSet, fmt::Write as _};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;

use super::state::{Code, Google};
use crate::{
    caldav::xml::escape,
    oauth::{self, HEAD, html, later},
    query::Query,
    reply::{self, Reply},
};

/// Scopes that every app gets, and which cannot be unticked.
const BASIC: [&str; 3] = ["openid", "email", "profile"];

/// An authorization request that may be answered.
struct Wanted<'a> {
    query: &'a Query,
    client: String,
    redirect_uri: String,
    scopes: Vec<String>,
    state: Option<String>,
}

/// Why nothing can be asked: told to the person, or, once the address is known to be right, to the client.
enum Wrong {
    Shown { error: &'static str, text: String },
    Sent(String),
}

fn shown(error: &'static str, text: &str) -> Wrong {
    Wrong::Shown { error, text: text.to_owned() }
}

pub(crate) fn answer(google: &mut Google, request: &Request<Bytes>, now: Timestamp) -> Reply {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let form = Query::parse(&String::from_utf8_lossy(request.body()));
    let wanted = match Wanted::read(google, &query) {
        Ok(wanted) => wanted,
        Err(Wrong::Shown { error, text }) => return error_page(error, &text),
        Err(Wrong::Sent(location)) => return reply::redirect(302, &location),
    };
    if request.method() != http::Method::POST {
        return page(google, &wanted, request.uri().query().unwrap_or_default());
    }
    match form.get("action") {
        Some("allow") => allow(google, &wanted, &form, now),
        _ => reply::redirect(302, &wanted.back(&[("error", "access_denied")])),
    }
}

impl<'a> Wanted<'a> {
    fn read(google: &Google, query: &'a Query) -> Result<Self, Wrong> {
        let client = query.get("client_id").unwrap_or_default();
        let Some(known) = google.clients.get(client) else {
            return Err(shown("invalid_client", "The OAuth client was not found."));
        };
        let redirect_uri = query.get("redirect_uri").unwrap_or_default();
        if !known.redirect_uris.iter().any(|uri| uri == redirect_uri) {
            let text =
                format!("The redirect URI {redirect_uri} is not among those of this client.");
            return Err(shown("redirect_uri_mismatch", &text));
        }
        let wanted = Self {
            query,
            client: client.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            scopes: query
                .get("scope")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            state: query.get("state").map(str::to_owned),
        };
        if query.get("response_type") != Some("code") {
            return Err(shown("unsupported_response_type", "The response type must be code."));
        }
        if wanted.scopes.is_empty() {
            return Err(shown("invalid_request", "Missing required parameter: scope"));
        }
        if let Some(unknown) = wanted.scopes.iter().find(|scope| explained(scope).is_none()) {
            return Err(shown(
                "invalid_scope",
                &format!("Some requested scopes are invalid: {unknown}"),
            ));
        }
        let method = query.get("code_challenge_method").unwrap_or("plain");
        if query.has("code_challenge") && !matches!(method, "S256" | "plain") {
            return Err(shown("invalid_request", "The code challenge method is unknown."));
        }
        if query.get("prompt") == Some("none") {
            return Err(Wrong::Sent(wanted.back(&[("error", "interaction_required")])));
        }
        Ok(wanted)
    }

    /// The client's address with an answer; the state comes back as it was sent.
    fn back(&self, values: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all: Vec<(&str, &str)> = state.into_iter().chain(values.iter().copied()).collect();
        oauth::back(&self.redirect_uri, &all)
    }
}

fn allow(google: &mut Google, wanted: &Wanted<'_>, form: &Query, now: Timestamp) -> Reply {
    let email = form.get("account").unwrap_or_default().to_owned();
    let Some(person) = google.people.get(&email) else {
        return error_page("invalid_request", "Choose an account.");
    };
    if person.spec.blocked_by_admin {
        let text = "Access to this app was blocked by the administrator of the organization.";
        return error_page("admin_policy_enforced", text);
    }
    let ticked: Vec<&str> = form.all("scope").collect();
    let asked = wanted.scopes.iter();
    let mut scopes: BTreeSet<String> = asked
        .filter(|scope| BASIC.contains(&scope.as_str()) || ticked.contains(&scope.as_str()))
        .cloned()
        .collect();
    if wanted.query.is("include_granted_scopes") {
        let before = google.grants.values().filter(|grant| {
            grant.email == email && grant.client == wanted.client && !grant.is_dead
        });
        scopes.extend(before.flat_map(|grant| grant.scopes.iter().cloned()));
    }
    if scopes.is_empty() {
        return reply::redirect(302, &wanted.back(&[("error", "access_denied")]));
    }
    let code = format!("4/{}", google.secret("code"));
    let challenge = oauth::challenge(wanted.query);
    let told = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let kept = Code {
        email,
        client: wanted.client.clone(),
        redirect_uri: wanted.redirect_uri.clone(),
        scopes,
        challenge,
        nonce: wanted.query.get("nonce").map(str::to_owned),
        is_offline: wanted.query.get("access_type") == Some("offline"),
        forces_refresh: wanted.query.get("prompt").is_some_and(|prompt| prompt.contains("consent")),
        expires_at: later(now, google.knobs.code_s),
        is_used: false,
    };
    google.codes.insert(code.clone(), kept);
    reply::redirect(302, &wanted.back(&[("code", &code), ("scope", &told)]))
}

/// What a scope means in a person's words; `None` for one that does not exist.
fn explained(scope: &str) -> Option<&'static str> {
    let name = scope.strip_prefix("https://www.googleapis.com/auth/").unwrap_or(scope);
    Some(match name {
        "openid" => "Associate you with your personal info on Google",
        "email" | "userinfo.email" => "See your primary Google Account email address",
        "profile" | "userinfo.profile" => "See your personal info that is public",
        "calendar" => "See, edit, share, and permanently delete all the calendars you can access",
        "calendar.readonly" => "See and download any calendar you can access",
        "calendar.events" => "View and edit events on all your calendars",
        "calendar.events.readonly" => "View events on all your calendars",
        "calendar.events.owned" => "See, create, change, and delete events on calendars you own",
        "calendar.events.owned.readonly" => "See the events on calendars you own",
        "calendar.events.freebusy" => "See the availability on calendars you have access to",
        "calendar.freebusy" => "View your availability in your calendars",
        "calendar.events.public.readonly" => "See the events on public calendars",
        "calendar.calendarlist" => "See, add, and remove calendars you are subscribed to",
        "calendar.calendarlist.readonly" => "See the list of calendars you are subscribed to",
        "calendar.calendars" => "See and change the properties of your calendars",
        "calendar.calendars.readonly" => "See the properties of your calendars",
        "calendar.app.created" => "Make secondary calendars, and see and change events on them",
        "calendar.acls" => "See and change the sharing permissions of calendars you own",
        "calendar.acls.readonly" => "See the sharing permissions of calendars you own",
        "calendar.settings" | "calendar.settings.readonly" => "View your calendar settings",
        _ => return None,
    })
}

fn error_page(error: &str, text: &str) -> Reply {
    html(
        400,
        format!(
            "{HEAD}<main><h1>Access blocked</h1><p>{}<p class=quiet>Error 400: <code id=error>{}</code></main></html>",
            escape(text),
            escape(error)
        ),
    )
}

fn page(google: &Google, wanted: &Wanted<'_>, query: &str) -> Reply {
    let mut body = format!(
        "{HEAD}<main><h1>{} wants access to your Google Account</h1>\
        <p class=quiet>This page is part of a simulator; no real account is involved.\
        <form method=post action='/g/o/oauth2/v2/auth?{}'>",
        escape(&wanted.client),
        escape(query)
    );
    accounts(google, wanted, &mut body);
    scopes(wanted, &mut body);
    body.push_str(
        "<button id=allow type=submit name=action value=allow>Allow</button>\
        <button id=deny type=submit name=action value=deny formnovalidate>Deny</button></form></main></html>",
    );
    html(200, body)
}

fn accounts(google: &Google, wanted: &Wanted<'_>, body: &mut String) {
    let hint = wanted.query.get("login_hint").unwrap_or_default();
    let is_hinted = |email: &str, sub: &str| email.eq_ignore_ascii_case(hint) || sub == hint;
    let any = google.people.values().any(|p| is_hinted(&p.spec.email, &p.sub()));
    body.push_str("<fieldset><legend>Choose an account</legend>");
    for (n, person) in google.people.values().enumerate() {
        let chosen = if any { is_hinted(&person.spec.email, &person.sub()) } else { n == 0 };
        let _ = write!(
            body,
            "<label for=account-{n}><input type=radio name=account id=account-{n} value='{email}' required{}> {email}</label>",
            if chosen { " checked" } else { "" },
            email = escape(&person.spec.email)
        );
    }
    body.push_str("</fieldset>");
}

fn scopes(wanted: &Wanted<'_>, body: &mut String) {
    body.push_str("<fieldset><legend>What this app may do</legend>");
    for (n, scope) in wanted.scopes.iter().enumerate() {
        let is_basic = BASIC.contains(&scope.as_str());
        let _ = write!(
            body,
            "<label for=scope-{n}><input type=checkbox name=scope id=scope-{n} value='{}' checked{}> {}</label>",
            escape(scope),
            if is_basic { " disabled" } else { "" },
            escape(explained(scope).unwrap_or(scope))
        );
    }
    body.push_str("</fieldset>");
}
