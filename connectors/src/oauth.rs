//! Signing in by OAuth 2.0: the tokens that a connector needs, and the client that gets them.
//!
//! The protocol is the crate's `oauth2`; here stand where each provider's server is, what is asked of it, and what its
//! refusals mean. Everything goes over [`Transport`].

mod knock;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse, TokenUrl,
    basic::{
        BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
        BasicTokenIntrospectionResponse, BasicTokenType,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

pub use self::knock::Refusal;

use crate::{
    error::{Error, Kind, Result, Throttle},
    microsoft,
    transport::{Call, Transport, refusal, retry_after},
};

/// The access tokens of one grant. Whoever gives them refreshes them, once for everybody who asks meanwhile.
#[async_trait]
pub trait Tokens: fmt::Debug + Send + Sync {
    /// A token that was good for a while yet when it was last heard of.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when the grant is dead,
    /// [`Kind::WrongClient`] when the OAuth client is refused.
    async fn access_token(&self) -> Result<SecretString>;

    /// Another token, because the provider answered 401 to this one. Asked at most once a call: what is refused
    /// again is [`Kind::Unauthorized`].
    ///
    /// # Errors
    ///
    /// As [`Tokens::access_token`].
    async fn instead_of(&self, refused: &SecretString) -> Result<SecretString>;

    /// Takes so many units out of what the account, and all accounts of its OAuth client, may ask in a minute. Asked
    /// before each request to the API.
    ///
    /// # Errors
    ///
    /// [`Kind::Throttled`] when there is none left for now, or the provider wants to be left alone.
    async fn spend(&self, _units: u32) -> Result<()> {
        Ok(())
    }
}

/// What an access token lives where the server does not say.
const USUAL_LIFE: Duration = Duration::from_secs(3600);

/// Where a provider's OAuth server is.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub authorize: Url,
    pub token: Url,
    /// `None` where grants can only be taken back by the person.
    pub revoke: Option<Url>,
    /// How it names itself in `iss`, where it does (RFC 9207).
    pub issuer: Option<String>,
    /// What a consent page is asked besides.
    pub consent: &'static [(&'static str, &'static str)],
    /// Sorts refusals of the token endpoint that say more than RFC 6749 has words for.
    pub sorts: fn(&[u8]) -> Option<Error>,
}

/// Where an OAuth client is registered, at a provider that has several such places. What is not said is as the operator
/// of the hub has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Realm {
    /// One of the provider's clouds, by its word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// The directory of people who may sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

impl Endpoints {
    /// Google's, or those of a stand-in under `base`.
    pub fn google(base: Option<&Url>) -> Self {
        let fixed = |text: &str| Url::parse(text).expect("it is an address");
        match base {
            None => Self {
                authorize: fixed("https://accounts.google.com/o/oauth2/v2/auth"),
                token: fixed("https://oauth2.googleapis.com/token"),
                revoke: Some(fixed("https://oauth2.googleapis.com/revoke")),
                issuer: Some("https://accounts.google.com".to_owned()),
                consent: GOOGLES,
                sorts: |_| None,
            },
            Some(base) => Self {
                authorize: below(base, "o/oauth2/v2/auth"),
                token: below(base, "token"),
                revoke: Some(below(base, "revoke")),
                issuer: Some(base.as_str().trim_end_matches('/').to_owned()),
                consent: GOOGLES,
                sorts: |_| None,
            },
        }
    }

    /// Microsoft's for a directory, under the root of a cloud's sign-in server or of a stand-in. It takes no grant back,
    /// and does not name itself where it sends people back.
    pub fn microsoft(authority: &Url, directory: &str) -> Self {
        Self {
            authorize: below(authority, &format!("{directory}/oauth2/v2.0/authorize")),
            token: below(authority, &format!("{directory}/oauth2/v2.0/token")),
            revoke: None,
            issuer: None,
            consent: &[("response_mode", "query"), ("prompt", "select_account")],
            sorts: microsoft::at_token,
        }
    }
}

/// A refresh token, and a new one each time.
const GOOGLES: &[(&str, &str)] = &[("access_type", "offline"), ("prompt", "consent")];

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// An OAuth client: who asks for grants.
#[derive(Clone, Debug)]
pub struct App {
    pub client_id: String,
    pub secret: SecretString,
    pub realm: Realm,
}

/// What a person is asked for.
#[derive(Clone, Debug)]
pub struct Consent<'a> {
    pub client_id: &'a str,
    pub redirect: &'a Url,
    pub scopes: &'a [&'a str],
    pub state: &'a SecretString,
    /// Of RFC 7636; only its hash is sent along.
    pub verifier: &'a SecretString,
    pub login_hint: Option<&'a str>,
}

/// What a token endpoint gave.
#[derive(Clone, Debug)]
pub struct Granted {
    pub access_token: SecretString,
    pub lives: Duration,
    /// A new one; mostly there is none when a grant is refreshed, and the old one stays good.
    pub refresh_token: Option<SecretString>,
    /// As granted, which may be less than was asked for; space-separated. `None` where the server did not say.
    pub scope: Option<String>,
    /// How long the grant itself lasts, where the server says that it ends.
    pub grant_lives: Option<Duration>,
}

/// The client of one provider's OAuth server.
#[derive(Clone, Debug)]
pub struct OAuth {
    provider: &'static str,
    endpoints: Endpoints,
    transport: Transport,
}

impl OAuth {
    pub fn new(provider: &'static str, endpoints: Endpoints, transport: Transport) -> Self {
        Self { provider, endpoints, transport }
    }

    /// Whether `iss` names this server; one that never names itself is named by nobody.
    pub fn is_issuer(&self, iss: &str) -> bool {
        self.endpoints.issuer.as_deref() == Some(iss)
    }

    /// Whether grants can be taken back here.
    pub fn revokes(&self) -> bool {
        self.endpoints.revoke.is_some()
    }

    /// Where a person is sent to consent: code flow, PKCE by S256, and what its server needs to give a refresh token.
    pub fn consent_url(&self, consent: &Consent<'_>) -> Url {
        let auth = AuthUrl::from_url(self.endpoints.authorize.clone());
        let redirect = RedirectUrl::from_url(consent.redirect.clone());
        let client = BasicClient::new(ClientId::new(consent.client_id.to_owned()))
            .set_auth_uri(auth)
            .set_redirect_uri(redirect);
        let verifier = PkceCodeVerifier::new(consent.verifier.expose_secret().to_owned());
        let state = consent.state.expose_secret().to_owned();
        let mut request = client
            .authorize_url(move || CsrfToken::new(state))
            .add_scopes(consent.scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for (name, value) in self.endpoints.consent {
            request = request.add_extra_param(*name, *value);
        }
        if let Some(hint) = consent.login_hint {
            request = request.add_extra_param("login_hint", hint);
        }
        request.url().0
    }

    /// Turns a code into a grant.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when the code is used up, expired, or was not given for this redirect and verifier.
    pub async fn exchange(
        &self,
        app: &App,
        redirect: &Url,
        code: &SecretString,
        verifier: &SecretString,
    ) -> Result<Granted> {
        let redirect = RedirectUrl::from_url(redirect.clone());
        let client = self.client(app).set_redirect_uri(redirect);
        let sender = Sender { oauth: self.clone(), operation: "oauth_exchange" };
        let asked: BoxFuture<'_, _> = client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
            .request_async(&sender)
            .boxed();
        asked.await.map(|answer| granted(&answer)).map_err(|error| self.refused(error))
    }

    /// Gets another access token.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when the grant is dead.
    pub async fn refresh(&self, app: &App, refresh_token: &SecretString) -> Result<Granted> {
        let sender = Sender { oauth: self.clone(), operation: "oauth_refresh" };
        let (client, token) =
            (self.client(app), RefreshToken::new(refresh_token.expose_secret().to_owned()));
        let asked: BoxFuture<'_, _> =
            client.exchange_refresh_token(&token).request_async(&sender).boxed();
        asked.await.map(|answer| granted(&answer)).map_err(|error| self.refused(error))
    }

    /// Takes a grant back. One that is dead already is a success, and so is one that nobody takes back.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub async fn revoke(&self, token: &SecretString) -> Result<()> {
        let Some(address) = &self.endpoints.revoke else { return Ok(()) };
        // The form is written by hand: the crate allows revocation over https alone, and simulators have none.
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.expose_secret())
            .finish();
        let request = http::Request::post(address.as_str())
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .map_err(|error| Kind::Rejected.error("no such address").caused_by(error))?;
        let call = Call::new(self.provider, "oauth_revoke").unpaced().unmoved();
        let reply = self.transport.send(&call, request).await?;
        match reply.status().as_u16() {
            // 400 says that the token is not known, or not any more.
            200..=299 | 400 => Ok(()),
            _ => Err(refusal(&reply, "revoking a grant")),
        }
    }

    fn client(&self, app: &App) -> TokenClient {
        Client::new(ClientId::new(app.client_id.clone()))
            .set_client_secret(ClientSecret::new(app.secret.expose_secret().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(self.endpoints.token.clone()))
    }

    /// What says nothing about the grant (5xx, throttling) is an error here already.
    async fn send(&self, operation: &'static str, request: HttpRequest) -> Result<HttpResponse> {
        let call = Call::new(self.provider, operation).unpaced().unmoved();
        let reply = self.transport.send(&call, request.map(Bytes::from)).await?;
        let status = reply.status();
        if status.is_redirection() {
            let detail = format!("the sign-in server of {} sends elsewhere", self.provider);
            return Err(Kind::BadReply.error(detail).with_status(status.as_u16()));
        }
        if !status.is_success()
            && let Some(error) = (self.endpoints.sorts)(reply.body())
        {
            return Err(error.with_status(status.as_u16()));
        }
        if let Some(asked) = retry_after(reply.headers()).filter(|_| !status.is_success()) {
            // Whatever else the answer is called.
            let detail = format!("the sign-in server of {} asks to be left alone", self.provider);
            let kind = Kind::Throttled { retry_after: Some(asked), scope: Throttle::Account };
            return Err(kind.error(detail).with_status(status.as_u16()));
        }
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            return Err(refusal(&reply, &format!("the sign-in server of {}", self.provider)));
        }
        Ok(reply.map(Vec::from))
    }

    fn refused(&self, error: Refused) -> Error {
        let of = |what: &str| format!("the sign-in server of {} {what}", self.provider);
        match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(answer) => refused_by_word(answer.error(), of),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Kind::BadReply.error(of("answered something else than a token"))
            }
        }
    }
}

/// Sends what the protocol's crate builds.
struct Sender {
    oauth: OAuth,
    operation: &'static str,
}

impl<'c> AsyncHttpClient<'c> for Sender {
    type Error = Error;
    type Future = BoxFuture<'c, Result<HttpResponse>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        self.oauth.send(self.operation, request).boxed()
    }
}

/// What Google's server says besides of a grant that ends by itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Lasting {
    #[serde(default, deserialize_with = "seconds", rename = "refresh_token_expires_in")]
    grant_lives_s: Option<u64>,
}

impl ExtraTokenFields for Lasting {}

/// What is no number says nothing.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(from)?.as_u64())
}

type TokenAnswer = StandardTokenResponse<Lasting, BasicTokenType>;

type TokenClient = Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointSet,
>;

type Refused = RequestTokenError<Error, BasicErrorResponse>;

/// Sorts the words of RFC 6749 5.2 and Google's own. What the server says besides is not repeated: it may name people.
fn refused_by_word(word: &BasicErrorResponseType, of: impl Fn(&str) -> String) -> Error {
    match word {
        BasicErrorResponseType::InvalidGrant => {
            Kind::Unauthorized.error(of("says that the grant has expired or was revoked"))
        }
        BasicErrorResponseType::InvalidClient | BasicErrorResponseType::UnauthorizedClient => {
            Kind::WrongClient.error(of("does not accept this OAuth client"))
        }
        BasicErrorResponseType::Extension(word) if word == "redirect_uri_mismatch" => {
            Kind::WrongClient.error(of("does not know this hub's address as one of the client's"))
        }
        BasicErrorResponseType::Extension(word)
            if matches!(&**word, "access_denied" | "admin_policy_enforced" | "org_internal") =>
        {
            Kind::Unauthorized.error(of("says that an administrator does not allow it"))
        }
        BasicErrorResponseType::InvalidScope
        | BasicErrorResponseType::InvalidRequest
        | BasicErrorResponseType::UnsupportedGrantType
        | BasicErrorResponseType::Extension(_) => {
            Kind::Rejected.error(of("does not take the request"))
        }
    }
}

fn granted(answer: &TokenAnswer) -> Granted {
    let scopes = answer
        .scopes()
        .map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
    Granted {
        access_token: answer.access_token().secret().clone().into(),
        lives: answer.expires_in().unwrap_or(USUAL_LIFE),
        refresh_token: answer.refresh_token().map(|token| token.secret().clone().into()),
        scope: scopes,
        grant_lives: answer.extra_fields().grant_lives_s.map(Duration::from_secs),
    }
}
