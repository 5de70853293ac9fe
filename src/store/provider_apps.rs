//! Tenants' own OAuth clients, with their secrets sealed.

use jiff::Timestamp;

use super::{
    Sealed, Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::{ids::TenantId, states::Provider};

/// One tenant's client at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderAppRow {
    pub tenant_id: TenantId,
    pub provider: Provider,
    pub client_id: String,
    /// Where it is registered, at a provider that has several such places.
    pub cloud: Option<String>,
    pub directory: Option<String>,
    /// Sealed for (tenant, provider, `provider_apps.secret`).
    pub secret: Sealed,
    pub touched_at: Timestamp,
}

impl Stored for ProviderAppRow {
    const TABLE: &'static str = "provider_apps";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            provider: columns.get("provider")?,
            client_id: columns.get("client_id")?,
            cloud: columns.get("cloud")?,
            directory: columns.get("directory")?,
            secret: columns.get("secret")?,
            touched_at: columns.get("touched_us")?,
        })
    }
}

/// Statements on provider apps.
#[derive(Debug)]
pub struct ProviderApps<'t>(&'t mut Tx);

impl Tx {
    pub fn provider_apps(&mut self) -> ProviderApps<'_> {
        ProviderApps(self)
    }
}

impl ProviderApps<'_> {
    /// Stores a client in the place of whatever was there.
    pub async fn put(&mut self, row: &ProviderAppRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.provider).into(),
            (&row.client_id).into(),
            (&row.secret).into(),
            row.touched_at.into(),
            row.cloud.as_deref().into(),
            row.directory.as_deref().into(),
        ];
        self.0.execute(include_str!("sql/provider_app_put.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        provider: Provider,
    ) -> Result<Option<ProviderAppRow>> {
        let args = [tenant.into(), (&provider).into()];
        self.0.optional(include_str!("sql/provider_app_get.sql"), &args).await
    }

    pub async fn delete(&mut self, tenant: &TenantId, provider: Provider) -> Result<bool> {
        let args = [tenant.into(), (&provider).into()];
        Ok(self.0.execute(include_str!("sql/provider_app_delete.sql"), &args).await? > 0)
    }
}
