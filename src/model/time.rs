//! Zones and instants: which zone a name means, and which instant a wall-clock time is in it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

/// The rules of an embedded VTIMEZONE.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomZone {
    pub name: String,
}
