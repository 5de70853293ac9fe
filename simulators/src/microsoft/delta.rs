//! `calendarView/delta`: rounds over a window that the first call freezes.

use serde_json::{Value, json};

use super::{
    cursor::Cursor,
    item::Item,
    knobs::{MicrosoftKnobs, SeriesRemoval},
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::{Calendar, Microsoft},
    view::{self, View},
    when::seconds_later,
};
use crate::state::mark;

/// Parameters that only the first call takes.
const FIRST: [&str; 2] = ["startDateTime", "endDateTime"];
const DEFAULT_PAGE: usize = 10;

impl Microsoft {
    pub(crate) fn delta(&mut self, ask: &Ask<'_>) -> Outcome {
        let calendar = self.calendar(&ask.mailbox, ask.target.calendar.as_deref())?;
        let (id, changes) =
            (calendar.id.clone(), calendar.visible(self.knobs.list_lag_s, ask.around.now));
        let place = mark(&format!("{}/{id}", ask.mailbox));
        let (cursor, is_first) = self.begun(ask, calendar, place, changes)?;
        if is_first && self.knobs.empty_pages {
            let next = Cursor { is_page: true, ..cursor };
            return Ok(Answer::Json(page(ask, &[], &next)));
        }
        let size = ask.prefer.page_size.unwrap_or(DEFAULT_PAGE).clamp(1, 1_000);
        let size = self.knobs.page_cap.map_or(size, |cap| cap.clamp(1, size));
        let calendar = self.calendar(&ask.mailbox, Some(&id))?;
        let mut rows = rows(calendar, &cursor, &self.knobs, &ask.view(), size + 1);
        let is_more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().map(|(place, _)| *place);
        let mut told: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
        self.disorder(&mut told, ask);
        let next = match last {
            Some(after) if is_more => Cursor { is_page: true, after, ..cursor },
            _ => Cursor {
                is_page: false,
                since: cursor.upto,
                after: (0, 0),
                issued: ask.around.now,
                ..cursor
            },
        };
        Ok(Answer::Json(page(ask, &told, &next)))
    }

    /// Where the call begins or goes on, and whether it is the first of its round.
    fn begun(
        &self,
        ask: &Ask<'_>,
        calendar: &Calendar,
        place: u64,
        changes: u64,
    ) -> Result<(Cursor, bool), Refusal> {
        let now = ask.around.now;
        let token = ask.query.get("$skiptoken").map(|text| (text, true));
        let token = token.or_else(|| ask.query.get("$deltatoken").map(|text| (text, false)));
        self.check_parameters(ask, token.is_some_and(|(text, _)| !text.is_empty()))?;
        let Some((text, is_page)) = token.filter(|(text, _)| !text.is_empty()) else {
            let (from, to) = view::window(ask.query.get(FIRST[0]), ask.query.get(FIRST[1]))?;
            let cursor = Cursor {
                is_page: false,
                place,
                generation: calendar.generation,
                from,
                to,
                since: 0,
                upto: changes,
                after: (0, 0),
                issued: now,
            };
            return Ok((cursor, true));
        };
        let Some(cursor) = Cursor::read(text, place, is_page) else {
            let message = "The delta token is not valid.";
            return Err(match self.knobs.mangled_status {
                410 => Refusal::new(410, "SyncStateInvalid", message),
                status => Refusal::new(status, "BadRequest", message),
            });
        };
        let is_old = self
            .knobs
            .delta_link_s
            .is_some_and(|kept| seconds_later(cursor.issued, kept.into()) <= now);
        if cursor.generation != calendar.generation || is_old {
            return Err(self.reset(ask, &cursor));
        }
        if is_page {
            return Ok((cursor, false));
        }
        Ok((Cursor { upto: changes.max(cursor.since), ..cursor }, true))
    }

    fn check_parameters(&self, ask: &Ask<'_>, has_token: bool) -> Result<(), Refusal> {
        for (name, _) in ask.query.iter() {
            let is_token = matches!(name, "$skiptoken" | "$deltatoken");
            let is_first = FIRST.iter().any(|first| first.eq_ignore_ascii_case(name));
            if is_token || (is_first && !has_token) || self.knobs.ignores_parameters {
                continue;
            }
            let message =
                format!("The query parameter {name} is not supported with change tracking.");
            return Err(Refusal::invalid(&message));
        }
        Ok(())
    }

    fn reset(&self, ask: &Ask<'_>, cursor: &Cursor) -> Refusal {
        let message = "The sync state generation is not found; do a full synchronisation.";
        let mut refusal = Refusal::new(410, self.knobs.reset.word(), message);
        refusal.location = self.knobs.reset_location.then(|| {
            format!(
                "{}?startDateTime={}&endDateTime={}&$deltatoken=",
                ask.address(),
                super::when::instant_text(cursor.from),
                super::when::instant_text(cursor.to)
            )
        });
        refusal
    }

    fn disorder(&mut self, rows: &mut Vec<Value>, ask: &Ask<'_>) {
        let shape = ask.around.shape;
        if shape.is_empty {
            rows.clear();
        }
        if shape.is_halved {
            let mut n = 0;
            rows.retain(|_| {
                n += 1;
                n % 2 == 0
            });
        }
        let chance = self.knobs.duplicate_rows;
        let again: Vec<Value> =
            rows.iter().filter(|_| shape.is_doubled || self.by_chance(chance)).cloned().collect();
        rows.extend(again);
        if shape.is_reversed {
            rows.reverse();
        }
    }
}

fn page(ask: &Ask<'_>, rows: &[Value], next: &Cursor) -> Value {
    let (link, token) = if next.is_page {
        ("@odata.nextLink", "$skiptoken")
    } else {
        ("@odata.deltaLink", "$deltatoken")
    };
    let address = format!("{}?{token}={}", ask.address(), next.text());
    json!({ "@odata.context": format!("{}/v1.0/$metadata#Collection(event)", ask.around.origin),
        link: address, "value": rows })
}

type Placed = ((u64, u64), Value);

/// The rows of a round after a cursor, at most `most`.
fn rows(
    calendar: &Calendar,
    cursor: &Cursor,
    knobs: &MicrosoftKnobs,
    view: &View,
    most: usize,
) -> Vec<Placed> {
    let mut found = Vec::new();
    let begin = cursor.since.max(cursor.after.0.saturating_sub(1));
    for item in calendar.changed(begin).take_while(|item| item.version.change <= cursor.upto) {
        let all = (1_u64..).zip(told(item, cursor, knobs, view));
        let placed = all.map(|(n, row)| ((item.version.change, n), row));
        found.extend(placed.filter(|(place, _)| *place > cursor.after));
        if found.len() >= most {
            break;
        }
    }
    found
}

/// What a round tells of a changed event.
fn told(item: &Item, cursor: &Cursor, knobs: &MicrosoftKnobs, view: &View) -> Vec<Value> {
    let window = (cursor.from, cursor.to);
    let is_within = item.is_within(window);
    if !item.is_gone && is_within {
        return whole(item, cursor, knobs, view);
    }
    let (is_first, is_new) = (cursor.since == 0, item.born > cursor.since);
    let has_left = item.is_gone || item.moved > cursor.since;
    if is_first || (!knobs.tells_strangers && (is_new || !has_left)) {
        return Vec::new();
    }
    let reason = if item.is_gone { "deleted" } else { "changed" };
    let is_series = item.is_gone && item.series.is_some() && is_within;
    let tells_each = is_series && knobs.series_removal != SeriesRemoval::Master;
    let mut rows = Vec::new();
    if !(is_series && knobs.series_removal == SeriesRemoval::Occurrences) {
        rows.push(view.removed(item, None, reason));
    }
    if tells_each {
        let days = item.occurrences(window).into_iter();
        rows.extend(days.map(|day| view.removed(item, Some(day), reason)));
    }
    rows
}

/// An event with all that it has in the window. Of an occurrence that was deleted there is no word.
fn whole(item: &Item, cursor: &Cursor, knobs: &MicrosoftKnobs, view: &View) -> Vec<Value> {
    let full = |day| {
        let mut event = view.event(item, day);
        event.insert("@odata.type".into(), json!("#microsoft.graph.event"));
        if !knobs.delta_tells_transactions {
            event.remove("transactionId");
        }
        Value::Object(event)
    };
    let mut rows = vec![full(None)];
    for day in item.occurrences((cursor.from, cursor.to)) {
        let is_exception = item.exceptions.contains_key(&day);
        rows.push(if is_exception { full(Some(day)) } else { view.thin(item, day) });
    }
    if knobs.occurrences_first {
        rows.rotate_left(1);
    }
    rows
}
