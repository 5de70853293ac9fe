//! The change log: what happened, in the order in which it was committed.
//!
//! An entry's place is (epoch, transaction id, n). PostgreSQL gives out places before they are committed,
//! so a reader stops below the oldest transaction that still runs; SQLite has one writer and needs no such
//! bound. The epoch changes when the log's places lose their meaning (a restored or moved database).

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    StoreError, Tx,
    args::{json_array, storable},
    columns::{Columns, Stored},
    error::Result,
    tx::{On, Sql},
};
use crate::{
    clock::Entropy,
    model::ids::{ChangeId, TenantId},
};

/// Tells one life of the change log from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epoch(String);

impl Epoch {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A place in the change log. Its text form is what callers keep: `e<epoch>.<txid>.<n>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCursor {
    epoch: Epoch,
    txid: i64,
    n: i64,
}

impl LogCursor {
    /// Whether both are places of one life of the log; only then may they be compared.
    pub fn is_of_epoch(&self, other: &Self) -> bool {
        self.epoch == other.epoch
    }

    /// What orders places of one epoch.
    pub fn place(&self) -> (i64, i64) {
        (self.txid, self.n)
    }
}

/// A text that is no [`LogCursor`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a cursor of the change log")]
pub struct BadCursor;

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}.{}.{}", self.epoch.0, self.txid, self.n)
    }
}

impl FromStr for LogCursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.strip_prefix('e').ok_or(BadCursor)?.split('.');
        let (Some(epoch), Some(txid), Some(n), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadCursor);
        };
        if epoch.is_empty() || !epoch.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(BadCursor);
        }
        let number = |part: &str| part.parse().ok().filter(|n| *n >= 0).ok_or(BadCursor);
        Ok(Self { epoch: Epoch(epoch.to_owned()), txid: number(txid)?, n: number(n)? })
    }
}

/// An entry to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChange {
    pub tenant_id: TenantId,
    pub change_id: ChangeId,
    /// `busy.changed` and the like.
    pub kind: String,
    /// Who caused it: a key, a connection, the hub itself.
    pub actor: String,
    /// The id of what changed.
    pub subject: String,
    pub body: Value,
    pub at: Timestamp,
}

/// An entry as read.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeRow {
    pub cursor: LogCursor,
    pub change: NewChange,
}

/// Where a row stands, before the epoch is put to it.
struct PlacedChange(i64, i64, NewChange);

impl Stored for PlacedChange {
    const TABLE: &'static str = "changes";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        let change = NewChange {
            tenant_id: columns.get("tenant_id")?,
            change_id: columns.get("change_id")?,
            kind: columns.get("type")?,
            actor: columns.get("actor")?,
            subject: columns.get("subject")?,
            body: columns.get("body")?,
            at: columns.get("at_us")?,
        };
        Ok(Self(columns.get("txid")?, columns.get("n")?, change))
    }
}

/// A pair of numbers that order the log.
struct Place(i64, i64);

impl Stored for Place {
    const TABLE: &'static str = "changes";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self(columns.get("txid")?, columns.get("n")?))
    }
}

/// Which entries a reader wants.
#[derive(Clone, Debug, Default)]
pub struct ChangeFilter {
    /// Of every tenant when `None`.
    pub tenant: Option<TenantId>,
    /// Of every kind when empty.
    pub kinds: Vec<String>,
    pub limit: i64,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    tenant_id: &'a TenantId,
    change_id: &'a ChangeId,
    kind: &'a str,
    actor: std::borrow::Cow<'a, str>,
    subject: std::borrow::Cow<'a, str>,
    body: String,
    at_us: i64,
}

/// The instance facts the log keeps.
const EPOCH: &str = "changes.epoch";
const HOME: &str = "changes.home";
const PRUNED: &str = "changes.pruned";

const LAST_BELOW: Sql = Sql::parted(
    include_str!("sql/change_last_below.sqlite.sql"),
    include_str!("sql/change_last_below.postgres.sql"),
);

/// Statements on the change log.
#[derive(Debug)]
pub struct Changes<'t>(&'t mut Tx);

impl Tx {
    pub fn changes(&mut self) -> Changes<'_> {
        Changes(self)
    }
}

impl Changes<'_> {
    /// Adds entries in this order; they are told when the transaction commits.
    pub async fn append(&mut self, changes: &[NewChange]) -> Result<()> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/change_append.sqlite.sql"),
            include_str!("sql/change_append.postgres.sql"),
        );
        if changes.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = changes
            .iter()
            .map(|change| ChangeJson {
                tenant_id: &change.tenant_id,
                change_id: &change.change_id,
                kind: &change.kind,
                actor: storable(&change.actor),
                subject: storable(&change.subject),
                body: change.body.to_string(),
                at_us: change.at.as_microsecond(),
            })
            .collect();
        self.0.execute(SQL, &[json_array(&rows).into()]).await?;
        self.0.told = true;
        Ok(())
    }

    /// The end of what may be read now: what is committed later comes after it.
    pub async fn head(&mut self) -> Result<LogCursor> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/change_head.sqlite.sql"),
            include_str!("sql/change_head.postgres.sql"),
        );
        let head = self.0.optional::<Place>(SQL, &[]).await?.unwrap_or(Place(0, 0));
        Ok(self.cursor(head.0, head.1))
    }

    /// Reads entries after `after`, and the cursor to go on from: also when nothing was found, and past
    /// entries that the filter left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::CursorExpired`] when `after` is of another epoch, lies in the pruned part, or lies
    /// beyond the end.
    pub async fn read(
        &mut self,
        after: &LogCursor,
        filter: &ChangeFilter,
    ) -> Result<(Vec<ChangeRow>, LogCursor)> {
        let head = self.head().await?;
        self.check_below(after, &head).await?;
        let rows = self.rows_below(after, head.txid, filter).await?;
        let last = rows.last().map_or(after, |row| &row.cursor);
        let is_full = i64::try_from(rows.len()).is_ok_and(|len| len >= filter.limit);
        let next = if is_full || (last.txid, last.n) >= (head.txid, head.n) { last } else { &head };
        let next = next.clone();
        Ok((rows, next))
    }

    /// Reads all that this snapshot sees after `after`, also what [`read`](Self::read) holds back on PostgreSQL
    /// because an older transaction of the server still runs and may commit before it. For who only wants
    /// to know whose state to look at again, and goes on from [`read`](Self::read)'s cursor.
    pub async fn read_ahead(
        &mut self,
        after: &LogCursor,
        filter: &ChangeFilter,
    ) -> Result<(Vec<ChangeRow>, LogCursor)> {
        let rows = self.rows_below(after, i64::MAX, filter).await?;
        let next = rows.last().map_or_else(|| after.clone(), |row| row.cursor.clone());
        Ok((rows, next))
    }

    /// Forgets entries older than `before`, as far as no younger one stands before them.
    pub async fn prune(&mut self, before: Timestamp) -> Result<u64> {
        const KEEP: Sql = Sql::parted(
            include_str!("sql/change_first_since.sqlite.sql"),
            include_str!("sql/change_first_since.postgres.sql"),
        );
        const PRUNE: Sql = Sql::parted(
            include_str!("sql/change_prune.sqlite.sql"),
            include_str!("sql/change_prune.postgres.sql"),
        );
        let head = self.head().await?;
        let kept = self.0.optional::<Place>(KEEP, &[before.into()]).await?;
        let end = (head.txid, head.n + 1);
        let below = kept.map_or(end, |Place(txid, n)| end.min((txid, n)));
        let last = self.0.optional::<Place>(LAST_BELOW, &[below.0.into(), below.1.into()]).await?;
        let Some(Place(txid, n)) = last else { return Ok(0) };
        let gone = self.0.execute(PRUNE, &[txid.into(), n.into()]).await?;
        self.0.instance().set(PRUNED, &format!("{txid}.{n}")).await?;
        Ok(gone)
    }

    /// Takes out of entries what they told of these subjects. The entries stay in their places, so that no
    /// reader's cursor loses its hold.
    pub async fn blank(&mut self, tenant: &TenantId, subjects: &[String]) -> Result<()> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/change_blank.sqlite.sql"),
            include_str!("sql/change_blank.postgres.sql"),
        );
        self.0.execute(SQL, &[tenant.into(), json_array(subjects).into()]).await?;
        Ok(())
    }

    /// Gives the log a new epoch: every cursor that anybody keeps is expired from now on. For a restore.
    /// Open stores keep the old epoch until they are opened again.
    pub async fn renew_epoch(&mut self, entropy: &dyn Entropy) -> Result<Epoch> {
        let epoch = new_epoch(entropy);
        self.0.instance().set(EPOCH, epoch.as_str()).await?;
        self.0.instance().set(PRUNED, "0.0").await?;
        Ok(epoch)
    }

    /// Reads the epoch, making one at the first start and a new one when a PostgreSQL database finds
    /// itself in another cluster, whose transaction ids mean something else.
    pub(super) async fn settle_epoch(&mut self, entropy: &dyn Entropy) -> Result<Epoch> {
        if let On::Postgres(_) = &self.0.on {
            let sql = include_str!("sql/change_home.postgres.sql");
            let here: String = self.0.value(sql, &[]).await?;
            if self.0.instance().settle(HOME, &here).await? != here {
                self.0.instance().set(HOME, &here).await?;
                return self.renew_epoch(entropy).await;
            }
        }
        let fresh = new_epoch(entropy);
        self.0.instance().settle(EPOCH, fresh.as_str()).await.map(Epoch)
    }

    async fn rows_below(
        &mut self,
        after: &LogCursor,
        below: i64,
        filter: &ChangeFilter,
    ) -> Result<Vec<ChangeRow>> {
        const OF_TENANT: Sql = Sql::parted(
            include_str!("sql/change_read_tenant.sqlite.sql"),
            include_str!("sql/change_read_tenant.postgres.sql"),
        );
        const OF_ALL: Sql = Sql::parted(
            include_str!("sql/change_read_all.sqlite.sql"),
            include_str!("sql/change_read_all.postgres.sql"),
        );
        let mut args = vec![
            after.txid.into(),
            after.n.into(),
            below.into(),
            json_array(&filter.kinds).into(),
            filter.limit.into(),
        ];
        let sql = if let Some(tenant) = &filter.tenant {
            args.push(tenant.into());
            OF_TENANT
        } else {
            OF_ALL
        };
        let rows: Vec<PlacedChange> = self.0.all(sql, &args).await?;
        let placed =
            |PlacedChange(txid, n, change)| ChangeRow { cursor: self.cursor(txid, n), change };
        Ok(rows.into_iter().map(placed).collect())
    }

    /// Fails when `cursor` can no longer be read from.
    pub async fn check(&mut self, cursor: &LogCursor) -> Result<()> {
        let head = self.head().await?;
        self.check_below(cursor, &head).await
    }

    /// A cursor beyond the head was given out by a future that a restore took away.
    async fn check_below(&mut self, cursor: &LogCursor, head: &LogCursor) -> Result<()> {
        let start = self.start().await?;
        let at = (cursor.txid, cursor.n);
        let mut expired = cursor.epoch != start.epoch || at < (start.txid, start.n);
        if !expired && at > (head.txid, head.n) {
            // The entries at the head may have gone with their tenant, and those after it be held back.
            let args = [i64::MAX.into(), i64::MAX.into()];
            let last = self.0.optional::<Place>(LAST_BELOW, &args).await?;
            expired = last.is_none_or(|Place(txid, n)| at > (txid, n));
        }
        if expired { Err(StoreError::CursorExpired) } else { Ok(()) }
    }

    /// The place before the oldest entry that is kept.
    pub async fn start(&mut self) -> Result<LogCursor> {
        let Some(pruned) = self.0.instance().get(PRUNED).await? else {
            return Ok(self.cursor(0, 0));
        };
        let numbers = pruned
            .split_once('.')
            .and_then(|(txid, n)| Some((txid.parse::<i64>().ok()?, n.parse::<i64>().ok()?)));
        let corrupt = StoreError::Corrupt { table: "instance", column: "value" };
        let (txid, n) = numbers.ok_or(corrupt)?;
        Ok(self.cursor(txid, n))
    }

    fn cursor(&self, txid: i64, n: i64) -> LogCursor {
        LogCursor { epoch: self.0.epoch.clone(), txid, n }
    }
}

fn new_epoch(entropy: &dyn Entropy) -> Epoch {
    let mut random = [0_u8; 8];
    entropy.fill(&mut random);
    Epoch(format!("{:016x}", u64::from_be_bytes(random)))
}
