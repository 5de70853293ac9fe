//! The audit log's rows. What they mean, and how they hang together, is `crate::audit`'s.
//!
//! No statement here takes an entry out or changes what it says.

use serde::Serialize;

use super::{
    Tx,
    args::json_array,
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::ids::TenantId;

/// One entry, as it stands there: nothing is believed of it before its keyed hash was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Empty for what concerns the hub as a whole.
    pub tenant_id: String,
    pub audit_id: String,
    pub verb: String,
    pub subject: String,
    pub actor: String,
    pub request_id: Option<String>,
    /// JSON, as it was written.
    pub detail: String,
    pub at_us: i64,
    pub mac: String,
    /// The place in the chain, once sealed.
    pub n: Option<i64>,
    pub link: Option<String>,
}

impl Stored for AuditRow {
    const TABLE: &'static str = "audit";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            audit_id: columns.get("audit_id")?,
            verb: columns.get("verb")?,
            subject: columns.get("subject")?,
            actor: columns.get("actor")?,
            request_id: columns.get("request_id")?,
            detail: columns.get("detail")?,
            at_us: columns.get("at_us")?,
            mac: columns.get("mac")?,
            n: columns.get("n")?,
            link: columns.get("link")?,
        })
    }
}

/// The place that an entry is given.
#[derive(Clone, Debug, Serialize)]
pub struct AuditPlace {
    pub tenant_id: String,
    pub audit_id: String,
    pub n: i64,
    pub link: String,
}

/// Which entries to list, the newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of every tenant and of the hub itself when `None`.
    pub tenant: Option<TenantId>,
    pub subject: Option<String>,
    pub verb: Option<String>,
    /// The last entry of the page before.
    pub after: Option<String>,
    pub limit: i64,
}

/// Entries that have no place yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditTail {
    pub total: i64,
    pub oldest_us: Option<i64>,
}

impl Stored for AuditTail {
    const TABLE: &'static str = "audit";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self { total: columns.get("total")?, oldest_us: columns.get("oldest_us")? })
    }
}

/// Statements on the audit log.
#[derive(Debug)]
pub struct Audit<'t>(&'t mut Tx);

impl Tx {
    pub fn audit(&mut self) -> Audit<'_> {
        Audit(self)
    }
}

impl Audit<'_> {
    /// Adds an entry that has no place yet.
    pub async fn insert(&mut self, row: &AuditRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.audit_id).into(),
            (&row.verb).into(),
            (&row.subject).into(),
            (&row.actor).into(),
            row.request_id.as_deref().into(),
            (&row.detail).into(),
            row.at_us.into(),
            (&row.mac).into(),
        ];
        self.0.execute(include_str!("sql/audit_insert.sql"), &args).await?;
        Ok(())
    }

    pub async fn list(&mut self, filter: &AuditFilter) -> Result<Vec<AuditRow>> {
        let rest = [
            filter.after.as_deref().into(),
            filter.subject.as_deref().into(),
            filter.verb.as_deref().into(),
            filter.limit.into(),
        ];
        match &filter.tenant {
            Some(tenant) => {
                let mut args = vec![tenant.into()];
                args.extend(rest);
                self.0.all(include_str!("sql/audit_list.sql"), &args).await
            }
            None => self.0.all(include_str!("sql/audit_list_all.sql"), &rest).await,
        }
    }

    /// Entries without a place, in the order of their ids, after this one.
    pub async fn unsealed(
        &mut self,
        after: Option<&AuditRow>,
        limit: i64,
    ) -> Result<Vec<AuditRow>> {
        let (id, tenant) = after.map_or(("", ""), |row| (&row.audit_id, &row.tenant_id));
        let args = [id.into(), tenant.into(), limit.into()];
        self.0.all(include_str!("sql/audit_unsealed.sql"), &args).await
    }

    /// Entries with a place, in that order, after this one.
    pub async fn sealed(&mut self, after: Option<&AuditRow>, limit: i64) -> Result<Vec<AuditRow>> {
        let (n, id, tenant) = match after {
            Some(row) => (row.n.unwrap_or(i64::MIN), &*row.audit_id, &*row.tenant_id),
            None => (i64::MIN, "", ""),
        };
        let args = [n.into(), id.into(), tenant.into(), limit.into()];
        self.0.all(include_str!("sql/audit_sealed.sql"), &args).await
    }

    /// How much has no place yet.
    pub async fn tail(&mut self) -> Result<AuditTail> {
        let tail = self.0.optional(include_str!("sql/audit_tail.sql"), &[]).await?;
        Ok(tail.unwrap_or_default())
    }

    /// Gives entries their places; answers how many had none.
    pub async fn seal(&mut self, places: &[AuditPlace]) -> Result<u64> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/audit_seal.sqlite.sql"),
            include_str!("sql/audit_seal.postgres.sql"),
        );
        self.0.execute(SQL, &[json_array(places).into()]).await
    }
}
