//! Which routes there are and what each needs, read from the OpenAPI document: what is published is what is enforced.
//!
//! An operation names its scopes in its own `security(..)`; one of them is enough. A route that is not in
//! the document is not reached, and one that names no scope lets nobody in.

use std::collections::BTreeMap;

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::auth::{Caller, Scope};
use crate::drill::{Bug, is_back};

/// Every route there is.
pub(super) struct Routes(matchit::Router<Route>);

/// One path and who may call it.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// With names in the place of what varies: the path itself may be a secret.
    pub(super) path: String,
    access: Access,
}

#[derive(Clone, Debug)]
enum Access {
    Open,
    /// By method, the scopes of which one is needed.
    Keyed(BTreeMap<String, Vec<Scope>>),
}

impl Routes {
    /// The routes of `keyed` need a key; those of `open` and the `pages` do not.
    pub(super) fn of(keyed: &OpenApi, open: &OpenApi, pages: &[&str]) -> Self {
        let open = operations(open).into_keys().chain(pages.iter().map(|&page| page.to_owned()));
        let mut found: BTreeMap<String, Access> = open.map(|path| (path, Access::Open)).collect();
        let keyed = operations(keyed).into_iter();
        found.extend(keyed.map(|(path, methods)| (path, Access::Keyed(methods))));
        let mut routes = matchit::Router::new();
        for (path, access) in found {
            let route = Route { path: path.clone(), access };
            routes.insert(path, route).expect("paths that the router took do not collide");
        }
        Self(routes)
    }

    pub(super) fn find(&self, path: &str) -> Option<&Route> {
        self.0.at(path).ok().map(|found| found.value)
    }
}

impl Route {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.access, Access::Open)
    }

    /// Lets a caller through who holds one of the scopes that the route needs. Comes before anything else looks
    /// at the request, kept answers of an `Idempotency-Key` too.
    pub(super) fn check(&self, request: &Request) -> Result<(), Box<Response>> {
        let Access::Keyed(methods) = &self.access else { return Ok(()) };
        let method = match *request.method() {
            Method::HEAD => &Method::GET,
            ref other => other,
        };
        let Some(any) = methods.get(method.as_str()) else {
            let mut refused = StatusCode::METHOD_NOT_ALLOWED.into_response();
            let taken: Vec<_> = methods.keys().map(String::as_str).collect();
            if let Ok(taken) = HeaderValue::try_from(taken.join(", ")) {
                refused.headers_mut().insert(header::ALLOW, taken);
            }
            return Err(Box::new(refused));
        };
        let caller = request.extensions().get::<Caller>();
        match caller.map(|caller| caller.need(any)) {
            Some(Err(_)) if is_back(Bug::ScopeUnchecked) => Ok(()),
            Some(Ok(())) => Ok(()),
            Some(Err(problem)) => Err(Box::new(problem.into_response())),
            None => Err(Box::new(StatusCode::UNAUTHORIZED.into_response())),
        }
    }
}

/// Every path of a document with its methods and the scopes of each.
fn operations(document: &OpenApi) -> BTreeMap<String, BTreeMap<String, Vec<Scope>>> {
    let document = serde_json::to_value(document).unwrap_or(Value::Null);
    let paths = document.get("paths").and_then(Value::as_object);
    let methods = |item: &Value| {
        item.as_object()
            .into_iter()
            .flatten()
            .map(|(method, operation)| (method.to_uppercase(), scopes(operation)))
            .collect()
    };
    paths.into_iter().flatten().map(|(path, item)| (path.clone(), methods(item))).collect()
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
