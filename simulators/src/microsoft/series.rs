//! Recurrence as Graph writes it, and the days that a series has.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, DateTime, Time, Weekday},
};
use serde_json::{Value, json};

use super::{refusal::Refusal, when::Span, zones::Zone};
use crate::rule::Rule;

/// The recurrence of a master. Every occurrence is named by the day it falls on in the series' own zone.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    rule: Rule,
    /// As answers have it, every unused field with its empty value.
    pub(crate) recurrence: Value,
    start: DateTime,
    length: SignedDuration,
    /// Whole days; 0 for timed events.
    days: i64,
    pub(crate) zone: Zone,
}

const DAYS: [(&str, &str, Weekday); 7] = [
    ("sunday", "SU", Weekday::Sunday),
    ("monday", "MO", Weekday::Monday),
    ("tuesday", "TU", Weekday::Tuesday),
    ("wednesday", "WE", Weekday::Wednesday),
    ("thursday", "TH", Weekday::Thursday),
    ("friday", "FR", Weekday::Friday),
    ("saturday", "SA", Weekday::Saturday),
];

fn short(day: &str) -> Option<&'static str> {
    let found = DAYS.iter().find(|(name, _, _)| name.eq_ignore_ascii_case(day));
    found.map(|(_, short, _)| *short)
}

fn position(index: &str) -> Option<i32> {
    Some(match index {
        "first" => 1,
        "second" => 2,
        "third" => 3,
        "fourth" => 4,
        "last" => -1,
        _ => return None,
    })
}

/// A pattern with the parts that its kind needs.
struct Pattern<'a> {
    kind: &'a str,
    interval: i64,
    days: Vec<&'a str>,
    index: &'a str,
    first_day: &'a str,
    day: i64,
    month: i64,
}

impl<'a> Pattern<'a> {
    fn read(value: &'a Value) -> Result<Self, Refusal> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let number = |name: &str| value.get(name).and_then(Value::as_i64).unwrap_or(0);
        let wrong =
            |what: &str| Refusal::property(&format!("The recurrence pattern has no {what}."));
        let days = value.get("daysOfWeek").and_then(Value::as_array).into_iter().flatten();
        let pattern = Self {
            kind: text("type").ok_or_else(|| wrong("type"))?,
            interval: number("interval"),
            days: days.filter_map(Value::as_str).collect(),
            index: text("index").unwrap_or("first"),
            first_day: text("firstDayOfWeek").unwrap_or("sunday"),
            day: number("dayOfMonth"),
            month: number("month"),
        };
        if !(1..=999).contains(&pattern.interval) {
            return Err(wrong("valid interval"));
        }
        if matches!(pattern.kind, "weekly" | "relativeMonthly" | "relativeYearly")
            && pattern.days.is_empty()
        {
            return Err(wrong("daysOfWeek"));
        }
        if pattern.kind.starts_with("absolute") && !(1..=31).contains(&pattern.day) {
            return Err(wrong("dayOfMonth"));
        }
        if pattern.kind.ends_with("Yearly") && !(1..=12).contains(&pattern.month) {
            return Err(wrong("month"));
        }
        Ok(pattern)
    }

    fn rule(&self) -> Option<String> {
        let days: Vec<&str> = self.days.iter().map(|day| short(day)).collect::<Option<_>>()?;
        let (days, every) = (days.join(","), self.interval);
        let nth = position(self.index)?;
        // A day that a month does not have is its last one.
        let day = if self.day > 28 {
            let list: Vec<String> = (28..=self.day).map(|day| day.to_string()).collect();
            format!("BYMONTHDAY={};BYSETPOS=-1", list.join(","))
        } else {
            format!("BYMONTHDAY={}", self.day)
        };
        let month = self.month;
        Some(match self.kind {
            "daily" => format!("FREQ=DAILY;INTERVAL={every}"),
            "weekly" => {
                format!("FREQ=WEEKLY;INTERVAL={every};BYDAY={days};WKST={}", short(self.first_day)?)
            }
            "absoluteMonthly" => format!("FREQ=MONTHLY;INTERVAL={every};{day}"),
            "relativeMonthly" => {
                format!("FREQ=MONTHLY;INTERVAL={every};BYDAY={days};BYSETPOS={nth}")
            }
            "absoluteYearly" => format!("FREQ=YEARLY;INTERVAL={every};BYMONTH={month};{day}"),
            "relativeYearly" => {
                format!("FREQ=YEARLY;INTERVAL={every};BYMONTH={month};BYDAY={days};BYSETPOS={nth}")
            }
            _ => return None,
        })
    }

    fn json(&self) -> Value {
        let is_relative = self.kind.starts_with("relative");
        let has_days = is_relative || self.kind == "weekly";
        let day = if self.kind.starts_with("absolute") { self.day } else { 0 };
        let month = if self.kind.ends_with("Yearly") { self.month } else { 0 };
        let mut told = json!({ "type": self.kind, "interval": self.interval, "month": month,
            "dayOfMonth": day, "firstDayOfWeek": self.first_day,
            "index": if is_relative { self.index } else { "first" } });
        if let (true, Some(fields)) = (has_days, told.as_object_mut()) {
            fields.insert("daysOfWeek".into(), json!(self.days));
        }
        told
    }
}

/// The range as a part of a rule, its first day, and as answers have it.
fn range(value: &Value, day: Date, zone: &Zone) -> Result<(String, Date, Value), Refusal> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let date = |name: &str| text(name).and_then(|text| text.parse::<Date>().ok());
    let wrong = |what: &str| Refusal::property(&format!("The recurrence range has no {what}."));
    let start = if value.get("startDate").is_some_and(|told| !told.is_null()) {
        date("startDate").ok_or_else(|| wrong("valid startDate"))?
    } else {
        day
    };
    let (bound, end, number) = match text("type") {
        Some("noEnd") => (String::new(), None, 0),
        Some("endDate") => {
            let end = date("endDate").ok_or_else(|| wrong("endDate"))?;
            if end < start {
                return Err(wrong("endDate that is not before its start"));
            }
            (format!(";UNTIL={}", end.strftime("%Y%m%d")), Some(end), 0)
        }
        Some("numbered") => {
            let number = value.get("numberOfOccurrences").and_then(Value::as_i64).unwrap_or(0);
            if !(1..=999).contains(&number) {
                return Err(wrong("numberOfOccurrences"));
            }
            (format!(";COUNT={number}"), None, number)
        }
        _ => return Err(wrong("type")),
    };
    let told = text("recurrenceTimeZone").filter(|name| !name.is_empty()).unwrap_or(&zone.name);
    let json = json!({ "type": text("type"), "startDate": start.to_string(),
        "endDate": end.map_or("0001-01-01".into(), |end: Date| end.to_string()),
        "recurrenceTimeZone": told, "numberOfOccurrences": number });
    Ok((bound, start, json))
}

impl Series {
    /// Reads a recurrence for an event that is at `span`, on the clocks of `zone`.
    pub(crate) fn read(value: &Value, span: &Span, zone: &Zone) -> Result<Self, Refusal> {
        let none = Value::Null;
        let pattern = Pattern::read(value.get("pattern").unwrap_or(&none))?;
        let unknown = || Refusal::property("The recurrence pattern is not known.");
        let rule = pattern.rule().ok_or_else(unknown)?;
        let (first, length, days) = match span {
            Span::Days { start, end } => {
                let days = start.until(*end).map_or(1, |span| i64::from(span.get_days()));
                (start.at(0, 0, 0, 0), SignedDuration::ZERO, days)
            }
            Span::Times { start, end } => {
                (zone.zone.to_datetime(*start), end.duration_since(*start), 0)
            }
        };
        let (bound, day, range) = range(value.get("range").unwrap_or(&none), first.date(), zone)?;
        let rule = Rule::parse(&format!("{rule}{bound}")).ok_or_else(unknown)?;
        let recurrence = json!({ "pattern": pattern.json(), "range": range });
        let start = day.to_datetime(first.time());
        let series = Self { rule, recurrence, start, length, days, zone: zone.clone() };
        if series.first().is_none() {
            return Err(Refusal::property("The recurrence has no occurrence."));
        }
        Ok(series)
    }

    /// The day of the first occurrence.
    pub(crate) fn first(&self) -> Option<Date> {
        let days = self.rule.starts(self.start, &self.zone.zone, 1, |_| true);
        days.first().map(|one| one.date())
    }

    pub(crate) fn span(&self, day: Date) -> Span {
        if self.days > 0 {
            return Span::Days { start: day, end: super::when::days_later(day, self.days) };
        }
        let local = day.to_datetime(self.start.time());
        let start = self.zone.zone.to_timestamp(local).unwrap_or(Timestamp::MAX);
        Span::Times { start, end: start.checked_add(self.length).unwrap_or(Timestamp::MAX) }
    }

    /// The days whose occurrences may lie within a window.
    pub(crate) fn days(&self, window: (Timestamp, Timestamp)) -> Vec<Date> {
        let last = self.zone.zone.to_datetime(window.1).date();
        let last = last.checked_add(1.day()).unwrap_or(Date::MAX).to_datetime(Time::MAX);
        let all = self.rule.starts(self.start, &self.zone.zone, usize::MAX, |one| one <= last);
        all.into_iter()
            .map(|one| one.date())
            .filter(|day| self.span(*day).overlaps(window))
            .collect()
    }

    /// Whether the series has an occurrence on a day, and its neighbours.
    pub(crate) fn around(&self, day: Date) -> Option<(Option<Date>, Option<Date>)> {
        let limit = super::when::days_later(day, 366 * 3).to_datetime(Time::MAX);
        let all = self.rule.starts(self.start, &self.zone.zone, usize::MAX, |one| one <= limit);
        let at = all.iter().position(|one| one.date() == day)?;
        let neighbour = |at: Option<usize>| at.and_then(|at| all.get(at)).map(|one| one.date());
        Some((neighbour(at.checked_sub(1)), neighbour(Some(at + 1))))
    }
}
