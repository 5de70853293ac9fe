//! Answers from snapshots: busy, unknown and evidence. Pure: snapshots and the time in, values out.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    facts::{CalendarFacts, Login, Reason},
    snapshots::{CalendarSnapshot, Link, Tenant},
};
use crate::model::{
    busy::{BusyClass, Kind},
    ids::CalendarId,
    interval::Span,
    merge::{Merge, union},
};

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

/// What one calendar contributes to the proof of an answer.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub calendar: CalendarId,
    pub facts: CalendarFacts,
    pub age: Option<SignedDuration>,
    /// Why the calendar is silent as a whole; `None` when it speaks.
    pub silence: Option<Reason>,
}

/// The answer for one resource or calendar.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Sorted and disjoint, cut to the window.
    pub busy: Vec<(i64, i64, Kind)>,
    /// Sorted by start, cut to the window; spans of different calendars may overlap.
    pub unknown: Vec<Unknown>,
    pub evidence: Vec<Evidence>,
}

impl Answer {
    /// Whether no unknown span touches the window.
    pub fn is_complete(&self) -> bool {
        self.unknown.is_empty()
    }
}

/// What a question about a resource or calendar reads, copied out of the index.
#[derive(Clone, Debug)]
pub struct Basis(Vec<(Link, Option<Arc<CalendarSnapshot>>)>);

impl Basis {
    /// Looks up the calendars of `links`. One that is not there stays as a gap, which answers as unknown.
    pub fn of(tenant: &Tenant, links: &[Link]) -> Self {
        Self(links.iter().map(|link| (link.clone(), tenant.calendar(&link.calendar))).collect())
    }

    pub fn calendars(&self) -> impl Iterator<Item = &CalendarSnapshot> {
        self.0.iter().filter_map(|(_, snapshot)| snapshot.as_deref())
    }
}

/// Answers for one resource (all its blocking calendars) or for one calendar.
pub fn answer(question: &Question, basis: &Basis) -> Answer {
    let mut merge = Merge::default();
    let mut answer = Answer::default();
    for (link, snapshot) in &basis.0 {
        match snapshot {
            Some(snapshot) => add_calendar(question, link, snapshot, &mut merge, &mut answer),
            None => answer.unknown.push(whole(question, &link.calendar, Reason::NeverSynced)),
        }
    }
    answer.busy = merge.finish();
    answer.unknown.sort_by_key(|u| (u.start_us, u.end_us, u.reason));
    answer
}

fn whole(question: &Question, calendar: &CalendarId, reason: Reason) -> Unknown {
    Unknown {
        start_us: question.window.start_us(),
        end_us: question.window.end_us(),
        reason,
        calendar: calendar.clone(),
    }
}

fn add_calendar(
    question: &Question,
    link: &Link,
    snapshot: &CalendarSnapshot,
    merge: &mut Merge,
    answer: &mut Answer,
) {
    let facts = &snapshot.facts;
    let silence = silence(question, facts);
    let (from, until) = (question.window.start_us(), question.window.end_us());
    let mut unexpandable = Vec::new();
    for (start, end, class) in snapshot.busy.touching(from, until) {
        let (start, end) = (start.max(from), end.min(until));
        if class == BusyClass::Unexpandable {
            unexpandable.push((start, end));
        } else if !facts.is_transparent
            && let Some(kind) = link.rules.kind(class)
        {
            merge.add(start, end, kind);
        }
    }
    let mut tell = |start_us, end_us, reason| {
        if start_us < end_us {
            answer.unknown.push(Unknown {
                start_us,
                end_us,
                reason,
                calendar: link.calendar.clone(),
            });
        }
    };
    if let Some(reason) = silence {
        tell(from, until, reason);
    }
    if facts.login == Login::Works && facts.is_settled {
        let covered_from = facts.covered_from.map_or(until, Timestamp::as_microsecond);
        let covered_until = facts.covered_until.map_or(until, Timestamp::as_microsecond);
        tell(from, until.min(covered_from), Reason::BeyondWindow);
        tell(from.max(covered_until), until, Reason::BeyondWindow);
        for (start, end) in union(unexpandable) {
            tell(start, end, Reason::Unexpandable);
        }
    }
    answer.evidence.push(Evidence {
        calendar: link.calendar.clone(),
        facts: *facts,
        age: facts.age(question.now),
        silence,
    });
}

/// An index that is behind makes everything stale: a change may be waiting that it has not seen.
fn silence(question: &Question, facts: &CalendarFacts) -> Option<Reason> {
    let told = facts.silence(question.now, question.max_staleness);
    told.or_else(|| (!question.is_current).then_some(Reason::Stale))
}

/// The union of many answers: busy with the strongest kind, unknown as disjoint spans with every reason.
pub fn merged<'a>(
    answers: impl Iterator<Item = &'a Answer> + Clone,
) -> (Vec<(i64, i64, Kind)>, Vec<Joint>) {
    let mut merge = Merge::default();
    for answer in answers.clone() {
        merge.absorb(&answer.busy);
    }
    let mut unknown: Vec<Joint> = answers
        .flat_map(|answer| &answer.unknown)
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
    (merge.finish(), unknown)
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
