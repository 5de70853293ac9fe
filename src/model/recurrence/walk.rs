//! The starts of one rule on the wall clock, from anywhere, at a cost that does not depend on where.

use super::{
    budget::{Budget, Spent},
    days::Period,
    lone::Lone,
    pattern::Pattern,
};

/// Whether DTSTART belongs to the set even when the rule does not produce it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// As an RRULE has it: DTSTART is the first start and counts (RFC 5545 3.8.5.3).
    Always,
    /// As an EXRULE has it.
    IfMatched,
}

/// Gives to `found` the starts in `[from, to]`, sorted.
///
/// # Errors
///
/// [`Spent`] when the budget ends first; `found` was then given every start before the wall-clock time it names.
pub(super) fn walk(
    pattern: &Pattern,
    first: First,
    (from, to): (i64, i64),
    budget: &mut Budget,
    found: &mut impl FnMut(i64),
) -> Result<(), Spent> {
    let start = pattern.start();
    let from = from.max(start);
    // What lies beyond `after` comes from the rule; DTSTART, which always counts, is taken by itself.
    let (after, limit) = match first {
        First::Always => (start, pattern.count().map(|count| count - 1)),
        First::IfMatched => (start - 1, pattern.count()),
    };
    if first == First::Always && from == start && start <= to {
        found(start);
    }
    if let Some(lone) = Lone::of(pattern) {
        return walk_lone(pattern, lone, (after, limit), (from, to), budget, found);
    }
    let mut number = pattern.period_at(from);
    let mut left = match limit {
        None => None,
        Some(limit) => Some(limit - taken(pattern, after, number, limit, budget)?),
    };
    let span = (from.max(after + 1), to);
    while left.is_none_or(|left| left > 0) && pattern.opens(number) <= to {
        budget.spend().ok_or(Spent { at: pattern.opens(number).max(from) })?;
        number = match pattern.period(number) {
            Err(next) => next,
            Ok(period) => {
                choose(pattern, &period, span, left, after, budget, found)?;
                left = left.map(|left| left - count(pattern, &period, after));
                number + 1
            }
        }
    }
    Ok(())
}

/// As [`walk`], where every period has one start: those after `after` count, up to the limit.
fn walk_lone(
    pattern: &Pattern,
    lone: Lone,
    (after, limit): (i64, Option<i64>),
    (from, to): (i64, i64),
    budget: &mut Budget,
    found: &mut impl FnMut(i64),
) -> Result<(), Spent> {
    let mut number = pattern.period_at(from);
    let in_first = i64::from(lone.start(pattern, 0) > after);
    let gone = if number > 0 { number - 1 + in_first } else { 0 };
    let mut left = limit.map_or(i64::MAX, |limit| limit - gone);
    while left > 0 {
        let start = lone.start(pattern, number);
        if start > to {
            break;
        }
        let spent = Spent { at: start };
        budget.spend().ok_or(spent)?;
        if start > after {
            if start >= from {
                budget.spend().ok_or(spent)?;
                found(start);
            }
            left -= 1;
        }
        number += 1;
    }
    Ok(())
}

/// How many starts after `after` the periods before `number` hold; counting stops once there are `enough`.
fn taken(
    pattern: &Pattern,
    after: i64,
    number: i64,
    enough: i64,
    budget: &mut Budget,
) -> Result<i64, Spent> {
    let (mut taken, mut at) = (0_i64, 0);
    while at < number && taken < enough {
        budget.spend().ok_or(Spent { at: pattern.start() })?;
        at = match pattern.period(at) {
            Err(next) => next,
            Ok(period) => {
                taken += count(pattern, &period, after);
                if let Some(each) = pattern.starts_a_period() {
                    return Ok(taken.saturating_add(each.saturating_mul(number - at - 1)));
                }
                at + 1
            }
        }
    }
    Ok(taken)
}

/// How many starts of a period lie after `after`.
fn count(pattern: &Pattern, period: &Period, after: i64) -> i64 {
    let gone = period.up_to(after);
    match pattern.places(period.len()) {
        None => period.len() - gone,
        Some(places) => places.iter().map(|place| i64::from(*place >= gone)).sum(),
    }
}

/// Takes the starts of one period that lie in the span, if they are among the first `left` after `after`.
fn choose(
    pattern: &Pattern,
    period: &Period,
    (from, to): (i64, i64),
    left: Option<i64>,
    after: i64,
    budget: &mut Budget,
    found: &mut impl FnMut(i64),
) -> Result<(), Spent> {
    let take = |wall| {
        budget.spend().ok_or(Spent { at: wall })?;
        found(wall);
        Ok(())
    };
    if let Some(places) = pattern.places(period.len()) {
        let gone = period.up_to(after);
        let among = usize::try_from(left.unwrap_or(i64::MAX)).unwrap_or(usize::MAX);
        let chosen = places.into_iter().filter(|place| *place >= gone).take(among);
        return chosen
            .filter_map(|place| period.nth(place))
            .filter(|wall| (from..=to).contains(wall))
            .try_for_each(take);
    }
    let among = left.map_or(usize::MAX, |left| {
        let skipped = period.up_to(from - 1) - period.up_to(after);
        usize::try_from(left - skipped).unwrap_or(0)
    });
    period.between(from, to).take(among).try_for_each(take)
}
