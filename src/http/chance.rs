//! The ids of what a request makes: new ones, or under an `Idempotency-Key` the same at every repetition.
//!
//! A hub may die after a request had its effect and before its answer was kept. Whoever repeats the request
//! then must not make the thing a second time: it gets the id of the first one, and finds it there.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::{
    clock::{Clock, Entropy, ManualClock, SeededEntropy},
    hub::Hub,
};

/// What ids are made of.
#[derive(Clone, Debug, Default)]
pub struct Chance(Option<Repeated>);

#[derive(Clone, Debug)]
struct Repeated {
    clock: ManualClock,
    entropy: SeededEntropy,
    request: String,
}

impl Chance {
    /// For a request under a key that was begun `since`; `name` tells the request from every other.
    pub(super) fn repeated(hub: &Hub, name: &str, since: Timestamp) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] =
            hub.vault.hash_secret(&format!("{name}\n{since}"));
        let entropy = SeededEntropy::new(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        let request = URL_SAFE_NO_PAD.encode(rest);
        Self(Some(Repeated { clock: ManualClock::at(since), entropy, request }))
    }

    /// Makes an id.
    pub(super) fn mint<T>(&self, hub: &Hub, mint: fn(&dyn Clock, &dyn Entropy) -> T) -> T {
        match &self.0 {
            Some(again) => mint(&again.clock, &again.entropy),
            None => mint(&*hub.clock, &*hub.entropy),
        }
    }

    /// What stands for the request at every repetition; nothing without a key.
    pub(super) fn request(&self) -> Option<&str> {
        self.0.as_ref().map(|again| again.request.as_str())
    }

    /// Whether an earlier try may have made the thing already.
    pub(super) fn may_repeat(&self) -> bool {
        self.0.is_some()
    }
}
