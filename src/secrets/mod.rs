//! Sealing what must not be read in the database, and hashing what must not be stored at all.
//!
//! One key-encryption key (in a file) seals one data key a tenant; data keys seal the secrets. A sealed
//! secret is bound to its tenant, row and column, so that it opens nowhere else. Both layers carry a
//! version and the name of the key that sealed them, so that keys can be changed while the hub runs:
//! a new data key gets the next number, and old ones open until nothing is sealed by them.

mod check;
mod error;
mod kek;
mod rotate;
mod seal;
mod standing;
mod vault;

pub use error::SecretsError;
pub use kek::Kek;
pub use rotate::{Rotated, Step, answer_row};
pub use seal::mint_secret;
pub use standing::Standing;
pub use vault::{Place, Vault, fits};
