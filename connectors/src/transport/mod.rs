//! The only sender. Everything that leaves for a provider goes through [`Transport`], so that the checks
//! of resolved addresses and redirects, the limits, the pacing, the tracing and (in simulations) the
//! injected faults live here and nowhere else.
//!
//! Two backends: the network, and a [`Service`] called in-process. Both pass the same [`Guard`], the same
//! redirect rules and the same limits.

mod body;
mod guard;
mod network;
mod observe;
mod reply;
mod resolve;
mod send;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use ipnet::IpNet;

pub use body::Framed;
pub(crate) use body::is_too_large;
pub use guard::{Blocked, Guard, Reach};
pub use observe::{Counters, Counts, Exchange, Observer};
pub(crate) use reply::http_date;
pub use reply::{Landed, landed, media_type, refusal, retry_after};
pub use resolve::{Fixed, ResolveFailure, Resolver, ServiceRecord, SystemResolver};
pub use send::Transport;
pub(crate) use send::may_see_credentials;

/// A provider that is called in-process, for simulations and tests.
#[async_trait]
pub trait Service: fmt::Debug + Send + Sync {
    /// Answers one request. No redirect is followed and nothing is decoded here.
    async fn call(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Cut>;
}

/// How a call to a [`Service`] can fail below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// Nobody listened: the request was certainly not seen.
    #[error("connection refused")]
    Refused,
    /// The connection broke after the request was sent.
    #[error("connection cut")]
    Dropped,
    /// No answer within the time limit.
    #[error("no answer in time")]
    TimedOut,
}

/// What one call is for, named in its span and in its errors.
#[derive(Clone, Debug)]
pub struct Call {
    pub provider: &'static str,
    pub operation: &'static str,
    /// Hosts that equal this name or lie below it may see the credentials after a redirect
    /// (`icloud.com`: its discovery leads from one host to another).
    pub trusted_domain: Option<String>,
    /// Whether a redirect is the answer, and nothing is sent after it: what is in the body is for one address alone.
    pub is_unmoved: bool,
    /// Whether it takes no turn at its host ([`Limits::per_host`]): the host is everybody's, and whoever calls paces
    /// the account.
    pub is_unpaced: bool,
}

impl Call {
    pub fn new(provider: &'static str, operation: &'static str) -> Self {
        Self { provider, operation, trusted_domain: None, is_unmoved: false, is_unpaced: false }
    }

    /// For a provider whose one host answers for all accounts.
    #[must_use]
    pub fn unpaced(self) -> Self {
        Self { is_unpaced: true, ..self }
    }

    /// For what carries secrets in its body: it goes to the address that was meant, and follows no redirect.
    #[must_use]
    pub fn unmoved(self) -> Self {
        Self { is_unmoved: true, ..self }
    }

    #[must_use]
    pub fn trusting(self, domain: Option<&str>) -> Self {
        Self { trusted_domain: domain.map(str::to_owned), ..self }
    }
}

/// How much of everything one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body as sent.
    pub body: usize,
    /// Bytes of a body after decompression.
    pub decoded: usize,
    /// How many times larger a body may become by decompression.
    pub ratio: usize,
    /// Bytes of all header names and values of a reply.
    pub headers: usize,
    /// Redirects followed for one call.
    pub redirects: usize,
    /// Wall-clock time of one call, with its redirects.
    pub total: Duration,
    /// Time to reach one address.
    pub connect: Duration,
    /// Calls at once to one host.
    pub per_host: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 20 << 20,
            decoded: 32 << 20,
            ratio: 100,
            headers: 64 << 10,
            redirects: 5,
            total: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            per_host: 4,
        }
    }
}

/// What a [`Transport`] is made of.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Networks that may be reached although they are not public, and with any scheme and port
    /// (`--allow-net`).
    pub allow_net: Vec<IpNet>,
    /// Ports besides 443 and 8443 that https may use anywhere.
    pub extra_ports: Vec<u16>,
    pub limits: Limits,
    /// The system's when `None`; for an in-process backend, one that finds every name at a public address.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// Told of every exchange, in addition to the counters that every transport keeps.
    pub observer: Option<Arc<dyn Observer>>,
}
