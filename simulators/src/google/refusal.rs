//! What Google refuses, and the envelope it says it in.

use std::fmt;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::reply::{self, Reply};

/// A refusal: status, machine-readable reason, message, and where the cause lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub reason: String,
    pub message: String,
    pub(crate) more: Box<More>,
}

/// The rest of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct More {
    domain: &'static str,
    /// `parameter` or `header`, and its name.
    location: Option<(&'static str, String)>,
    /// The `status` word and reason of the newer half of the envelope.
    detail: Option<(&'static str, &'static str)>,
    pub(crate) retry_after_s: Option<u64>,
    /// A status with nothing said.
    pub(crate) is_mute: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.reason, self.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(status: u16, reason: &str, message: &str) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            more: Box::new(More {
                domain: "global",
                location: None,
                detail: None,
                retry_after_s: None,
                is_mute: false,
            }),
        }
    }

    #[must_use]
    pub(crate) fn domain(mut self, domain: &'static str) -> Self {
        self.more.domain = domain;
        self
    }

    #[must_use]
    pub(crate) fn at(mut self, kind: &'static str, name: &str) -> Self {
        self.more.location = Some((kind, name.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn detail(mut self, status: &'static str, reason: &'static str) -> Self {
        self.more.detail = Some((status, reason));
        self
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, "invalid", message)
    }

    pub(crate) fn parameter(name: &str, message: &str) -> Self {
        Self::new(400, "invalidParameter", message).at("parameter", name)
    }

    pub(crate) fn required(message: &str) -> Self {
        Self::new(400, "required", message)
    }

    pub(crate) fn empty_range() -> Self {
        Self::new(400, "timeRangeEmpty", "The specified time range is empty.").domain("calendar")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "notFound", "Not Found")
    }

    pub(crate) fn deleted() -> Self {
        Self::new(410, "deleted", "Resource has been deleted")
    }

    pub(crate) fn duplicate() -> Self {
        Self::new(409, "duplicate", "The requested identifier already exists.")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(403, "forbidden", "Forbidden")
    }

    pub(crate) fn condition() -> Self {
        Self::new(412, "conditionNotMet", "Precondition Failed").at("header", "If-Match")
    }

    pub(crate) fn access_level() -> Self {
        let message = "You need to have writer access to this calendar.";
        Self::new(403, "requiredAccessLevel", message).domain("calendar")
    }

    pub(crate) fn credentials() -> Self {
        Self::new(401, "authError", "Invalid Credentials")
            .at("header", "Authorization")
            .detail("UNAUTHENTICATED", "")
    }

    pub(crate) fn full_sync() -> Self {
        let message = "Sync token is no longer valid, a full sync is required.";
        Self::new(410, "fullSyncRequired", message).domain("calendar").at("parameter", "syncToken")
    }

    /// What a fault that names a status and perhaps a reason answers.
    pub(crate) fn of_fault(status: u16, reason: &str) -> Self {
        let reason = match (status, reason) {
            (_, told) if !told.is_empty() => told,
            (400, _) => "badRequest",
            (401, _) => return Self::credentials(),
            (403, _) => "forbidden",
            (404, _) => "notFound",
            (409, _) => "conflict",
            (410, _) => "fullSyncRequired",
            (412, _) => "conditionNotMet",
            (429, _) => "rateLimitExceeded",
            _ => "backendError",
        };
        let limits = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];
        let is_limit = limits.contains(&reason) || reason == "dailyLimitExceeded";
        let domain = if is_limit { "usageLimits" } else { "global" };
        Self::new(status, reason, "The request was refused.").domain(domain)
    }

    pub(crate) fn json(&self) -> Value {
        let mut row =
            json!({ "domain": self.more.domain, "reason": self.reason, "message": self.message });
        if let (Some((kind, name)), Some(row)) = (&self.more.location, row.as_object_mut()) {
            row.insert("locationType".into(), json!(kind));
            row.insert("location".into(), json!(name));
        }
        let mut error = json!({ "errors": [row], "code": self.status, "message": self.message });
        if let (Some((status, reason)), Some(error)) = (self.more.detail, error.as_object_mut()) {
            error.insert("status".into(), json!(status));
            if !reason.is_empty() {
                let detail = json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": reason, "domain": "googleapis.com" }]);
                error.insert("details".into(), detail);
            }
        }
        json!({ "error": error })
    }

    pub(crate) fn reply(&self) -> Reply {
        if self.more.is_mute {
            return reply::status(self.status);
        }
        let body = Bytes::from(self.json().to_string());
        let mut reply = reply::body(self.status, "application/json; charset=UTF-8", body);
        if let Some(seconds) = self.more.retry_after_s {
            reply.headers_mut().insert("retry-after", seconds.into());
        }
        reply
    }
}
