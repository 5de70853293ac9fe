//! The closed sets of words that connections, calendars and keys carry, as stored and as served.

use serde::{Deserialize, Serialize};

/// The kind of service behind a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Caldav,
    Ics,
    Google,
    Microsoft,
}

/// How well a connection works. A state of an already healthy connection never frees time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Linked, and its first pull is not complete.
    Syncing,
    Healthy,
    /// Some calls fail; the hub tries again by itself.
    Degraded,
    /// The login is refused: a person must sign in again.
    NeedsReauth,
    /// The grant was withdrawn at the provider.
    Revoked,
    /// Being taken out.
    Removing,
}

/// What a connection may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    BusyOnly,
    Read,
    ReadWrite,
}

/// Whether a calendar was ever read completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialSync {
    Pending,
    Done,
}

/// How well a provider tells of a calendar's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushState {
    /// It tells nothing; the calendar is polled.
    None,
    /// It was asked to, and was not heard yet.
    Pending,
    Healthy,
    /// A change was found that it had not told of.
    Stale,
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// It has its time, until its end.
    Held,
    /// It became a booking.
    Confirmed,
    /// Given back before its end.
    Released,
    Expired,
}

/// What was agreed about a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// Its time is taken; nothing is written until it is paid.
    PendingPayment,
    Confirmed,
    /// Its time is free again.
    Cancelled,
    /// It took place.
    Completed,
    /// It was kept for somebody who did not come.
    NoShow,
}

/// How far a calendar has what its booking wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Pending,
    Written,
    /// The person's edit differs from what was agreed; the booking's policy has to say.
    Conflict,
    /// Given up, until somebody acts.
    Failed,
    /// There is no calendar to write to, or an operator has said to leave it.
    NotApplicable,
}

impl Provider {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caldav => "caldav",
            Self::Ics => "ics",
            Self::Google => "google",
            Self::Microsoft => "microsoft",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Caldav, Self::Ics, Self::Google, Self::Microsoft]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

impl ConnectionState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syncing => "syncing",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::NeedsReauth => "needs_reauth",
            Self::Revoked => "revoked",
            Self::Removing => "removing",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Syncing,
            Self::Healthy,
            Self::Degraded,
            Self::NeedsReauth,
            Self::Revoked,
            Self::Removing,
        ]
        .into_iter()
        .find(|it| it.as_str() == word)
    }
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BusyOnly => "busy_only",
            Self::Read => "read",
            Self::ReadWrite => "read_write",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::BusyOnly, Self::Read, Self::ReadWrite].into_iter().find(|it| it.as_str() == word)
    }
}

impl InitialSync {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Done].into_iter().find(|it| it.as_str() == word)
    }
}

impl PushState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Healthy => "healthy",
            Self::Stale => "stale",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Pending, Self::Healthy, Self::Stale]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

impl HoldState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Held, Self::Confirmed, Self::Released, Self::Expired]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

impl BookingStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingPayment => "pending_payment",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::NoShow => "no_show",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::PendingPayment, Self::Confirmed, Self::Cancelled, Self::Completed, Self::NoShow]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

impl Delivery {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Written => "written",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Written, Self::Conflict, Self::Failed, Self::NotApplicable]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}
