//! When a removal looks like a fault of the provider rather than somebody's wish (`design.md` rule 12).
//!
//! Measured in future busy intervals lost after additions, in one round, by tombstones, absence and edits
//! alike. What is held back is only the removal; a second listing at least 60 s later that misses the same
//! releases it, and so does an operator.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::schedule::SECOND_LOOK;

/// Fewer lost intervals than this are never suspicious.
const FEW: usize = 5;
/// More lost intervals than this always are.
const MANY: usize = 50;
/// And so is a larger share than this, in percent.
const SHARE: usize = 30;
/// Beyond this many series only their digest is kept, so that the note stays small.
const NAMED: usize = 4_096;

/// What one round takes away and gives, in future busy intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Known before the round.
    pub before: usize,
    pub removed: usize,
    pub added: usize,
    /// How much each series loses, for those that do.
    pub series: BTreeMap<String, usize>,
}

impl Balance {
    fn lost(&self) -> usize {
        self.removed.saturating_sub(self.added)
    }

    fn is_suspicious(&self) -> bool {
        let lost = self.lost();
        lost >= FEW && (lost > MANY || lost * 100 > self.before * SHARE)
    }

    fn missing(&self) -> BTreeSet<String> {
        self.series.keys().map(|series| short(series)).collect()
    }

    /// The same round without the series that an operator has judged already.
    fn without(&self, held: &Held) -> Self {
        let rest = self.series.iter().filter(|(series, _)| !held.holds(series));
        let series: BTreeMap<String, usize> =
            rest.map(|(series, lost)| (series.clone(), *lost)).collect();
        Self { removed: series.values().sum(), series, ..self.clone() }
    }
}

/// The note on a calendar whose removals are held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub since: Timestamp,
    pub lost: usize,
    pub before: usize,
    #[serde(default)]
    pub word: Word,
    /// One short hash for each series that would lose something; empty when there are too many to name.
    series: BTreeSet<String>,
    digest: String,
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
    fn of(balance: &Balance, since: Timestamp, word: Word) -> Self {
        let series = balance.missing();
        let digest = digest(&series);
        let series = if series.len() > NAMED { BTreeSet::new() } else { series };
        Self { since, lost: balance.lost(), before: balance.before, word, series, digest }
    }

    /// Whether the removals of this series are held back: all, or those that an operator rejected.
    pub fn holds(&self, series: &str) -> bool {
        self.word != Word::Rejected
            || self.series.is_empty()
            || self.series.contains(&short(series))
    }

    /// A rejection with only those series that are missing still, or `None` when all are back.
    fn still_missing(&self, balance: &Balance) -> Option<Self> {
        let now = balance.missing();
        let is_named = !self.series.is_empty();
        let series: BTreeSet<String> = self.series.intersection(&now).cloned().collect();
        let is_over = if is_named { series.is_empty() } else { now.is_empty() };
        (!is_over).then(|| Self { series, ..self.clone() })
    }

    /// Whether all that is missed now was missed already when this note was made.
    fn covers(&self, balance: &Balance) -> bool {
        let now = balance.missing();
        digest(&now) == self.digest || now.is_subset(&self.series)
    }

    fn is_ripe(&self, now: Timestamp) -> bool {
        let wait = SignedDuration::try_from(SECOND_LOOK).unwrap_or(SignedDuration::ZERO);
        now.duration_since(self.since) >= wait
    }
}

/// What becomes of a round's removals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take them; any note on the calendar is cleared.
    Apply,
    /// Keep the time, and leave this note.
    Hold(Held),
}

/// Judges one completed round. `held` is the note that the calendar carries already.
pub fn judge(balance: &Balance, held: Option<&Held>, now: Timestamp) -> Verdict {
    let Some(note) = held else { return judge_afresh(balance, None, now) };
    match note.word {
        Word::Confirmed => Verdict::Apply,
        Word::Rejected => match note.still_missing(balance) {
            None => judge_afresh(balance, None, now),
            Some(_) if balance.without(note).is_suspicious() => {
                Verdict::Hold(Held::of(balance, note.since, Word::Rejected))
            }
            Some(kept) => Verdict::Hold(kept),
        },
        Word::None => judge_afresh(balance, Some(note), now),
    }
}

fn judge_afresh(balance: &Balance, held: Option<&Held>, now: Timestamp) -> Verdict {
    match held {
        _ if !balance.is_suspicious() => Verdict::Apply,
        Some(note) if note.covers(balance) && note.is_ripe(now) => Verdict::Apply,
        Some(note) if note.covers(balance) => Verdict::Hold(note.clone()),
        _ => Verdict::Hold(Held::of(balance, now, Word::None)),
    }
}

fn short(series: &str) -> String {
    Sha256::digest(series.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn digest(series: &BTreeSet<String>) -> String {
    short(&series.iter().map(String::as_str).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(before: usize, removed: usize, added: usize) -> Balance {
        let series = (0..removed).map(|n| (format!("/cal/{n}.ics"), 1)).collect();
        Balance { before, removed, added, series }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn note(balance: &Balance, second: i64) -> Held {
        match judge(balance, None, at(second)) {
            Verdict::Hold(held) => held,
            Verdict::Apply => panic!("expected a quarantine"),
        }
    }

    #[test]
    fn only_large_losses_are_held() {
        let applied = |b| judge(&b, None, at(0)) == Verdict::Apply;
        assert!(applied(balance(4, 4, 0)), "four are few, even when they are all");
        assert!(!applied(balance(5, 5, 0)));
        assert!(applied(balance(100, 30, 0)), "exactly 30 % is not more than 30 %");
        assert!(!applied(balance(100, 31, 0)));
        assert!(applied(balance(1000, 50, 0)));
        assert!(!applied(balance(1000, 51, 0)));
    }

    #[test]
    fn a_moved_series_loses_nothing() {
        assert_eq!(judge(&balance(400, 365, 365), None, at(0)), Verdict::Apply);
    }

    #[test]
    fn a_second_listing_that_misses_the_same_releases_it_after_a_minute() {
        let loss = balance(40, 40, 0);
        let held = note(&loss, 0);
        assert!(matches!(judge(&loss, Some(&held), at(59)), Verdict::Hold(again) if again == held));
        assert_eq!(judge(&loss, Some(&held), at(60)), Verdict::Apply);
    }

    #[test]
    fn a_second_listing_that_misses_more_starts_over() {
        let held = note(&balance(40, 20, 0), 0);
        let Verdict::Hold(again) = judge(&balance(40, 40, 0), Some(&held), at(90)) else {
            panic!("expected a quarantine")
        };
        assert_eq!(again.since, at(90));
    }

    #[test]
    fn a_second_listing_that_finds_all_again_clears_it() {
        let held = note(&balance(40, 40, 0), 0);
        assert_eq!(judge(&balance(40, 0, 0), Some(&held), at(30)), Verdict::Apply);
    }

    #[test]
    fn an_operator_decides_at_once() {
        let loss = balance(40, 40, 0);
        let confirmed = Held { word: Word::Confirmed, ..note(&loss, 0) };
        assert_eq!(judge(&loss, Some(&confirmed), at(1)), Verdict::Apply);
        let rejected = Held { word: Word::Rejected, ..note(&loss, 0) };
        assert!(matches!(judge(&loss, Some(&rejected), at(9_000)), Verdict::Hold(_)));
    }

    #[test]
    fn a_rejection_holds_what_it_was_about_and_nothing_else() {
        let held = Held { word: Word::Rejected, ..note(&balance(20, 10, 0), 0) };
        let Verdict::Hold(kept) = judge(&balance(20, 12, 0), Some(&held), at(9_000)) else {
            panic!("expected a quarantine")
        };
        assert!(kept.holds("/cal/9.ics"));
        assert!(!kept.holds("/cal/11.ics"), "somebody deleted two more, and is believed");
        let back = judge(&balance(20, 0, 0), Some(&held), at(9_000));
        assert_eq!(back, Verdict::Apply, "all are back");
    }

    #[test]
    fn a_huge_loss_is_recognised_again_though_its_series_are_not_named() {
        let loss = balance(9_000, 9_000, 0);
        let held = note(&loss, 0);
        assert!(serde_json::to_string(&held).unwrap().len() < 200);
        assert_eq!(judge(&loss, Some(&held), at(60)), Verdict::Apply);
    }
}
