//! How the keys and secrets of a store stand, and taking away keys that seal nothing any more.

use serde::Serialize;

use super::{
    Kek,
    error::{Result, SecretsError},
    kek::sealed_by,
    rotate::BEGUN,
    vault::{HASH_KEY, Vault, from_base64},
};
use crate::store::{DataKeyRow, Store};

const PAGE: i64 = 500;

/// How the secrets of a store stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The key-encryption key that seals: its name, which tells nothing of it.
    pub kek: String,
    /// Keys in this machine's key file.
    pub keks_in_file: usize,
    /// Whether the newest key of the file seals already.
    pub kek_is_newest: bool,
    pub data_keys: u64,
    /// Data keys that another key-encryption key has sealed.
    pub data_keys_of_older_keks: u64,
    /// Whether a rotation was begun and not ended.
    pub rotating: bool,
}

impl Vault {
    /// Tells how the secrets stand.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn standing(&self, store: &Store) -> Result<Standing> {
        let mut tx = store.read().await?;
        let kek = tx.instance().get(HASH_KEY).await?.ok_or(SecretsError::Tampered)?;
        let kek = sealed_by(&from_base64(&kek)?)?;
        let rotating = tx.instance().get(BEGUN).await?.is_some();
        tx.rollback().await?;
        let (mut data_keys, mut older) = (0, 0);
        for row in all_data_keys(store).await? {
            data_keys += 1;
            older += u64::from(sealed_by(row.sealed.as_bytes())? != kek);
        }
        Ok(Standing {
            kek: hex(&kek),
            keks_in_file: self.kek.len(),
            kek_is_newest: self.kek.newest()? == kek,
            data_keys,
            data_keys_of_older_keks: older,
            rotating,
        })
    }

    /// Takes the key-encryption keys that seal nothing any more out of the key file; answers how many.
    ///
    /// # Errors
    ///
    /// [`SecretsError::StillUsed`] while they seal something.
    pub async fn forget_older_keks(&self, store: &Store) -> Result<usize> {
        let standing = self.standing(store).await?;
        if !standing.kek_is_newest || standing.data_keys_of_older_keks > 0 || standing.rotating {
            return Err(SecretsError::StillUsed);
        }
        let path = self.kek.file().ok_or(SecretsError::WrongKey)?;
        Kek::keep_only(path, self.kek.newest()?, &*self.entropy)
    }
}

pub(super) async fn all_data_keys(store: &Store) -> Result<Vec<DataKeyRow>> {
    let mut all: Vec<DataKeyRow> = Vec::new();
    loop {
        let after = all.last().map(|row| (&row.tenant_id, row.data_key));
        let rows = store.read().await?.data_keys().all(after, PAGE).await?;
        if rows.is_empty() {
            return Ok(all);
        }
        all.extend(rows);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
