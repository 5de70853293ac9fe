//! Reading single events and the instances of a series.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    cursor::{Cursor, Kind},
    expand,
    list::asked_zone,
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    spec::Role,
    state::{CalendarState, Google, Row},
    view::{self, View},
    when::{self, When},
};
use crate::state::mark;

/// An instance with its original start and its span.
type Instance = (Timestamp, (Timestamp, Timestamp), Value);

impl Ask<'_> {
    fn view(&self, google: &Google, calendar: &CalendarState, role: Role) -> Result<View, Refusal> {
        let mut view = View::new(role, &google.knobs);
        view.zone = asked_zone(self.query, calendar)?;
        view.max_attendees = self.query.number("maxAttendees");
        Ok(view)
    }
}

impl Google {
    pub(crate) fn get_event(&self, ask: &Ask<'_>, calendar: &str, role: Role) -> Outcome {
        let id = ask.segments.get(3).map(String::as_str).unwrap_or_default();
        let found = self.calendars.get(calendar).ok_or_else(Refusal::not_found)?;
        let mut view = ask.view(self, found, role)?;
        view.thin_deletions = false;
        view.thin_instances = false;
        let kept = self.knobs.deleted_kept_days;
        let row = match found.row(id, kept, ask.around.now) {
            Some(row) => row.clone(),
            None => {
                self.synthesised(calendar, id, ask.around.now).ok_or_else(Refusal::not_found)?
            }
        };
        if !view.shows(&row) {
            return Err(Refusal::not_found());
        }
        Ok(Answer::Json(view.row(&row)))
    }

    /// `events.instances`: exceptions in their places, the rest as the master gives them.
    pub(crate) fn list_instances(&self, ask: &Ask<'_>, calendar: &str, role: Role) -> Outcome {
        let id = ask.segments.get(3).map(String::as_str).unwrap_or_default();
        let found = self.calendars.get(calendar).ok_or_else(Refusal::not_found)?;
        let now = ask.around.now;
        let master =
            found.row(id, self.knobs.deleted_kept_days, now).ok_or_else(Refusal::not_found)?;
        let view = ask.view(self, found, role)?;
        let time =
            |name: &str| ask.query.get(name).map(|text| when::instant(name, text)).transpose();
        let (from, to) = (time("timeMin")?, time("timeMax")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(Refusal::empty_range().at("parameter", "timeMax"));
        }
        let mut all = self.instances(found, master, &view, to, now);
        if let Some(original) = ask.query.get("originalStart") {
            let wanted = original_start(original, found)?;
            all.retain(|(original, _, _)| *original == wanted);
        }
        let is_shown = |event: &Value| {
            ask.query.is("showDeleted") || event.get("status") != Some(&json!("cancelled"))
        };
        all.retain(|(_, (start, end), event)| {
            from.is_none_or(|from| *end >= from)
                && to.is_none_or(|to| *start < to)
                && is_shown(event)
        });
        self.page_of_instances(ask, found, role, all)
    }

    fn page_of_instances(
        &self,
        ask: &Ask<'_>,
        found: &CalendarState,
        role: Role,
        all: Vec<Instance>,
    ) -> Outcome {
        let now = ask.around.now;
        let id = ask.segments.get(3).map(String::as_str).unwrap_or_default();
        let shape = mark(&format!(
            "{}{}",
            id,
            ask.query.shape(&["originalStart", "showDeleted", "timeMin", "timeMax", "timeZone"])
        ));
        let place = mark(&format!("instances/{}/{}", ask.email, found.id));
        let start = match ask.query.get("pageToken") {
            Some(token) => Cursor::told(token, Kind::Page, place, shape)?.after,
            None => 0,
        };
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let asked = ask.query.number("maxResults").unwrap_or(250).min(2_500);
        let most = self.knobs.page_cap.map_or(asked, |cap| cap.min(asked)).max(1);
        let more = all.len() > start.saturating_add(most);
        let items: Vec<Value> =
            all.into_iter().skip(start).take(most).map(|(_, _, event)| event).collect();
        let mut answer = json!({ "kind": "calendar#events", "etag": format!("\"p{}o\"", found.changes),
            "summary": found.summary, "updated": when::milliseconds(found.updated),
            "timeZone": ask.query.get("timeZone").unwrap_or(&found.zone_name),
            "accessRole": role.word(), "defaultReminders": [], "items": items });
        if let (true, Some(fields)) = (more, answer.as_object_mut()) {
            let after = (start + most) as u64;
            let cursor = Cursor {
                kind: Kind::Page,
                place,
                shape,
                generation: 0,
                after,
                began: 0,
                issued_s: now.as_second(),
            };
            fields.insert("nextPageToken".into(), json!(cursor.text()));
        }
        Ok(Answer::Json(answer))
    }

    /// Each instance with its original start and its span, by original start.
    fn instances(
        &self,
        calendar: &CalendarState,
        master: &Row,
        view: &View,
        to: Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<Instance> {
        let Some(series) = calendar.series(master) else { return Vec::new() };
        if master.is_cancelled() {
            return Vec::new();
        }
        let id = master.event.get("id").and_then(Value::as_str).unwrap_or_default();
        let horizon =
            to.or_else(|| now.checked_add(jiff::SignedDuration::from_hours(24 * 366 * 15)).ok());
        let replaced = view::replaced(calendar, id);
        let mut all = Vec::new();
        for slot in series.slots_before(horizon, usize::MAX) {
            if replaced.contains(format!("{id}_{}", series.suffix(slot)).as_str()) {
                continue;
            }
            let start = series.begins(slot, &calendar.zone);
            let end = series.end_of(slot).instant(&calendar.zone);
            all.push((start, (start, end), view.instance(calendar, master, &series, slot)));
        }
        for (_, row) in calendar.exceptions(id) {
            let original = When::stored(row.event.get("originalStartTime"));
            let Some(original) = original.map(|when| when.instant(&calendar.zone)) else {
                continue;
            };
            let span = expand::span(calendar, row).unwrap_or((original, original));
            all.push((original, span, view.row(row)));
        }
        all.sort_by_key(|(original, _, _)| *original);
        all
    }
}

/// `originalStart` is an instant or a date.
fn original_start(text: &str, calendar: &CalendarState) -> Result<Timestamp, Refusal> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        return Ok(when::midnight(date, &calendar.zone));
    }
    when::instant("originalStart", text)
}
