//! `$batch`: up to twenty calls in one, each with a status of its own, in any order.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use serde_json::{Value, json};

use super::{
    refusal::Refusal,
    route::{Around, api},
    state::Microsoft,
};
use crate::reply::{self, Reply};

/// The calls inside a batch.
pub(crate) fn parts(body: &[u8]) -> Vec<Value> {
    let read: Option<Value> = serde_json::from_slice(body).ok();
    let list = read.and_then(|read| read.get("requests").and_then(Value::as_array).cloned());
    list.unwrap_or_default()
}

pub(crate) fn answer(
    ms: &mut Microsoft,
    around: &Around<'_>,
    request: &Request<Bytes>,
) -> Result<Reply, Refusal> {
    let parts = parts(request.body());
    if parts.is_empty() || parts.len() > ms.knobs.batch_limit {
        return Err(Refusal::bad("Number of batch request steps is not between 1 and 20."));
    }
    let mut done: BTreeMap<String, (u16, Value)> = BTreeMap::new();
    for part in &parts {
        let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("id").to_owned();
        if id.is_empty() || done.contains_key(&id) {
            return Err(Refusal::bad("Every request of a batch needs an id of its own."));
        }
        let wanted = part.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
        let mut wanted = wanted.filter_map(Value::as_str);
        let is_refused = wanted.any(|id| done.get(id).is_none_or(|(status, _)| *status >= 400));
        let told = if is_refused {
            let message = "One of the requests that this one depends on has failed.";
            let error = json!({ "error": { "code": "FailedDependency", "message": message } });
            (424, json!({ "id": id, "status": 424, "headers": {}, "body": error }))
        } else {
            one(ms, around, request, part, &id)
        };
        done.insert(id, told);
    }
    let mut answers: Vec<Value> = done.into_values().map(|(_, told)| told).collect();
    // The order of the answers is not the order of the calls.
    for at in (1..answers.len()).rev() {
        let with = usize::try_from(ms.dice() % (at as u64 + 1)).unwrap_or(0);
        answers.swap(at, with);
    }
    let body = json!({ "responses": answers }).to_string();
    Ok(reply::body(200, "application/json", Bytes::from(body)))
}

fn one(
    ms: &mut Microsoft,
    around: &Around<'_>,
    outer: &Request<Bytes>,
    part: &Value,
    id: &str,
) -> (u16, Value) {
    let answer = match inner(outer, part) {
        Some(inner) => api(ms, around, &inner),
        None => Refusal::bad("A request of the batch cannot be read.").reply(("", ""), ""),
    };
    let status = answer.status().as_u16();
    let headers: BTreeMap<&str, &str> = answer
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let mut told = json!({ "id": id, "status": status, "headers": headers });
    let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
    if let (Some(body), Some(fields)) = (body, told.as_object_mut()) {
        fields.insert("body".into(), body);
    }
    (status, told)
}

fn inner(outer: &Request<Bytes>, part: &Value) -> Option<Request<Bytes>> {
    let url = part.get("url")?.as_str()?;
    let path = format!("/v1.0/{}", url.trim_start_matches('/').replace(' ', "%20"));
    let body = part.get("body").filter(|body| !body.is_null());
    let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let mut request = Request::builder().method(part.get("method")?.as_str()?).uri(path);
    if let Some(authorization) = outer.headers().get("authorization") {
        request = request.header("authorization", authorization);
    }
    let mut request = request.body(body).ok()?;
    if request.uri().path() == "/v1.0/$batch" {
        return None;
    }
    for (name, value) in part.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().and_then(|value| HeaderValue::try_from(value).ok());
        if let (Ok(name), Some(value)) = (HeaderName::try_from(name.as_str()), value) {
            request.headers_mut().insert(name, value);
        }
    }
    Some(request)
}
