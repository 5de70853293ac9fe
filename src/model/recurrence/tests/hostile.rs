//! Rules made to hurt: each ends within its budget, and what is not worked out is unknown (`bars.md` S2).

use jiff::tz::TimeZone;

use super::{busy_in, expand, listed, moment, owner, series, starts_in, window};
use crate::model::recurrence::{Budget, Trouble, starts};

fn unknown_from(rule: &str) -> Vec<String> {
    busy_in(
        &format!("DTSTART:20270301T090000Z\nDURATION:PT1S\nRRULE:{rule}"),
        "2027-03-01",
        "2027-04-01",
    )
}

#[test]
fn a_rule_beyond_its_budget_is_unknown_from_where_it_stopped() {
    for rule in [
        "FREQ=SECONDLY;COUNT=1000000000",
        "FREQ=SECONDLY",
        "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;BYMINUTE=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59;BYSECOND=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59",
    ] {
        let found = unknown_from(rule);
        let unknown: Vec<_> = found.iter().filter(|interval| interval.starts_with('?')).collect();
        assert_eq!(unknown.len(), 1, "{rule}");
        assert!(
            unknown[0].starts_with("?2027-03-0") && unknown[0].ends_with("/2027-04-01T00:00"),
            "{}",
            unknown[0]
        );
        assert!(found.len() > 10_000, "what was worked out is busy");
    }
}

#[test]
fn a_window_that_the_budget_covers_is_exact_however_far_it_lies() {
    let found = starts_in(
        ":19700101T000000Z",
        "FREQ=SECONDLY;INTERVAL=7;COUNT=1000000000",
        "2027-03-01T00:00:00Z",
        "2027-03-01T00:01:00Z",
    )
    .unwrap();
    assert_eq!(found.len(), 8);
}

#[test]
fn a_rule_that_cannot_be_read_is_unknown_from_dtstart_and_dtstart_is_busy() {
    assert_eq!(
        unknown_from("FREQ=SOMETIMES"),
        ["2027-03-01T09:00/2027-03-01T09:00", "?2027-03-01T09:00/2027-04-01T00:00"]
    );
    let text = "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES";
    assert_eq!(busy_in(text, "2027-05-01", "2027-06-01"), ["?2027-05-01T00:00/2027-06-01T00:00"]);
    assert!(
        busy_in(text, "2027-01-01", "2027-02-01").is_empty(),
        "before it begins, a series is free"
    );
}

#[test]
fn a_series_that_is_free_is_free_even_when_its_rule_cannot_be_read() {
    assert!(
        busy_in(
            "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES\nTRANSP:TRANSPARENT",
            "2027-01-01",
            "2028-01-01"
        )
        .is_empty()
    );
}

#[test]
fn overrides_of_a_series_that_cannot_be_read_are_still_busy() {
    let found = busy_in(
        "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES\n\nRECURRENCE-ID:20270302T090000Z\nDTSTART:20270210T090000Z\nDURATION:PT1H",
        "2027-02-01",
        "2027-03-01",
    );
    assert_eq!(found, ["2027-02-10T09:00/2027-02-10T10:00"]);
}

#[test]
fn rules_that_never_match_end() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=4",
        "FREQ=SECONDLY;INTERVAL=86400;BYHOUR=3",
        "FREQ=MINUTELY;INTERVAL=1440;BYMINUTE=1;COUNT=5",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
        "FREQ=DAILY;BYSETPOS=2",
        "FREQ=YEARLY;BYDAY=53MO;BYMONTH=1;COUNT=9",
    ] {
        let found = starts_in(":20270301T090000Z", rule, "2027-01-01", "2040-01-01");
        assert_eq!(found.unwrap(), ["2027-03-01T09:00"], "{rule}");
    }
}

#[test]
fn the_ends_of_time_do_not_break_anything() {
    let zones = ["Europe/Berlin", "Pacific/Kiritimati", "America/Adak"].map(owner);
    for dtstart in [
        ":00010101T000000",
        ":99991231T235959",
        ";VALUE=DATE:00010101",
        ";VALUE=DATE:99991231",
        ":16010101T000000Z",
    ] {
        for rule in [
            "FREQ=DAILY",
            "FREQ=YEARLY;BYWEEKNO=-1,1,53",
            "FREQ=MONTHLY;INTERVAL=99999999999999999999",
            "FREQ=SECONDLY;INTERVAL=3",
            "FREQ=YEARLY;COUNT=99999999999999999999",
            "FREQ=WEEKLY;BYMONTH=1;COUNT=999999",
        ] {
            for zone in &zones {
                for (from, to) in [
                    ("0001-01-01", "0001-01-02"),
                    ("2027-01-01", "2027-01-02"),
                    ("9999-12-01", "9999-12-30"),
                ] {
                    let _ = starts(
                        &moment(dtstart),
                        rule,
                        window(from, to),
                        zone,
                        &mut Budget::default(),
                    );
                    for length in ["DURATION:P1D", "DURATION:PT1H", "DURATION:P36500D"] {
                        let text = format!("DTSTART{dtstart}\n{length}\nRRULE:{rule}");
                        let _ =
                            expand(&series(&text), window(from, to), zone, &mut Budget::default());
                    }
                }
            }
        }
    }
}

#[test]
fn the_budget_is_counted_in_steps_and_shared_by_all_rules_of_a_series() {
    let dtstart = moment(":20270301T090000Z");
    let span = window("2027-03-01", "2027-03-31");
    let mut few = Budget::of(20);
    assert_eq!(
        starts(&dtstart, "FREQ=DAILY", span, &TimeZone::UTC, &mut few),
        Err(Trouble::Budget)
    );
    let text = "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nRRULE:FREQ=HOURLY";
    let found = expand(&series(text), span, &TimeZone::UTC, &mut Budget::of(100));
    assert_eq!(found.unexpandable, Some(Trouble::Budget));
    assert!(listed(&found).iter().any(|interval| interval.starts_with('?')));
}

#[test]
fn very_long_instances_are_found_from_any_window() {
    let text = "DTSTART:20000101T000000Z\nDURATION:P36500D\nRRULE:FREQ=YEARLY;COUNT=3";
    assert_eq!(busy_in(text, "2050-01-01", "2050-01-02").len(), 3);
}
