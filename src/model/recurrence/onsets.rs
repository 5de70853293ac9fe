//! The onsets of a VTIMEZONE's observance, which are starts of a rule on a clock of a fixed offset.

use super::{
    budget::Budget,
    pattern::Pattern,
    rule::{Rule, Until},
    walk::{First, walk},
};

/// The onsets between two wall-clock times, on the wall clock before the change, sorted. `None` when the rule
/// cannot be read or is beyond the budget.
pub(in crate::model) fn onsets(
    start: i64,
    offset_from: i64,
    rule: &str,
    (from, to): (i64, i64),
    budget: &mut Budget,
) -> Option<Vec<i64>> {
    let rule: Rule = rule.parse().ok()?;
    let last = match rule.until {
        None => to,
        Some(Until::Day(day)) => (day + 1) * crate::model::time::DAY_S - 1,
        Some(Until::Wall(wall)) => wall,
        Some(Until::Instant(instant)) => instant + offset_from,
    };
    let mut found = Vec::new();
    walk(&Pattern::new(rule, start), First::Always, (from, to.min(last)), budget, &mut |at| {
        found.push(at);
    })
    .ok()?;
    Some(found)
}
