//! Expands series from standard input, one JSON object a line, for `scripts/differential/run`.
//!
//! `{"dtstart", "rule", "exdates": [], "rdates": [], "overrides": [[id, start]], "from", "to"}` in, the starts in
//! seconds since 1970 out, or the reason why there are none.
#![allow(clippy::indexing_slicing, reason = "a JSON value that is not there is null")]

use std::io::{BufRead, Write};

use calhub::{
    cli::rrule::read_dtstart,
    model::{
        busy::BusyClass,
        event::{Event, Extra, Length, Moment, Replaces, Series},
        interval::Span,
        recurrence::{Budget, expand},
    },
};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match answer(&serde_json::from_str(&line?)?) {
            Ok(starts) => json!(starts),
            Err(reason) => json!(reason.to_string()),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(case: &Value) -> anyhow::Result<Vec<i64>> {
    let text = |value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| anyhow::anyhow!("not a text"))
    };
    let time = |value: &Value| read_dtstart(&text(value)?).map_err(anyhow::Error::msg);
    let list = |name: &str| case[name].as_array().cloned().unwrap_or_default();
    let bare = |start: Moment| Event {
        start,
        length: Length::Nominal { days: 0, seconds: 1 },
        class: Some(BusyClass::Busy),
        replaces: None,
        rules: vec![],
        exrules: vec![],
        rdates: vec![],
        exdates: vec![],
        part: 0,
        sequence: 0,
        stamped: None,
    };
    let mut master = bare(time(&case["dtstart"])?);
    master.rules.push(text(&case["rule"])?);
    for at in list("exdates") {
        master.exdates.push(time(&at)?);
    }
    for at in list("rdates") {
        master.rdates.push(Extra { at: time(&at)?, length: None });
    }
    let mut series = Series { events: vec![master] };
    for pair in list("overrides") {
        let part = |n: usize| pair.get(n).ok_or_else(|| anyhow::anyhow!("an override is a pair"));
        let mut event = bare(time(part(1)?)?);
        event.replaces =
            Some(Replaces { at: time(part(0)?)?, this_and_future: false, cancelled: false });
        series.events.push(event);
    }
    let window = Span::new(text(&case["from"])?.parse()?, text(&case["to"])?.parse()?);
    let window = window.ok_or_else(|| anyhow::anyhow!("a window that ends before it begins"))?;
    let expansion = expand(&series, window, &TimeZone::UTC, &mut Budget::default());
    if let Some(trouble) = expansion.unexpandable {
        anyhow::bail!(trouble);
    }
    let inside = |at: &i64| window.start().as_second() <= *at && *at < window.end().as_second();
    let mut starts: Vec<i64> =
        expansion.intervals.iter().map(|i| i.span.start().as_second()).filter(inside).collect();
    starts.dedup();
    Ok(starts)
}
