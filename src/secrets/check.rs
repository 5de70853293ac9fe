//! Asking whether a key file opens what a backup holds, before anything is done with it.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    error::{Result, SecretsError},
    kek::Kek,
    vault::{HASH_KEY_PLACE, data_key_parts},
};
use crate::store::SealedKeys;

impl Kek {
    /// Opens every key that is sealed in a backup, and forgets them.
    ///
    /// # Errors
    ///
    /// [`SecretsError::WrongKey`] when they were sealed by another key.
    pub fn check(&self, keys: &SealedKeys) -> Result<()> {
        if let Some(kept) = &keys.hash_key {
            let sealed = BASE64.decode(kept).map_err(|_| SecretsError::Tampered)?;
            self.unwrap(HASH_KEY_PLACE, &sealed)?;
        }
        for (tenant, number, sealed) in &keys.data_keys {
            let parts = data_key_parts(tenant, *number);
            self.unwrap(&[parts.0, parts.1, &parts.2], sealed)?;
        }
        Ok(())
    }
}
