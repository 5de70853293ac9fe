//! Graph's error envelope.

use std::fmt;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::reply::{self, Reply};

/// Why Graph does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) location: Option<String>,
    /// The claims that a token must bring.
    pub(crate) claims: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            retry_after_s: None,
            location: None,
            claims: None,
        }
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, "ErrorInvalidRequest", message)
    }

    pub(crate) fn property(message: &str) -> Self {
        Self::new(400, "ErrorPropertyValidationFailure", message)
    }

    pub(crate) fn bad(message: &str) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn item_not_found() -> Self {
        let message = "The specified object was not found in the store.";
        Self::new(404, "ErrorItemNotFound", message)
    }

    pub(crate) fn no_resource() -> Self {
        Self::new(404, "ResourceNotFound", "Resource could not be discovered.")
    }

    pub(crate) fn bad_id() -> Self {
        Self::new(400, "ErrorInvalidIdMalformed", "Id is malformed.")
    }

    pub(crate) fn denied() -> Self {
        let message = "Access is denied. Check credentials and try again.";
        Self::new(403, "ErrorAccessDenied", message)
    }

    pub(crate) fn token(message: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    pub(crate) fn zone() -> Self {
        let message = "A valid TimeZone value must be specified.";
        Self::new(400, "TimeZoneNotSupportedException", message)
    }

    pub(crate) fn conflict() -> Self {
        let message = "The send or update operation could not be performed because the change key passed in the \
                       request does not match the current change key for the item.";
        Self::new(412, "ErrorIrresolvableConflict", message)
    }

    /// A status of a fault; without a word the one that fits it best.
    pub(crate) fn of_fault(status: u16, code: &str) -> Self {
        let code = match (code, status) {
            ("", 400) => "BadRequest",
            ("", 401) => "InvalidAuthenticationToken",
            ("", 403) => "ErrorAccessDenied",
            ("", 404) => "ErrorItemNotFound",
            ("", 410) => "SyncStateNotFound",
            ("", 412) => "ErrorIrresolvableConflict",
            ("", 429) => "TooManyRequests",
            ("", 503) => "ServiceUnavailable",
            ("", 504) => "GatewayTimeout",
            ("", _) => "InternalServerError",
            (code, _) => code,
        };
        Self::new(status, code, "The request was refused.")
    }

    pub(crate) fn json(&self, request_id: &str, client_request_id: &str, date: &str) -> Value {
        json!({ "error": { "code": self.code, "message": self.message, "innerError": {
            "date": date, "request-id": request_id, "client-request-id": client_request_id } } })
    }

    pub(crate) fn reply(&self, ids: (&str, &str), date: &str) -> Reply {
        let body = Bytes::from(self.json(ids.0, ids.1, date).to_string());
        let mut reply = reply::body(self.status, "application/json", body);
        if let Some(seconds) = self.retry_after_s {
            reply.headers_mut().insert("retry-after", seconds.into());
        }
        if let Some(location) = &self.location {
            reply::set(&mut reply, "location", location);
        }
        if let Some(claims) = &self.claims {
            let challenge =
                format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{claims}\"");
            reply::set(&mut reply, "www-authenticate", &challenge);
        } else if self.status == 401 {
            reply::set(
                &mut reply,
                "www-authenticate",
                "Bearer realm=\"\", error=\"invalid_token\"",
            );
        }
        reply
    }
}
