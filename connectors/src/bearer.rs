//! Sends requests with a grant's token, and once more with another one where that is refused.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    error::{Kind, Result},
    oauth::Tokens,
    transport::{Call, Transport},
};

/// A transport that knows a grant. Its host answers for all accounts: whoever calls paces the account.
#[derive(Debug)]
pub(crate) struct Bearer {
    provider: &'static str,
    transport: Transport,
    tokens: Arc<dyn Tokens>,
}

impl Bearer {
    pub(crate) fn new(
        provider: &'static str,
        transport: Transport,
        tokens: Arc<dyn Tokens>,
    ) -> Self {
        Self { provider, transport, tokens }
    }

    /// Sends a request and returns its reply; where the token is refused, the reply to the same with another one.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when no other token is to be had.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
        is_refused: impl Fn(&Response<Bytes>) -> bool,
    ) -> Result<Response<Bytes>> {
        let call = Call::new(self.provider, operation).unpaced();
        let token = self.tokens.access_token().await?;
        let reply = self.transport.send(&call, signed(request.clone(), &token)?).await?;
        if !is_refused(&reply) {
            return Ok(reply);
        }
        let token = self.tokens.instead_of(&token).await?;
        self.transport.send(&call, signed(request, &token)?).await
    }
}

fn signed(mut request: Request<Bytes>, token: &SecretString) -> Result<Request<Bytes>> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
    let mut value =
        value.map_err(|_| Kind::Unauthorized.error("the token can be no part of a request"))?;
    value.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(request)
}
