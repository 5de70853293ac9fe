//! What becomes, with a connection, of what the hub wrote through it.

use serde::{Deserialize, Serialize};

use crate::store::WorkRow;

/// What was asked for, kept with the work of removing: it goes on after a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Whether the hub's own events are taken out at the provider first.
    pub events: bool,
    /// Whether future bookings that are written there are cancelled.
    pub cancel: bool,
}

impl Removal {
    /// Nothing but to erase what is stored.
    pub const PLAIN: Self = Self { events: false, cancel: false };

    /// What the work of removing was asked for.
    pub(crate) fn of(work: &WorkRow) -> Self {
        let demand = work.demand.clone();
        demand.and_then(|demand| serde_json::from_value(demand).ok()).unwrap_or(Self::PLAIN)
    }
}
