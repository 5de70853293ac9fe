//! Calendars that cannot be answered for: counted, with the first few named.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    check::Check,
    classes::{
        CALENDARS_NEVER_SYNCED, CALENDARS_QUARANTINED, CALENDARS_STALE, Class, SERIES_UNEXPANDABLE,
    },
};
use crate::cli::show::{count, field};

const NAMED: usize = 5;

pub(crate) fn check(items: &[Value], tenant: &str, now: Timestamp) -> Vec<Check> {
    let of = |class: Class| -> Vec<String> {
        let ill = items.iter().filter(|item| illness(item, now) == Some(class));
        ill.map(|item| field(item, "id")).collect()
    };
    let found = |class, name: &str, says: &str, fix: &dyn Fn(&str) -> String| {
        let ids = of(class);
        let first = ids.first()?;
        let says = format!("{} {says}: {}", count(ids.len(), "calendar"), some(&ids));
        Some(Check::action(class, &format!("{tenant}{name}"), says, fix(first)))
    };
    let checks = [
        found(CALENDARS_STALE, "stale", "not read within their time", &|id| {
            format!("`calhub sync {id} --wait` tries now and says what came back")
        }),
        found(CALENDARS_NEVER_SYNCED, "never synced", "never read completely", &|id| {
            format!("`calhub sync {id} --wait` tries now and says what came back")
        }),
        found(CALENDARS_QUARANTINED, "quarantine", "lost much of their future at once", &|id| {
            format!("`calhub quarantine list`, then `calhub quarantine confirm {id}` or `reject`")
        }),
    ];
    let mut checks: Vec<Check> = checks.into_iter().flatten().collect();
    if checks.is_empty() && !items.is_empty() {
        let says = format!("{}, all read in time", count(items.len(), "calendar"));
        checks.push(Check::ok(&format!("{tenant}calendars"), says));
    }
    checks
}

/// The first thing that silences a calendar. A broken login is the connection's.
fn illness(item: &Value, now: Timestamp) -> Option<Class> {
    if item.get("quarantined").and_then(Value::as_bool) == Some(true) {
        return Some(CALENDARS_QUARANTINED);
    }
    let synced: Option<Timestamp> = field(item, "synced_at").parse().ok();
    let Some(synced) = synced.filter(|_| field(item, "initial_sync") == "done") else {
        return Some(CALENDARS_NEVER_SYNCED);
    };
    let most: SignedDuration = field(item, "expected_max_age").parse().ok()?;
    (now.duration_since(synced) > most).then_some(CALENDARS_STALE)
}

fn some(ids: &[String]) -> String {
    let mut text = ids.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if ids.len() > NAMED {
        text.push_str(", ...");
    }
    text
}

pub(crate) fn unexpandable(items: &[Value], tenant: &str) -> Option<Check> {
    let mut ids: Vec<String> = items.iter().map(|item| field(item, "calendar_id")).collect();
    ids.dedup();
    (!ids.is_empty()).then(|| {
        Check::note(
            SERIES_UNEXPANDABLE,
            &format!("{tenant}series"),
            format!("{} cannot be worked out, in {}", count(items.len(), "span"), some(&ids)),
            "ask for the event to be made anew; `GET /v1/ops/unexpandable` names each",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_silences_a_calendar_is_named_once_and_the_first_few_by_id() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let calendar = |n: usize, synced: &str| {
            json!({"id": format!("cal_{n}"), "initial_sync": "done", "synced_at": synced,
                "expected_max_age": "PT20M", "quarantined": false})
        };
        let fresh = calendar(0, "2026-03-02T08:45:00Z");
        assert!(check(std::slice::from_ref(&fresh), "", now)[0].class.is_none());
        let stale: Vec<Value> = (1..8).map(|n| calendar(n, "2026-03-02T08:30:00Z")).collect();
        let found = check(&stale, "", now);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].class, Some("calendars_stale"));
        assert!(found[0].says.ends_with("cal_4, cal_5, ..."), "{}", found[0].says);
        let mut held = fresh.clone();
        held["quarantined"] = json!(true);
        let mut new = fresh;
        new["initial_sync"] = json!("pending");
        let classes: Vec<_> = check(&[held, new], "", now).iter().map(|c| c.class).collect();
        assert_eq!(classes, [Some("calendars_never_synced"), Some("calendars_quarantined")]);
    }
}
