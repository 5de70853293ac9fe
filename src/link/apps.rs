//! Tenants' own OAuth clients.

use secrecy::{ExposeSecret, SecretString};

use crate::{
    model::{ids::TenantId, states::Provider},
    secrets::{SecretsError, Vault},
    store::{Sealed, Tx},
    sync::app_place,
};

/// Seals the secret of a tenant's OAuth client.
///
/// # Errors
///
/// When there is no key to seal it by.
pub async fn seal_app(
    vault: &Vault,
    tx: &mut Tx,
    tenant: &TenantId,
    provider: Provider,
    secret: &SecretString,
) -> Result<Sealed, SecretsError> {
    vault.seal(tx, app_place(tenant, provider), secret.expose_secret().as_bytes()).await
}
