//! `calendarList`: what a person has in their list, whole or since a sync token.

use serde_json::{Value, json};

use super::{
    cursor::{Cursor, Kind},
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    spec::Role,
    state::{CalendarState, Entry, Google},
};
use crate::{query::Query, state::mark};

pub(crate) fn answer(ask: &Ask<'_>, google: &mut Google) -> Outcome {
    match ask.method {
        "calendarList.list" => list(ask, google),
        "calendarList.watch" => ask.open_channel(google, None, "/users/me/calendarList"),
        "calendarList.get" => one(ask, google, ask.calendar()),
        "calendarList.insert" => insert(ask, google),
        "calendarList.delete" => {
            ask.role(google, ask.calendar())?;
            if ask.calendar() == ask.email {
                return Err(Refusal::forbidden());
            }
            google.edit_entry(&ask.email, ask.calendar(), ask.around.now, |entry| {
                entry.deleted = true;
            });
            Ok(Answer::Empty)
        }
        _ => change(ask, google),
    }
}

fn one(ask: &Ask<'_>, google: &Google, id: &str) -> Outcome {
    let person = google.people.get(&ask.email).ok_or_else(Refusal::not_found)?;
    let entry = person.list.get(id).filter(|entry| !entry.deleted && entry.lost.is_none());
    let entry = entry.ok_or_else(Refusal::not_found)?;
    let calendar = google.calendars.get(id).ok_or_else(Refusal::not_found)?;
    Ok(Answer::Json(row(calendar, entry, &ask.email)))
}

fn insert(ask: &Ask<'_>, google: &mut Google) -> Outcome {
    let id = ask.body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let role = google.role(&ask.email, &id).map_err(|_| Refusal::not_found())?;
    let person = google.people.get_mut(&ask.email).ok_or_else(Refusal::not_found)?;
    person.list.entry(id.clone()).or_insert_with(|| Entry::new(role));
    google.edit_entry(&ask.email, &id, ask.around.now, |entry| entry.deleted = false);
    one(ask, google, &id)
}

fn change(ask: &Ask<'_>, google: &mut Google) -> Outcome {
    let id = ask.calendar().to_owned();
    one(ask, google, &id)?;
    let is_update = ask.method == "calendarList.update";
    let body = &ask.body;
    google.edit_entry(&ask.email, &id, ask.around.now, |entry| {
        let flag = |name: &str, there: bool| match body.get(name).and_then(Value::as_bool) {
            Some(told) => told,
            None => there && !is_update,
        };
        entry.hidden = flag("hidden", entry.hidden);
        entry.selected = flag("selected", entry.selected);
        let told = |name: &str| body.get(name).map(|value| value.as_str().map(str::to_owned));
        if let Some(name) = told("summaryOverride") {
            entry.summary_override = name;
        }
        if let Some(color) = told("backgroundColor") {
            entry.color = color;
        }
    });
    one(ask, google, &id)
}

/// A sync tells all that changed: nothing may be left out of it.
fn forbid_with_sync(query: &Query) -> Result<(), Refusal> {
    let forbidden =
        ["minAccessRole", "showOwnOrganizationOnly"].iter().find(|name| query.has(name));
    let hidden = ["showDeleted", "showHidden"].iter().find(|name| query.get(name) == Some("false"));
    if let Some(name) = forbidden.or(hidden) {
        let message = "Sync token cannot be used with query restrictions.";
        return Err(Refusal::invalid(message).at("parameter", name));
    }
    Ok(())
}

fn list(ask: &Ask<'_>, google: &Google) -> Outcome {
    let query = ask.query;
    let person = google.people.get(&ask.email).ok_or_else(Refusal::not_found)?;
    let is_sync = query.has("syncToken");
    if is_sync {
        forbid_with_sync(query)?;
    }
    let place = mark(&format!("list/{}", ask.email));
    let page_shape = mark(&query.shape(&[
        "minAccessRole",
        "showDeleted",
        "showHidden",
        "showOwnOrganizationOnly",
        "syncToken",
    ]));
    let alive = |cursor: Cursor| {
        cursor.alive(person.list_generation, false, google.knobs.deleted_kept_days, ask.around.now)
    };
    let since = match query.get("syncToken") {
        Some(token) => Some(alive(Cursor::told(token, Kind::Sync, place, 0)?)?.after),
        None => None,
    };
    let page = match query.get("pageToken") {
        Some(token) => Some(alive(Cursor::told(token, Kind::Page, place, page_shape)?)?),
        None => None,
    };
    let after = page.map_or(since.unwrap_or(0), |cursor| cursor.after);
    let began = page.map_or(person.list_changes, |cursor| cursor.began);
    let mut rows: Vec<(&String, &Entry)> = person
        .list
        .iter()
        .filter(|(_, entry)| entry.change > after && is_shown(query, entry))
        .collect();
    rows.sort_by_key(|(_, entry)| entry.change);
    let most = query.number("maxResults").unwrap_or(100).min(250);
    let most = google.knobs.page_cap.map_or(most, |cap| cap.min(most)).max(1);
    let more = rows.len() > most;
    rows.truncate(most);
    let last = rows.last().map_or(after, |(_, entry)| entry.change);
    let items: Vec<Value> = rows
        .into_iter()
        .filter_map(|(id, entry)| Some(row(google.calendars.get(id)?, entry, &ask.email)))
        .collect();
    let cursor = |kind: Kind, after: u64| Cursor {
        kind,
        place,
        shape: if kind == Kind::Sync { 0 } else { page_shape },
        generation: person.list_generation,
        after,
        began,
        issued_s: ask.around.now.as_second(),
    };
    let (name, token) = if more {
        ("nextPageToken", cursor(Kind::Page, last))
    } else {
        ("nextSyncToken", cursor(Kind::Sync, began))
    };
    let etag = format!("\"p{}g\"", person.list_changes);
    Ok(Answer::Json(
        json!({ "kind": "calendar#calendarList", "etag": etag, "items": items, name: token.text() }),
    ))
}

/// Whether an entry belongs into the answer.
fn is_shown(query: &Query, entry: &Entry) -> bool {
    let is_sync = query.has("syncToken");
    let least = query.get("minAccessRole").and_then(Role::named);
    let is_told = is_sync || query.is("showDeleted") || !(entry.deleted || entry.lost.is_some());
    let is_seen = is_sync || query.is("showHidden") || !entry.hidden;
    is_told && is_seen && least.is_none_or(|least| entry.role >= least)
}

/// An entry as the API tells it.
fn row(calendar: &CalendarState, entry: &Entry, email: &str) -> Value {
    let etag =
        mark(&format!("{}/{}/{:?}/{}", calendar.id, entry.change, entry.role, calendar.summary));
    let mut row = json!({
        "kind": "calendar#calendarListEntry", "etag": format!("\"{etag}\""), "id": calendar.id,
        "summary": calendar.summary, "timeZone": calendar.zone_name, "accessRole": entry.role.word(),
        "defaultReminders": [], "selected": entry.selected, "colorId": "14",
        "backgroundColor": entry.color.as_deref().unwrap_or("#9fe1e7"), "foregroundColor": "#000000",
        "conferenceProperties": { "allowedConferenceSolutionTypes": ["hangoutsMeet"] },
    });
    let Some(fields) = row.as_object_mut() else { return row };
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some(description) = &calendar.description {
        put("description", json!(description));
    }
    if let Some(name) = &entry.summary_override {
        put("summaryOverride", json!(name));
    }
    if calendar.id == email {
        put("primary", json!(true));
    } else if calendar.id.ends_with("@group.calendar.google.com") {
        put("dataOwner", json!(calendar.owner));
    }
    if entry.hidden {
        put("hidden", json!(true));
    }
    if entry.deleted || entry.lost.is_some() {
        put("deleted", json!(true));
    }
    row
}

impl Entry {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            hidden: false,
            selected: true,
            deleted: false,
            lost: None,
            summary_override: None,
            color: None,
            change: 0,
        }
    }
}

impl Google {
    /// Changes an entry so that a sync of the list tells it.
    pub(crate) fn edit_entry(
        &mut self,
        email: &str,
        calendar: &str,
        now: jiff::Timestamp,
        change: impl FnOnce(&mut Entry),
    ) -> bool {
        let Some(person) = self.people.get_mut(email) else { return false };
        let Some(entry) = person.list.get_mut(calendar) else { return false };
        change(entry);
        person.list_changes += 1;
        entry.change = person.list_changes;
        self.announce_list(email, now);
        true
    }
}
