//! RFC 9457 problem documents: the one shape of every error answer.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::request::current_request_id;
use crate::{
    secrets::SecretsError,
    store::{StoreError, rules},
};

/// Why a request is refused, or what failed. Small, because every route may return one.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: u16,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub retryable: bool,
    /// Seconds.
    pub retry_after: Option<u64>,
    pub errors: Vec<FieldError>,
    pub provider: Option<Box<ProviderFault>>,
    pub blocked_by: Option<Box<Value>>,
}

/// An error answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:calhub:problem:not_found", "title": "Not found", "status": 404,
    "detail": "There is no calendar cal_1.", "code": "not_found", "request_id": "req_0198c1", "retryable": false
}))]
pub(super) struct Document<'a> {
    /// `urn:calhub:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// Stable; listed in the documentation.
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "slice_is_empty")]
    errors: &'a [FieldError],
    /// The provider that was involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a ProviderFault>,
    /// What is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<&'a Value>,
}

fn slice_is_empty(list: &&[FieldError]) -> bool {
    list.is_empty()
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Document::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Problem")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Document::schemas(schemas);
    }
}

/// One thing that is wrong with the request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body, or the name of a query parameter.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}

/// What a provider answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProviderFault {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Marks a response whose outcome may differ next time, so that no Idempotency-Key keeps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing;

/// Every code with its status and title. The documentation page lists them from here.
pub const CODES: &[(&str, u16, &str)] = &[
    ("invalid_json", 400, "The body is not JSON"),
    ("invalid_parameter", 400, "A parameter is not valid"),
    ("invalid_request", 400, "The request cannot be read"),
    ("unauthenticated", 401, "No valid key"),
    ("insufficient_scope", 403, "The key does not allow this"),
    ("not_found", 404, "Not found"),
    ("method_not_allowed", 405, "Method not allowed"),
    ("timeout", 408, "The request took too long to arrive"),
    ("idempotency_in_progress", 409, "The first request with this key still runs"),
    ("different_account", 409, "This is another account"),
    ("login_unreadable", 409, "The stored login does not open"),
    ("external_id_taken", 409, "The external id is taken"),
    ("in_use", 409, "It is in use"),
    ("conflict", 409, "It conflicts with what is there"),
    ("paused", 409, "It is paused"),
    ("slot_taken", 409, "The slot is taken"),
    ("unverified", 409, "The slot could not be verified"),
    ("hold_expired", 409, "The hold has expired"),
    ("wrong_state", 409, "It is in another state"),
    ("cursor_expired", 410, "The cursor has expired"),
    ("precondition_failed", 412, "It was changed meanwhile"),
    ("body_too_large", 413, "The body is too large"),
    ("unsupported_media_type", 415, "The body must be JSON"),
    ("invalid", 422, "The request is not valid"),
    ("idempotency_mismatch", 422, "The Idempotency-Key was used for another request"),
    ("link_failed", 422, "The account could not be linked"),
    ("precondition_required", 428, "If-Match is missing"),
    ("rate_limited", 429, "Too many requests"),
    ("internal", 500, "Something went wrong"),
    ("unavailable", 503, "Try again later"),
];

impl Problem {
    /// Makes a problem of a code in [`CODES`].
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let (status, title) = CODES
            .iter()
            .find(|(known, ..)| *known == code)
            .map_or((500, "Something went wrong"), |&(_, status, title)| (status, title));
        Self::titled(code, status, title, detail)
    }

    /// Makes a problem whose code comes from elsewhere (a diagnosis of a provider).
    pub fn titled(
        code: &'static str,
        status: u16,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title,
            detail: detail.into(),
            retryable: matches!(status, 408 | 429 | 503),
            retry_after: None,
            errors: Vec::new(),
            provider: None,
            blocked_by: None,
        }
    }

    /// The form in which it leaves.
    pub(super) fn document(&self, request_id: Option<String>) -> Document<'_> {
        Document {
            kind: format!("urn:calhub:problem:{}", self.code),
            title: self.title,
            status: self.status,
            detail: &self.detail,
            code: self.code,
            request_id,
            retryable: self.retryable,
            retry_after: self.retry_after,
            errors: &self.errors,
            provider: self.provider.as_deref(),
            blocked_by: self.blocked_by.as_deref(),
        }
    }

    /// Something that the caller named does not exist, or not in this tenant.
    pub fn not_found(what: &str) -> Self {
        Self::new("not_found", format!("There is no such {what}."))
    }

    /// One field is wrong.
    pub fn field(pointer: &str, code: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let place = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
        Self::new("invalid", format!("{place}{detail}")).with_errors(vec![FieldError {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            detail,
        }])
    }

    /// One query parameter is wrong.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new("invalid_parameter", format!("{name}: {detail}")).with_errors(vec![FieldError {
            pointer: name.to_owned(),
            code: "invalid".to_owned(),
            detail,
        }])
    }

    #[must_use]
    pub fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retryable: true, retry_after: Some(seconds), ..self }
    }

    /// Whether the same request would be answered the same for ever: what is wrong is in the request.
    pub fn is_final(&self) -> bool {
        matches!(self.code, "invalid" | "invalid_json" | "invalid_parameter") && !self.retryable
    }

    /// Logs what happened inside, once, and tells the caller only that it failed.
    pub fn internal(error: &(dyn std::error::Error + 'static), what: &str) -> Self {
        tracing::error!(error, what, "A request failed inside the hub.");
        Self::new("internal", "The hub could not answer. It has been logged under the request id.")
    }

    /// A secret that stays shut; where only the store does not answer, the same may work soon.
    pub fn shut(error: SecretsError, what: &str) -> Self {
        match error {
            SecretsError::Store(error) => error.into(),
            error => Self::internal(&error, what),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "The store does not answer."
                );
                Self::new("unavailable", "The store does not answer.").retry_after(1)
            }
            StoreError::CursorExpired => Self::new(
                "cursor_expired",
                "The change log no longer reaches back to this cursor. Read the state afresh and go on from `after=now`.",
            ),
            StoreError::Conflict(rule)
                if *rule == rules::RESOURCE_EXTERNAL_ID
                    || *rule == rules::CONNECTION_EXTERNAL_ID
                    || *rule == rules::HOLD_EXTERNAL_ID
                    || *rule == rules::BOOKING_EXTERNAL_ID =>
            {
                Self::new("external_id_taken", "Another one in this tenant has this external_id.")
            }
            StoreError::Conflict(_) => Self::new("conflict", "It conflicts with what is there."),
            _ => Self::internal(&error, "store"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.document(current_request_id())).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"calhub\""),
            );
        }
        if !self.is_final() {
            response.extensions_mut().insert(Passing);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_snake_case_and_stands_once() {
        let mut seen = std::collections::HashSet::new();
        for (code, status, title) in CODES {
            assert!(seen.insert(code), "{code} twice");
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!((400..600).contains(status) && !title.is_empty());
        }
    }

    #[test]
    fn a_problem_says_what_rfc_9457_asks_for() {
        let problem = Problem::field("/start", "required", "is required");
        let value = serde_json::to_value(problem.document(None)).unwrap();
        assert_eq!(value["type"], "urn:calhub:problem:invalid");
        assert_eq!(value["status"], 422);
        assert_eq!(value["errors"][0]["pointer"], "/start");
        assert_eq!(value["retryable"], false);
        assert!(value.get("blocked_by").is_none());
        assert_eq!(Problem::field("", "required", "name one").detail, "name one");
    }
}
