//! How pages leave: with nothing from elsewhere, framed nowhere, kept nowhere; and the cookie that keeps a visit.

use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    http::{Api, request::OwnPage},
    link::{NotLetIn, Visit},
    model::ids::LinkSessionId,
};

/// A `form-action` also holds for where a form's answer redirects to: forms lead to this hub alone, and what leads away
/// is a link.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    lang: &'a str,
    base: &'a str,
    heading: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "enter.html")]
struct Enter<'a> {
    lang: &'a str,
    base: &'a str,
    heading: &'a str,
    text: &'a str,
}

/// What stands before a visit that nobody has opened yet. It tells nothing about it.
pub(super) fn door(api: &Api) -> Response {
    let text = "From here on this link works in this browser only.";
    let enter = Enter { lang: "en", base: &base(api), heading: "Connect your calendar", text };
    page(StatusCode::OK, &enter)
}

/// A page.
pub(in crate::http) fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => dressed((status, html).into_response()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "A page was not rendered.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Leads a browser on.
pub(in crate::http) fn lead(to: &str) -> Response {
    let Ok(to) = HeaderValue::try_from(to) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = dressed(StatusCode::SEE_OTHER.into_response());
    response.headers_mut().insert(header::LOCATION, to);
    response
}

fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response.extensions_mut().insert(OwnPage);
    response
}

/// A few words and nothing to do.
pub(in crate::http) fn message(
    api: &Api,
    status: StatusCode,
    heading: &str,
    text: &str,
) -> Response {
    page(status, &Message { lang: "en", base: &base(api), heading, text })
}

/// Why a browser is not let in.
pub(in crate::http) fn not_let_in(api: &Api, why: &NotLetIn) -> Response {
    match why {
        NotLetIn::Ended => message(
            api,
            StatusCode::NOT_FOUND,
            "This link is not valid any more",
            "It was used up, or its time is over. Go back to where you came from and begin again.",
        ),
        NotLetIn::OtherBrowser => message(
            api,
            StatusCode::FORBIDDEN,
            "This link was opened in another browser",
            "For your safety it works only where it was opened first. Go back to where you came from and begin again.",
        ),
        NotLetIn::Failed(error) => failed(api, error),
    }
}

/// Something inside went wrong.
pub(in crate::http) fn failed(api: &Api, error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "A page could not be made.");
    message(
        api,
        StatusCode::SERVICE_UNAVAILABLE,
        "Something went wrong",
        "Please try again in a moment.",
    )
}

/// What stands before every path, where the hub does not have a host to itself.
pub(in crate::http) fn base(api: &Api) -> String {
    let path = api.hub.config.public_url.as_ref().map_or("", |url| url.path());
    path.trim_end_matches('/').to_owned()
}

fn name_of(api: &Api, session: &LinkSessionId) -> String {
    let prefix = if api.hub.visits.is_https() { "__Host-" } else { "" };
    format!("{prefix}calhub-{session}")
}

/// The cookie of a visit, as the browser shows it.
pub(in crate::http) fn cookie(
    api: &Api,
    headers: &HeaderMap,
    session: &LinkSessionId,
) -> Option<SecretString> {
    let name = name_of(api, session);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned().into())
}

/// Gives a browser the cookie of its visit.
pub(super) fn with_cookie(
    api: &Api,
    mut response: Response,
    visit: &Visit,
    cookie: Option<&SecretString>,
) -> Response {
    let Some(cookie) = cookie else { return response };
    let lasts = visit.row.expires_at.duration_since(api.hub.clock.now()).as_secs().max(0);
    let secure = if api.hub.visits.is_https() { "; Secure" } else { "" };
    let line = format!(
        "{}={}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}",
        name_of(api, &visit.row.session_id),
        cookie.expose_secret()
    );
    if let Ok(mut value) = HeaderValue::try_from(line) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
