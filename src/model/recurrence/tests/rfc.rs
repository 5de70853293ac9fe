//! The examples of RFC 5545 3.8.5.3. Their DTSTART is at nine in New York, and so is what they list.

use super::{moment, starts, window};
use crate::model::{recurrence::Budget, time::tzdb};

/// The starts of a rule up to the beginning of a year, as New York's clocks show them.
fn local(dtstart: &str, rule: &str, to: &str, format: &str) -> Vec<String> {
    let york = tzdb().zone("America/New_York").unwrap();
    let dtstart = moment(&format!(";TZID=America/New_York:{dtstart}T090000"));
    let window = window("1996-01-01", &format!("{to}-01-01"));
    let found = starts(&dtstart, rule, window, &york, &mut Budget::default()).unwrap();
    found.into_iter().map(|at| york.to_datetime(at).strftime(format).to_string()).collect()
}

/// Expects days as `YYYY: M/D D D, M/D ...`, all of them at nine.
#[track_caller]
fn expect(dtstart: &str, rule: &str, years: &[(&str, &str)]) {
    let mut expected = Vec::new();
    for (year, months) in years {
        for month in months.split(", ") {
            let (month, days) = month.split_once('/').unwrap();
            for day in days.split(' ') {
                expected.push(format!("{year}-{month:0>2}-{day:0>2} 09:00"));
            }
        }
    }
    let (last, _) = years.last().unwrap();
    let to = (last.parse::<u32>().unwrap() + 1).to_string();
    assert_eq!(local(dtstart, rule, &to, "%Y-%m-%d %H:%M"), expected, "{rule}");
}

fn days(from: u32, to: u32, step: usize) -> String {
    (from..=to).step_by(step).map(|day| day.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn daily_examples() {
    let sep2 = "19970902";
    expect(sep2, "FREQ=DAILY;COUNT=10", &[("1997", "9/2 3 4 5 6 7 8 9 10 11")]);
    let until = format!(
        "9/{}, 10/{}, 11/{}, 12/{}",
        days(2, 30, 1),
        days(1, 31, 1),
        days(1, 30, 1),
        days(1, 23, 1)
    );
    expect(sep2, "FREQ=DAILY;UNTIL=19971224T000000Z", &[("1997", &until)]);
    let second = format!(
        "9/{}, 10/{}, 11/{}, 12/{}",
        days(2, 30, 2),
        days(2, 30, 2),
        days(1, 29, 2),
        days(1, 31, 2)
    );
    expect(sep2, "FREQ=DAILY;INTERVAL=2", &[("1997", &second)]);
    expect(sep2, "FREQ=DAILY;INTERVAL=10;COUNT=5", &[("1997", "9/2 12 22, 10/2 12")]);
    let january = format!("1/{}", days(1, 31, 1));
    let years = [("1998", january.as_str()), ("1999", &january), ("2000", &january)];
    expect(
        "19980101",
        "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        &years,
    );
    expect("19980101", "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1", &years);
}

#[test]
fn weekly_examples() {
    let sep2 = "19970902";
    expect(sep2, "FREQ=WEEKLY;COUNT=10", &[("1997", "9/2 9 16 23 30, 10/7 14 21 28, 11/4")]);
    expect(
        sep2,
        "FREQ=WEEKLY;UNTIL=19971224T000000Z",
        &[("1997", "9/2 9 16 23 30, 10/7 14 21 28, 11/4 11 18 25, 12/2 9 16 23")],
    );
    expect(
        sep2,
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        &[("1997", "9/2 16 30, 10/14 28, 11/11 25, 12/9 23")],
    );
    for end in ["UNTIL=19971007T000000Z", "COUNT=10"] {
        expect(
            sep2,
            &format!("FREQ=WEEKLY;{end};WKST=SU;BYDAY=TU,TH"),
            &[("1997", "9/2 4 9 11 16 18 23 25 30, 10/2")],
        );
    }
    expect(
        "19970901",
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        &[(
            "1997",
            "9/1 3 5 15 17 19 29, 10/1 3 13 15 17 27 29 31, 11/10 12 14 24 26 28, 12/8 10 12 22",
        )],
    );
    expect(
        sep2,
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        &[("1997", "9/2 4 16 18 30, 10/2 14 16")],
    );
    expect(
        "19970805",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        &[("1997", "8/5 10 19 24")],
    );
    expect(
        "19970805",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        &[("1997", "8/5 17 19 31")],
    );
}

#[test]
fn monthly_examples_by_weekday() {
    expect(
        "19970905",
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        &[("1997", "9/5, 10/3, 11/7, 12/5"), ("1998", "1/2, 2/6, 3/6, 4/3, 5/1, 6/5")],
    );
    expect(
        "19970905",
        "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR",
        &[("1997", "9/5, 10/3, 11/7, 12/5")],
    );
    expect(
        "19970907",
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        &[("1997", "9/7 28, 11/2 30"), ("1998", "1/4 25, 3/1 29, 5/3 31")],
    );
    expect(
        "19970922",
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        &[("1997", "9/22, 10/20, 11/17, 12/22"), ("1998", "1/19, 2/16")],
    );
    expect(
        "19970902",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU;UNTIL=19980401T000000Z",
        &[("1997", "9/2 9 16 23 30, 11/4 11 18 25"), ("1998", "1/6 13 20 27, 3/3 10 17 24 31")],
    );
}

#[test]
fn monthly_examples_by_day_of_the_month() {
    expect(
        "19970928",
        "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=6",
        &[("1997", "9/28, 10/29, 11/28, 12/29"), ("1998", "1/29, 2/26")],
    );
    expect(
        "19970902",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        &[("1997", "9/2 15, 10/2 15, 11/2 15, 12/2 15"), ("1998", "1/2 15")],
    );
    expect(
        "19970930",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        &[("1997", "9/30, 10/1 31, 11/1 30, 12/1 31"), ("1998", "1/1 31, 2/1")],
    );
    expect(
        "19970910",
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        &[("1997", "9/10 11 12 13 14 15"), ("1999", "3/10 11 12 13")],
    );
    expect(
        "20070115",
        "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        &[("2007", "1/15 30, 2/15, 3/15 30")],
    );
}

#[test]
fn yearly_examples() {
    let both = "6/10, 7/10";
    expect(
        "19970610",
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        &[("1997", both), ("1998", both), ("1999", both), ("2000", both), ("2001", both)],
    );
    let three = "1/10, 2/10, 3/10";
    expect(
        "19970310",
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        &[("1997", "3/10"), ("1999", three), ("2001", three), ("2003", three)],
    );
    expect(
        "19970101",
        "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        &[
            ("1997", "1/1, 4/10, 7/19"),
            ("2000", "1/1, 4/9, 7/18"),
            ("2003", "1/1, 4/10, 7/19"),
            ("2006", "1/1"),
        ],
    );
    expect(
        "19970519",
        "FREQ=YEARLY;BYDAY=20MO",
        &[("1997", "5/19"), ("1998", "5/18"), ("1999", "5/17")],
    );
    expect(
        "19970512",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        &[("1997", "5/12"), ("1998", "5/11"), ("1999", "5/17")],
    );
    expect(
        "19970313",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        &[("1997", "3/13 20 27"), ("1998", "3/5 12 19 26"), ("1999", "3/4 11 18 25")],
    );
    expect(
        "19970605",
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        &[
            ("1997", "6/5 12 19 26, 7/3 10 17 24 31, 8/7 14 21 28"),
            ("1998", "6/4 11 18 25, 7/2 9 16 23 30, 8/6 13 20 27"),
            ("1999", "6/3 10 17 24, 7/1 8 15 22 29, 8/5 12 19 26"),
        ],
    );
    expect(
        "19961105",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        &[("1996", "11/5"), ("2000", "11/7"), ("2004", "11/2")],
    );
}

#[test]
fn examples_that_limit_or_choose_among_days() {
    // The RFC excludes its DTSTART, a Tuesday, by an EXDATE.
    expect(
        "19970902",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        &[("1997", "9/2"), ("1998", "2/13, 3/13, 11/13"), ("1999", "8/13"), ("2000", "10/13")],
    );
    expect(
        "19970913",
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=10",
        &[("1997", "9/13, 10/11, 11/8, 12/13"), ("1998", "1/10, 2/7, 3/7, 4/11, 5/9, 6/13")],
    );
    expect(
        "19970904",
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        &[("1997", "9/4, 10/7, 11/6")],
    );
    expect(
        "19970929",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=7",
        &[("1997", "9/29, 10/30, 11/27, 12/30"), ("1998", "1/29, 2/26, 3/30")],
    );
}

#[test]
fn examples_within_a_day() {
    let times = |rule: &str| local("19970902", rule, "1998", "%d %H:%M");
    // The RFC lists 15:00 as well, but its UNTIL is 13:00 in New York (a known erratum).
    assert_eq!(times("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000Z"), ["02 09:00", "02 12:00"]);
    assert_eq!(
        times("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z"),
        ["02 09:00", "02 12:00", "02 15:00"]
    );
    assert_eq!(
        times("FREQ=MINUTELY;INTERVAL=15;COUNT=6"),
        ["02 09:00", "02 09:15", "02 09:30", "02 09:45", "02 10:00", "02 10:15"]
    );
    assert_eq!(
        times("FREQ=MINUTELY;INTERVAL=90;COUNT=4"),
        ["02 09:00", "02 10:30", "02 12:00", "02 13:30"]
    );
    let every_20 = times("FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40;COUNT=49");
    assert_eq!(
        every_20.iter().map(String::as_str).take(4).collect::<Vec<_>>(),
        ["02 09:00", "02 09:20", "02 09:40", "02 10:00"]
    );
    assert_eq!(
        (every_20[23].as_str(), every_20[24].as_str(), every_20[48].as_str()),
        ("02 16:40", "03 09:00", "04 09:00")
    );
    assert_eq!(times("FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16;COUNT=49"), every_20);
}
