//! What is sent to Google's API, and what its refusals say.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::{
    errors::{self, About, refused},
    requests::Api,
};
use crate::{
    bearer::Bearer,
    error::{Error, Kind, Result},
    oauth::Tokens,
    transport::Transport,
};

const PROVIDER: &str = "google";
/// What a patch takes out of the quota; every other call takes one.
const PATCH_UNITS: u32 = 3;

/// Google's API, with a grant.
#[derive(Debug)]
pub(super) struct Session {
    bearer: Bearer,
    pub(super) api: Api,
}

impl Session {
    pub(super) fn new(transport: Transport, tokens: Arc<dyn Tokens>, api: Api) -> Self {
        let cost = |method: &Method| if method == Method::PATCH { PATCH_UNITS } else { 1 };
        Self { bearer: Bearer::new(PROVIDER, transport, tokens).costing(cost), api }
    }

    /// Sends a request and returns its reply, whatever its status but 401.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when the grant is refused twice.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        let reply = self.bearer.send(operation, request, is_refused).await?;
        if is_refused(&reply) {
            let error = refused(&reply, &self.asked(operation), About::Account);
            return Err(Error { kind: Kind::Unauthorized, ..error });
        }
        Ok(reply)
    }

    /// The body of a success.
    ///
    /// # Errors
    ///
    /// What the refusal means for `about`.
    pub(super) async fn read(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
        about: About,
    ) -> Result<Bytes> {
        let reply = self.send(operation, request).await?;
        match reply.status() {
            StatusCode::OK => Ok(reply.into_body()),
            _ => Err(self.refused(operation, &reply, about)),
        }
    }

    /// What a reply means that is no success. A write that a server failed at may have been done.
    pub(super) fn refused(
        &self,
        operation: &'static str,
        reply: &Response<Bytes>,
        about: About,
    ) -> Error {
        let error = refused(reply, &self.asked(operation), about);
        let is_doubtful = reply.status().is_server_error() || reply.status().is_success();
        if is_doubtful { error.with_unknown_effect() } else { error }
    }

    /// What was asked of whom, for a person.
    fn asked(&self, operation: &str) -> String {
        format!("{operation} at {}", self.api.host)
    }

    /// Says of whom a reply could not be read.
    pub(super) fn at_host(&self, operation: &str, error: Error) -> Error {
        Error { detail: format!("{}: {}", self.asked(operation), error.detail), ..error }
    }
}

fn is_refused(reply: &Response<Bytes>) -> bool {
    reply.status() == StatusCode::UNAUTHORIZED && !errors::is_about_address(reply)
}
