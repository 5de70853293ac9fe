//! Trying an OAuth client without anybody who signs in: what is set up wrong shows before there is a person to ask.

use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{Request, Response, header};
use secrecy::SecretString;
use url::Url;

use super::{App, Consent, OAuth};
use crate::{
    error::{Kind, Result},
    transport::{Call, refusal},
};

/// What a consent page has against a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The address to come back to is none of the client's.
    Redirect,
    /// There is no such client, or not any more.
    Client,
    /// One of the scopes does not exist.
    Scope,
    /// Something else that would stop everybody.
    Other,
}

/// The words in which servers say so.
const WORDS: [(&str, Refusal); 7] = [
    ("redirect_uri_mismatch", Refusal::Redirect),
    ("invalid_client", Refusal::Client),
    ("deleted_client", Refusal::Client),
    ("disabled_client", Refusal::Client),
    ("unauthorized_client", Refusal::Client),
    ("invalid_scope", Refusal::Scope),
    ("invalid_request", Refusal::Other),
];

impl OAuth {
    /// Opens the consent page as a browser would that nobody has signed in with; `None` when it lets people in.
    ///
    /// # Errors
    ///
    /// When the page cannot be asked.
    pub async fn knock(&self, consent: &Consent<'_>) -> Result<Option<Refusal>> {
        let url = self.consent_url(consent);
        let request = Request::get(url.as_str())
            .header(header::ACCEPT, "text/html")
            .body(Bytes::new())
            .map_err(|error| Kind::Rejected.error("no such address").caused_by(error))?;
        // Where it leads says what it thinks; to go there would say no more.
        let call = Call::new(self.provider, "oauth_knock").unpaced().unmoved();
        let reply = self.transport.send(&call, request).await?;
        let status = reply.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(refusal(&reply, &format!("the consent page of {}", self.provider)));
        }
        if status.is_client_error() {
            let text = String::from_utf8_lossy(reply.body());
            return Ok(Some(word(&text).unwrap_or(Refusal::Other)));
        }
        Ok(location(&reply).as_ref().and_then(refused_at))
    }

    /// Whether the token endpoint takes a client's id and secret; nobody's grant is tried.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub async fn takes(&self, app: &App) -> Result<bool> {
        let nobodys = SecretString::from("a-client-is-tried");
        match self.refresh(app, &nobodys).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::WrongClient => Ok(false),
            // The grant is refused, and not who shows it.
            Err(error) if error.kind == Kind::Unauthorized => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn location(reply: &Response<Bytes>) -> Option<Url> {
    let text = reply.headers().get(header::LOCATION)?.to_str().ok()?;
    let base = Url::parse("https://accounts.invalid/").ok()?;
    base.join(text).ok()
}

/// Google leads to a page of its own that tells of an error, packed.
fn refused_at(page: &Url) -> Option<Refusal> {
    let value = |name: &str| page.query_pairs().find(|(key, _)| key == name).map(|(_, it)| it);
    if let Some(packed) = value("authError") {
        let bytes = URL_SAFE_NO_PAD.decode(&*packed).or_else(|_| URL_SAFE.decode(&*packed));
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        return Some(text.ok().as_deref().and_then(word).unwrap_or(Refusal::Other));
    }
    let plain = value("error").filter(|_| page.path().ends_with("/error"))?;
    Some(word(&plain).unwrap_or(Refusal::Other))
}

fn word(text: &str) -> Option<Refusal> {
    WORDS.iter().find(|(word, _)| text.contains(word)).map(|(_, refusal)| *refusal)
}
