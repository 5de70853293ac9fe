//! Due work: one row a (lane, subject), claimed under a lease and ended under its fence.
//!
//! A row says only that something is to be looked at and when. A nudge counts up and pulls the due time
//! to now; whoever works on the row learns at the end that the count has moved, and the row is due again.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Talk, Tx,
    args::{json_array, micros},
    columns::{Columns, Stored},
    error::Result,
    tx::{On, Sql},
};
use crate::model::ids::{CalendarId, TenantId};

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
    /// Counts claims; an older claim's [`hold`](Work::hold) and [`finish`](Work::finish) are refused.
    pub fence: i64,
    pub last_error: Option<String>,
    /// Whom it talks to, once known: a key of [`Hosts`](super::Hosts).
    pub host: Option<String>,
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
            host: columns.get("host")?,
        })
    }
}

/// Which rows of a lane are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    All,
    /// Those whose last attempt did not fail.
    Sound,
    /// Those whose last attempt failed.
    Failing,
}

impl Share {
    /// Of rows that are sound, of rows that are not, or of both.
    fn sound(self) -> &'static [bool] {
        match self {
            Self::All => &[true, false],
            Self::Sound => &[true],
            Self::Failing => &[false],
        }
    }
}

/// How rows are claimed.
#[derive(Clone, Copy, Debug)]
pub struct Claiming<'a> {
    pub share: Share,
    /// Names this claim on rows and at hosts: no other claim has it.
    pub owner: &'a str,
    pub limit: i64,
    pub lease: Duration,
    pub now: Timestamp,
    /// The tenant whose turn was last; empty at the beginning of a round.
    pub last: &'a str,
}

/// A row that may be claimed.
#[derive(Debug)]
struct Candidate {
    tenant_id: TenantId,
    lane: String,
    subject: String,
    host: Option<String>,
}

impl Stored for Candidate {
    const TABLE: &'static str = "work";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            lane: columns.get("lane")?,
            subject: columns.get("subject")?,
            host: columns.get("host")?,
        })
    }
}

/// A claim: which row, under which fence.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Claimed {
    pub tenant_id: TenantId,
    pub lane: String,
    pub subject: String,
    pub fence: i64,
}

impl From<&WorkRow> for Claimed {
    fn from(row: &WorkRow) -> Self {
        let WorkRow { tenant_id, lane, subject, fence, .. } = row.clone();
        Self { tenant_id, lane, subject, fence }
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
    /// Makes due now what belongs to calendars that were last touched later than `limit`: by a clock that is
    /// ahead of ours; leases of such a clock end. Tells how many rows that were; once it has run there are none.
    pub async fn turn_back(&mut self, limit: Timestamp, now: Timestamp) -> Result<u64> {
        self.0.locks().turned_back(limit, now).await?;
        let args = [now.into(), limit.into()];
        let moved = self.0.execute(include_str!("sql/work_turn_back.sql"), &args).await?;
        self.0.execute(include_str!("sql/work_turn_back_leases.sql"), &args).await?;
        self.0.execute(include_str!("sql/calendar_turn_back.sql"), &args).await?;
        Ok(moved)
    }

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

    /// Makes a row that is not there yet, due at `due`.
    pub async fn begin(
        &mut self,
        tenant: &TenantId,
        lane: &str,
        subject: &str,
        due: Timestamp,
    ) -> Result<()> {
        let args = [tenant.into(), lane.into(), subject.into(), due.into()];
        self.0.execute(include_str!("sql/work_begin.sql"), &args).await?;
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

    /// Lists rows of a lane, of every tenant, that more than the usual was asked of.
    pub async fn demanded(&mut self, lane: &str, limit: i64) -> Result<Vec<WorkRow>> {
        self.0.all(include_str!("sql/work_demanded.sql"), &[lane.into(), limit.into()]).await
    }

    /// Leases up to `limit` due rows of a lane to `owner`, with the places at their hosts. Tenants take
    /// turns, beginning after `last`. Passed over: rows that another hub is claiming at this moment, and
    /// rows whose host is busy or closed; of several of one host, one is claimed. What is due is judged by
    /// `now`; leases are judged by the database's clock on PostgreSQL, by `now` on SQLite.
    pub async fn claim(&mut self, lane: &str, ask: &Claiming<'_>) -> Result<Vec<WorkRow>> {
        let mut rows = Vec::new();
        for &sound in ask.share.sound() {
            let mut last = ask.last.to_owned();
            while i64::try_from(rows.len()).is_ok_and(|claimed| claimed < ask.limit) {
                let Some(found) = self.candidate(lane, ask, &last, sound).await? else {
                    if last.is_empty() {
                        break;
                    }
                    // The round is over; the next begins with the first tenant.
                    last.clear();
                    continue;
                };
                let Some(row) = self.take(&found, ask).await? else { break };
                last = found.tenant_id.as_str().to_owned();
                rows.push(row);
            }
        }
        Ok(rows)
    }

    async fn candidate(
        &mut self,
        lane: &str,
        ask: &Claiming<'_>,
        last: &str,
        sound: bool,
    ) -> Result<Option<Candidate>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_candidate.sqlite.sql"),
            include_str!("sql/work_candidate.postgres.sql"),
        );
        let args = [lane.into(), ask.now.into(), last.into(), sound.into(), ask.owner.into()];
        self.0.optional(SQL, &args).await
    }

    /// Claims one row with its place at its host; `None` where another hub has that place by now.
    async fn take(&mut self, found: &Candidate, ask: &Claiming<'_>) -> Result<Option<WorkRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_claim.sqlite.sql"),
            include_str!("sql/work_claim.postgres.sql"),
        );
        let Claiming { owner, lease, now, .. } = *ask;
        if let Some(host) = &found.host
            && self.0.hosts().take_each(&[host], owner, lease, now).await?.is_empty()
        {
            return Ok(None);
        }
        let mut args = vec![
            (&found.tenant_id).into(),
            found.lane.as_str().into(),
            found.subject.as_str().into(),
            owner.into(),
            micros(lease).into(),
        ];
        if matches!(&self.0.on, On::Sqlite(_)) {
            args.push(now.into());
        }
        self.0.optional(SQL, &args).await
    }

    /// Notes whom a claimed row talks to, so that later claims pass it over while that host is busy.
    pub async fn set_host(&mut self, row: &WorkRow, host: &str) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.lane).into(),
            (&row.subject).into(),
            row.fence.into(),
            host.into(),
        ];
        self.0.execute(include_str!("sql/work_set_host.sql"), &args).await?;
        Ok(())
    }

    /// Extends the leases of all these rows; answers those that are still the caller's.
    pub async fn beat(
        &mut self,
        held: &[Claimed],
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<WorkRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_beat.sqlite.sql"),
            include_str!("sql/work_beat.postgres.sql"),
        );
        let args = [json_array(held).into(), micros(lease).into()];
        match &self.0.on {
            On::Sqlite(_) => {
                let [held, lease] = args;
                self.0.all(SQL, &[held, lease, now.into()]).await
            }
            On::Postgres(_) => self.0.all(SQL, &args).await,
        }
    }

    /// Asks whether a claim still stands, and on PostgreSQL keeps others from taking it until this
    /// transaction ends. For the end of a transaction that writes on the strength of a claim.
    pub async fn hold(&mut self, row: &WorkRow) -> Result<bool> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_hold.sqlite.sql"),
            include_str!("sql/work_hold.postgres.sql"),
        );
        let args =
            [(&row.tenant_id).into(), (&row.lane).into(), (&row.subject).into(), row.fence.into()];
        Ok(self.0.optional_value::<i64>(SQL, &args).await?.is_some())
    }

    /// Gives claims back unused: others may take the rows at once.
    pub async fn give_back(&mut self, held: &[Claimed]) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_give_back.sqlite.sql"),
            include_str!("sql/work_give_back.postgres.sql"),
        );
        self.0.execute(SQL, &[json_array(held).into()]).await
    }

    /// Ends leases whose holders are known to be dead: on SQLite every one, because whoever opens the file is
    /// the only hub; on PostgreSQL those of `owner`, an earlier process of this hub, because others may be alive.
    pub async fn take_over(&mut self, owner: &str) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_take_over.sqlite.sql"),
            include_str!("sql/work_take_over.postgres.sql"),
        );
        self.0.execute(SQL, &[owner.into()]).await
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
                self.leave(row).await?;
                return Ok(true);
            }
        }
        let [tenant, lane, subject] = key();
        let args =
            [tenant, lane, subject, row.fence.into(), row.nudges.into(), next.into(), error.into()];
        let is_ended = self.0.execute(include_str!("sql/work_finish.sql"), &args).await? > 0;
        if is_ended {
            self.leave(row).await?;
        }
        Ok(is_ended)
    }

    /// Gives up the place at its host that came with a claim.
    async fn leave(&mut self, row: &WorkRow) -> Result<()> {
        match (row.host.clone(), row.lease_owner.clone()) {
            (Some(host), Some(owner)) => self.0.hosts().leave(&Talk { host, owner }).await,
            _ => Ok(()),
        }
    }

    /// How many rows of each of these shares of lanes can be claimed; at most 32 are counted.
    pub async fn due(&mut self, drains: &[(&str, Share)], now: Timestamp) -> Result<Vec<i64>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_due.sqlite.sql"),
            include_str!("sql/work_due.postgres.sql"),
        );
        let drains =
            drains.iter().map(|(lane, share)| json!({"lane": lane, "sound": share.sound()}));
        let drains = json_array(&drains.collect::<Vec<_>>());
        self.0.values(SQL, &[drains.into(), now.into()]).await
    }

    /// Counts the rows of every lane, of all tenants.
    pub async fn counts(&mut self, now: Timestamp) -> Result<Vec<LaneCounts>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/work_counts.sqlite.sql"),
            include_str!("sql/work_counts.postgres.sql"),
        );
        self.0.all(SQL, &[now.into()]).await
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

    /// Removes the deliveries of all bookings into one calendar, whoever works on them.
    pub async fn remove_deliveries(
        &mut self,
        tenant: &TenantId,
        lane: &str,
        calendar: &CalendarId,
    ) -> Result<()> {
        let args = [tenant.into(), lane.into(), calendar.into()];
        self.0.execute(include_str!("sql/work_remove_deliveries.sql"), &args).await?;
        Ok(())
    }

    /// Removes a row, whoever works on it.
    pub async fn remove(&mut self, tenant: &TenantId, lane: &str, subject: &str) -> Result<bool> {
        let args = [tenant.into(), lane.into(), subject.into()];
        Ok(self.0.execute(include_str!("sql/work_remove.sql"), &args).await? > 0)
    }
}
