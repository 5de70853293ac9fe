//! Reading whole files.

use super::*;
use crate::event::*;

fn read(text: &str) -> Parsed {
    parse(text.as_bytes(), &ParseOptions::default()).unwrap()
}

fn calendar(inner: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{inner}END:VCALENDAR\r\n")
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
