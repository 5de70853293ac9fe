//! What every OAuth provider does the same way: client credentials, proof keys, id tokens, pages.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    query::{Query, decoded},
    reply::{self, Reply},
};

/// An answer of a token endpoint.
pub(crate) fn answer(status: u16, body: &Value) -> Reply {
    let bytes = Bytes::from(body.to_string());
    let mut reply = reply::body(status, "application/json; charset=utf-8", bytes);
    reply::set(&mut reply, "cache-control", "no-store");
    reply
}

pub(crate) fn later(now: Timestamp, seconds: u32) -> Timestamp {
    let span = SignedDuration::try_from(Duration::from_secs(seconds.into()));
    span.ok().and_then(|span| now.checked_add(span).ok()).unwrap_or(Timestamp::MAX)
}

/// The client's id and secret, from the form or from the header.
pub(crate) fn credentials(request: &Request<Bytes>, form: &Query) -> (String, String) {
    let basic = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let basic = basic.and_then(|value| value.strip_prefix("Basic ")).and_then(|coded| {
        let text = String::from_utf8(STANDARD.decode(coded).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((decoded(id), decoded(secret)))
    });
    basic.unwrap_or_else(|| {
        let told = |name: &str| form.get(name).unwrap_or_default().to_owned();
        (told("client_id"), told("client_secret"))
    })
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(request: &Request<Bytes>) -> Option<&str> {
    let header = request.headers().get("authorization")?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The method and the challenge of an authorization request.
pub(crate) fn challenge(query: &Query) -> Option<(String, String)> {
    let challenge = query.get("code_challenge")?;
    let method = query.get("code_challenge_method").unwrap_or("plain");
    Some((method.to_owned(), challenge.to_owned()))
}

/// Whether a verifier is the one that a challenge was made of.
pub(crate) fn proves(challenge: Option<&(String, String)>, verifier: Option<&str>) -> bool {
    let Some((method, challenge)) = challenge else { return true };
    let Some(verifier) = verifier.filter(|text| (43..=128).contains(&text.len())) else {
        return false;
    };
    match method.as_str() {
        "S256" => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == *challenge,
        _ => verifier == challenge,
    }
}

/// A token about an account. It is not signed by anybody; it comes from the token endpoint itself.
pub(crate) fn id_token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(&json!({ "alg": "RS256", "kid": "simulated", "typ": "JWT" }));
    let signed = format!("{head}.{}", part(claims));
    let signature = URL_SAFE_NO_PAD.encode(Sha256::digest(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Values as a query or a form carries them.
pub(crate) fn pairs(values: &[(&str, &str)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        values.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// A client's address with an answer in its query.
pub(crate) fn back(redirect_uri: &str, values: &[(&str, &str)]) -> String {
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{joint}{}", pairs(values))
}

/// The head of a page that asks a person, which needs nothing from elsewhere.
pub(crate) const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
<meta name=viewport content='width=device-width,initial-scale=1'><title>Sign in</title><style>\
body{font:16px/1.5 system-ui,sans-serif;max-width:30rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
fieldset{border:1px solid #bbb;border-radius:.5rem;margin:1rem 0;padding:.5rem 1rem}\
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}\
label{display:block;padding:.35rem 0}button{font:inherit;padding:.5rem 1.25rem;margin-right:.75rem;border-radius:.5rem;\
border:1px solid #1a56b0;background:#fff;color:#1a56b0}#allow{background:#1a56b0;color:#fff}\
button:focus-visible,input:focus-visible{outline:3px solid #f0a000;outline-offset:2px}.quiet{color:#555}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}button{background:#181818;color:#9cf}}\
</style>";

/// A page that nothing may be framed in or loaded into.
pub(crate) fn html(status: u16, body: String) -> Reply {
    let mut reply = reply::body(status, "text/html; charset=utf-8", Bytes::from(body));
    reply::set(&mut reply, "cache-control", "no-store");
    reply::set(&mut reply, "referrer-policy", "no-referrer");
    reply::set(
        &mut reply,
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    );
    reply
}
