//! Conferences: created on request, at once, later, or never.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    knobs::Conferencing,
    state::{Google, Row},
};

/// Answers the conference part of a write. Without `conferenceDataVersion=1` it is as if it had not been sent.
pub(crate) fn settle(
    google: &mut Google,
    row: &mut Row,
    old: Option<&Value>,
    is_taken: bool,
    now: Timestamp,
) {
    if !is_taken {
        row.event.remove("conferenceData");
        if let Some(old) = old {
            row.event.insert("conferenceData".into(), old.clone());
        }
        return;
    }
    let asked = row.event.get("conferenceData").and_then(|data| data.get("createRequest"));
    let request = asked.and_then(|asked| asked.get("requestId")).and_then(Value::as_str);
    let Some(request) = request.map(str::to_owned) else {
        if !row.event.contains_key("conferenceData") {
            row.event.remove("hangoutLink");
            row.conference_due = None;
        }
        return;
    };
    if row.conferences.contains(&request) {
        // A request that was answered before is ignored.
        if let Some(old) = old {
            row.event.insert("conferenceData".into(), old.clone());
        }
        return;
    }
    row.conferences.push(request);
    match google.knobs.conferencing {
        Conferencing::AtOnce => done(google, row),
        Conferencing::Fails => status(row, "failure"),
        Conferencing::After(seconds) => {
            status(row, "pending");
            let wait = SignedDuration::try_from(Duration::from_secs(seconds.into()));
            row.conference_due = wait.ok().and_then(|wait| now.checked_add(wait).ok());
        }
    }
}

fn status(row: &mut Row, code: &str) {
    let Some(Value::Object(data)) = row.event.get_mut("conferenceData") else { return };
    data.remove("entryPoints");
    data.remove("conferenceId");
    if let Some(Value::Object(request)) = data.get_mut("createRequest") {
        request.entry("conferenceSolutionKey").or_insert_with(|| json!({ "type": "hangoutsMeet" }));
        request.insert("status".into(), json!({ "statusCode": code }));
    }
}

fn done(google: &mut Google, row: &mut Row) {
    status(row, "success");
    let secret = google.secret("meet");
    let letters: String =
        secret.bytes().take(10).map(|byte| char::from(b'a' + byte % 26)).collect();
    let (first, rest) = letters.split_at(3);
    let (middle, last) = rest.split_at(4);
    let id = format!("{first}-{middle}-{last}");
    let link = format!("https://meet.google.com/{id}");
    if let Some(Value::Object(data)) = row.event.get_mut("conferenceData") {
        data.insert("conferenceId".into(), json!(id));
        data.insert(
            "conferenceSolution".into(),
            json!({ "key": { "type": "hangoutsMeet" }, "name": "Google Meet",
                "iconUri": "https://fonts.gstatic.com/s/i/productlogos/meet_2020q4/v6/web-512dp/logo_meet_2020q4_color_2x_web_512dp.png" }),
        );
        let entry = json!([{ "entryPointType": "video", "uri": link,
            "label": format!("meet.google.com/{id}") }]);
        data.insert("entryPoints".into(), entry);
    }
    row.event.insert("hangoutLink".into(), json!(link));
}

impl Google {
    /// Finishes the conferences of a calendar that are due.
    pub(crate) fn finish_conferences(&mut self, calendar: &str, now: Timestamp) {
        let Some(found) = self.calendars.get(calendar) else { return };
        if found.pending == 0 {
            return;
        }
        let due: Vec<(String, Row)> = found
            .rows
            .iter()
            .filter(|(_, row)| row.conference_due.is_some_and(|at| at <= now))
            .map(|(id, row)| (id.clone(), row.clone()))
            .collect();
        for (id, mut row) in due {
            row.conference_due = None;
            done(self, &mut row);
            self.store(calendar, &id, row, now);
        }
    }
}
