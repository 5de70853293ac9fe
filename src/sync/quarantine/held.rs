//! The note on a calendar of which something is held back, and what an operator said about it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Balance, NAMED, digest, short};
use crate::{model::interval::Span, sync::schedule::SECOND_LOOK};

/// So many of the lost spans are shown to an operator.
const SHOWN: usize = 50;

/// The note on a calendar whose removals are held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub since: Timestamp,
    pub lost: usize,
    pub before: usize,
    #[serde(default)]
    pub word: Word,
    /// Some of the spans that would be lost, the earliest first.
    #[serde(default)]
    pub spans: Vec<(Timestamp, Timestamp)>,
    /// One short hash for each series that would lose something; empty when there are too many to name.
    pub(super) series: BTreeSet<String>,
    /// The other series whose removals wait too, though as much was given for them; that is stored already, so
    /// the next look does not see it given.
    #[serde(default)]
    pub(super) given: BTreeMap<String, usize>,
    pub(super) digest: String,
}

/// What an operator said about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    #[default]
    None,
    /// The removal is real: the next listing may take the time away.
    Confirmed,
    /// The provider is wrong: keep the time, however often it is missed.
    Rejected,
}

impl Held {
    pub(super) fn of(balance: &Balance, since: Timestamp, word: Word) -> Self {
        let losses = balance.losses();
        let lost = losses.values().map(|(lost, _)| lost).sum();
        let mut spans: Vec<Span> = losses.values().flat_map(|(_, spans)| spans).copied().collect();
        spans.sort_unstable();
        spans.truncate(SHOWN);
        let spans = spans.into_iter().map(|span| (span.start(), span.end())).collect();
        let series: BTreeSet<String> = losses.into_keys().map(short).collect();
        let digest = digest(&series);
        let series = if series.len() > NAMED { BTreeSet::new() } else { series };
        let given = balance.given();
        Self { since, lost, before: balance.before, word, spans, series, given, digest }
    }

    /// Whether the removals of this series are held back: all, or those that an operator rejected.
    pub fn holds(&self, series: &str) -> bool {
        self.word != Word::Rejected
            || self.series.is_empty()
            || self.series.contains(&short(series))
    }

    /// A rejection with only those series that are missing still, or `None` when all are back.
    pub(super) fn still_missing(&self, balance: &Balance) -> Option<Self> {
        let now = balance.missing();
        let is_named = !self.series.is_empty();
        let series: BTreeSet<String> = self.series.intersection(&now).cloned().collect();
        let is_over = if is_named { series.is_empty() } else { now.is_empty() };
        (!is_over).then(|| Self { series, ..self.clone() })
    }

    /// The same note, whose minute begins now.
    pub(super) fn from(&self, now: Timestamp) -> Self {
        Self { since: now, ..self.clone() }
    }

    /// Whether all that is missed now was missed already when this note was made.
    pub(super) fn covers(&self, balance: &Balance) -> bool {
        let now = balance.missing();
        digest(&now) == self.digest || now.is_subset(&self.series)
    }

    /// The same note with what is missing besides, as the operator has judged it.
    pub(super) fn and(&self, balance: &Balance) -> Self {
        let more = Self::of(balance, self.since, self.word);
        let both: BTreeSet<String> = self.series.union(&more.series).cloned().collect();
        let is_named = !self.series.is_empty() && both.len() <= NAMED;
        let spans = if more.spans.is_empty() { self.spans.clone() } else { more.spans };
        let lost = self.lost.max(more.lost);
        let digest = digest(&both);
        Self { lost, spans, series: if is_named { both } else { BTreeSet::new() }, digest, ..more }
    }

    pub(super) fn is_ripe(&self, now: Timestamp) -> bool {
        let wait = SignedDuration::try_from(SECOND_LOOK).unwrap_or(SignedDuration::ZERO);
        now.duration_since(self.since) >= wait
    }

    /// Whether deltas go on from where they are: a rejected removal is judged again with the daily listing.
    pub fn may_resume(&self) -> bool {
        self.word == Word::Rejected
    }
}
