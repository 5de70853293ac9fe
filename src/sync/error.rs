//! Why a piece of work did not come to its end.

use crate::{secrets::SecretsError, store::StoreError};

/// A failed pull, listing or the like.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The provider, or the way to it.
    #[error("the provider's answer was not what was hoped for")]
    Provider(#[from] connectors::Error),
    /// Our own database: nothing was decided, nothing is known.
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the login cannot be opened")]
    Secrets(#[source] SecretsError),
    /// The calendar changed under us (another pull, a new window, a new zone): begin again.
    #[error("overtaken by another change of the calendar")]
    Overtaken,
    /// The lease ended and somebody else has the work now.
    #[error("the lease was lost")]
    LeaseLost,
    /// What the work was about is gone.
    #[error("there is no such calendar or connection")]
    Gone,
    /// The connection is not asked in its present state.
    #[error("the connection's login is refused")]
    NotAsked,
    /// An operator has paused it.
    #[error("an operator has paused this")]
    Paused,
    /// The host asked to be left alone, or others are talking to it.
    #[error("the host is not to be asked now")]
    HostClosed(jiff::Timestamp),
}

/// A store that does not answer while a secret is opened says nothing about the secret.
impl From<SecretsError> for SyncError {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Store(error) => Self::Store(error),
            error => Self::Secrets(error),
        }
    }
}

impl SyncError {
    /// The stable word that is stored and shown.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Provider(error) => error.kind.code(),
            Self::Store(_) => "store",
            Self::Secrets(_) => "login_unreadable",
            Self::Overtaken => "overtaken",
            Self::LeaseLost => "lease_lost",
            Self::Gone => "gone",
            Self::NotAsked => "needs_reauth",
            Self::Paused => "paused",
            Self::HostClosed(_) => "throttled",
        }
    }
}
