//! The data directory and the key file.

use std::{
    fs::{self, Metadata},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use super::{
    check::Check,
    classes::{
        DATA_DIR_MISSING, DATA_DIR_OPEN, DATA_DIR_UNUSABLE, KEY_FILE_MISSING, KEY_FILE_OPEN,
        KEY_FILE_UNREADABLE, KEY_FILE_WRONG,
    },
};
use crate::secrets::{Kek, SecretsError, fits};

/// The directory that holds the hub's things.
pub(crate) fn data_dir(dir: &Path) -> Check {
    const NAME: &str = "data directory";
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::note(
            DATA_DIR_MISSING,
            NAME,
            format!("{shown} is not there yet"),
            "`calhub serve` makes it; is it the right one? name another with --data-dir",
        ),
        Err(error) => Check::action(
            DATA_DIR_UNUSABLE,
            NAME,
            format!("{shown}: {error}"),
            format!("let this user read {shown}"),
        ),
        Ok(found) if !found.is_dir() => Check::action(
            DATA_DIR_UNUSABLE,
            NAME,
            format!("{shown} is no directory"),
            "name another with --data-dir",
        ),
        Ok(found) => permissions(dir, &found),
    }
}

fn permissions(dir: &Path, found: &Metadata) -> Check {
    const NAME: &str = "data directory";
    let (shown, mode) = (dir.display(), found.permissions().mode() & 0o777);
    if mode & 0o022 != 0 {
        let says = format!("{shown} can be written by others (mode {mode:o})");
        return Check::action(DATA_DIR_OPEN, NAME, says, format!("chmod 700 {shown}"));
    }
    if let Err(error) = tempfile::tempfile_in(dir) {
        let owner = found.uid();
        return Check::action(
            DATA_DIR_UNUSABLE,
            NAME,
            format!("{shown} cannot be written: {}", error.kind()),
            format!("run as its owner (user id {owner}), or make room where the disk is full"),
        );
    }
    if mode & 0o055 != 0 {
        let says = format!("{shown} can be read by others (mode {mode:o})");
        return Check::note(DATA_DIR_OPEN, NAME, says, format!("chmod 700 {shown}"));
    }
    Check::ok(NAME, format!("{shown} (mode {mode:o})"))
}

/// The key without which no stored login opens. `sealed` is what it must open, if there is anything.
pub(crate) fn key_file(path: &Path, sealed: Option<&str>) -> Check {
    const NAME: &str = "key file";
    let shown = path.display();
    if !path.exists() {
        return match sealed {
            Some(_) => Check::action(
                KEY_FILE_MISSING,
                NAME,
                format!(
                    "{shown} is missing, and what is sealed in the database opens with no other"
                ),
                "put the key file back from the backup, or name it with --kek-file",
            ),
            None => Check::note(
                KEY_FILE_MISSING,
                NAME,
                format!("{shown} is not there yet"),
                "`calhub serve` makes it; keep a copy in a safe place",
            ),
        };
    }
    let kek = match Kek::load(path) {
        Ok(kek) => kek,
        Err(error @ SecretsError::LoosePermissions { .. }) => {
            let fix = format!("chmod 600 {shown}");
            return Check::action(KEY_FILE_OPEN, NAME, error.to_string(), fix);
        }
        Err(error) => {
            return Check::action(
                KEY_FILE_UNREADABLE,
                NAME,
                told(&error),
                "put the right key file there, or name it with --kek-file",
            );
        }
    };
    match sealed.map(|sealed| fits(&kek, sealed)) {
        Some(Err(error)) => Check::action(
            KEY_FILE_WRONG,
            NAME,
            format!("{shown}: {}", told(&error)),
            "put this database's key file back from the backup, or name it with --kek-file",
        ),
        Some(Ok(())) => {
            Check::ok(NAME, format!("{shown} opens this database (only its owner can read it)"))
        }
        None => Check::ok(NAME, format!("{shown} (only its owner can read it)")),
    }
}

/// An error with what caused it.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::check::State, *};

    #[test]
    fn a_key_file_that_others_can_read_needs_action() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kek");
        assert_eq!(key_file(&path, None).state, State::Note);
        assert_eq!(key_file(&path, Some("sealed")).state, State::Action);
        Kek::load_or_create(&path, &crate::clock::SeededEntropy::new(1)).unwrap();
        assert_eq!(key_file(&path, None).state, State::Ok);
        assert_eq!(key_file(&path, Some("sealed")).class, Some("key_file_wrong"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let found = key_file(&path, None);
        assert_eq!(found.state, State::Action);
        assert!(found.fix.unwrap().starts_with("chmod 600"));
    }

    #[test]
    fn a_data_directory_that_others_can_write_needs_action() {
        let dir = tempfile::tempdir().unwrap();
        let set = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        set(0o700);
        assert_eq!(data_dir(dir.path()).state, State::Ok);
        set(0o755);
        assert_eq!(data_dir(dir.path()).state, State::Note);
        set(0o777);
        assert_eq!(data_dir(dir.path()).state, State::Action);
    }
}
