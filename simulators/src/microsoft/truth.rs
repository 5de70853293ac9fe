//! The truth as canonical JSON, for oracles and dumps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    item::Item,
    state::{Calendar, Microsoft},
    view::View,
    zones::Zone,
};

/// An event with all that it has: properties, exceptions, cancelled occurrences.
pub(crate) fn whole(item: &Item, zone: Zone) -> Value {
    let view = View { zone, ..View::of_person() };
    let mut event = view.event(item, None);
    let (single, multi): (Vec<_>, Vec<_>) =
        item.properties.iter().partition(|(_, value)| value.is_string());
    let rows = |list: Vec<(&String, &Value)>| -> Value {
        list.into_iter().map(|(id, value)| json!({ "id": id, "value": value })).collect()
    };
    for (name, list) in
        [("singleValueExtendedProperties", single), ("multiValueExtendedProperties", multi)]
    {
        if !list.is_empty() {
            event.insert(name.into(), rows(list));
        }
    }
    if !item.exceptions.is_empty() {
        let days = item.exceptions.keys();
        let told = days.map(|day| Value::Object(view.event(item, Some(*day))));
        event.insert("exceptionOccurrences".into(), told.collect());
    }
    if !item.cancelled.is_empty() {
        let master = view.id(item, None);
        let told = item.cancelled.iter().map(|day| json!(format!("OID.{master}.{day}")));
        event.insert("cancelledOccurrences".into(), told.collect());
    }
    // The body as it was written, not as the server shows it.
    event.insert("body".into(), item.fields.get("body").cloned().unwrap_or_default());
    Value::Object(event)
}

pub(crate) fn events(calendar: &Calendar) -> BTreeMap<String, Value> {
    let view = View::of_person();
    let told = |item: &Item| (view.id(item, None), whole(item, Zone::utc()));
    calendar.alive().map(told).collect()
}

pub(crate) fn person(ms: &Microsoft, email: &str) -> Value {
    let Some(person) = ms.people.get(email) else { return Value::Null };
    let told = |calendar: &Calendar| {
        json!({ "name": calendar.name, "isDefaultCalendar": calendar.is_default, "canEdit": calendar.can_edit,
            "owner": calendar.owner, "lost": calendar.lost, "events": events(calendar) })
    };
    let calendars: BTreeMap<&String, Value> =
        person.calendars.iter().map(|(id, calendar)| (id, told(calendar))).collect();
    json!({ "id": person.id(), "calendars": calendars })
}

pub(crate) fn all(ms: &Microsoft) -> Value {
    ms.people.keys().map(|email| (email.clone(), person(ms, email))).collect()
}
