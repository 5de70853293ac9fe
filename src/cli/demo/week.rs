//! A picture of a week in text: a row a day, a mark a half hour.

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use serde_json::Value;

use crate::model::time::day_start;

const STEP: SignedDuration = SignedDuration::from_mins(30);
const LEGEND: &str = "# busy   ~ tentative   ? unknown   % busy and unknown   . free";

/// Draws `days` days from `first` on the zone's clock. Where anything touches a half hour, it marks it.
pub(crate) fn draw(part: &Value, first: Date, days: i32, zone: &TimeZone) -> String {
    let busy =
        spans(part, "busy", |item| item.get("kind").and_then(Value::as_str) != Some("tentative"));
    let maybe =
        spans(part, "busy", |item| item.get("kind").and_then(Value::as_str) == Some("tentative"));
    let unknown = spans(part, "unknown", |_| true);
    let mut lines = vec![head()];
    for number in 0..days {
        let day = first.saturating_add(number.days());
        let end = day_start(day.saturating_add(1.days()), zone);
        let mut row = format!("  {}  ", day.strftime("%a %d %b"));
        let mut at = day_start(day, zone);
        while at < end {
            let next = at.saturating_add(STEP).unwrap_or(end);
            row.push(mark(
                touches(&busy, at, next),
                touches(&maybe, at, next),
                touches(&unknown, at, next),
            ));
            at = next;
        }
        lines.push(row);
    }
    lines.push(format!("  {LEGEND}"));
    lines.join("\n")
}

fn head() -> String {
    let hours: String = (0..24).step_by(3).map(|hour| format!("{hour:<6}")).collect();
    format!("{:14}{}", "", hours.trim_end())
}

fn mark(busy: bool, maybe: bool, unknown: bool) -> char {
    match (busy || maybe, unknown) {
        (true, true) => '%',
        (false, true) => '?',
        (true, false) => {
            if busy {
                '#'
            } else {
                '~'
            }
        }
        (false, false) => '.',
    }
}

fn touches(spans: &[(Timestamp, Timestamp)], from: Timestamp, to: Timestamp) -> bool {
    spans.iter().any(|(start, end)| *start < to && from < *end)
}

fn spans(part: &Value, name: &str, wanted: impl Fn(&Value) -> bool) -> Vec<(Timestamp, Timestamp)> {
    let items = part.get(name).and_then(Value::as_array).into_iter().flatten();
    let read = |item: &Value, name: &str| item.get(name)?.as_str()?.parse().ok();
    items
        .filter(|item| wanted(item))
        .filter_map(|item| Some((read(item, "start")?, read(item, "end")?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::when;

    #[test]
    fn busy_and_unknown_half_hours_are_marked_on_the_days_they_fall_on() {
        let part = json!({
            "busy": [
                {"start": "2026-03-02T08:10:00Z", "end": "2026-03-02T09:00:00Z", "kind": "busy"},
                {"start": "2026-03-02T22:30:00Z", "end": "2026-03-03T00:00:00Z", "kind": "tentative"}],
            "unknown": [{"start": "2026-03-02T08:30:00Z", "end": "2026-03-02T10:00:00Z", "reason": "stale"}]});
        let berlin = when::zone("Europe/Berlin").unwrap();
        let picture = draw(&part, jiff::civil::date(2026, 3, 2), 2, &berlin);
        let rows: Vec<&str> = picture.lines().collect();
        assert_eq!(rows[1], "  Mon 02 Mar  ..................#%??.........................~");
        assert_eq!(rows[2], "  Tue 03 Mar  ~~..............................................");
    }

    #[test]
    fn a_day_of_a_clock_change_has_as_many_marks_as_it_has_half_hours() {
        let berlin = when::zone("Europe/Berlin").unwrap();
        let picture = draw(&json!({}), jiff::civil::date(2026, 3, 29), 1, &berlin);
        assert_eq!(picture.lines().nth(1).unwrap().matches('.').count(), 46);
    }
}
