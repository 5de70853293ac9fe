//! Answers as every front makes them.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};

pub(crate) type Reply = Response<Bytes>;

pub(crate) fn status(status: u16) -> Reply {
    body(status, "", Bytes::new())
}

pub(crate) fn text(status: u16, text: &str) -> Reply {
    body(status, "text/plain; charset=utf-8", Bytes::copy_from_slice(text.as_bytes()))
}

pub(crate) fn body(status: u16, content_type: &str, bytes: Bytes) -> Reply {
    let mut reply = Response::new(bytes);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !content_type.is_empty() {
        set(&mut reply, "content-type", content_type);
    }
    reply
}

pub(crate) fn set(reply: &mut Reply, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        reply.headers_mut().append(name, value);
    }
}

/// A redirect.
pub(crate) fn redirect(status: u16, location: &str) -> Reply {
    let mut reply = body(status, "", Bytes::new());
    set(&mut reply, "location", location);
    reply
}
