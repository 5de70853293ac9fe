//! Input that wants to hurt: it may be refused or cut, and it ends soon, without a panic.

use proptest::prelude::*;

use super::*;

fn try_read(text: &[u8]) -> crate::Result<Parsed> {
    parse(text, &ParseOptions::default())
}

#[test]
fn deep_nesting_is_cut_and_told() {
    let text = format!("BEGIN:VCALENDAR\n{}", "BEGIN:X\n".repeat(99_000));
    let parsed = try_read(text.as_bytes()).unwrap();
    assert!(!parsed.complete && !parsed.faults.is_empty());
}

#[test]
fn more_components_than_the_limit_are_refused() {
    let text = format!("BEGIN:VCALENDAR\n{}", "BEGIN:X\nEND:X\n".repeat(100_001));
    assert_eq!(try_read(text.as_bytes()).unwrap_err().kind, crate::Kind::BadReply);
    let alarms = "BEGIN:VALARM\nREPEAT:9999999\nEND:VALARM\n".repeat(200_000);
    let parsed = event(&format!("DTSTART:20270308T090000Z\n{alarms}"));
    assert_eq!(parsed.items.len(), 1);
}

#[test]
fn a_body_beyond_its_limit_is_refused() {
    let options = ParseOptions { max_bytes: 100, ..ParseOptions::default() };
    let text = calendar(&"X:1\n".repeat(100));
    assert_eq!(parse(text.as_bytes(), &options).unwrap_err().kind, crate::Kind::BadReply);
}

#[test]
fn a_line_of_many_megabytes_costs_only_itself() {
    let long = "x".repeat(8 * 1024 * 1024);
    let parsed = event(&format!("DTSTART:20270308T090000Z\nATTACH:{long}\nDURATION:PT1H"));
    assert_eq!(parsed.items[0].events.len(), 1);
    assert!(parsed.items[0].faults.is_empty());
    let folded = "20270308T090000Z,\n ".repeat(200_000);
    let parsed = event(&format!("DTSTART:20270308T090000Z\nRDATE:{folded}20270309T090000Z"));
    assert_eq!(parsed.items[0].faults, ["RDATE is longer than 1 MiB"]);
}

#[test]
fn a_rule_that_is_too_long_is_not_cut_to_another_rule() {
    let rule = format!("RRULE:FREQ=DAILY;COUNT=1{}", "\n ;".repeat(500_000));
    let parsed = event(&format!("DTSTART:20270308T090000Z\n{rule}"));
    assert_eq!(parsed.items[0].events[0].rules, ["TOO-LONG"]);
    assert_eq!(parsed.items[0].faults, ["RRULE is longer than 1 MiB"]);
}

#[test]
fn dates_beyond_the_limit_are_told() {
    let list = |name: &str| format!("{name}:{}\n", ["20270308T090000Z"; 5000].join(","));
    let exdates = event(&format!("DTSTART:20270308T090000Z\n{}", list("EXDATE").repeat(3)));
    assert_eq!(exdates.items[0].events[0].exdates.len(), 10_000);
    assert_eq!(exdates.items[0].faults, ["more than 10,000 EXDATEs"]);
    let rdates = event(&format!("DTSTART:20270308T090000Z\n{}", list("RDATE").repeat(3)));
    assert_eq!(rdates.items[0].faults, ["more than 10,000 RDATEs"]);
}

#[test]
fn one_uid_for_everything_stays_linear() {
    let events: String = (0..20_000)
        .map(|i| {
            format!(
                "BEGIN:VEVENT\nUID:a\nDTSTART:2027{:02}01T{:02}{:02}00Z\nEND:VEVENT\n",
                i % 12 + 1,
                i % 24,
                i % 60
            )
        })
        .collect();
    assert_eq!(read(&calendar(&events)).items.len(), 1);
}

/// Pieces that a calendar is made of, to be put together wrongly.
fn piece() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("BEGIN:VCALENDAR"),
        Just("END:VCALENDAR"),
        Just("BEGIN:VEVENT"),
        Just("END:VEVENT"),
        Just("BEGIN:VTIMEZONE"),
        Just("END:VTIMEZONE"),
        Just("BEGIN:STANDARD"),
        Just("BEGIN:VFREEBUSY"),
        Just("DTSTART"),
        Just("DTEND"),
        Just("RDATE"),
        Just("EXDATE"),
        Just("RECURRENCE-ID"),
        Just("FREEBUSY"),
        Just("TZOFFSETTO"),
        Just("DURATION"),
        Just(";TZID="),
        Just(";VALUE=PERIOD"),
        Just(":"),
        Just("\""),
        Just(";"),
        Just(","),
        Just("/"),
        Just("\r\n"),
        Just("\n "),
        Just("\r"),
        Just("20270308T090000Z"),
        Just("20270308"),
        Just("PT1H"),
        Just("+0100"),
        Just("UID:é"),
        Just("-P9999999999999999999W"),
        Just("24"),
        Just("\u{feff}"),
    ];
    prop_oneof![4 => word.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = try_read(&bytes);
        let _ = try_read(&[b"BEGIN:VCALENDAR\r\n", bytes.as_slice()].concat());
    }

    #[test]
    fn no_order_of_pieces_makes_the_reader_panic(pieces in proptest::collection::vec(piece(), 0..80)) {
        let text = format!("BEGIN:VCALENDAR\n{}", pieces.concat());
        if let Ok(parsed) = try_read(text.as_bytes()) {
            for item in &parsed.items {
                prop_assert_eq!(item.version.clone(), Some(fingerprint(item)));
            }
        }
        let _ = rewrite(&text, &super::written::draft(), &super::written::key(), None);
    }

    #[test]
    fn whatever_a_draft_holds_is_written_as_one_event(title in "\\PC{0,40}|[\\x00-\\x7f]{0,40}", uid in "[\\x00-\\x7f]{1,20}") {
        let draft = crate::Draft { title, ..super::written::draft() };
        let key = crate::WriteKey { uid, marker: "bkg_1".to_owned() };
        let parsed = read(&write(&draft, &key, None));
        prop_assert_eq!(parsed.items.len(), 1);
        prop_assert!(parsed.complete && parsed.faults.is_empty());
        prop_assert_eq!(parsed.items[0].events[0].marker.as_deref(), Some("bkg_1"));
    }
}
