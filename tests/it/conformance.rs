//! Every promise of `connectors::conformance` against every subject at hand: the simulated dialects and feeds,
//! and real Radicale and Xandikos.

use connectors::conformance::{PROMISES, Promise, Subject};

mod feeds;
mod google;
mod microsoft;
mod real;
mod simulated;

/// Checks every promise on a subject of its own, and tells all that were broken at once.
async fn keeps_every_promise<S: Subject>(name: &str, mut fresh: impl AsyncFnMut() -> S) {
    let mut broken = Vec::new();
    for promise in PROMISES {
        check(promise, &fresh().await, name, &mut broken).await;
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

async fn check(promise: &Promise, subject: &dyn Subject, name: &str, broken: &mut Vec<String>) {
    if let Err(how) = promise.check(subject).await {
        broken.push(format!("{name}: {}: {}", promise.name, how.0));
    }
}
