//! What is sent to Graph, and what its refusals say.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::{
    errors::{About, refused},
    requests::Api,
};
use crate::{
    bearer::Bearer,
    error::{Error, Kind, Result},
    oauth::Tokens,
    transport::Transport,
};

const PROVIDER: &str = "microsoft";

/// Graph, with a grant.
#[derive(Debug)]
pub(super) struct Session {
    bearer: Bearer,
    pub(super) api: Api,
}

impl Session {
    pub(super) fn new(transport: Transport, tokens: Arc<dyn Tokens>, api: Api) -> Self {
        Self { bearer: Bearer::new(PROVIDER, transport, tokens), api }
    }

    /// Sends a request and returns its reply, whatever its status but 401. What only reads is asked for once more
    /// where the server has met itself: it answers 412 then, to nobody's condition.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when the grant is refused twice.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        let again = (request.method() == Method::GET).then(|| request.clone());
        let reply = self.signed(operation, request).await?;
        match again {
            Some(again) if reply.status() == StatusCode::PRECONDITION_FAILED => {
                self.signed(operation, again).await
            }
            _ => Ok(reply),
        }
    }

    async fn signed(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        let is_refused = |reply: &Response<Bytes>| reply.status() == StatusCode::UNAUTHORIZED;
        let reply = self.bearer.send(operation, request, is_refused).await?;
        if is_refused(&reply) {
            let error = refused(&reply, &self.asked(operation), About::Account);
            // The token is good, and says too little.
            let kind = match error.kind {
                Kind::MissingScope => Kind::MissingScope,
                _ => Kind::Unauthorized,
            };
            return Err(Error { kind, ..error });
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
        let status = reply.status();
        // What a server fails at may have been done, also where it says when to come back, and so may what has lost a
        // race that nobody had set a condition for.
        let is_race = matches!(status.as_u16(), 409 | 412) && error.kind == Kind::Unavailable;
        let is_doubtful = status.is_server_error() || status.is_success() || is_race;
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
