//! The name of a hub: the same at every start in one data directory, and nobody else's while it runs.
//!
//! Leases carry it. A hub that is started again after a crash knows by it which rows were its own, and need
//! not wait for those leases to end.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::ServeError;
use crate::{clock::Entropy, sync::mint_name};

const FILE: &str = "hub";

/// A name, held for this process by a lock on its file as long as it lives.
#[derive(Debug)]
pub(super) struct Name {
    text: String,
    _lock: Option<File>,
}

impl Name {
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Takes the name that stands in the data directory, or writes one there. A second hub process in the same
/// directory gets a name of its own for this one life.
pub(super) fn take_name(dir: &Path, entropy: &dyn Entropy) -> Result<Name, ServeError> {
    let path = dir.join(FILE);
    let failed = |source| ServeError::DataDir { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = opened.open(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        return Ok(Name { text: mint_name(entropy), _lock: None });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    if !is_name(text.trim()) {
        text = mint_name(entropy);
        let written = file.set_len(0).and_then(|()| file.rewind());
        written.and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
    }
    Ok(Name { text: text.trim().to_owned(), _lock: Some(file) })
}

/// Anything else was cut short or is not ours.
fn is_name(text: &str) -> bool {
    text.len() == "hub-0123456789abcdef".len() && text.starts_with("hub-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn a_hub_that_starts_again_has_its_old_name_and_a_second_one_beside_it_another() {
        let dir = tempfile::tempdir().unwrap();
        let entropy = SeededEntropy::new(1);
        let first = take_name(dir.path(), &entropy).unwrap();
        let beside = take_name(dir.path(), &entropy).unwrap();
        assert_ne!(first.as_str(), beside.as_str());
        let name = first.as_str().to_owned();
        drop(first);
        assert_eq!(take_name(dir.path(), &entropy).unwrap().as_str(), name);
    }

    #[test]
    fn a_name_that_was_cut_short_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "hub-01").unwrap();
        let name = take_name(dir.path(), &SeededEntropy::new(1)).unwrap();
        assert!(is_name(name.as_str()), "{}", name.as_str());
    }
}
