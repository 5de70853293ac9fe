//! Zones, whole days and lengths where clocks change (`providers.md` 5.2, 5.3; `traps.md` H).

use jiff::tz::TimeZone;

use super::{busy, expand, listed, owner, series, window};
use crate::model::recurrence::Budget;

fn busy_for(zone: &str, text: &str) -> Vec<String> {
    listed(&expand(
        &series(text),
        window("2000-01-01", "2040-01-01"),
        &owner(zone),
        &mut Budget::default(),
    ))
}

#[test]
fn floating_and_all_day_times_move_with_the_owners_zone() {
    for (zone, time, day) in [
        ("Europe/Berlin", "2027-03-01T08:00/2027-03-01T09:00", "2027-02-28T23:00/2027-03-01T23:00"),
        (
            "America/New_York",
            "2027-03-01T14:00/2027-03-01T15:00",
            "2027-03-01T05:00/2027-03-02T05:00",
        ),
        (
            "Asia/Kathmandu",
            "2027-03-01T03:15/2027-03-01T04:15",
            "2027-02-28T18:15/2027-03-01T18:15",
        ),
    ] {
        assert_eq!(busy_for(zone, "DTSTART:20270301T090000\nDURATION:PT1H"), [time]);
        assert_eq!(busy_for(zone, "DTSTART;VALUE=DATE:20270301"), [day]);
    }
}

#[test]
fn a_zone_that_nobody_knows_is_busy_for_the_owner_and_unknown_around_the_earth() {
    let found = busy("DTSTART;TZID=Customized Time Zone:20270301T090000\nDURATION:PT1H");
    assert_eq!(found, ["?2027-02-28T19:00/2027-03-01T22:00", "2027-03-01T08:00/2027-03-01T09:00"]);
}

#[test]
fn the_unknown_part_of_a_zone_reaches_into_windows_the_owner_would_not_see() {
    let series = series("DTSTART;TZID=Nowhere:20270301T090000\nDURATION:PT1H");
    let found = expand(
        &series,
        window("2027-03-01T20:00:00Z", "2027-03-01T21:00:00Z"),
        &TimeZone::UTC,
        &mut Budget::default(),
    );
    assert_eq!(listed(&found), ["?2027-02-28T19:00/2027-03-01T22:00"]);
}

#[test]
fn an_end_in_another_zone_is_the_instant_it_names() {
    let found = busy(
        "DTSTART;TZID=Europe/Berlin:20270301T090000\nDTEND;TZID=America/New_York:20270301T050000",
    );
    assert_eq!(found, ["2027-03-01T08:00/2027-03-01T10:00"]);
}

#[test]
fn ends_at_or_before_the_start_are_one_day_for_dates_and_nothing_for_times() {
    assert_eq!(
        busy("DTSTART;VALUE=DATE:20270301\nDTEND;VALUE=DATE:20270301"),
        ["2027-02-28T23:00/2027-03-01T23:00"]
    );
    assert_eq!(
        busy("DTSTART;VALUE=DATE:20270301\nDTEND;VALUE=DATE:20270228"),
        ["2027-02-28T23:00/2027-03-01T23:00"]
    );
    assert_eq!(
        busy("DTSTART;VALUE=DATE:20270301\nDURATION:P0D"),
        ["2027-02-28T23:00/2027-03-01T23:00"]
    );
    assert!(busy("DTSTART:20270301T090000Z\nDTEND:20270301T080000Z").is_empty());
    assert!(busy("DTSTART:20270301T090000Z\nDURATION:-PT1H").is_empty());
}

#[test]
fn whole_days_count_days_and_not_hours() {
    assert_eq!(
        busy("DTSTART;VALUE=DATE:20270327\nDTEND;VALUE=DATE:20270330"),
        ["2027-03-26T23:00/2027-03-29T22:00"]
    );
    assert_eq!(
        busy("DTSTART;VALUE=DATE:20270327\nDURATION:P1D"),
        ["2027-03-26T23:00/2027-03-27T23:00"]
    );
    assert_eq!(
        busy("DTSTART;VALUE=DATE:20270327\nDURATION:P1W"),
        ["2027-03-26T23:00/2027-04-02T22:00"]
    );
    assert_eq!(
        busy("DTSTART;VALUE=DATE:20270327\nDTEND:20270328T120000"),
        ["2027-03-26T23:00/2027-03-28T22:00"],
        "a time of day means that day too"
    );
}

#[test]
fn a_day_of_24_hours_differs_from_a_nominal_day() {
    let lasting = |length: &str| {
        busy(&format!("DTSTART;TZID=Europe/Berlin:20271030T120000\nDURATION:{length}"))[0][17..]
            .to_owned()
    };
    assert_eq!(lasting("P1D"), "2027-10-31T11:00");
    assert_eq!(lasting("PT24H"), "2027-10-31T10:00");
    assert_eq!(lasting("P1DT1H"), "2027-10-31T12:00");
}

#[test]
fn a_start_in_the_gap_does_not_drift_the_starts_after_it() {
    let found = busy(
        "DTSTART;TZID=America/New_York:20270314T023000\nDURATION:PT15M\nRRULE:FREQ=DAILY;COUNT=2",
    );
    assert_eq!(found, ["2027-03-14T07:30/2027-03-14T07:45", "2027-03-15T06:30/2027-03-15T06:45"]);
}

#[test]
fn hourly_rules_go_by_the_wall_clock_and_meet_once_after_a_gap() {
    let found = busy(
        "DTSTART;TZID=Europe/Berlin:20270328T010000\nDURATION:PT1M\nRRULE:FREQ=HOURLY;COUNT=4",
    );
    assert_eq!(found.iter().map(|i| &i[11..16]).collect::<Vec<_>>(), ["00:00", "01:00", "02:00"]);
    let found = busy(
        "DTSTART;TZID=Europe/Berlin:20271031T010000\nDURATION:PT1M\nRRULE:FREQ=HOURLY;COUNT=4",
    );
    assert_eq!(
        found.iter().map(|i| &i[8..16]).collect::<Vec<_>>(),
        ["30T23:00", "31T00:00", "31T02:00", "31T03:00"]
    );
}

#[test]
fn a_midnight_in_a_gap_still_has_its_instance() {
    let found =
        busy("DTSTART;TZID=Africa/Cairo:20270429T000000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3");
    assert_eq!(
        found,
        [
            "2027-04-28T22:00/2027-04-28T23:00",
            "2027-04-29T22:00/2027-04-29T23:00",
            "2027-04-30T21:00/2027-04-30T22:00"
        ]
    );
}

#[test]
fn a_day_that_a_zone_skipped_is_no_time_at_all() {
    let found = busy_for("Pacific/Apia", "DTSTART;VALUE=DATE:20111229\nRRULE:FREQ=DAILY;COUNT=3");
    assert_eq!(found, ["2011-12-29T10:00/2011-12-30T10:00", "2011-12-30T10:00/2011-12-31T10:00"]);
}

#[test]
fn a_start_in_a_gap_that_moves_past_its_end_keeps_its_length_and_is_never_free() {
    let found = busy(
        "DTSTART;TZID=Europe/Berlin:20270328T023000\nDTEND;TZID=Europe/Berlin:20270328T030000\nRRULE:FREQ=DAILY;COUNT=2",
    );
    assert_eq!(found, ["2027-03-28T01:30/2027-03-28T02:00", "2027-03-29T00:30/2027-03-29T01:00"]);
}
