//! What faults do around a request: to the truth before it, and to its answer behind it.

use bytes::Bytes;
use http::StatusCode;

use crate::{
    call::{Cut, Delivery},
    fault::{Act, Spoiling},
    reply::{self, Reply},
    state::{AccountState, CalendarState, State},
};

/// What a fault does before the front sees the request; an answer here is final.
pub(crate) fn before(
    state: &mut State,
    now: jiff::Timestamp,
    user: Option<&str>,
    act: &Act,
) -> Option<Result<Reply, Cut>> {
    if let Some(account) = user.and_then(|user| state.accounts.get_mut(user)) {
        meddle(account, now, act);
    }
    if *act == Act::DropBefore {
        return Some(Err(Cut::BeforeApply));
    }
    if let Act::Status { status, retry_after_s, body } = act {
        return Some(Ok(failure(*status, *retry_after_s, body)));
    }
    if let Act::RateLimit { retry_after_s, .. } = act {
        return Some(Ok(failure(429, Some(*retry_after_s), "")));
    }
    None
}

/// Changes the truth under a request, as another client or the provider would.
fn meddle(account: &mut AccountState, now: jiff::Timestamp, act: &Act) {
    let form = account.profile().write.etag;
    let calendars = &mut account.calendars;
    match act {
        Act::ExpireCursors => calendars.values_mut().for_each(CalendarState::expire_cursors),
        Act::RevokePassword => account.revoked = true,
        Act::ForeignEdit { calendar, name, body } => {
            let body = Bytes::copy_from_slice(body.as_bytes());
            calendars.get_mut(calendar).map(|found| found.store(name, body, form, now));
        }
        Act::ForeignDelete { calendar, name } => {
            calendars.get_mut(calendar).map(|found| found.remove(name, now));
        }
        Act::RoleChange { calendar, access } => {
            if let Some(found) = calendars.get_mut(calendar) {
                found.spec.access = *access;
                found.property_edits += 1;
            }
        }
        Act::CalendarGone { calendar, status } => {
            if let Some(found) = calendars.get_mut(calendar) {
                found.gone = Some(*status);
            }
        }
        Act::Latency { .. }
        | Act::DropBefore
        | Act::DropAfterApply
        | Act::Status { .. }
        | Act::StatusAfterApply { .. }
        | Act::RateLimit { .. }
        | Act::Body { .. }
        | Act::TruncateBody { .. }
        | Act::DuplicateRows
        | Act::ReorderRows
        | Act::EmptyRows
        | Act::HalfRows
        | Act::Spoil { .. }
        | Act::StripHeader { .. } => {}
    }
}

fn failure(status: u16, retry_after_s: Option<u64>, body: &str) -> Reply {
    let mut reply =
        reply::body(status, "text/plain; charset=utf-8", Bytes::copy_from_slice(body.as_bytes()));
    if let Some(seconds) = retry_after_s {
        reply.headers_mut().insert("retry-after", seconds.into());
    }
    reply
}

/// What a fault does to the answer of a request that took effect.
pub(crate) fn after(mut reply: Reply, act: &Act) -> Result<Reply, Cut> {
    match act {
        Act::DropAfterApply => return Err(Cut::AfterApply),
        Act::StatusAfterApply { status } => return Ok(reply::status(*status)),
        Act::Body { body, content_type } => {
            return Ok(reply::body(
                StatusCode::OK.as_u16(),
                content_type,
                Bytes::copy_from_slice(body.as_bytes()),
            ));
        }
        Act::TruncateBody { keep } => {
            reply.extensions_mut().insert(Delivery::Cut { keep: *keep });
        }
        Act::StripHeader { name } => {
            reply.headers_mut().remove(name.as_str());
        }
        Act::Spoil { how } => return Ok(spoilt(reply, *how)),
        Act::Latency { .. }
        | Act::DropBefore
        | Act::Status { .. }
        | Act::DuplicateRows
        | Act::ReorderRows
        | Act::EmptyRows
        | Act::HalfRows
        | Act::ExpireCursors
        | Act::RevokePassword
        | Act::RateLimit { .. }
        | Act::ForeignEdit { .. }
        | Act::ForeignDelete { .. }
        | Act::RoleChange { .. }
        | Act::CalendarGone { .. } => {}
    }
    Ok(reply)
}

fn spoilt(reply: Reply, how: Spoiling) -> Reply {
    let (mut parts, body) = reply.into_parts();
    let text = String::from_utf8_lossy(&body);
    let body = match how {
        Spoiling::Half => body.slice(..body.len() / 2),
        Spoiling::Utf16 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Spoiling::Latin1 => {
            body.iter().map(|byte| if *byte == b'e' { 0xE9 } else { *byte }).collect()
        }
        Spoiling::FalseGzip => {
            let gzip = http::HeaderValue::from_static("gzip");
            parts.headers.insert(http::header::CONTENT_ENCODING, gzip);
            body
        }
    };
    parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
    Reply::from_parts(parts, body)
}
