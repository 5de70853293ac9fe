//! `$filter` and `$expand`, as far as events know them: comparisons joined by `and`.

use std::cmp::Ordering;

use serde_json::Value;

use super::{item::Event, refusal::Refusal, when};

/// One condition of a filter.
#[derive(Debug, PartialEq)]
pub(crate) enum Condition {
    /// An extended property of an id, with a value or whatever value.
    Property {
        id: String,
        value: Option<String>,
    },
    Compare {
        path: String,
        operator: String,
        literal: String,
    },
}

fn wrong() -> Refusal {
    Refusal::new(400, "ErrorInvalidUrlQueryFilter", "The filter cannot be read.")
}

/// Parts between a word that stands outside of quotes and brackets.
fn parts<'a>(text: &'a str, joint: &str) -> Vec<&'a str> {
    let (mut found, mut depth, mut is_quoted, mut begin) = (Vec::new(), 0_i32, false, 0);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        let is_joint = depth == 0 && !is_quoted && at >= begin;
        if is_joint && text.get(at..).is_some_and(|rest| rest.starts_with(joint)) {
            found.push(text.get(begin..at).unwrap_or_default());
            begin = at + joint.len();
        }
    }
    found.push(text.get(begin..).unwrap_or_default());
    found
}

/// `'it''s'` as `it's`.
fn unquoted(literal: &str) -> String {
    let inner = literal.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.map_or_else(|| literal.to_owned(), |text| text.replace("''", "'"))
}

fn comparison(text: &str) -> Result<(String, String, String), Refusal> {
    let mut words = text.trim().splitn(3, ' ');
    let mut next = || words.next().map(str::to_owned).ok_or_else(wrong);
    let (path, operator, literal) = (next()?, next()?, next()?);
    if !["eq", "ne", "gt", "ge", "lt", "le"].contains(&operator.as_str()) {
        return Err(wrong());
    }
    Ok((path, operator, unquoted(literal.trim())))
}

pub(crate) fn read(text: &str) -> Result<Vec<Condition>, Refusal> {
    parts(text.trim(), " and ").into_iter().map(condition).collect()
}

fn condition(text: &str) -> Result<Condition, Refusal> {
    let text = text.trim();
    let text = match text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) if parts(inner, " and ").len() == 1 => inner,
        _ => text,
    };
    let Some(rest) = text.strip_prefix("singleValueExtendedProperties/") else {
        let (path, operator, literal) = comparison(text)?;
        return Ok(Condition::Compare { path, operator, literal });
    };
    let rest = rest.strip_prefix("Any(").or_else(|| rest.strip_prefix("any(")).ok_or_else(wrong)?;
    let (name, inner) =
        rest.strip_suffix(')').and_then(|inner| inner.split_once(':')).ok_or_else(wrong)?;
    let (mut id, mut value) = (None, None);
    for part in parts(inner.trim(), " and ") {
        let (path, operator, literal) = comparison(part)?;
        let field = path.strip_prefix(name.trim()).and_then(|path| path.strip_prefix('/'));
        match (field, operator.as_str()) {
            (Some("id"), "eq") => id = Some(literal),
            (Some("value"), "eq") => value = Some(literal),
            (Some("value"), "ne") if literal == "null" => value = None,
            _ => return Err(wrong()),
        }
    }
    Ok(Condition::Property { id: id.ok_or_else(wrong)?, value })
}

impl Condition {
    /// Whether an event fulfils it; the event is written only where it is looked at.
    pub(crate) fn holds<'a>(
        &self,
        event: impl FnOnce() -> &'a Event,
        properties: &std::collections::BTreeMap<String, Value>,
    ) -> bool {
        match self {
            Self::Property { id, value } => properties.get(id).is_some_and(|there| {
                value.as_ref().is_none_or(|value| there.as_str() == Some(value))
            }),
            Self::Compare { path, operator, literal } => {
                let mut names = path.split('/');
                let event = event();
                let first = names.next().and_then(|name| event.get(name));
                let found = names.try_fold(first.unwrap_or(&Value::Null), |at, name| at.get(name));
                compares(found.unwrap_or(&Value::Null), operator, literal)
            }
        }
    }
}

fn compares(value: &Value, operator: &str, literal: &str) -> bool {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".into(),
        other => other.to_string(),
    };
    let order = match (when::window(&text), when::window(literal)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => text.as_str().cmp(literal),
    };
    match operator {
        "eq" => order == Ordering::Equal,
        "ne" => order != Ordering::Equal,
        "gt" => order == Ordering::Greater,
        "ge" => order != Ordering::Less,
        "lt" => order == Ordering::Less,
        _ => order != Ordering::Greater,
    }
}

/// What `$expand` adds.
#[derive(Debug, Default)]
pub(crate) struct Expand {
    /// Extended properties of these ids.
    pub(crate) properties: Vec<String>,
    pub(crate) exceptions: bool,
}

impl Expand {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        let mut expand = Self::default();
        for part in parts(text, ",") {
            let part = part.trim();
            if part == "exceptionOccurrences" {
                expand.exceptions = true;
            } else if let Some(rest) = part.strip_prefix("singleValueExtendedProperties") {
                let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
                let filter = inner.and_then(|inner| inner.trim().strip_prefix("$filter="));
                for one in parts(filter.ok_or_else(wrong)?, " or ") {
                    let (path, operator, literal) = comparison(one)?;
                    if path != "id" || operator != "eq" {
                        return Err(wrong());
                    }
                    expand.properties.push(literal);
                }
            } else if part != "attachments" && part != "calendar" && !part.is_empty() {
                let message = format!(
                    "Could not find a property named '{part}' on type 'microsoft.graph.event'."
                );
                return Err(Refusal::new(400, "RequestBroker--ParseUri", &message));
            }
        }
        Ok(expand)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Condition, Expand, read};

    #[test]
    fn a_mark_is_found_by_its_id_and_value() {
        let text = "singleValueExtendedProperties/Any(ep: ep/id eq 'String {00020329-0000-0000-C000-000000000046} Name \
                    hub-mirror' and ep/value eq 'it''s') and isAllDay eq false";
        let read = read(text).unwrap();
        let id = "String {00020329-0000-0000-C000-000000000046} Name hub-mirror".to_owned();
        let wanted = Condition::Property { id, value: Some("it's".into()) };
        assert_eq!(read.first(), Some(&wanted));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn properties_are_expanded_by_their_ids() {
        let text =
            "exceptionOccurrences,singleValueExtendedProperties($filter=id eq 'a b' or id eq 'c')";
        let read = Expand::read(text).unwrap();
        assert!(read.exceptions);
        assert_eq!(read.properties, ["a b", "c"]);
        assert!(Expand::read("everything").is_err());
    }
}
