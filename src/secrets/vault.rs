//! Sealing and hashing for one store.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    error::{Result, SecretsError},
    kek::Kek,
    seal::{Key, VERSION, hmac, open, random_key, seal, split},
};
use crate::{
    clock::{Clock, Entropy},
    model::ids::TenantId,
    store::{DataKeyRow, Sealed, Store, Tx},
};

/// Where a sealed secret stands, and the only place where it opens.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub tenant: &'a TenantId,
    /// The id of the row.
    pub row: &'a str,
    pub column: &'static str,
}

impl Place<'_> {
    fn parts(&self) -> [&[u8]; 4] {
        [b"secret", self.tenant.as_str().as_bytes(), self.row.as_bytes(), self.column.as_bytes()]
    }
}

/// Seals, opens and hashes for one store.
pub struct Vault {
    kek: Kek,
    /// Hashes the secrets of callers; in the database under the key-encryption key, so that a change of
    /// that key does not make every API key invalid.
    hash_key: Key,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

const HASH_KEY: &str = "secrets.hash_key";
pub(super) const HASH_KEY_PLACE: &[&[u8]] = &[b"hash key"];

/// Whether a key file's key is the one that a database was sealed under; `kept` is what the database holds under
/// `secrets.hash_key`.
///
/// # Errors
///
/// [`SecretsError::WrongKey`] when it is another.
pub fn fits(kek: &Kek, kept: &str) -> Result<()> {
    let kept = BASE64.decode(kept).map_err(|_| SecretsError::Tampered)?;
    kek.unwrap(HASH_KEY_PLACE, &kept).map(|_| ())
}

impl Vault {
    /// Opens the secrets of a store, making its hash key at the first start.
    ///
    /// # Errors
    ///
    /// [`SecretsError::WrongKey`] when the store's secrets were sealed by another key.
    pub async fn open(
        kek: Kek,
        store: &Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        let fresh = kek.wrap(HASH_KEY_PLACE, &random_key(&*entropy), &*entropy);
        let mut tx = store.begin().await?;
        let kept = tx.instance().settle(HASH_KEY, &BASE64.encode(fresh)).await?;
        tx.commit().await?;
        let kept = BASE64.decode(kept).map_err(|_| SecretsError::Tampered)?;
        let hash_key = kek.unwrap(HASH_KEY_PLACE, &kept)?;
        Ok(Self { kek, hash_key, clock, entropy })
    }

    /// Seals a secret for its place, under the tenant's newest data key; makes the first one.
    pub async fn seal(&self, tx: &mut Tx, place: Place<'_>, plain: &[u8]) -> Result<Sealed> {
        let row = match tx.data_keys().latest(place.tenant).await? {
            Some(row) => row,
            None => self.first_data_key(tx, place.tenant).await?,
        };
        let key = self.data_key(&row)?;
        let mut head = vec![VERSION];
        head.extend(row.data_key.to_be_bytes());
        Ok(Sealed::new(seal(&key, &head, &place.parts(), plain, &*self.entropy)))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    ///
    /// [`SecretsError::Tampered`] when it was sealed for another place, or is damaged.
    pub async fn unseal(
        &self,
        tx: &mut Tx,
        place: Place<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let (head, rest) = split(sealed.as_bytes(), 1 + size_of::<i64>())?;
        let Some((&VERSION, number)) = head.split_first() else {
            return Err(SecretsError::Tampered);
        };
        let number = number.try_into().map_err(|_| SecretsError::Tampered)?;
        let row = tx.data_keys().get(place.tenant, i64::from_be_bytes(number)).await?;
        let key = self.data_key(&row.ok_or(SecretsError::Tampered)?)?;
        open(&key, head, &place.parts(), rest)
    }

    /// Hashes the secret half of an API key or feed address.
    pub fn hash_secret(&self, secret: &str) -> [u8; 32] {
        hmac(&self.hash_key, secret.as_bytes())
    }

    /// Compares a secret with a stored hash, in a time that tells nothing.
    pub fn matches(&self, hash: &[u8], secret: &str) -> bool {
        self.hash_secret(secret).ct_eq(hash).into()
    }

    async fn first_data_key(&self, tx: &mut Tx, tenant: &TenantId) -> Result<DataKeyRow> {
        let data_key = 1;
        let parts = data_key_parts(tenant, data_key);
        let sealed = self.kek.wrap(
            &[parts.0, parts.1, &parts.2],
            &random_key(&*self.entropy),
            &*self.entropy,
        );
        let row = DataKeyRow {
            tenant_id: tenant.clone(),
            data_key,
            sealed: Sealed::new(sealed),
            created_at: self.clock.now(),
        };
        if tx.data_keys().insert(&row).await? {
            return Ok(row);
        }
        tx.data_keys().get(tenant, data_key).await?.ok_or(SecretsError::Tampered)
    }

    fn data_key(&self, row: &DataKeyRow) -> Result<Key> {
        let parts = data_key_parts(&row.tenant_id, row.data_key);
        self.kek.unwrap(&[parts.0, parts.1, &parts.2], row.sealed.as_bytes())
    }
}

pub(super) fn data_key_parts(tenant: &TenantId, data_key: i64) -> (&[u8], &[u8], [u8; 8]) {
    (b"data key", tenant.as_str().as_bytes(), data_key.to_be_bytes())
}
