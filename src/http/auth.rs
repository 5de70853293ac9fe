//! Who calls: API keys, what they allow, and for which tenant.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request},
    http::{HeaderName, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api,
    chance::Chance,
    idempotency::Slot,
    limits::{Verdict, origin},
    problem::Problem,
    request::current_request,
};
use crate::{
    audit::By,
    drill::{Bug, is_back},
    model::ids::TenantId,
    secrets::Vault,
    store::{KeyRow, Store},
};

const CALHUB_TENANT: HeaderName = HeaderName::from_static("calhub-tenant");
const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What a key allows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
pub enum Scope {
    #[serde(rename = "availability:read")]
    AvailabilityRead,
    #[serde(rename = "bookings:read")]
    BookingsRead,
    #[serde(rename = "bookings:write")]
    BookingsWrite,
    #[serde(rename = "resources:write")]
    ResourcesWrite,
    #[serde(rename = "connections:read")]
    ConnectionsRead,
    #[serde(rename = "connections:write")]
    ConnectionsWrite,
    #[serde(rename = "webhooks:write")]
    WebhooksWrite,
    #[serde(rename = "ops")]
    Ops,
    /// Everything within the tenant.
    #[serde(rename = "admin")]
    Admin,
    /// Tenants themselves, and everything within each.
    #[serde(rename = "instance")]
    Instance,
}

impl Scope {
    pub const ALL: [Self; 10] = [
        Self::AvailabilityRead,
        Self::BookingsRead,
        Self::BookingsWrite,
        Self::ResourcesWrite,
        Self::ConnectionsRead,
        Self::ConnectionsWrite,
        Self::WebhooksWrite,
        Self::Ops,
        Self::Admin,
        Self::Instance,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AvailabilityRead => "availability:read",
            Self::BookingsRead => "bookings:read",
            Self::BookingsWrite => "bookings:write",
            Self::ResourcesWrite => "resources:write",
            Self::ConnectionsRead => "connections:read",
            Self::ConnectionsWrite => "connections:write",
            Self::WebhooksWrite => "webhooks:write",
            Self::Ops => "ops",
            Self::Admin => "admin",
            Self::Instance => "instance",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }

    /// Whether holding this scope is enough where `needed` is asked for.
    fn grants(self, needed: Self) -> bool {
        match self {
            Self::Instance => true,
            Self::Admin => needed != Self::Instance,
            Self::ConnectionsWrite if needed == Self::ConnectionsRead => true,
            Self::BookingsWrite if needed == Self::BookingsRead => true,
            held => held == needed,
        }
    }
}

/// The one who calls, after authentication. Copies share what they hold.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant acted for.
    pub tenant: TenantId,
    pub scopes: Arc<[Scope]>,
    /// How the change log names the caller: `key:<id>` or `local`.
    pub actor: Arc<str>,
    /// Whether `Calhub-Tenant` named the tenant.
    pub is_acting: bool,
    /// The id of the request.
    pub request: Option<Arc<str>>,
    /// What the ids of what the request makes are made of.
    pub chance: Chance,
    /// Where the request's answer is kept together with its effect, for those that do it so.
    pub(super) slot: Option<Arc<Slot>>,
}

impl Caller {
    pub(super) fn may(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|held| held.grants(needed))
    }

    /// How the audit log names the caller and what was asked.
    pub(super) fn by(&self) -> By {
        By { actor: Arc::clone(&self.actor), request: self.request.clone() }
    }

    /// Whether this is about every tenant: an instance key that acts for none in particular.
    pub(super) fn is_for_all(&self) -> bool {
        self.may(Scope::Instance) && !self.is_acting
    }

    /// Refuses unless one of `any` is held.
    pub(super) fn need(&self, any: &[Scope]) -> Result<(), Problem> {
        if any.iter().any(|scope| self.may(*scope)) {
            return Ok(());
        }
        let names: Vec<_> = any.iter().map(|scope| scope.as_str()).collect();
        Err(Problem::new(
            "insufficient_scope",
            format!("This needs a key with the scope {}.", names.join(" or ")),
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new("unauthenticated", "Send a key.").into_response())
    }
}

/// A key as callers write it, in its two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub id: &'a str,
    pub secret: &'a str,
}

impl<'a> Token<'a> {
    /// Reads `chk_<id>_<secret>`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("chk_")?.split_once('_')?;
        let is_word = |word: &str, most: usize| {
            (1..=most).contains(&word.len())
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let is_secret =
            secret.bytes().all(|b| b.is_ascii_graphic()) && (16..=256).contains(&secret.len());
        (is_word(id, 64) && is_secret).then_some(Self { id, secret })
    }
}

/// A key as the store holds it.
#[derive(Debug)]
struct Known {
    hash: Vec<u8>,
    expires_at: Option<Timestamp>,
    /// Who calls with it.
    caller: Caller,
}

impl From<KeyRow> for Known {
    fn from(row: KeyRow) -> Self {
        let scopes = row.scopes.iter().filter_map(|word| Scope::parse(word)).collect();
        let actor = format!("key:{}", row.key_id).into();
        let chance = Chance::default();
        let (is_acting, request) = (false, None);
        let (tenant, slot) = (row.tenant_id, None);
        let caller = Caller { tenant, scopes, actor, is_acting, request, chance, slot };
        Self { hash: row.hash, expires_at: row.expires_at, caller }
    }
}

/// The keys that were seen lately, so that not every request reads the store. A revoked key is forgotten
/// at once by the hub that revoked it, and within [`Keyring::TRUST`] by every other.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    seen: Mutex<HashMap<String, Seen>>,
}

/// The keys of an id, and when the store told of them.
type Seen = (Arc<[Known]>, Timestamp);

impl Keyring {
    const TRUST: SignedDuration = SignedDuration::from_secs(3);
    /// As long as the store does not answer, whom it let in before is let in: there is nothing to be had then but
    /// that all is unknown.
    const OUTAGE: SignedDuration = SignedDuration::from_mins(15);
    const PATIENCE: Duration = Duration::from_secs(1);
    const MOST: usize = 10_000;

    async fn find(&self, store: &Store, id: &str, now: Timestamp) -> Result<Arc<[Known]>, Problem> {
        let kept = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((rows, at)) = kept.clone()
            && now.duration_since(at).abs() <= Self::TRUST
        {
            return Ok(rows);
        }
        // On the heap: nearly every request goes without.
        Box::pin(self.look_up(store, id, now, kept)).await
    }

    async fn look_up(
        &self,
        store: &Store,
        id: &str,
        now: Timestamp,
        kept: Option<Seen>,
    ) -> Result<Arc<[Known]>, Problem> {
        let asked = async { store.read().await?.keys().find_by_key_id(id).await };
        let rows: Arc<[Known]> = match (tokio::time::timeout(Self::PATIENCE, asked).await, kept) {
            (Ok(Ok(rows)), _) => rows.into_iter().map(Known::from).collect(),
            (_, Some((rows, at))) if now.duration_since(at).abs() <= Self::OUTAGE => {
                return Ok(rows);
            }
            (Ok(Err(error)), _) => return Err(error.into()),
            (Err(_), _) => {
                return Err(
                    Problem::new("unavailable", "The store does not answer.").retry_after(1)
                );
            }
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= Self::MOST {
            seen.clear();
        }
        if !rows.is_empty() {
            seen.insert(id.to_owned(), (Arc::clone(&rows), now));
        }
        Ok(rows)
    }

    pub(super) fn forget_all(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn forget(&self, id: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// Marks requests that came over the local socket, whose file only the hub's owner can open.
#[derive(Clone, Copy, Debug)]
pub struct Local;

/// Lets in who shows a good key, and counts every request against its caller's limit.
pub(super) async fn admit(
    api: &Api,
    request: Request,
) -> Result<(Request, Option<Verdict>), Box<Response>> {
    let now = api.hub.clock.now();
    let (mut parts, body) = request.into_parts();
    let caller = match identify(api, &parts, now).await {
        Ok(caller) => caller,
        Err(problem) if problem.status == 401 => {
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            let stranger = peer.map_or_else(|| "-".to_owned(), |info| origin(info.0.ip()));
            let verdict = api.strangers.take(&stranger, now);
            let refused = match verdict.filter(|verdict| !verdict.allowed) {
                Some(verdict) => too_many(&verdict),
                None => problem.into_response(),
            };
            return Err(Box::new(refused));
        }
        Err(problem) => return Err(Box::new(problem.into_response())),
    };
    let verdict = api.limiter.take(&caller.actor, now);
    if let Some(verdict) = verdict.filter(|verdict| !verdict.allowed) {
        return Err(Box::new(too_many(&verdict)));
    }
    parts.extensions.insert(caller);
    Ok((Request::from_parts(parts, body), verdict))
}

async fn identify(api: &Api, request: &Parts, now: Timestamp) -> Result<Caller, Problem> {
    let header = request.headers.get(header::AUTHORIZATION);
    let is_local = request.extensions.get::<Local>().is_some();
    let caller = match header {
        None if is_local => Caller {
            tenant: Box::pin(api.hub.default_tenant()).await?,
            scopes: [Scope::Instance].into(),
            actor: "local".into(),
            is_acting: false,
            request: None,
            chance: Chance::default(),
            slot: None,
        },
        None => {
            return Err(Problem::new(
                "unauthenticated",
                "Send `Authorization: Bearer chk_<id>_<secret>`.",
            ));
        }
        Some(value) => key_holder(api, value, now).await?,
    };
    let caller = Caller { request: current_request(), ..caller };
    match request.headers.get(CALHUB_TENANT) {
        None => Ok(caller),
        Some(tenant) => Box::pin(acting_for(api, tenant, caller)).await,
    }
}

fn refused() -> Problem {
    Problem::new("unauthenticated", "The key is not valid, has expired or was revoked.")
}

/// Who calls with the key that is shown.
async fn key_holder(api: &Api, value: &HeaderValue, now: Timestamp) -> Result<Caller, Problem> {
    let text = value.to_str().map_err(|_| refused())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(refused)?;
    let token = Token::parse(token.trim())
        .filter(|_| scheme.eq_ignore_ascii_case("bearer"))
        .ok_or_else(refused)?;
    let known = api.keyring.find(&api.hub.store, token.id, now).await?;
    good(&api.hub.vault, &known, token, now).ok_or_else(refused)
}

fn good(vault: &Vault, known: &[Known], token: Token<'_>, now: Timestamp) -> Option<Caller> {
    let key = known.iter().find(|key| vault.matches(&key.hash, token.secret))?;
    key.expires_at.is_none_or(|end| now < end).then(|| key.caller.clone())
}

/// `Calhub-Tenant` lets an instance key act for a tenant.
async fn acting_for(api: &Api, tenant: &HeaderValue, caller: Caller) -> Result<Caller, Problem> {
    let wrong = || Problem::parameter("Calhub-Tenant", "there is no such tenant");
    let tenant: TenantId =
        tenant.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    if tenant == caller.tenant {
        return Ok(Caller { is_acting: true, ..caller });
    }
    if !is_back(Bug::TenantUnchecked) {
        caller.need(&[Scope::Instance])?;
    }
    let there = api.hub.store.read().await?.tenants().get(&tenant).await?;
    there.ok_or_else(wrong)?;
    Ok(Caller { tenant, is_acting: true, ..caller })
}

fn too_many(verdict: &Verdict) -> Response {
    let problem = Problem::new("rate_limited", "This hub's own limit: too many requests.");
    let mut response = problem.retry_after(verdict.reset_s.max(1)).into_response();
    tell_limit(verdict, &mut response);
    response
}

pub(super) fn tell_limit(verdict: &Verdict, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(RATELIMIT_LIMIT, HeaderValue::from(verdict.limit));
    headers.insert(RATELIMIT_REMAINING, HeaderValue::from(verdict.remaining));
    headers.insert(RATELIMIT_RESET, HeaderValue::from(verdict.reset_s));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_in_its_two_halves() {
        let secret = "s".repeat(43);
        let text = format!("chk_abc123_{secret}");
        assert_eq!(Token::parse(&text), Some(Token { id: "abc123", secret: &secret }));
        for wrong in ["chk_abc", "chk__x", "abc_def", "chk_a_short", "chk_a'b_0123456789abcdef", ""]
        {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
        let with_underscores = "chk_boot_AAAA_BBBB_CCCC_DDDD_EEEE";
        assert_eq!(Token::parse(with_underscores).unwrap().secret, "AAAA_BBBB_CCCC_DDDD_EEEE");
    }

    #[test]
    fn every_scope_grants_itself_and_only_the_wide_ones_more() {
        for held in Scope::ALL {
            for needed in Scope::ALL {
                let expected = held == needed
                    || held == Scope::Instance
                    || (held == Scope::Admin && needed != Scope::Instance)
                    || (held == Scope::ConnectionsWrite && needed == Scope::ConnectionsRead)
                    || (held == Scope::BookingsWrite && needed == Scope::BookingsRead);
                assert_eq!(held.grants(needed), expected, "{held:?} {needed:?}");
            }
            assert_eq!(Scope::parse(held.as_str()), Some(held));
        }
    }
}
