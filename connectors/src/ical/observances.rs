//! A zone as VTIMEZONE (RFC 5545 3.6.5): what its clocks do around an event, each change by itself.

use std::fmt::Write as _;

use jiff::{
    SignedDuration, Timestamp,
    tz::{Dst, Offset, TimeZone},
};

/// How far around an event its zone is described, so that moving it a little needs no other description.
const AROUND: SignedDuration = SignedDuration::from_hours(366 * 24);
/// More changes than any zone has in these years.
const MOST: usize = 64;

/// Describes a zone from a year before `start` to a year after `end`.
pub(super) fn definition(name: &str, zone: &TimeZone, start: Timestamp, end: Timestamp) -> String {
    let from = start.saturating_sub(AROUND).unwrap_or(Timestamp::MIN);
    let until = end.saturating_add(AROUND).unwrap_or(Timestamp::MAX);
    let mut text = format!("BEGIN:VTIMEZONE\r\nTZID:{name}\r\n");
    let first = zone.preceding(from).next();
    if first.is_none() {
        let info = zone.to_offset_info(from);
        let offset = info.offset();
        observance(
            &mut text,
            Timestamp::UNIX_EPOCH,
            (offset, offset),
            info.dst(),
            info.abbreviation(),
        );
    }
    let changes = zone.following(from).take_while(|change| change.timestamp() < until);
    for change in first.into_iter().chain(changes).take(MOST) {
        let at = change.timestamp();
        let before = zone.to_offset(at.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(at));
        observance(&mut text, at, (before, change.offset()), change.dst(), change.abbreviation());
    }
    text.push_str("END:VTIMEZONE\r\n");
    text
}

fn observance(
    text: &mut String,
    at: Timestamp,
    (from, to): (Offset, Offset),
    dst: Dst,
    name: &str,
) {
    let kind = match dst {
        Dst::Yes => "DAYLIGHT",
        Dst::No => "STANDARD",
    };
    // The wall clock's time at which it changes is told by the clock before the change.
    let begins = from.to_datetime(at).strftime("%Y%m%dT%H%M%S");
    let (from, to) = (offset(from), offset(to));
    // Some zones have no letters for their time.
    let name = if name.chars().all(|it| it.is_ascii_alphabetic()) { name } else { "" };
    let _ = write!(
        text,
        "BEGIN:{kind}\r\nDTSTART:{begins}\r\nTZOFFSETFROM:{from}\r\nTZOFFSETTO:{to}\r\n"
    );
    if !name.is_empty() {
        let _ = write!(text, "TZNAME:{name}\r\n");
    }
    let _ = write!(text, "END:{kind}\r\n");
}

fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match rest {
        0 => format!("{sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}{rest:02}"),
    }
}
