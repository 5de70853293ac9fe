//! An event or a series as a mailbox keeps it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde_json::{Map, Value};

use super::{series::Series, when::Span, zones::Zone};

pub(crate) type Event = Map<String, Value>;

pub(crate) fn text<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.get(name).and_then(Value::as_str)
}

/// A single event or a master with its exceptions.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: String,
    /// What the person wrote, every field with its default.
    pub(crate) fields: Event,
    pub(crate) span: Span,
    /// The zone it was made in.
    pub(crate) zone: Zone,
    pub(crate) end_zone: Zone,
    /// What is told of the zone instead of its name: `tzone://Microsoft/Custom`, a localised name.
    pub(crate) told_zone: Option<String>,
    pub(crate) series: Option<Series>,
    pub(crate) exceptions: BTreeMap<Date, Exception>,
    pub(crate) cancelled: BTreeSet<Date>,
    /// Extended properties by id, with a value or several.
    pub(crate) properties: BTreeMap<String, Value>,
    pub(crate) transaction: Option<String>,
    pub(crate) uid: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) version: Version,
    /// The change at which it came, and the one that last moved it.
    pub(crate) born: u64,
    pub(crate) moved: u64,
    /// How often it went to another calendar.
    pub(crate) moves: u32,
    pub(crate) is_gone: bool,
}

/// Where something stands in the order of changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) change_key: String,
    pub(crate) change: u64,
    pub(crate) at: Timestamp,
}

/// An occurrence that is not as its series says.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) fields: Event,
    pub(crate) span: Span,
    pub(crate) properties: BTreeMap<String, Value>,
    pub(crate) change_key: String,
}

impl Item {
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version.change_key)
    }

    /// The changeKey of the event or of one of its occurrences.
    pub(crate) fn change_key(&self, day: Option<Date>) -> &str {
        let exception = day.and_then(|day| self.exceptions.get(&day));
        exception.map_or(&self.version.change_key, |exception| &exception.change_key)
    }

    /// The fields of the event or of one of its occurrences.
    pub(crate) fn fields(&self, day: Option<Date>) -> Event {
        let mut fields = self.fields.clone();
        if let Some(exception) = day.and_then(|day| self.exceptions.get(&day)) {
            fields.extend(exception.fields.clone());
        }
        fields
    }

    pub(crate) fn span(&self, day: Option<Date>) -> Span {
        let Some((day, series)) = day.zip(self.series.as_ref()) else { return self.span.clone() };
        self.exceptions.get(&day).map_or_else(|| series.span(day), |other| other.span.clone())
    }

    pub(crate) fn properties(&self, day: Option<Date>) -> &BTreeMap<String, Value> {
        let exception = day.and_then(|day| self.exceptions.get(&day));
        exception.map_or(&self.properties, |exception| &exception.properties)
    }

    /// Whether an occurrence is there.
    pub(crate) fn has(&self, day: Date) -> bool {
        !self.cancelled.contains(&day)
            && self.series.as_ref().is_some_and(|series| series.around(day).is_some())
    }

    /// The occurrences and exceptions within a window, by their days.
    pub(crate) fn occurrences(&self, window: (Timestamp, Timestamp)) -> Vec<Date> {
        let Some(series) = &self.series else { return Vec::new() };
        let regular = series.days(window).into_iter();
        let regular = regular
            .filter(|day| !self.exceptions.contains_key(day) && !self.cancelled.contains(day));
        let moved = self.exceptions.iter().filter(|(_, other)| other.span.overlaps(window));
        let mut days: Vec<Date> = regular.chain(moved.map(|(day, _)| *day)).collect();
        days.sort_unstable();
        days
    }

    /// Whether anything of it lies within a window.
    pub(crate) fn is_within(&self, window: (Timestamp, Timestamp)) -> bool {
        match &self.series {
            Some(_) => !self.occurrences(window).is_empty(),
            None => self.span.overlaps(window),
        }
    }

    pub(crate) fn is_organized(&self) -> bool {
        self.fields.get("isOrganizer") != Some(&Value::Bool(false))
    }
}
