//! What every request gets: an id, a span that continues the caller's trace, and errors in one shape.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::Instrument;

use super::{Api, BODY_LIMIT, problem::Problem, unread::lend};
use crate::model::ids::RequestId;

tokio::task_local! {
    static REQUEST_ID: Arc<str>;
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that this task answers.
pub(super) fn current_request_id() -> Option<String> {
    current_request().map(|id| id.to_string())
}

/// The same to be kept.
pub(super) fn current_request() -> Option<Arc<str>> {
    REQUEST_ID.try_with(Arc::clone).ok()
}

/// Gives the request its id and span, and sees that every error leaves as a problem document. `route` is the pattern,
/// never the path: a feed's path is a secret.
pub(super) async fn frame<F: Future<Output = Response>>(
    api: &Api,
    route: &str,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = request_id(api, &request);
    let method = request.method().clone();
    let trace = trace_id(&request);
    let span = tracing::info_span!("http.request", request.id = %id, method = %method, route, trace.id = trace);
    let began = Instant::now();
    let answer = async {
        let (request, unread) = lend(request);
        let answer = if is_too_large(&request) {
            drop(request);
            Problem::new("body_too_large", "A body may have at most 1 MiB.").into_response()
        } else {
            next(request).await
        };
        if let Some(unread) = unread {
            Box::pin(unread.hear_out()).await;
        }
        answer
    };
    let answered = std::panic::AssertUnwindSafe(answer).catch_unwind().instrument(span.clone());
    let mut response = REQUEST_ID
        .scope(Arc::clone(&id), async move {
            match answered.await {
                Ok(response) => as_problem(response),
                Err(_) => {
                    tracing::error!("A request panicked.");
                    Problem::new("internal", "The hub could not answer.").into_response()
                }
            }
        })
        .await;
    let status = response.status();
    let duration = began.elapsed();
    api.meters.answered(&method, route, status, duration);
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), duration_ms, "Answered."));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

fn is_too_large(request: &Request) -> bool {
    let stated = request.headers().get(header::CONTENT_LENGTH);
    let stated = stated.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    stated.is_some_and(|stated| stated > BODY_LIMIT)
}

/// Takes the caller's id when it is a plain one, else makes one.
fn request_id(api: &Api, request: &Request) -> Arc<str> {
    let given = request.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_plain = |text: &&str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    given
        .filter(is_plain)
        .map_or_else(|| RequestId::mint(&*api.hub.clock, &api.chance).into(), Arc::from)
}

/// The trace id of a W3C `traceparent`, when the header is one.
fn trace_id(request: &Request) -> Option<String> {
    let text = request.headers().get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex =
        |part: &str, long: usize| part.len() == long && part.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2))
        .then(|| trace.to_owned())
}

/// Marks an answer that a person reads: it is left as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnPage;

/// Turns the framework's own plain refusals into problem documents.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    if response.extensions().get::<OwnPage>().is_some() {
        return response;
    }
    let is_ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    if is_ours {
        return response;
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::new("not_found", "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new("method_not_allowed", "This address does not take this method.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new("body_too_large", "A body may have at most 1 MiB.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new("unsupported_media_type", "Send application/json.")
        }
        StatusCode::REQUEST_TIMEOUT => {
            Problem::new("timeout", "The request took too long to arrive.")
        }
        status if status.is_client_error() => Problem::titled(
            "invalid_request",
            status.as_u16(),
            "The request cannot be read",
            "The request cannot be read.",
        ),
        _ => Problem::new("internal", "The hub could not answer."),
    };
    let (old, _) = response.into_parts();
    let mut response = problem.into_response();
    if let Some(allow) = old.headers.get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

/// Answers what no route takes.
pub(super) fn nothing_here() -> Response {
    Problem::new("not_found", "There is nothing at this address.").into_response()
}
