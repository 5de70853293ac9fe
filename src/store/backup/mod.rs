//! Backups: everything a database holds in one file that either engine reads.
//!
//! A backup is read from one snapshot while hubs go on serving, and restored in one transaction or not at all.
//! It is a logical copy (rows as JSON), so that it does not depend on the engine, its version or its settings;
//! `docs/adr/0007-backups.md` tells why. The statements here are made from the list of tables in
//! [`tables`](super::tables), not written one a file: a backup speaks of every column and decides nothing by it.
//!
//! The key-encryption key is never in a backup.

mod dump;
mod file;
mod load;

use std::{collections::BTreeMap, io, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StoreError, tables::Kind};
use crate::model::ids::TenantId;

pub use dump::back_up;
pub use file::Backup;
pub use load::restore;

/// The form of the file. A program refuses forms that it does not know.
const FORM: u32 = 1;

/// Why there is no backup, or no restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// The text tells a person why, and what to do.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T, E = BackupError> = std::result::Result<T, E>;

/// The first line of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    calhub_backup: u32,
    /// When the snapshot was taken.
    pub made_at: Timestamp,
    /// The version of the program that wrote it.
    pub calhub: String,
    /// `sqlite` or `postgres`.
    pub engine: String,
    /// The migrations that its database had.
    schema: Vec<i64>,
    tables: Vec<TableHeader>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct TableHeader {
    name: String,
    columns: Vec<(String, Kind)>,
}

/// Some rows of one table.
#[derive(Debug, Serialize, Deserialize)]
struct Chunk {
    /// Which table of the header.
    t: usize,
    rows: Vec<serde_json::Value>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    rows: u64,
    /// Of all lines before this one.
    sha256: String,
}

/// What a backup or a restore came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub bytes: u64,
    pub sha256: String,
    /// By table.
    pub rows: BTreeMap<String, u64>,
}

/// What of a backup only the right key file opens.
#[derive(Clone, Debug, Default)]
pub struct SealedKeys {
    /// As it stands in the instance facts; `None` when no hub ever ran on the database.
    pub hash_key: Option<String>,
    pub data_keys: Vec<(TenantId, i64, Vec<u8>)>,
}

/// The instance fact of the sealed hash key.
const HASH_KEY: &str = "secrets.hash_key";

/// Told with each chunk: the table, and its rows so far.
pub(super) type Told<'a> = &'a mut (dyn FnMut(&str, u64) + Send);

fn refused<T>(text: impl Into<String>) -> Result<T> {
    Err(BackupError::Refused(text.into()))
}
