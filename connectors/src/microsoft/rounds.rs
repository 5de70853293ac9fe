//! A round as a whole: rows in any order, repeated and thin, joined to events and to series with all their occurrences.

use std::collections::{BTreeMap, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{translate, wire::Event};
use crate::event::{Item, Version};

/// Bytes of an occurrence's trace in the version of its series: five in a billion are taken for another one, which
/// costs a request.
const TRACE: usize = 3;
/// Letters of it.
const LETTERS: usize = 4;

/// The rows of a round so far; of several for one id the last one counts.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<String, Event<'static>>);

/// The rows of a round, by what they are about.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) singles: Vec<Event<'static>>,
    pub(super) series: BTreeMap<String, Series>,
    /// What was said farewell to. It may be anything, also something that was never in sight.
    pub(super) removed: Vec<String>,
}

/// What a round holds of a series.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) master: Option<Event<'static>>,
    pub(super) occurrences: Vec<Event<'static>>,
}

impl Rows {
    pub(super) fn take(&mut self, event: Event<'_>) {
        let event = event.into_owned();
        if let Some(id) = event.id.get() {
            self.0.insert(id.to_owned(), event);
        }
    }

    pub(super) fn sorted(self) -> Round {
        let mut round = Round::default();
        for (id, event) in self.0 {
            if event.removed.0 {
                round.removed.push(id);
                continue;
            }
            let series = event.series_master_id.get().map(str::to_owned);
            match (event.kind.get(), series) {
                (Some("seriesMaster"), _) => {
                    round.series.entry(id).or_default().master = Some(event);
                }
                (Some("singleInstance"), _) | (_, None) => round.singles.push(event),
                (_, Some(series)) => {
                    round.series.entry(series).or_default().occurrences.push(event);
                }
            }
        }
        round
    }
}

impl Series {
    /// Whether some of it leaves what it is to a master that is not here.
    pub(super) fn is_headless(&self) -> bool {
        self.master.is_none() && !self.occurrences.is_empty()
    }

    /// The series as it stands; `None` where none of it is in sight.
    pub(super) fn item(&self, id: &str) -> Option<Item> {
        if self.occurrences.is_empty() {
            return None;
        }
        let mut occurrences: Vec<&Event<'_>> = self.occurrences.iter().collect();
        occurrences.sort_by_key(|event| (start(event), event.id.get().map(str::to_owned)));
        let mut item = translate::series(id, self.master.as_ref(), &occurrences, String::new());
        let etag = self.master.as_ref().and_then(|master| master.etag.get()).unwrap_or_default();
        let content = Sha256::digest(format!("{:?} {:?}", item.events, item.faults));
        let content = URL_SAFE_NO_PAD.encode(content.get(..12).unwrap_or_default());
        let mut traces: Vec<String> =
            occurrences.iter().filter_map(|event| event.id.get()).map(trace).collect();
        traces.sort_unstable();
        // A master whose revision is not known is in no state that a write could expect.
        item.version = Some(Version::new(format!("{etag} {content} {}", traces.concat())));
        Some(item)
    }
}

/// Traces of occurrences, to be looked for in the versions of series.
#[derive(Debug)]
pub(super) struct Traces(HashSet<String>);

impl Traces {
    pub(super) fn of<'a>(occurrences: impl Iterator<Item = &'a str>) -> Self {
        Self(occurrences.map(trace).collect())
    }

    /// Whether a series with this version has, or had, one of them.
    pub(super) fn lead_to(&self, version: &Version) -> bool {
        let Some(traces) = version.as_str().split(' ').nth(2) else { return false };
        let mut traces = traces.as_bytes().chunks_exact(LETTERS);
        traces.any(|one| std::str::from_utf8(one).is_ok_and(|one| self.0.contains(one)))
    }
}

fn trace(occurrence: &str) -> String {
    let digest = Sha256::digest(occurrence);
    URL_SAFE_NO_PAD.encode(digest.get(..TRACE).unwrap_or_default())
}

fn start(event: &Event<'_>) -> Option<String> {
    match &event.start {
        super::wire::Moment::At(when) => when.date_time.get().map(str::to_owned),
        super::wire::Moment::Absent | super::wire::Moment::Odd => None,
    }
}
