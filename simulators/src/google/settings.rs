//! `settings`: a person's own, of which the zone matters.

use serde_json::{Value, json};

use super::{
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::Google,
};
use crate::state::mark;

impl Ask<'_> {
    pub(crate) fn settings(&self, google: &mut Google, verb: &str) -> Outcome {
        if verb == "watch" {
            let resource = format!("settings/{}", self.email);
            return self.open_channel(google, Some(&resource), "/users/me/settings");
        }
        let person = google.people.get(&self.email).ok_or_else(Refusal::not_found)?;
        let mut all: std::collections::BTreeMap<String, String> = [
            ("autoAddHangouts", "false"),
            ("dateFieldOrder", "DMY"),
            ("defaultEventLength", "60"),
            ("format24HourTime", "true"),
            ("hideInvitations", "false"),
            ("locale", "en_GB"),
            ("showDeclinedEvents", "true"),
            ("useKeyboardShortcuts", "true"),
            ("weekStart", "1"),
            ("timezone", person.spec.time_zone.as_str()),
        ]
        .into_iter()
        .map(|(id, value)| (id.to_owned(), value.to_owned()))
        .collect();
        all.extend(person.spec.settings.clone());
        let one = |id: &str, value: &str| {
            let etag = mark(&format!("{id}={value}"));
            json!({ "kind": "calendar#setting", "etag": format!("\"{etag}\""), "id": id, "value": value })
        };
        if verb == "get" {
            let id = self.segment(3);
            let value = all.get(id).ok_or_else(Refusal::not_found)?;
            return Ok(Answer::Json(one(id, value)));
        }
        let items: Vec<Value> = all.iter().map(|(id, value)| one(id, value)).collect();
        let etag = mark(&format!("{all:?}"));
        Ok(Answer::Json(
            json!({ "kind": "calendar#settings", "etag": format!("\"{etag}\""), "items": items,
            "nextSyncToken": format!("CS{etag:x}") }),
        ))
    }
}
