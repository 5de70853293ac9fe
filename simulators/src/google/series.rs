//! Series: the instances that a master's recurrence gives, and the ids they have.

use std::collections::BTreeSet;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde_json::{Map, Value};

use super::{
    refusal::Refusal,
    when::{self, When},
};
use crate::rule::Rule;

pub(crate) type Event = Map<String, Value>;

/// The recurrence of a master.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    start: DateTime,
    /// The zone on whose clocks it recurs; for all-day events it does not matter.
    zone: TimeZone,
    zone_name: Option<String>,
    is_date: bool,
    length: SignedDuration,
    days: i64,
    rules: Vec<Rule>,
    left_out_by: Vec<Rule>,
    added: BTreeSet<DateTime>,
    left_out: BTreeSet<DateTime>,
}

/// The original slot of an instance, on the clocks of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) DateTime);

impl Series {
    /// Reads the series of an event; `None` when it does not recur.
    pub(crate) fn of(event: &Event, calendar: &TimeZone) -> Result<Option<Self>, Refusal> {
        let Some(lines) = event.get("recurrence").and_then(Value::as_array) else {
            return Ok(None);
        };
        if lines.is_empty() || event.contains_key("recurringEventId") {
            return Ok(None);
        }
        let start = When::read(event.get("start").unwrap_or(&Value::Null), "start")?;
        let end = When::read(event.get("end").unwrap_or(&Value::Null), "end")?;
        let mut series = Self::at(&start, &end, calendar)?;
        for line in lines {
            let text = line.as_str().unwrap_or_default();
            series.take(text).ok_or_else(|| Refusal::invalid("Invalid recurrence rule."))?;
        }
        Ok(Some(series))
    }

    fn at(start: &When, end: &When, calendar: &TimeZone) -> Result<Self, Refusal> {
        let zone_name = start.named_zone().map(str::to_owned);
        let zone = zone_name.as_deref().and_then(when::zone).unwrap_or_else(|| calendar.clone());
        let (first, days) = match (start, end) {
            (When::Date(from), When::Date(to)) => {
                let days = to.duration_since(*from).as_hours() / 24;
                (from.at(0, 0, 0, 0), days)
            }
            (When::At { at, .. }, _) => (zone.to_datetime(*at), 0),
            (When::Date(_), _) => {
                return Err(Refusal::invalid(
                    "Start and end times must either both be date or both be dateTime.",
                ));
            }
        };
        Ok(Self {
            start: first,
            is_date: start.is_date(),
            length: end.instant(&zone).duration_since(start.instant(&zone)),
            days,
            zone,
            zone_name,
            rules: Vec::new(),
            left_out_by: Vec::new(),
            added: BTreeSet::new(),
            left_out: BTreeSet::new(),
        })
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (head, value) = line.split_once(':')?;
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        match name.to_ascii_uppercase().as_str() {
            "RRULE" => self.rules.push(Rule::parse(value)?),
            "EXRULE" => self.left_out_by.push(Rule::parse(value)?),
            "RDATE" => {
                let slots = self.slots(parameters, value)?;
                self.added.extend(slots);
            }
            "EXDATE" => {
                let slots = self.slots(parameters, value)?;
                self.left_out.extend(slots);
            }
            _ => return None,
        }
        Some(())
    }

    fn slots(&self, parameters: &str, values: &str) -> Option<Vec<DateTime>> {
        let zone = parameters.split(';').find_map(|part| part.strip_prefix("TZID="));
        let zone = zone.map_or(Some(self.zone.clone()), when::zone)?;
        let slot = |text: &str| {
            if text.len() == 8 {
                let date = Date::strptime("%Y%m%d", text).ok()?;
                return Some(date.to_datetime(self.start.time()));
            }
            let local = DateTime::strptime("%Y%m%dT%H%M%S", text.trim_end_matches('Z')).ok()?;
            let from = if text.ends_with('Z') { TimeZone::UTC } else { zone.clone() };
            Some(self.zone.to_datetime(from.to_timestamp(local).ok()?))
        };
        values.split(',').map(slot).collect()
    }

    pub(crate) fn is_endless(&self) -> bool {
        self.rules.iter().any(Rule::is_endless)
    }

    /// The slots before `to`, in order, at most `most`.
    pub(crate) fn slots_before(&self, to: Option<Timestamp>, most: usize) -> Vec<Slot> {
        let goes_on = |local: DateTime| to.is_none_or(|to| self.instant(local) < to);
        let mut all: BTreeSet<DateTime> =
            self.added.iter().copied().filter(|local| goes_on(*local)).collect();
        // Those that are left out take no place among the first.
        let enough = most.saturating_add(self.left_out.len());
        for rule in &self.rules {
            all.extend(rule.starts(self.start, &self.zone, enough, goes_on));
        }
        if self.rules.is_empty() && goes_on(self.start) {
            all.insert(self.start);
        }
        for rule in &self.left_out_by {
            for local in rule.starts(self.start, &self.zone, most, goes_on) {
                all.remove(&local);
            }
        }
        let kept = all.into_iter().filter(|local| !self.left_out.contains(local));
        kept.map(Slot).take(most).collect()
    }

    pub(crate) fn has(&self, slot: Slot) -> bool {
        let after = self.instant(slot.0).checked_add(SignedDuration::from_secs(1));
        self.slots_before(after.ok(), usize::MAX).last() == Some(&slot)
    }

    fn instant(&self, local: DateTime) -> Timestamp {
        self.zone.to_timestamp(local).unwrap_or(Timestamp::MAX)
    }

    /// When a slot begins; dates begin at midnight of the calendar's zone.
    pub(crate) fn begins(&self, slot: Slot, calendar: &TimeZone) -> Timestamp {
        self.start_of(slot).instant(calendar)
    }

    pub(crate) fn start_of(&self, slot: Slot) -> When {
        if self.is_date {
            return When::Date(slot.0.date());
        }
        When::At { at: self.instant(slot.0), zone: self.zone_name.clone() }
    }

    pub(crate) fn end_of(&self, slot: Slot) -> When {
        if self.is_date {
            return When::Date(when::days_later(slot.0.date(), self.days));
        }
        let at = self.instant(slot.0);
        let at = at.checked_add(self.length).unwrap_or(Timestamp::MAX);
        When::At { at, zone: self.zone_name.clone() }
    }

    /// `20270308T080000Z`, or `20270308` for all-day instances.
    pub(crate) fn suffix(&self, slot: Slot) -> String {
        if self.is_date {
            return slot.0.strftime("%Y%m%d").to_string();
        }
        self.instant(slot.0).strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// The slot that a suffix names, if the series has it.
    pub(crate) fn slot_named(&self, suffix: &str) -> Option<Slot> {
        let slot = if self.is_date {
            Slot(Date::strptime("%Y%m%d", suffix).ok()?.at(0, 0, 0, 0))
        } else {
            let text = suffix.strip_suffix('Z')?;
            let utc = DateTime::strptime("%Y%m%dT%H%M%S", text).ok()?;
            Slot(self.zone.to_datetime(TimeZone::UTC.to_timestamp(utc).ok()?))
        };
        self.has(slot).then_some(slot)
    }
}

/// Splits an instance id into its master's and the suffix; `None` where the suffix is not of that form.
pub(crate) fn split_id(id: &str) -> Option<(&str, &str)> {
    let (master, suffix) = id.rsplit_once('_')?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = suffix.len() == 8 && is_digits(suffix);
    let is_time = suffix.len() == 16
        && suffix.ends_with('Z')
        && suffix.split_once('T').is_some_and(|(day, time)| {
            day.len() == 8 && is_digits(day) && is_digits(time.trim_end_matches('Z'))
        });
    (is_date || is_time).then_some((master, suffix))
}
