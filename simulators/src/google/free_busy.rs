//! `freebusy.query`: merged spans without a word of what fills them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    expand,
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::{CalendarState, Google, Row, text},
    view, when,
};

type Span = (Timestamp, Timestamp);

impl Google {
    pub(crate) fn free_busy(&self, ask: &Ask<'_>) -> Outcome {
        let time = |name: &str| {
            let told = ask.body.get(name).and_then(Value::as_str);
            let told =
                told.ok_or_else(|| Refusal::required(&format!("Missing {name} parameter.")))?;
            when::instant(name, told)
        };
        let (from, to) = (time("timeMin")?, time("timeMax")?);
        if from >= to {
            return Err(Refusal::empty_range().at("parameter", "timeMax"));
        }
        let longest = SignedDuration::from_hours(24 * i64::from(self.knobs.free_busy_days));
        if to.duration_since(from) > longest {
            let message = "The requested time range is too long.";
            return Err(Refusal::new(400, "timeRangeTooLong", message).domain("calendar"));
        }
        let zone = match ask.body.get("timeZone").and_then(Value::as_str) {
            Some(name) => when::zone(name).ok_or_else(|| Refusal::invalid("Invalid time zone."))?,
            None => jiff::tz::TimeZone::UTC,
        };
        let items = ask.body.get("items").and_then(Value::as_array).into_iter().flatten();
        let ids: Vec<&str> =
            items.filter_map(|item| item.get("id").and_then(Value::as_str)).collect();
        let most =
            ask.body.get("calendarExpansionMax").and_then(Value::as_u64).unwrap_or(50).min(50);
        let error = |reason: &str| json!({ "errors": [{ "domain": "global", "reason": reason }], "busy": [] });
        let mut calendars = Map::new();
        for (at, id) in ids.into_iter().enumerate() {
            let found = self.readable(ask, Google::calendar_id(&ask.email, id));
            let told = match found {
                _ if at as u64 >= most => error("tooManyCalendarsRequested"),
                None => error("notFound"),
                Some(calendar) => {
                    let text = |at: Timestamp| when::offset_text(at, &zone);
                    let busy: Vec<Value> = self
                        .busy(calendar, (from, to))
                        .into_iter()
                        .map(|(start, end)| json!({ "start": text(start), "end": text(end) }))
                        .collect();
                    json!({ "busy": busy })
                }
            };
            calendars.insert(id.to_owned(), told);
        }
        let text = |at: Timestamp| when::offset_text(at, &jiff::tz::TimeZone::UTC);
        Ok(Answer::Json(json!({ "kind": "calendar#freeBusy", "timeMin": text(from),
            "timeMax": text(to), "calendars": calendars })))
    }

    fn readable(&self, ask: &Ask<'_>, id: &str) -> Option<&CalendarState> {
        self.role(&ask.email, id).ok()?;
        self.calendars.get(id)
    }

    /// The merged busy spans of a calendar, cut to the range.
    pub(crate) fn busy(&self, calendar: &CalendarState, (from, to): Span) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for row in calendar.rows.values().filter(|row| self.is_busy(row)) {
            match calendar.series(row) {
                None => spans.extend(expand::span(calendar, row)),
                Some(series) => {
                    let id = text(&row.event, "id").unwrap_or_default();
                    let replaced = view::replaced(calendar, id);
                    let slots = series.slots_before(Some(to), usize::MAX).into_iter();
                    spans.extend(
                        slots
                            .filter(|slot| {
                                !replaced
                                    .contains(format!("{id}_{}", series.suffix(*slot)).as_str())
                            })
                            .map(|slot| {
                                let end = series.end_of(slot).instant(&calendar.zone);
                                (series.begins(slot, &calendar.zone), end)
                            }),
                    );
                }
            }
        }
        spans.retain(|(start, end)| *start < to && *end > from);
        spans.sort();
        let mut merged: Vec<Span> = Vec::new();
        for (start, end) in spans {
            let (start, end) = (start.max(from), end.min(to));
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }

    fn is_busy(&self, row: &Row) -> bool {
        let is_free = text(&row.event, "transparency") == Some("transparent");
        let is_mark = matches!(row.kind(), "workingLocation" | "birthday");
        let attendees = row.event.get("attendees").and_then(Value::as_array).into_iter().flatten();
        let own = attendees.filter(|one| one.get("self") == Some(&json!(true)));
        let answer = own.filter_map(|one| one.get("responseStatus").and_then(Value::as_str)).next();
        let is_out = match answer {
            Some("declined") => true,
            Some("needsAction") => !self.knobs.needs_action_is_busy,
            _ => false,
        };
        !(row.is_cancelled() || is_free || is_mark || is_out)
    }
}
