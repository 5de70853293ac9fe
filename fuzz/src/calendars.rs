//! Calendar files the way a synced feed goes, and single rules.

use calhub::{
    cli::rrule::read_dtstart,
    model::{
        interval::Span,
        recurrence::{Budget, expand, starts},
    },
    sync::normalise::{Judging, normalise},
};
use connectors::{
    Draft,
    connector::DraftTime,
    ical::{ParseOptions, fingerprint, parse, rewrite, write},
};
use jiff::tz::TimeZone;

/// Small, so that a run makes many inputs a second; the budget itself is tested elsewhere.
const STEPS: u32 = 3_000;

fn window(from: &str, to: &str) -> Span {
    Span::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

fn draft() -> Draft {
    let at = |text: &str| DraftTime::At(text.parse().unwrap());
    Draft {
        start: at("2027-03-08T09:00:00Z"),
        end: at("2027-03-08T10:00:00Z"),
        title: "Title".to_owned(),
        description: None,
        location: None,
        private: false,
        tentative: false,
        stamped: "2027-03-01T00:00:00Z".parse().unwrap(),
        sequence: 3,
        zone: TimeZone::get("Europe/Berlin").ok(),
        guests: Vec::new(),
        keeps_words: false,
        keeps_time: false,
    }
}

/// A calendar file: read, judged, expanded in two zones; and rewritten.
pub fn ics(data: &[u8]) {
    let options =
        ParseOptions { own_addresses: vec!["anna@example.org".to_owned()], ..Default::default() };
    if let Ok(text) = std::str::from_utf8(data) {
        let key = connectors::WriteKey { uid: "u".to_owned(), marker: "bkg_1".to_owned() };
        let rewritten = rewrite(text, &draft(), &key, None);
        if let Some(rewritten) = rewritten.filter(|_| parse(data, &options).is_ok()) {
            let again = parse(rewritten.as_bytes(), &options);
            assert!(again.is_ok(), "what was rewritten cannot be read");
        }
        let draft = Draft { title: text.to_owned(), ..draft() };
        let written = parse(write(&draft, &key, None).as_bytes(), &options).expect("our own text");
        assert_eq!(written.items.len(), 1, "a title made another event");
        assert!(written.complete && written.faults.is_empty());
    }
    let Ok(parsed) = parse(data, &options) else { return };
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let window = window("2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z");
    for item in &parsed.items {
        assert_eq!(item.version.clone(), Some(fingerprint(item)));
        let judging =
            Judging { floating_zone: parsed.facts.time_zone.as_deref(), ..Judging::default() };
        let read = normalise(item, judging);
        for zone in [&TimeZone::UTC, &berlin] {
            let mut budget = Budget::of(STEPS);
            let expansion = expand(&read.series, window, zone, &mut budget);
            for busy in expansion.intervals {
                assert!(busy.span.start() <= busy.span.end());
            }
        }
    }
}

/// One rule: the DTSTART on the first line, the rule on the second.
pub fn rrule(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (dtstart, rule) = text.split_once('\n').unwrap_or((":20270301T090000Z", &text));
    let Ok(dtstart) = read_dtstart(dtstart) else { return };
    for (from, to) in [
        ("2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
        ("9990-01-01T00:00:00Z", "9990-01-02T00:00:00Z"),
    ] {
        let span = window(from, to);
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let mut budget = Budget::of(STEPS);
        if let Ok(found) = starts(&dtstart, rule, span, &zone, &mut budget) {
            assert!(found.iter().all(|at| span.start() <= *at && *at < span.end()));
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "out of order or double");
        }
    }
}
