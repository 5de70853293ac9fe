//! Time that is taken of resources, and what a claim must know before it takes some.
//!
//! The rule that no two claims of a seat overlap is the database's own (`claims_do_not_overlap`): an exclusion
//! constraint on PostgreSQL, a trigger on SQLite. What is read here only makes a good answer of it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    StoreError, Tx,
    args::{Arg, json_array},
    columns::{Columns, Stored},
    error::Result,
    tx::{On, Sql},
};
use crate::model::{
    busy::BusyClass,
    ids::{BookingId, CalendarId, ResourceId, TenantId},
    interval::Span,
    states::{ConnectionState, InitialSync, Provider},
};

/// A span of a resource that a hold or a booking has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRow {
    pub resource_id: ResourceId,
    /// The id of the hold or booking.
    pub claim_id: String,
    /// Below the resource's capacity.
    pub seat: i64,
    pub span: Span,
    /// Of a hold: no claim any more from then on.
    pub expires_at: Option<Timestamp>,
}

impl Stored for ClaimRow {
    const TABLE: &'static str = "claims";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            resource_id: columns.get("resource_id")?,
            claim_id: columns.get("claim_id")?,
            seat: columns.get("seat")?,
            span: span(columns, Self::TABLE)?,
            expires_at: columns.get("expires_us")?,
        })
    }
}

fn span(columns: &Columns<'_>, table: &'static str) -> Result<Span> {
    let span = Span::new(columns.get("start_us")?, columns.get("end_us")?);
    span.ok_or(StoreError::Corrupt { table, column: "end_us" })
}

#[derive(Serialize)]
struct ClaimJson<'a> {
    resource_id: &'a ResourceId,
    claim_id: &'a str,
    seat: i64,
    start_us: i64,
    end_us: i64,
    expires_us: Option<i64>,
}

/// One resource with one of its calendars, or with none.
#[derive(Clone, Debug, PartialEq)]
pub struct BasisRow {
    pub resource_id: ResourceId,
    pub capacity: i64,
    pub tenant_policy: Value,
    pub policy: Value,
    pub write_to: Option<CalendarId>,
    /// The calendar, whether it blocks, and the link's policy.
    pub link: Option<(CalendarId, bool, Value)>,
}

impl Stored for BasisRow {
    const TABLE: &'static str = "resources";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let calendar: Option<CalendarId> = columns.get("calendar_id")?;
        let link = match calendar {
            Some(calendar) => Some((calendar, columns.get("blocks")?, columns.get("link_policy")?)),
            None => None,
        };
        Ok(Self {
            resource_id: columns.get("resource_id")?,
            capacity: columns.get("capacity")?,
            tenant_policy: columns.get("tenant_policy")?,
            policy: columns.get("policy")?,
            write_to: columns.get("write_to")?,
            link,
        })
    }
}

/// How well a calendar is known.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingRow {
    pub calendar_id: CalendarId,
    pub provider: Provider,
    pub state: ConnectionState,
    pub transparent: bool,
    pub initial_sync: InitialSync,
    pub is_quarantined: bool,
    pub synced_at: Option<Timestamp>,
    pub published_at: Option<Timestamp>,
    pub expected_max_age: Duration,
    pub covered_from: Option<Timestamp>,
    pub covered_until: Option<Timestamp>,
}

impl Stored for StandingRow {
    const TABLE: &'static str = "calendars";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            calendar_id: columns.get("calendar_id")?,
            provider: columns.get("provider")?,
            state: columns.get("state")?,
            transparent: columns.get("transparent")?,
            initial_sync: columns.get("initial_sync")?,
            is_quarantined: columns.get::<Option<String>>("quarantine")?.is_some(),
            synced_at: columns.get("synced_us")?,
            published_at: columns.get("published_us")?,
            expected_max_age: columns.get("expected_max_age_s")?,
            covered_from: columns.get("covered_from_us")?,
            covered_until: columns.get("covered_until_us")?,
        })
    }
}

/// Busy time of a calendar, whatever it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusyTime {
    pub calendar_id: CalendarId,
    pub series: String,
    pub span: Span,
    pub class: BusyClass,
}

impl Stored for BusyTime {
    const TABLE: &'static str = "busy";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let class: i64 = columns.get("class")?;
        Ok(Self {
            calendar_id: columns.get("calendar_id")?,
            series: columns.get("series")?,
            span: span(columns, Self::TABLE)?,
            class: BusyClass::from_code(i16::try_from(class).unwrap_or(i16::MAX)),
        })
    }
}

/// What a booking wants a calendar to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSpan {
    pub booking_id: BookingId,
    pub calendar_id: CalendarId,
    pub span: Span,
}

impl Stored for WantedSpan {
    const TABLE: &'static str = "outbox";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            booking_id: columns.get("booking_id")?,
            calendar_id: columns.get("calendar_id")?,
            span: span(columns, Self::TABLE)?,
        })
    }
}

/// Statements on claims.
#[derive(Debug)]
pub struct Claims<'t>(&'t mut Tx);

impl Tx {
    pub fn claims(&mut self) -> Claims<'_> {
        Claims(self)
    }
}

impl Claims<'_> {
    /// Waits until nobody else claims these resources, then lets nobody until the transaction ends. Before
    /// anything is read. SQLite has one writer anyway.
    pub async fn lock_resources(&mut self, resources: &[ResourceId]) -> Result<()> {
        self.lock(include_str!("sql/lock_booked.postgres.sql"), json_array(resources)).await
    }

    /// Waits until nobody stores busy time of these calendars, then lets nobody until the transaction ends; others
    /// who claim may go on. After the resources.
    pub async fn lock_calendars(&mut self, calendars: &[CalendarId]) -> Result<()> {
        self.lock(include_str!("sql/lock_calendars_shared.postgres.sql"), json_array(calendars))
            .await
    }

    async fn lock(&mut self, sql: &'static str, ids: String) -> Result<()> {
        if let On::Postgres(_) = self.0.on {
            self.0.execute(sql, &[ids.into()]).await?;
        }
        Ok(())
    }

    /// Reads resources with their calendars, in order.
    pub async fn basis(
        &mut self,
        tenant: &TenantId,
        resources: &[ResourceId],
    ) -> Result<Vec<BasisRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/claim_basis.sqlite.sql"),
            include_str!("sql/claim_basis.postgres.sql"),
        );
        self.0.all(SQL, &[tenant.into(), json_array(resources).into()]).await
    }

    /// Reads how well calendars are known.
    pub async fn standing(
        &mut self,
        tenant: &TenantId,
        calendars: &[CalendarId],
    ) -> Result<Vec<StandingRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/claim_calendars.sqlite.sql"),
            include_str!("sql/claim_calendars.postgres.sql"),
        );
        self.0.all(SQL, &[tenant.into(), json_array(calendars).into()]).await
    }

    /// Takes back what holds have of these resources whose time is up.
    pub async fn expire(
        &mut self,
        tenant: &TenantId,
        resources: &[ResourceId],
        now: Timestamp,
    ) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/claim_expire.sqlite.sql"),
            include_str!("sql/claim_expire.postgres.sql"),
        );
        self.0.execute(SQL, &[tenant.into(), json_array(resources).into(), now.into()]).await
    }

    /// Lists what is taken of these resources within a span.
    pub async fn overlapping(
        &mut self,
        tenant: &TenantId,
        resources: &[ResourceId],
        span: Span,
    ) -> Result<Vec<ClaimRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/claim_overlapping.sqlite.sql"),
            include_str!("sql/claim_overlapping.postgres.sql"),
        );
        self.0.all(SQL, &within(tenant, json_array(resources), span)).await
    }

    /// Lists the busy time of these calendars within a span, as it was read from their providers.
    pub async fn busy(
        &mut self,
        tenant: &TenantId,
        calendars: &[CalendarId],
        span: Span,
    ) -> Result<Vec<BusyTime>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/busy_of_calendars.sqlite.sql"),
            include_str!("sql/busy_of_calendars.postgres.sql"),
        );
        self.0.all(SQL, &within(tenant, json_array(calendars), span)).await
    }

    /// Lists what bookings want these calendars to hold within a span.
    pub async fn wanted(
        &mut self,
        tenant: &TenantId,
        calendars: &[CalendarId],
        span: Span,
    ) -> Result<Vec<WantedSpan>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/outbox_wanted.sqlite.sql"),
            include_str!("sql/outbox_wanted.postgres.sql"),
        );
        self.0.all(SQL, &within(tenant, json_array(calendars), span)).await
    }

    /// Takes time, all of it or none.
    ///
    /// # Errors
    ///
    /// `Conflict` with `CLAIMS_DO_NOT_OVERLAP` of [`rules`](super::rules), `REFERENCE` when a resource is gone.
    pub async fn insert(&mut self, tenant: &TenantId, claims: &[ClaimRow]) -> Result<()> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/claim_insert.sqlite.sql"),
            include_str!("sql/claim_insert.postgres.sql"),
        );
        let rows: Vec<_> = claims
            .iter()
            .map(|claim| ClaimJson {
                resource_id: &claim.resource_id,
                claim_id: &claim.claim_id,
                seat: claim.seat,
                start_us: claim.span.start_us(),
                end_us: claim.span.end_us(),
                expires_us: claim.expires_at.map(Timestamp::as_microsecond),
            })
            .collect();
        self.0.execute(SQL, &[tenant.into(), json_array(&rows).into()]).await?;
        Ok(())
    }

    /// Gives back all that a hold or booking has taken.
    pub async fn remove(&mut self, tenant: &TenantId, claim: &str) -> Result<u64> {
        let args = [tenant.into(), claim.into()];
        self.0.execute(include_str!("sql/claim_remove.sql"), &args).await
    }

    /// Gives back one claim, to be taken again on another seat.
    pub async fn stand_up(&mut self, tenant: &TenantId, claim: &ClaimRow) -> Result<u64> {
        let args = [tenant.into(), (&claim.claim_id).into(), (&claim.resource_id).into()];
        self.0.execute(include_str!("sql/claim_stand_up.sql"), &args).await
    }

    /// Moves the end of a hold.
    pub async fn extend(
        &mut self,
        tenant: &TenantId,
        claim: &str,
        expires_at: Timestamp,
    ) -> Result<u64> {
        let args = [tenant.into(), claim.into(), expires_at.into()];
        self.0.execute(include_str!("sql/claim_extend.sql"), &args).await
    }

    /// Lists what is taken of a resource after an instant.
    pub async fn of_resource(
        &mut self,
        tenant: &TenantId,
        resource: &ResourceId,
        after: Timestamp,
    ) -> Result<Vec<ClaimRow>> {
        let args = [tenant.into(), resource.into(), after.into()];
        self.0.all(include_str!("sql/claim_of_resource.sql"), &args).await
    }

    /// Lists what is taken after an instant of the resources after the first bound up to and with the second, of
    /// every tenant, for loading the index.
    pub async fn all(
        &mut self,
        after: Option<(&TenantId, &ResourceId)>,
        upto: (&TenantId, &ResourceId),
        since: Timestamp,
    ) -> Result<Vec<ClaimRow>> {
        let args = [
            after.map(|(tenant, _)| tenant).into(),
            after.map(|(_, resource)| resource).into(),
            upto.0.into(),
            upto.1.into(),
            since.into(),
        ];
        self.0.all(include_str!("sql/claim_all.sql"), &args).await
    }

    /// Whether anything is taken of a resource after an instant.
    pub async fn is_needed(
        &mut self,
        tenant: &TenantId,
        resource: &ResourceId,
        after: Timestamp,
    ) -> Result<bool> {
        let args = [tenant.into(), resource.into(), after.into()];
        let count: i64 = self.0.value(include_str!("sql/claim_is_needed.sql"), &args).await?;
        Ok(count > 0)
    }

    /// Forgets what was taken of a resource that is being erased.
    pub async fn forget(&mut self, tenant: &TenantId, resource: &ResourceId) -> Result<u64> {
        let args = [tenant.into(), resource.into()];
        self.0.execute(include_str!("sql/claim_forget.sql"), &args).await
    }
}

fn within(tenant: &TenantId, ids: String, span: Span) -> [Arg<'_>; 4] {
    [tenant.into(), ids.into(), span.start().into(), span.end().into()]
}
