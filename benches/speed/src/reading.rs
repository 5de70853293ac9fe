//! P5b and P5c: reading calendars, beside what only looks for line ends or tags in the same bytes.

use std::{fmt::Write as _, hint::black_box};

use anyhow::{Result, ensure};
use connectors::{
    caldav::count_rows,
    ical::{ParseOptions, parse},
};
use quick_xml::{Reader, events::Event};

use crate::{
    Size,
    report::{Line, Report, figure},
    rules::least,
};

/// A calendar as people have them: a zone, titles, descriptions, some guests, some that recur.
pub(crate) fn calendar(events: usize) -> String {
    let mut text = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//speed//EN\r\n");
    for n in 0..events {
        text.push_str(&event(n));
    }
    text.push_str("END:VCALENDAR\r\n");
    text
}

pub(crate) fn event(n: usize) -> String {
    let (day, hour) = (1 + n % 28, 7 + n % 11);
    let month = 1 + n / 28 % 12;
    let mut text = format!(
        "BEGIN:VEVENT\r\nUID:0f3c7a52-{n:08}-4c1e-9f00-aa55cc1177ee@calendar.example\r\n\
         DTSTAMP:20260901T120000Z\r\nCREATED:20260801T090000Z\r\nLAST-MODIFIED:20260901T120000Z\r\n\
         DTSTART;TZID=Europe/Berlin:2027{month:02}{day:02}T{hour:02}0000\r\nDTEND;TZID=Europe/Berlin:2027{month:02}{day:02}T{hour:02}3000\r\n\
         SUMMARY:Weekly planning number {n}\r\nLOCATION:Room 4\\, second floor\r\nSTATUS:CONFIRMED\r\nSEQUENCE:0\r\nTRANSP:OPAQUE\r\n\
         DESCRIPTION:Agenda for the meeting\\, which is long enough to be folded by\r\n  those who write calendars\\nand goes on for a second line.\r\n\
         ORGANIZER;CN=Anna Example:mailto:anna@calendar.example\r\n\
         ATTENDEE;CN=Berta Example;PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:berta@calendar.exa\r\n mple\r\n\
         ATTENDEE;CN=Carl Example;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:carl@calendar.e\r\n xample\r\n"
    );
    if n.is_multiple_of(5) {
        text.push_str("RRULE:FREQ=WEEKLY;COUNT=12\r\n");
    }
    text.push_str("BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:Soon\r\nEND:VALARM\r\nEND:VEVENT\r\n");
    text
}

pub(crate) fn measure(size: Size, report: &mut Report) -> Result<()> {
    report.part("P5b and P5c: reading, one core");
    let events = size.pick(5_000, 100);
    let text = calendar(events);
    let rounds = size.pick(15, 2);
    let megabytes = text.len() as f64 / 1e6;
    let options = ParseOptions::default();
    let read = parse(text.as_bytes(), &options)?;
    ensure!(read.items.len() == events && read.faults.is_empty(), "{:?}", read.faults);
    let scan = megabytes
        / least(rounds, 1, || {
            black_box(text.as_bytes().iter().filter(|b| **b == b'\n').count());
        });
    let lines = megabytes
        / least(rounds, 1, || {
            black_box(text.lines().map(str::len).max());
        });
    let ours = megabytes
        / least(rounds, 1, || {
            black_box(parse(black_box(text.as_bytes()), &options).is_ok());
        });
    report.add(Line {
        name: format!("P5b a feed of {events} events ({megabytes:.1} MB)"),
        limit: format!(
            "every line found: {} MB/s (every byte looked at: {} MB/s)",
            figure(lines),
            figure(scan)
        ),
        ours: format!(
            "{} MB/s, {} M events/s",
            figure(ours),
            figure(ours / megabytes * events as f64 / 1e6)
        ),
        ratio: format!("{:.2}", ours / lines),
        target: ">= 400 MB/s",
        met: Some(ours >= 400.0),
    });
    multistatus(size, report)
}

fn multistatus(size: Size, report: &mut Report) -> Result<()> {
    let rows = size.pick(2_000, 50);
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\n",
    );
    for n in 0..rows {
        let body = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", event(n));
        let body = body.replace('&', "&amp;").replace('\r', "&#13;");
        let _ = write!(
            text,
            "<D:response><D:href>/dav/calendars/anna/work/{n:08}.ics</D:href><D:propstat><D:prop><D:getetag>\"{n:032x}\"</D:getetag>\
             <C:calendar-data>{body}</C:calendar-data></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        );
        text.push('\n');
    }
    text.push_str("</D:multistatus>\n");
    let rounds = size.pick(15, 2);
    let megabytes = text.len() as f64 / 1e6;
    ensure!(count_rows(text.as_bytes())? == rows, "not all rows were read");
    let events = megabytes
        / least(rounds, 1, || {
            let mut reader = Reader::from_str(black_box(&text));
            let mut count = 0_usize;
            while !matches!(reader.read_event(), Ok(Event::Eof) | Err(_)) {
                count += 1;
            }
            black_box(count);
        });
    let ours = megabytes
        / least(rounds, 1, || {
            black_box(count_rows(black_box(text.as_bytes())).is_ok());
        });
    report.add(Line {
        name: format!("P5c a multistatus of {rows} rows ({megabytes:.1} MB)"),
        limit: format!("quick-xml's raw events: {} MB/s", figure(events)),
        ours: format!("{} MB/s", figure(ours)),
        ratio: format!("{:.2}", ours / events),
        target: ">= 0.6 of the limit",
        met: Some(ours >= 0.6 * events),
    });
    Ok(())
}
