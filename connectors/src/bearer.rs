//! Sends requests with a grant's token, and once more with another one where that is refused.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
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
    cost: fn(&Method) -> u32,
}

impl Bearer {
    pub(crate) fn new(
        provider: &'static str,
        transport: Transport,
        tokens: Arc<dyn Tokens>,
    ) -> Self {
        Self { provider, transport, tokens, cost: |_| 1 }
    }

    /// The same where some requests take more of the provider's quota than others.
    pub(crate) fn costing(self, cost: fn(&Method) -> u32) -> Self {
        Self { cost, ..self }
    }

    /// Sends a request and returns its reply; where the token is refused, the reply to the same with another one.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when no other token is to be had; [`Kind::Throttled`] when nothing may be asked now.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: Request<Bytes>,
        is_refused: impl Fn(&Response<Bytes>) -> bool,
    ) -> Result<Response<Bytes>> {
        let call = Call::new(self.provider, operation).unpaced();
        let units = (self.cost)(request.method());
        let token = self.tokens.access_token().await?;
        self.tokens.spend(units).await?;
        let reply = self.transport.send(&call, signed(request.clone(), &token)?).await?;
        if !is_refused(&reply) {
            return Ok(reply);
        }
        let token = self.tokens.instead_of(&token).await?;
        self.tokens.spend(units).await?;
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
