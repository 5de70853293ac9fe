//! Zones and instants: which zone a name means, and which instant a wall-clock time is in it.
//!
//! Which rules hold for a calendar (owner's zone, floating times) is decided by the caller.

mod custom;
mod names;
mod tzdb;
mod wall;

use std::sync::Arc;

use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

pub use custom::{CustomZone, Observance, ZoneDefinition};
pub use names::resolve_zone;
pub use tzdb::{Source, Tzdb, system_tzdb_version, tzdb};
pub(crate) use wall::{DAY_S, WallClock, at_second, wall_s};
pub use wall::{day_start, instant};

/// A zone as an event carries it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// An IANA name, canonical spelling.
    Iana(String),
    /// A fixed offset from UTC in seconds.
    Fixed(i32),
    /// The rules of an embedded VTIMEZONE whose name nobody else knows.
    Custom(Arc<CustomZone>),
    /// A name that means nothing to us: taken in the owner's zone, and uncertain.
    Unknown(String),
}

impl Zone {
    /// The rules of this zone, or `None` when nobody knows them (also when the tzdb has lost the name).
    pub fn time_zone(&self) -> Option<TimeZone> {
        match self {
            Self::Iana(name) => tzdb().zone(name),
            Self::Fixed(seconds) => Offset::from_seconds(*seconds).ok().map(TimeZone::fixed),
            Self::Custom(zone) => zone.time_zone(),
            Self::Unknown(_) => None,
        }
    }
}
