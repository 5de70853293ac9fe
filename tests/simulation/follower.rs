//! A reader of the change log from its beginning: what it makes of the entries alone must be what the hub holds.

use std::collections::{BTreeMap, BTreeSet};

use calhub::store::{ChangeFilter, ChangeRow, LogCursor, Tx};
use jiff::Timestamp;

use super::trace::Trace;

/// The busy rows of calendars, by calendar id.
pub type Rows = BTreeMap<String, Vec<Row>>;

/// Start, end and class.
pub type Row = (i64, i64, u8);

#[derive(Default)]
pub struct Follower {
    cursor: Option<LogCursor>,
    /// Ids of the entries, in order.
    entries: Vec<String>,
    ids: BTreeSet<String>,
    copy: Rows,
    ready: BTreeSet<String>,
    states: BTreeMap<String, String>,
}

impl Follower {
    /// Applies what is new, and compares its copy with `rows`. `settled` says that nothing was edited or
    /// crashed in between, so that an entry must have changed something.
    pub fn follow(
        &mut self,
        news: &[ChangeRow],
        rows: &Rows,
        settled: bool,
        trace: &Trace,
        faults: &mut Vec<String>,
    ) {
        let mut told: BTreeMap<String, (bool, usize)> = BTreeMap::new();
        for row in news {
            let id = row.change.change_id.to_string();
            trace.line(format!(
                "  + {} {} {}",
                row.change.kind, row.change.subject, row.change.body
            ));
            if !self.ids.insert(id.clone()) {
                faults.push(format!("log: entry {id} comes twice"));
            }
            self.entries.push(id);
            self.take(row, rows, &mut told, faults);
        }
        // A calendar without busy time is held without rows.
        for id in rows.keys() {
            self.copy.entry(id.clone()).or_default();
        }
        self.copy.retain(|id, _| rows.contains_key(id));
        for (calendar, (has_changed, entries)) in told {
            // What is taken here and given there is told in two, and in the end nothing has changed.
            if settled && !has_changed && entries == 1 && rows.contains_key(&calendar) {
                faults.push(format!("log: busy.changed of {calendar} tells of nothing"));
            }
        }
        if self.copy != *rows {
            let differs = rows.iter().find(|(id, rows)| self.copy.get(*id) != Some(rows));
            let name = differs.map_or("one that is gone", |(id, _)| id);
            faults.push(format!("log: who follows it has another state of {name}"));
            self.copy.clone_from(rows);
        }
    }

    /// Reads what is new.
    pub async fn read(&mut self, tx: &mut Tx) -> Vec<ChangeRow> {
        let from = match self.cursor.take() {
            Some(cursor) => cursor,
            None => tx.changes().start().await.unwrap(),
        };
        let filter = ChangeFilter { tenant: None, kinds: Vec::new(), limit: 100_000 };
        let (news, next) = tx.changes().read(&from, &filter).await.unwrap();
        self.cursor = Some(next);
        news
    }

    fn take(
        &mut self,
        row: &ChangeRow,
        rows: &Rows,
        told: &mut BTreeMap<String, (bool, usize)>,
        faults: &mut Vec<String>,
    ) {
        let (kind, subject) = (row.change.kind.as_str(), row.change.subject.clone());
        let body = &row.change.body;
        match kind {
            "busy.changed" => {
                let bound = |name: &str| -> i64 {
                    let text = body[name].as_str().unwrap_or_default();
                    text.parse::<Timestamp>().map_or(0, Timestamp::as_microsecond)
                };
                let (start, end) = (bound("start"), bound("end"));
                let before = self.copy.get(&subject).cloned().unwrap_or_default();
                let outside = |span: &Row| span.0 < start || span.1 > end;
                let mut now: Vec<_> = before.iter().copied().filter(|span| outside(span)).collect();
                let there = rows.get(&subject).into_iter().flatten();
                now.extend(there.filter(|span| !outside(span)));
                now.sort_unstable();
                let so_far = told.entry(subject.clone()).or_default();
                *so_far = (so_far.0 || now != before, so_far.1 + 1);
                self.copy.insert(subject, now);
            }
            "calendar.ready" if !self.ready.insert(subject.clone()) => {
                faults.push(format!("log: {subject} is ready for the second time"));
            }
            "connection.removed" => _ = self.states.remove(&subject),
            // Of what is erased the log keeps only that it was.
            _ if kind.starts_with("connection.") && !body["after"].is_null() => {
                let (before, after) = (&body["before"]["state"], &body["after"]["state"]);
                let state = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
                if let Some(known) = self.states.insert(subject.clone(), state(after))
                    && known != state(before)
                    && state(before) != "syncing"
                {
                    faults
                        .push(format!("log: {subject} was {known}, not {before}, before {after}"));
                }
            }
            _ => {}
        }
    }

    /// Reads the log once more: it must be what was followed.
    pub async fn reread(&self, tx: &mut Tx, faults: &mut Vec<String>) {
        let start = tx.changes().start().await.unwrap();
        let filter = ChangeFilter { tenant: None, kinds: Vec::new(), limit: 100_000 };
        let (all, _) = tx.changes().read(&start, &filter).await.unwrap();
        let all: Vec<String> = all.iter().map(|row| row.change.change_id.to_string()).collect();
        if all != self.entries {
            faults.push("log: read again, it is another one".to_owned());
        }
    }
}
