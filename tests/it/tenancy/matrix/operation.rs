//! The operations of the OpenAPI document, with every place in them that names something.
//!
//! A route, a parameter or a body that this file does not know fails it: teach it, then it is covered.

use serde_json::{Value, json};

use crate::{
    api::world::NOW,
    support::simulated::ORIGIN,
    tenancy::{inventory::documented, pair::Kind},
};

/// Where an id stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path(String),
    Query(String),
    Body(&'static str),
}

/// One id of a request, and what it may name there.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) place: Place,
    pub(super) kinds: Vec<Kind>,
}

/// One documented operation, with one shape of body.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    /// The path as the document has it.
    pub(super) documented: String,
    pub(super) needed: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    pub(super) slots: Vec<Slot>,
}

/// Operations of the document that need a key, each with everything in it that names something.
pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (method, path) in documented(document) {
        if !path.starts_with("/v1/") {
            continue;
        }
        let operation = &document["paths"][&path][method.to_lowercase()];
        // A word, and no id.
        let concrete = path.replace("{provider}", "google");
        let alternatives = operation["security"].as_array().unwrap();
        let needed = alternatives.iter().map(|one| one["key"][0].as_str().unwrap().to_owned());
        let mut slots = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let (place, kinds) = match parameter["in"].as_str().unwrap() {
                "path" => (Place::Path(name.to_owned()), kinds_in_path(&path, name)),
                "query" => (Place::Query(name.to_owned()), kinds_in_query(&path, name)),
                _ => continue,
            };
            if !kinds.is_empty() {
                slots.push(Slot { place, kinds });
            }
        }
        let one = Operation {
            method,
            needed: needed.collect(),
            query: Vec::new(),
            body: None,
            slots,
            documented: path.clone(),
            path: concrete,
        };
        let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref");
        match schema.and_then(Value::as_str) {
            None => all.push(one),
            Some(reference) => {
                let shapes = bodies(reference.rsplit('/').next().unwrap());
                let properties =
                    &document.pointer(reference.trim_start_matches('#')).unwrap()["properties"];
                every_id_is_known(&one, properties, &shapes);
                for (body, named) in shapes {
                    let mut one = one.clone();
                    one.body = Some(body);
                    one.slots.extend(named);
                    all.push(one);
                }
            }
        }
    }
    all
}

fn kinds_in_path(path: &str, name: &str) -> Vec<Kind> {
    let family = path.trim_start_matches("/v1/").split('/').next().unwrap();
    match (family, name) {
        ("keys", "id") => vec![Kind::Key],
        ("tenants", "id") => vec![Kind::Tenant],
        ("connections", "id") => vec![Kind::Connection, Kind::ConnectionExt],
        ("calendars", "id") => vec![Kind::Calendar],
        ("resources", "id") => vec![Kind::Resource, Kind::ResourceExt],
        ("resources", "feed_id") => vec![Kind::Feed],
        ("holds", "id") => vec![Kind::Hold, Kind::HoldExt],
        ("bookings", "conflict_id") => vec![Kind::Conflict],
        ("bookings", "id") => vec![Kind::Booking, Kind::BookingExt],
        ("link-sessions", "id") => vec![Kind::LinkSession],
        ("provider-apps", "provider") => Vec::new(),
        ("ops", "id") if path.contains("/outbox/") => vec![Kind::Delivery],
        ("ops", "id") if path.contains("/jobs/") => vec![Kind::Job],
        ("ops", "calendar_id") => vec![Kind::Quarantined],
        _ => panic!("what is {{{name}}} of {path}? Say it here"),
    }
}

fn kinds_in_query(path: &str, name: &str) -> Vec<Kind> {
    match name {
        "connection_id" => vec![Kind::Connection],
        "calendar_id" => vec![Kind::Calendar],
        "resource_id" if path.ends_with("/bookings") => vec![Kind::Resource, Kind::ResourceExt],
        "resource_id" => vec![Kind::Resource],
        "id" if path.ends_with("/timeline") => {
            vec![Kind::Calendar, Kind::Connection, Kind::Booking]
        }
        "external_id" if path.contains("connections") => vec![Kind::ConnectionExt],
        "external_id" if path.contains("bookings") => vec![Kind::BookingExt],
        "external_id" => vec![Kind::ResourceExt],
        // A place in a list names nothing; `positions` looks at it.
        "after" => Vec::new(),
        "limit" | "state" | "status" | "provider" | "lane" | "types" | "start" | "end" | "as"
        | "remove_events" | "future_bookings" | "kind" | "horizon" | "format" | "since"
        | "dry_run" | "skip_linked" | "until" | "from" | "to" | "before" | "verb" | "head" => {
            Vec::new()
        }
        "subject" => vec![Kind::Calendar, Kind::Connection, Kind::Key],
        _ => panic!("what is ?{name}= of {path}? Say it here"),
    }
}

/// What is sent as a body of this schema, and where ids stand in it.
fn bodies(schema: &str) -> Vec<(Value, Vec<Slot>)> {
    let slot =
        |pointer, kinds: &[Kind]| Slot { place: Place::Body(pointer), kinds: kinds.to_vec() };
    match schema {
        "NewConnection" => vec![(
            json!({"provider": "caldav", "url": format!("{ORIGIN}/nobody/"), "username": "u",
                "password": "p"}),
            vec![],
        )],
        "NewProviderApp" => vec![(json!({"client_id": "c", "client_secret": "s"}), vec![])],
        "NewLinkSession" => vec![
            (
                json!({"mode": "relink", "connection_id": ""}),
                vec![slot("/connection_id", &[Kind::Connection, Kind::ConnectionExt])],
            ),
            (
                json!({"mode": "link", "resource_id": ""}),
                vec![slot("/resource_id", &[Kind::Resource, Kind::ResourceExt])],
            ),
        ],
        "ConnectionPatch" => vec![(json!({"metadata": {"x": "y"}}), vec![])],
        "CalendarPatch" => vec![(json!({"time_zone": "Europe/Berlin"}), vec![])],
        "NewKey" => vec![(json!({"name": "k", "scopes": ["availability:read"]}), vec![])],
        "TenantBody" => vec![(json!({"name": "canaryours"}), vec![])],
        "ResourceBody" => vec![(
            json!({"name": "n", "calendars": [{"calendar_id": ""}], "write_to": ""}),
            vec![
                slot("/calendars/0/calendar_id", &[Kind::Calendar]),
                slot("/write_to", &[Kind::Calendar]),
            ],
        )],
        "Ask" => vec![(
            json!({"start": NOW, "end": "2026-03-09T00:00:00Z", "resources": [""], "calendars": [""],
                "refresh": "if_stale", "exclude_bookings": [""]}),
            vec![
                slot("/exclude_bookings/0", &[Kind::Booking, Kind::BookingExt]),
                slot("/resources/0", &[Kind::Resource, Kind::ResourceExt]),
                slot("/calendars/0", &[Kind::Calendar]),
            ],
        )],
        "SyncAsk" => vec![
            (json!({"calendar_id": ""}), vec![slot("/calendar_id", &[Kind::Calendar])]),
            (
                json!({"calendar_id": "", "dry_run": true}),
                vec![slot("/calendar_id", &[Kind::Calendar])],
            ),
            (
                json!({"connection_id": "", "full": true}),
                vec![slot("/connection_id", &[Kind::Connection])],
            ),
        ],
        "ReconcileAsk" => vec![
            (
                json!({"calendar_id": "", "dry_run": true}),
                vec![slot("/calendar_id", &[Kind::Calendar])],
            ),
            (
                json!({"connection_id": "", "limit": 0}),
                vec![slot("/connection_id", &[Kind::Connection])],
            ),
        ],
        "PauseAsk" => vec![(
            json!({"connection": "", "writes": true}),
            vec![slot("/connection", &[Kind::Connection, Kind::ConnectionExt])],
        )],
        "HoldBody" | "ExtendBody" | "BookingBody" | "Ending" | "Resolution" | "Adoption" => {
            promises(schema)
        }
        _ => panic!("what is in a {schema}? Say it here"),
    }
}

/// The same for holds and bookings. Where all that is named is ours, nothing of the tenant's is used up by it, so that
/// whoever asks next meets the same.
fn promises(schema: &str) -> Vec<(Value, Vec<Slot>)> {
    let slot =
        |pointer, kinds: &[Kind]| Slot { place: Place::Body(pointer), kinds: kinds.to_vec() };
    let resource = || slot("/resources/0", &[Kind::Resource, Kind::ResourceExt]);
    let hold = [Kind::Hold, Kind::HoldExt];
    let (start, end) = ("2026-03-06T09:00:00Z", "2026-03-06T10:00:00Z");
    match schema {
        "HoldBody" => vec![
            (json!({"resources": [""], "start": start, "end": end}), vec![resource()]),
            (
                json!({"resources": [""], "start": start, "end": end, "replaces": ""}),
                vec![resource(), slot("/replaces", &hold)],
            ),
        ],
        "ExtendBody" => vec![(json!({"ttl": "PT1M"}), vec![])],
        "BookingBody" => vec![
            (
                json!({"hold_id": "", "write_to": Kind::Calendar.absent()}),
                vec![slot("/hold_id", &hold)],
            ),
            (json!({"resources": [""], "start": start, "end": end}), vec![resource()]),
            (
                json!({"resources": [""], "start": start, "end": end, "write_to": ""}),
                vec![resource(), slot("/write_to", &[Kind::Calendar])],
            ),
            (json!({"write_to": ""}), vec![slot("/write_to", &[Kind::Calendar])]),
            (
                json!({"resources": [""], "adopt": {"calendar_id": "", "event_id": "/canaryours.ics"}}),
                vec![resource(), slot("/adopt/calendar_id", &[Kind::Calendar])],
            ),
        ],
        "Resolution" => vec![(json!({"action": "dismiss"}), vec![])],
        // An event is the provider's, in the calendar that the path names.
        "Adoption" => vec![(json!({"event_id": "/canaryours.ics"}), vec![])],
        "Ending" => vec![(json!({"reason": "canaryours"}), vec![])],
        _ => unreachable!("{schema} is no promise"),
    }
}

/// A body may not grow an id that this file does not try.
fn every_id_is_known(operation: &Operation, properties: &Value, shapes: &[(Value, Vec<Slot>)]) {
    let tried: Vec<String> = shapes
        .iter()
        .flat_map(|(_, slots)| slots)
        .map(|slot| format!("{:?}", slot.place))
        .collect();
    for name in properties.as_object().unwrap().keys() {
        let is_id = !["external_id", "event_id", "client_id"].contains(&name.as_str())
            && (name.ends_with("_id")
                || [
                    "resources",
                    "calendars",
                    "write_to",
                    "resource",
                    "calendar",
                    "replaces",
                    "exclude_bookings",
                ]
                .contains(&name.as_str()));
        assert!(
            !is_id || tried.iter().any(|place| place.contains(name.as_str())),
            "{} {}: {name} names something and is not tried",
            operation.method,
            operation.path,
        );
    }
}

impl Operation {
    /// A plain request that names nothing.
    pub(super) fn plain(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            documented: path.to_owned(),
            needed: Vec::new(),
            query: Vec::new(),
            body: None,
            slots: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The operation with every id from `pick`.
    pub(super) fn filled(&self, pick: impl Fn(Kind) -> String) -> Self {
        self.slots
            .iter()
            .fold(self.clone(), |filled, slot| filled.with(&slot.place, &pick(slot.kinds[0])))
    }

    pub(super) fn with(&self, place: &Place, value: &str) -> Self {
        let mut next = self.clone();
        match place {
            Place::Path(name) => next.path = next.path.replace(&format!("{{{name}}}"), value),
            Place::Query(name) => {
                next.query.retain(|(known, _)| known != name);
                let bare =
                    if name == "external_id" { value.trim_start_matches("ext:") } else { value };
                next.query.push((name.clone(), bare.to_owned()));
            }
            Place::Body(pointer) => {
                let body = next.body.as_mut().unwrap();
                *body.pointer_mut(pointer).unwrap() = Value::String(value.to_owned());
            }
        }
        next
    }
}
