//! Feeds that are large, or nest too deep.

use jiff::{SignedDuration, Timestamp};

/// A calendar of `events` events of an hour, one after the other from `start`.
pub fn large_feed(events: usize, start: Timestamp) -> String {
    let mut text =
        String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\n");
    for n in 0..events {
        let hours = i64::try_from(n).unwrap_or(i64::MAX);
        let at = start.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(start);
        let at = crate::span::utc_text(at);
        text.push_str(&format!(
            "BEGIN:VEVENT\r\nUID:{n}@large.example\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{at}\r\nDURATION:PT1H\r\n\
             SUMMARY:Event {n}\r\nEND:VEVENT\r\n"
        ));
    }
    text.push_str("END:VCALENDAR\r\n");
    text
}

/// A calendar whose one event has a description of so many bytes.
pub fn giant_event(bytes: usize) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\nBEGIN:VEVENT\r\nUID:giant@example\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20270301T090000Z\r\nDURATION:PT1H\r\nDESCRIPTION:{}\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n",
        "x".repeat(bytes)
    )
}

/// A calendar that nests components so deep.
pub fn nested(depth: usize) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}{}END:VCALENDAR\r\n",
        "BEGIN:VEVENT\r\n".repeat(depth),
        "END:VEVENT\r\n".repeat(depth)
    )
}
