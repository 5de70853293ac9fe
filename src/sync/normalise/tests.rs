//! Every branch of the decision, on text as providers write it.

use connectors::ical::{ParseOptions, parse};
use jiff::civil::date;

use super::*;
use crate::model::{busy::BusyClass, event::Length};

/// Reads one event of the account `me@example.org` from its properties.
fn one(properties: &str, judging: Judging<'_>) -> Event {
    let text =
        format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\n{properties}\nEND:VEVENT\nEND:VCALENDAR\n");
    let own_addresses = vec!["me@example.org".to_owned()];
    let options = ParseOptions { own_addresses, ..ParseOptions::default() };
    let parsed = parse(text.as_bytes(), &options).unwrap();
    normalise(&parsed.items[0], judging).series.events.remove(0)
}

fn class(properties: &str) -> Option<BusyClass> {
    one(&format!("DTSTART:20270308T090000Z\nDURATION:PT1H\n{properties}"), Judging::default()).class
}

fn plain_class(properties: &str) -> Option<BusyClass> {
    let judging = Judging { by: Judge::Plain, ..Judging::default() };
    one(&format!("DTSTART:20270308T090000Z\nDURATION:PT1H\n{properties}"), judging).class
}

fn length(properties: &str) -> Length {
    one(properties, Judging::default()).length
}

#[test]
fn a_cancelled_event_takes_no_time_whatever_else_it_says() {
    assert_eq!(class("STATUS:CANCELLED\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY"), None);
}

#[test]
fn an_answer_counts_only_when_it_is_the_accounts_own() {
    let answer = |partstat: &str, who: &str| {
        class(&format!(
            "ATTENDEE;PARTSTAT={partstat}:{who}\nATTENDEE;PARTSTAT=DECLINED:mailto:x@y.z"
        ))
    };
    assert_eq!(answer("DECLINED", "MAILTO:Me@Example.org"), Some(BusyClass::Declined));
    assert_eq!(answer("NEEDS-ACTION", "mailto:me@example.org"), Some(BusyClass::Unanswered));
    assert_eq!(answer("TENTATIVE", "me@example.org"), Some(BusyClass::Tentative));
    assert_eq!(answer("ACCEPTED", "mailto:me@example.org"), Some(BusyClass::Busy));
    assert_eq!(answer("DECLINED", "mailto:someone@example.org"), Some(BusyClass::Busy));
    let by_email = "ATTENDEE;EMAIL=me@example.org;PARTSTAT=DECLINED:urn:uuid:1";
    assert_eq!(class(by_email), Some(BusyClass::Declined));
}

#[test]
fn the_vendors_word_wins_over_transp() {
    let with = |status: &str, transp: &str| {
        class(&format!("X-MICROSOFT-CDO-BUSYSTATUS:{status}\nTRANSP:{transp}"))
    };
    assert_eq!(with("FREE", "OPAQUE"), None);
    assert_eq!(with("BUSY", "TRANSPARENT"), Some(BusyClass::Busy));
    assert_eq!(with("TENTATIVE", "OPAQUE"), Some(BusyClass::Tentative));
    assert_eq!(with("OOF", "TRANSPARENT"), Some(BusyClass::OutOfOffice));
    assert_eq!(with("WORKINGELSEWHERE", "OPAQUE"), Some(BusyClass::WorkingElsewhere));
    assert_eq!(with("NONSENSE", "TRANSPARENT"), None);
    assert_eq!(with("NONSENSE", "OPAQUE"), Some(BusyClass::Busy));
}

#[test]
fn transp_and_status_decide_the_rest() {
    assert_eq!(class(""), Some(BusyClass::Busy));
    assert_eq!(class("TRANSP:TRANSPARENT"), None);
    assert_eq!(class("STATUS:TENTATIVE"), Some(BusyClass::Tentative));
    assert_eq!(class("STATUS:CONFIRMED\nCLASS:PRIVATE"), Some(BusyClass::Busy));
}

#[test]
fn a_free_all_day_event_keeps_its_class_for_the_policy() {
    let free = one("DTSTART;VALUE=DATE:20270308\nTRANSP:TRANSPARENT", Judging::default());
    assert_eq!(free.class, Some(BusyClass::AllDayFree));
    let outlook =
        one("DTSTART;VALUE=DATE:20270308\nX-MICROSOFT-CDO-BUSYSTATUS:FREE", Judging::default());
    assert_eq!(outlook.class, Some(BusyClass::AllDayFree));
    let busy = one("DTSTART;VALUE=DATE:20270308", Judging::default());
    assert_eq!(busy.class, Some(BusyClass::Busy));
}

#[test]
fn judged_plainly_only_status_and_transp_count() {
    assert_eq!(plain_class("X-MICROSOFT-CDO-BUSYSTATUS:FREE"), Some(BusyClass::Busy));
    assert_eq!(plain_class("X-MICROSOFT-CDO-BUSYSTATUS:BUSY\nTRANSP:TRANSPARENT"), None);
    assert_eq!(
        plain_class("ATTENDEE;PARTSTAT=DECLINED:mailto:me@example.org"),
        Some(BusyClass::Busy)
    );
    assert_eq!(plain_class("STATUS:TENTATIVE"), Some(BusyClass::Tentative));
    assert_eq!(plain_class("STATUS:CANCELLED"), None);
}

#[test]
fn a_transparent_calendar_takes_no_time() {
    let judging = Judging { calendar_is_transparent: true, ..Judging::default() };
    assert_eq!(one("DTSTART:20270308T090000Z\nDURATION:PT1H", judging).class, None);
}

#[test]
fn a_cancelled_override_removes_its_instance() {
    let gone = one(
        "RECURRENCE-ID:20270308T090000Z\nDTSTART:20270308T090000Z\nSTATUS:CANCELLED",
        Judging::default(),
    );
    assert!(gone.replaces.unwrap().cancelled);
    let free = one(
        "RECURRENCE-ID:20270308T090000Z\nDTSTART:20270308T090000Z\nTRANSP:TRANSPARENT",
        Judging::default(),
    );
    assert!(!free.replaces.unwrap().cancelled);
}

#[test]
fn every_way_to_state_an_end_has_its_length() {
    let utc = |text: &str| Moment::Utc(text.parse().unwrap());
    let timed = |end: &str| length(&format!("DTSTART:20270308T090000Z\n{end}"));
    assert_eq!(timed("DTEND:20270308T100000Z"), Length::Until(utc("2027-03-08T10:00:00Z")));
    assert_eq!(timed("DURATION:P1DT2H"), Length::Nominal { days: 1, seconds: 7200 });
    assert_eq!(timed("DURATION:-PT1H"), Length::Nominal { days: 0, seconds: 0 });
    assert_eq!(timed(""), Length::Nominal { days: 0, seconds: 0 });
    let all_day = |end: &str| length(&format!("DTSTART;VALUE=DATE:20270308\n{end}"));
    assert_eq!(all_day("DTEND;VALUE=DATE:20270311"), Length::Days(3));
    assert_eq!(all_day("DTEND;VALUE=DATE:20270308"), Length::Days(1));
    assert_eq!(all_day("DTEND;VALUE=DATE:20270301"), Length::Days(1));
    assert_eq!(all_day("DURATION:P1D"), Length::Days(1));
    assert_eq!(all_day("DURATION:P1W"), Length::Days(7));
    assert_eq!(all_day("DURATION:PT36H"), Length::Days(2));
    assert_eq!(all_day("DURATION:P0D"), Length::Days(1));
    assert_eq!(all_day(""), Length::Days(1));
}

#[test]
fn an_end_that_cannot_be_read_makes_its_day_unknown() {
    let event = one("DTSTART:20270308T090000Z\nDTEND:late", Judging::default());
    assert_eq!(event.class, Some(BusyClass::Unexpandable));
    assert_eq!(event.length, Length::Nominal { days: 1, seconds: 0 });
    let free = one("DTSTART:20270308T090000Z\nDTEND:late\nTRANSP:TRANSPARENT", Judging::default());
    assert_eq!(free.class, None);
}

#[test]
fn an_end_of_another_type_takes_the_type_of_its_start() {
    let berlin = Zone::Iana("Europe/Berlin".to_owned());
    let timed = "DTSTART;TZID=Europe/Berlin:20270308T090000";
    let midnight = date(2027, 3, 9).at(0, 0, 0, 0);
    let by_date = length(&format!("{timed}\nDTEND;VALUE=DATE:20270309"));
    assert_eq!(by_date, Length::Until(Moment::Zoned(midnight, berlin.clone())));
    let floating = length(&format!("{timed}\nDTEND:20270309T000000"));
    assert_eq!(floating, Length::Until(Moment::Zoned(midnight, berlin)));
    let all_day = length("DTSTART;VALUE=DATE:20270308\nDTEND:20270310T120000Z");
    assert_eq!(all_day, Length::Days(2));
}

#[test]
fn outlooks_midnight_to_midnight_is_a_matter_of_dates() {
    let event = one(
        "DTSTART;TZID=Europe/Berlin:20270308T000000\nDTEND;TZID=Europe/Berlin:20270310T000000\n\
         X-MICROSOFT-CDO-ALLDAYEVENT:TRUE\nEXDATE;TZID=Europe/Berlin:20270309T000000",
        Judging::default(),
    );
    assert_eq!(event.start, Moment::Date(date(2027, 3, 8)));
    assert_eq!(event.length, Length::Days(2));
    assert_eq!(event.exdates, [Moment::Date(date(2027, 3, 9))]);
}

#[test]
fn a_files_zone_serves_floating_times_only() {
    let judging = Judging { floating_zone: Some("Europe/Berlin"), ..Judging::default() };
    let zone = Zone::Iana("Europe/Berlin".to_owned());
    let at = date(2027, 3, 8).at(9, 0, 0, 0);
    assert_eq!(one("DTSTART:20270308T090000", judging).start, Moment::Zoned(at, zone));
    assert_eq!(one("DTSTART:20270308", judging).start, Moment::Date(date(2027, 3, 8)));
    assert!(matches!(one("DTSTART:20270308T090000Z", judging).start, Moment::Utc(_)));
}

#[test]
fn an_unknown_zone_is_reported_and_spoils_nothing() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART;TZID=Nowhere:20270308T090000\n\
                DURATION:PT1H\nEND:VEVENT\nEND:VCALENDAR\n";
    let parsed = parse(text.as_bytes(), &ParseOptions::default()).unwrap();
    let normalised = normalise(&parsed.items[0], Judging::default());
    assert_eq!(normalised.faults.len(), 1);
    assert_eq!(normalised.series.events.len(), 1);
}

#[test]
fn a_stored_vfreebusy_counts_by_its_type() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VFREEBUSY\nUID:f\n\
        FREEBUSY:20270308T090000Z/PT1H,20270308T120000Z/20270308T130000Z\n\
        FREEBUSY;FBTYPE=BUSY-TENTATIVE:20270309T090000Z/PT1H\n\
        FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20270310T090000Z/PT1H\n\
        FREEBUSY;FBTYPE=FREE:20270311T090000Z/PT1H\nEND:VFREEBUSY\nEND:VCALENDAR\n";
    let parsed = parse(text.as_bytes(), &ParseOptions::default()).unwrap();
    let events: Vec<Event> = parsed
        .items
        .iter()
        .flat_map(|item| normalise(item, Judging::default()).series.events)
        .collect();
    let classes: Vec<_> = events.iter().map(|event| (event.class, event.rdates.len())).collect();
    let expected = [
        (Some(BusyClass::Busy), 1),
        (Some(BusyClass::Tentative), 0),
        (Some(BusyClass::OutOfOffice), 0),
    ];
    assert_eq!(classes, expected);
}
