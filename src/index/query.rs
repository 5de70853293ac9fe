//! Answers from snapshots: busy, unknown and evidence. Pure: snapshots and the time in, values out.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    facts::{CalendarFacts, Login, Reason},
    packed::Packed,
    snapshots::{CalendarSnapshot, Kinds, Link, ResourceSnapshot, Tenant},
};
use crate::model::{
    busy::{BusyClass, Kind},
    ids::{CalendarId, ResourceId},
    interval::Span,
    merge::union,
};

mod grid;
mod runs;

pub use runs::{Run, merged_busy, runs, touches};

const SECOND_US: i64 = 1_000_000;

/// What every part of one question shares.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub window: Span,
    /// What the caller accepts; without, each calendar's own `expected_max_age` decides.
    pub max_staleness: Option<SignedDuration>,
    pub now: Timestamp,
    /// Whether the index follows the store closely enough to vouch for anything.
    pub is_current: bool,
}

/// A span that nobody may call busy or free on the word of this calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub start_us: i64,
    pub end_us: i64,
    pub reason: Reason,
    pub calendar: CalendarId,
}

/// The answer for one resource or calendar.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Sorted and disjoint, cut to the window.
    pub busy: Vec<(i64, i64, Kind)>,
    /// Sorted by start, cut to the window; spans of different calendars may overlap.
    pub unknown: Vec<Unknown>,
}

impl Answer {
    /// Whether no unknown span touches the window.
    pub fn is_complete(&self) -> bool {
        self.unknown.is_empty()
    }
}

/// Answers for one resource (all its blocking calendars) or for one calendar.
pub fn answer(question: &Question, basis: &Basis) -> Answer {
    let mut busy = Vec::new();
    runs(question, basis, |run| busy.push(cut(question.window, run)));
    Answer { busy, unknown: unknown(question, basis) }
}

/// A run in microseconds, cut to the window.
pub fn cut(window: Span, (start, end, kind): Run) -> (i64, i64, Kind) {
    let us = |second: i64| second.saturating_mul(SECOND_US);
    (us(start).max(window.start_us()), us(end).min(window.end_us()), kind)
}

/// What a question about a resource or calendar reads, copied out of the index.
#[derive(Clone, Debug)]
pub struct Basis(Vec<Part>);

/// One calendar of a basis. One that is not there stays as a gap, which answers as unknown.
#[derive(Clone, Debug)]
enum Part {
    There(Kinds, Arc<CalendarSnapshot>, Arc<Packed>),
    /// What holds and bookings have taken of the resource itself.
    Claims(ResourceId, Option<Arc<Packed>>),
    /// The same of a resource of which some seats are taken.
    Seats(ResourceId, Option<Arc<Packed>>),
    Gap(CalendarId),
}

impl Basis {
    /// Looks up the calendars of `links`.
    pub fn of(tenant: &Tenant, links: &[Link]) -> Self {
        let part = |link: &Link| match tenant.calendar(&link.calendar) {
            Some(snapshot) => {
                let busy = snapshot.busy.asked();
                Part::There(link.kinds, snapshot, busy)
            }
            None => Part::Gap(link.calendar.clone()),
        };
        Self(links.iter().map(part).collect())
    }

    /// Looks up a resource: its calendars, and what is taken of it.
    pub fn of_resource(tenant: &Tenant, resource: &ResourceSnapshot) -> Self {
        let mut basis = Self::of(tenant, &resource.links);
        let (id, claims) = (resource.resource.clone(), resource.claims.clone());
        let is_shared = resource.is_shared && !resource.links.is_empty();
        basis.0.push(if is_shared { Part::Seats(id, claims) } else { Part::Claims(id, claims) });
        basis
    }

    /// The resource that it is about, if it is about one.
    pub(super) fn resource(&self) -> Option<&ResourceId> {
        self.0.iter().find_map(|part| match part {
            Part::Claims(resource, _) | Part::Seats(resource, _) => Some(resource),
            Part::There(..) | Part::Gap(_) => None,
        })
    }

    /// Whether the tables must say which of its calendars' time its own bookings want ([`Self::leave_out`]).
    pub fn is_shared(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Seats(..)))
    }

    /// Puts other busy time in the place of a calendar's.
    pub(super) fn put_calendar(&mut self, calendar: &CalendarId, other: &Arc<Packed>) {
        for part in &mut self.0 {
            if let Part::There(_, snapshot, busy) = part
                && snapshot.calendar == *calendar
            {
                *busy = Arc::clone(other);
            }
        }
    }

    /// Puts something else in the place of what is taken.
    pub(super) fn put_claims(&mut self, other: Option<&Arc<Packed>>) {
        for part in &mut self.0 {
            if let Part::Claims(_, claims) | Part::Seats(_, claims) = part {
                *claims = other.map(Arc::clone);
            }
        }
    }

    pub fn calendars(&self) -> impl Iterator<Item = &CalendarSnapshot> {
        self.parts().map(|(_, snapshot, _)| snapshot)
    }

    /// How many intervals an answer may have at most.
    pub fn most(&self, question: &Question) -> usize {
        let bounds = Seconds::of(question.window);
        let most = |part: &Part| match part {
            Part::There(.., busy) | Part::Claims(_, Some(busy)) | Part::Seats(_, Some(busy)) => {
                busy.most(bounds.from, bounds.until)
            }
            Part::Claims(_, None) | Part::Seats(_, None) | Part::Gap(_) => 0,
        };
        self.0.iter().map(most).sum()
    }

    /// What was at rest, and is laid out now.
    pub fn brought(&self) -> impl Iterator<Item = (Arc<CalendarSnapshot>, Arc<Packed>)> {
        self.0.iter().filter_map(|part| match part {
            Part::There(_, snapshot, busy) if !snapshot.busy.is_at_hand() => {
                Some((Arc::clone(snapshot), Arc::clone(busy)))
            }
            _ => None,
        })
    }

    fn parts(&self) -> impl Iterator<Item = (&Kinds, &CalendarSnapshot, &Packed)> {
        self.0.iter().filter_map(|part| match part {
            Part::There(kinds, snapshot, busy) => Some((kinds, &**snapshot, &**busy)),
            Part::Claims(..) | Part::Seats(..) | Part::Gap(_) => None,
        })
    }

    /// What blocks at all.
    fn blocking(&self) -> impl Iterator<Item = (&Kinds, &Packed)> {
        self.0.iter().filter_map(|part| match part {
            Part::There(kinds, snapshot, busy) if !snapshot.facts.is_transparent => {
                Some((kinds, &**busy))
            }
            Part::Claims(_, Some(claims)) | Part::Seats(_, Some(claims)) => {
                Some((&Kinds::TAKEN, &**claims))
            }
            Part::There(..) | Part::Claims(..) | Part::Seats(..) | Part::Gap(_) => None,
        })
    }
}

/// What is unknown about one resource or calendar: sorted by start, cut to the window; spans of different
/// calendars may overlap.
pub fn unknown(question: &Question, basis: &Basis) -> Vec<Unknown> {
    let mut found = Vec::new();
    for part in &basis.0 {
        match part {
            Part::There(_, snapshot, busy) => add_unknown(question, snapshot, busy, &mut found),
            // What is taken is known.
            Part::Claims(..) | Part::Seats(..) => {}
            Part::Gap(calendar) => found.push(Unknown {
                start_us: question.window.start_us(),
                end_us: question.window.end_us(),
                reason: Reason::NeverSynced,
                calendar: calendar.clone(),
            }),
        }
    }
    found.sort_by_key(|u| (u.start_us, u.end_us, u.reason));
    found
}

fn add_unknown(
    question: &Question,
    snapshot: &CalendarSnapshot,
    busy: &Packed,
    found: &mut Vec<Unknown>,
) {
    let facts = &snapshot.facts;
    let (from, until) = (question.window.start_us(), question.window.end_us());
    let mut tell = |start_us, end_us, reason| {
        if start_us < end_us {
            let calendar = snapshot.calendar.clone();
            found.push(Unknown { start_us, end_us, reason, calendar });
        }
    };
    if let Some(reason) = silence(question, facts) {
        tell(from, until, reason);
    }
    if facts.login == Login::Works && facts.is_settled {
        let covered_from = facts.covered_from.map_or(until, Timestamp::as_microsecond);
        let covered_until = facts.covered_until.map_or(until, Timestamp::as_microsecond);
        tell(from, until.min(covered_from), Reason::BeyondWindow);
        tell(from.max(covered_until), until, Reason::BeyondWindow);
        if busy.has_gaps() {
            for (start, end) in union(gaps(question, busy)) {
                tell(start, end, Reason::Unexpandable);
            }
        }
    }
}

/// The spans of series that could not be expanded, cut to the window.
fn gaps(question: &Question, busy: &Packed) -> Vec<(i64, i64)> {
    let (from, until) = (question.window.start_us(), question.window.end_us());
    let bounds = Seconds::of(question.window);
    busy.touching(bounds.from, bounds.until)
        .filter(|(_, _, code)| BusyClass::from_code(i16::from(*code)) == BusyClass::Unexpandable)
        .map(|(start, end, _)| {
            let us = |second: i64| second.saturating_mul(SECOND_US);
            (us(start).max(from), us(end).min(until))
        })
        .collect()
}

/// A window in seconds since 1970, rounded outwards as the index keeps its intervals: cutting to it and then
/// to the window itself cuts to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds {
    pub from: i64,
    pub until: i64,
}

impl Seconds {
    pub fn of(window: Span) -> Self {
        let until = window.end_us().saturating_add(SECOND_US - 1).div_euclid(SECOND_US);
        Self { from: window.start_us().div_euclid(SECOND_US), until }
    }
}

/// Why a calendar is silent as a whole, if it is. An index that is behind makes everything stale: a change may be
/// waiting that it has not seen.
pub fn silence(question: &Question, facts: &CalendarFacts) -> Option<Reason> {
    let told = facts.silence(question.now, question.max_staleness);
    told.or_else(|| (!question.is_current).then_some(Reason::Stale))
}

/// The union of what many answers do not know: disjoint spans with every reason.
pub fn merged_unknown<'a>(all: impl Iterator<Item = &'a Unknown>) -> Vec<Joint> {
    let mut unknown: Vec<Joint> = all
        .map(|u| Joint { start_us: u.start_us, end_us: u.end_us, reasons: vec![u.reason] })
        .collect();
    unknown.sort_by_key(|u| (u.start_us, u.end_us));
    unknown.dedup_by(|next, kept| {
        let joins = next.start_us <= kept.end_us;
        if joins {
            kept.end_us = kept.end_us.max(next.end_us);
            kept.reasons.append(&mut next.reasons);
        }
        joins
    });
    for joint in &mut unknown {
        joint.reasons.sort_unstable();
        joint.reasons.dedup();
    }
    unknown
}

/// An unknown span of a merged answer, with its reasons from the gravest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joint {
    pub start_us: i64,
    pub end_us: i64,
    pub reasons: Vec<Reason>,
}

#[cfg(test)]
mod tests;
