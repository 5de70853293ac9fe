//! When the entries of a body may take time: bounds for `calendar-query`, instances for `free-busy-query`.
//!
//! Bounds err towards "may overlap": a server that leaves out a matching event is a fault, and faults are asked for.
//! Instances are exact for the plain rules (daily, weekly with days, monthly and yearly on the start's day); for any
//! other rule the whole span of the series is told as busy.

use jiff::{
    SignedDuration, Span, Timestamp, ToSpan, Zoned,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};

use crate::ics::{self, Component, Line};

/// A half-open span of instants.
pub(crate) type Range = (Timestamp, Timestamp);

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// More than any zone is away from UTC.
const ANY_ZONE: SignedDuration = SignedDuration::from_hours(26);
const MOST_INSTANCES: usize = 20_000;

/// A time as written: its instant if its zone is known, else with a slack of a day.
#[derive(Clone, Debug)]
struct Moment {
    zoned: Zoned,
    is_date: bool,
    is_certain: bool,
}

fn moment(line: &Line) -> Option<Moment> {
    let value = line.value.trim();
    let compact: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    if compact.len() == 8 {
        let date = Date::strptime("%Y%m%d", &compact).ok()?;
        let zoned = date.to_zoned(TimeZone::UTC).ok()?;
        return Some(Moment { zoned, is_date: true, is_certain: false });
    }
    let local = DateTime::strptime("%Y%m%dT%H%M%S", compact.trim_end_matches('Z')).ok()?;
    if compact.ends_with('Z') {
        return Some(Moment {
            zoned: local.to_zoned(TimeZone::UTC).ok()?,
            is_date: false,
            is_certain: true,
        });
    }
    let zone = line.param("TZID").and_then(|id| TimeZone::get(id).ok());
    let is_certain = zone.is_some();
    Some(Moment {
        zoned: local.to_zoned(zone.unwrap_or(TimeZone::UTC)).ok()?,
        is_date: false,
        is_certain,
    })
}

fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim().trim_start_matches(['+', '-']).strip_prefix('P')?;
    let mut total = SignedDuration::ZERO;
    let mut number = 0_i64;
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number = number
                    .saturating_mul(10)
                    .saturating_add(i64::from(c.to_digit(10)?))
                    .min(1_000_000_000);
                continue;
            }
            'W' => 7 * 86_400,
            'D' => 86_400,
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => 0,
        };
        total += SignedDuration::from_secs(number * unit);
        number = 0;
    }
    Some(total)
}

fn length(entry: &Component, start: &Moment) -> SignedDuration {
    let until_end =
        entry.line("DTEND").and_then(moment).map(|end| end.zoned.duration_since(&start.zoned));
    let told = until_end.or_else(|| entry.value("DURATION").and_then(duration));
    let silent = if start.is_date { DAY } else { SignedDuration::ZERO };
    told.filter(|span| !span.is_negative()).unwrap_or(silent)
}

/// Whether anything of a body may overlap the range. `false` only when that is certain.
pub(crate) fn may_overlap(body: &str, range: Range) -> bool {
    ics::entries(body).0.iter().any(|entry| entry_may_overlap(entry, range))
}

fn entry_may_overlap(entry: &Component, (from, to): Range) -> bool {
    let Some(start) = entry.line("DTSTART").and_then(moment) else { return true };
    let slack = if start.is_certain { SignedDuration::ZERO } else { ANY_ZONE };
    let first = start.zoned.timestamp();
    let length = length(entry, &start);
    if entry.line("RDATE").is_some() {
        return true;
    }
    let starts_in_time = first.saturating_sub(slack).is_ok_and(|first| first < to);
    let last = match entry.value("RRULE") {
        None => Some(first),
        Some(rule) => rule_part(rule, "UNTIL").and_then(|until| {
            let line = Line { name: "UNTIL".into(), params: Vec::new(), value: until.into() };
            moment(&line)
                .map(|m| m.zoned.timestamp())
                .and_then(|t| t.checked_add(ANY_ZONE + DAY).ok())
        }),
    };
    let ends_too_early = last.is_some_and(|last| {
        let end = last.checked_add(length + slack).unwrap_or(Timestamp::MAX);
        end < from || (end == from && !length.is_zero())
    });
    starts_in_time && !ends_too_early
}

/// Whether only the first instance of a body overlaps: what a server that cannot recur would say.
pub(crate) fn first_overlaps(body: &str, range: Range) -> bool {
    let (entries, _) = ics::entries(body);
    entries.into_iter().any(|mut entry| {
        entry.lines.retain(|line| line.name != "RRULE" && line.name != "RDATE");
        entry_may_overlap(&entry, range)
    })
}

pub(crate) fn is_all_day_series(body: &str) -> bool {
    ics::entries(body).0.iter().any(|entry| {
        entry.line("RRULE").is_some()
            && entry.line("DTSTART").and_then(moment).is_some_and(|start| start.is_date)
    })
}

fn rule_part<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    rule.split(';')
        .filter_map(|part| part.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The busy spans of a body within the range, and whether each is tentative.
pub(crate) fn busy(body: &str, range: Range) -> Vec<(Range, bool)> {
    let (entries, _) = ics::entries(body);
    let moved: Vec<Timestamp> = entries
        .iter()
        .filter_map(|entry| entry.line("RECURRENCE-ID").and_then(moment))
        .map(|at| at.zoned.timestamp())
        .collect();
    let mut spans = Vec::new();
    for entry in entries.iter().filter(|entry| entry.name == "VEVENT") {
        let is_status =
            |word: &str| entry.value("STATUS").is_some_and(|s| s.eq_ignore_ascii_case(word));
        let is_free = entry.value("TRANSP").is_some_and(|t| t.eq_ignore_ascii_case("TRANSPARENT"));
        if is_free || is_status("CANCELLED") {
            continue;
        }
        let replaced: &[Timestamp] =
            if entry.line("RECURRENCE-ID").is_some() { &[] } else { &moved };
        for span in instances(entry, range.1) {
            if span.0 < range.1 && span.1 > range.0 && !replaced.contains(&span.0) {
                spans.push((span, is_status("TENTATIVE")));
            }
        }
    }
    spans.sort();
    spans
}

fn instances(entry: &Component, to: Timestamp) -> Vec<Range> {
    let Some(start) = entry.line("DTSTART").and_then(moment) else { return Vec::new() };
    let length = length(entry, &start);
    let span = |from: Timestamp| (from, from.checked_add(length).unwrap_or(Timestamp::MAX));
    let Some(rule) = entry.value("RRULE") else { return vec![span(start.zoned.timestamp())] };
    let Some(starts) = plain_rule(rule, &start.zoned, to) else {
        return vec![(start.zoned.timestamp(), to)];
    };
    let left_out: Vec<Timestamp> = entry
        .all("EXDATE")
        .flat_map(|line| {
            line.value.split(',').map(|value| Line { value: value.to_owned(), ..line.clone() })
        })
        .filter_map(|line| moment(&line))
        .map(|at| at.zoned.timestamp())
        .collect();
    starts.into_iter().filter(|at| !left_out.contains(at)).map(span).collect()
}

/// The starts of a plain rule before `to`; `None` when the rule is not plain.
fn plain_rule(rule: &str, start: &Zoned, to: Timestamp) -> Option<Vec<Timestamp>> {
    let known = ["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"];
    let mut keys = rule.split(';').map(|part| part.split_once('=').map(|(key, _)| key));
    if !keys.all(|key| key.is_some_and(|key| known.contains(&key))) {
        return None;
    }
    let every: i64 = rule_part(rule, "INTERVAL").map_or(Some(1), |n| n.parse().ok())?;
    let count: usize = rule_part(rule, "COUNT").map_or(Some(MOST_INSTANCES), |n| n.parse().ok())?;
    let until = rule_part(rule, "UNTIL")
        .map(|value| until(value, start))
        .unwrap_or(Some(Timestamp::MAX))?;
    let days = rule_part(rule, "BYDAY").map(weekdays);
    let (step, days): (Span, Vec<Weekday>) = match (rule_part(rule, "FREQ")?, days) {
        ("DAILY", None) => (every.days(), Vec::new()),
        ("WEEKLY", None) => ((every * 7).days(), vec![start.weekday()]),
        ("WEEKLY", Some(days)) => ((every * 7).days(), days?),
        ("MONTHLY", None) if start.day() <= 28 => (every.months(), Vec::new()),
        ("YEARLY", None) if start.day() <= 28 => (every.years(), Vec::new()),
        _ => return None,
    };
    let mut found = Vec::new();
    let back = if days.is_empty() { 0 } else { start.weekday().to_monday_zero_offset() };
    let base = start.checked_sub(i64::from(back).days()).ok()?;
    for turn in 0..MOST_INSTANCES {
        let at = base.checked_add(step.checked_mul(i64::try_from(turn).ok()?).ok()?).ok()?;
        for one in round(&at, &days).into_iter().filter(|one| one >= start) {
            if found.len() >= count || one.timestamp() > until || one.timestamp() >= to {
                return Some(found);
            }
            found.push(one.timestamp());
        }
    }
    Some(found)
}

/// The instances of one turn of a rule: the days of the week that begins at `at`, or `at` itself.
fn round(at: &Zoned, days: &[Weekday]) -> Vec<Zoned> {
    if days.is_empty() {
        return vec![at.clone()];
    }
    let mut round: Vec<Zoned> = days
        .iter()
        .filter_map(|day| at.checked_add(i64::from(day.to_monday_zero_offset()).days()).ok())
        .collect();
    round.sort();
    round
}

fn until(value: &str, start: &Zoned) -> Option<Timestamp> {
    let line = Line { name: "UNTIL".into(), params: Vec::new(), value: value.to_owned() };
    let read = moment(&line)?;
    if read.is_date {
        let end = read.zoned.date().at(23, 59, 59, 0);
        return end.to_zoned(start.time_zone().clone()).ok().map(|z| z.timestamp());
    }
    Some(read.zoned.timestamp())
}

fn weekdays(list: &str) -> Option<Vec<Weekday>> {
    let day = |name: &str| match name {
        "MO" => Some(Weekday::Monday),
        "TU" => Some(Weekday::Tuesday),
        "WE" => Some(Weekday::Wednesday),
        "TH" => Some(Weekday::Thursday),
        "FR" => Some(Weekday::Friday),
        "SA" => Some(Weekday::Saturday),
        "SU" => Some(Weekday::Sunday),
        _ => None,
    };
    list.split(',').map(day).collect()
}

/// Reads `20270301T000000Z`.
pub(crate) fn utc(text: &str) -> Option<Timestamp> {
    let local = DateTime::strptime("%Y%m%dT%H%M%S", text.trim().strip_suffix('Z')?).ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Writes `20270301T000000Z`.
pub(crate) fn utc_text(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}
