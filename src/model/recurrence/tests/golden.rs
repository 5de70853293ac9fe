//! The golden cases of `providers.md` appendix B, the RFC's value where two are given.

use super::{busy, busy_in, expand, listed, owner, series, window};
use crate::model::recurrence::Budget;

const BERLIN: &str = "TZID=Europe/Berlin";
const MOVED: &str = "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\n\n\
    RECURRENCE-ID:20270302T090000Z\nDTSTART:20270310T150000Z\nDURATION:PT2H";

#[test]
fn g01_an_end_time_means_one_exact_length_for_every_night() {
    let text = format!(
        "DTSTART;{BERLIN}:20270326T220000\nDTEND;{BERLIN}:20270327T060000\nRRULE:FREQ=DAILY;COUNT=3"
    );
    assert_eq!(
        busy(&text),
        [
            "2027-03-26T21:00/2027-03-27T05:00",
            "2027-03-27T21:00/2027-03-28T05:00",
            "2027-03-28T20:00/2027-03-29T04:00"
        ]
    );
}

#[test]
fn g02_a_first_night_that_is_an_hour_short_makes_all_nights_short() {
    let text = format!(
        "DTSTART;{BERLIN}:20270327T220000\nDTEND;{BERLIN}:20270328T060000\nRRULE:FREQ=DAILY;COUNT=3"
    );
    assert_eq!(
        busy(&text),
        [
            "2027-03-27T21:00/2027-03-28T04:00",
            "2027-03-28T20:00/2027-03-29T03:00",
            "2027-03-29T20:00/2027-03-30T03:00"
        ]
    );
}

#[test]
fn g03_a_duration_of_a_day_is_a_day_on_the_wall() {
    let text = format!("DTSTART;{BERLIN}:20270327T120000\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=2");
    assert_eq!(
        busy(&text),
        ["2027-03-27T11:00/2027-03-28T10:00", "2027-03-28T10:00/2027-03-29T10:00"]
    );
}

#[test]
fn g04_a_weekly_meeting_keeps_its_wall_clock_time() {
    assert_eq!(
        busy(
            "DTSTART;TZID=America/New_York:20270308T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=2"
        ),
        ["2027-03-08T14:00/2027-03-08T15:00", "2027-03-15T13:00/2027-03-15T14:00"]
    );
}

#[test]
fn g05_a_start_in_the_gap_has_the_offset_from_before_it() {
    let text =
        format!("DTSTART;{BERLIN}:20270327T023000\nDURATION:PT30M\nRRULE:FREQ=DAILY;COUNT=3");
    assert_eq!(
        busy(&text),
        [
            "2027-03-27T01:30/2027-03-27T02:00",
            "2027-03-28T01:30/2027-03-28T02:00",
            "2027-03-29T00:30/2027-03-29T01:00"
        ]
    );
}

#[test]
fn g06_a_start_that_happens_twice_is_the_first_of_the_two() {
    let text =
        format!("DTSTART;{BERLIN}:20271030T023000\nDURATION:PT30M\nRRULE:FREQ=DAILY;COUNT=3");
    assert_eq!(
        busy(&text),
        [
            "2027-10-30T00:30/2027-10-30T01:00",
            "2027-10-31T00:30/2027-10-31T01:00",
            "2027-11-01T01:30/2027-11-01T02:00"
        ]
    );
}

#[test]
fn g07_months_without_the_day_are_skipped() {
    assert_eq!(
        busy("DTSTART:20270131T100000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;COUNT=3"),
        [
            "2027-01-31T10:00/2027-01-31T11:00",
            "2027-03-31T10:00/2027-03-31T11:00",
            "2027-05-31T10:00/2027-05-31T11:00"
        ]
    );
}

#[test]
fn g08_a_leap_day_comes_back_in_leap_years() {
    let found = busy("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;COUNT=2");
    assert_eq!(found, ["2024-02-28T23:00/2024-02-29T23:00", "2028-02-28T23:00/2028-02-29T23:00"]);
}

#[test]
fn g09_the_last_workday_of_the_month() {
    let found = busy(
        "DTSTART:20270129T100000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3",
    );
    assert_eq!(
        found,
        [
            "2027-01-29T10:00/2027-01-29T11:00",
            "2027-02-26T10:00/2027-02-26T11:00",
            "2027-03-31T10:00/2027-03-31T11:00"
        ]
    );
}

#[test]
fn g10_and_g11_the_beginning_of_the_week_decides_every_second_week() {
    let of = |wkst: &str| {
        busy(&format!("DTSTART:19970805T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST={wkst}"))
            .iter()
            .map(|interval| interval[8..10].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("MO"), ["05", "10", "19", "24"]);
    assert_eq!(of("SU"), ["05", "17", "19", "31"]);
}

#[test]
fn g12_until_is_inclusive() {
    let text = format!(
        "DTSTART;{BERLIN}:20270301T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20270303T080000Z"
    );
    assert_eq!(
        busy(&text),
        [
            "2027-03-01T08:00/2027-03-01T09:00",
            "2027-03-02T08:00/2027-03-02T09:00",
            "2027-03-03T08:00/2027-03-03T09:00"
        ]
    );
}

#[test]
fn g13_an_exdate_in_utc_excludes_a_start_in_a_zone() {
    let text = format!(
        "DTSTART;{BERLIN}:20270301T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20270302T080000Z"
    );
    assert_eq!(
        busy(&text),
        ["2027-03-01T08:00/2027-03-01T09:00", "2027-03-03T08:00/2027-03-03T09:00"]
    );
}

#[test]
fn g14_a_period_brings_its_own_length_and_dtstart_stays() {
    let found =
        busy("DTSTART:20270301T090000Z\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20270305T120000Z/PT3H");
    assert_eq!(found, ["2027-03-01T09:00/2027-03-01T10:00", "2027-03-05T12:00/2027-03-05T15:00"]);
}

#[test]
fn g15_an_override_moves_its_instance() {
    assert_eq!(
        busy(MOVED),
        [
            "2027-03-01T09:00/2027-03-01T10:00",
            "2027-03-03T09:00/2027-03-03T10:00",
            "2027-03-10T15:00/2027-03-10T17:00"
        ]
    );
}

#[test]
fn g16_this_and_future_moves_and_shortens_all_later_instances() {
    let found = busy(
        "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\n\n\
         RECURRENCE-ID;RANGE=THISANDFUTURE:20270303T090000Z\nDTSTART:20270303T110000Z\nDURATION:PT30M",
    );
    assert_eq!(
        found,
        [
            "2027-03-01T09:00/2027-03-01T10:00",
            "2027-03-02T09:00/2027-03-02T10:00",
            "2027-03-03T11:00/2027-03-03T11:30",
            "2027-03-04T11:00/2027-03-04T11:30"
        ]
    );
}

#[test]
fn g17_week_53_comes_when_the_year_has_one() {
    let found = busy(
        "DTSTART:20261228T100000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;COUNT=2",
    );
    assert_eq!(found, ["2026-12-28T10:00/2026-12-28T11:00", "2032-12-27T10:00/2032-12-27T11:00"]);
}

#[test]
fn g18_an_override_without_its_master_is_that_instance_alone() {
    let found = busy("RECURRENCE-ID:20270302T090000Z\nDTSTART:20270302T100000Z\nDURATION:PT1H");
    assert_eq!(found, ["2027-03-02T10:00/2027-03-02T11:00"]);
}

#[test]
fn g19_the_second_tuesday_keeps_its_wall_clock_time() {
    let text = format!(
        "DTSTART;{BERLIN}:20270209T100000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=2TU;COUNT=3"
    );
    assert_eq!(
        busy(&text),
        [
            "2027-02-09T09:00/2027-02-09T10:00",
            "2027-03-09T09:00/2027-03-09T10:00",
            "2027-04-13T08:00/2027-04-13T09:00"
        ]
    );
}

/// Egypt and Chile change their rules now and then: these hold for the releases 2023c to 2026f at least.
#[test]
fn g20_to_g23_a_day_lasts_from_its_first_instant_to_the_next_days_first() {
    for (zone, day, expected) in [
        ("Europe/Berlin", "20270328", "2027-03-27T23:00/2027-03-28T22:00"),
        ("Europe/Berlin", "20271031", "2027-10-30T22:00/2027-10-31T23:00"),
        ("Africa/Cairo", "20270430", "2027-04-29T22:00/2027-04-30T21:00"),
        ("America/Santiago", "20270905", "2027-09-05T04:00/2027-09-06T03:00"),
    ] {
        let series = series(&format!("DTSTART;VALUE=DATE:{day}"));
        let found = expand(
            &series,
            window("2027-01-01", "2028-01-01"),
            &owner(zone),
            &mut Budget::default(),
        );
        assert_eq!(listed(&found), [expected], "{zone}");
    }
}

#[test]
fn g24_a_time_without_an_end_is_not_busy() {
    assert!(busy("DTSTART:20270301T090000Z").is_empty());
}

#[test]
fn g25_a_cancelled_override_takes_its_instance_away() {
    let found = busy(&format!("{MOVED}\nSTATUS:CANCELLED"));
    assert_eq!(found, ["2027-03-01T09:00/2027-03-01T10:00", "2027-03-03T09:00/2027-03-03T10:00"]);
}

#[test]
fn g26_a_moved_instance_is_found_where_it_went_and_not_where_it_was() {
    assert!(busy_in(MOVED, "2027-03-02", "2027-03-03").is_empty());
    assert_eq!(busy_in(MOVED, "2027-03-10", "2027-03-11"), ["2027-03-10T15:00/2027-03-10T17:00"]);
}
