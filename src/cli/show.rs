//! What a person sees: aligned tables, and texts of strangers made harmless for a terminal.

use serde_json::Value;

/// Takes out what would move a terminal's cursor, colour it or turn its writing direction.
pub(crate) fn clean(text: &str) -> String {
    let is_unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_unseen(c) { '\u{fffd}' } else { c }).collect()
}

/// The text of a field, `-` when it is absent. Paths go through objects with dots.
pub(crate) fn field(item: &Value, path: &str) -> String {
    let part = |value: &'_ Value, name: &str| match value {
        Value::Array(items) => name.parse().ok().and_then(|at: usize| items.get(at).cloned()),
        other => other.get(name).cloned(),
    };
    let found = path.split('.').try_fold(item.clone(), |value, name| part(&value, name));
    let found = found.as_ref();
    match found {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Object(pairs)) if pairs.is_empty() => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => clean(text),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(items)) => {
            let texts: Vec<String> = items.iter().map(one_word).collect();
            if texts.is_empty() { "-".to_owned() } else { texts.join(",") }
        }
        Some(other) => clean(&other.to_string()),
    }
}

fn one_word(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        other => match other.get("calendar_id").or_else(|| other.get("id")).and_then(Value::as_str)
        {
            Some(id) => clean(id),
            None => clean(&other.to_string()),
        },
    }
}

/// A small table with a heading, columns aligned.
pub(crate) fn table(columns: &[(&str, &str)], items: &[Value]) -> String {
    let head = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rows = items.iter().map(|item| columns.iter().map(|(_, path)| field(item, path)).collect());
    align(&std::iter::once(head).chain(rows).collect::<Vec<Vec<String>>>())
}

/// Aligns the cells of rows to the left, with two spaces between columns.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// The fields of one thing, a line each; absent ones are left out.
pub(crate) fn fields(fields: &[(&str, &str)], item: &Value) -> String {
    let present = fields.iter().map(|(title, path)| vec![(*title).to_owned(), field(item, path)]);
    align(&present.filter(|row| row.get(1).is_some_and(|text| text != "-")).collect::<Vec<_>>())
}

/// A size as people read it.
pub(crate) fn bytes(size: u64) -> String {
    let units = [("GB", 30), ("MB", 20), ("KB", 10)];
    let unit = units.into_iter().find(|(_, bits)| size >= 1 << bits);
    unit.map_or_else(
        || format!("{size} B"),
        |(name, bits)| format!("{:.1} {name}", size as f64 / f64::from(1 << bits)),
    )
}

/// `1 calendar`, `2 calendars`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_absent_fields_are_a_dash() {
        let items = [
            json!({"id": "cal_1", "name": "Work", "writable": true}),
            json!({"id": "cal_22", "name": "Zo\u{eb} \u{1b}[2J", "writable": false, "zone": null}),
        ];
        let columns = [("id", "id"), ("name", "name"), ("writable", "writable"), ("zone", "zone")];
        assert_eq!(
            table(&columns, &items),
            "id      name      writable  zone\ncal_1   Work      yes       -\ncal_22  Zo\u{eb} \u{fffd}[2J  no        -"
        );
    }

    #[test]
    fn lists_of_links_show_their_ids() {
        let item = json!({"calendars": [{"calendar_id": "cal_1"}, {"id": "cal_2"}], "scopes": ["ops", "admin"]});
        assert_eq!(field(&item, "calendars"), "cal_1,cal_2");
        assert_eq!(field(&item, "scopes"), "ops,admin");
        assert_eq!(field(&item, "metadata.a"), "-");
    }
}
