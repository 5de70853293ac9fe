//! `Idempotency-Key`: a mutating request that is repeated has its effect once and gets the first answer.
//!
//! A short `running` row keeps the key while the request runs; its lease ends by itself if the hub dies. Requests that
//! book keep their answer in the transaction of the booking instead ([`Slot`]), and need that row only where a provider
//! is asked first.
//! Only answers that would be the same for ever are kept: successes, and what is wrong with the request
//! itself. Kept answers are sealed, because some hold a secret that is shown once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod slot;

pub(super) use slot::Slot;

use super::{
    Api,
    auth::{Caller, Scope},
    chance::Chance,
    extract::{PATIENCE, arrived},
    problem::{Passing, Problem},
};
use crate::{
    drill::{Point, reach},
    secrets::{Place, SecretsError, answer_row},
    store::{Begun, IdempotencyKey, Sealed, Tx},
};

/// How long a request may hold its key without an answer.
const LEASE: Duration = Duration::from_secs(60);
/// Answers larger than this are not kept; no mutating endpoint makes one.
const MOST_ANSWER: usize = 4 << 20;
const KEPT_HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::ETAG, header::LOCATION, header::RETRY_AFTER];

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    headers: Vec<(String, String)>,
    body: String,
}

/// Whether a request may change something, so that repeating it matters.
pub(super) fn concerns(request: &Request) -> bool {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // A question asked by POST changes nothing.
    !is_read && request.uri().path() != "/v1/freebusy"
}

/// Runs a mutating request once a key.
pub(super) async fn once<F: Future<Output = Response>>(
    api: &Api,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let key = match key_of(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next(request).await,
        Err(problem) => return problem.into_response(),
    };
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return next(request).await;
    };
    let route = format!("{} {}", request.method(), request.uri().path());
    let key = IdempotencyKey { tenant_id: caller.tenant, route, key };
    answer(api, &key, &caller.scopes, request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn answer<F: Future<Output = Response>>(
    api: &Api,
    key: &IdempotencyKey,
    scopes: &[Scope],
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let body = arrived(body, PATIENCE).await?;
    let hash = hash(scopes, &parts.uri, &body);
    let now = api.hub.clock.now();
    let mut slot = None;
    if Slot::serves(&parts) {
        let mut tx = api.hub.store.glance().await?;
        if let Some(found) = tx.idempotency().find(key, &hash, now).await? {
            return told(api, &mut tx, key, found).await;
        }
        slot = Some(Arc::new(Slot::new(api, key.clone(), hash)));
    } else {
        let mut tx = api.hub.store.begin().await?;
        let owner = api.hub.engine.owner();
        match tx.idempotency().begin(key, &hash, owner, LEASE, now).await? {
            Begun::Fresh { since } => {
                tx.commit().await?;
                if let Some(caller) = parts.extensions.get_mut::<Caller>() {
                    let name = format!("{}\n{}\n{}", key.tenant_id, key.route, key.key);
                    caller.chance = Chance::repeated(&api.hub, &name, since);
                }
            }
            found => return told(api, &mut tx, key, found).await,
        }
    }
    if let Some(caller) = parts.extensions.get_mut::<Caller>() {
        caller.slot.clone_from(&slot);
    }
    reach(Point::KeyTaken).await;
    let response = next(Request::from_parts(parts, Body::from(body))).await;
    reach(Point::AnswerMade).await;
    match slot {
        Some(slot) => slot.end(response).await,
        None => keep(api, key, response).await,
    }
}

/// Answers a request whose key somebody has.
async fn told(
    api: &Api,
    tx: &mut Tx,
    key: &IdempotencyKey,
    found: Begun,
) -> Result<Response, Problem> {
    match found {
        Begun::Replay { status, answer } => {
            let (row, sealed) = (answer_row(&key.route, &key.key), Sealed::new(answer));
            let plain = api.hub.vault.unseal(tx, place(key, &row), &sealed).await;
            replay(status, &plain.map_err(|error| Problem::shut(error, "idempotency"))?)
        }
        Begun::Mismatch => {
            let detail = "This Idempotency-Key was used with another body, or by a key with other scopes. Use a new one for a new request.";
            Err(Problem::new("idempotency_mismatch", detail))
        }
        Begun::Running | Begun::Fresh { .. } => Err(in_progress()),
    }
}

/// What the second of two requests under one key is told while the first runs.
pub(super) fn in_progress() -> Problem {
    let detail = "The first request with this Idempotency-Key still runs.";
    Problem::new("idempotency_in_progress", detail).retry_after(1)
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let wrong = || Problem::parameter("Idempotency-Key", "must be 1 to 255 printable characters");
    let text = value.to_str().map_err(|_| wrong())?.trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if (1..=255).contains(&bare.len()) { Ok(Some(bare.to_owned())) } else { Err(wrong()) }
}

/// What is asked, and with what right: an answer made for a wider key is not told to a narrower one.
fn hash(scopes: &[Scope], uri: &axum::http::Uri, body: &Bytes) -> Vec<u8> {
    let mut digest = Sha256::new();
    let held: BTreeSet<Scope> = scopes.iter().copied().collect();
    for scope in held {
        digest.update(scope.as_str().as_bytes());
        digest.update([0]);
    }
    digest.update([0]);
    digest.update(uri.query().unwrap_or("").as_bytes());
    digest.update([0]);
    digest.update(body);
    digest.finalize().to_vec()
}

fn place<'a>(key: &'a IdempotencyKey, row: &'a str) -> Place<'a> {
    Place { tenant: &key.tenant_id, row, column: "idempotency.answer" }
}

async fn keep(api: &Api, key: &IdempotencyKey, response: Response) -> Result<Response, Problem> {
    let is_final = is_final(&response);
    let (response, plain) = read(response).await?;
    let mut tx = api.hub.store.begin().await?;
    if is_final {
        let sealed = seal(api, &mut tx, key, &plain).await;
        let sealed = sealed.map_err(|error| Problem::shut(error, "idempotency"))?;
        let status = i64::from(response.status().as_u16());
        tx.idempotency().finish(key, status, sealed.as_bytes()).await?;
    } else {
        tx.idempotency().give_up(key).await?;
    }
    tx.commit().await?;
    reach(Point::AnswerKept).await;
    Ok(response)
}

/// Whether an answer would be the same for ever.
fn is_final(response: &Response) -> bool {
    let status = response.status();
    (status.is_success() || status.is_client_error())
        && response.extensions().get::<Passing>().is_none()
}

/// Reads an answer to its end: the same again, and the form in which it is kept.
async fn read(response: Response) -> Result<(Response, Vec<u8>), Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MOST_ANSWER)
        .await
        .map_err(|error| Problem::internal(&error, "idempotency"))?;
    let header = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let headers = KEPT_HEADERS.iter().filter_map(header).collect();
    let kept = Kept { headers, body: STANDARD.encode(&body) };
    let plain = serde_json::to_vec(&kept).unwrap_or_default();
    Ok((Response::from_parts(parts, Body::from(body)), plain))
}

async fn seal(
    api: &Api,
    tx: &mut Tx,
    key: &IdempotencyKey,
    plain: &[u8],
) -> Result<Sealed, SecretsError> {
    let row = answer_row(&key.route, &key.key);
    api.hub.vault.seal(tx, place(key, &row), plain).await
}

fn replay(status: i64, plain: &[u8]) -> Result<Response, Problem> {
    let damaged = |what: &str| {
        tracing::error!(what, "A kept answer cannot be read.");
        Problem::new("internal", "The kept answer cannot be read.")
    };
    let kept: Kept = serde_json::from_slice(plain).map_err(|_| damaged("form"))?;
    let body = STANDARD.decode(kept.body).map_err(|_| damaged("body"))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| damaged("status"))?;
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_bare_or_quoted() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", HeaderValue::from_static(text));
            key_of(&headers)
        };
        assert_eq!(of("abc").unwrap(), Some("abc".to_owned()));
        assert_eq!(of("\"abc\"").unwrap(), Some("abc".to_owned()));
        assert!(of("\"\"").is_err());
        assert_eq!(key_of(&HeaderMap::new()).unwrap(), None);
    }
}
