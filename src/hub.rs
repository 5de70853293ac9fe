//! The parts of one running hub, assembled once by [`crate::serve`] and shared by all that run in it.

use std::{fmt, sync::Arc};

use crate::{
    audit::AuditLog,
    booking::Desk,
    clock::{Clock, Entropy},
    config::Config,
    index::{Index, Tail},
    link::{Linker, Visits},
    model::ids::TenantId,
    secrets::Vault,
    store::{Store, StoreError},
    sync::{Engine, Traffic},
};

/// Everything a use case may need. Cheap to share: it lives in one `Arc`.
pub struct Hub {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub store: Store,
    pub vault: Arc<Vault>,
    pub audit: Arc<AuditLog>,
    pub index: Arc<Index>,
    pub tail: Arc<Tail>,
    pub engine: Arc<Engine>,
    pub linker: Linker,
    pub visits: Visits,
    pub desk: Desk,
    pub traffic: Arc<Traffic>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// The instance fact under which the tenant of the first run stands.
pub const DEFAULT_TENANT: &str = "tenant.default";

impl Hub {
    /// The tenant that was made on the first run.
    pub async fn default_tenant(&self) -> Result<TenantId, StoreError> {
        let kept = self.store.read().await?.instance().get(DEFAULT_TENANT).await?;
        kept.and_then(|id| id.parse().ok())
            .ok_or(StoreError::Corrupt { table: "instance", column: "value" })
    }
}
