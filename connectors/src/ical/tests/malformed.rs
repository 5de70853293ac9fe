//! One file for each malformation that feeds show (`fixtures/ics/malformed`).

use jiff::civil::date;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        parse(
            include_bytes!(concat!("../../../../fixtures/ics/malformed/", $name, ".ics")),
            &ParseOptions::default(),
        )
        .unwrap()
    };
}

fn uids(parsed: &Parsed) -> Vec<&str> {
    parsed.items.iter().map(|item| item.item.as_str()).collect()
}

fn find<'p>(parsed: &'p Parsed, uid: &str) -> &'p RemoteEvent {
    let item = parsed.items.iter().find(|item| item.item.as_str() == uid);
    &item.unwrap_or_else(|| panic!("{uid} in {parsed:#?}")).events[0]
}

fn all_faults(parsed: &Parsed) -> Vec<String> {
    let of_items = parsed.items.iter().flat_map(|item| item.faults.clone());
    parsed.faults.iter().cloned().chain(of_items).collect()
}

/// Both events of the simple fixtures, whole.
fn assert_reads_both(parsed: &Parsed) {
    assert_eq!(uids(parsed), ["first", "second"]);
    assert_eq!(find(parsed, "first").start, utc("2027-03-08T09:00:00Z"));
    for uid in ["first", "second"] {
        let hour = RemoteDuration { days: 0, seconds: 3600 };
        assert_eq!(find(parsed, uid).end, RemoteEnd::Lasts(hour), "{uid}");
    }
    assert!(parsed.complete);
    assert_eq!(all_faults(parsed), [] as [&str; 0]);
}

#[test]
fn encodings_and_leading_blanks_do_not_matter() {
    assert_reads_both(&fixture!("01-byte-order-mark"));
    assert_reads_both(&fixture!("01-blank-lines-first"));
    assert_reads_both(&fixture!("01-utf16"));
    assert_eq!(uids(&fixture!("01-latin1")), ["café", "cafè"]);
}

#[test]
fn every_kind_of_line_end_is_one() {
    assert_reads_both(&fixture!("02-bare-lf"));
    assert_reads_both(&fixture!("02-bare-cr"));
    assert_reads_both(&fixture!("02-mixed-line-ends"));
    assert_reads_both(&fixture!("02-control-characters"));
}

#[test]
fn bad_folding_costs_nothing_that_matters() {
    assert_reads_both(&fixture!("03-fold-inside-character"));
    assert_reads_both(&fixture!("03-fold-with-tab"));
    assert_reads_both(&fixture!("03-unfolded-description"));
    assert_reads_both(&fixture!("03-none-line"));
}

#[test]
fn a_missing_end_is_told_and_loses_nothing() {
    let unended = fixture!("04-missing-end");
    assert_eq!(uids(&unended), ["first", "second"]);
    assert!(!unended.complete && all_faults(&unended).is_empty());
    assert_reads_both(&fixture!("04-event-without-end"));
}

#[test]
fn a_file_cut_inside_an_event_is_a_fault_and_keeps_what_was_read() {
    let cut = fixture!("04-cut-inside-event");
    assert_eq!(uids(&cut), ["first", "second"]);
    assert!(!cut.complete);
    assert_eq!(cut.faults, ["the calendar ends inside a component"]);
}

#[test]
fn several_calendars_in_one_stream_keep_their_own_zones() {
    let parsed = fixture!("05-several-calendars");
    assert_eq!(uids(&parsed), ["first", "second"]);
    let offsets: Vec<_> =
        parsed.items.iter().map(|item| item.zones[0].observances[0].offset_to_s).collect();
    assert_eq!(offsets, [3600, 9 * 3600]);
}

#[test]
fn events_without_uid_get_the_same_one_at_every_reading() {
    let (once, again) = (fixture!("06-missing-properties"), fixture!("06-missing-properties"));
    assert_eq!(uids(&once), uids(&again));
    assert_eq!(once.items.len(), 3, "{:?}", uids(&once));
    assert_eq!(once.notes, ["an event without DTSTART was passed over"]);
}

#[test]
fn one_uid_for_different_events_keeps_them_all_and_the_newest_of_each() {
    let parsed = fixture!("07-duplicate-uid");
    let events = &parsed.items[0].events;
    let starts: Vec<_> = events.iter().map(|event| event.start.clone()).collect();
    assert_eq!(starts, [utc("2027-03-08T09:00:00Z"), utc("2027-03-09T09:00:00Z")]);
    assert_eq!(events[0].sequence, 3);
    assert_eq!(fixture!("07-duplicate-recurrence-id").items[0].events.len(), 3);
}

#[test]
fn odd_ends_are_kept_as_written_and_unreadable_ones_reported() {
    let parsed = fixture!("08-ends");
    assert_eq!(parsed.items.len(), 8);
    assert_eq!(find(&parsed, "both").end, RemoteEnd::At(utc("2027-03-08T10:00:00Z")));
    assert_eq!(find(&parsed, "neither").end, RemoteEnd::Unstated);
    let day = RemoteTime::Date(date(2027, 3, 9));
    assert_eq!(find(&parsed, "end-is-date").end, RemoteEnd::At(day));
    assert_eq!(all_faults(&parsed), ["DTEND cannot be read", "DURATION cannot be read"]);
}

#[test]
fn the_form_of_a_value_wins_over_its_declared_type() {
    let parsed = fixture!("09-value-types");
    let day = RemoteTime::Date(date(2027, 3, 8));
    for uid in ["date-undeclared", "midnight-as-date", "date-as-time", "zone-on-date"] {
        assert_eq!(find(&parsed, uid).start, day, "{uid}");
    }
    assert_eq!(find(&parsed, "time-as-date").start, utc("2027-03-08T09:00:00Z"));
}

#[test]
fn a_declared_all_day_event_between_midnights_is_one() {
    let parsed = fixture!("10-midnight-to-midnight");
    assert_eq!(find(&parsed, "declared").start, RemoteTime::Date(date(2027, 3, 8)));
    assert!(matches!(find(&parsed, "not-declared").start, RemoteTime::Zoned { .. }));
    assert!(matches!(find(&parsed, "not-midnight").start, RemoteTime::Floating(_)));
}

#[test]
fn zone_names_are_kept_whatever_they_look_like() {
    let parsed = fixture!("11-zone-names");
    assert_eq!(all_faults(&parsed), [] as [&str; 0]);
    let name = |i: usize| match &find(&parsed, &format!("z{i}")).start {
        RemoteTime::Zoned { tzid, .. } => tzid.clone(),
        other => format!("{other:?}"),
    };
    assert!(name(0).starts_with("Floating"));
    assert_eq!(name(1), "(UTC+01:00) Amsterdam, Berlin");
    assert_eq!(name(2), "(UTC+01:00) Amsterdam");
    assert_eq!(name(4), "tzone://Microsoft/Custom");
    assert_eq!(name(8), "W. Europe Standard Time");
    assert_eq!(name(9), "中国标准时间");
    assert_eq!(find(&parsed, "with-z").start, utc("2027-03-08T09:00:00Z"));
}

#[test]
fn odd_zone_definitions_come_through_as_far_as_they_can_be_read() {
    let parsed = fixture!("12-zone-definitions");
    assert_eq!(parsed.items.len(), 7);
    let zone = |name: &str| {
        let found = parsed.zones.iter().find(|zone| zone.tzid == name);
        found.unwrap_or_else(|| panic!("{name}")).as_ref().clone()
    };
    assert_eq!(zone("Sixteen-oh-one").observances[0].starts.year(), 1601);
    assert_eq!(zone("Contradictory").observances.len(), 3);
    assert_eq!(zone("By dates").observances[0].rdates.len(), 2);
    assert_eq!(zone("By dates").observances[1].rdates.len(), 1);
    assert!(zone("Empty").observances.is_empty());
    let aliased = zone("Aliased");
    assert_eq!(aliased.aliases, ["Europe/Berlin", "Europe/Vienna", "Europe/Berlin"]);
    assert!(aliased.observances.is_empty(), "neither can be read");
}

#[test]
fn rules_are_kept_as_written() {
    let parsed = fixture!("13-rules");
    let rule = |i: usize| find(&parsed, &format!("r{i}")).rules.clone();
    assert_eq!(parsed.items.len(), 11);
    assert_eq!(rule(5), ["freq=daily;count=2"]);
    assert_eq!(rule(10), ["FREQ=DAILY;COUNT=2"]);
}

#[test]
fn every_form_of_exdate_is_read_and_a_bad_one_removes_nothing() {
    let parsed = fixture!("14-exdates");
    assert_eq!(find(&parsed, "series").exdates.len(), 5);
    assert_eq!(all_faults(&parsed), [] as [&str; 0]);
}

#[test]
fn overrides_stay_with_their_series_in_every_form() {
    let parsed = fixture!("15-recurrence-ids");
    assert_eq!(uids(&parsed), ["series", "orphan", "bad"]);
    let events = &parsed.items[0].events;
    assert_eq!(events.len(), 5);
    assert!(events[3].recurrence_id.as_ref().unwrap().this_and_future);
    assert_eq!(all_faults(&parsed), ["RECURRENCE-ID cannot be read"]);
}

#[test]
fn odd_text_spoils_neither_its_event_nor_the_next() {
    assert_reads_both(&fixture!("16-text"));
}

#[test]
fn properties_belong_to_the_component_they_stand_in() {
    let parsed = fixture!("17-components");
    assert_eq!(uids(&parsed), ["first", "second", "outer"]);
    assert_eq!(find(&parsed, "first").start, utc("2027-03-08T09:00:00Z"));
    assert_eq!(find(&parsed, "outer").start, utc("2027-03-10T09:00:00Z"));
    let hour = RemoteDuration { days: 0, seconds: 3600 };
    assert_eq!(find(&parsed, "first").end, RemoteEnd::Lasts(hour));
    assert!(parsed.complete);
}

#[test]
fn years_and_durations_beyond_reason_are_understood_or_reported() {
    let parsed = fixture!("18-years-and-durations");
    assert_eq!(parsed.items.len(), 9);
    assert_eq!(all_faults(&parsed), ["DTSTART cannot be read"]);
    assert_eq!(find(&parsed, "year-9999").start, RemoteTime::Utc(jiff::Timestamp::MAX));
    let (hours, day) = (find(&parsed, "hours").end.clone(), find(&parsed, "day").end.clone());
    assert_ne!(hours, day, "24 exact hours are not a day on the wall");
}

#[test]
fn names_are_read_in_any_case_and_with_spaces() {
    let parsed = fixture!("19-names-and-spaces");
    assert_eq!(uids(&parsed), ["first", "second"]);
    let first = find(&parsed, "first");
    let at = date(2027, 3, 8).at(9, 0, 0, 0);
    assert_eq!(first.start, RemoteTime::Zoned { at, tzid: "Europe/Berlin".to_owned() });
    assert_eq!(first.status, Status::Cancelled);
    assert_eq!(find(&parsed, "second").start, utc("2027-03-08T09:00:00Z"));
}

#[test]
fn a_calendar_without_events_is_a_calendar() {
    let parsed = fixture!("20-no-events");
    assert!(parsed.items.is_empty() && parsed.complete && parsed.faults.is_empty());
}
