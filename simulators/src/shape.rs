//! Shapes of JSON, as a provider's published description gives them, and what departs from them.

use std::collections::HashMap;

use jiff::civil::{Date, Time};
use serde_json::Value;

/// Shapes by their names.
pub(crate) type Shapes = HashMap<String, Shape>;

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    Text,
    DateTime,
    Date,
    Time,
    Int64,
    Boolean,
    Integer,
    Number,
    Any,
    /// One of some words.
    Word(Vec<String>),
    Named(String),
    List(Box<Shape>),
    Map(Box<Shape>),
    Object(HashMap<String, Shape>),
}

impl Shape {
    /// Reads the short form of a fixture: a word for a scalar, `=a|b` for words, `$Name`, `[item]`, `{field: shape}` or
    /// `{"*": shape}`.
    pub(crate) fn of(raw: Value) -> Self {
        match raw {
            Value::String(word) => Self::scalar(&word),
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

    fn scalar(word: &str) -> Self {
        if let Some(words) = word.strip_prefix('=') {
            return Self::Word(words.split('|').map(str::to_owned).collect());
        }
        match word {
            "string" => Self::Text,
            "date-time" => Self::DateTime,
            "date" => Self::Date,
            "time" => Self::Time,
            "int64" => Self::Int64,
            "boolean" => Self::Boolean,
            "int32" | "integer" => Self::Integer,
            "number" => Self::Number,
            name => name.strip_prefix('$').map_or(Self::Any, |name| Self::Named(name.into())),
        }
    }

    /// The first place where a value departs from the shape.
    pub(crate) fn departs(&self, value: &Value, all: &Shapes) -> Option<String> {
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
            (Self::Time, Value::String(text)) => {
                text.parse::<Time>().is_err().then(|| format!(" {text:?} is no time"))
            }
            (Self::Int64, Value::String(text)) => {
                text.parse::<i64>().is_err().then(|| format!(" {text:?} is no int64"))
            }
            (Self::Word(words), Value::String(text)) => {
                (!words.contains(text)).then(|| format!(" may not be {text:?}"))
            }
            (Self::Integer, Value::Number(number)) if number.is_i64() => None,
            (Self::Number, Value::Number(_)) => None,
            (Self::Named(name), value) => all.get(name).and_then(|shape| shape.departs(value, all)),
            (Self::List(inner), Value::Array(items)) => {
                items.iter().enumerate().find_map(|(at, item)| {
                    inner.departs(item, all).map(|fault| format!("[{at}]{fault}"))
                })
            }
            (Self::Map(inner), Value::Object(fields)) => fields.iter().find_map(|(name, value)| {
                inner.departs(value, all).map(|fault| format!(".{name}{fault}"))
            }),
            (Self::Object(shapes), Value::Object(fields)) => {
                fields.iter().find_map(|(name, value)| {
                    // `@` stands for every annotation: `@odata.etag`, `@removed`.
                    let noted = || shapes.get("@").filter(|_| name.contains('@'));
                    let Some(shape) = shapes.get(name).or_else(noted) else {
                        return Some(format!(".{name} is unknown"));
                    };
                    shape.departs(value, all).map(|fault| format!(".{name}{fault}"))
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

/// A copy without nulls, where there are any.
pub(crate) fn without_nulls(value: &Value) -> Option<Value> {
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
            Value::Array(items) => items.iter().map(strip).collect(),
            other => other.clone(),
        }
    }
    has_null(value).then(|| strip(value))
}
