//! Why linking failed, as callers are told.

use crate::{
    http::{Problem, extract::IfMatch, problem::ProviderFault},
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
            LinkError::Stale => IfMatch::stale(),
            LinkError::NotFound => Self::not_found("connection"),
            LinkError::Store(error) => error.into(),
            LinkError::Secrets(error) => Self::internal(&error, "link"),
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
        Kind::Throttled { retry_after: Some(RetryAfter::In(wait)) } => Some(wait.as_secs().max(1)),
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
