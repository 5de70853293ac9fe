//! What a refusal means. The code decides, wherever one is stated, and never the text.

use bytes::Bytes;
use http::Response;

use super::wire;
use crate::{
    error::{Error, Kind, Throttle},
    transport::{refusal, retry_after},
};

/// The longest code that is repeated.
const LONGEST_CODE: usize = 64;

/// What a request was about; the same status may mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The account, or its list of calendars.
    Account,
    /// A calendar, or its events from the beginning.
    Calendar,
    /// The events of a calendar from some link on.
    Link,
    /// One event.
    Event,
    /// One event, on the condition that it is as it was read.
    Condition,
    Channel,
}

/// Sorts a reply that is no success. `asked` names the request and its host.
pub(super) fn refused(reply: &Response<Bytes>, asked: &str, about: About) -> Error {
    let reason = wire::refused(reply.body());
    let codes: Vec<&str> =
        reason.iter().flat_map(|it| [it.code.get(), it.inner.0.get()]).flatten().collect();
    let status = reply.status().as_u16();
    let plain = refusal(reply, asked);
    let kind = match codes.iter().find_map(|code| by_code(code)) {
        Some(kind) => kind,
        // Something else than Graph stands in between.
        None if reason.is_none() && matches!(status, 400 | 403 | 404) => Kind::BadReply,
        None => plain.kind.clone(),
    };
    let kind = of_subject(by_status(kind, reply), status, about);
    let detail = match codes.iter().find(|code| is_word(code)) {
        Some(code) => format!("{} ({code})", plain.detail),
        None => plain.detail.clone(),
    };
    Error { kind, detail, ..plain }
}

/// A machine's word, and no text that could tell of somebody.
fn is_word(code: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    code.len() <= LONGEST_CODE && code.chars().all(is_plain)
}

fn by_code(code: &str) -> Option<Kind> {
    let is = |known: &[&str]| known.iter().any(|it| it.eq_ignore_ascii_case(code));
    let throttled = Kind::Throttled { retry_after: None, scope: Throttle::Account };
    let table: [(&[&str], Kind); 10] = [
        (&["SyncStateNotFound", "SyncStateInvalid", "resyncRequired"], Kind::CursorExpired),
        (&["ErrorInvalidSyncStateData"], Kind::CursorExpired),
        (
            &["ApplicationThrottled", "TooManyRequests", "ErrorTooManyRequests", "ErrorServerBusy"],
            throttled,
        ),
        (&["AuthOMMissingRequiredPermissions"], Kind::MissingScope),
        // No mailbox that Graph can read: on the premises, of a guest, or without a licence.
        (&["MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI"], Kind::Forbidden),
        (&["ErrorItemNotFound", "ErrorInvalidIdMalformed", "ErrorInvalidId"], Kind::Gone),
        (&["ErrorCalendarFolderNotFound", "ErrorFolderNotFound"], Kind::CalendarGone),
        (&["ErrorDuplicateTransactionId"], Kind::AlreadyExists { at: None }),
        // The event may be there, without what was to come with it.
        (&["ConcurrentItemSave"], Kind::Unavailable),
        (&["ErrorQuotaExceeded"], Kind::Forbidden),
    ];
    table.into_iter().find(|(known, _)| is(known)).map(|(_, kind)| kind)
}

/// Whoever throttles says for how long, and means the mailbox: quotas are kept for each and client.
fn by_status(kind: Kind, reply: &Response<Bytes>) -> Kind {
    match (kind, reply.status().as_u16()) {
        (Kind::Throttled { .. }, _) => {
            Kind::Throttled { retry_after: retry_after(reply.headers()), scope: Throttle::Account }
        }
        // The same words without any condition are a race inside the server; so is the variant with 409.
        (Kind::Rejected, 409) => Kind::Unavailable,
        (kind, _) => kind,
    }
}

/// What is gone, or wrong, depends on what was asked for.
fn of_subject(kind: Kind, status: u16, about: About) -> Kind {
    match (kind, about) {
        (_, About::Link) if status == 410 => Kind::CursorExpired,
        // A link that was mangled, or that the server says so of in its own way. If it is something else,
        // everything is asked for without one next.
        (Kind::Rejected | Kind::Gone | Kind::CalendarGone, About::Link)
            if matches!(status, 400 | 404) =>
        {
            Kind::CursorExpired
        }
        (Kind::CursorExpired, About::Calendar | About::Account | About::Event) => Kind::Unavailable,
        (Kind::Gone, About::Calendar | About::Channel | About::Link) => Kind::CalendarGone,
        // Somebody without any calendar.
        (Kind::Gone | Kind::CalendarGone, About::Account) => Kind::Forbidden,
        (Kind::VersionConflict, About::Condition) => Kind::VersionConflict,
        // Nobody has stated a condition: the server has met itself, and can be asked again.
        (Kind::VersionConflict, _) => Kind::Unavailable,
        (kind, _) => kind,
    }
}
