//! What an answer must know of a calendar besides its busy time, and why it may not speak for it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::states::PushState;

/// Clocks of several hubs may differ by this; what was read later than that from now is no knowledge.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Whether the login behind a calendar still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    Works,
    /// Refused, revoked or being removed: nothing is read any more.
    Broken,
}

/// Why a span is unknown. Ordered from the gravest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NeedsReauth,
    NeverSynced,
    Quarantined,
    Stale,
    Unexpandable,
    BeyondWindow,
}

impl Reason {
    /// The word used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsReauth => "needs_reauth",
            Self::NeverSynced => "never_synced",
            Self::Quarantined => "quarantined",
            Self::Stale => "stale",
            Self::Unexpandable => "unexpandable",
            Self::BeyondWindow => "beyond_window",
        }
    }
}

/// The state of one calendar, as last told by the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarFacts {
    pub login: Login,
    /// The whole calendar does not count as busy.
    pub is_transparent: bool,
    /// Whether one pull has ever completed.
    pub is_settled: bool,
    pub is_quarantined: bool,
    /// Whether what the provider holds may be older than what we read of it (a feed's publisher).
    pub source_is_live: bool,
    /// The instant before the first request of the last completed pull.
    pub synced: Option<Timestamp>,
    /// When the publisher of a feed made what we last read.
    pub published: Option<Timestamp>,
    pub expected_max_age: SignedDuration,
    /// How well the provider tells of changes.
    pub push: PushState,
    pub covered_from: Option<Timestamp>,
    pub covered_until: Option<Timestamp>,
}

impl CalendarFacts {
    /// How old the knowledge is; never negative, whatever the clocks say.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.synced.map(|synced| now.duration_since(synced).max(SignedDuration::ZERO))
    }

    /// Why nothing at all may be said of this calendar, the gravest reason first.
    pub fn silence(&self, now: Timestamp, max_staleness: Option<SignedDuration>) -> Option<Reason> {
        if self.login == Login::Broken {
            return Some(Reason::NeedsReauth);
        }
        let Some(age) = self.age(now).filter(|_| self.is_settled) else {
            return Some(Reason::NeverSynced);
        };
        if self.is_quarantined {
            return Some(Reason::Quarantined);
        }
        // Read by a clock that was ahead: how long ago that was, nobody can tell.
        if self.synced.is_some_and(|synced| synced.duration_since(now) > SKEW) {
            return Some(Reason::Stale);
        }
        (age > max_staleness.unwrap_or(self.expected_max_age)).then_some(Reason::Stale)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A calendar that was read at the beginning of 1970.
    pub(in crate::index) fn facts() -> CalendarFacts {
        CalendarFacts {
            login: Login::Works,
            is_transparent: false,
            is_settled: true,
            is_quarantined: false,
            source_is_live: true,
            synced: Some(Timestamp::UNIX_EPOCH),
            published: None,
            expected_max_age: SignedDuration::from_secs(60),
            push: PushState::None,
            covered_from: None,
            covered_until: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_calendar_is_measured_against_its_own_age_unless_the_caller_states_one() {
        assert_eq!(facts().silence(at(60), None), None);
        assert_eq!(facts().silence(at(61), None), Some(Reason::Stale));
        assert_eq!(facts().silence(at(61), Some(SignedDuration::from_secs(600))), None);
        assert_eq!(facts().silence(at(2), Some(SignedDuration::from_secs(1))), Some(Reason::Stale));
    }

    #[test]
    fn what_was_read_in_the_future_is_stale_beyond_the_usual_skew() {
        assert_eq!(facts().silence(at(-300), None), None);
        assert_eq!(facts().silence(at(-301), None), Some(Reason::Stale));
        assert_eq!(facts().silence(at(-301), Some(SignedDuration::MAX)), Some(Reason::Stale));
    }

    #[test]
    fn a_broken_login_silences_at_once() {
        let broken = CalendarFacts { login: Login::Broken, ..facts() };
        assert_eq!(broken.silence(at(0), None), Some(Reason::NeedsReauth));
    }

    #[test]
    fn a_calendar_that_never_completed_a_pull_is_silent() {
        let pending = CalendarFacts { is_settled: false, ..facts() };
        assert_eq!(pending.silence(at(0), None), Some(Reason::NeverSynced));
        let never = CalendarFacts { synced: None, ..facts() };
        assert_eq!(never.silence(at(0), Some(SignedDuration::MAX)), Some(Reason::NeverSynced));
    }
}
