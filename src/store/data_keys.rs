//! The sealed data keys of tenants; only `secrets` opens them.

use jiff::Timestamp;

use super::{
    Sealed, Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::ids::TenantId;

/// One data key, sealed by the key-encryption key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyRow {
    pub tenant_id: TenantId,
    /// Counts up from 1; the highest one seals, all of them open.
    pub data_key: i64,
    pub sealed: Sealed,
    pub created_at: Timestamp,
}

impl Stored for DataKeyRow {
    const TABLE: &'static str = "data_keys";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            data_key: columns.get("data_key")?,
            sealed: columns.get("sealed")?,
            created_at: columns.get("created_us")?,
        })
    }
}

/// Statements on data keys.
#[derive(Debug)]
pub struct DataKeys<'t>(&'t mut Tx);

impl Tx {
    pub fn data_keys(&mut self) -> DataKeys<'_> {
        DataKeys(self)
    }
}

impl DataKeys<'_> {
    /// Adds a data key; `false` when another process was first with this number.
    pub async fn insert(&mut self, row: &DataKeyRow) -> Result<bool> {
        let args = [
            (&row.tenant_id).into(),
            row.data_key.into(),
            (&row.sealed).into(),
            row.created_at.into(),
        ];
        Ok(self.0.execute(include_str!("sql/data_key_insert.sql"), &args).await? > 0)
    }

    pub async fn get(&mut self, tenant: &TenantId, data_key: i64) -> Result<Option<DataKeyRow>> {
        let args = [tenant.into(), data_key.into()];
        self.0.optional(include_str!("sql/data_key_get.sql"), &args).await
    }

    /// Gets the data key that seals now.
    pub async fn latest(&mut self, tenant: &TenantId) -> Result<Option<DataKeyRow>> {
        self.0.optional(include_str!("sql/data_key_latest.sql"), &[tenant.into()]).await
    }

    /// Replaces the seal of a data key, for a new key-encryption key.
    pub async fn reseal(
        &mut self,
        tenant: &TenantId,
        data_key: i64,
        sealed: &Sealed,
    ) -> Result<bool> {
        let args = [tenant.into(), data_key.into(), sealed.into()];
        Ok(self.0.execute(include_str!("sql/data_key_reseal.sql"), &args).await? > 0)
    }
}
