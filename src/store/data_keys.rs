//! The sealed data keys of tenants, and what they have sealed; only `secrets` opens either.

use jiff::Timestamp;

use super::{
    Sealed, Tx,
    args::Arg,
    columns::{Columns, Stored},
    error::Result,
    tx::{On, Sql},
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
        self.0.data_key = None;
        let args = [
            (&row.tenant_id).into(),
            row.data_key.into(),
            (&row.sealed).into(),
            row.created_at.into(),
        ];
        Ok(self.0.execute(include_str!("sql/data_key_insert.sql"), &args).await? > 0)
    }

    pub async fn get(&mut self, tenant: &TenantId, data_key: i64) -> Result<Option<DataKeyRow>> {
        if let Some(row) = self.known(tenant).filter(|row| row.data_key == data_key) {
            return Ok(Some(row));
        }
        let args = [tenant.into(), data_key.into()];
        self.0.optional(include_str!("sql/data_key_get.sql"), &args).await
    }

    /// Gets the data key that seals now, and sees that it is there until the transaction ends.
    pub async fn latest(&mut self, tenant: &TenantId) -> Result<Option<DataKeyRow>> {
        if let Some(row) = self.known(tenant) {
            return Ok(Some(row));
        }
        let sql = Sql::parted(
            include_str!("sql/data_key_latest.sqlite.sql"),
            include_str!("sql/data_key_latest.postgres.sql"),
        );
        let row = self.0.optional(sql, &[tenant.into()]).await?;
        self.0.data_key.clone_from(&row);
        Ok(row)
    }

    fn known(&self, tenant: &TenantId) -> Option<DataKeyRow> {
        self.0.data_key.clone().filter(|row| row.tenant_id == *tenant)
    }

    /// Lists the data keys of all tenants, those after `after`.
    pub async fn all(
        &mut self,
        after: Option<(&TenantId, i64)>,
        limit: i64,
    ) -> Result<Vec<DataKeyRow>> {
        let (tenant, number) = after.map_or(("", 0), |(tenant, number)| (tenant.as_str(), number));
        let args = [tenant.into(), number.into(), limit.into()];
        self.0.all(include_str!("sql/data_key_all.sql"), &args).await
    }

    /// Replaces the seal of a data key, for a new key-encryption key; `false` when `old` is not its seal.
    pub async fn reseal(
        &mut self,
        tenant: &TenantId,
        data_key: i64,
        old: &Sealed,
        new: &Sealed,
    ) -> Result<bool> {
        self.0.data_key = None;
        let args = [tenant.into(), data_key.into(), old.into(), new.into()];
        Ok(self.0.execute(include_str!("sql/data_key_reseal.sql"), &args).await? > 0)
    }

    /// Waits for everybody who seals with a data key just now. SQLite has one writer anyway.
    pub async fn take(&mut self, tenant: &TenantId, data_key: i64) -> Result<()> {
        if let On::Postgres(_) = self.0.on {
            let args = [tenant.into(), data_key.into()];
            let sql = include_str!("sql/data_key_take.postgres.sql");
            self.0.optional_value::<i64>(sql, &args).await?;
        }
        Ok(())
    }

    /// Counts what is sealed by a data key.
    pub async fn uses(&mut self, tenant: &TenantId, data_key: i64) -> Result<i64> {
        let number = data_key.to_be_bytes();
        let args = [tenant.into(), number.as_slice().into()];
        self.0.value(include_str!("sql/data_key_uses.sql"), &args).await
    }

    /// Drops a data key. What is still sealed by it is lost.
    pub async fn delete(&mut self, tenant: &TenantId, data_key: i64) -> Result<bool> {
        self.0.data_key = None;
        let args = [tenant.into(), data_key.into()];
        Ok(self.0.execute(include_str!("sql/data_key_delete.sql"), &args).await? > 0)
    }

    /// Lists what a column holds that is not sealed by `data_key`, after `after`.
    pub async fn sealed_by_others(
        &mut self,
        tenant: &TenantId,
        column: SealedColumn,
        data_key: i64,
        after: Option<&SealedRow>,
        limit: i64,
    ) -> Result<Vec<SealedRow>> {
        let number = data_key.to_be_bytes();
        let (part, rest) = after.map_or(("", ""), |row| (&*row.part, &*row.rest));
        match column {
            SealedColumn::Login
            | SealedColumn::Details
            | SealedColumn::Token
            | SealedColumn::App => {
                let args = [tenant.into(), part.into(), number.as_slice().into(), limit.into()];
                let sql = match column {
                    SealedColumn::Details => include_str!("sql/sealed_details.sql"),
                    SealedColumn::Token => include_str!("sql/sealed_grants.sql"),
                    SealedColumn::App => include_str!("sql/sealed_apps.sql"),
                    _ => include_str!("sql/sealed_logins.sql"),
                };
                self.0.all(sql, &args).await
            }
            SealedColumn::Answer => {
                let args = [
                    tenant.into(),
                    part.into(),
                    rest.into(),
                    number.as_slice().into(),
                    limit.into(),
                ];
                self.0.all(include_str!("sql/sealed_answers.sql"), &args).await
            }
        }
    }

    /// Puts another seal in the place of `row`'s, unless that has been replaced meanwhile.
    pub async fn reseal_secret(
        &mut self,
        tenant: &TenantId,
        column: SealedColumn,
        row: &SealedRow,
        new: &Sealed,
    ) -> Result<bool> {
        let (part, rest): (Arg<'_>, Arg<'_>) = ((&row.part).into(), (&row.rest).into());
        let (old, new) = ((&row.sealed).into(), new.into());
        let done = match column {
            SealedColumn::Login => {
                let args = [tenant.into(), part, old, new];
                self.0.execute(include_str!("sql/reseal_login.sql"), &args).await?
            }
            SealedColumn::Details => {
                let args = [tenant.into(), part, old, new];
                self.0.execute(include_str!("sql/reseal_details.sql"), &args).await?
            }
            SealedColumn::Token => {
                let args = [tenant.into(), part, old, new];
                self.0.execute(include_str!("sql/reseal_grant.sql"), &args).await?
            }
            SealedColumn::App => {
                let args = [tenant.into(), part, old, new];
                self.0.execute(include_str!("sql/reseal_app.sql"), &args).await?
            }
            SealedColumn::Answer => {
                let args = [tenant.into(), part, rest, old, new];
                self.0.execute(include_str!("sql/reseal_answer.sql"), &args).await?
            }
        };
        Ok(done > 0)
    }
}

/// The columns that hold what data keys have sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// `connections.login`.
    Login,
    /// `idempotency.answer`.
    Answer,
    /// `bookings.details`, where something was said.
    Details,
    /// `grants.access_token`, where there is one.
    Token,
    /// `provider_apps.secret`.
    App,
}

impl SealedColumn {
    pub const ALL: [Self; 5] = [Self::Login, Self::Answer, Self::Details, Self::Token, Self::App];
}

/// One sealed secret and the key of its row within the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The connection, the booking, the provider, or the route of a kept answer.
    pub part: String,
    /// The Idempotency-Key of a kept answer.
    pub rest: String,
    pub sealed: Sealed,
}

impl Stored for SealedRow {
    const TABLE: &'static str = "sealed";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            part: columns.get("part")?,
            rest: columns.get("rest")?,
            sealed: columns.get("sealed")?,
        })
    }
}
