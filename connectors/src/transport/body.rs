//! Bodies under their limits: cut ones are errors, and compressed ones may not grow without end.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::{HeaderMap, Response, StatusCode, header};

use super::Limits;
use crate::error::{Error, Kind};

/// Below this size no ratio is judged: small calendars repeat themselves a lot.
const RATIO_FLOOR: usize = 256 << 10;
/// Compressed parts of one body, each of which costs a decoder of its own. Servers send one.
const MOST_PARTS: usize = 1_000;
/// Decompressed at a time.
const PART: usize = 32 << 10;

/// Checks a reply as received and undoes its content coding.
pub(super) fn finish(
    reply: Response<Bytes>,
    limits: &Limits,
    host: &str,
) -> Result<Response<Bytes>, Error> {
    let (mut parts, body) = reply.into_parts();
    parts.extensions.insert(Framed(is_framed(&parts)));
    check_headers(&parts.headers, limits, host)?;
    if body.len() > limits.body {
        return Err(too_large(host));
    }
    check_whole(parts.status, &parts.headers, &body, host)?;
    let body = match coding(&parts.headers).as_deref() {
        None | Some("" | "identity") => body,
        Some("gzip" | "x-gzip") => Bytes::from(gunzip(&body, limits, host)?),
        Some(_) => {
            return Err(Kind::BadReply
                .error(format!("{host} answered in a content coding that was not asked for")));
        }
    };
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, body))
}

/// Whether the protocol itself says where the body ends (a length, chunks, HTTP/2), so that a cut one
/// would have been noticed; an extension of every reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed(pub bool);

fn is_framed(parts: &http::response::Parts) -> bool {
    parts.version >= http::Version::HTTP_2
        || parts.headers.contains_key(header::CONTENT_LENGTH)
        || parts.headers.contains_key(header::TRANSFER_ENCODING)
}

pub(super) fn too_large(host: &str) -> Error {
    let detail = format!("the reply of {host} is beyond the size limit");
    Kind::BadReply.error(detail).caused_by(TooLarge)
}

/// A body that was not read to its end, because it is longer than any may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is too large")]
pub(crate) struct TooLarge;

/// Whether a call failed by nothing but the size of its answer, so that asking for less may help.
pub(crate) fn is_too_large(error: &Error) -> bool {
    error.source.as_ref().is_some_and(|source| source.is::<TooLarge>())
}

fn check_headers(headers: &HeaderMap, limits: &Limits, host: &str) -> Result<(), Error> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > limits.headers {
        return Err(
            Kind::BadReply.error(format!("the headers of {host} are beyond the size limit"))
        );
    }
    Ok(())
}

/// The network backend reports cut bodies by itself; this catches them in-process.
fn check_whole(
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
    host: &str,
) -> Result<(), Error> {
    let stated = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.trim().parse::<usize>().ok());
    let bodiless = matches!(status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT);
    match stated {
        Some(stated) if stated != body.len() && !bodiless => {
            Err(Kind::Unavailable.error(format!("the reply of {host} was cut short")))
        }
        _ => Ok(()),
    }
}

fn coding(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_ENCODING)?;
    // An unreadable header is a coding we did not ask for.
    Some(value.to_str().unwrap_or("?").trim().to_ascii_lowercase())
}

fn gunzip(body: &Bytes, limits: &Limits, host: &str) -> Result<Vec<u8>, Error> {
    let (mut decoded, mut rest) = (Vec::new(), body.as_ref());
    for _ in 0..MOST_PARTS {
        if rest.is_empty() {
            return Ok(decoded);
        }
        rest = gunzip_part(rest, &mut decoded, body.len(), limits, host)?;
    }
    if rest.is_empty() { Ok(decoded) } else { Err(too_large(host)) }
}

/// Unpacks one part of a body of `whole` bytes; answers what follows it.
fn gunzip_part<'b>(
    packed: &'b [u8],
    decoded: &mut Vec<u8>,
    whole: usize,
    limits: &Limits,
    host: &str,
) -> Result<&'b [u8], Error> {
    let mut decoder = GzDecoder::new(packed);
    let mut part = [0; PART];
    loop {
        let read = decoder.read(&mut part).map_err(|error| {
            Kind::BadReply
                .error(format!("the compressed reply of {host} cannot be read"))
                .caused_by(error)
        })?;
        if read == 0 {
            return Ok(decoder.into_inner());
        }
        decoded.extend_from_slice(part.get(..read).unwrap_or_default());
        // Judged as it grows: a bomb is never held whole.
        let taken = whole - decoder.get_ref().len();
        let most = taken.saturating_mul(limits.ratio).max(RATIO_FLOOR).min(limits.decoded);
        if decoded.len() > most {
            return Err(too_large(host));
        }
    }
}
