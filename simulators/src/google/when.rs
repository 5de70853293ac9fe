//! Starts and ends: dates and instants, read from what a client sends and written in the zone it asks for.

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde_json::{Value, json};

use super::refusal::Refusal;

/// A start or an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Date(Date),
    At { at: Timestamp, zone: Option<String> },
}

pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
}

/// An instant with its offset, as `timeMin` and its like must have it.
pub(crate) fn instant(name: &str, text: &str) -> Result<Timestamp, Refusal> {
    text.parse().map_err(|_| Refusal::new(400, "badRequest", "Bad Request").at("parameter", name))
}

impl When {
    /// Reads `{date}` or `{dateTime, timeZone}`.
    pub(crate) fn read(value: &Value, which: &str) -> Result<Self, Refusal> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let missing = || Refusal::required(&format!("Missing {which} time."));
        match (text("date"), text("dateTime")) {
            (Some(_), Some(_)) => Err(Refusal::invalid(&format!("Invalid {which} time."))),
            (Some(date), None) => date
                .parse()
                .map(Self::Date)
                .map_err(|_| Refusal::invalid(&format!("Invalid {which} date."))),
            (None, Some(at)) => Self::at(at, text("timeZone"), which),
            (None, None) => Err(missing()),
        }
    }

    fn at(text: &str, zone_name: Option<&str>, which: &str) -> Result<Self, Refusal> {
        let unknown =
            || Refusal::invalid(&format!("Invalid time zone definition for {which} time."));
        let named = zone_name.map(|name| zone(name).ok_or_else(unknown)).transpose()?;
        let kept = zone_name.map(str::to_owned);
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At { at: whole_seconds(at), zone: kept });
        }
        let local: DateTime =
            text.parse().map_err(|_| Refusal::invalid(&format!("Invalid {which} time.")))?;
        let zone = named.ok_or_else(|| {
            Refusal::required(&format!("Missing time zone definition for {which} time."))
        })?;
        let at = zone.to_timestamp(local).map_err(|_| Refusal::invalid("Invalid time."))?;
        Ok(Self::At { at: whole_seconds(at), zone: kept })
    }

    /// Reads what is stored, which was read before.
    pub(crate) fn stored(value: Option<&Value>) -> Option<Self> {
        Self::read(value?, "stored").ok()
    }

    pub(crate) fn is_date(&self) -> bool {
        matches!(self, Self::Date(_))
    }

    pub(crate) fn named_zone(&self) -> Option<&str> {
        match self {
            Self::Date(_) => None,
            Self::At { zone, .. } => zone.as_deref(),
        }
    }

    /// The instant; a date begins at its midnight in the calendar's zone.
    pub(crate) fn instant(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Date(date) => midnight(*date, zone),
            Self::At { at, .. } => *at,
        }
    }

    pub(crate) fn json(&self, view: &TimeZone) -> Value {
        match self {
            Self::Date(date) => json!({ "date": date.to_string() }),
            Self::At { at, zone: None } => json!({ "dateTime": offset_text(*at, view) }),
            Self::At { at, zone: Some(zone) } => {
                json!({ "dateTime": offset_text(*at, view), "timeZone": zone })
            }
        }
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

pub(crate) fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    zone.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// `2027-03-08T10:00:00+01:00`, and `Z` in UTC.
pub(crate) fn offset_text(at: Timestamp, zone: &TimeZone) -> String {
    use std::fmt::Write as _;
    let offset = zone.to_offset(at);
    let local = offset.to_datetime(at);
    let mut text = String::with_capacity(25);
    let _ = write!(
        text,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    );
    let seconds = offset.seconds();
    if *zone == TimeZone::UTC {
        text.push('Z');
    } else {
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.unsigned_abs() / 60;
        let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
    text
}

/// RFC 3339 with milliseconds and `Z`, as `created` and `updated` have it.
pub(crate) fn milliseconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

pub(crate) fn days_later(date: Date, days: i64) -> Date {
    date.checked_add(days.days()).unwrap_or(Date::MAX)
}
