//! Starts and ends: instants and days, read from what a client sends and written in the zone it asks for.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde_json::{Value, json};

use super::{refusal::Refusal, zones::Zone};

/// When something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// Whole days; the end is not part of it.
    Days {
        start: Date,
        end: Date,
    },
    Times {
        start: Timestamp,
        end: Timestamp,
    },
}

impl Span {
    pub(crate) fn is_days(&self) -> bool {
        matches!(self, Self::Days { .. })
    }

    /// The instants; days begin at midnight UTC, as Graph's windows see them.
    pub(crate) fn instants(&self) -> (Timestamp, Timestamp) {
        match self {
            Self::Days { start, end } => (midnight(*start), midnight(*end)),
            Self::Times { start, end } => (*start, *end),
        }
    }

    pub(crate) fn overlaps(&self, (from, to): (Timestamp, Timestamp)) -> bool {
        let (start, end) = self.instants();
        start < to && (end > from || (start == end && start >= from))
    }

    /// `start` and `end` as answers have them.
    pub(crate) fn json(&self, view: &Zone) -> (Value, Value) {
        let told = |text: String| json!({ "dateTime": text, "timeZone": view.name });
        match self {
            Self::Days { start, end } => {
                let text = |date: &Date| digits(date.at(0, 0, 0, 0));
                (told(text(start)), told(text(end)))
            }
            Self::Times { start, end } => {
                let text = |at: &Timestamp| digits(view.zone.to_datetime(*at));
                (told(text(start)), told(text(end)))
            }
        }
    }
}

/// Seven digits of fraction and no offset.
fn digits(local: DateTime) -> String {
    format!("{}.{:07}", local.strftime("%Y-%m-%dT%H:%M:%S"), local.subsec_nanosecond() / 100)
}

fn midnight(date: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// An instant with `Z`, as Graph writes those that are not local.
pub(crate) fn instant_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `createdDateTime` and its like.
pub(crate) fn stamp(at: Timestamp) -> String {
    format!(
        "{}.{:07}Z",
        at.strftime("%Y-%m-%dT%H:%M:%S"),
        at.subsec_nanosecond().unsigned_abs() / 100
    )
}

/// An instant of a query; without an offset it is UTC.
pub(crate) fn window(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local =
        text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|d| d.at(0, 0, 0, 0)));
    TimeZone::UTC.to_timestamp(local.ok()?).ok()
}

/// A local time of an event and its zone.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) at: DateTime,
    pub(crate) zone: Zone,
    /// Told with an offset: the zone did not matter.
    instant: Option<Timestamp>,
}

impl Local {
    /// Reads `{dateTime, timeZone}`.
    pub(crate) fn read(value: &Value, which: &str, any_zone: bool) -> Result<Self, Refusal> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let told = text("dateTime")
            .ok_or_else(|| Refusal::property(&format!("The {which} has no dateTime.")))?;
        let zone = Zone::read(text("timeZone").unwrap_or("UTC"), any_zone)?;
        if let Ok(instant) = told.parse::<Timestamp>() {
            let at = zone.zone.to_datetime(instant);
            return Ok(Self { at, zone, instant: Some(instant) });
        }
        let at: DateTime = told.parse().map_err(|_| {
            Refusal::property(&format!("The {which} has a dateTime that cannot be read."))
        })?;
        Ok(Self { at, zone, instant: None })
    }

    pub(crate) fn instant(&self) -> Timestamp {
        self.instant
            .unwrap_or_else(|| self.zone.zone.to_timestamp(self.at).unwrap_or(Timestamp::MAX))
    }

    fn is_midnight(&self) -> bool {
        self.at.time() == jiff::civil::Time::MIN
    }
}

/// The span of an event from its start and end.
pub(crate) fn span(start: &Local, end: &Local, is_all_day: bool) -> Result<Span, Refusal> {
    if is_all_day {
        let are_days = start.is_midnight() && end.is_midnight();
        if !are_days || start.zone.name != end.zone.name || end.at <= start.at {
            let message = "The Event.Start property for an all-day event needs to be set to midnight, and the event \
                           has to last for whole days in one time zone.";
            return Err(Refusal::property(message));
        }
        return Ok(Span::Days { start: start.at.date(), end: end.at.date() });
    }
    let (from, to) = (start.instant(), end.instant());
    if to < from {
        return Err(Refusal::property("The end of the event is before its start."));
    }
    Ok(Span::Times { start: from, end: to })
}

pub(crate) fn days_later(date: Date, days: i64) -> Date {
    date.checked_add(days.days()).unwrap_or(Date::MAX)
}

pub(crate) fn seconds_later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

pub(crate) fn millis_later(now: Timestamp, ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    now.checked_add(SignedDuration::from_millis(ms)).unwrap_or(Timestamp::MAX)
}
