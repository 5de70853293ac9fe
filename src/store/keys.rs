//! API keys: who may call, as whom, for what. The secret itself is never stored.

use jiff::Timestamp;

use super::{
    Tx,
    args::json_array,
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::ids::TenantId;

/// One API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    pub tenant_id: TenantId,
    /// The public half, as written in `chk_<id>_<secret>`.
    pub key_id: String,
    pub name: String,
    /// HMAC of the secret half.
    pub hash: Vec<u8>,
    pub scopes: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl Stored for KeyRow {
    const TABLE: &'static str = "api_keys";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            key_id: columns.get("key_id")?,
            name: columns.get("name")?,
            hash: columns.get("hash")?,
            scopes: columns.get("scopes")?,
            created_at: columns.get("created_us")?,
            expires_at: columns.get("expires_us")?,
        })
    }
}

/// Statements on API keys.
#[derive(Debug)]
pub struct Keys<'t>(&'t mut Tx);

impl Tx {
    pub fn keys(&mut self) -> Keys<'_> {
        Keys(self)
    }
}

impl Keys<'_> {
    pub async fn insert(&mut self, row: &KeyRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.key_id).into(),
            (&row.name).into(),
            row.hash.as_slice().into(),
            json_array(&row.scopes).into(),
            row.created_at.into(),
            row.expires_at.into(),
        ];
        self.0.execute(include_str!("sql/key_insert.sql"), &args).await?;
        Ok(())
    }

    /// Finds the keys with this public half, of any tenant: it is how a caller tells its tenant. The
    /// caller compares the hash with each.
    pub async fn find_by_key_id(&mut self, key_id: &str) -> Result<Vec<KeyRow>> {
        self.0.all(include_str!("sql/key_find.sql"), &[key_id.into()]).await
    }

    pub async fn list(
        &mut self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<KeyRow>> {
        let args = [tenant.into(), after.into(), limit.into()];
        self.0.all(include_str!("sql/key_list.sql"), &args).await
    }

    /// The valid keys that may make others, kept as they are until the transaction ends.
    pub async fn admins(&mut self, tenant: &TenantId, now: Timestamp) -> Result<Vec<KeyRow>> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/key_admins.sqlite.sql"),
            include_str!("sql/key_admins.postgres.sql"),
        );
        self.0.all(SQL, &[tenant.into(), now.into()]).await
    }

    pub async fn delete(&mut self, tenant: &TenantId, key_id: &str) -> Result<bool> {
        let args = [tenant.into(), key_id.into()];
        Ok(self.0.execute(include_str!("sql/key_delete.sql"), &args).await? > 0)
    }
}
