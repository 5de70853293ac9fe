//! The story of a booking in sentences, from what was kept of it: no title, no name, only times, ids and codes.

use serde_json::Value;

use crate::store::AttemptRow;

/// Says what an entry of a booking's history means.
pub fn describe(kind: &str, body: &Value) -> String {
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let is = |pointer: &str| body.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    let span = |of: &str| format!("{} - {}", at(&format!("{of}/start")), at(&format!("{of}/end")));
    let calendar = at("/calendar_id");
    match kind {
        "created" if is("/after/verified") => format!("booked: {}", span("/after")),
        "created" => format!("booked: {}, with a calendar nobody could vouch for", span("/after")),
        "moved" => format!("moved: {} -> {}", span("/before"), span("/after")),
        "updated" => "changed, at the same time".to_owned(),
        "cancelled" => format!("cancelled: {} is free again", span("/before")),
        "completed" => "completed".to_owned(),
        "no_show" => "nobody came".to_owned(),
        "delivered" if is("/present") => format!("stands in {calendar}"),
        "delivered" => format!("is out of {calendar}"),
        "delivery_failed" => format!("{calendar}: given up ({})", at("/error")),
        "unlinked" => format!("{calendar} is being unlinked: its event is taken out"),
        "conflict" => conflict(body, at("/kind"), calendar),
        "conflict_resolved" => match at("/action") {
            "-" => format!("the conflict ({}) is gone", at("/kind")),
            action => format!("the conflict ({}) was {action}", at("/kind")),
        },
        other => other.to_owned(),
    }
}

fn conflict(body: &Value, kind: &str, calendar: &str) -> String {
    let found = body.pointer("/found/start").and_then(Value::as_str);
    match (kind, found) {
        ("moved", Some(start)) => format!("somebody moved its event in {calendar} to {start}"),
        ("moved", None) => format!("somebody made something else of its event in {calendar}"),
        ("deleted", _) => format!("somebody took its event out of {calendar}"),
        _ => format!("something in {calendar} lies over it"),
    }
}

/// Says what a try at a provider came to.
pub fn describe_try(row: &AttemptRow) -> String {
    let verb = match row.verb.as_str() {
        "get" | "find" => "look for the event",
        "create" => "create the event",
        "replace" => "change the event",
        "delete" => "take the event out",
        other => other,
    };
    let status = row.status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    let took = row.took.as_millis();
    match row.outcome.as_str() {
        "ok" => match &row.detail {
            Some(detail) => format!("{verb}: {detail} ({took} ms{status})"),
            None => format!("{verb}: done ({took} ms{status})"),
        },
        outcome => {
            let detail = row.detail.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            format!("{verb}: failed ({outcome}, {took} ms{status}){detail}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_story_tells_what_happened_and_where() {
        let span = |start: &str| json!({"start": start, "end": "x", "verified": true});
        assert_eq!(describe("created", &json!({"after": span("a")})), "booked: a - x");
        let moved = json!({"before": span("a"), "after": span("b")});
        assert_eq!(describe("moved", &moved), "moved: a - x -> b - x");
        let dragged = json!({"kind": "moved", "calendar_id": "cal_1", "found": {"start": "c"}});
        assert_eq!(describe("conflict", &dragged), "somebody moved its event in cal_1 to c");
        let settled = json!({"kind": "moved", "action": "accepted"});
        assert_eq!(describe("conflict_resolved", &settled), "the conflict (moved) was accepted");
        assert_eq!(describe("what", &Value::Null), "what");
    }

    #[test]
    fn a_try_tells_how_it_ended() {
        let row = AttemptRow {
            n: 1,
            verb: "create".to_owned(),
            outcome: "unavailable".to_owned(),
            status: Some(503),
            detail: Some("the server is busy".to_owned()),
            at: Timestamp::UNIX_EPOCH,
            took: Duration::from_millis(12),
        };
        let failed = "create the event: failed (unavailable, 12 ms, HTTP 503): the server is busy";
        assert_eq!(describe_try(&row), failed);
        let ok = AttemptRow { outcome: "ok".to_owned(), status: None, detail: None, ..row };
        assert_eq!(describe_try(&ok), "create the event: done (12 ms)");
    }
}
