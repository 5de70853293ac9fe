//! The truth as canonical JSON, for oracles and dumps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::state::Google;

/// The events of a calendar that are not deleted: cancelled instances of living series are part of the truth.
pub(crate) fn events(google: &Google, calendar: &str) -> BTreeMap<String, Value> {
    let Some(found) = google.calendars.get(calendar) else { return BTreeMap::new() };
    let is_alive = |master: &str| found.rows.get(master).is_some_and(|row| !row.is_cancelled());
    found
        .rows
        .iter()
        .filter(|(_, row)| !row.is_moved)
        .filter(|(_, row)| match row.master() {
            Some(master) => is_alive(master),
            None => !row.is_cancelled(),
        })
        .map(|(id, row)| (id.clone(), Value::Object(row.event.clone())))
        .collect()
}

pub(crate) fn person(google: &Google, email: &str) -> Value {
    let Some(person) = google.people.get(email) else { return Value::Null };
    let calendars: BTreeMap<&String, Value> = person
        .list
        .iter()
        .filter_map(|(id, entry)| {
            let found = google.calendars.get(id)?;
            let told = json!({ "summary": found.summary, "timeZone": found.zone_name,
                "accessRole": entry.role.word(), "hidden": entry.hidden, "deleted": entry.deleted,
                "lost": entry.lost, "events": events(google, id) });
            Some((id, told))
        })
        .collect();
    json!({ "sub": person.sub(), "calendars": calendars })
}

pub(crate) fn all(google: &Google) -> Value {
    google.people.keys().map(|email| (email.clone(), person(google, email))).collect()
}
