//! Signing in by OAuth 2.0: what a connector needs of it.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::error::Result;

/// The access tokens of one grant. Whoever gives them refreshes them, once for everybody who asks meanwhile.
#[async_trait]
pub trait Tokens: fmt::Debug + Send + Sync {
    /// A token that was good for a while yet when it was last heard of.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`](crate::Kind::Unauthorized) when the grant is dead,
    /// [`Kind::WrongClient`](crate::Kind::WrongClient) when the OAuth client is refused.
    async fn access_token(&self) -> Result<SecretString>;

    /// Another token, because the provider answered 401 to this one. Asked at most once a call: what is refused
    /// again is [`Kind::Unauthorized`](crate::Kind::Unauthorized).
    ///
    /// # Errors
    ///
    /// As [`Tokens::access_token`].
    async fn instead_of(&self, refused: &SecretString) -> Result<SecretString>;
}
