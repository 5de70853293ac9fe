//! Writing, and laying a draft over what is there.

use super::*;

pub(super) fn draft() -> crate::Draft {
    use crate::connector::DraftTime;
    crate::Draft {
        start: DraftTime::At("2027-03-08T09:00:00Z".parse().unwrap()),
        end: DraftTime::At("2027-03-08T10:00:00Z".parse().unwrap()),
        title: "Talk; with, care\r\nBEGIN:VEVENT\u{7}".to_owned(),
        description: None,
        location: None,
        private: true,
        tentative: false,
        stamped: "2027-01-01T00:00:00Z".parse().unwrap(),
        sequence: 2,
        keeps_words: false,
    }
}

#[test]
fn what_is_written_reads_back_as_one_marked_event() {
    let key = crate::WriteKey { uid: "u\r\nX-A:1\"".to_owned(), marker: "bkg_1\n".to_owned() };
    let text = write(&draft(), &key);
    for line in ["DTEND:20270308T100000Z", "TRANSP:OPAQUE", "STATUS:CONFIRMED", "CLASS:PRIVATE"] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
    }
    for absent in ["METHOD", "ATTENDEE", "ORGANIZER", "\nX-A", "\nBEGIN:VEVENT\u{7}"] {
        assert!(!text.contains(absent), "{absent:?} in {text}");
    }
    assert_eq!(text.matches("\nBEGIN:VEVENT").count(), 1);
    let parsed = read(&text);
    let [event] = parsed.items[0].events.as_slice() else { panic!("{parsed:?}") };
    assert_eq!(event.uid, "uX-A:1");
    assert_eq!(event.marker.as_deref(), Some("bkg_1"));
    assert_eq!((event.sequence, event.transparent), (2, false));
    assert_eq!(event.start, RemoteTime::Utc("2027-03-08T09:00:00Z".parse().unwrap()));
}

#[test]
fn an_all_day_draft_that_ends_on_its_first_day_lasts_it() {
    use crate::connector::DraftTime;
    let day = DraftTime::On(jiff::civil::date(2027, 3, 8));
    let key = crate::WriteKey { uid: "u".to_owned(), marker: "m".to_owned() };
    let text = write(&crate::Draft { start: day, end: day, ..draft() }, &key);
    assert!(text.contains("DTSTART;VALUE=DATE:20270308\r\n"), "{text}");
    assert!(text.contains("DTEND;VALUE=DATE:20270309\r\n"), "{text}");
}

#[test]
fn rewriting_keeps_every_line_that_is_not_ours() {
    let body = "BEGIN:VCALENDAR\nMETHOD:PUBLISH\nX-WR-CALNAME:mine\nBEGIN:VEVENT\nUID:other\n\
        RECURRENCE-ID:20270301T090000Z\nDTSTART:20270301T090000Z\nEND:VEVENT\nBEGIN:VEVENT\nUID:u\n\
        X-HUB-BOOKING:bkg_1\nDTSTART;TZID=Europe/Berlin:20270301T090000\nDURATION:PT1H\nSUMMARY:old\n\
        DESCRIPTION:my own\n  notes\nSEQUENCE:7\nX-COLOR:red\nBEGIN:VALARM\nDESCRIPTION:ring\n\
        TRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR\n";
    let text = rewrite(body, &draft()).unwrap();
    for kept in [
        "X-WR-CALNAME:mine\r\n",
        "DTSTART:20270301T090000Z\r\n",
        "DESCRIPTION:my own\r\n  notes\r\n",
        "X-COLOR:red\r\n",
        "DESCRIPTION:ring\r\n",
        "UID:u\r\n",
        "X-HUB-BOOKING:bkg_1\r\n",
    ] {
        assert!(text.contains(kept), "{kept:?} in {text}");
    }
    for gone in ["METHOD", "DURATION", "SUMMARY:old", "Europe/Berlin"] {
        assert!(!text.contains(gone), "{gone:?} in {text}");
    }
    let parsed = read(&text);
    let ours = parsed.items.iter().find(|item| item.item.as_str() == "u").unwrap();
    assert_eq!(ours.events[0].sequence, 7);
    assert_eq!(ours.events[0].start, RemoteTime::Utc("2027-03-08T09:00:00Z".parse().unwrap()));
    assert_eq!(rewrite(&text, &draft()).unwrap(), text);
    assert_eq!(rewrite("BEGIN:VCALENDAR\nEND:VCALENDAR\n", &draft()), None);
}
