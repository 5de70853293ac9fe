//! A hub in miniature: keeps what pages bring, as the sync engine would.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::Broken;
use crate::{
    connector::{CalendarRef, Change, Connector, Coverage, Cursor, Known, Next, Versions, Window},
    error::{Error, Result},
    event::{Item, ItemRef},
};

/// A round that has not ended by then never will.
const MOST_PAGES: usize = 1000;

/// What the hub has of one calendar.
#[derive(Debug, Default)]
pub struct Ledger {
    items: Mutex<BTreeMap<ItemRef, Item>>,
    cursor: Mutex<Option<Cursor>>,
}

/// What one round brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub pages: usize,
    /// Items that came with their content.
    pub present: usize,
    pub unchanged: usize,
    /// Told as gone, and known before.
    pub gone: usize,
    /// Missing from a listing of everything.
    pub swept: usize,
}

#[async_trait]
impl Known for Ledger {
    async fn versions(&self) -> Result<Versions> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(items.values().map(|item| (item.item.clone(), item.version.clone())).collect())
    }
}

impl Ledger {
    /// Everything the hub has, with the given items left out of nothing.
    pub fn items(&self) -> Vec<Item> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The UIDs of all events, once each.
    pub fn uids(&self) -> BTreeSet<String> {
        self.items().iter().flat_map(|item| &item.events).map(|event| event.uid.clone()).collect()
    }

    pub fn of_uid(&self, uid: &str) -> Option<Item> {
        self.items().into_iter().find(|item| item.events.iter().any(|event| event.uid == uid))
    }

    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pulls one round from where the last one ended.
    pub async fn pull(
        &self,
        connector: &dyn Connector,
        calendar: &CalendarRef,
    ) -> Result<Round, Error> {
        self.pull_with(connector, calendar, async |_| ()).await
    }

    /// Pulls everything.
    pub async fn pull_everything(
        &self,
        connector: &dyn Connector,
        calendar: &CalendarRef,
    ) -> Result<Round, Error> {
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.pull(connector, calendar).await
    }

    /// Pulls one round and calls `between` after every page but the last, with the number of pages so far.
    pub async fn pull_with(
        &self,
        connector: &dyn Connector,
        calendar: &CalendarRef,
        between: impl AsyncFn(usize),
    ) -> Result<Round, Error> {
        let mut round = Round::default();
        let mut seen = BTreeSet::new();
        let mut at = self.cursor();
        loop {
            let page = connector.pull(calendar, window(), at.as_ref(), self).await?;
            round.pages += 1;
            for change in page.changes {
                self.apply(change, &mut round, &mut seen);
            }
            match page.next {
                Next::More(_) if round.pages >= MOST_PAGES => {
                    return Err(crate::Kind::BadReply.error("the round does not end"));
                }
                Next::More(next) => at = Some(next),
                Next::Resume(next) => {
                    if page.coverage == Coverage::Everything {
                        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
                        let before = items.len();
                        items.retain(|item, _| seen.contains(item));
                        round.swept = before - items.len();
                    }
                    *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = next;
                    return Ok(round);
                }
            }
            between(round.pages).await;
        }
    }

    fn apply(&self, change: Change, round: &mut Round, seen: &mut BTreeSet<ItemRef>) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        match change {
            Change::Present(item) => {
                round.present += 1;
                seen.insert(item.item.clone());
                items.insert(item.item.clone(), item);
            }
            Change::Unchanged(item) => {
                round.unchanged += 1;
                seen.insert(item);
            }
            Change::Gone(item) => {
                seen.remove(&item);
                round.gone += usize::from(items.remove(&item).is_some());
            }
        }
    }
}

/// A window around the samples; connectors here read all there is anyway.
pub(super) fn window() -> Window {
    let middle: Timestamp = super::samples::MIDDLE.parse().unwrap_or_default();
    let around = |hours| middle.checked_add(SignedDuration::from_hours(hours)).unwrap_or(middle);
    Window { start: around(-35 * 24), end: around(400 * 24) }
}

/// The one calendar of a subject, as a listing names it.
pub(super) fn missing(what: &str) -> Broken {
    Broken(format!("{what} is missing"))
}
