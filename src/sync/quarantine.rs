//! When a removal looks like a fault of the provider rather than somebody's wish (`design.md` rule 12).
//!
//! Measured in future busy intervals lost after additions, in one round, by tombstones, absence and edits
//! alike; ageing out of the window is no round and never counts. What is held back is only the removal; a
//! second listing at least 60 s later that misses the same releases it, and so does an operator.
//!
//! What a round costs is weighed in `balance`, what is kept of it on the calendar is in `held`; here they
//! are judged.

mod balance;
mod held;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub use balance::{Balance, future};
pub use held::{Held, Word};

/// Beyond this many series only their digest is kept, so that the note stays small.
const NAMED: usize = 4_096;

/// What becomes of a round's removals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take them; any note on the calendar is cleared.
    Apply,
    /// Keep the time, and leave this note.
    Hold(Held),
}

/// Judges one completed round. `held` is the note that the calendar carries already; `is_whole` tells whether
/// everything was listed, so that what is not missed now is back.
pub fn judge(balance: &Balance, held: Option<&Held>, is_whole: bool, now: Timestamp) -> Verdict {
    let Some(note) = held else { return judge_afresh(balance, None, now) };
    match note.word {
        Word::Confirmed => Verdict::Apply,
        Word::Rejected if balance.without(note).is_suspicious() => Verdict::Hold(note.and(balance)),
        Word::Rejected if !is_whole => Verdict::Hold(note.clone()),
        Word::Rejected => match note.still_missing(balance) {
            None => judge_afresh(balance, None, now),
            Some(kept) => Verdict::Hold(kept),
        },
        Word::None => judge_afresh(&balance.after(note), Some(note), now),
    }
}

fn judge_afresh(balance: &Balance, held: Option<&Held>, now: Timestamp) -> Verdict {
    match held {
        _ if !balance.is_suspicious() => Verdict::Apply,
        Some(note) if note.covers(balance) && note.is_ripe(now) => Verdict::Apply,
        // The clock was set back since: the minute begins anew.
        Some(note) if note.covers(balance) && note.since > now => Verdict::Hold(note.from(now)),
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
