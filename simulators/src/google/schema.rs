//! Google's published description of the API, and what departs from it.
//!
//! The facts are those of `fixtures/google/calendar.v3.methods.json`, transcribed from the discovery document.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    query::Query,
    shape::{Shape, Shapes, without_nulls},
};

static FIXTURE: &str = include_str!("../../../fixtures/google/calendar.v3.methods.json");

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let told: Told = serde_json::from_str(FIXTURE).expect("the fixture is part of the program");
    Description {
        common: told.common,
        methods: told.methods.into_iter().collect(),
        schemas: told.schemas.into_iter().map(|(name, raw)| (name, Shape::of(raw))).collect(),
    }
});

struct Description {
    common: BTreeMap<String, Parameter>,
    methods: HashMap<String, Method>,
    schemas: Shapes,
}

#[derive(Deserialize)]
struct Told {
    common: BTreeMap<String, Parameter>,
    methods: BTreeMap<String, Method>,
    schemas: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Method {
    query: BTreeMap<String, Parameter>,
    pub(crate) scopes: Vec<String>,
    request: Option<String>,
    response: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Parameter {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    repeated: bool,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    minimum: Option<i64>,
    maximum: Option<i64>,
}

pub(crate) fn method(id: &str) -> Option<&'static Method> {
    DESCRIPTION.methods.get(id)
}

/// A query parameter that the description does not allow: its name and what is wrong.
pub(crate) fn wrong_query(method: &Method, query: &Query) -> Option<(String, String)> {
    for (name, value) in query.iter() {
        let known = method.query.get(name).or_else(|| DESCRIPTION.common.get(name));
        let Some(known) = known else {
            return Some((
                name.to_owned(),
                format!("Unknown name \"{name}\": cannot bind query parameter."),
            ));
        };
        if !known.repeated && query.all(name).count() > 1 {
            return Some((name.to_owned(), format!("Parameter {name} is not repeated.")));
        }
        if !known.takes(value) {
            let message = format!("Invalid value for parameter {name}: \"{value}\".");
            return Some((name.to_owned(), message));
        }
    }
    let missing = method.query.iter().find(|(name, p)| p.required && !query.has(name));
    missing.map(|(name, _)| (name.clone(), format!("Missing required parameter: {name}")))
}

impl Parameter {
    fn takes(&self, value: &str) -> bool {
        let in_range = |number: i64| {
            self.minimum.is_none_or(|least| number >= least)
                && self.maximum.is_none_or(|most| number <= most)
        };
        let is_typed = match self.kind.as_str() {
            "boolean" => matches!(value, "true" | "false"),
            "int32" | "integer" => value.parse::<i32>().is_ok_and(|n| in_range(i64::from(n))),
            // Whether a date-time has its offset is for each method to say.
            _ => true,
        };
        is_typed && (self.values.is_empty() || self.values.iter().any(|known| known == value))
    }
}

/// Where a request body departs from its schema. `null` clears a field in a PATCH.
pub(crate) fn wrong_request(method: &Method, body: &Value) -> Option<String> {
    let Some(name) = &method.request else {
        return body
            .as_object()
            .is_none_or(|fields| !fields.is_empty())
            .then(|| "no body is taken".into());
    };
    let full = without_nulls(body);
    let shape = DESCRIPTION.schemas.get(name)?;
    shape
        .departs(full.as_ref().unwrap_or(body), &DESCRIPTION.schemas)
        .map(|fault| format!("{name}{fault}"))
}

/// Where an answer departs from its schema.
pub(crate) fn wrong_response(method: &Method, body: &Value) -> Option<String> {
    let name = method.response.as_ref()?;
    let shape = DESCRIPTION.schemas.get(name)?;
    shape.departs(body, &DESCRIPTION.schemas).map(|fault| format!("{name}{fault}"))
}
