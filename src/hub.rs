//! The parts of one running hub, assembled once by [`crate::serve`] and shared by all that run in it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    clock::{Clock, Entropy},
    config::Config,
    index::{Index, Tail},
    model::{
        ids::{CalendarId, ConnectionId, TenantId},
        states::Access,
    },
    secrets::Vault,
    store::{Store, StoreError},
};

/// Everything a use case may need. Cheap to share: it lives in one `Arc`.
pub struct Hub {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub store: Store,
    pub vault: Arc<Vault>,
    pub index: Arc<Index>,
    pub tail: Arc<Tail>,
    pub links: Arc<dyn Links>,
    pub nudges: Arc<dyn Nudges>,
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

/// An account to be linked.
#[derive(Debug)]
pub struct LinkRequest {
    pub login: LinkLogin,
    pub access: Option<Access>,
    pub external_id: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

/// How to sign in.
#[derive(Debug)]
pub enum LinkLogin {
    Caldav { url: String, username: String, password: SecretString },
    Ics { url: SecretString },
}

/// What is to change about a connection; what is `None` stays.
#[derive(Debug, Default)]
pub struct LinkChange {
    pub url: Option<SecretString>,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub access: Option<Access>,
    /// `Some(None)` takes it away.
    pub external_id: Option<Option<String>>,
    pub metadata: Option<BTreeMap<String, String>>,
}

impl LinkChange {
    /// Whether the provider must be asked before this can be stored.
    pub fn concerns_login(&self) -> bool {
        self.url.is_some() || self.username.is_some() || self.password.is_some()
    }
}

/// A linked connection.
#[derive(Clone, Debug)]
pub struct Linked {
    pub connection: ConnectionId,
    /// `false` when the account was linked already.
    pub created: bool,
}

/// How a connection is taken out.
#[derive(Clone, Copy, Debug)]
pub struct Removal {
    /// Whether our own events are removed at the provider.
    pub remove_events: bool,
    /// What becomes of future bookings; without it a calendar in use is not let go.
    pub future_bookings: Option<FutureBookings>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutureBookings {
    Keep,
    Cancel,
}

/// Why a connection was not linked, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The provider did not let us in; `diagnosis` is a stable word.
    #[error("{detail}")]
    Refused {
        diagnosis: String,
        detail: String,
        provider: &'static str,
        status: Option<u16>,
        retryable: bool,
    },
    /// A field is wrong before anybody is asked.
    #[error("{detail}")]
    Invalid { pointer: &'static str, detail: String },
    #[error("the new login belongs to another account")]
    DifferentAccount,
    #[error("a resource writes there")]
    InUse { resources: Vec<String> },
    #[error("changed meanwhile")]
    Stale,
    #[error("no such connection")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("secrets")]
    Inside(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Linking, changing and removing connections: what [`crate::link`] does for the API.
#[async_trait]
pub trait Links: fmt::Debug + Send + Sync {
    async fn link(
        &self,
        tenant: &TenantId,
        actor: &str,
        request: LinkRequest,
    ) -> Result<Linked, LinkError>;

    async fn update(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: &ConnectionId,
        expected: Option<i64>,
        change: LinkChange,
    ) -> Result<(), LinkError>;

    async fn remove(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: &ConnectionId,
        removal: Removal,
    ) -> Result<(), LinkError>;
}

/// What a nudge asks for beyond a pull.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Forget the cursor and list everything.
    pub full: bool,
}

/// Asking for pulls: what [`crate::sync`] does for the API.
#[async_trait]
pub trait Nudges: fmt::Debug + Send + Sync {
    /// Asks for a pull of each calendar, now.
    async fn nudge(
        &self,
        tenant: &TenantId,
        calendars: &[CalendarId],
        demand: Demand,
    ) -> Result<(), StoreError>;

    /// Tells what a pull of the calendar would change, and changes nothing.
    async fn dry_run(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<serde_json::Value, LinkError>;

    /// Lets a quarantined change in, or throws it away.
    async fn settle_quarantine(
        &self,
        tenant: &TenantId,
        actor: &str,
        calendar: &CalendarId,
        accept: bool,
    ) -> Result<bool, StoreError>;

    /// Notes that a person set the zone of a calendar, so that its floating times are expanded anew.
    async fn zone_changed(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<(), StoreError>;
}

/// Stands in until the engine is here.
#[derive(Clone, Copy, Debug)]
pub struct Absent;

#[async_trait]
impl Links for Absent {
    async fn link(&self, _: &TenantId, _: &str, _: LinkRequest) -> Result<Linked, LinkError> {
        Err(LinkError::NotFound)
    }

    async fn update(
        &self,
        _: &TenantId,
        _: &str,
        _: &ConnectionId,
        _: Option<i64>,
        _: LinkChange,
    ) -> Result<(), LinkError> {
        Err(LinkError::NotFound)
    }

    async fn remove(
        &self,
        _: &TenantId,
        _: &str,
        _: &ConnectionId,
        _: Removal,
    ) -> Result<(), LinkError> {
        Err(LinkError::NotFound)
    }
}

#[async_trait]
impl Nudges for Absent {
    async fn nudge(&self, _: &TenantId, _: &[CalendarId], _: Demand) -> Result<(), StoreError> {
        Ok(())
    }

    async fn dry_run(&self, _: &TenantId, _: &CalendarId) -> Result<serde_json::Value, LinkError> {
        Err(LinkError::NotFound)
    }

    async fn settle_quarantine(
        &self,
        _: &TenantId,
        _: &str,
        _: &CalendarId,
        _: bool,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn zone_changed(&self, _: &TenantId, _: &CalendarId) -> Result<(), StoreError> {
        Ok(())
    }
}
