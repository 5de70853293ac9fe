//! Zone names as Graph takes them: Windows names, and a part of IANA's.

use std::{collections::HashMap, sync::LazyLock};

use jiff::tz::TimeZone;

use super::refusal::Refusal;

static WINDOWS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let table = include_str!("../../../fixtures/zones/windows.tsv");
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split_once('\t')).collect()
});

static IANA: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let list = include_str!("../../../fixtures/microsoft/iana.txt");
    list.lines().filter(|line| !line.starts_with('#')).collect()
});

/// A zone and the name that it was asked by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) zone: TimeZone,
}

impl Zone {
    pub(crate) fn utc() -> Self {
        Self { name: "UTC".into(), zone: TimeZone::UTC }
    }

    /// The zone of a name that Graph takes.
    pub(crate) fn named(name: &str, takes_any: bool) -> Option<Self> {
        let zone = match name {
            "UTC" | "Etc/UTC" | "Etc/GMT" | "tzone://Microsoft/Utc" => TimeZone::UTC,
            name => {
                let iana = WINDOWS.get(name).copied();
                let known = iana.or_else(|| (takes_any || IANA.contains(&name)).then_some(name))?;
                TimeZone::get(known).ok()?
            }
        };
        Some(Self { name: name.to_owned(), zone })
    }

    pub(crate) fn read(name: &str, takes_any: bool) -> Result<Self, Refusal> {
        Self::named(name, takes_any).ok_or_else(Refusal::zone)
    }
}

/// The names that `supportedTimeZones` tells.
pub(crate) fn windows() -> Vec<&'static str> {
    let mut names: Vec<&str> = WINDOWS.keys().copied().collect();
    names.sort_unstable();
    names
}

pub(crate) fn iana() -> Vec<&'static str> {
    IANA.clone()
}
