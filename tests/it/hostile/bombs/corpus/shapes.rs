//! Calendar files that hurt by their shape, or are no text.

use super::{Later, START, calendar, date, each, event, later, one};

/// Calendar files that hurt by their shape.
pub(super) fn shapes() -> Vec<Later> {
    vec![
        later("nested-99000-deep", || {
            format!("BEGIN:VCALENDAR\r\n{}", "BEGIN:X\r\n".repeat(99_000))
        }),
        later("events-within-events", || {
            format!(
                "BEGIN:VCALENDAR\r\n{}",
                format!("BEGIN:VEVENT\r\nUID:a\r\n{START}").repeat(20_000)
            )
        }),
        later("ends-without-beginnings", || calendar(&"END:VEVENT\r\n".repeat(200_000))),
        later("components-100001", || calendar(&"BEGIN:X\r\nEND:X\r\n".repeat(100_001))),
        later("events-of-nothing", || calendar(&"BEGIN:VEVENT\r\nEND:VEVENT\r\n".repeat(20_000))),
        later("alarms-200000", || {
            one(&"BEGIN:VALARM\r\nREPEAT:9999999\r\nEND:VALARM\r\n".repeat(200_000))
        }),
        later("alarm-that-repeats", || {
            one(
                "BEGIN:VALARM\r\nTRIGGER:-PT1S\r\nREPEAT:2147483647\r\nDURATION:PT1S\r\nEND:VALARM\r\n",
            )
        }),
        later("line-of-8-mib", || one(&format!("SUMMARY:{}\r\n", "x".repeat(8 << 20)))),
        later("line-folded-at-every-character", || {
            one(&format!("SUMMARY:{}\r\n", "x\r\n ".repeat(1 << 19)))
        }),
        later("rule-folded-at-every-character", || {
            one(&format!("RRULE:FREQ=DAILY{}\r\n", ";\r\n ".repeat(1 << 18)))
        }),
        later("folds-of-nothing", || one(&format!("SUMMARY:x{}\r\n", "\r\n ".repeat(1 << 19)))),
        later("parameters-100000", || one(&format!("SUMMARY{}:x\r\n", ";A=b".repeat(100_000)))),
        later("parameters-of-a-date", || {
            calendar(&event(
                "a",
                &format!("DTSTART{}:20270308T090000Z\r\n", ";TZID=a".repeat(100_000)),
            ))
        }),
        later("quote-that-never-ends", || one(&format!("SUMMARY;A=\"{}\r\n", "x".repeat(1 << 20)))),
        later("attendees-50000", || {
            one(&each(50_000, |n| format!("ATTENDEE;PARTSTAT=ACCEPTED:mailto:{n}@example.org\r\n")))
        }),
        later("uid-of-a-mebibyte", || {
            calendar(&each(4, |n| event(&format!("{n}{}", "u".repeat(1 << 20)), START)))
        }),
        later("uids-20000", || {
            calendar(&each(20_000, |n| event(&n.to_string(), "DTSTART:20200101T000000Z\r\n")))
        }),
        later("one-uid-20000-times", || {
            calendar(&each(20_000, |n| event("a", &format!("DTSTART:{}Z\r\n", date(n)))))
        }),
        later("one-event-20000-times", || calendar(&event("a", START).repeat(20_000))),
        later("nameless-20000", || {
            calendar(&format!("BEGIN:VEVENT\r\n{START}END:VEVENT\r\n").repeat(20_000))
        }),
        later("calendars-20000", || calendar("").repeat(20_000)),
        later("backslashes", || one(&format!("SUMMARY:{}\r\n", "\\".repeat(1 << 20)))),
        later("colons", || calendar(&":;=,\"".repeat(1 << 20))),
        later("line-ends", || calendar(&"\r\n".repeat(4 << 20))),
        later("no-line-end", || "BEGIN:VCALENDAR".to_owned() + &"A".repeat(8 << 20)),
        later("a-web-page", || format!("<!DOCTYPE html><html>{}</html>", "<p>".repeat(1 << 20))),
        later("byte-order-marks", || "\u{feff}".repeat(1 << 20) + &one("")),
        later("spaces-first", || " ".repeat(8 << 20) + &one("")),
    ]
}

fn within(filling: &[u8]) -> Vec<u8> {
    let mut all =
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20270308T090000Z\r\nSUMMARY:"
            .to_vec();
    all.extend(filling);
    all.extend(b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    all
}

/// Bytes that are no text.
pub(super) fn bytes() -> Vec<Later> {
    vec![
        later("overlong-utf-8", || {
            within(&b"\xc0\x80\xe0\x80\xaf\xf0\x80\x80\xaf".repeat(1 << 18))
        }),
        later("no-utf-8-at-all", || within(&b"\xff\xfe".repeat(1 << 20))),
        later("half-characters", || within(&b"\xe2\x82".repeat(1 << 20))),
        later("zero-bytes", || within(&vec![0; 4 << 20])),
        later("half-surrogates-of-utf-16", || {
            [b"\xff\xfe".to_vec(), b"\x00\xd8".repeat(1 << 20)].concat()
        }),
        later("control-characters", || within(&(0..32).collect::<Vec<u8>>().repeat(1 << 16))),
        later("cut-in-the-middle", || one(&"X-A:b\r\n".repeat(1 << 20)).split_off(4 << 20)),
    ]
}
