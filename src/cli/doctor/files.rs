//! The data directory, the key file and the database.

use std::{
    fs::{self, Metadata},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::check::Check;
use crate::{
    config::Config,
    secrets::{Kek, SecretsError},
    store::{Examination, StoreError, examine},
};

const SKEW_NOTED: SignedDuration = SignedDuration::from_secs(2);
const SKEW_BAD: SignedDuration = SignedDuration::from_secs(30);

/// The directory that holds the hub's things.
pub(crate) fn data_dir(dir: &Path) -> Check {
    const NAME: &str = "data directory";
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Check::note(NAME, format!("{shown} is not there yet"), "`calhub serve` makes it")
        }
        Err(error) => {
            Check::action(NAME, format!("{shown}: {error}"), format!("let this user read {shown}"))
        }
        Ok(found) if !found.is_dir() => {
            Check::action(NAME, format!("{shown} is no directory"), "name another with --data-dir")
        }
        Ok(found) => permissions(dir, &found),
    }
}

fn permissions(dir: &Path, found: &Metadata) -> Check {
    const NAME: &str = "data directory";
    let (shown, mode) = (dir.display(), found.permissions().mode() & 0o777);
    if mode & 0o022 != 0 {
        return Check::action(
            NAME,
            format!("{shown} can be written by others (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        );
    }
    if tempfile::tempfile_in(dir).is_err() {
        return Check::action(
            NAME,
            format!("{shown} cannot be written by this user"),
            format!("run as its owner (user id {}), or change the owner", found.uid()),
        );
    }
    if mode & 0o055 != 0 {
        return Check::note(
            NAME,
            format!("{shown} can be read by others (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        );
    }
    Check::ok(NAME, format!("{shown} (mode {mode:o})"))
}

/// The key without which no stored login opens.
pub(crate) fn key_file(path: &Path, is_needed: bool) -> Check {
    const NAME: &str = "key file";
    let shown = path.display();
    if !path.exists() {
        return if is_needed {
            Check::action(
                NAME,
                format!(
                    "{shown} is missing, and what is sealed in the database opens with no other"
                ),
                "put the key file back from the backup, or name it with --kek-file",
            )
        } else {
            Check::note(
                NAME,
                format!("{shown} is not there yet"),
                "`calhub serve` makes it; keep a copy in a safe place",
            )
        };
    }
    match Kek::load(path) {
        Ok(_) => Check::ok(NAME, format!("{shown} (only its owner can read it)")),
        Err(error @ SecretsError::LoosePermissions { .. }) => {
            Check::action(NAME, error.to_string(), format!("chmod 600 {shown}"))
        }
        Err(error) => Check::action(
            NAME,
            told(&error),
            "put the right key file there, or name it with --kek-file",
        ),
    }
}

/// The database: reachable, fit, up to date, with a sane clock; and whether a key file must be there.
pub(crate) async fn database(config: &Config, now: Timestamp) -> (Vec<Check>, bool) {
    match examine(config.store_url().expose_secret()).await {
        Ok(None) => (
            vec![Check::note(
                "database",
                "there is none yet",
                "`calhub serve` or `calhub migrate` makes it",
            )],
            false,
        ),
        Ok(Some(found)) => (vec![schema(&found), clock(&found, now)], found.is_sealed),
        Err(StoreError::Refused(why)) => {
            (vec![Check::action("database", why, "use another database: --database-url")], false)
        }
        Err(error) => (
            vec![Check::action(
                "database",
                told(&error),
                "check that it runs and that the database URL is right",
            )],
            false,
        ),
    }
}

fn schema(found: &Examination) -> Check {
    let version = found.version.split(" on ").next().unwrap_or_default();
    if found.unknown > 0 {
        return Check::action(
            "database",
            format!("{version}; a newer calhub has migrated it"),
            "use that newer calhub",
        );
    }
    if found.missing > 0 {
        let says =
            format!("{version}; {} to apply", crate::cli::show::count(found.missing, "migration"));
        return Check::note(
            "database",
            says,
            "the next `calhub serve` or `calhub migrate` does it",
        );
    }
    Check::ok("database", format!("{version}; all migrations applied"))
}

fn clock(found: &Examination, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    let Some(theirs) = found.now else {
        return sane(now);
    };
    let skew = now.duration_since(theirs).abs();
    let says = format!("{:.1} s off the database's", skew.as_secs_f64());
    if skew > SKEW_BAD {
        Check::action(
            NAME,
            says,
            "set both machines' clocks (NTP): holds and leases go by the database's",
        )
    } else if skew > SKEW_NOTED {
        Check::note(NAME, says, "let NTP keep both clocks")
    } else {
        Check::ok(NAME, says)
    }
}

/// SQLite has this machine's clock; it can only be wrong by a lot.
fn sane(now: Timestamp) -> Check {
    let first_release: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a fixed instant");
    if now < first_release {
        return Check::action(
            "clock",
            format!("{now} lies before calhub was written"),
            "set the machine's clock",
        );
    }
    Check::ok("clock", format!("{}", now.strftime("%Y-%m-%dT%H:%M:%SZ")))
}

/// An error with what caused it.
fn told(error: &dyn std::error::Error) -> String {
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
        assert_eq!(key_file(&path, false).state, State::Note);
        assert_eq!(key_file(&path, true).state, State::Action);
        Kek::load_or_create(&path, &crate::clock::SeededEntropy::new(1)).unwrap();
        assert_eq!(key_file(&path, true).state, State::Ok);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let found = key_file(&path, true);
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

    #[test]
    fn a_database_of_a_newer_program_needs_that_program() {
        let found = Examination {
            engine: crate::store::Engine::Postgres,
            version: "PostgreSQL 15.1 on x86_64".to_owned(),
            missing: 0,
            unknown: 1,
            is_sealed: false,
            now: Some("2026-03-02T09:00:40Z".parse().unwrap()),
        };
        assert_eq!(schema(&found).state, State::Action);
        assert_eq!(clock(&found, "2026-03-02T09:00:00Z".parse().unwrap()).state, State::Action);
        assert_eq!(clock(&found, "2026-03-02T09:00:40Z".parse().unwrap()).state, State::Ok);
    }
}
