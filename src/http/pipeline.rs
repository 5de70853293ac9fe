//! The way of a request, from the outside in.
//!
//! Plain function calls, not a stack of boxed layers: the order is read from top to bottom here, and what the layers
//! would cost is more than what most answers do.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{TryFutureExt, future::Either};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;

use super::{
    Api, api,
    auth::{admit, tell_limit},
    idempotency,
    openapi::{self, PAGES},
    request::{frame, nothing_here},
    routes::{Route, Routes},
};

/// What answers requests.
struct Pipeline {
    api: Api,
    routes: Routes,
    functions: Router,
}

/// The hub as a service, one for all connections.
pub fn service(
    api: Api,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync
{
    let (routes, functions) = routes(&api);
    let pipeline = Arc::new(Pipeline { api, routes, functions });
    let answer = service_fn(move |request| {
        let pipeline = Arc::clone(&pipeline);
        // On the heap, so that what stands around it moves a pointer and not the whole.
        Box::pin(async move { Ok(pipeline.answer(request).await) })
    });
    let compressed = CompressionLayer::new().layer(answer.clone());
    service_fn(move |request: Request| {
        if request.headers().contains_key(header::ACCEPT_ENCODING) {
            let answered = compressed.clone().oneshot(request);
            Either::Left(answered.map_ok(|response| response.map(Body::new)))
        } else {
            Either::Right(answer.clone().call(request).map_ok(varied))
        }
    })
}

/// Tells caches that others may get the same compressed.
fn varied(mut response: Response) -> Response {
    let encoding = HeaderValue::from_static("accept-encoding");
    response.headers_mut().append(header::VARY, encoding);
    response
}

/// Who may reach what, and what is reached.
fn routes(api: &Api) -> (Routes, Router) {
    let (keyed, keyed_document) = api::keyed().split_for_parts();
    let (open, open_document) = api::open().split_for_parts();
    let routes = Routes::of(&keyed_document, &open_document, &PAGES.map(|(path, ..)| path));
    let mut document = keyed_document;
    document.merge(open_document);
    let pages = openapi::router(&openapi::complete(document));
    (routes, keyed.merge(open).merge(pages).with_state(api.clone()))
}

/// How the framework's router describes what it holds: to be compared with what is published.
pub fn described(api: &Api) -> String {
    format!("{:?}", routes(api).1)
}

impl Pipeline {
    /// Finds the route, then passes [`frame`] (id, trace, errors in one shape).
    async fn answer(&self, request: Request) -> Response {
        let route = self.routes.find(request.uri().path());
        let path = route.map_or("-", |route| &*route.path);
        let inside = |request| async move {
            match route {
                None => nothing_here(),
                Some(route) if route.is_open() => self.call(request).await,
                Some(route) => Box::pin(self.keyed(route, request)).await,
            }
        };
        frame(&self.api, path, request, inside).await
    }

    /// A key, within its limits, with the scope that the route needs; then `Idempotency-Key`.
    async fn keyed(&self, route: &Route, request: Request) -> Response {
        let (request, verdict) = match admit(&self.api, request).await {
            Ok(admitted) => admitted,
            Err(refused) => return *refused,
        };
        let mut response = match route.check(&request) {
            Err(refused) => *refused,
            Ok(()) if idempotency::concerns(&request) => {
                let call = |request| self.call(request);
                Box::pin(idempotency::once(&self.api, request, call)).await
            }
            Ok(()) => self.call(request).await,
        };
        if let Some(verdict) = verdict {
            tell_limit(&verdict, &mut response);
        }
        response
    }

    /// The function of the route.
    async fn call(&self, request: Request) -> Response {
        self.functions.clone().oneshot(request).await.into_response()
    }
}
