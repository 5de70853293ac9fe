//! What a refusal means. Google says the same status for very different things: the reason decides, wherever one
//! is stated.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, header};
use jiff::{Timestamp, civil, tz::TimeZone};

use super::wire;
use crate::{
    error::{Error, Kind, RetryAfter, Throttle},
    lenient::Text,
    transport::{http_date, refusal, retry_after},
};

/// How long to leave a calendar alone that was written to too much, where Google does not say.
const CALENDAR_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How long to leave a project alone whose day is used up, where not even the time of day is known.
const PROJECT_PAUSE: Duration = Duration::from_secs(60 * 60);
/// Whose midnight begins a new day of quota.
const QUOTA_ZONE: &str = "America/Los_Angeles";
/// The longest reason that is repeated.
const LONGEST_REASON: usize = 64;

/// What a request was about; the same status may mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The account, or its list of calendars.
    Account,
    /// A calendar, or its events from the beginning.
    Calendar,
    /// The events of a calendar from some token on.
    Token,
    /// One event.
    Event,
    Channel,
}

/// Sorts a reply that is no success. `asked` names the request and its host.
pub(super) fn refused(reply: &Response<Bytes>, asked: &str, about: About) -> Error {
    let envelope = wire::refused(reply.body());
    let reasons: Vec<&str> = envelope.iter().flat_map(reasons).collect();
    let status = reply.status().as_u16();
    let plain = refusal(reply, asked);
    let kind = match by_reason(reply, &reasons) {
        Some(kind) => kind,
        None if envelope.is_none() && matches!(status, 403 | 404) => Kind::BadReply,
        None => by_status(status, &reasons, plain.kind.clone()),
    };
    let kind = of_subject(kind, status, about);
    let reason = reasons.iter().find(|reason| is_word(reason));
    let detail = match reason {
        Some(reason) => format!("{} ({reason})", plain.detail),
        None => plain.detail.clone(),
    };
    Error { kind, detail, ..plain }
}

/// Whether a 401 is about the address of a channel, and not about the login.
pub(super) fn is_about_address(reply: &Response<Bytes>) -> bool {
    let envelope = wire::refused(reply.body());
    envelope.iter().flat_map(reasons).any(refuses_address)
}

fn refuses_address(reason: &str) -> bool {
    let reason = reason.strip_prefix("push.").unwrap_or(reason);
    matches!(reason, "webhookUrlUnauthorized" | "webhookUrlNotHttps" | "webhookUrlInvalid")
}

/// The most telling first.
fn reasons<'a>(envelope: &'a wire::Reasons<'_>) -> impl Iterator<Item = &'a str> {
    let stated = envelope.details.0.iter().chain(&envelope.errors.0).chain([&envelope.status]);
    stated.filter_map(Text::get)
}

/// A machine's word, and no text that could tell of somebody.
fn is_word(reason: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    reason.len() <= LONGEST_REASON && reason.chars().all(is_plain)
}

fn by_reason(reply: &Response<Bytes>, reasons: &[&str]) -> Option<Kind> {
    let throttled = |scope, default: Option<RetryAfter>| {
        Some(Kind::Throttled { retry_after: retry_after(reply.headers()).or(default), scope })
    };
    reasons.iter().find_map(|reason| match *reason {
        "userRateLimitExceeded" => throttled(Throttle::Account, None),
        "quotaExceeded" => throttled(Throttle::Account, Some(RetryAfter::In(CALENDAR_PAUSE))),
        "rateLimitExceeded" => throttled(Throttle::Project, None),
        "dailyLimitExceeded" => throttled(Throttle::Project, Some(next_day(reply))),
        "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "insufficientScopes" => {
            Some(Kind::MissingScope)
        }
        "accessNotConfigured" | "SERVICE_DISABLED" => Some(Kind::ApiDisabled),
        "pushNotSupportedForRequestedResource" => Some(Kind::NoPush),
        "channelIdNotUnique" | "duplicate" => Some(Kind::AlreadyExists { at: None }),
        "fullSyncRequired" | "updatedMinTooLongAgo" => Some(Kind::CursorExpired),
        "deleted" => Some(Kind::Gone),
        "conditionNotMet" => Some(Kind::VersionConflict),
        // Two writes at once: nothing of this one was done, and it can be done again.
        "conflict" => Some(Kind::Unavailable),
        reason if refuses_address(reason) => Some(Kind::Rejected),
        _ => None,
    })
}

fn by_status(status: u16, reasons: &[&str], plain: Kind) -> Kind {
    match plain {
        Kind::Throttled { retry_after, .. } if status == 429 && !reasons.is_empty() => {
            Kind::Throttled { retry_after, scope: Throttle::Account }
        }
        _ if status == 409 => Kind::Unavailable,
        kind => kind,
    }
}

/// What is gone, or wrong, depends on what was asked for.
fn of_subject(kind: Kind, status: u16, about: About) -> Kind {
    match (kind, about) {
        (Kind::Gone, About::Token) if status == 410 => Kind::CursorExpired,
        (Kind::Gone, About::Calendar | About::Token | About::Channel) => Kind::CalendarGone,
        // Somebody without any calendar.
        (Kind::Gone, About::Account) => Kind::Forbidden,
        (Kind::CursorExpired, About::Calendar) => Kind::Unavailable,
        // A token that was mangled on its way. If it was something else, everything is asked for without one next.
        (Kind::Rejected, About::Token) if status == 400 => Kind::CursorExpired,
        (kind, _) => kind,
    }
}

/// The next midnight where Google keeps its quota, by the clock of the reply.
fn next_day(reply: &Response<Bytes>) -> RetryAfter {
    let midnight = || {
        let date = reply.headers().get(header::DATE)?.to_str().ok()?;
        next_midnight(http_date(date)?)
    };
    midnight().map_or(RetryAfter::In(PROJECT_PAUSE), RetryAfter::At)
}

fn next_midnight(now: Timestamp) -> Option<Timestamp> {
    let zone = TimeZone::get(QUOTA_ZONE).ok()?;
    let tomorrow: civil::Date = zone.to_datetime(now).date().tomorrow().ok()?;
    Some(tomorrow.to_zoned(zone).ok()?.timestamp())
}
