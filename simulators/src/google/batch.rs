//! Batches: many calls in one multipart body, each with a status of its own, in any order.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::{
    refusal::Refusal,
    route::{Around, api},
    state::Google,
};
use crate::reply::{self, Reply};

/// A call inside a batch.
struct Part {
    id: Option<String>,
    request: Option<Request<Bytes>>,
}

const BOUNDARY: &str = "batch_simulated_boundary";

pub(crate) fn answer(google: &mut Google, around: &Around<'_>, request: &Request<Bytes>) -> Reply {
    let Some(parts) = parts(request) else {
        return Refusal::new(400, "badRequest", "Failed to parse batch request.").reply();
    };
    if parts.is_empty() || parts.len() > google.knobs.batch_limit {
        let message = "The batch request contains too many calls or none.";
        return Refusal::new(400, "badRequest", message).reply();
    }
    let mut answers: Vec<(Option<String>, Reply)> =
        parts.into_iter().map(|part| (part.id.clone(), one(google, around, part))).collect();
    // The order of the answers is not the order of the calls.
    for at in (1..answers.len()).rev() {
        let with = usize::try_from(google.dice() % (at as u64 + 1)).unwrap_or(0);
        answers.swap(at, with);
    }
    let mut body = Vec::new();
    for (id, answer) in answers {
        write(&mut body, id.as_deref(), &answer);
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    reply::body(200, &format!("multipart/mixed; boundary={BOUNDARY}"), Bytes::from(body))
}

fn one(google: &mut Google, around: &Around<'_>, part: Part) -> Reply {
    let Some(request) = part.request else {
        return Refusal::new(400, "badRequest", "Failed to parse batch request.").reply();
    };
    let is_write = request.method() != http::Method::GET;
    if is_write && google.by_chance(google.knobs.batch_conflicts) {
        return Refusal::new(409, "conflict", "Conflict").reply();
    }
    api(google, around, &request)
}

fn write(body: &mut Vec<u8>, id: Option<&str>, answer: &Reply) {
    let mut head = format!("--{BOUNDARY}\r\nContent-Type: application/http\r\n");
    if let Some(id) = id {
        // `<item-1>` becomes `<response-item-1>`.
        let inner = id.trim().trim_start_matches('<').trim_end_matches('>');
        head.push_str(&format!("Content-ID: <response-{inner}>\r\n"));
    }
    let status = answer.status();
    let word = status.canonical_reason().unwrap_or("Unknown");
    head.push_str(&format!("\r\nHTTP/1.1 {} {word}\r\n", status.as_u16()));
    for (name, value) in answer.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body().len()));
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(answer.body());
    body.extend_from_slice(b"\r\n");
}

fn parts(request: &Request<Bytes>) -> Option<Vec<Part>> {
    let kind = request.headers().get("content-type")?.to_str().ok()?;
    let boundary = kind.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let body = std::str::from_utf8(request.body()).ok()?;
    let mut found = Vec::new();
    for piece in body.split(&boundary).skip(1) {
        let piece = piece.trim_start_matches("\r\n").trim_start_matches('\n');
        if piece.starts_with("--") {
            break;
        }
        found.push(part(piece, request.headers()));
    }
    Some(found)
}

fn part(piece: &str, outer: &HeaderMap) -> Part {
    let piece = piece.replace("\r\n", "\n");
    let (head, inner) = piece.split_once("\n\n").unwrap_or((&piece, ""));
    let id = headers(head).into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-id"));
    Part { id: id.map(|(_, value)| value), request: inner_request(inner, outer) }
}

fn headers(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

fn inner_request(text: &str, outer: &HeaderMap) -> Option<Request<Bytes>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (line, rest) = head.split_once('\n').unwrap_or((head, ""));
    let mut words = line.split_whitespace();
    let (verb, target) = (words.next()?, words.next()?);
    // An absolute target is taken by its path.
    let target = target
        .split_once("://")
        .map_or(target, |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"));
    let mut request = Request::builder().method(verb).uri(target);
    if let Some(authorization) = outer.get("authorization") {
        request = request.header("authorization", authorization);
    }
    let mut request = request.body(Bytes::copy_from_slice(body.trim().as_bytes())).ok()?;
    for (name, value) in headers(rest) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            request.headers_mut().insert(name, value);
        }
    }
    Some(request)
}
