//! Calendar objects for the promises. Written for them; no provider's text.

pub(super) const MIDDLE: &str = "2027-03-08T00:00:00Z";

const ZONE: &str = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:19810329T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n";

pub(super) fn calendar(content: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//conformance//EN\r\n{content}END:VCALENDAR\r\n"
    )
}

/// An hour on 8 March 2027, from `hour` UTC.
pub(super) fn hour(uid: &str, hour: u8) -> String {
    calendar(&format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART:20270308T{hour:02}0000Z\r\nDTEND:20270308T{hour:02}5900Z\r\nSUMMARY:Sample {uid}\r\nEND:VEVENT\r\n"
    ))
}

/// A minute of its own for each of many events.
pub(super) fn minute(uid: &str, n: usize) -> String {
    let (day, hour, minute) = (8 + n / 1440, n / 60 % 24, n % 60);
    calendar(&format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART:202703{day:02}T{hour:02}{minute:02}00Z\r\nDURATION:PT1M\r\nSUMMARY:Sample {n}\r\nEND:VEVENT\r\n"
    ))
}

pub(super) fn all_day(uid: &str) -> String {
    calendar(&format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART;VALUE=DATE:20270310\r\nDTEND;VALUE=DATE:20270312\r\nSUMMARY:Away\r\nEND:VEVENT\r\n"
    ))
}

/// A weekly series in a zone, whose second occurrence has moved.
pub(super) fn series_with_a_moved_occurrence(uid: &str) -> String {
    calendar(&format!(
        "{ZONE}BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20270308T100000\r\nDTEND;TZID=Europe/Berlin:20270308T110000\r\nRRULE:FREQ=WEEKLY;COUNT=5\r\nSUMMARY:Weekly\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nRECURRENCE-ID;TZID=Europe/Berlin:20270315T100000\r\nDTSTART;TZID=Europe/Berlin:20270316T143000\r\nDTEND;TZID=Europe/Berlin:20270316T153000\r\nSUMMARY:Weekly\\, moved\r\nEND:VEVENT\r\n"
    ))
}

/// Every server stores it, but its rule cannot be read.
pub(super) fn odd(uid: &str) -> String {
    calendar(&format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART;TZID=Nowhere/Land:20270309T100000\r\nDURATION:PT1H\r\nSUMMARY:Odd\r\nX-ODD;X-P=\"a\":b\r\nEND:VEVENT\r\n"
    ))
}
