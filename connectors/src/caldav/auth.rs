//! Sends requests with the login: preemptively where that is safe, one more time for each challenge, and never
//! to a host that has no business with it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, uri::InvalidUri};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    capabilities::Capabilities,
    challenge::{self, Challenge, DigestChallenge, DigestInput},
};
use crate::{
    error::{Kind, Result},
    transport::{Call, Transport, landed, may_see_credentials, refusal},
};

pub(super) const PROVIDER: &str = "caldav";

/// How the hub proves who it is.
#[derive(Clone)]
pub enum Credentials {
    /// Basic or Digest, as the server asks.
    Password {
        username: String,
        password: SecretString,
    },
    Bearer(SecretString),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::Password { .. } => "Password",
            Credentials::Bearer(_) => "Bearer",
        })
    }
}

/// A transport that knows a login.
#[derive(Debug)]
pub(super) struct Session {
    transport: Transport,
    credentials: Credentials,
    /// Origins that may see the login: what the person gave, and where discovery by DNS led.
    origins: Mutex<Vec<Url>>,
    /// Hosts under this domain are one party with them.
    domain: Option<String>,
    digest: Mutex<Option<Nonce>>,
    capabilities: Mutex<Capabilities>,
}

#[derive(Debug)]
struct Nonce {
    challenge: DigestChallenge,
    uses: u32,
}

/// What was tried already for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    Nothing,
    Basic,
    /// With a nonce of an earlier request, which may be too old without the server saying so.
    RememberedDigest,
    Digest,
    Bearer,
}

impl Session {
    pub(super) fn new(
        transport: Transport,
        credentials: Credentials,
        origin: &Url,
        capabilities: Capabilities,
    ) -> Self {
        let domain = origin.host_str().and_then(party);
        let origins = Mutex::new(vec![origin.clone()]);
        let capabilities = Mutex::new(capabilities);
        Self { transport, credentials, origins, domain, digest: Mutex::default(), capabilities }
    }

    /// What is known of the server by now.
    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of evidence.
    pub(super) fn learn(&self, change: impl FnOnce(&mut Capabilities)) {
        change(&mut self.capabilities.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes note of whether a server that refused one way of asking answers another.
    pub(super) fn note_detour<T>(&self, outcome: Result<T>) -> Result<T> {
        let fails = outcome.is_err();
        self.learn(|known| {
            known.stumbles = if fails { known.stumbles.saturating_add(1) } else { 0 };
        });
        outcome
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn username(&self) -> Option<&str> {
        match &self.credentials {
            Credentials::Password { username, .. } => Some(username),
            Credentials::Bearer(_) => None,
        }
    }

    /// Lets one more origin see the login.
    pub(super) fn trust(&self, origin: &Url) {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).push(origin.clone());
    }

    pub(super) fn trusts(&self, url: &Url) -> bool {
        let origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.iter().any(|origin| may_see_credentials(origin, url, self.domain.as_deref()))
    }

    /// Sends one request and returns its reply, whatever its status but 401 and those that say to slow down.
    ///
    /// # Errors
    ///
    /// [`Kind::Unauthorized`] when the login is refused, [`Kind::Throttled`] on 429 and on 503 with a pause.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        let mut url: Url =
            request.uri().to_string().parse().map_err(|error: url::ParseError| {
                Kind::BadReply.error("the address cannot be read").caused_by(error)
            })?;
        let call = Call::new(PROVIDER, operation).trusting(self.domain.as_deref());
        let host = url.host_str().unwrap_or("the server").to_owned();
        let (mut attempt, mut tried) = self.first(&request, &url);
        // The first answer, one more for each challenge, one for a stale nonce.
        for _ in 0..3 {
            let reply = self.transport.send(&call, with_authorization(&request, attempt)).await?;
            if reply.status() != StatusCode::UNAUTHORIZED {
                self.learn(|known| {
                    known.seed(reply.headers(), &host);
                    known.takes_basic |= tried == Tried::Basic;
                });
                return self.unless_slowed(reply, operation, &host);
            }
            self.learn(|known| known.takes_basic = false);
            // The challenge is of the place where the redirects ended: answer it there.
            if let Some(landed) = landed(&reply).filter(|landed| landed.redirects > 0) {
                url = landed.url.clone();
                *request.uri_mut() = url.as_str().parse().map_err(|error: InvalidUri| {
                    Kind::BadReply.error("the address cannot be read").caused_by(error)
                })?;
            }
            let next = self.next(&request, &url, &reply, tried);
            let Some((authorization, what)) = next else { break };
            (attempt, tried) = (Some(authorization), what);
        }
        let refused = format!("{host} refused the login ({operation})");
        Err(Kind::Unauthorized.error(refused).with_status(StatusCode::UNAUTHORIZED.as_u16()))
    }

    fn unless_slowed(
        &self,
        reply: Response<Bytes>,
        operation: &str,
        host: &str,
    ) -> Result<Response<Bytes>> {
        let slowed = refusal(&reply, &format!("{operation} to {host}"));
        if matches!(slowed.kind, Kind::Throttled { .. }) { Err(slowed) } else { Ok(reply) }
    }

    /// The header of the first attempt. Over plain http (only in allowed networks) Basic waits to be asked for once,
    /// so that a server with Digest never sees the password.
    fn first(&self, request: &Request<Bytes>, url: &Url) -> (Option<String>, Tried) {
        if !self.trusts(url) {
            return (None, Tried::Nothing);
        }
        if let Some(answer) = self.digest_answer(request, None) {
            return (Some(answer), Tried::RememberedDigest);
        }
        match &self.credentials {
            Credentials::Bearer(token) => {
                (Some(format!("Bearer {}", token.expose_secret())), Tried::Bearer)
            }
            Credentials::Password { username, password }
                if url.scheme() == "https" || self.capabilities().takes_basic =>
            {
                (Some(challenge::basic(username, password.expose_secret())), Tried::Basic)
            }
            Credentials::Password { .. } => (None, Tried::Nothing),
        }
    }

    /// The header that answers a 401, or `None` when there is nothing new to try.
    fn next(
        &self,
        request: &Request<Bytes>,
        url: &Url,
        reply: &Response<Bytes>,
        tried: Tried,
    ) -> Option<(String, Tried)> {
        if !self.trusts(url) {
            return None;
        }
        let Credentials::Password { username, password } = &self.credentials else { return None };
        let offered = challenge::challenges(reply.headers());
        let digest = offered
            .iter()
            .filter_map(|challenge| match challenge {
                Challenge::Digest(digest) => Some(digest),
                Challenge::Basic | Challenge::Bearer => None,
            })
            .max_by_key(|digest| digest.algorithm);
        match digest {
            Some(digest) if tried != Tried::Digest || digest.stale => {
                let answer = self.digest_answer(request, Some(digest))?;
                return Some((answer, Tried::Digest));
            }
            Some(_) => {
                // Refused with a fresh nonce: the password is wrong, and the nonce worth nothing.
                *self.digest.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return None;
            }
            None => {}
        }
        let asks_basic = offered.contains(&Challenge::Basic) || offered.is_empty();
        (asks_basic && tried != Tried::Basic)
            .then(|| (challenge::basic(username, password.expose_secret()), Tried::Basic))
    }

    /// Answers with the remembered nonce, or with a fresh one, which is remembered.
    fn digest_answer(
        &self,
        request: &Request<Bytes>,
        fresh: Option<&DigestChallenge>,
    ) -> Option<String> {
        let Credentials::Password { username, password } = &self.credentials else { return None };
        let mut remembered = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(challenge) = fresh {
            *remembered = Some(Nonce { challenge: challenge.clone(), uses: 0 });
        }
        let nonce = remembered.as_mut()?;
        nonce.uses += 1;
        let password = password.expose_secret();
        let client_nonce = challenge::client_nonce(password, &nonce.challenge.nonce, nonce.uses);
        Some(nonce.challenge.answer(DigestInput {
            username,
            password,
            method: request.method().as_str(),
            uri: request.uri().path_and_query().map_or("/", |path| path.as_str()),
            count: nonce.uses,
            client_nonce: &client_nonce,
        }))
    }
}

fn with_authorization(request: &Request<Bytes>, value: Option<String>) -> Request<Bytes> {
    let mut request = request.clone();
    // Only a line break could make the value unusable, and then the server will say so by 401.
    if let Some(mut value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    request
}

/// The domain whose hosts are taken as one party with `host`: what its owner registered, as far as that can be
/// told without a list of public suffixes. `None` when in doubt.
fn party(host: &str) -> Option<String> {
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return None;
    }
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    let (top, second) = match labels.as_slice() {
        [.., second, top] => (*top, *second),
        _ => return None,
    };
    // `co.uk`, `com.au`, `ac.jp`: a short second label under a country is no one's own.
    let wanted = if top.len() == 2 && second.len() <= 3 { 3 } else { 2 };
    let from = labels.len().checked_sub(wanted)?;
    Some(labels.get(from..)?.join("."))
}

#[cfg(test)]
mod tests {
    use super::party;

    #[test]
    fn hosts_of_one_registered_domain_are_one_party() {
        for (host, expected) in [
            ("p34-caldav.icloud.com", Some("icloud.com")),
            ("caldav.icloud.com", Some("icloud.com")),
            ("cal.example.co.uk", Some("example.co.uk")),
            ("example.co.uk", Some("example.co.uk")),
            ("co.uk", None),
            ("localhost", None),
            ("127.0.0.1", None),
            ("[::1]", None),
        ] {
            assert_eq!(party(host).as_deref(), expected, "{host}");
        }
    }
}
