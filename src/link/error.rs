//! Why an account was not linked.

use crate::{
    secrets::SecretsError,
    store::{StoreError, rules},
    sync::SyncError,
};

/// A link, relink or removal that did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The live check failed; the kind's code is the diagnosis.
    #[error("the live check of the login failed")]
    Refused(#[source] connectors::Error),
    /// The new login belongs to another account.
    #[error("the login belongs to another account")]
    DifferentAccount,
    /// Another connection of the tenant has this external id.
    #[error("the external id is taken")]
    ExternalIdTaken,
    /// The login's parts do not fit the connection's provider.
    #[error("{0} means nothing to this provider")]
    DoesNotFit(&'static str),
    /// The stored login does not open, and the new one does not state all of its parts.
    #[error("the stored login does not open")]
    Unreadable,
    #[error("there is no such connection")]
    NotFound,
    /// The connection was changed since the caller read it.
    #[error("the connection was changed since")]
    Stale,
    /// The connection is being removed.
    #[error("the connection is being removed")]
    Removing,
    /// An operator has paused reading there.
    #[error("reading there is paused")]
    Paused,
    #[error("the store failed")]
    Store(#[source] StoreError),
    #[error("the login cannot be sealed or opened")]
    Secrets(#[from] SecretsError),
}

impl LinkError {
    /// The stable word of a problem document.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.kind.code(),
            Self::DifferentAccount => "different_account",
            Self::ExternalIdTaken => "external_id_taken",
            Self::DoesNotFit(_) => "invalid",
            Self::Unreadable => "login_unreadable",
            Self::NotFound => "not_found",
            Self::Stale => "stale",
            Self::Removing => "removing",
            Self::Paused => "paused",
            Self::Store(_) | Self::Secrets(_) => "unavailable",
        }
    }
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(rules::CONNECTION_EXTERNAL_ID) => Self::ExternalIdTaken,
            StoreError::Conflict(rules::CONNECTION_IDENTITY) => Self::DifferentAccount,
            other => Self::Store(other),
        }
    }
}

impl From<connectors::Error> for LinkError {
    fn from(error: connectors::Error) -> Self {
        Self::Refused(error)
    }
}

impl From<SyncError> for LinkError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Provider(error) => Self::Refused(error),
            SyncError::Store(error) => error.into(),
            SyncError::Secrets(error) => Self::Secrets(error),
            SyncError::Paused => Self::Paused,
            SyncError::Gone
            | SyncError::Overtaken
            | SyncError::LeaseLost
            | SyncError::NotAsked
            | SyncError::HostClosed(_) => Self::NotFound,
        }
    }
}
