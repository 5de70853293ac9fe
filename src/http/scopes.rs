//! What each route needs, read from the OpenAPI document: what is published is what is enforced.
//!
//! An operation names its scopes in its own `security(..)`; one of them is enough. A route that is not in
//! the document, or that names none, lets nobody in.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::auth::{Caller, Scope};
use crate::drill::{Bug, is_back};

/// Every keyed operation with the scopes of which one is needed.
#[derive(Debug)]
pub(super) struct Needed(BTreeMap<String, BTreeMap<String, Vec<Scope>>>);

impl Needed {
    pub(super) fn of(document: &OpenApi) -> Self {
        let document = serde_json::to_value(document).unwrap_or(Value::Null);
        let paths = document.get("paths").and_then(Value::as_object);
        let operations = |item: &Value| {
            item.as_object()
                .into_iter()
                .flatten()
                .map(|(method, operation)| (method.to_uppercase(), scopes(operation)))
                .collect()
        };
        Self(
            paths
                .into_iter()
                .flatten()
                .map(|(path, item)| (path.clone(), operations(item)))
                .collect(),
        )
    }

    /// The methods that a path takes, for `Allow`.
    fn methods(&self, path: &str) -> String {
        let taken = self.0.get(path).into_iter().flatten().map(|(method, _)| method.as_str());
        taken.collect::<Vec<_>>().join(", ")
    }
}

/// The scopes that stand in an operation's `security`, each an alternative.
fn scopes(operation: &Value) -> Vec<Scope> {
    let alternatives = operation.get("security").and_then(Value::as_array);
    alternatives
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("key")?.as_array())
        .flatten()
        .filter_map(|word| Scope::parse(word.as_str()?))
        .collect()
}

/// Lets a caller through who holds one of the scopes that the route needs. Comes before anything else looks
/// at the request, kept answers of an `Idempotency-Key` too.
pub(super) async fn check(
    State(needed): State<Arc<Needed>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let method = match *request.method() {
        Method::HEAD => Method::GET,
        ref other => other.clone(),
    };
    let Some(any) = needed.0.get(path).and_then(|methods| methods.get(method.as_str())) else {
        let mut refused = StatusCode::METHOD_NOT_ALLOWED.into_response();
        if let Ok(methods) = HeaderValue::try_from(needed.methods(path)) {
            refused.headers_mut().insert(header::ALLOW, methods);
        }
        return refused;
    };
    let caller = request.extensions().get::<Caller>();
    match caller.map(|caller| caller.need(any)) {
        Some(Err(_)) if is_back(Bug::ScopeUnchecked) => next.run(request).await,
        Some(Ok(())) => next.run(request).await,
        Some(Err(problem)) => problem.into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
