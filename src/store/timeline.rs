//! What happened to calendars and connections, for support: bounded, and told in the transactions that did it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::ids::{ConnectionId, TenantId};

/// So many entries of one calendar or connection are kept,
const KEPT: i64 = 300;
/// and none that is older than this.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// One entry; what repeats itself is one entry that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineRow {
    /// The calendar or connection that it is about.
    pub subject: String,
    /// Counts up with the entries of one subject.
    pub n: i64,
    pub kind: String,
    pub body: Value,
    pub times: i64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl Stored for TimelineRow {
    const TABLE: &'static str = "timeline";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            subject: columns.get("subject")?,
            n: columns.get("n")?,
            kind: columns.get("kind")?,
            body: columns.get("body")?,
            times: columns.get("times")?,
            first_at: columns.get("first_us")?,
            last_at: columns.get("last_us")?,
        })
    }
}

/// An entry to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    pub tenant: &'a TenantId,
    /// The connection that the subject is, or belongs to: with it the entry goes.
    pub connection: &'a ConnectionId,
    pub subject: &'a str,
    pub kind: &'a str,
    pub body: &'a Value,
    pub at: Timestamp,
}

/// Which entries to read, the newest first.
#[derive(Clone, Copy, Debug)]
pub struct TimelinePage<'a> {
    pub connection: &'a ConnectionId,
    /// A calendar of it, or the connection itself.
    pub id: &'a str,
    /// The last entry of the page before: its instant, subject and number.
    pub after: Option<(Timestamp, &'a str, i64)>,
    pub limit: i64,
}

/// Statements on timelines.
#[derive(Debug)]
pub struct Timeline<'t>(&'t mut Tx);

impl Tx {
    pub fn timeline(&mut self) -> Timeline<'_> {
        Timeline(self)
    }
}

impl Timeline<'_> {
    /// Adds an entry, or counts the latest one of its subject when it says the same. The caller holds the
    /// subject's lock (its calendar's, or its connection's row), so that numbers are given once.
    pub async fn append(&mut self, entry: &NewEntry<'_>) -> Result<()> {
        let NewEntry { tenant, connection, subject, kind, body, at } = *entry;
        let text = body.to_string();
        let same = [tenant.into(), subject.into(), kind.into(), text.as_str().into(), at.into()];
        if self.0.execute(include_str!("sql/timeline_fold.sql"), &same).await? > 0 {
            return Ok(());
        }
        let new = [
            tenant.into(),
            connection.into(),
            subject.into(),
            kind.into(),
            text.as_str().into(),
            at.into(),
        ];
        self.0.execute(include_str!("sql/timeline_insert.sql"), &new).await?;
        let oldest = at.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN);
        let old = [tenant.into(), subject.into(), oldest.into(), KEPT.into()];
        self.0.execute(include_str!("sql/timeline_prune.sql"), &old).await?;
        Ok(())
    }

    pub async fn read(
        &mut self,
        tenant: &TenantId,
        page: &TimelinePage<'_>,
    ) -> Result<Vec<TimelineRow>> {
        let (at, subject, n) = page.after.unwrap_or((Timestamp::MAX, "", 0));
        let args = [
            tenant.into(),
            page.connection.into(),
            page.id.into(),
            at.into(),
            subject.into(),
            n.into(),
            page.limit.into(),
        ];
        self.0.all(include_str!("sql/timeline_read.sql"), &args).await
    }
}
