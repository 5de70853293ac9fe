//! Customers of the hub.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::ids::TenantId;

/// One tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantRow {
    pub tenant_id: TenantId,
    pub name: String,
    /// What each class of busy time blocks, unless a resource or link says otherwise.
    pub policy: Value,
    /// Networks its connectors may reach, as a narrowing of the hub's; `None` takes the hub's.
    pub allow_net: Option<Vec<String>>,
    pub created_at: Timestamp,
}

impl Stored for TenantRow {
    const TABLE: &'static str = "tenants";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            name: columns.get("name")?,
            policy: columns.get("policy")?,
            allow_net: columns.get("allow_net")?,
            created_at: columns.get("created_us")?,
        })
    }
}

/// Statements on tenants.
#[derive(Debug)]
pub struct Tenants<'t>(&'t mut Tx);

impl Tx {
    pub fn tenants(&mut self) -> Tenants<'_> {
        Tenants(self)
    }
}

impl Tenants<'_> {
    pub async fn create(&mut self, row: &TenantRow) -> Result<()> {
        let allow_net = row.allow_net.as_ref().map(|nets| Value::from(nets.clone()));
        let args = [
            (&row.tenant_id).into(),
            (&row.name).into(),
            (&row.policy).into(),
            allow_net.as_ref().into(),
            row.created_at.into(),
        ];
        self.0.execute(include_str!("sql/tenant_create.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(&mut self, tenant: &TenantId) -> Result<Option<TenantRow>> {
        self.0.optional(include_str!("sql/tenant_get.sql"), &[tenant.into()]).await
    }

    /// Lists tenants by id, those after `after`.
    pub async fn list(&mut self, after: Option<&TenantId>, limit: i64) -> Result<Vec<TenantRow>> {
        self.0.all(include_str!("sql/tenant_list.sql"), &[after.into(), limit.into()]).await
    }

    /// Stores name, policy and networks; `false` when there is no such tenant.
    pub async fn update(&mut self, row: &TenantRow) -> Result<bool> {
        let allow_net = row.allow_net.as_ref().map(|nets| Value::from(nets.clone()));
        let args = [
            (&row.tenant_id).into(),
            (&row.name).into(),
            (&row.policy).into(),
            allow_net.as_ref().into(),
        ];
        Ok(self.0.execute(include_str!("sql/tenant_update.sql"), &args).await? > 0)
    }

    /// Erases the tenant and everything it has, its part of the change log too.
    pub async fn delete(&mut self, tenant: &TenantId) -> Result<bool> {
        self.0.locks().tenant(tenant).await?;
        self.0.execute(include_str!("sql/change_erase.sql"), &[tenant.into()]).await?;
        self.0.pauses().erase(tenant).await?;
        Ok(self.0.execute(include_str!("sql/tenant_delete.sql"), &[tenant.into()]).await? > 0)
    }
}
