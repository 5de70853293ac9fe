//! Why secrets stay shut.

use std::{io, path::PathBuf};

use crate::store::StoreError;

/// Why a secret cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("the key file {} cannot be used", path.display())]
    KeyFile { path: PathBuf, source: io::Error },
    #[error("the key file {} can be read by others (mode {mode:o}): chmod 600 it", path.display())]
    LoosePermissions { path: PathBuf, mode: u32 },
    #[error("the key file {} does not hold 32 bytes in base64 on each line", path.display())]
    KeyForm { path: PathBuf },
    /// The database was sealed by another key file.
    #[error("the database belongs to another key file")]
    WrongKey,
    /// Damaged, or sealed for another tenant, row or column.
    #[error("a sealed secret does not open here")]
    Tampered,
    /// Keys are still needed: a rotation has not run, or not ended.
    #[error("older keys still seal something: run `calhub secrets rotate` first")]
    StillUsed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) type Result<T, E = SecretsError> = std::result::Result<T, E>;
