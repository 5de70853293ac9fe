//! Sets of time as sorted, merged half-open spans of seconds.

/// From, to.
pub type Span = (i64, i64);

/// The union: sorted, without overlap or touch.
pub fn merged(spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let mut all: Vec<Span> = spans.into_iter().filter(|(from, to)| from < to).collect();
    all.sort_unstable();
    let mut union: Vec<Span> = Vec::new();
    for (from, to) in all {
        match union.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => union.push((from, to)),
        }
    }
    union
}

/// `known` with what lies in `window` replaced by `new`.
pub fn replaced(known: &[Span], window: Span, new: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let (start, end) = window;
    let before = known.iter().map(|&(from, to)| (from, to.min(start)));
    let after = known.iter().map(|&(from, to)| (from.max(end), to));
    merged(before.chain(after).chain(new))
}

/// An RFC 3339 instant in seconds.
pub fn second(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_second()
}

pub fn instant(second: i64) -> String {
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

#[test]
fn spans_are_merged_and_replaced() {
    assert_eq!(merged([(5, 6), (1, 3), (3, 4), (7, 7)]), [(1, 4), (5, 6)]);
    assert_eq!(replaced(&[(1, 9)], (3, 5), [(4, 5)]), [(1, 3), (4, 9)]);
    assert_eq!(replaced(&[(1, 2)], (0, 5), []), []);
}
