//! Partial answers: `fields=items(id,status),nextSyncToken`.

use serde_json::{Map, Value};

/// Keeps what a selector names.
pub(crate) fn chosen(value: &Value, selector: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| chosen(item, selector)).collect(),
        Value::Object(fields) => {
            let mut kept = Map::new();
            for part in parts(selector) {
                let (name, inner) = split(part);
                for (key, found) in fields.iter().filter(|(key, _)| name == "*" || *key == name) {
                    let value = if inner.is_empty() { found.clone() } else { chosen(found, inner) };
                    kept.insert(key.clone(), value);
                }
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

/// Splits at commas outside parentheses.
fn parts(selector: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    selector
        .split(|c: char| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect()
}

/// `a/b(c)` is `a` and `b(c)`; `a(b,c)` is `a` and `b,c`.
fn split(part: &str) -> (&str, &str) {
    let part = part.trim();
    let Some(at) = part.find(['/', '(']) else { return (part, "") };
    let (name, rest) = part.split_at_checked(at).unwrap_or((part, ""));
    let inner = rest.strip_prefix('/').unwrap_or(rest);
    let inner = if rest.starts_with('(') {
        inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(inner)
    } else {
        inner
    };
    (name, inner)
}
