//! What the clients were told, and when: everything the auditor believes besides the tables.

use std::collections::BTreeMap;

use calhub::{
    booking::Refusal,
    model::{ids::ResourceId, interval::Span, states::BookingStatus},
    store::{BookingRow, HoldRow},
};

/// Between these two instants, in microseconds, a call was made and answered.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub asked: i64,
    pub answered: i64,
}

/// One answer that said yes.
#[derive(Clone, Debug)]
pub enum Told {
    Held {
        hold: String,
        resources: Vec<ResourceId>,
        span: Span,
        expires: i64,
        when: When,
    },
    Extended {
        hold: String,
        expires: i64,
    },
    /// Released, or confirmed.
    HoldEnded {
        hold: String,
        when: When,
    },
    /// How a booking is since this revision.
    Stands {
        booking: String,
        revision: i64,
        status: BookingStatus,
        resources: Vec<ResourceId>,
        span: Span,
        when: When,
    },
}

impl Told {
    pub fn held(row: &HoldRow, when: When) -> Self {
        Self::Held {
            hold: row.hold_id.to_string(),
            resources: row.resources.clone(),
            span: row.span,
            expires: row.expires_at.as_microsecond(),
            when,
        }
    }

    pub fn stands(row: &BookingRow, when: When) -> Self {
        Self::Stands {
            booking: row.booking_id.to_string(),
            revision: row.revision,
            status: row.status,
            resources: row.resources.clone(),
            span: row.span,
            when,
        }
    }
}

/// What one client, or all together, met.
#[derive(Debug, Default)]
pub struct History {
    pub told: Vec<Told>,
    /// Attempts to take time.
    pub attempts: u64,
    pub calls: u64,
    pub yes: u64,
    /// By kind.
    pub refused: BTreeMap<&'static str, u64>,
    /// Everything that is neither a yes nor a refusal: deadlocks, serialization failures, timeouts.
    pub errors: BTreeMap<String, u64>,
    /// Holds that lost their time before their end.
    pub robbed: u64,
}

impl History {
    /// Notes an answer, and whether it was a yes.
    pub fn note<T>(&mut self, answer: Result<T, Refusal>) -> Option<T> {
        self.calls += 1;
        let refusal = match answer {
            Ok(yes) => {
                self.yes += 1;
                return Some(yes);
            }
            Err(refusal) => refusal,
        };
        let kind = match &refusal {
            Refusal::SlotTaken { .. } => "slot taken",
            Refusal::Unverified { .. } => "unverified",
            Refusal::HoldExpired => "hold expired",
            Refusal::WrongState(_) => "wrong state",
            Refusal::Stale => "stale",
            Refusal::Invalid { code: "too_large", .. } => "held too long",
            other => {
                *self.errors.entry(format!("{other:?}")).or_default() += 1;
                return None;
            }
        };
        *self.refused.entry(kind).or_default() += 1;
        None
    }

    pub fn add(&mut self, other: Self) {
        self.told.extend(other.told);
        self.attempts += other.attempts;
        self.calls += other.calls;
        self.yes += other.yes;
        self.robbed += other.robbed;
        for (kind, count) in other.refused {
            *self.refused.entry(kind).or_default() += count;
        }
        for (text, count) in other.errors {
            *self.errors.entry(text).or_default() += count;
        }
    }
}
