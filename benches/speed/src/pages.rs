//! P5a: reading a page of Google's events, beside what only goes over the same JSON.

use std::{fmt::Write as _, hint::black_box};

use anyhow::{Result, ensure};
use connectors::google::read_page;
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    Size,
    report::{Line, Report, figure},
    rules::least,
};

/// An event with everything that people put into one, about 1 kB; the hub asks for less than half of it.
fn event(n: usize) -> String {
    let (day, hour) = (1 + n % 28, 7 + n % 11);
    let month = 1 + n / 28 % 12;
    let recurs =
        if n.is_multiple_of(5) { "\"recurrence\":[\"RRULE:FREQ=WEEKLY;COUNT=12\"]," } else { "" };
    format!(
        "{{\"kind\":\"calendar#event\",\"etag\":\"\\\"{etag}\\\"\",\"id\":\"{id}\",\"status\":\"confirmed\",\
         \"htmlLink\":\"https://www.google.com/calendar/event?eid=NmE3{id}QGc\",\
         \"created\":\"2026-08-01T09:00:00.000Z\",\"updated\":\"2026-09-01T12:00:00.123Z\",\
         \"summary\":\"Weekly planning number {n}\",\"description\":\"Agenda for the meeting, which is as long as those are\\nand goes on.\",\
         \"location\":\"Room 4, second floor\",\"creator\":{{\"email\":\"anna@calendar.example\"}},\
         \"organizer\":{{\"email\":\"anna@calendar.example\",\"self\":true}},\
         \"start\":{{\"dateTime\":\"2027-{month:02}-{day:02}T{hour:02}:00:00+01:00\",\"timeZone\":\"Europe/Berlin\"}},\
         \"end\":{{\"dateTime\":\"2027-{month:02}-{day:02}T{hour:02}:30:00+01:00\",\"timeZone\":\"Europe/Berlin\"}},{recurs}\
         \"iCalUID\":\"{id}@google.com\",\"sequence\":0,\
         \"attendees\":[{{\"email\":\"anna@calendar.example\",\"organizer\":true,\"self\":true,\"responseStatus\":\"accepted\"}}],\
         \"attendeesOmitted\":true,\"extendedProperties\":{{\"private\":{{\"otherApp\":\"{n}\"}}}},\
         \"reminders\":{{\"useDefault\":true}},\"eventType\":\"default\"}}",
        etag = 3_500_000_000_000_000_usize + n,
        id = format_args!("{n:026}"),
    )
}

fn page(events: usize) -> String {
    let mut text = String::from(
        "{\"kind\":\"calendar#events\",\"etag\":\"\\\"p33\\\"\",\"summary\":\"anna@calendar.example\",\"timeZone\":\"Europe/Berlin\",\
         \"accessRole\":\"owner\",\"defaultReminders\":[],\"nextPageToken\":\"CPT1\",\"items\":[",
    );
    for n in 0..events {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{}", event(n));
    }
    text.push_str("]}");
    text
}

/// What a typed reader of the same fields costs that decides nothing and keeps nothing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only read")]
struct Typed<'a> {
    #[serde(borrow)]
    items: Vec<TypedEvent<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only read")]
struct TypedEvent<'a> {
    id: &'a str,
    etag: String,
    status: &'a str,
    #[serde(rename = "iCalUID")]
    uid: &'a str,
    #[serde(borrow)]
    start: TypedTime<'a>,
    end: TypedTime<'a>,
    updated: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only read")]
struct TypedTime<'a> {
    date_time: &'a str,
    time_zone: &'a str,
}

pub(crate) fn measure(size: Size, report: &mut Report) -> Result<()> {
    report.part("P5a: reading Google's pages, one core");
    let events = size.pick(2_500, 50);
    let text = page(events);
    ensure!(read_page(text.as_bytes())?.len() == events, "not all events were read");
    let rounds = size.pick(40, 2);
    let million = events as f64 / 1e6;
    let megabytes = text.len() as f64 / 1e6;
    let skipped = million
        / least(rounds, 1, || {
            black_box(serde_json::from_slice::<IgnoredAny>(black_box(text.as_bytes())).is_ok());
        });
    let typed = million
        / least(rounds, 1, || {
            black_box(serde_json::from_slice::<Typed<'_>>(black_box(text.as_bytes())).is_ok());
        });
    let ours = million
        / least(rounds, 1, || {
            black_box(read_page(black_box(text.as_bytes())).is_ok());
        });
    report.add(Line {
        name: format!("P5a a page of {events} events ({} B each)", text.len() / events),
        limit: format!(
            "JSON skipped: {} M events/s ({} MB/s); typed and dropped: {} M events/s",
            figure(skipped),
            figure(skipped * megabytes / million),
            figure(typed)
        ),
        ours: format!("{} M events/s ({} MB/s)", figure(ours), figure(ours * megabytes / million)),
        ratio: format!("{:.2}", ours / skipped),
        target: ">= 0.6 M events/s",
        met: Some(ours >= 0.6),
    });
    Ok(())
}
