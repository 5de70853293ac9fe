//! Answers kept so that a repeated request gets the first one's answer.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Tx,
    args::json_array,
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::ids::TenantId;

/// Which request is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub tenant_id: TenantId,
    /// Method and route, so that one key may serve two routes.
    pub route: String,
    pub key: String,
}

/// What a request that begins finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing, or one that died: it holds the key until its lease ends. `since` is when the first one began.
    Fresh { since: Timestamp },
    /// The first one's final answer.
    Replay { status: i64, answer: Vec<u8> },
    /// The key was used for another body.
    Mismatch,
    /// The first one still runs.
    Running,
}

struct Kept {
    body_hash: Vec<u8>,
    status: Option<i64>,
    answer: Option<Vec<u8>>,
    lease_until: Option<Timestamp>,
}

impl Kept {
    /// What a request with this body finds; `None` when it died without an answer.
    fn found(self, body_hash: &[u8], now: Timestamp) -> Option<Begun> {
        Some(match self {
            kept if kept.body_hash != body_hash => Begun::Mismatch,
            Self { status: Some(status), answer, .. } => {
                Begun::Replay { status, answer: answer.unwrap_or_default() }
            }
            Self { lease_until: Some(until), .. } if until <= now => return None,
            Self { .. } => Begun::Running,
        })
    }
}

impl Stored for Kept {
    const TABLE: &'static str = "idempotency";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            body_hash: columns.get("body_hash")?,
            status: columns.get("status")?,
            answer: columns.get("answer")?,
            lease_until: columns.get("lease_until_us")?,
        })
    }
}

/// Statements on kept answers.
#[derive(Debug)]
pub struct Idempotency<'t>(&'t mut Tx);

impl Tx {
    pub fn idempotency(&mut self) -> Idempotency<'_> {
        Idempotency(self)
    }
}

impl Idempotency<'_> {
    /// Forgets the answers that may tell of a connection: those about connections, and those of routes that
    /// name one of `ids`.
    pub async fn erase(&mut self, tenant: &TenantId, ids: &[String]) -> Result<u64> {
        let sql = Sql::parted(
            include_str!("sql/idempotency_erase.sqlite.sql"),
            include_str!("sql/idempotency_erase.postgres.sql"),
        );
        self.0.execute(sql, &[tenant.into(), json_array(ids).into()]).await
    }

    /// Takes the key for a request, or tells what became of the one that has it. A key whose holder's
    /// lease ended without an answer can be taken again by the same body.
    pub async fn begin(
        &mut self,
        key: &IdempotencyKey,
        body_hash: &[u8],
        owner: &str,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Begun> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let args = [
            (&key.tenant_id).into(),
            (&key.route).into(),
            (&key.key).into(),
            body_hash.into(),
            until.into(),
            now.into(),
            owner.into(),
        ];
        let sql = include_str!("sql/idempotency_begin.sql");
        if let Some(since) = self.0.optional_value(sql, &args).await? {
            return Ok(Begun::Fresh { since });
        }
        // Gone between the two statements: pruned, or given up by its holder.
        Ok(self.find(key, body_hash, now).await?.unwrap_or(Begun::Running))
    }

    /// What a request finds, without taking the key; `None` when it may take it.
    pub async fn find(
        &mut self,
        key: &IdempotencyKey,
        body_hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<Begun>> {
        let args = [(&key.tenant_id).into(), (&key.route).into(), (&key.key).into()];
        let kept: Option<Kept> =
            self.0.optional(include_str!("sql/idempotency_get.sql"), &args).await?;
        Ok(kept.and_then(|kept| kept.found(body_hash, now)))
    }

    /// Keeps the final answer of a request that has not taken its key, in the effect's own transaction; `false` when
    /// somebody has the key by now, and nothing must come of this transaction.
    pub async fn keep(
        &mut self,
        key: &IdempotencyKey,
        body_hash: &[u8],
        (status, answer): (i64, &[u8]),
        now: Timestamp,
    ) -> Result<bool> {
        let args = [
            (&key.tenant_id).into(),
            (&key.route).into(),
            (&key.key).into(),
            body_hash.into(),
            status.into(),
            answer.into(),
            now.into(),
        ];
        Ok(self.0.execute(include_str!("sql/idempotency_keep.sql"), &args).await? > 0)
    }

    /// Keeps the final answer; in the effect's own transaction.
    pub async fn finish(&mut self, key: &IdempotencyKey, status: i64, answer: &[u8]) -> Result<()> {
        let args = [
            (&key.tenant_id).into(),
            (&key.route).into(),
            (&key.key).into(),
            status.into(),
            answer.into(),
        ];
        self.0.execute(include_str!("sql/idempotency_finish.sql"), &args).await?;
        Ok(())
    }

    /// Frees the keys of requests whose hub is known to be dead, as [`Work::take_over`](super::Work::take_over)
    /// does with claims.
    pub async fn take_over(&mut self, owner: &str) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/idempotency_take_over.sqlite.sql"),
            include_str!("sql/idempotency_take_over.postgres.sql"),
        );
        self.0.execute(SQL, &[owner.into()]).await
    }

    /// Gives a key back whose request ended without a final answer.
    pub async fn give_up(&mut self, key: &IdempotencyKey) -> Result<()> {
        let args = [(&key.tenant_id).into(), (&key.route).into(), (&key.key).into()];
        self.0.execute(include_str!("sql/idempotency_give_up.sql"), &args).await?;
        Ok(())
    }

    /// Forgets answers made before an instant, of every tenant.
    pub async fn forget(&mut self, before: Timestamp) -> Result<u64> {
        self.0.execute(include_str!("sql/idempotency_forget.sql"), &[before.into()]).await
    }
}
