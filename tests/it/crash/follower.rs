//! A consumer of the change log that keeps its own copy of all busy time, by the entries alone.
//!
//! It reads `/v1/changes` with its cursor across every crash and looks only at the spans that entries name. An
//! entry that is lost leaves its copy wrong; one that comes twice is seen by its id.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    life::Life,
    spans::{Span, instant, replaced, second},
};

#[derive(Default)]
pub struct Follower {
    cursor: Option<String>,
    seen: HashSet<String>,
    /// Read but not looked at yet: a crash came between.
    pending: VecDeque<Value>,
    copies: BTreeMap<String, Vec<Span>>,
    pub entries: usize,
}

impl Follower {
    /// Reads what is new and looks at it; `None` when the hub stopped answering meanwhile, `Some(false)` when
    /// there was nothing.
    pub async fn follow(&mut self, hub: &Life) -> Option<bool> {
        let after = self.cursor.as_ref().map(|at| format!("&after={at}")).unwrap_or_default();
        let (status, page) = hub.get(&format!("/v1/changes?limit=500{after}")).await?;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap();
        for item in items {
            let id = item["id"].as_str().unwrap();
            assert!(self.seen.insert(id.to_owned()), "the log has an entry twice: {item}");
        }
        self.entries += items.len();
        self.pending.extend(items.iter().cloned());
        self.cursor = Some(page["cursor"].as_str().unwrap().to_owned());
        let had_news = !self.pending.is_empty();
        while let Some(item) = self.pending.front() {
            let item = item.clone();
            self.look(hub, &item).await?;
            self.pending.pop_front();
        }
        Some(had_news)
    }

    /// What the follower believes of a calendar.
    pub fn copy(&self, calendar: &str) -> &[Span] {
        self.copies.get(calendar).map_or(&[], Vec::as_slice)
    }

    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    async fn look(&mut self, hub: &Life, item: &Value) -> Option<()> {
        let Some(calendar) = item["data"]["calendar_id"].as_str() else { return Some(()) };
        match item["type"].as_str().unwrap() {
            "busy.changed" => {
                let text = |name: &str| second(item["data"][name].as_str().unwrap());
                let window = (text("start"), text("end"));
                let found = busy_at(hub, calendar, window, item["cursor"].as_str().unwrap());
                let Some(spans) = found.await? else { return Some(()) };
                let copy = self.copies.entry(calendar.to_owned()).or_default();
                *copy = replaced(copy, window, spans);
            }
            "calendar.removed" => {
                self.copies.remove(calendar);
            }
            _ => {}
        }
        Some(())
    }
}

/// What the hub says of a window once its answers rest on `cursor`; the inner `None` when the calendar is gone.
async fn busy_at(
    hub: &Life,
    calendar: &str,
    window: Span,
    cursor: &str,
) -> Option<Option<Vec<Span>>> {
    let ask = json!({
        "start": instant(window.0), "end": instant(window.1), "calendars": [calendar], "evidence": "none",
    });
    for _ in 0..1_000 {
        let (status, found) = hub.post("/v1/freebusy", &ask).await?;
        assert_eq!(status, 200, "{found}");
        if place(found["cursor"].as_str().unwrap()) >= place(cursor) {
            return Some(busy_of(&found, calendar));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the index does not come to {cursor}");
}

/// The busy spans in an answer, or `None` when it has none for this calendar.
pub fn busy_of(answer: &Value, calendar: &str) -> Option<Vec<Span>> {
    let busy = answer["calendars"][calendar]["busy"].as_array()?;
    let of = |span: &Value, name: &str| second(span[name].as_str().unwrap());
    Some(busy.iter().map(|span| (of(span, "start"), of(span, "end"))).collect())
}

/// A cursor's transaction and number.
fn place(cursor: &str) -> (i64, i64) {
    let mut numbers = cursor.split('.').skip(1).map(|part| part.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}
