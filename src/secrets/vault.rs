//! Sealing and hashing for one store.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    error::{Result, SecretsError},
    kek::{Kek, KekName, sealed_by},
    seal::{Key, VERSION, bound, hmac, open, random_key, seal, split},
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
    pub(super) kek: Kek,
    /// Hashes the secrets of callers; in the database under the key-encryption key, so that a change of
    /// that key does not make every API key invalid.
    pub(super) hash_key: Key,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

/// The hash key as it stands in the database. The key-encryption key that sealed it is the one that seals.
pub(super) const HASH_KEY: &str = "secrets.hash_key";
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
        let newest = kek.newest()?;
        let fresh = kek.wrap(newest, HASH_KEY_PLACE, &random_key(&*entropy), &*entropy)?;
        let mut tx = store.begin().await?;
        let kept = tx.instance().settle(HASH_KEY, &BASE64.encode(fresh)).await?;
        tx.commit().await?;
        let kept = from_base64(&kept)?;
        let hash_key = kek.unwrap(HASH_KEY_PLACE, &kept)?;
        Ok(Self { kek, hash_key, clock, entropy })
    }

    /// Seals a secret for its place, under the tenant's newest data key; makes the first one. That key is
    /// kept until the transaction ends, whatever a rotation does meanwhile.
    pub async fn seal(&self, tx: &mut Tx, place: Place<'_>, plain: &[u8]) -> Result<Sealed> {
        let row = match tx.data_keys().latest(place.tenant).await? {
            Some(row) => row,
            None => self.first_data_key(tx, place.tenant).await?,
        };
        Ok(self.seal_under(row.data_key, &self.data_key(&row)?, place, plain))
    }

    pub(super) fn seal_under(
        &self,
        number: i64,
        key: &Key,
        place: Place<'_>,
        plain: &[u8],
    ) -> Sealed {
        let mut head = vec![VERSION];
        head.extend(number.to_be_bytes());
        Sealed::new(seal(key, &head, &place.parts(), plain, &*self.entropy))
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
        let row = tx.data_keys().get(place.tenant, number_of(sealed)?).await?;
        let key = self.data_key(&row.ok_or(SecretsError::Tampered)?)?;
        open_under(&key, place, sealed)
    }

    /// Hashes the secret half of an API key or feed address.
    pub fn hash_secret(&self, secret: &str) -> [u8; 32] {
        hmac(&self.hash_key, secret.as_bytes())
    }

    /// Compares a secret with a stored hash, in a time that tells nothing.
    pub fn matches(&self, hash: &[u8], secret: &str) -> bool {
        self.hash_secret(secret).ct_eq(hash).into()
    }

    /// A keyed hash of a row's parts, under a key of its own for each `purpose`. Those keys come from the hash key,
    /// which no rotation changes.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        // 0xff begins no text: what `hash_secret` tells of texts is never one of these keys.
        let key = hmac(&self.hash_key, &[b"\xff", purpose.as_bytes()].concat());
        hmac(&Key::new(key), &bound(purpose.as_bytes(), parts))
    }

    async fn first_data_key(&self, tx: &mut Tx, tenant: &TenantId) -> Result<DataKeyRow> {
        let row = self.made_data_key(tx, tenant, 1).await?;
        if tx.data_keys().insert(&row).await? {
            return Ok(row);
        }
        tx.data_keys().latest(tenant).await?.ok_or(SecretsError::Tampered)
    }

    /// Makes a data key, not yet stored, sealed by the key that seals in the whole cell until `tx` ends.
    pub(super) async fn made_data_key(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        data_key: i64,
    ) -> Result<DataKeyRow> {
        let kept = tx.instance().get_kept(HASH_KEY).await?.ok_or(SecretsError::Tampered)?;
        let by = sealed_by(&from_base64(&kept)?)?;
        let key = random_key(&*self.entropy);
        Ok(DataKeyRow {
            tenant_id: tenant.clone(),
            data_key,
            sealed: self.wrap_data_key(by, tenant, data_key, &key)?,
            created_at: self.clock.now(),
        })
    }

    pub(super) fn wrap_data_key(
        &self,
        by: KekName,
        tenant: &TenantId,
        data_key: i64,
        key: &Key,
    ) -> Result<Sealed> {
        let parts = data_key_parts(tenant, data_key);
        let what: [&[u8]; 3] = [parts.0, parts.1, &parts.2];
        Ok(Sealed::new(self.kek.wrap(by, &what, key, &*self.entropy)?))
    }

    pub(super) fn data_key(&self, row: &DataKeyRow) -> Result<Key> {
        let parts = data_key_parts(&row.tenant_id, row.data_key);
        self.kek.unwrap(&[parts.0, parts.1, &parts.2], row.sealed.as_bytes())
    }
}

/// The number of the data key that sealed a secret.
pub(super) fn number_of(sealed: &Sealed) -> Result<i64> {
    let (head, _) = split(sealed.as_bytes(), 1 + size_of::<i64>())?;
    match head.split_first() {
        Some((&VERSION, number)) => {
            number.try_into().map(i64::from_be_bytes).map_err(|_| SecretsError::Tampered)
        }
        _ => Err(SecretsError::Tampered),
    }
}

pub(super) fn open_under(
    key: &Key,
    place: Place<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>> {
    let (head, rest) = split(sealed.as_bytes(), 1 + size_of::<i64>())?;
    open(key, head, &place.parts(), rest)
}

pub(super) fn from_base64(text: &str) -> Result<Vec<u8>> {
    BASE64.decode(text).map_err(|_| SecretsError::Tampered)
}

pub(super) fn data_key_parts(tenant: &TenantId, data_key: i64) -> (&[u8], &[u8], [u8; 8]) {
    (b"data key", tenant.as_str().as_bytes(), data_key.to_be_bytes())
}
