//! Reading whole files, writing them, and surviving hostile ones.

use super::*;
use crate::event::*;

mod hostile;
mod malformed;
mod written;

fn read(text: &str) -> Parsed {
    parse(text.as_bytes(), &ParseOptions::default()).unwrap()
}

fn calendar(inner: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{inner}END:VCALENDAR\r\n")
}

/// One calendar with one event of these properties.
fn event(properties: &str) -> Parsed {
    read(&calendar(&format!("BEGIN:VEVENT\nUID:a\n{properties}\nEND:VEVENT\n")))
}

fn utc(text: &str) -> RemoteTime {
    RemoteTime::Utc(text.parse().unwrap())
}

#[test]
fn a_plain_event_is_read_with_its_zone_name() {
    let parsed = read(&calendar(
        "BEGIN:VEVENT\nUID:a\nDTSTART;TZID=Europe/Berlin:20270308T090000\nDURATION:PT1H\nEND:VEVENT\n",
    ));
    assert!(parsed.complete && parsed.faults.is_empty());
    let [item] = parsed.items.as_slice() else { panic!("{parsed:?}") };
    let [event] = item.events.as_slice() else { panic!("{item:?}") };
    let at = jiff::civil::date(2027, 3, 8).at(9, 0, 0, 0);
    assert_eq!(event.start, RemoteTime::Zoned { at, tzid: "Europe/Berlin".to_owned() });
    assert_eq!(event.end, RemoteEnd::Lasts(RemoteDuration { days: 0, seconds: 3600 }));
}

#[test]
fn what_a_feed_says_of_itself_is_kept_within_reason() {
    let facts = |lines: &str| read(&calendar(lines)).facts;
    let full = facts("X-WR-CALNAME:Work\nX-WR-TIMEZONE:Europe/Berlin\nX-PUBLISHED-TTL:PT1H\n");
    assert_eq!(full.name.as_deref(), Some("Work"));
    assert_eq!(full.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(full.poll_every, Some(std::time::Duration::from_secs(3600)));
    let minutes = |line: &str| facts(line).poll_every.map(|every| every.as_secs() / 60);
    assert_eq!(minutes("REFRESH-INTERVAL;VALUE=DURATION:PT1S\n"), Some(5));
    assert_eq!(minutes("REFRESH-INTERVAL;VALUE=DURATION:P900W\n"), Some(24 * 60));
    assert_eq!(minutes("X-PUBLISHED-TTL:P10Y\n"), None);
    assert_eq!(minutes("X-PUBLISHED-TTL:-PT1H\n"), None);
}

#[test]
fn a_fingerprint_ignores_what_does_not_change_busy_time() {
    let version = |properties: &str| event(properties).items[0].version.clone();
    let plain =
        version("DTSTART:20270308T090000Z\nDTEND:20270308T100000Z\nDTSTAMP:20270101T000000Z");
    let same = "SUMMARY:new title\nDTSTAMP:20270202T000000Z\nLAST-MODIFIED:20270202T000000Z\n\
                DTEND:2027030\n 8T100000Z\nDTSTART:20270308T090000Z";
    assert_eq!(version(same), plain);
    for other in [
        "DTSTART:20270308T090000Z\nDTEND:20270308T103000Z",
        "DTSTART:20270308T090000Z\nDTEND:20270308T100000Z\nTRANSP:TRANSPARENT",
        "DTSTART:20270308T090000Z\nDTEND:20270308T100000Z\nRRULE:FREQ=DAILY",
    ] {
        assert_ne!(version(other), plain, "{other}");
    }
}

#[test]
fn a_fingerprint_ignores_the_order_of_components() {
    let master = "BEGIN:VEVENT\nUID:a\nDTSTART:20270308T090000Z\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
    let moved = "BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20270309T090000Z\nDTSTART:20270309T100000Z\nEND:VEVENT\n";
    let version = |inner: String| read(&calendar(&inner)).items[0].version.clone();
    assert_eq!(version(format!("{master}{moved}")), version(format!("{moved}{master}")));
}

#[test]
fn an_item_carries_the_zones_it_names_and_no_others() {
    let zone = |name: &str| {
        format!(
            "BEGIN:VTIMEZONE\nTZID:{name}\nBEGIN:STANDARD\nDTSTART:19700101T000000\n\
             TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:STANDARD\nEND:VTIMEZONE\n"
        )
    };
    let text = calendar(&format!(
        "{}BEGIN:VEVENT\nUID:a\nDTSTART;TZID=B:20270308T090000\nEND:VEVENT\n{}",
        zone("A"),
        zone("B")
    ));
    let parsed = read(&text);
    let names: Vec<_> = parsed.items[0].zones.iter().map(|zone| zone.tzid.as_str()).collect();
    assert_eq!(names, ["B"]);
    assert_eq!(parsed.zones.len(), 2);
}

#[test]
fn a_resource_is_one_item_under_its_own_name() {
    let text = calendar(
        "BEGIN:VEVENT\nUID:a\nDTSTART:20270308T090000Z\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:b\nDTSTART:20270308T090000Z\nEND:VEVENT\n",
    );
    let item = read(&text).into_item(ItemRef::new("/cal/x.ics"), Some(Version::new("1")));
    assert_eq!((item.item.as_str(), item.events.len()), ("/cal/x.ics", 2));
    assert_eq!(item.series, item.item);
}

#[test]
fn a_reply_that_is_no_calendar_is_refused() {
    for text in ["", "<html>BEGIN", "{}", "Hello"] {
        let error = parse(text.as_bytes(), &ParseOptions::default()).unwrap_err();
        assert_eq!(error.kind, crate::Kind::BadReply);
    }
    let late = format!("{}BEGIN:VCALENDAR\n", "x".repeat(5000));
    assert!(parse(late.as_bytes(), &ParseOptions::default()).is_err());
}
