//! Sets of time as sorted, disjoint spans of microseconds. Written for the auditor: none of it is the hub's.

pub type Spans = Vec<(i64, i64)>;

/// Sorts spans and melts those that touch, cut to `window`.
pub fn melt(mut spans: Spans, window: (i64, i64)) -> Spans {
    for span in &mut spans {
        *span = (span.0.max(window.0), span.1.min(window.1));
    }
    spans.retain(|span| span.0 < span.1);
    spans.sort_unstable();
    let mut melted: Spans = Vec::with_capacity(spans.len());
    for span in spans {
        match melted.last_mut() {
            Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            _ => melted.push(span),
        }
    }
    melted
}

pub fn union(a: &Spans, b: &Spans) -> Spans {
    melt(a.iter().chain(b).copied().collect(), (i64::MIN, i64::MAX))
}

/// What lies in both.
pub fn both(a: &Spans, b: &Spans) -> Spans {
    let (mut i, mut j, mut common) = (0, 0, Spans::new());
    while i < a.len() && j < b.len() {
        let (from, to) = (a[i].0.max(b[j].0), a[i].1.min(b[j].1));
        if from < to {
            common.push((from, to));
        }
        if a[i].1 < b[j].1 { i += 1 } else { j += 1 }
    }
    common
}

/// What of `a` lies outside `b`.
pub fn without(a: &Spans, b: &Spans) -> Spans {
    let mut rest = Spans::new();
    for &(mut from, to) in a {
        for &(start, end) in b {
            if end <= from || start >= to {
                continue;
            }
            if from < start {
                rest.push((from, start));
            }
            from = from.max(end);
        }
        if from < to {
            rest.push((from, to));
        }
    }
    rest
}

/// Short text for a trace: how many, and the first few in minutes since `base`.
pub fn text(spans: &Spans, base: i64) -> String {
    let minute = |us: i64| (us - base) / 60_000_000;
    let first: Vec<String> =
        spans.iter().take(4).map(|s| format!("{}..{}", minute(s.0), minute(s.1))).collect();
    let more = if spans.len() > 4 { ".." } else { "" };
    format!("{}[{}{more}]", spans.len(), first.join(" "))
}
