//! Due work: one row a (lane, subject), claimed under a lease and ended under its fence.
//!
//! A row says only that something is to be looked at and when. A nudge counts up and pulls the due time
//! to now; whoever works on the row learns at the end that the count has moved, and the row is due again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::ids::TenantId;

/// One row of due work.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkRow {
    pub tenant_id: TenantId,
    pub lane: String,
    pub subject: String,
    pub due_at: Timestamp,
    pub nudges: i64,
    /// Claims since the last one that ended well, this one included.
    pub attempts: i64,
    /// What the last nudge asked for beyond the usual, until it was done.
    pub demand: Option<Value>,
    pub lease_owner: Option<String>,
    pub lease_until: Option<Timestamp>,
    /// Counts claims; an older claim's `renew` and `finish` are refused.
    pub fence: i64,
    pub last_error: Option<String>,
}

impl Stored for WorkRow {
    const TABLE: &'static str = "work";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            lane: columns.get("lane")?,
            subject: columns.get("subject")?,
            due_at: columns.get("due_us")?,
            nudges: columns.get("nudges")?,
            attempts: columns.get("attempts")?,
            demand: columns.get("demand")?,
            lease_owner: columns.get("lease_owner")?,
            lease_until: columns.get("lease_until_us")?,
            fence: columns.get("fence")?,
            last_error: columns.get("last_error")?,
        })
    }
}

/// How a lane stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCounts {
    pub lane: String,
    pub rows: i64,
    /// Due and nobody's.
    pub ready: i64,
    pub leased: i64,
    /// With a last attempt that failed.
    pub failing: i64,
    /// When the oldest of the ready ones became due.
    pub oldest_due: Option<Timestamp>,
}

impl Stored for LaneCounts {
    const TABLE: &'static str = "work";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            lane: columns.get("lane")?,
            rows: columns.get("total")?,
            ready: columns.get("ready")?,
            leased: columns.get("leased")?,
            failing: columns.get("failing")?,
            oldest_due: columns.get("oldest_due_us")?,
        })
    }
}

/// Statements on due work.
#[derive(Debug)]
pub struct Work<'t>(&'t mut Tx);

impl Tx {
    pub fn work(&mut self) -> Work<'_> {
        Work(self)
    }
}

impl Work<'_> {
    /// Makes a row due at `due`, or pulls a later one to it. Not for a row that may be running, whose
    /// end sets the due time: nudge that.
    pub async fn put(
        &mut self,
        tenant: &TenantId,
        lane: &str,
        subject: &str,
        due: Timestamp,
    ) -> Result<()> {
        let args = [tenant.into(), lane.into(), subject.into(), due.into()];
        self.0.execute(include_str!("sql/work_put.sql"), &args).await?;
        Ok(())
    }

    /// Counts a nudge: due now, and due again if it is being worked on. A `demand` stays until an
    /// attempt that began after it ends well.
    pub async fn nudge(
        &mut self,
        tenant: &TenantId,
        lane: &str,
        subject: &str,
        demand: Option<&Value>,
        now: Timestamp,
    ) -> Result<()> {
        let args = [tenant.into(), lane.into(), subject.into(), now.into(), demand.into()];
        self.0.execute(include_str!("sql/work_nudge.sql"), &args).await?;
        Ok(())
    }

    /// Leases up to `limit` due rows of a lane to `owner`, the longest due first. Rows that another hub
    /// is claiming at this moment are passed over.
    pub async fn claim(
        &mut self,
        lane: &str,
        owner: &str,
        limit: i64,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<WorkRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_claim.sqlite.sql"),
            include_str!("sql/work_claim.postgres.sql"),
        );
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let args = [lane.into(), owner.into(), now.into(), until.into(), limit.into()];
        let mut rows: Vec<WorkRow> = self.0.all(SQL, &args).await?;
        rows.sort_by_key(|row| row.due_at);
        Ok(rows)
    }

    /// Extends the lease of a claimed row; `false` when it is no longer the caller's.
    pub async fn renew(&mut self, row: &WorkRow, lease: Duration, now: Timestamp) -> Result<bool> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let args = [
            (&row.tenant_id).into(),
            (&row.lane).into(),
            (&row.subject).into(),
            row.fence.into(),
            until.into(),
        ];
        Ok(self.0.execute(include_str!("sql/work_renew.sql"), &args).await? > 0)
    }

    /// Ends a claim; `false` when it is no longer the caller's, who must then roll back what it did.
    ///
    /// Without `error` the row is due at `next` (or gone when `None`), but due at once when it was nudged
    /// since the claim. With `error` it is due at `next` even so: the provider may have asked for the
    /// wait, and the nudge's pull comes then; without `next` it is due at once.
    pub async fn finish(
        &mut self,
        row: &WorkRow,
        next: Option<Timestamp>,
        error: Option<&str>,
    ) -> Result<bool> {
        let key = || [(&row.tenant_id).into(), (&row.lane).into(), (&row.subject).into()];
        if next.is_none() && error.is_none() {
            let [tenant, lane, subject] = key();
            let args = [tenant, lane, subject, row.fence.into(), row.nudges.into()];
            if self.0.execute(include_str!("sql/work_remove_finished.sql"), &args).await? > 0 {
                return Ok(true);
            }
        }
        let [tenant, lane, subject] = key();
        let args =
            [tenant, lane, subject, row.fence.into(), row.nudges.into(), next.into(), error.into()];
        Ok(self.0.execute(include_str!("sql/work_finish.sql"), &args).await? > 0)
    }

    /// When the next row of a lane can be claimed, or `None` when the lane is empty.
    pub async fn next_due(&mut self, lane: &str) -> Result<Option<Timestamp>> {
        self.0.value(include_str!("sql/work_next_due.sql"), &[lane.into()]).await
    }

    /// Counts the rows of every lane, of all tenants.
    pub async fn counts(&mut self, now: Timestamp) -> Result<Vec<LaneCounts>> {
        self.0.all(include_str!("sql/work_counts.sql"), &[now.into()]).await
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        lane: &str,
        subject: &str,
    ) -> Result<Option<WorkRow>> {
        let args = [tenant.into(), lane.into(), subject.into()];
        self.0.optional(include_str!("sql/work_get.sql"), &args).await
    }

    /// Lists a tenant's rows after (lane, subject), for operators.
    pub async fn list(
        &mut self,
        tenant: &TenantId,
        lane: Option<&str>,
        after: Option<(&str, &str)>,
        limit: i64,
    ) -> Result<Vec<WorkRow>> {
        let args = [
            tenant.into(),
            lane.into(),
            after.map(|(lane, _)| lane).into(),
            after.map(|(_, subject)| subject).into(),
            limit.into(),
        ];
        self.0.all(include_str!("sql/work_list.sql"), &args).await
    }

    /// Removes a row, whoever works on it.
    pub async fn remove(&mut self, tenant: &TenantId, lane: &str, subject: &str) -> Result<bool> {
        let args = [tenant.into(), lane.into(), subject.into()];
        Ok(self.0.execute(include_str!("sql/work_remove.sql"), &args).await? > 0)
    }
}
