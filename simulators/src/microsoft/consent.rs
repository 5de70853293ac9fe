//! The consent page: who are you, do you accept all that the app asks for. Plain HTML that needs nothing from elsewhere.

use std::{collections::BTreeSet, fmt::Write as _};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;

use super::{
    state::{Code, Microsoft},
    token::{TokenError, short},
};
use crate::{
    caldav::xml::escape,
    oauth::{self, HEAD, html, later},
    query::Query,
    reply::{self, Reply},
};

/// An authorization request that may be answered.
struct Wanted<'a> {
    query: &'a Query,
    tenant: &'a str,
    client: String,
    redirect_uri: String,
    scopes: BTreeSet<String>,
}

/// Why nothing can be asked: told to the person, or, once the address is known to be right, to the app.
enum Wrong {
    Shown(TokenError),
    Sent { error: &'static str, description: String },
}

pub(crate) fn answer(
    ms: &mut Microsoft,
    request: &Request<Bytes>,
    tenant: &str,
    now: Timestamp,
) -> Reply {
    let raw = request.uri().query().unwrap_or_default();
    let query = Query::parse(raw);
    let form = Query::parse(&String::from_utf8_lossy(request.body()));
    let wanted = match Wanted::read(ms, &query, tenant) {
        Ok(wanted) => wanted,
        Err((_, Wrong::Shown(error))) => return error_page(error),
        Err((redirect_uri, Wrong::Sent { error, description })) => {
            return back(
                &redirect_uri,
                &query,
                &[("error", error), ("error_description", &description)],
            );
        }
    };
    if request.method() != http::Method::POST {
        return page(ms, &wanted, raw);
    }
    match form.get("action") {
        Some("allow") => allow(ms, &wanted, &form, now),
        _ => {
            let description = TokenError(65_004).description();
            let values = [("error", "access_denied"), ("error_description", description.as_str())];
            back(&wanted.redirect_uri, &query, &values)
        }
    }
}

impl<'a> Wanted<'a> {
    fn read(ms: &Microsoft, query: &'a Query, tenant: &'a str) -> Result<Self, (String, Wrong)> {
        let shown = |code: u32| (String::new(), Wrong::Shown(TokenError(code)));
        let client = query.get("client_id").unwrap_or_default();
        let known = ms.clients.get(client).filter(|client| !client.removed);
        let known = known.ok_or_else(|| shown(700_016))?;
        let redirect_uri = query.get("redirect_uri").unwrap_or_default().to_owned();
        if !known.redirect_uris.contains(&redirect_uri) {
            return Err(shown(50_011));
        }
        let scopes: BTreeSet<String> = query
            .get("scope")
            .unwrap_or_default()
            .split_whitespace()
            .map(|scope| short(scope).to_owned())
            .collect();
        let sent = |error: &'static str, code: u32| {
            (
                redirect_uri.clone(),
                Wrong::Sent { error, description: TokenError(code).description() },
            )
        };
        if query.get("response_type") != Some("code") {
            return Err(sent("unsupported_response_type", 9_002_313));
        }
        if scopes.is_empty() || scopes.iter().any(|scope| explained(scope).is_none()) {
            return Err(sent("invalid_scope", 70_011));
        }
        let method = query.get("code_challenge_method").unwrap_or("plain");
        if query.has("code_challenge") && !matches!(method, "S256" | "plain") {
            return Err(sent("invalid_request", 9_002_313));
        }
        let mode = query.get("response_mode").unwrap_or("query");
        if !matches!(mode, "query" | "fragment" | "form_post") {
            return Err(sent("invalid_request", 9_002_313));
        }
        if query.get("prompt") == Some("none") {
            return Err(sent("interaction_required", 50_076));
        }
        Ok(Self { query, tenant, client: client.to_owned(), redirect_uri, scopes })
    }
}

/// Sends the browser back in the way that was asked for; the state comes back as it was sent.
fn back(redirect_uri: &str, query: &Query, values: &[(&str, &str)]) -> Reply {
    let state = query.get("state").map(|state| ("state", state));
    let all: Vec<(&str, &str)> = values.iter().copied().chain(state).collect();
    match query.get("response_mode") {
        Some("form_post") => {
            let mut body = format!("{HEAD}<form method=post action='{}'>", escape(redirect_uri));
            for (name, value) in all {
                let _ = write!(body, "<input type=hidden name='{name}' value='{}'>", escape(value));
            }
            body.push_str("<button type=submit>Continue</button></form></html>");
            html(200, body)
        }
        Some("fragment") => reply::redirect(302, &format!("{redirect_uri}#{}", oauth::pairs(&all))),
        _ => reply::redirect(302, &oauth::back(redirect_uri, &all)),
    }
}

fn allow(ms: &mut Microsoft, wanted: &Wanted<'_>, form: &Query, now: Timestamp) -> Reply {
    let email = form.get("account").unwrap_or_default().to_owned();
    if let Err(error) = ms.may_sign_in(&email, wanted.tenant) {
        return error_page(error);
    }
    let needs_admin = ms.people.get(&email).is_some_and(|person| person.spec.needs_admin);
    let has_admin = ms.clients.get(&wanted.client).is_some_and(|client| client.admin_consented);
    if needs_admin && !has_admin {
        return approval_page(wanted);
    }
    if let Some(code @ (50_057 | 53_003 | 53_000)) =
        ms.people.get(&email).and_then(|person| person.spec.refuses)
    {
        return error_page(TokenError(code));
    }
    let code = format!("1.{}", ms.secret("code"));
    let kept = Code {
        email,
        client: wanted.client.clone(),
        redirect_uri: wanted.redirect_uri.clone(),
        scopes: wanted.scopes.clone(),
        challenge: oauth::challenge(wanted.query),
        nonce: wanted.query.get("nonce").map(str::to_owned),
        expires_at: later(now, ms.knobs.code_s),
        is_used: false,
    };
    ms.codes.insert(code.clone(), kept);
    let session = ms.secret("session");
    back(&wanted.redirect_uri, wanted.query, &[("code", &code), ("session_state", &session)])
}

/// What a scope means in a person's words; `None` for one that does not exist.
pub(crate) fn explained(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "openid" => "Sign you in",
        "profile" => "View your basic profile",
        "email" => "View your email address",
        "offline_access" => "Maintain access to data you have given it access to",
        "User.Read" => "Sign you in and read your profile",
        "Calendars.ReadBasic" => "Read basic details of your calendars",
        "Calendars.Read" => "Read your calendars",
        "Calendars.ReadWrite" => "Have full access to your calendars",
        "Calendars.Read.Shared" => "Read calendars you can access",
        "Calendars.ReadWrite.Shared" => "Read and write calendars you can access",
        "MailboxSettings.Read" => "Read your mailbox settings",
        "MailboxSettings.ReadWrite" => "Read and write your mailbox settings",
        ".default" => "All that the app is registered for",
        _ => return None,
    })
}

/// The person may not agree alone; all they can do is go back to the app.
fn approval_page(wanted: &Wanted<'_>) -> Reply {
    let error = TokenError(90_094);
    let description = error.description();
    let state = wanted.query.get("state").map(|state| ("state", state));
    let values = [("error", error.word()), ("error_description", description.as_str())];
    let values: Vec<(&str, &str)> = values.into_iter().chain(state).collect();
    html(
        400,
        format!(
            "{HEAD}<main><h1>Need admin approval</h1><p>{}\
            <p><a id=return href='{}'>Return to the application without granting consent</a></main></html>",
            escape(&description),
            escape(&oauth::back(&wanted.redirect_uri, &values))
        ),
    )
}

pub(crate) fn error_page(error: TokenError) -> Reply {
    html(
        400,
        format!(
            "{HEAD}<main><h1>Sorry, but we're having trouble signing you in.</h1><p>{}\
            <p class=quiet>Error: <code id=error>AADSTS{}</code> <code>{}</code></main></html>",
            escape(&error.description()),
            error.0,
            error.word()
        ),
    )
}

fn page(ms: &Microsoft, wanted: &Wanted<'_>, query: &str) -> Reply {
    let mut body = format!(
        "{HEAD}<main><h1>{} asks for permissions</h1>\
        <p class=quiet>This page is part of a simulator; no real account is involved.\
        <form method=post action='/{}/oauth2/v2.0/authorize?{}'>\
        <fieldset><legend>Choose an account</legend>",
        escape(&wanted.client),
        escape(wanted.tenant),
        escape(query)
    );
    let hint = wanted.query.get("login_hint").unwrap_or_default();
    let any = ms.people.keys().any(|email| email.eq_ignore_ascii_case(hint));
    for (n, email) in ms.people.keys().enumerate() {
        let is_chosen = if any { email.eq_ignore_ascii_case(hint) } else { n == 0 };
        let _ = write!(
            body,
            "<label for=account-{n}><input type=radio name=account id=account-{n} value='{email}' required{}> {email}</label>",
            if is_chosen { " checked" } else { "" },
            email = escape(email)
        );
    }
    body.push_str("</fieldset><fieldset><legend>This app would like to</legend><ul>");
    for scope in &wanted.scopes {
        let _ = write!(body, "<li>{}</li>", escape(explained(scope).unwrap_or(scope)));
    }
    body.push_str(
        "</ul></fieldset><button id=allow type=submit name=action value=allow>Accept</button>\
        <button id=deny type=submit name=action value=deny formnovalidate>Cancel</button></form></main></html>",
    );
    html(200, body)
}
