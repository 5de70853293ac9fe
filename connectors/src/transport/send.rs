//! Sending one call: guard, pace, send, check, follow. The redirect rules live here.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{self, HeaderName},
};
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;
use url::Url;

use super::{
    Call, Counters, Counts, Cut, Exchange, Fixed, Guard, Landed, Limits, Observer, Resolver,
    Service, ServiceRecord, Settings, SystemResolver, body,
    network::{self, Network},
    reply::dated,
};
use crate::error::{Effect, Error, Kind, Result};

const USER_AGENT: &str = concat!("calhub/", env!("CARGO_PKG_VERSION"));
/// What must not follow a redirect to another origin.
const CREDENTIALS: [HeaderName; 3] =
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];
/// Hosts remembered for pacing before idle ones are forgotten.
const HOSTS_REMEMBERED: usize = 4096;

/// The guarded sender. Cheap to clone; clones share connections, counters and pacing.
#[derive(Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}

struct Inner {
    backend: Backend,
    guard: Arc<Guard>,
    resolver: Arc<dyn Resolver>,
    limits: Limits,
    counters: Arc<Counters>,
    observer: Option<Arc<dyn Observer>>,
    hosts: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    /// Transports that may reach less, by the networks they were narrowed to.
    narrowed: Mutex<HashMap<Vec<IpNet>, Transport>>,
}

enum Backend {
    Network(Network),
    InProcess(Arc<dyn Service>),
}

impl Transport {
    /// Sends over the network.
    ///
    /// # Errors
    ///
    /// [`Kind::Tls`] when no TLS client can be built on this machine.
    pub fn over_network(settings: Settings) -> Result<Self> {
        let guard = Arc::new(Guard::new(settings.allow_net, settings.extra_ports));
        let resolver =
            settings.resolver.unwrap_or_else(|| Arc::new(SystemResolver::default()) as _);
        let backend = Backend::Network(Network::new(&guard, &resolver, &settings.limits)?);
        Ok(Self::with(backend, guard, resolver, settings.limits, settings.observer))
    }

    /// Sends to `service` in this process, through the same guard and limits; no clock is needed.
    pub fn in_process(service: Arc<dyn Service>, settings: Settings) -> Self {
        let guard = Arc::new(Guard::new(settings.allow_net, settings.extra_ports));
        let anywhere = IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34));
        let resolver = settings.resolver.unwrap_or_else(|| Arc::new(Fixed(vec![anywhere])) as _);
        let backend = Backend::InProcess(service);
        Self::with(backend, guard, resolver, settings.limits, settings.observer)
    }

    fn with(
        backend: Backend,
        guard: Arc<Guard>,
        resolver: Arc<dyn Resolver>,
        limits: Limits,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let inner = Inner {
            backend,
            guard,
            resolver,
            limits,
            counters: Arc::default(),
            observer,
            hosts: Arc::default(),
            narrowed: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// This transport with only those allowed networks that lie in `nets` too; counters and pacing stay common.
    ///
    /// # Errors
    ///
    /// [`Kind::Tls`] when no TLS client can be built on this machine.
    pub fn narrowed(&self, nets: &[IpNet]) -> Result<Self> {
        let mut made = self.inner.narrowed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(nets) {
            return Ok(known.clone());
        }
        let Inner { resolver, limits, .. } = &*self.inner;
        let guard = Arc::new(self.inner.guard.narrowed(nets));
        let backend = match &self.inner.backend {
            Backend::Network(_) => Backend::Network(Network::new(&guard, resolver, limits)?),
            Backend::InProcess(service) => Backend::InProcess(Arc::clone(service)),
        };
        let narrow = Self {
            inner: Arc::new(Inner {
                backend,
                guard,
                resolver: Arc::clone(resolver),
                limits: *limits,
                counters: Arc::clone(&self.inner.counters),
                observer: self.inner.observer.clone(),
                hosts: Arc::clone(&self.inner.hosts),
                narrowed: Mutex::default(),
            }),
        };
        made.insert(nets.to_vec(), narrow.clone());
        Ok(narrow)
    }

    /// Sends one request, follows its redirects and returns the whole decoded reply, with [`Landed`] among
    /// its extensions. A status is not an error here.
    ///
    /// # Errors
    ///
    /// What happened below HTTP, or a reply beyond its limits. [`Effect::Unknown`] when a request
    /// that changes something may have been seen.
    pub async fn send(&self, call: &Call, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let whole = self.follow(call, request);
        match self.inner.backend {
            Backend::InProcess(_) => whole.await,
            Backend::Network(_) => match tokio::time::timeout(self.inner.limits.total, whole).await
            {
                Ok(reply) => reply,
                Err(_) => Err(Kind::Timeout
                    .error(format!("{} did not end in time", call.operation))
                    .with_unknown_effect()),
            },
        }
    }

    /// The SRV records of a name, for discovery.
    pub async fn services(&self, name: &str) -> Vec<ServiceRecord> {
        self.inner.resolver.services(name).await
    }

    /// The TXT strings of a name, for discovery.
    pub async fn texts(&self, name: &str) -> Vec<String> {
        self.inner.resolver.texts(name).await
    }

    /// What went over this transport so far.
    pub fn counts(&self) -> Counts {
        self.inner.counters.read()
    }

    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    async fn follow(&self, call: &Call, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let (mut parts, body) = request.into_parts();
        let mut url = parse_target(&parts.uri)?;
        let mut redirects = 0;
        let mut permanently = true;
        loop {
            let hop = hop(&parts.method, &url, &parts.headers, &body)?;
            let mut reply = self.exchange(call, &url, hop).await?;
            let target = match call.is_unmoved {
                true => None,
                false => redirect_target(&parts.method, &url, &reply)?,
            };
            let Some(target) = target else {
                reply.extensions_mut().insert(Landed { url, redirects, permanently });
                return Ok(reply);
            };
            redirects += 1;
            if redirects > self.inner.limits.redirects {
                return Err(Kind::BadReply
                    .error(format!("{} redirects without end", host_of(&url)))
                    .with_status(reply.status().as_u16()));
            }
            permanently &= matches!(
                reply.status(),
                StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT
            );
            if !may_see_credentials(&url, &target, call.trusted_domain.as_deref()) {
                for name in CREDENTIALS {
                    parts.headers.remove(name);
                }
            }
            url = target;
        }
    }

    /// One hop: checked, paced, traced and counted.
    async fn exchange(
        &self,
        call: &Call,
        url: &Url,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>> {
        let host = host_of(url).to_owned();
        let changes_something = changes_something(request.method());
        let span = tracing::debug_span!(
            "connector.call",
            provider = call.provider,
            operation = call.operation,
            server.host = %host,
            status = tracing::field::Empty,
            duration_ms = tracing::field::Empty,
        );
        let _turn = if call.is_unpaced { None } else { self.turn(&host).await };
        let started = Instant::now();
        let sent_bytes = request.body().len();
        let outcome = self.call_backend(url, request, &host).instrument(span.clone()).await;
        let duration = started.elapsed();
        let status = outcome.as_ref().ok().map(|reply| reply.status().as_u16());
        span.record("status", status.unwrap_or(0));
        span.record("duration_ms", u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        let exchange = Exchange {
            provider: call.provider,
            operation: call.operation,
            host: &host,
            status,
            dated: outcome.as_ref().ok().and_then(|reply| dated(reply.headers())),
            sent_bytes,
            received_bytes: outcome.as_ref().map_or(0, |reply| reply.body().len()),
            duration,
        };
        self.inner.counters.exchanged(&exchange);
        if let Some(observer) = &self.inner.observer {
            observer.exchanged(&exchange);
        }
        let finished = outcome.and_then(|reply| {
            body::finish(reply, &self.inner.limits, &host).map_err(Error::with_unknown_effect)
        });
        finished.map_err(|error| if changes_something { error } else { without_effect(error) })
    }

    async fn call_backend(
        &self,
        url: &Url,
        request: Request<Bytes>,
        host: &str,
    ) -> Result<Response<Bytes>> {
        let inner = &*self.inner;
        let reach = inner.guard.check(url).map_err(|why| network::blocked(why, host))?;
        match &inner.backend {
            Backend::Network(network) => {
                network.call(request, reach, &inner.guard, &inner.limits, host).await
            }
            Backend::InProcess(service) => {
                if matches!(url.host(), Some(url::Host::Domain(_))) {
                    network::admitted(&inner.guard, inner.resolver.as_ref(), host, reach)
                        .await
                        .map_err(|refused| refused.into_error(host))?;
                }
                service.call(request).await.map_err(|cut| cut_error(cut, host))
            }
        }
    }

    /// Waits for this host's turn. The engine paces hosts too; this only bounds what one process does at once.
    async fn turn(&self, host: &str) -> Option<OwnedSemaphorePermit> {
        let semaphore = {
            let mut hosts = self.inner.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            if hosts.len() >= HOSTS_REMEMBERED {
                hosts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
            }
            let fresh = || Arc::new(Semaphore::new(self.inner.limits.per_host));
            Arc::clone(hosts.entry(host.to_owned()).or_insert_with(fresh))
        };
        semaphore.acquire_owned().await.ok()
    }
}

fn parse_target(uri: &Uri) -> Result<Url> {
    let url = Url::parse(&uri.to_string()).map_err(|error| {
        Kind::BlockedAddress.error("the address cannot be read").caused_by(error)
    })?;
    Ok(without_userinfo(url))
}

/// Credentials in a URL are for its owner to turn into a header; here they are only a way to disguise a host.
fn without_userinfo(mut url: Url) -> Url {
    // Both fail only for URLs without a host, which the guard refuses.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url
}

fn hop(method: &Method, url: &Url, headers: &HeaderMap, body: &Bytes) -> Result<Request<Bytes>> {
    let mut request = Request::new(body.clone());
    *request.method_mut() = method.clone();
    *request.uri_mut() = url.as_str().parse().map_err(|error: http::uri::InvalidUri| {
        Kind::BlockedAddress.error("the address cannot be read").caused_by(error)
    })?;
    *request.headers_mut() = headers.clone();
    let fixed = request.headers_mut();
    fixed.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    fixed.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
    Ok(request)
}

/// Where a reply sends us on, or `None` when it is the answer.
fn redirect_target(method: &Method, url: &Url, reply: &Response<Bytes>) -> Result<Option<Url>> {
    // The method is always kept: servers answer PROPFIND with 301, 302 and even 303. A write follows
    // only the statuses that promise to mean the same request.
    let follows = match reply.status().as_u16() {
        307 | 308 => true,
        301..=303 => !changes_something(method),
        _ => false,
    };
    let Some(location) = reply.headers().get(header::LOCATION).filter(|_| follows) else {
        return Ok(None);
    };
    let host = host_of(url);
    let unreadable = || Kind::BadReply.error(format!("{host} redirects to nowhere"));
    let target = std::str::from_utf8(location.as_bytes())
        .ok()
        .and_then(|location| url.join(location).ok())
        .map(without_userinfo)
        .ok_or_else(unreadable)?;
    if url.scheme() == "https" && target.scheme() != "https" {
        return Err(Kind::BlockedAddress.error(format!("{host} redirects away from https")));
    }
    Ok(Some(target))
}

/// Credentials stay with their origin, or among the hosts that the caller trusts as one party.
pub(crate) fn may_see_credentials(from: &Url, to: &Url, trusted: Option<&str>) -> bool {
    if from.origin() == to.origin() {
        return true;
    }
    let within = |url: &Url, domain: &str| {
        url.host_str().is_some_and(|host| {
            host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        })
    };
    to.scheme() == "https"
        && trusted.is_some_and(|domain| within(from, domain) && within(to, domain))
}

fn changes_something(method: &Method) -> bool {
    !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PROPFIND" | "REPORT")
}

fn cut_error(cut: Cut, host: &str) -> Error {
    match cut {
        Cut::Refused => {
            Kind::Unavailable.error(format!("{host} cannot be connected to")).caused_by(cut)
        }
        Cut::Dropped => Kind::Unavailable
            .error(format!("{host} broke the connection"))
            .caused_by(cut)
            .with_unknown_effect(),
        Cut::TimedOut => Kind::Timeout
            .error(format!("{host} did not answer in time"))
            .caused_by(cut)
            .with_unknown_effect(),
    }
}

fn without_effect(error: Error) -> Error {
    Error { effect: Effect::None, ..error }
}

fn host_of(url: &Url) -> &str {
    url.host_str().unwrap_or("the address")
}
