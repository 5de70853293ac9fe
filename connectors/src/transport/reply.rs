//! Reading replies: where they came from in the end, when to come back, and what a refusal means.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use jiff::fmt::rfc2822;
use url::Url;

use crate::error::{Error, Kind, RetryAfter, Throttle};

/// The longest pause a provider can ask for; more is taken as this.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Where a reply came from after redirects; an extension of every reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    pub url: Url,
    pub redirects: usize,
    /// Every redirect on the way was a permanent one (301, 308).
    pub permanently: bool,
}

/// Where the reply came from.
pub fn landed(reply: &Response<Bytes>) -> Option<&Landed> {
    reply.extensions().get::<Landed>()
}

/// Reads `Retry-After` in either form; nonsense is no answer. A date is meant by the clock that wrote `Date`:
/// what counts is how far they lie apart.
pub fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(RetryAfter::In(Duration::from_secs(seconds).min(LONGEST_PAUSE)));
    }
    let until = http_date(text)?;
    let sent = headers.get(header::DATE).and_then(|date| http_date(date.to_str().ok()?));
    Some(match sent {
        Some(sent) => {
            let pause = Duration::try_from(until.duration_since(sent)).unwrap_or_default();
            RetryAfter::In(pause.min(LONGEST_PAUSE))
        }
        None => RetryAfter::At(until),
    })
}

/// Reads an HTTP date (`Sun, 14 Mar 2027 09:00:00 GMT`).
pub(crate) fn http_date(text: &str) -> Option<jiff::Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// When the answerer's clock says that it answered: `Date`, and how long a copy lay somewhere since.
pub(super) fn dated(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    let seconds =
        |name| headers.get(name).and_then(|age| age.to_str().ok()?.trim().parse::<u32>().ok());
    let date = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
    let age = jiff::SignedDuration::from_secs(seconds(header::AGE).unwrap_or(0).into());
    date.checked_add(age).ok()
}

/// The media type without its parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or("").trim().to_ascii_lowercase())
}

/// What a status that is no success means, where nothing in the body says it better. `asked` names
/// the request and its host.
pub fn refusal(reply: &Response<Bytes>, asked: &str) -> Error {
    let status = reply.status();
    let pause = retry_after(reply.headers());
    let kind = match status {
        StatusCode::UNAUTHORIZED => Kind::Unauthorized,
        // Whoever names a time will not refuse for good.
        StatusCode::FORBIDDEN if pause.is_some() => {
            Kind::Throttled { retry_after: pause, scope: Throttle::Host }
        }
        StatusCode::FORBIDDEN => Kind::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::GONE => Kind::Gone,
        StatusCode::TOO_MANY_REQUESTS => {
            Kind::Throttled { retry_after: pause, scope: Throttle::Host }
        }
        StatusCode::SERVICE_UNAVAILABLE if pause.is_some() => {
            Kind::Throttled { retry_after: pause, scope: Throttle::Host }
        }
        StatusCode::PRECONDITION_FAILED => Kind::VersionConflict,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::LOCKED => {
            Kind::Unavailable
        }
        other if other.is_server_error() => Kind::Unavailable,
        other if other.is_client_error() => Kind::Rejected,
        _ => Kind::BadReply,
    };
    kind.error(format!("{asked} was answered with {}", status.as_u16()))
        .with_status(status.as_u16())
}
