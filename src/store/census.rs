//! Counts over all tenants, for operators: how connections and calendars stand, and what is asked of providers.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::{
    ids::{CalendarId, ConnectionId, TenantId},
    states::{ConnectionState, Delivery, Provider, PushState},
};

const DAY_S: i64 = 24 * 60 * 60;

/// How many connections stand alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionCount {
    pub provider: Provider,
    pub state: ConnectionState,
    /// The last failure's, empty for none.
    pub code: String,
    pub total: i64,
}

impl Stored for ConnectionCount {
    const TABLE: &'static str = "connections";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            provider: columns.get("provider")?,
            state: columns.get("state")?,
            code: columns.get("code")?,
            total: columns.get("total")?,
        })
    }
}

/// How many calendars are told of alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushCount {
    pub provider: Provider,
    pub push: PushState,
    pub total: i64,
}

impl Stored for PushCount {
    const TABLE: &'static str = "calendars";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            provider: columns.get("provider")?,
            push: columns.get("push")?,
            total: columns.get("total")?,
        })
    }
}

/// How many calendars last failed alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureCount {
    pub code: String,
    pub total: i64,
}

impl Stored for FailureCount {
    const TABLE: &'static str = "calendars";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self { code: columns.get("code")?, total: columns.get("total")? })
    }
}

/// How many rows of the outbox stand alike, of those that are not at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxCount {
    pub state: Delivery,
    pub total: i64,
    /// Since when the oldest of them has waited.
    pub oldest: Option<Timestamp>,
}

impl Stored for OutboxCount {
    const TABLE: &'static str = "outbox";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            state: columns.get("state")?,
            total: columns.get("total")?,
            oldest: columns.get("oldest_us")?,
        })
    }
}

/// For how many calendars of a tenant the provider was asked equally often in the last 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCount {
    pub tenant_id: TenantId,
    pub provider: Provider,
    pub requests: i64,
    pub calendars: i64,
}

impl Stored for RequestCount {
    const TABLE: &'static str = "provider_requests";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            provider: columns.get("provider")?,
            requests: columns.get("requests")?,
            calendars: columns.get("calendars")?,
        })
    }
}

/// Whom requests served.
#[derive(Clone, Copy, Debug)]
pub enum AskedFor<'a> {
    Calendar(&'a CalendarId),
    /// All calendars of a connection alike.
    AllOf(&'a ConnectionId),
}

/// Statements that count.
#[derive(Debug)]
pub struct Census<'t>(&'t mut Tx);

impl Tx {
    pub fn census(&mut self) -> Census<'_> {
        Census(self)
    }
}

impl Census<'_> {
    pub async fn connections(&mut self) -> Result<Vec<ConnectionCount>> {
        self.0.all(include_str!("sql/census_connections.sql"), &[]).await
    }

    /// Calendars whose last pull failed, by how.
    pub async fn failing(&mut self) -> Result<Vec<FailureCount>> {
        self.0.all(include_str!("sql/census_failing.sql"), &[]).await
    }

    /// Calendars by how well their provider tells of changes.
    pub async fn push(&mut self) -> Result<Vec<PushCount>> {
        self.0.all(include_str!("sql/census_push.sql"), &[]).await
    }

    /// Calendars whose channel was not seen to at the last try, by why.
    pub async fn unwatched(&mut self) -> Result<Vec<FailureCount>> {
        self.0.all(include_str!("sql/census_unwatched.sql"), &[]).await
    }

    /// Calendars of which a removal is held back.
    pub async fn quarantined(&mut self) -> Result<i64> {
        self.0.value(include_str!("sql/census_quarantined.sql"), &[]).await
    }

    /// The busy intervals that are held back by quarantine.
    pub async fn held(&mut self) -> Result<i64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/census_held.sqlite.sql"),
            include_str!("sql/census_held.postgres.sql"),
        );
        self.0.value(SQL, &[]).await
    }

    /// Rows of the outbox that are pending, in conflict or given up.
    pub async fn outbox(&mut self) -> Result<Vec<OutboxCount>> {
        self.0.all(include_str!("sql/census_outbox.sql"), &[]).await
    }

    /// Differences between what calendars hold and what is wanted there, by kind.
    pub async fn drift(&mut self) -> Result<Vec<FailureCount>> {
        self.0.all(include_str!("sql/census_drift.sql"), &[]).await
    }

    /// Spans that could not be worked out.
    pub async fn unexpandable(&mut self) -> Result<i64> {
        self.0.value(include_str!("sql/census_unexpandable.sql"), &[]).await
    }

    /// How large the database is.
    pub async fn database_bytes(&mut self) -> Result<i64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/database_size.sqlite.sql"),
            include_str!("sql/database_size.postgres.sql"),
        );
        self.0.value(SQL, &[]).await
    }

    /// Notes that a provider was asked `requests` times, for one calendar or for all of a connection alike.
    pub async fn asked(
        &mut self,
        tenant: &TenantId,
        whom: AskedFor<'_>,
        provider: Provider,
        requests: u64,
        now: Timestamp,
    ) -> Result<()> {
        if requests == 0 {
            return Ok(());
        }
        let (sql, subject) = match whom {
            AskedFor::Calendar(id) => (include_str!("sql/provider_requests_add.sql"), id.into()),
            AskedFor::AllOf(id) => (include_str!("sql/provider_requests_share.sql"), id.into()),
        };
        let args =
            [tenant.into(), subject, day(now).into(), (&provider).into(), milli(requests).into()];
        self.0.execute(sql, &args).await?;
        Ok(())
    }

    /// How often providers were asked for calendars in the last 24 hours. Of yesterday, the part that still
    /// lies within them is taken as spread evenly.
    pub async fn requests(&mut self, now: Timestamp) -> Result<Vec<RequestCount>> {
        let gone = now.as_second().rem_euclid(DAY_S);
        let left = (DAY_S - gone) * 1000 / DAY_S;
        let args = [day(now).into(), left.into()];
        self.0.all(include_str!("sql/provider_requests_spread.sql"), &args).await
    }

    /// Forgets requests of days before `before`.
    pub async fn forget_requests(&mut self, before: Timestamp) -> Result<u64> {
        let args = [day(before).into()];
        self.0.execute(include_str!("sql/provider_requests_forget.sql"), &args).await
    }
}

/// How long requests are remembered.
pub const REQUESTS_KEPT: Duration = Duration::from_secs(2 * 24 * 60 * 60);

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY_S)
}

fn milli(requests: u64) -> i64 {
    i64::try_from(requests).unwrap_or(i64::MAX).saturating_mul(1000)
}
