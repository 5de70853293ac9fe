//! Reading requests: bodies, queries, ids, pages and preconditions, each refusal a problem document.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    BODY_LIMIT,
    problem::{FieldError, Problem},
};

/// A JSON body as its type.
#[derive(Debug)]
pub(super) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Response> {
        let is_json = content_is_json(request.headers());
        let bytes = arrived(request.into_body(), PATIENCE).await;
        let bytes = bytes.map_err(IntoResponse::into_response)?;
        if !is_json {
            return Err(
                Problem::new("unsupported_media_type", "Send application/json.").into_response()
            );
        }
        // What is right is read at once; only what is wrong is taken apart to say where.
        if let Ok(right) = serde_json::from_slice(&bytes) {
            return Ok(Self(right));
        }
        let value = parse(&bytes).map_err(IntoResponse::into_response)?;
        typed(value).map(Self).map_err(IntoResponse::into_response)
    }
}

/// How long a body may take to arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a whole body of at most [`BODY_LIMIT`] bytes, but not for ever.
pub(super) async fn arrived(body: axum::body::Body, patience: Duration) -> Result<Bytes, Problem> {
    let late = |_| Problem::new("timeout", "The body took too long to arrive.");
    tokio::time::timeout(patience, whole(body)).await.map_err(late)?
}

/// Most bodies arrive in one piece, which is passed on as it is.
async fn whole(body: axum::body::Body) -> Result<Bytes, Problem> {
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let broken = |_| Problem::new("invalid_request", "The body could not be read.");
        let piece = piece.map_err(broken)?;
        if first.len() + rest.len() + piece.len() > BODY_LIMIT {
            return Err(Problem::new("body_too_large", "A body may have at most 1 MiB."));
        }
        if first.is_empty() {
            first = piece;
        } else {
            rest.extend_from_slice(&piece);
        }
    }
    Ok(if rest.is_empty() { first } else { [&*first, &*rest].concat().into() })
}

fn content_is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    if kind == "application/json" {
        return true;
    }
    let kind =
        kind.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    // curl -d says form; what matters is what the body is.
    kind.ends_with("json") || kind == "application/x-www-form-urlencoded" || kind.is_empty()
}

/// Parses JSON text; depth is limited by the parser.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let body = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Problem::new("invalid_json", format!("The body is not valid JSON at {place}."))
    })
}

/// Reads a JSON value as a type; the problem names the field and never repeats its value.
pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let pointer = if path == "." { String::new() } else { pointer_of(&path) };
        let detail = without_values(&error.inner().to_string());
        let code = if detail.starts_with("missing field") {
            "required"
        } else if detail.starts_with("unknown field") {
            "unknown_field"
        } else {
            "invalid"
        };
        Problem::field(&pointer, code, detail)
    })
}

fn pointer_of(path: &str) -> String {
    path.replace('[', ".").replace(']', "").split('.').fold(String::new(), |mut pointer, part| {
        pointer.push('/');
        pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        pointer
    })
}

/// Drops what came from the caller and may be a secret: from the first quote on, up to what was expected instead, or to
/// the last quote. The name of a field that is not known stays.
fn without_values(text: &str) -> String {
    let is_value = !text.starts_with("unknown field");
    match text.rsplit_once(", expected ").filter(|_| is_value) {
        Some((found, expected)) => match found.split_once(['"', '`']) {
            Some((kind, _)) => format!("{kind}…, expected {expected}"),
            None => text.to_owned(),
        },
        None => match (text.split_once('"'), text.rsplit_once('"')) {
            (Some((before, _)), Some((_, after))) => format!("{before}…{after}"),
            _ => text.to_owned(),
        },
    }
}

/// A query string as its type.
#[derive(Debug)]
pub(super) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|read| Self(read.0)).map_err(|error| {
            let detail = without_values(&error.body_text());
            let detail =
                detail.strip_prefix("Failed to deserialize query string: ").unwrap_or(&detail);
            Problem::parameter("query", detail).into_response()
        })
    }
}

/// Path parameters as text; bad UTF-8 in them is a 404 like any other unknown id.
#[derive(Debug)]
pub(super) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|read| Self(read.0)).map_err(|_| Problem::not_found("thing").into_response())
    }
}

/// Reads an id of a path; a text that is none names nothing.
pub(super) fn id<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found(what))
}

/// `?limit=&after=` of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// At most so many items; 50 when left out, 500 at most.
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

impl PageQuery {
    const DEFAULT: u32 = 50;
    const MOST: u32 = 500;

    pub(super) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(Self::DEFAULT) {
            0 => Err(Problem::parameter("limit", "must be at least 1")),
            limit => usize::try_from(limit.min(Self::MOST))
                .map_err(|_| Problem::parameter("limit", "is too large")),
        }
    }

    /// How many rows to ask the store for: one more than the page, which tells whether there is another.
    pub(super) fn rows(&self) -> Result<i64, Problem> {
        Ok(i64::try_from(self.limit()?).unwrap_or(i64::MAX).saturating_add(1))
    }

    pub(super) fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        let Some(text) = &self.after else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Problem::parameter("after", "is not a cursor of this list"))
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins, or null at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `rows`, of which one more than `limit` was asked for, to a page.
    pub(super) fn cut(mut rows: Vec<T>, limit: usize, cursor_of: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor_of) } else { None };
        Self { items: rows, next }
    }

    pub(super) fn map<U>(self, render: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(render).collect(), next: self.next }
    }
}

/// The ETag of a row's revision.
pub(super) fn etag(revision: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"r{revision}\""))
        .expect("digits and quotes are a header value")
}

/// What `If-Match` demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IfMatch {
    Any,
    OneOf(Vec<String>),
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        Self::of(&parts.headers).map_err(IntoResponse::into_response)
    }
}

impl IfMatch {
    /// Reads the header, which must be there.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            let text = value.to_str().unwrap_or("");
            if text.trim() == "*" {
                return Ok(Self::Any);
            }
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        if tags.is_empty() {
            let detail =
                "Send If-Match with the ETag you read, or `*` to change it whatever it is.";
            return Err(Problem::new("precondition_required", detail));
        }
        Ok(Self::OneOf(tags))
    }

    /// Refuses when the revision that is there is not one that the caller expects.
    pub(super) fn check(&self, revision: i64) -> Result<(), Problem> {
        self.check_tag(&format!("r{revision}"))
    }

    /// As [`check`](Self::check), for a tag that is no revision.
    pub(super) fn check_tag(&self, tag: &str) -> Result<(), Problem> {
        let current = format!("\"{tag}\"");
        match self {
            Self::OneOf(tags) if !tags.contains(&current) => Err(Self::stale()),
            Self::Any | Self::OneOf(_) => Ok(()),
        }
    }

    pub(super) fn stale() -> Problem {
        Problem::new(
            "precondition_failed",
            "It was changed since you read it. Read it again and decide again.",
        )
    }
}

/// RFC 7396: lays `patch` over `target`; null removes.
pub(super) fn merge_patch(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge_patch(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Reads a list of ids from a comma-separated query value.
pub(super) fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `Prefer: wait=2`, in seconds, at most ten.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreferredWait(pub Option<Duration>);

impl<S: Send + Sync> FromRequestParts<S> for PreferredWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(preferred_wait(&parts.headers)))
    }
}

fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split([',', ';']))
        .filter_map(|part| part.trim().strip_prefix("wait="))
        .find_map(|text| text.trim_matches('"').parse::<u64>().ok())
        .map(|seconds| Duration::from_secs(seconds.min(10)))
}

/// Checks `metadata`: a map of strings, at most twenty keys.
pub(super) fn check_metadata(
    metadata: &std::collections::BTreeMap<String, String>,
) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: String, detail: &str| {
        errors.push(FieldError { pointer, code: "too_long".to_owned(), detail: detail.to_owned() });
    };
    if metadata.len() > 20 {
        wrong("/metadata".to_owned(), "at most 20 keys");
    }
    for (key, value) in metadata {
        if key.is_empty() || key.len() > 64 || value.len() > 512 {
            wrong("/metadata".to_owned(), "keys have 1 to 64 bytes, values at most 512");
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::new("invalid", "metadata is too large").with_errors(errors))
    }
}

/// Checks a text that a caller gives a name to something with.
pub(super) fn check_text(pointer: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::field(pointer, "required", "must not be empty"));
    }
    if text.len() > most {
        return Err(Problem::field(pointer, "too_long", format!("at most {most} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::field(pointer, "invalid", "must not hold control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_body_that_never_arrives_is_not_waited_for() {
        let never = futures::stream::pending::<Result<Bytes, Infallible>>();
        let never = axum::body::Body::from_stream(never);
        let problem = arrived(never, Duration::ZERO).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (408, "timeout"));
    }

    #[test]
    fn no_problem_repeats_a_value() {
        let cases = [
            (
                "invalid type: string \"a\\\"b\", expected u32",
                "invalid type: string …, expected u32",
            ),
            (
                "invalid type: integer `5`, expected a string",
                "invalid type: integer …, expected a string",
            ),
            ("invalid type: map, expected a string", "invalid type: map, expected a string"),
            (
                "unknown variant `a`, expected `b`, expected `c` or `d`",
                "unknown variant …, expected `c` or `d`",
            ),
            ("unknown field `a`, expected `b`", "unknown field `a`, expected `b`"),
            ("it holds \"a\" and \"b\" here", "it holds … here"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_values(text), expected);
        }
    }

    #[test]
    fn a_merge_patch_follows_the_examples_of_rfc_7396() {
        let cases = [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge_patch(&mut target, patch);
            assert_eq!(target, expected);
        }
    }

    #[test]
    fn a_wrong_field_is_named_and_its_value_is_not_repeated() {
        #[derive(Debug, Deserialize)]
        struct Inner {
            #[expect(dead_code)]
            password: u8,
        }
        #[derive(Debug, Deserialize)]
        struct Outer {
            #[expect(dead_code)]
            list: Vec<Inner>,
        }
        let problem = typed::<Outer>(json!({"list":[{"password":"hunter2"}]})).unwrap_err();
        assert_eq!(problem.errors[0].pointer, "/list/0/password");
        assert!(!serde_json::to_string(&problem.document(None)).unwrap().contains("hunter2"));
    }

    #[test]
    fn json_that_is_too_deep_or_not_utf_8_is_refused() {
        let deep = "[".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()).unwrap_err().code, "invalid_json");
        assert_eq!(parse(b"\"\xff\"").unwrap_err().code, "invalid_json");
    }

    #[test]
    fn a_page_tells_where_the_next_begins_only_when_there_is_one() {
        let page = Page::cut(vec![1, 2, 3], 2, ToString::to_string);
        assert_eq!((page.items, page.next), (vec![1, 2], Some("2".to_owned())));
        let last = Page::cut(vec![1, 2], 2, ToString::to_string);
        assert_eq!(last.next, None);
    }
}
