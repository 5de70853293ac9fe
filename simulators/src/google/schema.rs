//! Google's published description of the API, and what departs from it.
//!
//! The facts are those of `fixtures/google/calendar.v3.methods.json`, transcribed from the discovery document.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use super::query::Query;

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
    schemas: HashMap<String, Shape>,
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

#[derive(Debug)]
enum Shape {
    Text,
    DateTime,
    Date,
    Int64,
    Boolean,
    Integer,
    Any,
    Named(String),
    List(Box<Shape>),
    Map(Box<Shape>),
    Object(HashMap<String, Shape>),
}

impl Shape {
    fn of(raw: Value) -> Self {
        match raw {
            Value::String(word) => match word.as_str() {
                "string" => Self::Text,
                "date-time" => Self::DateTime,
                "date" => Self::Date,
                "int64" => Self::Int64,
                "boolean" => Self::Boolean,
                "int32" | "integer" => Self::Integer,
                name => name.strip_prefix('$').map_or(Self::Any, |name| Self::Named(name.into())),
            },
            Value::Array(mut items) => {
                Self::List(Box::new(items.pop().map_or(Self::Any, Self::of)))
            }
            Value::Object(mut fields) => match fields.remove("*") {
                Some(inner) => Self::Map(Box::new(Self::of(inner))),
                None => Self::Object(fields.into_iter().map(|(k, v)| (k, Self::of(v))).collect()),
            },
            _ => Self::Any,
        }
    }

    /// The first place where a value departs from the shape.
    fn departs(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Any, _) | (Self::Text, Value::String(_)) | (Self::Boolean, Value::Bool(_)) => {
                None
            }
            (Self::DateTime, Value::String(text)) => {
                (!is_instant(text)).then(|| format!(" {text:?} is no date-time"))
            }
            (Self::Date, Value::String(text)) => {
                text.parse::<Date>().is_err().then(|| format!(" {text:?} is no date"))
            }
            (Self::Int64, Value::String(text)) => {
                text.parse::<i64>().is_err().then(|| format!(" {text:?} is no int64"))
            }
            (Self::Integer, Value::Number(number)) if number.is_i64() => None,
            (Self::Named(name), value) => {
                DESCRIPTION.schemas.get(name).and_then(|shape| shape.departs(value))
            }
            (Self::List(inner), Value::Array(items)) => items
                .iter()
                .enumerate()
                .find_map(|(at, item)| inner.departs(item).map(|fault| format!("[{at}]{fault}"))),
            (Self::Map(inner), Value::Object(fields)) => fields.iter().find_map(|(name, value)| {
                inner.departs(value).map(|fault| format!(".{name}{fault}"))
            }),
            (Self::Object(shapes), Value::Object(fields)) => {
                fields.iter().find_map(|(name, value)| {
                    let Some(shape) = shapes.get(name) else {
                        return Some(format!(".{name} is unknown"));
                    };
                    shape.departs(value).map(|fault| format!(".{name}{fault}"))
                })
            }
            (_, value) => Some(format!(" is of another type: {}", kind(value))),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// RFC 3339, or the same without an offset, which `timeZone` then gives. Only the form is looked at: what it means is
/// for those who read it.
fn is_instant(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(19) else { return false };
    let fits = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => matches!(byte, b'T' | b't' | b' '),
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    head.bytes().enumerate().all(fits)
        && is_offset(
            tail.trim_start_matches(['.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']),
        )
}

fn is_offset(text: &str) -> bool {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = text.strip_prefix(['+', '-']);
    let is_numeric =
        rest.and_then(|rest| rest.split_once(':')).is_some_and(|(h, m)| digits(h) && digits(m));
    matches!(text, "" | "Z" | "z") || is_numeric
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
    shape.departs(full.as_ref().unwrap_or(body)).map(|fault| format!("{name}{fault}"))
}

/// A copy without nulls, where there are any.
fn without_nulls(value: &Value) -> Option<Value> {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Object(fields) => fields.values().any(has_null),
            Value::Array(items) => items.iter().any(has_null),
            _ => false,
        }
    }
    fn strip(value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), strip(value)))
                .collect(),
            other => other.clone(),
        }
    }
    has_null(value).then(|| strip(value))
}

/// Where an answer departs from its schema.
pub(crate) fn wrong_response(method: &Method, body: &Value) -> Option<String> {
    let name = method.response.as_ref()?;
    let shape = DESCRIPTION.schemas.get(name)?;
    shape.departs(body).map(|fault| format!("{name}{fault}"))
}
