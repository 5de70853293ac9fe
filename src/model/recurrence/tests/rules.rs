//! Rules as they are met in the field, and where implementations disagree (`traps.md` 4).

use jiff::tz::TimeZone;

use super::{busy, moment, starts_in, window};
use crate::model::recurrence::{Budget, RuleError, Trouble, starts};

/// The days of the starts between 2027 and 2030, as `MM-DD` with the year where it changes.
fn days(dtstart: &str, rule: &str) -> Vec<String> {
    let found = starts_in(dtstart, rule, "2027-01-01", "2030-01-01").unwrap();
    found.iter().map(|at| at[2..10].to_owned()).collect()
}

fn refused(rule: &str) -> RuleError {
    match starts_in(":20270301T090000Z", rule, "2027-01-01", "2028-01-01") {
        Err(Trouble::Rule(why)) => why,
        other => panic!("{rule}: {other:?}"),
    }
}

#[test]
fn slips_of_writing_that_change_nothing_are_forgiven() {
    let expected = days(":20270301T090000Z", "FREQ=WEEKLY;COUNT=4;BYDAY=MO,WE");
    for rule in [
        "freq=weekly;count=4;byday=mo,we",
        "FREQ=WEEKLY;COUNT=4;BYDAY=MO,WE;",
        "FREQ=WEEKLY\\;COUNT=4\\;BYDAY=MO\\,WE",
        " FREQ = WEEKLY ; COUNT=4; BYDAY=MO, WE",
        "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO,WE",
        "COUNT=4;BYDAY=+1MO,WE;FREQ=WEEKLY",
        "FREQ=WEEKLY;COUNT=4;BYDAY=MO,WE,,MO;BYMONTH=;X-NOTE=1;RSCALE=GREGORIAN;SKIP=OMIT",
        "FREQ=WEEKLY;INTERVAL=0;COUNT=4;BYDAY=MO,WE",
    ] {
        assert_eq!(days(":20270301T090000Z", rule), expected, "{rule}");
    }
}

#[test]
fn a_numbered_weekday_where_numbers_mean_nothing_is_just_the_weekday() {
    assert_eq!(
        days(":20270301T090000Z", "FREQ=WEEKLY;BYDAY=1MO;COUNT=3"),
        ["27-03-01", "27-03-08", "27-03-15"]
    );
    assert_eq!(
        days(":20270301T090000Z", "FREQ=DAILY;BYDAY=-2TU;COUNT=3"),
        ["27-03-01", "27-03-02", "27-03-09"]
    );
}

#[test]
fn what_cannot_be_understood_is_refused_and_never_guessed() {
    assert_eq!(refused("COUNT=3"), RuleError::NoFreq);
    assert_eq!(refused("FREQ=FORTNIGHTLY"), RuleError::Unreadable("FREQ"));
    assert_eq!(refused("FREQ=DAILY;UNTL=20270303"), RuleError::UnknownPart);
    assert_eq!(refused("FREQ=DAILY;COUNT=-3"), RuleError::Unreadable("COUNT"));
    assert_eq!(refused("FREQ=DAILY;COUNT=0"), RuleError::Unreadable("COUNT"));
    assert_eq!(refused("FREQ=DAILY;COUNT=1;COUNT=2"), RuleError::Repeated("COUNT"));
    assert_eq!(refused("FREQ=DAILY;INTERVAL=two"), RuleError::Unreadable("INTERVAL"));
    assert_eq!(refused("FREQ=WEEKLY;BYDAY=XX"), RuleError::Unreadable("BYDAY"));
    assert_eq!(refused("FREQ=WEEKLY;BYDAY=Ä"), RuleError::Unreadable("BYDAY"));
    assert_eq!(refused("FREQ=MONTHLY;BYMONTHDAY=32"), RuleError::Unreadable("BYMONTHDAY"));
    assert_eq!(refused("FREQ=YEARLY;BYWEEKNO=54"), RuleError::Unreadable("BYWEEKNO"));
    assert_eq!(refused("FREQ=YEARLY;BYMONTH=5L"), RuleError::Unreadable("BYMONTH"));
    assert_eq!(refused("FREQ=DAILY;UNTIL=tomorrow"), RuleError::Unreadable("UNTIL"));
    assert_eq!(refused("FREQ=DAILY;UNTIL=20270230"), RuleError::Unreadable("UNTIL"));
    assert_eq!(refused("FREQ=YEARLY;RSCALE=CHINESE"), RuleError::UnknownCalendar);
    assert_eq!(refused("FREQ=MONTHLY;SKIP=BACKWARD"), RuleError::UnknownCalendar);
    assert_eq!(refused("FREQ=DAILY;BYYEARDAY=1"), RuleError::Misplaced("BYYEARDAY"));
    assert_eq!(refused("FREQ=MONTHLY;BYWEEKNO=1"), RuleError::Misplaced("BYWEEKNO"));
    assert_eq!(refused("FREQ=WEEKLY;BYMONTHDAY=1"), RuleError::Misplaced("BYMONTHDAY"));
    let on_dates = starts_in(";VALUE=DATE:20270301", "FREQ=HOURLY", "2027-01-01", "2028-01-01");
    assert!(matches!(on_dates, Err(Trouble::Rule(RuleError::Misplaced(_)))));
}

#[test]
fn until_of_another_type_than_dtstart_is_read_with_good_will() {
    let zoned = |rule: &str| days(";TZID=Europe/Berlin:20270301T233000", rule).len();
    assert_eq!(zoned("FREQ=DAILY;UNTIL=20270303"), 3, "a date means through the end of that day");
    assert_eq!(zoned("FREQ=DAILY;UNTIL=20270303T233000"), 3, "a local time is the series' own");
    assert_eq!(zoned("FREQ=DAILY;UNTIL=20270303T223000Z"), 3, "an instant is inclusive");
    assert_eq!(zoned("FREQ=DAILY;UNTIL=20270303T222959Z"), 2);
    let dated = |rule: &str| days(";VALUE=DATE:20270301", rule).len();
    assert_eq!(dated("FREQ=DAILY;UNTIL=20270303"), 3);
    assert_eq!(dated("FREQ=DAILY;UNTIL=20270303T000000Z"), 3, "the date as written");
    assert_eq!(dated("FREQ=DAILY;UNTIL=20270303T120000"), 3);
}

#[test]
fn until_before_dtstart_leaves_dtstart() {
    assert_eq!(days(":20270301T090000Z", "FREQ=DAILY;UNTIL=20270101T000000Z"), ["27-03-01"]);
}

#[test]
fn count_and_until_together_end_with_the_earlier() {
    assert_eq!(days(":20270301T090000Z", "FREQ=DAILY;COUNT=9;UNTIL=20270302T090000Z").len(), 2);
    assert_eq!(days(":20270301T090000Z", "FREQ=DAILY;COUNT=2;UNTIL=20270309T090000Z").len(), 2);
}

#[test]
fn a_dtstart_that_its_rule_does_not_produce_is_a_start_and_counts() {
    assert_eq!(
        days(":20270303T090000Z", "FREQ=WEEKLY;BYDAY=MO;COUNT=3"),
        ["27-03-03", "27-03-08", "27-03-15"]
    );
    assert_eq!(
        days(":20270303T090000Z", "FREQ=WEEKLY;BYDAY=WE;COUNT=3"),
        ["27-03-03", "27-03-10", "27-03-17"]
    );
    assert_eq!(
        days(":20270303T090000Z", "FREQ=MONTHLY;BYMONTHDAY=1;COUNT=2"),
        ["27-03-03", "27-04-01"]
    );
}

#[test]
fn counting_ends_alike_whether_step_by_step_or_at_once() {
    for rule in [
        "FREQ=DAILY;COUNT=10000",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=10000",
        "FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU,WE,TH,FR;COUNT=3000",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;WKST=SU;COUNT=2001",
        "FREQ=MONTHLY;BYMONTHDAY=-1,-15;COUNT=777",
        "FREQ=MONTHLY;BYDAY=2TU,-1FR;COUNT=555",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=500",
        "FREQ=YEARLY;BYMONTH=2,3;BYMONTHDAY=1,29;COUNT=100",
        "FREQ=HOURLY;INTERVAL=5;COUNT=10000",
        "FREQ=HOURLY;BYHOUR=8,9;BYMINUTE=0,30;COUNT=10000",
    ] {
        let dtstart = moment(":19700104T093000Z");
        let count: usize = rule.rsplit_once('=').unwrap().1.parse().unwrap();
        let mut plenty = Budget::of(u32::MAX);
        let mut within = |from: &str, to: &str| {
            starts(&dtstart, rule, window(from, to), &TimeZone::UTC, &mut plenty).unwrap()
        };
        let all = within("1970-01-01", "2100-01-01");
        assert_eq!(all.len(), count, "{rule}");
        for kept in [1, 2, 5] {
            let tail = &all[count - kept..];
            assert_eq!(within(&tail[0].to_string(), "2100-01-01"), tail, "{rule}");
        }
    }
}

#[test]
fn a_yearly_day_of_the_month_without_a_month_is_in_every_month() {
    let found = days(":20270115T090000Z", "FREQ=YEARLY;BYMONTHDAY=15;COUNT=13");
    assert_eq!(
        (found[1].as_str(), found[11].as_str(), found[12].as_str()),
        ("27-02-15", "27-12-15", "28-01-15")
    );
}

#[test]
fn positions_are_taken_from_the_set_of_one_period() {
    assert_eq!(
        days(":20270301T090000Z", "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=-1;COUNT=3"),
        ["27-03-01", "27-03-05", "27-03-12"]
    );
    assert_eq!(
        days(":20270101T090000Z", "FREQ=YEARLY;BYDAY=MO;BYSETPOS=1,-1;COUNT=4"),
        ["27-01-01", "27-01-04", "27-12-27", "28-01-03"]
    );
    assert_eq!(
        starts_in(
            ":20270301T090000Z",
            "FREQ=DAILY;BYHOUR=9,15;BYMINUTE=0,30;BYSETPOS=2,-1;COUNT=3",
            "2027-01-01",
            "2028-01-01"
        )
        .unwrap(),
        ["2027-03-01T09:00", "2027-03-01T09:30", "2027-03-01T15:30"]
    );
}

#[test]
fn weeks_belong_to_the_year_that_holds_most_of_them() {
    assert_eq!(
        days(":20270104T090000Z", "FREQ=YEARLY;BYWEEKNO=1;COUNT=3"),
        ["27-01-04", "28-01-03", "29-01-01"]
    );
    assert_eq!(
        days(":20270101T090000Z", "FREQ=YEARLY;BYWEEKNO=-1;BYDAY=FR;COUNT=3"),
        ["27-01-01", "27-12-31", "28-12-29"]
    );
    // Monday of week 1 of 2030 is in 2029.
    assert_eq!(
        days(":20290101T090000Z", "FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO;COUNT=2"),
        ["29-01-01", "29-12-31"]
    );
}

#[test]
fn the_beginning_of_the_week_changes_which_week_is_the_first() {
    assert_eq!(
        days(":20270101T090000Z", "FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU;WKST=MO;COUNT=2"),
        ["27-01-01", "27-01-10"]
    );
    assert_eq!(
        days(":20270101T090000Z", "FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU;WKST=SU;COUNT=2"),
        ["27-01-01", "27-01-03"]
    );
}

#[test]
fn days_of_the_year_from_its_end_know_leap_years() {
    assert_eq!(
        days(":20270306T090000Z", "FREQ=YEARLY;BYYEARDAY=-306;COUNT=3"),
        ["27-03-06", "28-03-01", "29-03-01"]
    );
    assert_eq!(
        days(":20270101T090000Z", "FREQ=YEARLY;BYYEARDAY=366;COUNT=2"),
        ["27-01-01", "28-12-31"]
    );
    assert_eq!(days(":20270101T090000Z", "FREQ=YEARLY;BYYEARDAY=-366"), ["27-01-01", "28-01-01"]);
}

#[test]
fn large_ordinals_count_to_the_ends_of_month_and_year() {
    assert_eq!(
        days(":20270101T090000Z", "FREQ=YEARLY;BYDAY=-53SU;COUNT=2"),
        ["27-01-01", "28-01-02"]
    );
    assert_eq!(
        days(":20270301T090000Z", "FREQ=MONTHLY;BYDAY=-5MO;COUNT=2"),
        ["27-03-01", "27-05-03"]
    );
}

#[test]
fn every_second_month_limited_to_some_months() {
    assert_eq!(
        days(":20270101T090000Z", "FREQ=MONTHLY;INTERVAL=2;BYMONTH=1,2,3;COUNT=4"),
        ["27-01-01", "27-03-01", "28-01-01", "28-03-01"]
    );
}

#[test]
fn an_interval_beyond_sixteen_bits_is_kept_exactly() {
    let found = starts_in(
        ":20270101T000000Z",
        "FREQ=MINUTELY;INTERVAL=70000;COUNT=3",
        "2027-01-01",
        "2028-01-01",
    )
    .unwrap();
    assert_eq!(found, ["2027-01-01T00:00", "2027-02-18T14:40", "2027-04-08T05:20"]);
}

#[test]
fn minutes_hours_and_days_limit_together() {
    let found = starts_in(
        ":20270301T090000Z",
        "FREQ=MINUTELY;INTERVAL=7;BYHOUR=9;BYDAY=TU;COUNT=4",
        "2027-01-01",
        "2028-01-01",
    )
    .unwrap();
    // 1440 minutes are 205 times 7 and 5 more, so the grid of the second day begins at 09:02.
    assert_eq!(
        found,
        ["2027-03-01T09:00", "2027-03-02T09:02", "2027-03-02T09:09", "2027-03-02T09:16"]
    );
}

#[test]
fn a_leap_second_is_the_second_before_it() {
    let found =
        busy("DTSTART:20270301T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2;BYSECOND=60");
    assert_eq!(found, ["2027-03-01T09:00/2027-03-01T10:00", "2027-03-01T09:00/2027-03-01T10:00"]);
}
