//! Sends requests with the grant's token, and once more with another one where that is refused.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};

use super::{
    errors::{self, About, refused},
    requests::Api,
};
use crate::{
    error::{Error, Kind, Result},
    oauth::Tokens,
    transport::{Call, Transport},
};

const PROVIDER: &str = "google";

/// A transport that knows a grant.
#[derive(Debug)]
pub(super) struct Session {
    transport: Transport,
    tokens: Arc<dyn Tokens>,
    pub(super) api: Api,
}

impl Session {
    pub(super) fn new(transport: Transport, tokens: Arc<dyn Tokens>, api: Api) -> Self {
        Self { transport, tokens, api }
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
        let call = Call::new(PROVIDER, operation).unpaced();
        let token = self.tokens.access_token().await?;
        let reply = self.transport.send(&call, signed(request.clone(), &token)?).await?;
        if !is_refused(&reply) {
            return Ok(reply);
        }
        let token = self.tokens.instead_of(&token).await?;
        let reply = self.transport.send(&call, signed(request, &token)?).await?;
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

fn signed(mut request: Request<Bytes>, token: &SecretString) -> Result<Request<Bytes>> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
    let mut value =
        value.map_err(|_| Kind::Unauthorized.error("the token can be no part of a request"))?;
    value.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(request)
}
