//! Recurrence written as iCalendar lines outside of any calendar object, as some providers keep it.

use super::{
    event::{EventParts, Recurrence},
    lines::upper,
};

/// Reads `RRULE`, `EXRULE`, `RDATE` and `EXDATE` lines. What cannot be read is told, as it is of whole events.
pub(crate) fn recurrence<'a>(lines: impl IntoIterator<Item = &'a str>) -> Recurrence {
    let mut parts = EventParts::default();
    for line in lines {
        let name = line.split([':', ';']).next().unwrap_or_default().trim();
        match upper(name.into()).as_ref() {
            known @ ("RRULE" | "EXRULE" | "RDATE" | "EXDATE") => parts.take_core(known, line),
            _ => parts.fault("a line of the recurrence is of no known kind"),
        }
    }
    parts.into_recurrence()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::event::{RemoteDate, RemoteTime};

    #[test]
    fn lines_are_read_as_those_of_an_event() {
        let read = recurrence([
            "RRULE:FREQ=WEEKLY;BYDAY=MO",
            "exdate;TZID=Europe/Berlin:20270315T090000,20270322T090000",
            "EXDATE;VALUE=DATE:20270329",
            "RDATE;TZID=Europe/Berlin:20270317T090000",
            "EXRULE:FREQ=YEARLY",
        ]);
        assert_eq!(read.rules, ["FREQ=WEEKLY;BYDAY=MO"]);
        assert_eq!(read.exrules, ["FREQ=YEARLY"]);
        let berlin = |day| RemoteTime::Zoned {
            at: date(2027, 3, day).at(9, 0, 0, 0),
            tzid: "Europe/Berlin".into(),
        };
        let day = RemoteTime::Date(date(2027, 3, 29));
        assert_eq!(read.exdates, [berlin(15), berlin(22), day]);
        assert_eq!(read.rdates, [RemoteDate::At(berlin(17))]);
        assert!(read.faults.is_empty() && !read.loses_time);
    }

    #[test]
    fn a_date_that_cannot_be_read_loses_time_and_an_exclusion_does_not() {
        let read = recurrence(["RDATE:soon", "EXDATE:later", "X-RULE:1", ""]);
        assert!(read.loses_time);
        assert_eq!(read.faults.len(), 2, "{:?}", read.faults);
    }
}
