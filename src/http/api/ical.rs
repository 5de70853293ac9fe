//! Free/busy as RFC 5545 text: VFREEBUSY, or events for clients that only show those.
//!
//! What is unknown is kept: `FBTYPE=BUSY-UNAVAILABLE`, or an event that says so.

use std::fmt::Write;

use jiff::Timestamp;

use crate::{
    index::query::{Answer, merged_unknown},
    model::{busy::Kind, interval::Span},
};

/// Which shape is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    FreeBusy,
    Events,
}

/// Writes one resource's answer as a calendar file.
pub(super) fn write(
    shape: Shape,
    resource: &str,
    window: Span,
    now: Timestamp,
    answer: &Answer,
) -> String {
    let mut text = String::with_capacity(256 + 96 * answer.busy.len());
    line(&mut text, "BEGIN:VCALENDAR");
    line(&mut text, "VERSION:2.0");
    line(&mut text, "PRODID:-//calhub//free busy//EN");
    line(&mut text, "METHOD:PUBLISH");
    let spans = spans(answer);
    match shape {
        Shape::FreeBusy => free_busy(&mut text, resource, window, now, &spans),
        Shape::Events => {
            for span in &spans {
                event(&mut text, resource, now, span);
            }
        }
    }
    line(&mut text, "END:VCALENDAR");
    text
}

/// What a span counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Busy(Kind),
    Unknown(&'static str),
}

fn spans(answer: &Answer) -> Vec<(i64, i64, What)> {
    let (busy, unknown) = (answer.busy.clone(), merged_unknown(answer.unknown.iter()));
    let mut spans: Vec<_> =
        busy.into_iter().map(|(start, end, kind)| (start, end, What::Busy(kind))).collect();
    spans.extend(unknown.into_iter().map(|joint| {
        let reason = joint.reasons.first().map_or("stale", |reason| reason.as_str());
        (joint.start_us, joint.end_us, What::Unknown(reason))
    }));
    spans.sort_unstable();
    spans
}

fn free_busy(
    text: &mut String,
    resource: &str,
    window: Span,
    now: Timestamp,
    spans: &[(i64, i64, What)],
) {
    line(text, "BEGIN:VFREEBUSY");
    line(text, &format!("UID:{resource}@calhub"));
    line(text, &format!("DTSTAMP:{}", stamp(now.as_microsecond(), Round::Down)));
    line(text, &format!("DTSTART:{}", stamp(window.start_us(), Round::Down)));
    line(text, &format!("DTEND:{}", stamp(window.end_us(), Round::Up)));
    for (start, end, what) in spans {
        let kind = match what {
            What::Busy(kind) => kind.fbtype(),
            What::Unknown(_) => "BUSY-UNAVAILABLE",
        };
        let (start, end) = (stamp(*start, Round::Down), stamp(*end, Round::Up));
        line(text, &format!("FREEBUSY;FBTYPE={kind}:{start}/{end}"));
    }
    line(text, "END:VFREEBUSY");
}

fn event(text: &mut String, resource: &str, now: Timestamp, (start, end, what): &(i64, i64, What)) {
    let (start, end) = (stamp(*start, Round::Down), stamp(*end, Round::Up));
    let (word, summary, status, outlook) = match what {
        What::Busy(Kind::OutOfOffice) => ("oof", "Out of office", "CONFIRMED", "OOF"),
        What::Busy(Kind::Busy) => ("busy", "Busy", "CONFIRMED", "BUSY"),
        What::Busy(Kind::Tentative) => ("tentative", "Tentative", "TENTATIVE", "TENTATIVE"),
        What::Unknown(_) => ("unknown", "Unknown", "CONFIRMED", "BUSY"),
    };
    line(text, "BEGIN:VEVENT");
    line(text, &format!("UID:{word}-{start}-{resource}@calhub"));
    line(text, &format!("DTSTAMP:{}", stamp(now.as_microsecond(), Round::Down)));
    line(text, &format!("DTSTART:{start}"));
    line(text, &format!("DTEND:{end}"));
    line(text, &format!("SUMMARY:{summary}"));
    if let What::Unknown(reason) = what {
        line(text, &format!("DESCRIPTION:Not known whether busy or free: {reason}"));
        line(text, "CATEGORIES:BUSY-UNAVAILABLE");
    }
    line(text, &format!("STATUS:{status}"));
    line(text, "TRANSP:OPAQUE");
    line(text, &format!("X-MICROSOFT-CDO-BUSYSTATUS:{outlook}"));
    line(text, "END:VEVENT");
}

#[derive(Clone, Copy)]
enum Round {
    Down,
    Up,
}

/// Whole seconds, outwards, so that a span never gets shorter.
fn stamp(us: i64, round: Round) -> String {
    let second = match round {
        Round::Down => us.div_euclid(1_000_000),
        Round::Up => us.saturating_add(999_999).div_euclid(1_000_000),
    };
    let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Ends a line as RFC 5545 3.1 says, and folds it at 75 octets.
fn line(text: &mut String, content: &str) {
    let mut room = 75;
    for letter in content.chars() {
        if letter.len_utf8() > room {
            text.push_str("\r\n ");
            room = 74;
        }
        room -= letter.len_utf8();
        // Writing to a string cannot fail.
        let _ = text.write_char(letter);
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{ManualClock, SeededEntropy},
        index::{Reason, query::Unknown},
        model::ids::CalendarId,
    };

    fn answer() -> Answer {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let calendar = CalendarId::mint(&clock, &SeededEntropy::new(1));
        let unknown =
            Unknown { start_us: 0, end_us: 3_600_000_000, reason: Reason::Stale, calendar };
        Answer {
            busy: vec![
                (600_000_000, 1_200_000_000, Kind::Busy),
                (1_200_000_000, 1_800_000_000, Kind::Tentative),
            ],
            unknown: vec![unknown],
        }
    }

    fn window() -> Span {
        Span::clamped(Timestamp::UNIX_EPOCH, Timestamp::from_second(7_200).unwrap())
    }

    #[test]
    fn what_is_unknown_stays_unknown_in_vfreebusy() {
        let text = write(Shape::FreeBusy, "res_1", window(), Timestamp::UNIX_EPOCH, &answer());
        assert!(
            text.contains("FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:19700101T000000Z/19700101T010000Z\r\n")
        );
        assert!(text.contains("FREEBUSY;FBTYPE=BUSY:19700101T001000Z/19700101T002000Z\r\n"));
        assert!(text.contains("FREEBUSY;FBTYPE=BUSY-TENTATIVE:"));
        assert!(text.lines().all(|line| line.len() <= 75));
    }

    #[test]
    fn events_show_unknown_time_too() {
        let text = write(Shape::Events, "res_1", window(), Timestamp::UNIX_EPOCH, &answer());
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 3);
        assert!(text.contains("SUMMARY:Unknown\r\n"));
        assert!(text.contains("STATUS:TENTATIVE\r\n"));
    }
}
