//! What a written event must be, and what the server makes of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    item::{Event, text},
    refusal::Refusal,
    when::{Local, Span, span},
    zones::Zone,
};

/// Fields of an event that nobody has touched.
pub(crate) fn untouched() -> Event {
    let fields = json!({ "categories": [], "subject": "", "importance": "normal", "sensitivity": "normal",
        "showAs": "busy", "isReminderOn": true, "reminderMinutesBeforeStart": 15, "responseRequested": true,
        "allowNewTimeProposals": true, "isDraft": false, "hideAttendees": false, "hasAttachments": false,
        "isCancelled": false, "isOnlineMeeting": false, "onlineMeetingProvider": "unknown", "onlineMeeting": null,
        "onlineMeetingUrl": null, "attendees": [], "body": { "contentType": "html", "content": "" },
        "location": place(&json!({})), "locations": [] });
    match fields {
        Value::Object(fields) => fields,
        _ => Event::new(),
    }
}

/// What a client of the API may write.
const WRITABLE: [&str; 15] = [
    "categories",
    "subject",
    "importance",
    "sensitivity",
    "showAs",
    "isReminderOn",
    "reminderMinutesBeforeStart",
    "responseRequested",
    "allowNewTimeProposals",
    "hideAttendees",
    "isOnlineMeeting",
    "onlineMeetingProvider",
    "attendees",
    "body",
    "location",
];

/// What only the person's own program writes, and what others do to the event.
const PERSONS_OWN: [&str; 6] =
    ["isCancelled", "isDraft", "isOrganizer", "organizer", "responseStatus", "hasAttachments"];

/// Lays what was sent over the fields of an event.
pub(crate) fn absorb(fields: &mut Event, sent: &Event, is_person: bool) -> Result<(), Refusal> {
    let was_online = fields.get("isOnlineMeeting") == Some(&json!(true));
    let own: &[&str] = if is_person { &PERSONS_OWN } else { &[] };
    let blank = untouched();
    for name in WRITABLE.iter().chain(own).copied() {
        let Some(value) = sent.get(name) else { continue };
        // Once a meeting is online, it stays so.
        if was_online && name.contains("nlineMeeting") {
            continue;
        }
        let value = if value.is_null() { blank.get(name).unwrap_or(value) } else { value };
        let value = match name {
            "location" => place(value),
            "attendees" => attendees(value)?,
            "body" => body(value),
            _ => value.clone(),
        };
        fields.insert(name.into(), value);
    }
    if let Some(first) = sent.get("locations").and_then(Value::as_array).and_then(|l| l.first())
        && !sent.contains_key("location")
    {
        fields.insert("location".into(), place(first));
    }
    if text(fields, "subject").is_some_and(|subject| subject.chars().count() > 255) {
        return Err(Refusal::property("The subject is longer than 255 characters."));
    }
    let location = fields.get("location").cloned().unwrap_or_default();
    let is_named = location.get("displayName").is_some_and(|name| name != "");
    fields.insert("locations".into(), if is_named { json!([location]) } else { json!([]) });
    if !was_online && fields.get("isOnlineMeeting") == Some(&json!(true)) {
        fields.insert("onlineMeetingProvider".into(), json!("teamsForBusiness"));
        let link = "https://teams.microsoft.com/l/meetup-join/simulated";
        fields.insert("onlineMeeting".into(), json!({ "joinUrl": link }));
    }
    Ok(())
}

fn place(value: &Value) -> Value {
    let mut told = value.as_object().cloned().unwrap_or_default();
    let name = text(&told, "displayName").unwrap_or_default().to_owned();
    told.entry("displayName").or_insert_with(|| json!(""));
    told.entry("locationType").or_insert_with(|| json!("default"));
    told.entry("uniqueId").or_insert_with(|| json!(name));
    told.entry("uniqueIdType")
        .or_insert_with(|| json!(if name.is_empty() { "unknown" } else { "private" }));
    told.entry("address").or_insert_with(|| json!({}));
    told.entry("coordinates").or_insert_with(|| json!({}));
    Value::Object(told)
}

fn body(value: &Value) -> Value {
    let told = |name: &str| value.get(name).and_then(Value::as_str);
    let kind = told("contentType").unwrap_or("text").to_ascii_lowercase();
    json!({ "contentType": kind, "content": told("content").unwrap_or_default() })
}

fn attendees(value: &Value) -> Result<Value, Refusal> {
    let list = value.as_array().cloned().unwrap_or_default();
    if list.len() > 500 {
        return Err(Refusal::property("An event has at most 500 attendees."));
    }
    let full = list.into_iter().map(|one| {
        let mut fields = one.as_object().cloned().unwrap_or_default();
        let address = fields.get("emailAddress").and_then(|a| a.get("address")).cloned();
        if !address.as_ref().and_then(Value::as_str).is_some_and(|a| a.contains('@')) {
            return Err(Refusal::property("An attendee has no address."));
        }
        if let Some(Value::Object(email)) = fields.get_mut("emailAddress")
            && let Some(address) = address
        {
            email.entry("name").or_insert(address);
        }
        fields.entry("type").or_insert_with(|| json!("required"));
        fields
            .entry("status")
            .or_insert_with(|| json!({ "response": "none", "time": "0001-01-01T00:00:00Z" }));
        Ok(Value::Object(fields))
    });
    full.collect()
}

/// When an event is, and the zones it was told in.
pub(crate) struct Time {
    pub(crate) span: Span,
    pub(crate) zone: Zone,
    pub(crate) end_zone: Zone,
}

/// Reads start, end and all-day of what was sent, over what is there.
pub(crate) fn time(
    sent: &Event,
    there: Option<&Time>,
    any_zone: bool,
) -> Result<Option<Time>, Refusal> {
    let names = ["start", "end", "isAllDay"];
    if there.is_some() && !names.iter().any(|name| sent.get(*name).is_some_and(|v| !v.is_null())) {
        return Ok(None);
    }
    let stored = there.map(|there| {
        let (start, _) = there.span.json(&there.zone);
        let (_, end) = there.span.json(&there.end_zone);
        (start, end)
    });
    let missing = |which: &str| Refusal::property(&format!("The event has no {which}."));
    let told = |name: &str, kept: Option<&Value>| -> Result<Local, Refusal> {
        let value = sent.get(name).filter(|value| !value.is_null()).or(kept);
        Local::read(value.ok_or_else(|| missing(name))?, name, any_zone)
    };
    let start = told("start", stored.as_ref().map(|(start, _)| start))?;
    let end = told("end", stored.as_ref().map(|(_, end)| end))?;
    let was_all_day = there.is_some_and(|there| there.span.is_days());
    let is_all_day = sent.get("isAllDay").and_then(Value::as_bool).unwrap_or(was_all_day);
    let span = span(&start, &end, is_all_day)?;
    Ok(Some(Time { span, zone: start.zone, end_zone: end.zone }))
}

/// Extended properties of what was sent, by id.
pub(crate) fn properties(kept: &mut BTreeMap<String, Value>, sent: &Event) -> Result<(), Refusal> {
    for (name, is_list) in
        [("singleValueExtendedProperties", false), ("multiValueExtendedProperties", true)]
    {
        for one in sent.get(name).and_then(Value::as_array).into_iter().flatten() {
            let id = one.get("id").and_then(Value::as_str).filter(|id| is_property(id));
            let id = id
                .ok_or_else(|| Refusal::property("The id of an extended property is malformed."))?;
            let value = one.get("value").cloned().unwrap_or(Value::Null);
            if value.is_null() {
                kept.remove(id);
            } else if value.is_array() != is_list {
                return Err(Refusal::property("An extended property has the wrong kind of value."));
            } else {
                kept.insert(id.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// `String {GUID} Name something`, `Integer 0x1234`.
fn is_property(id: &str) -> bool {
    let mut words = id.splitn(4, ' ');
    let (kind, set) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_guid = set.len() == 38 && set.starts_with('{') && set.ends_with('}');
    let is_named = matches!(words.next(), Some("Name" | "Id")) && words.next().is_some();
    let is_kind =
        ["String", "Integer", "Boolean", "SystemTime", "Long", "Double", "CLSID", "Binary"]
            .iter()
            .any(|known| kind.trim_end_matches("Array") == *known);
    is_kind && ((is_guid && is_named) || set.starts_with("0x"))
}
