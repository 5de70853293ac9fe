//! What a written event must be, and what the server makes of it.

use serde_json::{Value, json};

use super::{
    knobs::GoogleKnobs,
    refusal::Refusal,
    series::{Event, Series},
    state::{CalendarState, text},
    when::When,
};

/// Fields that only the server sets.
pub(crate) const SERVERS_OWN: [&str; 15] = [
    "kind",
    "etag",
    "htmlLink",
    "created",
    "updated",
    "creator",
    "organizer",
    "hangoutLink",
    "locked",
    "recurringEventId",
    "originalStartTime",
    "iCalUID",
    "id",
    "attendeesOmitted",
    "privateCopy",
];

const KINDS: [&str; 6] =
    ["default", "birthday", "focusTime", "fromGmail", "outOfOffice", "workingLocation"];

/// What an event is written into.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) calendar: &'a CalendarState,
    pub(crate) knobs: &'a GoogleKnobs,
    /// By the person in Google's own program, who may make what the API may not.
    pub(crate) is_person: bool,
    pub(crate) takes_attachments: bool,
}

/// Checks an event and writes it as the server keeps it.
pub(crate) fn settled(mut event: Event, place: &Place<'_>) -> Result<Event, Refusal> {
    event.retain(|_, value| !value.is_null());
    times(&mut event, place)?;
    kind(&mut event, place)?;
    words(&event)?;
    properties(&event)?;
    reminders(&mut event)?;
    attendees(&mut event, place)?;
    attachments(&mut event, place)?;
    rewrite_description(&mut event);
    event.entry("status").or_insert_with(|| json!("confirmed"));
    if text(&event, "transparency") == Some("opaque") {
        event.remove("transparency");
    }
    if text(&event, "visibility") == Some("default") {
        event.remove("visibility");
    }
    Ok(event)
}

fn times(event: &mut Event, place: &Place<'_>) -> Result<(), Refusal> {
    let missing = |which: &str| Refusal::required(&format!("Missing {which} time."));
    let start = When::read(event.get("start").ok_or_else(|| missing("start"))?, "start")?;
    let end = When::read(event.get("end").ok_or_else(|| missing("end"))?, "end")?;
    if start.is_date() != end.is_date() {
        let message = "Start and end times must either both be date or both be dateTime.";
        return Err(Refusal::invalid(message));
    }
    let zone = &place.calendar.zone;
    if end.instant(zone) <= start.instant(zone) {
        return Err(Refusal::empty_range());
    }
    let recurs = event.get("recurrence").and_then(Value::as_array).is_some_and(|l| !l.is_empty());
    let is_instance = event.contains_key("recurringEventId");
    if recurs && is_instance {
        return Err(Refusal::invalid("Recurrence rules cannot be set on an instance."));
    }
    if recurs && !start.is_date() && (start.named_zone().is_none() || end.named_zone().is_none()) {
        return Err(Refusal::required("Missing time zone definition for start time."));
    }
    event.insert("start".into(), start.json(zone));
    event.insert("end".into(), end.json(zone));
    if !recurs {
        event.remove("recurrence");
        return Ok(());
    }
    let series = Series::of(event, zone)?;
    let is_empty = series.is_none_or(|series| series.slots_before(None, 1).is_empty());
    if is_empty {
        return Err(Refusal::invalid("The recurring event has no instances."));
    }
    Ok(())
}

fn kind(event: &mut Event, place: &Place<'_>) -> Result<(), Refusal> {
    let kind = text(event, "eventType").unwrap_or("default").to_owned();
    let wrong = |message: &str| Err(Refusal::new(400, "badRequest", message).domain("calendar"));
    if !KINDS.contains(&kind.as_str()) {
        return Err(Refusal::invalid("Invalid value for eventType."));
    }
    let is_date = event.get("start").is_some_and(|start| start.get("date").is_some());
    let is_free = text(event, "transparency") == Some("transparent");
    event.insert("eventType".into(), json!(kind));
    match kind.as_str() {
        "fromGmail" if !place.is_person => wrong("Events from Gmail cannot be created."),
        "focusTime" | "outOfOffice" | "workingLocation" if !place.calendar.is_primary() => {
            wrong("Status events can only be created on primary calendars.")
        }
        "focusTime" | "outOfOffice" if is_date || is_free => {
            wrong("This kind of event must be timed and opaque.")
        }
        "workingLocation" if !is_free || text(event, "visibility") != Some("public") => {
            wrong("A working location event must be public and transparent.")
        }
        "birthday" if !is_date || !is_yearly(event) => {
            wrong("A birthday event must be all-day and repeat every year.")
        }
        "workingLocation" if !event.contains_key("workingLocationProperties") => {
            wrong("A working location event must have working location properties.")
        }
        _ => Ok(()),
    }
}

fn is_yearly(event: &Event) -> bool {
    event.contains_key("recurringEventId")
        || event.get("recurrence").and_then(Value::as_array).is_some_and(|lines| {
            lines.iter().filter_map(Value::as_str).any(|line| line.contains("FREQ=YEARLY"))
        })
}

fn words(event: &Event) -> Result<(), Refusal> {
    let known: [(&str, &[&str]); 3] = [
        ("status", &["confirmed", "tentative", "cancelled"]),
        ("transparency", &["opaque", "transparent"]),
        ("visibility", &["default", "public", "private", "confidential"]),
    ];
    for (name, values) in known {
        if text(event, name).is_some_and(|value| !values.contains(&value)) {
            return Err(Refusal::invalid(&format!("Invalid value for: {name}")));
        }
    }
    Ok(())
}

fn properties(event: &Event) -> Result<(), Refusal> {
    let Some(all) = event.get("extendedProperties").and_then(Value::as_object) else {
        return Ok(());
    };
    let pairs: Vec<(&String, &str)> = all
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .map(|(key, value)| (key, value.as_str().unwrap_or_default()))
        .collect();
    let size: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    let is_long =
        pairs.iter().any(|(key, value)| key.chars().count() > 44 || value.chars().count() > 1_024);
    if is_long || pairs.len() > 300 || size > 32 << 10 {
        return Err(Refusal::invalid("The extended properties are too large."));
    }
    Ok(())
}

fn reminders(event: &mut Event) -> Result<(), Refusal> {
    let told = event.entry("reminders").or_insert_with(|| json!({ "useDefault": true }));
    let overrides = told.get("overrides").and_then(Value::as_array);
    let Some(overrides) = overrides else { return Ok(()) };
    let fits = |one: &Value| {
        let minutes = one.get("minutes").and_then(Value::as_i64);
        let is_known = matches!(one.get("method").and_then(Value::as_str), Some("email" | "popup"));
        is_known && minutes.is_some_and(|minutes| (0..=40_320).contains(&minutes))
    };
    if overrides.len() > 5 || !overrides.iter().all(fits) {
        return Err(Refusal::invalid("Invalid reminder overrides."));
    }
    Ok(())
}

fn attendees(event: &mut Event, place: &Place<'_>) -> Result<(), Refusal> {
    let organizer = event.get("organizer").and_then(|o| o.get("email")).cloned();
    let Some(Value::Array(list)) = event.get_mut("attendees") else { return Ok(()) };
    let owner = json!(place.calendar.owner);
    if place.knobs.owner_attends
        && !list.is_empty()
        && !list.iter().any(|one| one.get("email") == Some(&owner))
    {
        list.push(json!({ "email": owner, "responseStatus": "accepted" }));
    }
    for one in list.iter_mut() {
        let Some(fields) = one.as_object_mut() else {
            return Err(Refusal::invalid("Invalid attendee."));
        };
        let email = fields.get("email").and_then(Value::as_str).unwrap_or_default();
        if !email.contains('@') {
            return Err(Refusal::required("Missing attendee email."));
        }
        let is_self = Some(email) == owner.as_str();
        let is_organizer = organizer.as_ref().and_then(Value::as_str) == Some(email);
        fields.remove("self");
        fields.remove("organizer");
        if is_self {
            fields.insert("self".into(), json!(true));
        }
        if is_organizer {
            fields.insert("organizer".into(), json!(true));
        }
        let answer = fields.entry("responseStatus").or_insert_with(|| json!("needsAction"));
        let known = ["needsAction", "declined", "tentative", "accepted"];
        if !answer.as_str().is_some_and(|word| known.contains(&word)) {
            return Err(Refusal::invalid("Invalid attendee response status."));
        }
    }
    if list.is_empty() {
        event.remove("attendees");
    }
    Ok(())
}

fn attachments(event: &mut Event, place: &Place<'_>) -> Result<(), Refusal> {
    if !place.takes_attachments && !place.is_person {
        event.remove("attachments");
    }
    let many = event.get("attachments").and_then(Value::as_array).is_some_and(|all| all.len() > 25);
    if many { Err(Refusal::invalid("Too many attachments.")) } else { Ok(()) }
}

/// Strips the conference block from the description of an event without a conference.
fn rewrite_description(event: &mut Event) {
    if event.contains_key("conferenceData") {
        return;
    }
    let Some(Value::String(description)) = event.get_mut("description") else { return };
    let marks = "-::~:~::~";
    let Some(begins) = description.find(marks) else { return };
    let Some(length) = description.get(begins + marks.len()..).and_then(|rest| rest.find(marks))
    else {
        return;
    };
    let second = begins + marks.len() + length;
    let rest = description.get(second..).unwrap_or_default();
    let ends = second + rest.find("::-").map_or(rest.len(), |at| at + 3);
    description.replace_range(begins..ends, "");
    let trimmed = description.trim().to_owned();
    if trimmed.is_empty() {
        event.remove("description");
    } else {
        event.insert("description".into(), json!(trimmed));
    }
}

/// Whether a client may choose this id: base32hex, 5 to 1024 characters.
pub(crate) fn is_id(id: &str) -> bool {
    (5..=1024).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'v').contains(&byte))
}

/// Lays a patch over an event: objects are merged, `null` clears, all else is replaced whole.
pub(crate) fn lay(event: &mut Event, patch: &Event) {
    for (name, value) in patch {
        match (event.get_mut(name), value) {
            (_, Value::Null) => {
                event.remove(name);
            }
            (Some(Value::Object(there)), Value::Object(over)) => lay(there, over),
            _ => {
                event.insert(name.clone(), without_nulls(value));
            }
        }
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        other => other.clone(),
    }
}
