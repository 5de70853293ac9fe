//! The page on which an administrator agrees for everybody.

use bytes::Bytes;
use http::Request;

use super::{
    consent::{error_page, explained},
    state::{Microsoft, guid},
    token::{TokenError, short},
};
use crate::{
    caldav::xml::escape,
    oauth::{self, HEAD, html},
    query::Query,
    reply::{self, Reply},
};

pub(crate) fn answer(ms: &mut Microsoft, request: &Request<Bytes>, tenant: &str) -> Reply {
    let raw = request.uri().query().unwrap_or_default();
    let query = Query::parse(raw);
    let form = Query::parse(&String::from_utf8_lossy(request.body()));
    let client = query.get("client_id").unwrap_or_default();
    let redirect_uri = query.get("redirect_uri").unwrap_or_default();
    let Some(known) = ms.clients.get_mut(client).filter(|client| !client.removed) else {
        return error_page(TokenError(700_016));
    };
    if !known.redirect_uris.iter().any(|uri| uri == redirect_uri) {
        return error_page(TokenError(50_011));
    }
    if request.method() != http::Method::POST {
        return page(client, tenant, &query, raw);
    }
    let state = query.get("state").map(|state| ("state", state));
    let directory = guid(tenant);
    let values: Vec<(&str, &str)> = if form.get("action") == Some("allow") {
        known.admin_consented = true;
        let scope = query.get("scope").unwrap_or(".default");
        vec![("admin_consent", "True"), ("tenant", &directory), ("scope", scope)]
    } else {
        let description =
            "AADSTS65004: The resource owner or authorization server denied the request.";
        vec![
            ("error", "access_denied"),
            ("error_subcode", "cancel"),
            ("error_description", description),
            ("admin_consent", "True"),
        ]
    };
    let all: Vec<(&str, &str)> = values.into_iter().chain(state).collect();
    reply::redirect(302, &oauth::back(redirect_uri, &all))
}

fn page(client: &str, tenant: &str, query: &Query, raw: &str) -> Reply {
    let scopes = query.get("scope").unwrap_or(".default").split_whitespace();
    let rows: String = scopes
        .map(|scope| format!("<li>{}</li>", escape(explained(short(scope)).unwrap_or(scope))))
        .collect();
    html(
        200,
        format!(
            "{HEAD}<main><h1>{} asks for permissions for your organization</h1>\
            <p class=quiet>This page is part of a simulator; no real account is involved.<ul>{rows}</ul>\
            <form method=post action='/{}/v2.0/adminconsent?{}'>\
            <button id=allow type=submit name=action value=allow>Accept</button>\
            <button id=deny type=submit name=action value=deny>Cancel</button></form></main></html>",
            escape(client),
            escape(tenant),
            escape(raw)
        ),
    )
}
