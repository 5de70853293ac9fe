//! The key-encryption keys, and the file they live in.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

use super::{
    error::{Result, SecretsError},
    seal::{Key, VERSION, hmac, open, random_hex, random_key, seal, split},
};
use crate::clock::Entropy;

const NAME_LEN: usize = 8;

/// Names a key-encryption key without telling it.
pub(super) type KekName = [u8; NAME_LEN];

/// The key-encryption keys of a cell: the lines of its key file, oldest first.
///
/// All of them open. Which one seals is not said here but in the database, by the hash key's own seal, so
/// that every hub of a cell seals by the same one whenever it read the file. A hub that meets a key it does
/// not know reads the file again.
pub struct Kek {
    keys: RwLock<Vec<Named>>,
    file: Option<PathBuf>,
}

#[derive(Clone)]
struct Named {
    name: KekName,
    key: Key,
}

impl Named {
    fn of(key: Key) -> Self {
        let digest = hmac(&key, b"calhub key fingerprint");
        let mut name = KekName::default();
        for (to, from) in name.iter_mut().zip(digest) {
            *to = from;
        }
        Self { name, key }
    }
}

impl std::fmt::Debug for Kek {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kek")
    }
}

impl Kek {
    /// Makes a key, for tests and for a file to come.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self { keys: RwLock::new(vec![Named::of(random_key(entropy))]), file: None }
    }

    /// Reads the key file.
    ///
    /// # Errors
    ///
    /// `LoosePermissions` when anybody but its owner may read it.
    pub fn load(path: &Path) -> Result<Self> {
        Ok(Self { keys: RwLock::new(read(path)?), file: Some(path.to_owned()) })
    }

    /// Reads the key file, or makes it with mode 0600 when there is none. Of several processes that
    /// start at once all get the same key.
    pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<Self> {
        if !path.try_exists().unwrap_or(true) {
            let made = [Named::of(random_key(entropy))];
            save(&made, path, entropy, |draft, path| match fs::hard_link(draft, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            })
            .map_err(|source| SecretsError::KeyFile { path: path.to_owned(), source })?;
        }
        Self::load(path)
    }

    /// Adds a new key to the file, after those that are there. It seals from the next rotation on.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or replaced.
    pub fn add_to(path: &Path, entropy: &dyn Entropy) -> Result<usize> {
        let mut keys = read(path)?;
        keys.push(Named::of(random_key(entropy)));
        replace(&keys, path, entropy)?;
        Ok(keys.len())
    }

    /// Leaves only the key of this name in the file; answers how many are gone.
    pub(super) fn keep_only(path: &Path, name: KekName, entropy: &dyn Entropy) -> Result<usize> {
        let keys = read(path)?;
        let kept: Vec<Named> = keys.iter().filter(|key| key.name == name).cloned().collect();
        if kept.is_empty() {
            return Err(SecretsError::WrongKey);
        }
        if kept.len() < keys.len() {
            replace(&kept, path, entropy)?;
        }
        Ok(keys.len() - kept.len())
    }

    /// Where the keys were read from.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The name of the newest key of the file.
    pub(super) fn newest(&self) -> Result<KekName> {
        self.keys().last().map(|key| key.name).ok_or(SecretsError::WrongKey)
    }

    pub(super) fn len(&self) -> usize {
        self.keys().len()
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, Vec<Named>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a key, reading the file again when it was not there at the last look.
    fn find(&self, name: KekName) -> Result<Key> {
        let known =
            |keys: &[Named]| keys.iter().find(|one| one.name == name).map(|one| one.key.clone());
        if let Some(key) = known(&self.keys()) {
            return Ok(key);
        }
        let file = self.file.as_deref().ok_or(SecretsError::WrongKey)?;
        let keys = read(file)?;
        let found = known(&keys).ok_or(SecretsError::WrongKey);
        if found.is_ok() {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        found
    }

    /// Seals another key under the one of this name.
    pub(super) fn wrap(
        &self,
        by: KekName,
        what: &[&[u8]],
        key: &Key,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>> {
        let mut head = vec![VERSION];
        head.extend(by);
        Ok(seal(&self.find(by)?, &head, what, key.as_slice(), entropy))
    }

    pub(super) fn unwrap(&self, what: &[&[u8]], sealed: &[u8]) -> Result<Key> {
        let (head, rest) = split(sealed, 1 + NAME_LEN)?;
        let plain = open(&self.find(sealed_by(sealed)?)?, head, what, rest)?;
        let mut key = Key::default();
        if plain.len() != key.len() {
            return Err(SecretsError::Tampered);
        }
        key.copy_from_slice(&plain);
        Ok(key)
    }
}

/// The name of the key that sealed another key.
pub(super) fn sealed_by(sealed: &[u8]) -> Result<KekName> {
    let (head, _) = split(sealed, 1 + NAME_LEN)?;
    match head.split_first() {
        Some((&VERSION, name)) => name.try_into().map_err(|_| SecretsError::Tampered),
        _ => Err(SecretsError::Tampered),
    }
}

fn read(path: &Path) -> Result<Vec<Named>> {
    let failed = |source| SecretsError::KeyFile { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretsError::LoosePermissions { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    let keys = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let mut key = Key::default();
        match BASE64.decode_slice(line, key.as_mut_slice()) {
            Ok(32) => Ok(Named::of(key)),
            _ => Err(SecretsError::KeyForm { path: path.to_owned() }),
        }
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    if keys.is_empty() {
        return Err(SecretsError::KeyForm { path: path.to_owned() });
    }
    Ok(keys)
}

fn replace(keys: &[Named], path: &Path, entropy: &dyn Entropy) -> Result<()> {
    save(keys, path, entropy, |draft, path| fs::rename(draft, path))
        .map_err(|source| SecretsError::KeyFile { path: path.to_owned(), source })
}

/// Writes a whole file beside `path`, which `place` then puts there.
fn save(
    keys: &[Named],
    path: &Path,
    entropy: &dyn Entropy,
    place: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", random_hex(entropy, 8)));
    let draft = PathBuf::from(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let mut text = Zeroizing::new(String::new());
    for one in keys {
        text.push_str(&Zeroizing::new(BASE64.encode(one.key.as_slice())));
        text.push('\n');
    }
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| place(&draft, path));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    placed?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
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
        assert_eq!(made.newest().unwrap(), again.newest().unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_key_added_to_the_file_is_found_by_who_read_it_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kek");
        let entropy = SeededEntropy::new(1);
        let early = Kek::load_or_create(&path, &entropy).unwrap();
        assert_eq!(Kek::add_to(&path, &entropy).unwrap(), 2);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let late = Kek::load(&path).unwrap();
        let newest = late.newest().unwrap();
        assert_ne!(newest, early.newest().unwrap());
        let sealed = late.wrap(newest, &[b"x"], &random_key(&entropy), &entropy).unwrap();
        early.unwrap(&[b"x"], &sealed).unwrap();
        assert_eq!(Kek::keep_only(&path, newest, &entropy).unwrap(), 1);
        assert_eq!(Kek::load(&path).unwrap().len(), 1);
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
