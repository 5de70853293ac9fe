//! `getSchedule`: free and busy of people by their addresses, as a row of digits.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    item::{Item, text},
    mailbox::hours,
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::{Microsoft, Person},
    when::{Local, Span},
};

/// What is asked of each person.
struct Asked {
    from: Timestamp,
    to: Timestamp,
    interval: SignedDuration,
    zone: super::zones::Zone,
}

impl Microsoft {
    pub(crate) fn schedule(&self, ask: &Ask<'_>) -> Outcome {
        if self.people.get(&ask.mailbox).is_some_and(|person| person.spec.personal) {
            return Err(Refusal::new(403, "ErrorAccessDenied", "Not for personal accounts."));
        }
        let time = |name: &str| {
            let told = ask.body.get(name).filter(|told| !told.is_null());
            let told = told.ok_or_else(|| Refusal::invalid(&format!("{name} is missing.")))?;
            Local::read(told, name, self.knobs.any_zone)
        };
        let (start, end) = (time("startTime")?, time("endTime")?);
        let (from, to) = (start.instant(), end.instant());
        let names = ask.body.get("schedules").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<&str> = names.filter_map(Value::as_str).collect();
        if to <= from || names.is_empty() || names.len() > 20 {
            return Err(Refusal::invalid("The schedules or their time are not valid."));
        }
        if to.duration_since(from) >= SignedDuration::from_hours(24 * 62) {
            let message = "The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long.";
            return Err(Refusal::new(400, "ErrorTimeIntervalTooBig", message));
        }
        let minutes =
            ask.body.get("availabilityViewInterval").and_then(Value::as_i64).unwrap_or(30);
        if !(5..=1_440).contains(&minutes) {
            return Err(Refusal::invalid("The interval is not between 5 and 1440 minutes."));
        }
        let asked =
            Asked { from, to, interval: SignedDuration::from_mins(minutes), zone: start.zone };
        let rows: Vec<Value> =
            names.into_iter().map(|name| self.schedule_of(name, &asked)).collect();
        let context =
            format!("{}/v1.0/$metadata#Collection(scheduleInformation)", ask.around.origin);
        Ok(Answer::Json(json!({ "@odata.context": context, "value": rows })))
    }

    fn schedule_of(&self, name: &str, asked: &Asked) -> Value {
        let Some(person) = self.people.get(name).filter(|person| !person.spec.no_mailbox) else {
            let message = "Unable to resolve e-mail address to an Active Directory object.";
            return json!({ "scheduleId": name, "availabilityView": "", "scheduleItems": [],
                "error": { "message": message, "responseCode": "ErrorMailRecipientNotFound" } });
        };
        let items = items(person, asked);
        let mut view = String::new();
        let mut at = asked.from;
        while at < asked.to {
            let next = at.checked_add(asked.interval).unwrap_or(asked.to);
            let slot: Vec<&(Span, char, Value)> =
                items.iter().filter(|(span, _, _)| span.overlaps((at, next))).collect();
            if slot.len() > 1_000 {
                let message = "The result set is too large.";
                return json!({ "scheduleId": name, "availabilityView": "", "scheduleItems": [],
                    "error": { "message": message, "responseCode": "5006" } });
            }
            view.push(slot.iter().map(|(_, digit, _)| *digit).max().unwrap_or('0'));
            at = next;
        }
        let told: Vec<&Value> = items.iter().map(|(_, _, item)| item).collect();
        json!({ "scheduleId": name, "availabilityView": view, "scheduleItems": told,
            "workingHours": hours(person) })
    }
}

fn items(person: &Person, asked: &Asked) -> Vec<(Span, char, Value)> {
    let window = (asked.from, asked.to);
    let Some(calendar) = person.default_calendar() else { return Vec::new() };
    let mut found = Vec::new();
    for item in calendar.alive().filter(|item| item.is_within(window)) {
        let days = item.occurrences(window).into_iter().map(Some);
        let days: Vec<_> = if item.series.is_some() { days.collect() } else { vec![None] };
        found.extend(days.into_iter().filter_map(|day| entry(item, day, asked)));
    }
    found.sort_by_key(|(span, _, _)| span.instants().0);
    found
}

fn entry(
    item: &Item,
    day: Option<jiff::civil::Date>,
    asked: &Asked,
) -> Option<(Span, char, Value)> {
    let fields = item.fields(day);
    let status = text(&fields, "showAs").unwrap_or("busy").to_owned();
    let digit = match status.as_str() {
        "free" => return None,
        "tentative" => '1',
        "oof" => '3',
        // Newer answers say 4; to older ones, elsewhere was free.
        "workingElsewhere" => '4',
        _ => '2',
    };
    let span = item.span(day);
    let (start, end) = span.json(&asked.zone);
    let is_private = text(&fields, "sensitivity") == Some("private");
    let mut told = json!({ "status": status, "start": start, "end": end, "isPrivate": is_private });
    if let (false, Some(row)) = (is_private, told.as_object_mut()) {
        row.insert("subject".into(), json!(text(&fields, "subject")));
        let place = fields.get("location").and_then(|place| place.get("displayName")).cloned();
        row.insert("location".into(), place.unwrap_or_default());
    }
    Some((span, digit, told))
}
