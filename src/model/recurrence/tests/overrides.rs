//! Sets, exceptions and overrides (`providers.md` 5.4, `traps.md` G).

use super::{busy, busy_in};

const DAILY: &str =
    "DTSTART;TZID=Europe/Berlin:20270301T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=5";

/// The starts of what is busy, as `MM-DD HH:MM` UTC.
fn starts_of(text: &str) -> Vec<String> {
    busy(text).iter().map(|interval| interval[5..16].replace('T', " ")).collect()
}

#[test]
fn exdates_exclude_by_instant_by_wall_clock_and_by_day() {
    for exdate in [
        ";TZID=Europe/Berlin:20270302T090000",
        ":20270302T080000Z",
        ";TZID=America/New_York:20270302T030000",
        ":20270302T090000",
        ";VALUE=DATE:20270302",
    ] {
        let found = starts_of(&format!("{DAILY}\nEXDATE{exdate}"));
        assert_eq!(found, ["03-01 08:00", "03-03 08:00", "03-04 08:00", "03-05 08:00"], "{exdate}");
    }
    assert_eq!(starts_of(&format!("{DAILY}\nEXDATE:20270302T090000Z")).len(), 5, "no start there");
}

#[test]
fn an_exdate_may_take_dtstart_away() {
    let found = starts_of(&format!("{DAILY}\nEXDATE:20270301T080000Z"));
    assert_eq!(found, ["03-02 08:00", "03-03 08:00", "03-04 08:00", "03-05 08:00"]);
}

#[test]
fn exdates_of_an_all_day_series_are_days_however_written() {
    for exdate in [
        ";VALUE=DATE:20270302",
        ":20270302T000000Z",
        ":20270301T230000Z",
        ";TZID=Europe/Berlin:20270302T000000",
        ":20270302T120000",
    ] {
        let found =
            busy(&format!("DTSTART;VALUE=DATE:20270301\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE{exdate}"));
        assert_eq!(
            found,
            ["2027-02-28T23:00/2027-03-01T23:00", "2027-03-02T23:00/2027-03-03T23:00"],
            "{exdate}"
        );
    }
}

#[test]
fn an_exrule_is_not_ignored() {
    let found = starts_of(&format!("{DAILY}\nEXRULE:FREQ=DAILY;INTERVAL=2"));
    assert_eq!(found, ["03-02 08:00", "03-04 08:00"]);
    let found = starts_of(&format!("{DAILY}\nEXRULE:FREQ=WEEKLY;BYDAY=TU"));
    assert_eq!(
        found,
        ["03-01 08:00", "03-03 08:00", "03-04 08:00", "03-05 08:00"],
        "DTSTART is no Tuesday"
    );
}

#[test]
fn an_exrule_that_cannot_be_read_leaves_every_start_in_doubt() {
    let found = busy(
        "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2\nEXRULE:FREQ=NEVER",
    );
    assert_eq!(found, ["?2027-03-01T09:00/2027-03-01T10:00", "?2027-03-02T09:00/2027-03-02T10:00"]);
}

#[test]
fn rdates_without_a_rule_keep_dtstart() {
    let found = starts_of(
        "DTSTART:20270301T090000Z\nDURATION:PT1H\nRDATE:20270305T090000Z\nRDATE:20270303T090000Z\nRDATE:20270303T090000Z",
    );
    assert_eq!(found, ["03-01 09:00", "03-03 09:00", "03-05 09:00"]);
}

#[test]
fn rdates_of_the_other_type_take_dtstarts_type() {
    let found = starts_of(
        "DTSTART;TZID=Europe/Berlin:20270301T090000\nDURATION:PT1H\nRDATE;VALUE=DATE:20270305",
    );
    assert_eq!(found, ["03-01 08:00", "03-05 08:00"]);
    let found = busy("DTSTART;VALUE=DATE:20270301\nRDATE;TZID=Europe/Berlin:20270305T150000");
    assert_eq!(found, ["2027-02-28T23:00/2027-03-01T23:00", "2027-03-04T23:00/2027-03-05T23:00"]);
}

#[test]
fn a_period_ends_where_it_says_also_where_the_rule_has_a_start() {
    let found = busy(
        "DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2\nRDATE;VALUE=PERIOD:20270302T090000Z/20270302T180000Z",
    );
    assert_eq!(found, ["2027-03-01T09:00/2027-03-01T10:00", "2027-03-02T09:00/2027-03-02T18:00"]);
}

#[test]
fn a_long_period_reaches_into_a_window_far_from_its_start() {
    let text = "DTSTART:20270301T090000Z\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20270302T090000Z/P30D";
    assert_eq!(busy_in(text, "2027-03-20", "2027-03-21"), ["2027-03-02T09:00/2027-04-01T09:00"]);
}

#[test]
fn a_recurrence_id_names_the_instant_whatever_zone_or_type_it_has() {
    for id in [
        ":20270302T080000Z",
        ";TZID=Asia/Tokyo:20270302T170000",
        ";TZID=Europe/Berlin:20270302T090000",
        ";VALUE=DATE:20270302",
        ":20270302T090000",
    ] {
        let found = starts_of(&format!(
            "{DAILY}\n\nRECURRENCE-ID{id}\nDTSTART:20270302T150000Z\nDURATION:PT1H"
        ));
        assert_eq!(
            found,
            ["03-01 08:00", "03-02 15:00", "03-03 08:00", "03-04 08:00", "03-05 08:00"],
            "{id}"
        );
    }
}

#[test]
fn an_override_that_the_rule_does_not_produce_is_an_added_instance() {
    let found = starts_of(&format!(
        "{DAILY}\n\nRECURRENCE-ID:20270320T080000Z\nDTSTART:20270320T150000Z\nDURATION:PT1H"
    ));
    assert_eq!(found.len(), 6);
    assert_eq!(found[5], "03-20 15:00");
}

#[test]
fn an_excluded_instance_that_is_overridden_is_there_unless_cancelled() {
    let text = format!(
        "{DAILY}\nEXDATE:20270302T080000Z\n\nRECURRENCE-ID:20270302T080000Z\nDTSTART:20270302T100000Z\nDURATION:PT1H"
    );
    assert_eq!(
        starts_of(&text),
        ["03-01 08:00", "03-02 10:00", "03-03 08:00", "03-04 08:00", "03-05 08:00"]
    );
    assert_eq!(
        starts_of(&format!("{text}\nSTATUS:CANCELLED")),
        ["03-01 08:00", "03-03 08:00", "03-04 08:00", "03-05 08:00"]
    );
}

#[test]
fn an_override_that_is_free_frees_its_instance() {
    let found = starts_of(&format!(
        "{DAILY}\n\nRECURRENCE-ID:20270302T080000Z\nDTSTART:20270302T080000Z\nDURATION:PT1H\nTRANSP:TRANSPARENT"
    ));
    assert_eq!(found, ["03-01 08:00", "03-03 08:00", "03-04 08:00", "03-05 08:00"]);
}

#[test]
fn a_busy_override_of_a_free_series_is_busy() {
    let found = starts_of(&format!(
        "{DAILY}\nTRANSP:TRANSPARENT\n\nRECURRENCE-ID:20270302T080000Z\nDTSTART:20270302T080000Z\nDURATION:PT1H"
    ));
    assert_eq!(found, ["03-02 08:00"]);
}

#[test]
fn of_two_overrides_of_one_instance_the_newer_holds() {
    let over = |hour: u32, sequence: u32, stamp: u32| {
        format!(
            "\n\nRECURRENCE-ID:20270302T080000Z\nDTSTART:20270302T{hour}0000Z\nDURATION:PT1H\nSEQUENCE:{sequence}\nDTSTAMP:202701{stamp:02}T000000Z"
        )
    };
    let second = |text: String| starts_of(&format!("{DAILY}{text}"))[1].clone();
    assert_eq!(second(over(12, 2, 1) + &over(13, 1, 9)), "03-02 12:00", "by SEQUENCE");
    assert_eq!(second(over(12, 1, 1) + &over(13, 1, 9)), "03-02 13:00", "then by DTSTAMP");
}

#[test]
fn of_two_masters_the_newer_holds_and_equals_are_two_events() {
    let master = |day: u32, sequence: u32| {
        format!("DTSTART:202703{day:02}T090000Z\nDURATION:PT1H\nSEQUENCE:{sequence}\n\n")
    };
    assert_eq!(starts_of(&(master(1, 1) + &master(2, 2))), ["03-02 09:00"]);
    assert_eq!(starts_of(&(master(1, 1) + &master(2, 1))), ["03-01 09:00", "03-02 09:00"]);
    assert_eq!(starts_of(&(master(1, 1) + &master(1, 1))), ["03-01 09:00"]);
}

#[test]
fn this_and_future_moves_by_the_wall_clock_over_a_clock_change() {
    let found = starts_of(
        "DTSTART;TZID=Europe/Berlin:20270326T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\n\n\
         RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20270327T090000\nDTSTART;TZID=Europe/Berlin:20270327T110000\nDURATION:PT1H",
    );
    assert_eq!(found, ["03-26 08:00", "03-27 10:00", "03-28 09:00", "03-29 09:00"]);
}

#[test]
fn overrides_after_this_and_future_go_by_original_starts() {
    let range = "\n\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270302T080000Z\nDTSTART:20270302T100000Z\nDURATION:PT30M";
    let single = "\n\nRECURRENCE-ID:20270303T080000Z\nDTSTART:20270303T200000Z\nDURATION:PT1H";
    let later = "\n\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270304T080000Z\nDTSTART:20270305T060000Z\nDURATION:PT2H";
    let found = busy(&format!("{DAILY}{range}{single}{later}"));
    assert_eq!(
        found,
        [
            "2027-03-01T08:00/2027-03-01T09:00",
            "2027-03-02T10:00/2027-03-02T10:30",
            "2027-03-03T20:00/2027-03-03T21:00",
            "2027-03-05T06:00/2027-03-05T08:00",
            "2027-03-06T06:00/2027-03-06T08:00",
        ]
    );
}

#[test]
fn this_and_future_that_is_cancelled_ends_the_series() {
    let found = starts_of(&format!(
        "{DAILY}\n\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270303T080000Z\nDTSTART:20270303T080000Z\nDURATION:PT1H\nSTATUS:CANCELLED"
    ));
    assert_eq!(found, ["03-01 08:00", "03-02 08:00"]);
}

#[test]
fn this_and_future_may_turn_a_series_into_whole_days() {
    let found = busy(&format!(
        "{DAILY}\n\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270304T080000Z\nDTSTART;VALUE=DATE:20270304"
    ));
    assert_eq!(
        found[2..],
        [
            "2027-03-03T08:00/2027-03-03T09:00",
            "2027-03-03T23:00/2027-03-04T23:00",
            "2027-03-04T23:00/2027-03-05T23:00"
        ]
    );
}

#[test]
fn an_instance_moved_over_the_edge_of_the_window_is_found_on_either_side() {
    let text = format!(
        "{DAILY}\n\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270304T080000Z\nDTSTART:20270604T080000Z\nDURATION:PT1H"
    );
    assert_eq!(busy_in(&text, "2027-06-05", "2027-06-06"), ["2027-06-05T08:00/2027-06-05T09:00"]);
    assert!(busy_in(&text, "2027-03-05", "2027-03-06").is_empty());
}
