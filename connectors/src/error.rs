//! One error type for every connector: what happened ([`Kind`]), whether a write may have landed
//! ([`Effect`]), and what the engine does about it ([`Remedy`]).

use std::time::Duration;

use jiff::Timestamp;

/// The result of every connector call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// When a provider asked to be left alone until.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// `Retry-After: 120`.
    In(Duration),
    /// `Retry-After: Sun, 14 Mar 2027 09:00:00 GMT`.
    At(Timestamp),
}

/// Whom a throttling provider wants to hear less from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Throttle {
    /// Everybody who asks this host.
    #[default]
    Host,
    /// This account alone.
    Account,
    /// Everybody who signs in with this OAuth client.
    Project,
}

/// What happened, in the provider-neutral words of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No usable answer: refused, cut, timed out, 408, 425, 5xx.
    Unavailable,
    /// The time limit of the call ran out.
    Timeout,
    /// The TLS handshake failed; permanent until somebody acts.
    Tls,
    /// The name does not resolve.
    Dns,
    /// The address (after resolving, or after a redirect) may not be reached from this hub.
    BlockedAddress,
    /// The provider asked us to slow down.
    Throttled { retry_after: Option<RetryAfter>, scope: Throttle },
    /// The cursor is no longer honoured: read everything again.
    CursorExpired,
    /// The version we expected is no longer there.
    VersionConflict,
    /// A conditional create found something in its place.
    AlreadyExists { at: Option<crate::event::ItemRef> },
    /// The event is not there.
    Gone,
    /// The calendar is not there (404 or 410 on the collection or feed).
    CalendarGone,
    /// The login is refused: 401, or a revoked grant.
    Unauthorized,
    /// The grant is good and lacks a scope that this needs.
    MissingScope,
    /// An administrator of the account's organisation has to agree before its person can.
    AdminConsent,
    /// The provider refuses the OAuth client itself: an operator's matter, and no account's.
    WrongClient,
    /// The provider's API is switched off for the OAuth client's project: an operator's matter too.
    ApiDisabled,
    /// The provider sends no notifications for this calendar, ever.
    NoPush,
    /// The login is good but this is not allowed.
    Forbidden,
    /// The provider refuses what we sent, for good.
    Rejected,
    /// The answer is not what the protocol promises: HTML, bad XML, a body beyond its limits.
    BadReply,
    /// The address answers, but speaks no CalDAV.
    NotCalDav,
}

/// Whether a failed write may have changed something at the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// It certainly had none.
    #[default]
    None,
    /// Nobody knows: read back before anything is repeated.
    Unknown,
}

/// What the call was for; the same kind may mean different things to a pull and to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Pull,
    Write,
}

/// What the engine does next. The only place where kinds are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Try again, not before what the provider asked for.
    Retry { after: Option<RetryAfter> },
    /// Read everything again under a new generation.
    PullEverything,
    /// Look what is there before anything is repeated.
    ReadBack,
    /// Re-read and plan again.
    Reconcile,
    /// Stop and ask the person to sign in again.
    AskForLogin,
    /// List the connection's calendars again: this one may have moved or gone.
    Rediscover,
    /// Keep it aside for the operator, and go on with the rest.
    SetAside,
}

impl Kind {
    /// Sorts a kind into what to do. Total: a new provider never adds a branch to the engine.
    pub fn remedy(&self, during: Verb) -> Remedy {
        match (self, during) {
            (Kind::Throttled { retry_after, .. }, _) => Remedy::Retry { after: *retry_after },
            (Kind::CursorExpired, _) => Remedy::PullEverything,
            (Kind::Unavailable | Kind::Timeout | Kind::BadReply, Verb::Write) => Remedy::ReadBack,
            (
                Kind::Unavailable
                | Kind::Timeout
                | Kind::BadReply
                | Kind::NotCalDav
                | Kind::Tls
                | Kind::Dns
                | Kind::BlockedAddress
                | Kind::WrongClient
                | Kind::ApiDisabled,
                _,
            ) => Remedy::Retry { after: None },
            (Kind::VersionConflict | Kind::Gone | Kind::AlreadyExists { .. }, _) => {
                Remedy::Reconcile
            }
            (Kind::CalendarGone, _) => Remedy::Rediscover,
            (Kind::Unauthorized | Kind::MissingScope | Kind::AdminConsent, _) => {
                Remedy::AskForLogin
            }
            (Kind::Forbidden, Verb::Pull) => Remedy::Rediscover,
            (Kind::Forbidden | Kind::Rejected | Kind::NoPush, _) => Remedy::SetAside,
        }
    }

    /// The stable word used in problem documents, logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Kind::Unavailable => "unavailable",
            Kind::Timeout => "timeout",
            Kind::Tls => "tls",
            Kind::Dns => "dns",
            Kind::BlockedAddress => "blocked_address",
            Kind::Throttled { .. } => "throttled",
            Kind::CursorExpired => "cursor_expired",
            Kind::VersionConflict => "version_conflict",
            Kind::AlreadyExists { .. } => "already_exists",
            Kind::Gone => "gone",
            Kind::CalendarGone => "calendar_gone",
            Kind::Unauthorized => "unauthorized",
            Kind::MissingScope => "missing_scope",
            Kind::AdminConsent => "admin_consent_required",
            Kind::WrongClient => "wrong_client",
            Kind::ApiDisabled => "api_disabled",
            Kind::NoPush => "no_push",
            Kind::Forbidden => "forbidden",
            Kind::Rejected => "rejected",
            Kind::BadReply => "bad_reply",
            Kind::NotCalDav => "not_caldav",
        }
    }
}

/// A failed call to a provider. Its text never holds a URL's path, a credential or a body.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    pub kind: Kind,
    pub effect: Effect,
    /// One fragment for a person: what was asked of whom and what came back.
    pub detail: String,
    /// The HTTP status, where one was received.
    pub status: Option<u16>,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Kind {
    /// Makes an error of this kind, with nothing changed at the provider.
    pub fn error(self, detail: impl Into<String>) -> Error {
        Error {
            kind: self,
            effect: Effect::None,
            detail: detail.into(),
            status: None,
            source: None,
        }
    }
}

impl Error {
    /// Adds the status that the provider answered.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// Marks that the write may have landed.
    #[must_use]
    pub fn with_unknown_effect(self) -> Self {
        Self { effect: Effect::Unknown, ..self }
    }
}
