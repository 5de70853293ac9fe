//! Holds: who reserved what, until when, and what became of it.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    StoreError, Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::{
    ids::{BookingId, HoldId, ResourceId, TenantId},
    interval::Span,
    states::HoldState,
};

/// One hold.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldRow {
    pub tenant_id: TenantId,
    pub hold_id: HoldId,
    pub external_id: Option<String>,
    /// As last settled: one that is `Held` and beyond its end has expired.
    pub state: HoldState,
    pub resources: Vec<ResourceId>,
    pub span: Span,
    pub expires_at: Timestamp,
    /// What it became.
    pub booking_id: Option<BookingId>,
    pub metadata: Value,
    pub revision: i64,
    pub created_at: Timestamp,
    pub touched_at: Timestamp,
}

impl Stored for HoldRow {
    const TABLE: &'static str = "holds";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let span = Span::new(columns.get("start_us")?, columns.get("end_us")?);
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            hold_id: columns.get("hold_id")?,
            external_id: columns.get("external_id")?,
            state: columns.get("state")?,
            resources: columns.get("resources")?,
            span: span.ok_or(StoreError::Corrupt { table: Self::TABLE, column: "end_us" })?,
            expires_at: columns.get("expires_us")?,
            booking_id: columns.get("booking_id")?,
            metadata: columns.get("metadata")?,
            revision: columns.get("revision")?,
            created_at: columns.get("created_us")?,
            touched_at: columns.get("touched_us")?,
        })
    }
}

/// Statements on holds.
#[derive(Debug)]
pub struct Holds<'t>(&'t mut Tx);

impl Tx {
    pub fn holds(&mut self) -> Holds<'_> {
        Holds(self)
    }
}

impl Holds<'_> {
    /// # Errors
    ///
    /// `Conflict` with `HOLD_EXTERNAL_ID` of [`rules`](super::rules).
    pub async fn insert(&mut self, row: &HoldRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.hold_id).into(),
            row.external_id.as_deref().into(),
            row.state.as_str().into(),
            row.resources.as_slice().into(),
            row.span.start().into(),
            row.span.end().into(),
            row.expires_at.into(),
            row.booking_id.as_ref().into(),
            (&row.metadata).into(),
            row.revision.into(),
            row.created_at.into(),
            row.touched_at.into(),
        ];
        self.0.execute(include_str!("sql/hold_insert.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(&mut self, tenant: &TenantId, hold: &HoldId) -> Result<Option<HoldRow>> {
        self.0.optional(include_str!("sql/hold_get.sql"), &[tenant.into(), hold.into()]).await
    }

    pub async fn by_external_id(
        &mut self,
        tenant: &TenantId,
        external_id: &str,
    ) -> Result<Option<HoldRow>> {
        let args = [tenant.into(), external_id.into()];
        self.0.optional(include_str!("sql/hold_by_external_id.sql"), &args).await
    }

    pub async fn list(
        &mut self,
        tenant: &TenantId,
        state: Option<HoldState>,
        after: Option<&HoldId>,
        limit: i64,
    ) -> Result<Vec<HoldRow>> {
        let args = [tenant.into(), state.map(HoldState::as_str).into(), after.into(), limit.into()];
        self.0.all(include_str!("sql/hold_list.sql"), &args).await
    }

    /// Moves a hold from one state to another; `false` when it is in neither.
    pub async fn set_state(
        &mut self,
        tenant: &TenantId,
        hold: &HoldId,
        (from, to): (HoldState, HoldState),
        booking: Option<&BookingId>,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [
            tenant.into(),
            hold.into(),
            from.as_str().into(),
            to.as_str().into(),
            booking.into(),
            now.into(),
        ];
        Ok(self.0.execute(include_str!("sql/hold_set_state.sql"), &args).await? > 0)
    }

    /// Moves the end of one that is held.
    pub async fn extend(
        &mut self,
        tenant: &TenantId,
        hold: &HoldId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let args = [tenant.into(), hold.into(), expires_at.into(), now.into()];
        Ok(self.0.execute(include_str!("sql/hold_extend.sql"), &args).await? > 0)
    }

    /// Lists holds of every tenant whose time is up and that are not settled.
    pub async fn expired(&mut self, now: Timestamp, limit: i64) -> Result<Vec<HoldRow>> {
        self.0.all(include_str!("sql/hold_expired.sql"), &[now.into(), limit.into()]).await
    }
}
