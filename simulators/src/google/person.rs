//! What the person does in Google's own program and the API has no single call for.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    desk::Desk,
    refusal::Refusal,
    series::{Event, split_id},
    spec::Role,
    state::{Google, Row, text},
    when::When,
};

impl<'a> Desk<'a> {
    pub(crate) fn of_person(
        google: &'a mut Google,
        email: &'a str,
        calendar: &'a str,
        now: Timestamp,
    ) -> Self {
        Self {
            google,
            now,
            email,
            calendar,
            is_person: true,
            role: Role::Owner,
            if_match: None,
            takes_conferences: true,
            takes_attachments: true,
            send_updates: "none",
        }
    }

    /// Makes an event of an hour, at the next full hour, of a text.
    pub(crate) fn quick_add(&mut self, words: &str) -> Result<String, Refusal> {
        if words.trim().is_empty() {
            return Err(Refusal::required("Missing text."));
        }
        let hour = self.now.as_second() / 3_600 + 1;
        let text = |hour: i64| {
            Timestamp::from_second(hour * 3_600).map(|at| at.to_string()).unwrap_or_default()
        };
        let made = json!({ "summary": words, "start": { "dateTime": text(hour) },
            "end": { "dateTime": text(hour + 1) } });
        self.insert(made.as_object().cloned().unwrap_or_default())
    }

    /// Answers an invitation, as the attendee whose calendar this is.
    pub(crate) fn respond(&mut self, id: &str, answer: &str) -> Result<String, Refusal> {
        let calendar = self.google.calendars.get(self.calendar).ok_or_else(Refusal::not_found)?;
        let owner = calendar.owner.clone();
        let row = calendar.rows.get(id).cloned();
        let row = row.or_else(|| self.google.synthesised(self.calendar, id, self.now));
        let row = row.ok_or_else(Refusal::not_found)?;
        let list = row.event.get("attendees").and_then(Value::as_array).cloned();
        let mut list = list.unwrap_or_default();
        let own = list.iter_mut().find(|one| one.get("email") == Some(&json!(owner)));
        match own.and_then(Value::as_object_mut) {
            Some(own) => {
                own.insert("responseStatus".into(), json!(answer));
            }
            None => list.push(json!({ "email": owner, "responseStatus": answer })),
        }
        let patch = json!({ "attendees": list });
        self.patch(id, patch.as_object().unwrap_or(&Event::new()))
    }

    /// "This and following": the old series ends before the instance, a new one begins with the change.
    pub(crate) fn split(&mut self, instance: &str, change: &Event) -> Result<String, Refusal> {
        let (master, suffix) = split_id(instance).ok_or_else(Refusal::not_found)?;
        let calendar = self.google.calendars.get(self.calendar).ok_or_else(Refusal::not_found)?;
        let row = calendar.rows.get(master).cloned().ok_or_else(Refusal::not_found)?;
        let series = calendar.series(&row).ok_or_else(Refusal::not_found)?;
        let slot = series.slot_named(suffix).ok_or_else(Refusal::not_found)?;
        let (start, end) = (series.start_of(slot), series.end_of(slot));
        let zone = calendar.zone.clone();
        let later: Vec<(String, Row)> = calendar
            .exceptions(master)
            .filter(|(id, _)| split_id(id).is_some_and(|(_, one)| one >= suffix))
            .map(|(id, row)| (id.clone(), row.clone()))
            .collect();
        let before = series.slots_before(Some(series.begins(slot, &zone)), usize::MAX).len();
        let lines =
            row.event.get("recurrence").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut following = row.event.clone();
        for name in ["id", "iCalUID", "etag"] {
            following.remove(name);
        }
        following.insert("start".into(), start.json(&zone));
        following.insert("end".into(), end.json(&zone));
        following
            .insert("recurrence".into(), lines.iter().map(|line| counted(line, before)).collect());
        super::draft::lay(&mut following, change);
        // Seen: the id of the new series is that of the old one with the moment of the split.
        let mark = if suffix.len() == 8 { suffix } else { suffix.trim_end_matches('Z') };
        let id = format!("{master}_R{mark}");
        for (exception, mut row) in later {
            row.event.insert("status".into(), json!("cancelled"));
            self.google.store(self.calendar, &exception, row, self.now);
        }
        let ended: Value = lines.iter().map(|line| ended(line, &start)).collect();
        let patch = json!({ "recurrence": ended });
        self.patch(master, patch.as_object().unwrap_or(&Event::new()))?;
        self.insert_as(&id, following)
    }

    /// Stores an event under an id that no client may choose.
    fn insert_as(&mut self, id: &str, event: Event) -> Result<String, Refusal> {
        let made = self.insert(event)?;
        let Some(calendar) = self.google.calendars.get_mut(self.calendar) else { return Ok(made) };
        if let Some(mut row) = calendar.rows.remove(&made) {
            row.event.insert("id".into(), json!(id));
            row.event.insert("iCalUID".into(), json!(format!("{id}@google.com")));
            calendar.by_change.insert(row.change, id.to_owned());
            calendar.rows.insert(id.to_owned(), row);
        }
        Ok(id.to_owned())
    }
}

/// A rule that ends before a start.
fn ended(line: &Value, start: &When) -> Value {
    let Some(rule) = line.as_str().and_then(|line| line.strip_prefix("RRULE:")) else {
        return line.clone();
    };
    let until = match start {
        When::Date(date) => super::when::days_later(*date, -1).strftime("%Y%m%d").to_string(),
        When::At { at, .. } => {
            let last = at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(*at);
            last.strftime("%Y%m%dT%H%M%SZ").to_string()
        }
    };
    let is_bound = |part: &&str| !part.starts_with("UNTIL=") && !part.starts_with("COUNT=");
    let kept: Vec<&str> = rule.split(';').filter(is_bound).collect();
    json!(format!("RRULE:{};UNTIL={until}", kept.join(";")))
}

/// A rule whose count is what the instances before a split leave of it.
fn counted(line: &Value, before: usize) -> Value {
    let Some(rule) = line.as_str().and_then(|line| line.strip_prefix("RRULE:")) else {
        return line.clone();
    };
    let part = |part: &str| match part.strip_prefix("COUNT=").and_then(|n| n.parse::<usize>().ok())
    {
        Some(count) => format!("COUNT={}", count.saturating_sub(before).max(1)),
        None => part.to_owned(),
    };
    json!(format!("RRULE:{}", rule.split(';').map(part).collect::<Vec<_>>().join(";")))
}

/// The title of an event, for pages.
pub(crate) fn title(event: &Event) -> &str {
    text(event, "summary").unwrap_or("(no title)")
}
