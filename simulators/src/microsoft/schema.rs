//! Microsoft's published types, and what departs from them.
//!
//! The facts are those of `fixtures/microsoft/graph.v1.types.json`, transcribed from Microsoft's own client.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::shape::{Shape, Shapes, without_nulls};

static TYPES: LazyLock<Shapes> = LazyLock::new(|| {
    let fixture = include_str!("../../../fixtures/microsoft/graph.v1.types.json");
    let told: Told = serde_json::from_str(fixture).expect("the fixture is part of the program");
    told.schemas.into_iter().map(|(name, raw)| (name, Shape::of(raw))).collect()
});

#[derive(Deserialize)]
struct Told {
    schemas: BTreeMap<String, Value>,
}

/// The type of what a method takes, and of what it answers: one, or (`true`) a list of them.
fn types(method: &str) -> (Option<&'static str>, Option<(&'static str, bool)>) {
    match method {
        "me.get" => (None, Some(("user", false))),
        "mailboxSettings.get" => (None, Some(("mailboxSettings", false))),
        "outlook.supportedTimeZones" => (None, Some(("timeZoneInformation", true))),
        "me.translateExchangeIds" => {
            (Some("translateExchangeIdsBody"), Some(("convertIdResult", true)))
        }
        "calendarGroups.list" => (None, Some(("calendarGroup", true))),
        "calendars.list" => (None, Some(("calendar", true))),
        "calendars.create" | "calendars.update" => (Some("calendar"), Some(("calendar", false))),
        "calendars.get" => (None, Some(("calendar", false))),
        "calendar.getSchedule" => (Some("getScheduleBody"), Some(("scheduleInformation", true))),
        "calendarView.list" | "calendarView.delta" | "events.list" | "events.instances" => {
            (None, Some(("event", true)))
        }
        "events.create" | "events.update" => (Some("event"), Some(("event", false))),
        "events.get" => (None, Some(("event", false))),
        "events.cancel" => (Some("cancelBody"), None),
        "events.accept" => (Some("acceptBody"), None),
        "events.tentativelyAccept" => (Some("tentativelyAcceptBody"), None),
        "events.decline" => (Some("declineBody"), None),
        "subscriptions.create" | "subscriptions.update" => {
            (Some("subscription"), Some(("subscription", false)))
        }
        "subscriptions.get" => (None, Some(("subscription", false))),
        "subscriptions.list" => (None, Some(("subscription", true))),
        _ => (None, None),
    }
}

/// Where a value departs from a type. Every property may be null.
fn departs(name: &str, value: &Value) -> Option<String> {
    let full = without_nulls(value);
    let shape = TYPES.get(name)?;
    shape.departs(full.as_ref().unwrap_or(value), &TYPES).map(|fault| format!("{name}{fault}"))
}

/// Where a request body departs from its type.
pub(crate) fn wrong_request(method: &str, body: &Value) -> Option<String> {
    match types(method).0 {
        Some(name) => departs(name, body),
        None => body
            .as_object()
            .is_none_or(|fields| !fields.is_empty())
            .then(|| "no body is taken".into()),
    }
}

/// Where an answer departs from its type.
pub(crate) fn wrong_response(method: &str, body: &Value) -> Option<String> {
    let (name, is_list) = types(method).1?;
    if !is_list {
        return departs(name, body);
    }
    let rows = body.get("value").and_then(Value::as_array)?;
    rows.iter().find_map(|row| departs(name, row))
}

/// The parameters of an action under the names that they have here: their first letter may be of either case.
pub(crate) fn lowered(method: &str, body: Value) -> Value {
    let is_action = types(method).0.is_some_and(|name| name.ends_with("Body"));
    match body {
        Value::Object(fields) if is_action => {
            let low = |name: String| {
                let (first, rest) = name.split_at_checked(1).unwrap_or((&name, ""));
                format!("{}{rest}", first.to_ascii_lowercase())
            };
            Value::Object(
                fields.into_iter().map(|(name, value)| (low(name), value)).collect::<Map<_, _>>(),
            )
        }
        other => other,
    }
}
