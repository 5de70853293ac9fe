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
        zone: None,
        guests: Vec::new(),
        keeps_words: false,
        keeps_time: false,
    }
}

pub(super) fn key() -> crate::WriteKey {
    crate::WriteKey { uid: "u".to_owned(), marker: "bkg_1".to_owned() }
}

#[test]
fn what_is_written_reads_back_as_one_marked_event() {
    let key = crate::WriteKey { uid: "u\r\nX-A:1\"".to_owned(), marker: "bkg_1\n".to_owned() };
    let text = write(&draft(), &key, None);
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
    let text = write(&crate::Draft { start: day, end: day, ..draft() }, &key, None);
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
    let text = rewrite(body, &draft(), &key(), None).unwrap();
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
    assert_eq!(rewrite(&text, &draft(), &key(), None).unwrap(), text);
    assert_eq!(rewrite("BEGIN:VCALENDAR\nEND:VCALENDAR\n", &draft(), &key(), None), None);
}

#[test]
fn an_event_is_written_in_the_zone_it_is_held_in_with_what_that_zone_does_around_it() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let zoned = crate::Draft { zone: Some(zone), ..draft() };
    let text = write(&zoned, &key(), None);
    for line in [
        "DTSTART;TZID=Europe/Berlin:20270308T100000",
        "DTEND;TZID=Europe/Berlin:20270308T110000",
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin",
        "BEGIN:STANDARD\r\nDTSTART:20261025T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nTZNAME:CET\r\nEND:STANDARD",
        "BEGIN:DAYLIGHT\r\nDTSTART:20270328T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nTZNAME:CEST\r\nEND:DAYLIGHT",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
    }
    assert!(text.find("BEGIN:VTIMEZONE") < text.find("BEGIN:VEVENT"));
    let start = RemoteTime::Zoned {
        at: jiff::civil::date(2027, 3, 8).at(10, 0, 0, 0),
        tzid: "Europe/Berlin".to_owned(),
    };
    assert_eq!(read(&text).items[0].events[0].start, start);

    // Moved into the summer and into another zone: one definition of each zone that is used, and the old one is gone.
    let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
    let at = |text: &str| crate::connector::DraftTime::At(text.parse().unwrap());
    let moved = crate::Draft {
        zone: Some(zone),
        start: at("2028-07-01T14:00:00Z"),
        end: at("2028-07-01T15:00:00Z"),
        ..draft()
    };
    let once = rewrite(&text, &moved, &key(), None).unwrap();
    let text = rewrite(&once, &moved, &key(), None).unwrap();
    assert!(text.contains("DTSTART;TZID=America/New_York:20280701T100000\r\n"), "{text}");
    assert_eq!(text.matches("TZID:America/New_York").count(), 1, "{text}");
    assert_eq!(text.matches("BEGIN:VTIMEZONE").count(), text.matches("END:VTIMEZONE").count());
}

/// In the hour that comes twice, a wall clock cannot say which one is meant.
#[test]
fn what_a_wall_clock_cannot_say_is_written_in_utc() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let at = |text: &str| crate::connector::DraftTime::At(text.parse().unwrap());
    let twice = crate::Draft {
        zone: Some(zone),
        start: at("2026-10-25T01:30:00Z"),
        end: at("2026-10-25T02:30:00Z"),
        ..draft()
    };
    let text = write(&twice, &key(), None);
    assert!(text.contains("DTSTART:20261025T013000Z\r\n"), "{text}");
    assert!(!text.contains("VTIMEZONE"), "{text}");
}

#[test]
fn a_zone_that_never_changes_has_one_standard_time() {
    let zone = jiff::tz::TimeZone::get("Asia/Kolkata").unwrap();
    let text = write(&crate::Draft { zone: Some(zone), ..draft() }, &key(), None);
    assert!(text.contains("DTSTART;TZID=Asia/Kolkata:20270308T143000\r\n"), "{text}");
    assert_eq!((text.matches("BEGIN:STANDARD").count(), text.matches("DAYLIGHT").count()), (1, 0));
}

#[test]
fn an_event_that_is_only_marked_keeps_every_word_and_time() {
    let body = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:theirs\r\nDTSTAMP:20270101T000000Z\r\n\
        DTSTART;TZID=Europe/Berlin:20270301T090000\r\nDURATION:PT1H\r\nSUMMARY:Theirs\r\nSEQUENCE:7\r\n\
        TRANSP:OPAQUE\r\nX-HUB-BOOKING:bkg_other\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let marks = crate::Draft { keeps_words: true, keeps_time: true, ..draft() };
    let text = rewrite(body, &marks, &key(), None).unwrap();
    let expected = body
        .replace("DTSTAMP:20270101T000000Z\r\n", "")
        .replace("X-HUB-BOOKING:bkg_other\r\n", "")
        .replace("END:VEVENT", "DTSTAMP:20270101T000000Z\r\nLAST-MODIFIED:20270101T000000Z\r\nX-HUB-BOOKING:bkg_1\r\nEND:VEVENT");
    assert_eq!(text, expected);
    // New words at the time that it has, as it is written there.
    let words = crate::Draft { keeps_time: true, ..draft() };
    let text = rewrite(body, &words, &key(), None).unwrap();
    for kept in ["DTSTART;TZID=Europe/Berlin:20270301T090000\r\n", "DURATION:PT1H\r\n"] {
        assert!(text.contains(kept), "{text}");
    }
    assert!(!text.contains("SUMMARY:Theirs") && !text.contains("DTEND"), "{text}");
}

fn invited(addresses: &[&str]) -> crate::Draft {
    let guest = |address: &&str| crate::connector::Guest {
        address: (*address).to_owned(),
        name: Some("Bo; \"B\" Berg\r\nX:1".to_owned()),
    };
    crate::Draft { guests: addresses.iter().map(guest).collect(), ..draft() }
}

#[test]
fn guests_are_written_only_where_they_are_invited_and_the_account_has_an_address() {
    let text = write(
        &invited(&["bo@example.org", "mailto:Cy@example.org"]),
        &key(),
        Some("mailto:anna@example.org"),
    );
    let unfolded = text.replace("\r\n ", "");
    assert!(unfolded.contains("ORGANIZER:mailto:anna@example.org\r\n"), "{text}");
    for (address, count) in
        [(":mailto:bo@example.org\r\n", 1), (":mailto:Cy@example.org\r\n", 1), ("RSVP=TRUE", 2)]
    {
        assert_eq!(unfolded.matches(address).count(), count, "{text}");
    }
    assert!(unfolded.contains("CN=\"Bo; B BergX:1\""), "{text}");
    assert_eq!(unfolded.matches("\r\nX:1").count(), 0);
    for nobody in [
        write(&draft(), &key(), Some("a@example.org")),
        write(&invited(&["b@example.org"]), &key(), None),
    ] {
        assert!(!nobody.contains("ATTENDEE") && !nobody.contains("ORGANIZER"), "{nobody}");
    }
}

#[test]
fn guests_come_and_go_and_what_they_answered_stays() {
    let host = Some("anna@example.org");
    let first = write(&invited(&["bo@example.org", "cy@example.org"]), &key(), host);
    let first = first.replace("\r\n ", "");
    // Bo accepts, and somebody brings a friend.
    let bo = first.lines().find(|line| line.ends_with("mailto:bo@example.org")).unwrap();
    let accepted = bo.replace("NEEDS-ACTION", "ACCEPTED");
    let friend = "ATTENDEE:mailto:dee@example.org";
    let answered = first.replace(bo, &format!("{accepted}\r\n{friend}"));
    let second =
        rewrite(&answered, &invited(&["BO@example.org", "eve@example.org"]), &key(), host).unwrap();
    let second = second.replace("\r\n ", "");
    assert!(second.contains(&accepted) && second.contains(friend), "{second}");
    assert!(!second.contains("cy@example.org"), "{second}");
    assert_eq!(second.matches("mailto:eve@example.org").count(), 1);
    assert_eq!(second.matches("ORGANIZER").count(), 1);
    // Who keeps the words keeps the people.
    let kept = crate::Draft { keeps_words: true, ..invited(&[]) };
    assert!(
        rewrite(&second, &kept, &key(), host).unwrap().replace("\r\n ", "").contains(&accepted)
    );
    // Nobody is invited any more; the friend was somebody else's.
    let last = rewrite(&second, &draft(), &key(), host).unwrap();
    assert_eq!(last.matches("ATTENDEE").count(), 1, "{last}");
}
