//! Who sits where: a resource of capacity `n` has `n` seats, and claims of one seat never overlap.

use super::interval::{Span, union};

/// Gives every span a seat below `capacity`, or `None` when there are not enough.
///
/// Greedy by start, which uses no more seats than spans overlap at any one instant: a seat that is free is never
/// refused because earlier claims are spread badly.
pub fn seat(spans: &[Span], capacity: i64) -> Option<Vec<i64>> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&at| spans.get(at).copied());
    // When each seat becomes free.
    let mut free: Vec<jiff::Timestamp> = Vec::new();
    let mut seats = vec![0; spans.len()];
    for at in order {
        let span = spans.get(at)?;
        let seat = match free.iter().position(|&until| until <= span.start()) {
            Some(seat) => seat,
            None => {
                free.push(span.start());
                free.len() - 1
            }
        };
        *free.get_mut(seat)? = span.end();
        let number = i64::try_from(seat).ok().filter(|&number| number < capacity)?;
        *seats.get_mut(at)? = number;
    }
    Some(seats)
}

/// Where all `capacity` seats are taken at once: sorted, disjoint.
pub fn full(spans: Vec<Span>, capacity: i64) -> Vec<Span> {
    if capacity <= 1 {
        return union(spans);
    }
    // At one instant, those that end go before those that begin.
    let mut edges: Vec<(jiff::Timestamp, i64)> =
        spans.iter().flat_map(|span| [(span.start(), 1), (span.end(), -1)]).collect();
    edges.sort_unstable();
    let (mut sitting, mut since, mut found) = (0, None, Vec::new());
    for (at, step) in edges {
        sitting += step;
        match since {
            None if sitting >= capacity => since = Some(at),
            Some(start) if sitting < capacity => {
                found.push(Span::clamped(start, at));
                since = None;
            }
            _ => {}
        }
    }
    union(found)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn span((start, long): (i64, i64)) -> Span {
        let at = |second| Timestamp::from_second(second).unwrap();
        Span::clamped(at(start), at(start + long))
    }

    proptest! {
        #[test]
        fn a_resource_is_full_where_nobody_else_could_sit(
            list in proptest::collection::vec((0_i64..40, 1_i64..12), 0..10),
            capacity in 1_i64..4,
        ) {
            let spans: Vec<Span> = list.into_iter().map(span).collect();
            let full = full(spans.clone(), capacity);
            for second in 0..60 {
                let instant = span((second, 1));
                let sitting = spans.iter().filter(|one| one.overlaps(instant)).count();
                let is_full = i64::try_from(sitting).unwrap() >= capacity;
                prop_assert_eq!(full.iter().any(|one| one.overlaps(instant)), is_full);
            }
        }

        #[test]
        fn everybody_sits_exactly_when_no_instant_has_more_than_there_are_seats(
            list in proptest::collection::vec((0_i64..60, 1_i64..20), 0..14),
            capacity in 1_i64..6,
        ) {
            let spans: Vec<Span> = list.into_iter().map(span).collect();
            let most = spans
                .iter()
                .map(|one| spans.iter().filter(|s| s.start() <= one.start() && one.start() < s.end()).count())
                .max()
                .unwrap_or(0);
            let seats = seat(&spans, capacity);
            prop_assert_eq!(seats.is_some(), i64::try_from(most).unwrap() <= capacity);
            let Some(seats) = seats else { return Ok(()) };
            for (a, first) in spans.iter().enumerate() {
                for (b, second) in spans.iter().enumerate().skip(a + 1) {
                    prop_assert!(seats[a] != seats[b] || !first.overlaps(*second));
                }
            }
        }
    }
}
