//! Why linking failed or the desk said no, as callers are told.

use serde_json::json;

use crate::{
    booking,
    http::{
        Problem,
        extract::IfMatch,
        idempotency::in_progress,
        problem::{FieldError, ProviderFault},
    },
    link::{Kind, LinkError, Refusal, RetryAfter},
    model::states::Provider,
};

/// Maps why linking failed. A provider's refusal keeps its diagnosis as the code.
impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Refused(refusal) => refused(&refusal),
            LinkError::DoesNotFit(field) => {
                Self::field(&format!("/{field}"), "invalid", "means nothing to this provider")
            }
            LinkError::DifferentAccount => Self::new(
                "different_account",
                "The new login belongs to another account. Link that account as a connection of its own.",
            ),
            LinkError::ExternalIdTaken => Self::new(
                "external_id_taken",
                "Another connection of this tenant has this external_id.",
            ),
            LinkError::Unreadable => Self::new(
                "login_unreadable",
                "The stored login does not open any more. State the whole login: url, and for CalDAV username and password.",
            ),
            LinkError::Removing => Self::new("conflict", "The connection is being removed."),
            LinkError::Paused => Self::new(
                "paused",
                "An operator has paused reading there, so the login cannot be checked. Try again later.",
            )
            .retry_after(60),
            LinkError::Stale => IfMatch::stale(),
            LinkError::NotFound => Self::not_found("connection"),
            LinkError::Store(error) => error.into(),
            LinkError::Secrets(error) => Self::shut(error, "link"),
        }
    }
}

/// Names the provider in a refusal of its.
pub(super) fn by(provider: Provider, error: LinkError) -> Problem {
    let mut problem = Problem::from(error);
    if let Some(fault) = &mut problem.provider {
        fault.name = provider.as_str().to_owned();
    }
    problem
}

fn refused(refusal: &Refusal) -> Problem {
    let code = refusal.kind.code();
    let retry_after = match &refusal.kind {
        Kind::Throttled { retry_after: Some(RetryAfter::In(wait)), .. } => {
            Some(wait.as_secs().max(1))
        }
        _ => None,
    };
    let passing = [Kind::Unavailable, Kind::Timeout, Kind::Dns].contains(&refusal.kind);
    let retryable = passing || matches!(refusal.kind, Kind::Throttled { .. });
    let title = "The account could not be linked";
    let provider = ProviderFault {
        name: "provider".to_owned(),
        status: refusal.status,
        reason: Some(code.to_owned()),
    };
    let problem = Problem::titled(code, 422, title, refusal.detail.clone());
    Problem { provider: Some(Box::new(provider)), retryable, retry_after, ..problem }
}

/// Maps why a hold or booking was refused.
impl From<booking::Refusal> for Problem {
    fn from(refusal: booking::Refusal) -> Self {
        use booking::Refusal;
        match refusal {
            Refusal::SlotTaken { blocked_by, hold_expired } => {
                taken(&json!(blocked_by), hold_expired)
            }
            Refusal::Unverified { unsure } => {
                let detail = "Some calendar could not be read recently enough to be sure. Try again, or allow it by `allow_unverified`.";
                let problem = Self::new("unverified", detail).retry_after(5);
                Self { blocked_by: Some(Box::new(json!(unsure))), ..problem }
            }
            Refusal::HoldExpired => {
                Self::new("hold_expired", "The hold has ended. Ask for a new one.")
            }
            Refusal::WrongState(detail) => Self::new("wrong_state", detail),
            Refusal::NotFound(what) => Self::not_found(what),
            Refusal::Invalid { pointer, code, detail } => Self::field(&pointer, code, detail),
            Refusal::Stale => IfMatch::stale(),
            Refusal::Overtaken => in_progress(),
            Refusal::Store(error) => error.into(),
            Refusal::Secrets(error) => Self::shut(error, "booking"),
        }
    }
}

fn taken(blocked_by: &serde_json::Value, hold_expired: bool) -> Problem {
    let detail = if hold_expired {
        "The hold has expired, and its time has been taken since."
    } else {
        "The time is not free."
    };
    let expired = FieldError {
        pointer: "/hold_id".to_owned(),
        code: "hold_expired".to_owned(),
        detail: "the hold had expired".to_owned(),
    };
    let problem = Problem::new("slot_taken", detail);
    Problem {
        blocked_by: Some(Box::new(blocked_by.clone())),
        errors: if hold_expired { vec![expired] } else { Vec::new() },
        ..problem
    }
}
