//! The real network: one reqwest client a [`Reach`], whose resolver hands out only addresses that passed
//! the guard. What was checked is what is connected to; a name that changes its mind in between gains nothing.

use std::{net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Blocked, Guard, Limits, Reach, ResolveFailure, Resolver, body};
use crate::error::{Error, Kind, Result};

#[derive(Debug)]
pub(super) struct Network {
    anywhere: reqwest::Client,
    allowed: reqwest::Client,
}

impl Network {
    pub(super) fn new(
        guard: &Arc<Guard>,
        resolver: &Arc<dyn Resolver>,
        limits: &Limits,
    ) -> Result<Self> {
        // Repeating the installation is harmless: the first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |reach| {
            let checked =
                Checked { guard: Arc::clone(guard), resolver: Arc::clone(resolver), reach };
            reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .dns_resolver(Arc::new(checked))
                .connect_timeout(limits.connect)
                .pool_max_idle_per_host(limits.per_host)
                .build()
                .map_err(|error| {
                    Kind::Tls.error("the HTTP client cannot be built").caused_by(error)
                })
        };
        Ok(Self { anywhere: client(Reach::Anywhere)?, allowed: client(Reach::AllowedNetworks)? })
    }

    pub(super) async fn call(
        &self,
        request: Request<Bytes>,
        reach: Reach,
        guard: &Guard,
        limits: &Limits,
        host: &str,
    ) -> Result<Response<Bytes>> {
        let client = match reach {
            Reach::Anywhere => &self.anywhere,
            Reach::AllowedNetworks => &self.allowed,
        };
        let request =
            reqwest::Request::try_from(request).map_err(|error| failure(error, host, Sent::No))?;
        let mut reply =
            client.execute(request).await.map_err(|error| failure(error, host, Sent::Perhaps))?;
        // A second look at the very connection, in case the client ever reaches one by another way.
        if reply.remote_addr().is_some_and(|peer| !guard.admits(peer.ip(), reach)) {
            return Err(blocked(Blocked::Address, host));
        }
        let mut collected = BytesMut::new();
        if reply.content_length().is_some_and(|length| length > limits.body as u64) {
            return Err(body::too_large(host));
        }
        while let Some(chunk) =
            reply.chunk().await.map_err(|error| failure(error, host, Sent::Perhaps))?
        {
            if collected.len() + chunk.len() > limits.body {
                return Err(body::too_large(host));
            }
            collected.extend_from_slice(&chunk);
        }
        let mut whole = Response::new(collected.freeze());
        *whole.status_mut() = reply.status();
        *whole.version_mut() = reply.version();
        *whole.headers_mut() = std::mem::take(reply.headers_mut());
        Ok(whole)
    }
}

/// Resolves, and lets only admitted addresses through.
struct Checked {
    guard: Arc<Guard>,
    resolver: Arc<dyn Resolver>,
    reach: Reach,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, resolver, reach) =
            (Arc::clone(&self.guard), Arc::clone(&self.resolver), self.reach);
        Box::pin(async move {
            let found = admitted(&guard, resolver.as_ref(), name.as_str(), reach).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The addresses of `host` that may be connected to, with port 0.
pub(super) async fn admitted(
    guard: &Guard,
    resolver: &dyn Resolver,
    host: &str,
    reach: Reach,
) -> Result<Vec<SocketAddr>, Refused> {
    let found = resolver.addresses(host).await.map_err(Refused::Unresolved)?;
    if found.is_empty() {
        return Err(Refused::Unresolved(ResolveFailure(None)));
    }
    let admitted: Vec<_> = found
        .into_iter()
        .filter(|address| guard.admits(*address, reach))
        .map(|address| SocketAddr::new(address, 0))
        .collect();
    if admitted.is_empty() { Err(Refused::Blocked(Blocked::Address)) } else { Ok(admitted) }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the name does not resolve")]
    Unresolved(#[source] ResolveFailure),
    #[error(transparent)]
    Blocked(Blocked),
}

impl Refused {
    pub(super) fn into_error(self, host: &str) -> Error {
        match self {
            Refused::Unresolved(_) => Kind::Dns.error(format!("the name {host} does not resolve")),
            Refused::Blocked(why) => blocked(why, host),
        }
    }
}

pub(super) fn blocked(why: Blocked, host: &str) -> Error {
    Kind::BlockedAddress.error(format!("{host} may not be reached: {why}"))
}

/// Whether the request may have reached the provider.
#[derive(Clone, Copy)]
enum Sent {
    No,
    Perhaps,
}

/// Sorts a client failure. Its text loses the URL, which can be a secret.
fn failure(error: reqwest::Error, host: &str, sent: Sent) -> Error {
    let error = error.without_url();
    let mut sent = sent;
    let mut kind = None;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<Refused>() {
            kind = Some(match refused {
                Refused::Unresolved(_) => (Kind::Dns, "does not resolve"),
                Refused::Blocked(_) => (Kind::BlockedAddress, "may not be reached"),
            });
        } else if is_tls(current) {
            kind = Some((Kind::Tls, "failed the TLS handshake"));
        }
        cause = deeper(current);
    }
    let (kind, what) = match kind {
        Some(sorted) => sorted,
        None if error.is_timeout() => (Kind::Timeout, "did not answer in time"),
        None if error.is_connect() => (Kind::Unavailable, "cannot be connected to"),
        None if error.is_body() || error.is_decode() => (Kind::Unavailable, "cut its reply short"),
        None => (Kind::Unavailable, "broke the connection"),
    };
    if error.is_connect() || matches!(kind, Kind::Dns | Kind::BlockedAddress | Kind::Tls) {
        sent = Sent::No;
    }
    let sorted = kind.error(format!("{host} {what}")).caused_by(error);
    match sent {
        Sent::No => sorted,
        Sent::Perhaps => sorted.with_unknown_effect(),
    }
}

/// `io::Error` hides its inner error from `source()` when asked as a whole; look inside.
fn deeper<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn std::error::Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<rustls::Error>().is_some()
}
