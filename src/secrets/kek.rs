//! The key-encryption key, and the file it lives in.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

use super::{
    error::{Result, SecretsError},
    seal::{Key, VERSION, hmac, open, random_hex, random_key, seal, split},
};
use crate::clock::Entropy;

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
    pub(super) fn wrap(&self, what: &[&[u8]], key: &Key, entropy: &dyn Entropy) -> Vec<u8> {
        let mut head = vec![VERSION];
        head.extend(self.fingerprint());
        seal(&self.key, &head, what, key.as_slice(), entropy)
    }

    pub(super) fn unwrap(&self, what: &[&[u8]], sealed: &[u8]) -> Result<Key> {
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
}
