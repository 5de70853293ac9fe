//! Events as a person means them: written as iCalendar for the provider, and laid out in time for the
//! auditor, by plain counting from the first occurrence on.

use std::collections::BTreeMap;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::{chance::Chance, spans::Spans};

pub const ZONES: [&str; 4] =
    ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"];

#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    Utc(DateTime),
    Zoned(DateTime, &'static str),
    /// All day in the owner's zone.
    Day(Date),
}

/// Every `every` days or weeks, `count` times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    pub weekly: bool,
    pub every: i64,
    pub count: i64,
}

/// What became of one occurrence of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    LeftOut,
    Cancelled,
    /// Later by so many minutes.
    Moved(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub uid: String,
    pub start: Start,
    pub minutes: i64,
    pub rule: Option<Rule>,
    pub changes: BTreeMap<i64, Change>,
    pub transparent: bool,
    pub cancelled: bool,
    pub tentative: bool,
    /// Counts edits, so that each makes other bytes.
    pub edits: u32,
}

impl Event {
    /// Some event within a month of `today`.
    pub fn any(uid: String, today: Date, chance: &mut Chance) -> Self {
        let day = today.checked_add(chance.within(-3, 25).days()).unwrap();
        let time =
            day.at(i8::try_from(chance.within(6, 20)).unwrap(), *chance.pick(&[0, 15, 30]), 0, 0);
        let start = match chance.below(8) {
            0 => Start::Day(day),
            1..=3 => Start::Zoned(time, chance.pick::<&str>(&ZONES)),
            _ => Start::Utc(time),
        };
        let rule = chance.one_in(4).then(|| Rule {
            weekly: chance.one_in(2),
            every: chance.within(1, 3),
            count: chance.within(2, 12),
        });
        let minutes = match start {
            Start::Day(_) => 24 * 60 * chance.within(1, 2),
            _ => *chance.pick(&[15, 30, 45, 60, 90, 240]),
        };
        let mut event = Self {
            uid,
            start,
            minutes,
            rule,
            changes: BTreeMap::new(),
            transparent: chance.one_in(12),
            cancelled: chance.one_in(14),
            tentative: chance.one_in(10),
            edits: 0,
        };
        if chance.one_in(2) {
            event.change_occurrence(chance);
        }
        event
    }

    /// Moves, cancels or leaves out an occurrence of a series.
    pub fn change_occurrence(&mut self, chance: &mut Chance) {
        let Some(rule) = self.rule else { return };
        let which = chance.within(0, rule.count - 1);
        let change = match chance.below(4) {
            0 => Change::LeftOut,
            1 => Change::Cancelled,
            _ if matches!(self.start, Start::Day(_)) => Change::Cancelled,
            _ => Change::Moved(*chance.pick(&[-90, -30, 30, 120, 300])),
        };
        self.changes.insert(which, change);
        self.edits += 1;
    }

    /// Moves the whole event by days and minutes.
    pub fn shift(&mut self, days: i64, minutes: i64) {
        let moved = |at: DateTime| at.checked_add(days.days().minutes(minutes)).unwrap();
        self.start = match self.start {
            Start::Utc(at) => Start::Utc(moved(at)),
            Start::Zoned(at, zone) => Start::Zoned(moved(at), zone),
            Start::Day(day) => Start::Day(day.checked_add(days.max(1).days()).unwrap()),
        };
        self.edits += 1;
    }

    /// Whether anything is left of a series once occurrences are left out.
    pub fn has_occurrences(&self) -> bool {
        let left_out = self.changes.values().filter(|change| **change == Change::LeftOut).count();
        self.rule.is_none_or(|rule| i64::try_from(left_out).unwrap() < rule.count)
    }

    fn step(&self, n: i64) -> jiff::Span {
        let rule = self.rule.unwrap_or(Rule { weekly: false, every: 1, count: 1 });
        (n * rule.every * if rule.weekly { 7 } else { 1 }).days()
    }

    /// The start of the nth occurrence, as the series says.
    pub fn nth(&self, n: i64) -> Start {
        match &self.start {
            Start::Utc(at) => Start::Utc(at.checked_add(self.step(n)).unwrap()),
            Start::Zoned(at, zone) => Start::Zoned(at.checked_add(self.step(n)).unwrap(), zone),
            Start::Day(day) => Start::Day(day.checked_add(self.step(n)).unwrap()),
        }
    }

    /// The busy time of the event; `owner` is the zone of all-day events.
    pub fn spans(&self, owner: &str) -> Spans {
        if self.transparent || self.cancelled {
            return Spans::new();
        }
        let mut spans = Spans::new();
        for n in 0..self.rule.map_or(1, |rule| rule.count) {
            let later = match self.changes.get(&n) {
                None => 0,
                Some(Change::Moved(minutes)) => *minutes,
                Some(Change::LeftOut | Change::Cancelled) => continue,
            };
            spans.push(self.span(&self.nth(n), later, owner));
        }
        spans
    }

    fn span(&self, start: &Start, later: i64, owner: &str) -> (i64, i64) {
        let instant = |at: DateTime, zone: &str| -> Timestamp {
            at.to_zoned(TimeZone::get(zone).unwrap()).unwrap().timestamp()
        };
        let moved = |at: &DateTime| at.checked_add(later.minutes()).unwrap();
        let (from, to) = match start {
            Start::Day(day) => {
                let end = day.checked_add((self.minutes / 1440).days()).unwrap();
                (instant(day.at(0, 0, 0, 0), owner), instant(end.at(0, 0, 0, 0), owner))
            }
            Start::Utc(at) => {
                let from = instant(moved(at), "UTC");
                (from, from + SignedDuration::from_mins(self.minutes))
            }
            Start::Zoned(at, zone) => {
                let from = instant(moved(at), zone);
                (from, from + SignedDuration::from_mins(self.minutes))
            }
        };
        (from.as_microsecond(), to.as_microsecond())
    }

    /// The VEVENTs.
    pub fn components(&self) -> String {
        let mut lines = self.component(&self.start, 0, "");
        for (n, change) in &self.changes {
            let at = self.nth(*n);
            let id = property("RECURRENCE-ID", &at);
            match change {
                Change::LeftOut => {}
                Change::Cancelled => {
                    lines += &self.component(&at, 0, &format!("{id}\nSTATUS:CANCELLED\n"));
                }
                Change::Moved(minutes) => {
                    lines += &self.component(&at, *minutes, &format!("{id}\n"));
                }
            }
        }
        lines
    }

    fn component(&self, start: &Start, later: i64, head: &str) -> String {
        let start = match start {
            Start::Utc(at) => Start::Utc(at.checked_add(later.minutes()).unwrap()),
            Start::Zoned(at, zone) => Start::Zoned(at.checked_add(later.minutes()).unwrap(), zone),
            day @ Start::Day(_) => day.clone(),
        };
        let mut lines = format!(
            "BEGIN:VEVENT\nUID:{}\nDTSTAMP:20270101T000000Z\nSEQUENCE:{}\n{}\n{head}",
            self.uid,
            self.edits,
            property("DTSTART", &start)
        );
        match &start {
            Start::Day(day) => {
                let end = day.checked_add((self.minutes / 1440).days()).unwrap();
                lines += &format!("{}\n", property("DTEND", &Start::Day(end)));
            }
            _ => lines += &format!("DURATION:PT{}M\n", self.minutes),
        }
        if head.is_empty() {
            if let Some(rule) = self.rule {
                let freq = if rule.weekly { "WEEKLY" } else { "DAILY" };
                lines +=
                    &format!("RRULE:FREQ={freq};INTERVAL={};COUNT={}\n", rule.every, rule.count);
            }
            for (n, _) in self.changes.iter().filter(|(_, c)| **c == Change::LeftOut) {
                lines += &format!("{}\n", property("EXDATE", &self.nth(*n)));
            }
        }
        if !head.contains("STATUS") {
            let status = if self.tentative { "TENTATIVE" } else { "CONFIRMED" };
            lines += &format!("STATUS:{}\n", if self.cancelled { "CANCELLED" } else { status });
        }
        let transp = if self.transparent { "TRANSPARENT" } else { "OPAQUE" };
        lines + &format!("TRANSP:{transp}\nEND:VEVENT\n")
    }
}

/// A line of iCalendar.
pub fn property(name: &str, at: &Start) -> String {
    match at {
        Start::Utc(at) => format!("{name}:{}Z", at.strftime("%Y%m%dT%H%M%S")),
        Start::Zoned(at, zone) => format!("{name};TZID={zone}:{}", at.strftime("%Y%m%dT%H%M%S")),
        Start::Day(day) => format!("{name};VALUE=DATE:{}", day.strftime("%Y%m%d")),
    }
}

/// A calendar object, or a whole feed.
pub fn file<'a>(events: impl Iterator<Item = &'a Event>, head: &str) -> String {
    let inner: String = events.map(Event::components).collect();
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//simulation//EN\n{head}{inner}END:VCALENDAR\n")
        .replace('\n', "\r\n")
}
