//! Sealing what must not be read in the database, and hashing what must not be stored at all.
//!
//! One key-encryption key (in a file) seals one data key a tenant; data keys seal the secrets. A sealed
//! secret is bound to its tenant, row and column, so that it opens nowhere else. Both layers carry a
//! version and the name of the key that sealed them, so that keys can be changed while the hub runs:
//! a new data key gets the next number, and old ones open until nothing is sealed by them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock, Entropy},
    model::ids::TenantId,
    store::{DataKeyRow, Sealed, Store, StoreError, Tx},
};

/// Why a secret cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("the key file {} cannot be used", path.display())]
    KeyFile { path: PathBuf, source: io::Error },
    #[error("the key file {} can be read by others (mode {mode:o}): chmod 600 it", path.display())]
    LoosePermissions { path: PathBuf, mode: u32 },
    #[error("the key file {} does not hold 32 bytes in base64", path.display())]
    KeyForm { path: PathBuf },
    /// The database was sealed by another key file.
    #[error("the database belongs to another key file")]
    WrongKey,
    /// Damaged, or sealed for another tenant, row or column.
    #[error("a sealed secret does not open here")]
    Tampered,
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T, E = SecretsError> = std::result::Result<T, E>;
type Key = Zeroizing<[u8; 32]>;

/// The form of everything sealed by this version: version, key name, nonce, ciphertext.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
const FINGERPRINT_LEN: usize = 8;

/// The key-encryption key. Every hub of a cell needs the same.
pub struct Kek {
    key: Key,
}

impl std::fmt::Debug for Kek {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kek")
    }
}

impl Kek {
    /// Makes a key, for tests and for a file to come.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self { key: random_key(entropy) }
    }

    /// Reads the key file.
    ///
    /// # Errors
    ///
    /// `LoosePermissions` when anybody but its owner may read it.
    pub fn load(path: &Path) -> Result<Self> {
        let failed = |source| SecretsError::KeyFile { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretsError::LoosePermissions { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        let mut key = Key::default();
        match BASE64.decode_slice(text.trim(), key.as_mut_slice()) {
            Ok(32) => Ok(Self { key }),
            _ => Err(SecretsError::KeyForm { path: path.to_owned() }),
        }
    }

    /// Reads the key file, or makes it with mode 0600 when there is none. Of several processes that
    /// start at once all get the same key.
    pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<Self> {
        if !path.try_exists().unwrap_or(true) {
            Self::generate(entropy)
                .save(path, entropy)
                .map_err(|source| SecretsError::KeyFile { path: path.to_owned(), source })?;
        }
        Self::load(path)
    }

    /// Writes a whole file beside `path` and links it there, unless another process was first.
    fn save(&self, path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", random_hex(entropy, 8)));
        let draft = PathBuf::from(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let text = Zeroizing::new(BASE64.encode(self.key.as_slice()));
        let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n"));
        let linked = written.and_then(|()| file.sync_all()).and_then(|()| {
            match fs::hard_link(&draft, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        });
        fs::remove_file(&draft)?;
        linked?;
        match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Names the key without telling it.
    fn fingerprint(&self) -> [u8; FINGERPRINT_LEN] {
        let digest = hmac(&self.key, b"calhub key fingerprint");
        let mut name = [0; FINGERPRINT_LEN];
        for (to, from) in name.iter_mut().zip(digest) {
            *to = from;
        }
        name
    }

    /// Seals another key under this one.
    fn wrap(&self, what: &[&[u8]], key: &Key, entropy: &dyn Entropy) -> Vec<u8> {
        let mut head = vec![VERSION];
        head.extend(self.fingerprint());
        seal(&self.key, &head, what, key.as_slice(), entropy)
    }

    fn unwrap(&self, what: &[&[u8]], sealed: &[u8]) -> Result<Key> {
        let (head, rest) = split(sealed, 1 + FINGERPRINT_LEN)?;
        if head.first() != Some(&VERSION) || head.get(1..) != Some(self.fingerprint().as_slice()) {
            return Err(SecretsError::WrongKey);
        }
        let plain = open(&self.key, head, what, rest)?;
        let mut key = Key::default();
        if plain.len() != key.len() {
            return Err(SecretsError::Tampered);
        }
        key.copy_from_slice(&plain);
        Ok(key)
    }
}

/// Where a sealed secret stands, and the only place where it opens.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub tenant: &'a TenantId,
    /// The id of the row.
    pub row: &'a str,
    pub column: &'static str,
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
const HASH_KEY_PLACE: &[&[u8]] = &[b"hash key"];

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

impl Place<'_> {
    fn parts(&self) -> [&[u8]; 4] {
        [b"secret", self.tenant.as_str().as_bytes(), self.row.as_bytes(), self.column.as_bytes()]
    }
}

fn data_key_parts(tenant: &TenantId, data_key: i64) -> (&[u8], &[u8], [u8; 8]) {
    (b"data key", tenant.as_str().as_bytes(), data_key.to_be_bytes())
}

/// Makes a secret for a caller to keep: 256 bits as 64 hexadecimal digits.
pub fn mint_secret(entropy: &dyn Entropy) -> SecretString {
    SecretString::from(random_hex(entropy, 32))
}

fn random_hex(entropy: &dyn Entropy, len: usize) -> String {
    let mut random = Zeroizing::new(vec![0_u8; len]);
    entropy.fill(&mut random);
    random.iter().fold(String::with_capacity(2 * len), |mut text, byte| {
        text.extend(
            [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')),
        );
        text
    })
}

fn random_key(entropy: &dyn Entropy) -> Key {
    let mut key = Key::default();
    entropy.fill(key.as_mut_slice());
    key
}

fn hmac(key: &Key, message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.as_slice())
        .expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Seals `plain` under `key`, bound to the head and to `place`, and puts head and nonce in front of it.
fn seal(key: &Key, head: &[u8], place: &[&[u8]], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
    let mut nonce = [0_u8; NONCE_LEN];
    entropy.fill(&mut nonce);
    let aad = bound(head, place);
    let sealed = XChaCha20Poly1305::new(key.as_slice().into())
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: &aad })
        .expect("a secret is far shorter than the cipher's limit of 256 GiB");
    [head, &nonce, &sealed].concat()
}

fn open(key: &Key, head: &[u8], place: &[&[u8]], rest: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = split(rest, NONCE_LEN)?;
    let aad = bound(head, place);
    XChaCha20Poly1305::new(key.as_slice().into())
        .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad })
        .map(Zeroizing::new)
        .map_err(|_| SecretsError::Tampered)
}

/// Joins head and place so that no two different ones read alike.
fn bound(head: &[u8], place: &[&[u8]]) -> Vec<u8> {
    let mut aad = b"calhub\0".to_vec();
    for part in std::iter::once(&head).chain(place) {
        aad.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        aad.extend(*part);
    }
    aad
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8])> {
    bytes.split_at_checked(at).ok_or(SecretsError::Tampered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn a_key_file_is_made_once_and_only_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kek");
        let made = Kek::load_or_create(&path, &SeededEntropy::new(1)).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let again = Kek::load_or_create(&path, &SeededEntropy::new(2)).unwrap();
        assert_eq!(made.fingerprint(), again.fingerprint());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kek");
        Kek::load_or_create(&path, &SeededEntropy::new(1)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Kek::load(&path).unwrap_err();
        assert!(matches!(refused, SecretsError::LoosePermissions { mode: 0o640, .. }));
    }

    #[test]
    fn a_key_file_of_another_form_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kek");
        for text in ["", "c2hvcnQ=", "not base64 at all"] {
            let _ = fs::remove_file(&path);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert!(matches!(Kek::load(&path), Err(SecretsError::KeyForm { .. })), "{text:?}");
        }
    }

    #[test]
    fn parts_that_are_cut_elsewhere_are_another_place() {
        assert_ne!(bound(b"h", &[b"ab", b"c"]), bound(b"h", &[b"a", b"bc"]));
        assert_ne!(bound(b"h", &[b"a", b""]), bound(b"h", &[b"a"]));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let entropy = SeededEntropy::new(3);
        let key = random_key(&entropy);
        let sealed = seal(&key, &[VERSION, 7], &[b"x"], b"swordfish", &entropy);
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(open(&key, &bad[..2], &[b"x"], &bad[2..]).is_err(), "byte {at}");
        }
    }
}
