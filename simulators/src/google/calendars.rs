//! `calendars`: their own properties, and secondary ones that a client makes.

use serde_json::{Value, json};

use super::{
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    spec::{GoogleCalendarSpec, Role},
    state::{CalendarState, Google},
    when,
};
use crate::state::mark;

pub(crate) fn answer(ask: &Ask<'_>, google: &mut Google) -> Outcome {
    if ask.method == "calendars.insert" {
        return insert(ask, google);
    }
    let id = ask.calendar().to_owned();
    let role = ask.role(google, &id)?;
    match ask.method {
        "calendars.get" => {}
        _ if role < Role::Owner => return Err(Refusal::access_level()),
        "calendars.delete" => {
            if google.calendars.get(&id).is_some_and(CalendarState::is_primary) {
                return Err(Refusal::forbidden());
            }
            google.remove_calendar(&id, ask.around.now);
            return Ok(Answer::Empty);
        }
        _ => change(ask, google, &id)?,
    }
    let found = google.calendars.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(Answer::Json(row(found)))
}

fn insert(ask: &Ask<'_>, google: &mut Google) -> Outcome {
    let text = |name: &str| ask.body.get(name).and_then(Value::as_str).map(str::to_owned);
    let summary = text("summary").ok_or_else(|| Refusal::required("Missing summary."))?;
    let secret = google.secret("calendar");
    let id = format!("c_{}@group.calendar.google.com", secret.get(..40).unwrap_or(&secret));
    let spec = GoogleCalendarSpec {
        summary: Some(summary),
        description: text("description"),
        time_zone: text("timeZone"),
        ..GoogleCalendarSpec::new(&id)
    };
    google.add_calendar(&ask.email, &spec, ask.around.now);
    let found = google.calendars.get_mut(&id).ok_or_else(Refusal::not_found)?;
    found.made_by = Some(ask.client.clone());
    Ok(Answer::Json(row(found)))
}

fn change(ask: &Ask<'_>, google: &mut Google, id: &str) -> Result<(), Refusal> {
    let text = |name: &str| ask.body.get(name).and_then(Value::as_str).map(str::to_owned);
    let found = google.calendars.get_mut(id).ok_or_else(Refusal::not_found)?;
    if let Some(zone) = text("timeZone") {
        when::zone(&zone).ok_or_else(|| Refusal::invalid("Invalid time zone."))?;
        found.set_zone(&zone);
    }
    if let Some(summary) = text("summary") {
        found.summary = summary;
    }
    if ask.body.get("description").is_some() {
        found.description = text("description");
    }
    Ok(())
}

fn row(calendar: &CalendarState) -> Value {
    let etag = mark(&format!("{}/{}/{}", calendar.id, calendar.summary, calendar.zone_name));
    let mut row = json!({ "kind": "calendar#calendar", "etag": format!("\"{etag}\""), "id": calendar.id,
        "summary": calendar.summary, "timeZone": calendar.zone_name,
        "conferenceProperties": { "allowedConferenceSolutionTypes": ["hangoutsMeet"] } });
    if let (Some(description), Some(fields)) = (&calendar.description, row.as_object_mut()) {
        fields.insert("description".into(), json!(description));
    }
    row
}
