//! Why the desk says no.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    index::Reason,
    model::{
        ids::{CalendarId, ResourceId},
        interval::Span,
    },
    secrets::SecretsError,
    store::StoreError,
};

/// What is in the way of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    pub resource_id: ResourceId,
    /// `hold`, `booking` or `busy`.
    pub kind: &'static str,
    /// Of a hold or booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the busy time was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar_id: Option<CalendarId>,
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Blocker {
    pub(super) fn new(resource: &ResourceId, kind: &'static str, span: Span) -> Self {
        let (start, end) = (span.start(), span.end());
        Self { resource_id: resource.clone(), kind, id: None, calendar_id: None, start, end }
    }
}

/// A calendar that is not known well enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsure {
    pub calendar_id: CalendarId,
    pub reason: Reason,
}

/// Why a request to the desk was refused. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Somebody has the time, or the person is busy.
    #[error("the slot is taken")]
    SlotTaken { blocked_by: Vec<Blocker>, hold_expired: bool },
    /// Some calendar could not be read well enough to be sure.
    #[error("the slot could not be verified")]
    Unverified { unsure: Vec<Unsure> },
    /// The hold's time is up.
    #[error("the hold has expired")]
    HoldExpired,
    /// It is in a state in which this cannot be done; the text says which.
    #[error("{0}")]
    WrongState(String),
    /// There is no such thing in this tenant.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// One field is wrong.
    #[error("{pointer}: {detail}")]
    Invalid { pointer: String, code: &'static str, detail: String },
    /// It was changed since it was read.
    #[error("it was changed meanwhile")]
    Stale,
    /// The same request has been done, or runs, elsewhere.
    #[error("the same request was done elsewhere")]
    Overtaken,
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the secrets failed")]
    Secrets(#[source] SecretsError),
}

/// A store that does not answer while a secret is opened says nothing about the secret.
impl From<SecretsError> for Refusal {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Store(error) => Self::Store(error),
            error => Self::Secrets(error),
        }
    }
}

impl Refusal {
    pub(super) fn invalid(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::Invalid { pointer: pointer.into(), code, detail: detail.into() }
    }
}
