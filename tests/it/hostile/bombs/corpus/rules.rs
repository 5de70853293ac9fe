//! Calendar files that hurt by their rules and dates.

use super::{Later, START, calendar, date, dates, each, event, later, list, one};

/// A zone of so many blocks of so many dates each, known to nobody else.
fn zone(blocks: usize, each_dates: usize) -> String {
    let block = |n: usize| {
        let offset = if n.is_multiple_of(2) {
            "+0100\r\nTZOFFSETFROM:+0200"
        } else {
            "+0200\r\nTZOFFSETFROM:+0100"
        };
        let rdates = if each_dates == 0 {
            String::new()
        } else {
            format!("RDATE:{}\r\n", dates(each_dates, ""))
        };
        format!(
            "BEGIN:STANDARD\r\nDTSTART:{}\r\nTZOFFSETTO:{offset}\r\n{rdates}END:STANDARD\r\n",
            date(n)
        )
    };
    format!("BEGIN:VTIMEZONE\r\nTZID:Nowhere\r\n{}END:VTIMEZONE\r\n", each(blocks, block))
}

pub(super) const SECONDLY: &str = "RRULE:FREQ=SECONDLY;COUNT=1000000000\r\n";
fn all_seconds() -> String {
    format!("BYHOUR={};BYMINUTE={1};BYSECOND={1}", list(0, 23), list(0, 59))
}

/// An event with so many exceptions, each in a zone that comes along.
fn zoned(count: usize) -> String {
    let lines = format!(
        "DTSTART;TZID=Nowhere:20270308T090000\r\nRRULE:FREQ=DAILY\r\nEXDATE;TZID=Nowhere:{}\r\n",
        dates(count, "")
    );
    calendar(&(zone(100, 20) + &event("a", &lines)))
}

/// Calendar files that hurt by their rules and dates.
pub(super) fn rules() -> Vec<Later> {
    vec![
        later("secondly-count", || one(SECONDLY)),
        later("secondly-for-ever", || one("RRULE:FREQ=SECONDLY\r\n")),
        later("secondly-from-long-ago", || {
            calendar(&event("a", "DTSTART:19700101T000000Z\r\nRRULE:FREQ=SECONDLY;INTERVAL=3\r\n"))
        }),
        later("minutely-all", || one(&format!("RRULE:FREQ=MINUTELY;{}\r\n", all_seconds()))),
        later("daily-every-second", || one(&format!("RRULE:FREQ=DAILY;{}\r\n", all_seconds()))),
        later("yearly-every-second", || {
            one(&format!("RRULE:FREQ=YEARLY;BYYEARDAY={};{}\r\n", list(1, 366), all_seconds()))
        }),
        later("setpos-of-everything", || {
            one(&format!(
                "RRULE:FREQ=YEARLY;BYYEARDAY={0};{1};BYSETPOS={0}\r\n",
                list(1, 366),
                all_seconds()
            ))
        }),
        later("by-list-of-100000", || {
            one(&format!("RRULE:FREQ=MONTHLY;BYMONTHDAY={}\r\n", vec!["1"; 100_000].join(",")))
        }),
        later("by-day-of-100000", || {
            one(&format!("RRULE:FREQ=YEARLY;BYDAY={}\r\n", vec!["-53MO"; 100_000].join(",")))
        }),
        later("never-matches", || one("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\r\n")),
        later("never-matches-by-seconds", || {
            one("RRULE:FREQ=SECONDLY;INTERVAL=86400;BYHOUR=3\r\n")
        }),
        later("numbers-without-end", || {
            one(&format!("RRULE:FREQ=DAILY;INTERVAL={0};COUNT={0}\r\n", "9".repeat(100_000)))
        }),
        later("until-the-end-of-time", || one("RRULE:FREQ=SECONDLY;UNTIL=99991231T235959Z\r\n")),
        later("a-hundred-rules", || one(&SECONDLY.repeat(100))),
        later("ten-thousand-rules", || one(&SECONDLY.repeat(10_000))),
        later("rules-and-exrules", || {
            one(&(SECONDLY.repeat(50) + &SECONDLY.replace("RRULE", "EXRULE").repeat(50)))
        }),
        later("a-thousand-secondly-series", || {
            calendar(&each(1_000, |n| event(&n.to_string(), &format!("{START}{SECONDLY}"))))
        }),
        later("ten-thousand-secondly-series", || {
            calendar(&each(10_000, |n| event(&n.to_string(), &format!("{START}{SECONDLY}"))))
        }),
        later("secondly-masters-of-one-uid", || {
            calendar(&each(1_000, |n| event("a", &format!("DTSTART:{}Z\r\n{SECONDLY}", date(n)))))
        }),
        later("overrides-of-a-secondly-series", || {
            calendar(
                &(event("a", &format!("{START}{SECONDLY}"))
                    + &each(5_000, |n| {
                        event("a", &format!("RECURRENCE-ID:{}Z\r\n{START}", date(n)))
                    })),
            )
        }),
        later("overrides-for-the-future", || {
            calendar(
                &(event("a", &format!("{START}RRULE:FREQ=HOURLY\r\n"))
                    + &each(2_000, |n| {
                        event(
                            "a",
                            &format!("RECURRENCE-ID;RANGE=THISANDFUTURE:{}Z\r\n{START}", date(n)),
                        )
                    })),
            )
        }),
        later("exdates-10000", || {
            one(&format!("RRULE:FREQ=HOURLY\r\nEXDATE:{}\r\n", dates(10_000, "Z")))
        }),
        later("exdates-100000", || {
            one(&format!(
                "RRULE:FREQ=HOURLY\r\n{}",
                each(20, |_| format!("EXDATE:{}\r\n", dates(5_000, "Z")))
            ))
        }),
        later("exdates-of-a-secondly-rule", || {
            one(&format!("{SECONDLY}EXDATE:{}\r\n", dates(10_000, "Z")))
        }),
        later("exdates-in-a-zone-of-its-own", || zoned(10_000)),
        later("rdates-10000", || one(&format!("RDATE:{}\r\n", dates(10_000, "Z")))),
        later("rdates-of-a-century", || {
            one(&format!("RDATE;VALUE=PERIOD:{}\r\n", dates(10_000, "Z/P36500D")))
        }),
        later("long-events", || {
            calendar(&each(2_000, |n| {
                event(&n.to_string(), &format!("DTSTART:{}Z\r\nDURATION:P400D\r\n", date(n)))
            }))
        }),
        later("daily-events-of-a-century", || {
            calendar(&event(
                "a",
                "DTSTART:19000101T000000Z\r\nDURATION:P36500D\r\nRRULE:FREQ=DAILY\r\n",
            ))
        }),
        later("durations-without-end", || one(&format!("DURATION:P{}W\r\n", "9".repeat(50_000)))),
        later("free-busy-of-100000", || {
            calendar(&format!(
                "BEGIN:VFREEBUSY\r\nUID:a\r\nFREEBUSY:{}\r\nEND:VFREEBUSY\r\n",
                dates(50_000, "Z/PT1H")
            ))
        }),
        later("zone-of-a-million-dates", || {
            calendar(&(zone(100, 1_000) + &event("a", "DTSTART;TZID=Nowhere:20270308T090000\r\n")))
        }),
        later("zone-for-everybody", || {
            calendar(
                &(zone(1_000, 20)
                    + &each(1_000, |n| {
                        event(&n.to_string(), "DTSTART;TZID=Nowhere:20270308T090000\r\n")
                    })),
            )
        }),
        later("ten-thousand-zones", || {
            calendar(
                &(each(5_000, |n| zone(2, 0).replace("Nowhere", &format!("N{n}")))
                    + &each(5_000, |n| {
                        event(&n.to_string(), &format!("DTSTART;TZID=N{n}:20270308T090000\r\n"))
                    })),
            )
        }),
        later("zone-of-secondly-rules", || {
            calendar(
                &(zone(100, 0).replace("END:STANDARD", "RRULE:FREQ=SECONDLY\r\nEND:STANDARD")
                    + &event("a", "DTSTART;TZID=Nowhere:20270308T090000\r\n")),
            )
        }),
        later("zones-nobody-knows", || {
            calendar(&each(5_000, |n| {
                event(&n.to_string(), &format!("DTSTART;TZID=Atlantis/{n}:20270308T090000\r\n"))
            }))
        }),
    ]
}
