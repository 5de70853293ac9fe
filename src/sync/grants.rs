//! Access tokens: kept sealed in the store, so that all hubs share them and a restart asks for none, and renewed a few
//! minutes before they end, by one for all.
//!
//! In a process whoever comes first renews and the others wait for it; between hubs a lease on the row decides. No
//! provider is called inside a transaction. A refresh token that changes is stored with the access token that came with
//! it, in one transaction, unless somebody has linked the account anew meanwhile: then what came is of no use.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use connectors::{
    Kind, RetryAfter, Throttle,
    oauth::{App, Granted, OAuth, Realm, Tokens},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    connect::{Grant, Login, Pace},
    engine::{Engine, Parts, login_place, mint_name},
    error::SyncError,
    pacing::key_of,
    quota::Quota,
    schedule::not_before,
};
use crate::{
    clock::{Clock, Entropy},
    drill::{Bug, is_back},
    model::{
        ids::{ConnectionId, TenantId},
        states::Provider,
    },
    secrets::{Place, SecretsError, Vault},
    store::{ConnectionRow, NewToken, StoreError, Tx},
};

/// Longer than a call to a provider may take.
const LEASE: Duration = Duration::from_secs(60);
/// How often, and how long apart, is looked whether another hub has got a token.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(200);
/// A token that ends sooner is not worth sending.
const TOO_SHORT: Duration = Duration::from_secs(20);
/// How long before its end a token is renewed, at least, and at most so much longer.
const AHEAD_MS: u64 = 240_000;
const SPREAD_MS: u64 = 180_000;

/// The access tokens of all connections.
pub(crate) struct Wallet {
    parts: Parts,
    pub(super) quota: Quota,
    flights: Mutex<HashMap<ConnectionId, Arc<Flight>>>,
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wallet")
    }
}

/// One connection's renewals in this process.
#[derive(Default)]
struct Flight {
    ended: AtomicU64,
    /// How the last one failed, for those who waited for it.
    last: tokio::sync::Mutex<Option<Failed>>,
}

/// A failure to be told to several.
#[derive(Clone)]
struct Failed {
    kind: Kind,
    detail: String,
    status: Option<u16>,
}

impl Failed {
    fn of(error: &connectors::Error) -> Self {
        let (kind, detail) = (error.kind.clone(), error.detail.clone());
        Self { kind, detail, status: error.status }
    }

    fn error(&self) -> connectors::Error {
        let error = self.kind.clone().error(self.detail.clone());
        connectors::Error { status: self.status, ..error }
    }
}

/// An access token and its times.
#[derive(Clone, Debug)]
struct Token {
    secret: SecretString,
    expires_at: Timestamp,
    renew_at: Timestamp,
}

/// Whose tokens are meant.
type Whose<'a> = (&'a TenantId, &'a ConnectionId);

impl Wallet {
    pub(super) fn new(parts: Parts) -> Self {
        Self { quota: Quota::new(parts.clone()), parts, flights: Mutex::default() }
    }

    /// The tokens of a stored connection.
    pub(super) fn tokens(
        self: &Arc<Self>,
        connection: &ConnectionRow,
        pace: &Pace,
    ) -> Arc<dyn Tokens> {
        Arc::new(StoredTokens {
            wallet: Arc::clone(self),
            pace: pace.clone(),
            tenant: connection.tenant_id.clone(),
            connection: connection.connection_id.clone(),
            last: Mutex::default(),
        })
    }

    /// The OAuth client of this id, or whichever a tenant uses: its own, else the operator's.
    ///
    /// # Errors
    ///
    /// [`Kind::WrongClient`] when there is none.
    pub(crate) async fn app(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        provider: Provider,
        client_id: Option<&str>,
    ) -> Result<App, SyncError> {
        let is_meant = |id: &str| client_id.is_none_or(|wanted| wanted == id);
        if let Some(row) = tx.provider_apps().get(tenant, provider).await?
            && is_meant(&row.client_id)
        {
            let place = app_place(tenant, provider);
            let secret = self.parts.vault.unseal(tx, place, &row.secret).await?;
            let secret = String::from_utf8(secret.to_vec()).map_err(|_| {
                SyncError::Store(StoreError::Corrupt { table: "provider_apps", column: "secret" })
            })?;
            return Ok(App {
                client_id: row.client_id,
                secret: secret.into(),
                realm: Realm { cloud: row.cloud, directory: row.directory },
            });
        }
        let own = self.parts.connectors.app(provider).filter(|app| is_meant(&app.client_id));
        let none = match client_id {
            None => {
                "there is no OAuth client for this provider, neither the tenant's own nor the hub's"
            }
            Some(_) => {
                "the OAuth client that this grant was given to is neither the tenant's own nor the hub's"
            }
        };
        own.cloned().ok_or_else(|| Kind::WrongClient.error(none).into())
    }

    /// A token that is good for a while, other than the refused one.
    async fn token(
        &self,
        whose: Whose<'_>,
        refused: Option<&SecretString>,
    ) -> connectors::Result<Token> {
        let kept = self.kept(whose, refused).await.map_err(told)?;
        if let Some(token) = kept.filter(|token| self.now() < token.renew_at) {
            return Ok(token);
        }
        if is_back(Bug::EveryoneRenews) {
            let renewed = self.renew(whose, "nobody").await?;
            return renewed.ok_or_else(|| Kind::Unavailable.error("overtaken"));
        }
        let flight = self.flight(whose.1);
        let before = flight.ended.load(Ordering::Acquire);
        let mut last = flight.last.lock().await;
        if flight.ended.load(Ordering::Acquire) != before
            && let Some(failed) = &*last
        {
            return Err(failed.error());
        }
        let outcome = self.renewed(whose, refused).await;
        *last = outcome.as_ref().err().map(Failed::of);
        flight.ended.fetch_add(1, Ordering::Release);
        outcome
    }

    /// Renews, or waits for the hub that does.
    async fn renewed(
        &self,
        whose: Whose<'_>,
        refused: Option<&SecretString>,
    ) -> connectors::Result<Token> {
        let owner = mint_name(&*self.parts.entropy);
        for _ in 0..LOOKS {
            let has_lease = self.take(whose, &owner).await.map_err(told)?;
            // Read after the lease was taken: another hub may just have ended.
            let kept = self.kept(whose, refused).await.map_err(told)?;
            let now = self.now();
            if let Some(token) = kept.clone().filter(|token| now < token.renew_at) {
                if has_lease {
                    self.leave(whose, &owner).await;
                }
                return Ok(token);
            }
            let usable = kept.filter(|token| lasts(token, now));
            if !has_lease {
                match usable {
                    Some(token) => return Ok(token),
                    None => tokio::time::sleep(LOOK).await,
                }
                continue;
            }
            match self.renew(whose, &owner).await {
                Ok(Some(token)) => return Ok(token),
                Ok(None) => {}
                Err(error) => {
                    if is_passing(&error.kind) {
                        self.leave(whose, &owner).await;
                    } else {
                        self.end(whose, &owner).await;
                    }
                    return usable.filter(|_| is_passing(&error.kind)).ok_or(error);
                }
            }
        }
        Err(Kind::Unavailable.error("another hub is getting an access token, and takes too long"))
    }

    /// Asks the provider for another token and stores it; `None` when the account was linked anew meanwhile.
    async fn renew(&self, whose: Whose<'_>, owner: &str) -> connectors::Result<Option<Token>> {
        let (login, app) = self.login(whose).await.map_err(told)?;
        let Login::OAuth(Grant { provider, realm, refresh_token, .. }) = &login else {
            return Err(Kind::Unauthorized.error("this login is no grant"));
        };
        let Some(oauth) = self.parts.connectors.oauth(*provider, realm) else {
            return Err(Kind::WrongClient.error("this hub does not know the provider"));
        };
        let granted = self.refreshed(&oauth, &app, refresh_token).await?;
        self.store(whose, owner, refresh_token, &granted).await.map_err(told)
    }

    /// What stands for a sign-in server as a client meets it.
    fn endpoint_key(&self, client_id: &str) -> String {
        key_of(&self.parts.vault, &format!("tokens of {client_id}"))
    }

    /// Until when a client is to leave its sign-in server alone.
    pub(super) async fn closed_until(
        &self,
        client_id: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.parts.store.glance().await?;
        tx.hosts().closed_until(&self.endpoint_key(client_id), self.now()).await
    }

    /// Asks a token endpoint, unless it wants to be left alone: whoever shares the OAuth client heeds that.
    async fn refreshed(
        &self,
        oauth: &OAuth,
        app: &App,
        refresh_token: &SecretString,
    ) -> connectors::Result<Granted> {
        let key = self.endpoint_key(&app.client_id);
        let store = |error: StoreError| told(error.into());
        if let Some(until) = self.closed_until(&app.client_id).await.map_err(store)? {
            let wait = Duration::try_from(until.duration_since(self.now())).unwrap_or_default();
            let (retry_after, scope) = (Some(RetryAfter::In(wait)), Throttle::Account);
            return Err(Kind::Throttled { retry_after, scope }
                .error("the sign-in server asked to be left alone"));
        }
        let outcome = oauth.refresh(app, refresh_token).await;
        if let Err(connectors::Error {
            kind: Kind::Throttled { retry_after: Some(asked), .. },
            ..
        }) = &outcome
        {
            let now = self.now();
            let mut tx = self.parts.store.begin().await.map_err(store)?;
            tx.hosts().close(&key, not_before(now, *asked), now).await.map_err(store)?;
            tx.commit().await.map_err(store)?;
        }
        outcome
    }

    async fn store(
        &self,
        whose: Whose<'_>,
        owner: &str,
        used: &SecretString,
        granted: &Granted,
    ) -> Result<Option<Token>, SyncError> {
        let (tenant, connection) = whose;
        let is_same = |token: &SecretString| token.expose_secret() == used.expose_secret();
        let rotated = granted.refresh_token.as_ref().filter(|token| !is_same(token));
        let (token, times) = timed(granted, &*self.parts.clock, &*self.parts.entropy);
        for _ in 0..LOOKS {
            let mut tx = self.parts.store.begin().await?;
            let new = sealed(&self.parts.vault, &mut tx, whose, granted, times).await?;
            let Some(rotated) = rotated else {
                let is_kept = tx.grants().finish(tenant, connection, owner, &new).await?;
                tx.commit().await?;
                return Ok((is_kept || is_back(Bug::EveryoneRenews)).then_some(token));
            };
            let row = tx.connections().get(tenant, connection).await?.ok_or(SyncError::Gone)?;
            let login = open_login(&self.parts.vault, &mut tx, &row).await?;
            let Login::OAuth(grant) = login else {
                return Ok(None);
            };
            if !is_same(&grant.refresh_token) {
                return Ok(None);
            }
            let login = Login::OAuth(Grant { refresh_token: rotated.clone(), ..grant });
            let place = login_place(tenant, connection);
            let login = self.parts.vault.seal(&mut tx, place, &login.to_sealable()).await?;
            // Sealed anew since it was read, or linked anew: read it again.
            if tx.connections().swap_login(tenant, connection, &row.login, &login).await? {
                let given = tx.grants().get(tenant, connection).await?.and_then(|row| row.given_at);
                tx.grants().put(tenant, connection, &new, given).await?;
                tx.commit().await?;
                return Ok(Some(token));
            }
        }
        Ok(None)
    }

    async fn login(&self, (tenant, connection): Whose<'_>) -> Result<(Login, App), SyncError> {
        let mut tx = self.parts.store.read().await?;
        let row = tx.connections().get(tenant, connection).await?.ok_or(SyncError::Gone)?;
        let login = open_login(&self.parts.vault, &mut tx, &row).await?;
        let client_id = match &login {
            Login::OAuth(grant) => Some(grant.client_id.as_str()),
            Login::Caldav { .. } | Login::Ics { .. } => None,
        };
        let app = self.app(&mut tx, tenant, row.provider, client_id).await?;
        Ok((login, app))
    }

    /// The stored token, unless it is the refused one. One that does not open is as good as none.
    async fn kept(
        &self,
        (tenant, connection): Whose<'_>,
        refused: Option<&SecretString>,
    ) -> Result<Option<Token>, SyncError> {
        let mut tx = self.parts.store.read().await?;
        let Some(row) = tx.grants().get(tenant, connection).await? else { return Ok(None) };
        let (Some(token), Some(expires_at), Some(renew_at)) =
            (row.access_token, row.expires_at, row.renew_at)
        else {
            return Ok(None);
        };
        let place = token_place(tenant, connection);
        let secret = match self.parts.vault.unseal(&mut tx, place, &token).await {
            Ok(secret) => String::from_utf8(secret.to_vec()).unwrap_or_default().into(),
            Err(SecretsError::Tampered) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_refused = |secret: &SecretString| {
            refused.is_some_and(|refused| refused.expose_secret() == secret.expose_secret())
        };
        let token = Token { secret, expires_at, renew_at };
        Ok(Some(token).filter(|token| !is_refused(&token.secret)))
    }

    async fn take(&self, (tenant, connection): Whose<'_>, owner: &str) -> Result<bool, SyncError> {
        let mut tx = self.parts.store.begin().await?;
        if tx.connections().get(tenant, connection).await?.is_none() {
            return Err(SyncError::Gone);
        }
        let now = tx.now(&*self.parts.clock).await?;
        let taken = tx.grants().take(tenant, connection, owner, LEASE, now).await?;
        tx.commit().await?;
        Ok(taken)
    }

    /// The grant is dead: what came of it is of no use, and is not kept until its end.
    async fn end(&self, (tenant, connection): Whose<'_>, owner: &str) {
        let ended = async {
            let mut tx = self.parts.store.begin().await?;
            tx.grants().end(tenant, connection, owner, self.now()).await?;
            tx.commit().await
        };
        if let Err(error) = ended.await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "A dead grant's access token is left to its end.");
        }
    }

    async fn leave(&self, (tenant, connection): Whose<'_>, owner: &str) {
        let left = async {
            let mut tx = self.parts.store.begin().await?;
            tx.grants().leave(tenant, connection, owner).await?;
            tx.commit().await
        };
        if let Err(error) = left.await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "A token's lease is left to its end.");
        }
    }

    fn flight(&self, connection: &ConnectionId) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(connection.clone()).or_default())
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

impl Engine {
    /// A connection's access token, as its connector gets it.
    ///
    /// # Errors
    ///
    /// As [`Tokens::access_token`]; [`SyncError::Gone`] when there is no such connection.
    pub async fn access_token(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<SecretString, SyncError> {
        let row = self.store.read().await?.connections().get(tenant, connection).await?;
        let row = row.ok_or(SyncError::Gone)?;
        Ok(self.wallet.token((tenant, &row.connection_id), None).await?.secret)
    }
}

/// The tokens of one stored connection. What was read once is good until it is to be renewed.
struct StoredTokens {
    wallet: Arc<Wallet>,
    pace: Pace,
    tenant: TenantId,
    connection: ConnectionId,
    last: Mutex<Option<Token>>,
}

impl fmt::Debug for StoredTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTokens").field("connection", &self.connection).finish()
    }
}

impl StoredTokens {
    async fn another(&self, refused: Option<&SecretString>) -> connectors::Result<SecretString> {
        let token = self.wallet.token((&self.tenant, &self.connection), refused).await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever was good before was refused, or is about to end.
        *last = token.as_ref().ok().cloned();
        Ok(token?.secret)
    }
}

#[async_trait]
impl Tokens for StoredTokens {
    async fn access_token(&self) -> connectors::Result<SecretString> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last.filter(|token| self.wallet.now() < token.renew_at) {
            Some(token) => Ok(token.secret),
            None => self.another(None).await,
        }
    }

    async fn instead_of(&self, refused: &SecretString) -> connectors::Result<SecretString> {
        self.another(Some(refused)).await
    }

    async fn spend(&self, units: u32) -> connectors::Result<()> {
        self.wallet.quota.spend(&self.pace, units).await
    }
}

/// A grant that belongs to no connection yet.
#[derive(Debug)]
pub(crate) struct FreshGrant {
    wallet: Arc<Wallet>,
    pace: Pace,
    oauth: OAuth,
    app: App,
    given: SecretString,
    got: tokio::sync::Mutex<Option<Granted>>,
}

impl FreshGrant {
    /// `got` is what came with the grant, where it was given just now.
    pub(crate) fn new(
        (wallet, pace): (Arc<Wallet>, Pace),
        oauth: OAuth,
        app: App,
        refresh_token: SecretString,
        got: Option<Granted>,
    ) -> Self {
        Self { wallet, pace, oauth, app, given: refresh_token, got: tokio::sync::Mutex::new(got) }
    }

    /// What was granted, asked for at most once; with the refresh token that is good now.
    pub(crate) async fn granted(&self) -> connectors::Result<Granted> {
        let mut got = self.got.lock().await;
        let granted = match &*got {
            Some(granted) => granted.clone(),
            None => self.wallet.refreshed(&self.oauth, &self.app, &self.given).await?,
        };
        let refresh_token = granted.refresh_token.clone().unwrap_or_else(|| self.given.clone());
        let granted = Granted { refresh_token: Some(refresh_token), ..granted };
        Ok(got.insert(granted).clone())
    }
}

#[async_trait]
impl Tokens for FreshGrant {
    async fn access_token(&self) -> connectors::Result<SecretString> {
        Ok(self.granted().await?.access_token)
    }

    /// What a provider has just given and refuses at once is not asked for again.
    async fn instead_of(&self, _refused: &SecretString) -> connectors::Result<SecretString> {
        Err(Kind::Unauthorized.error("the access token that was just given is refused"))
    }

    async fn spend(&self, units: u32) -> connectors::Result<()> {
        self.wallet.quota.spend(&self.pace, units).await
    }
}

/// An access token for the store, sealed for its connection.
pub(crate) async fn kept_token(
    parts: (&Vault, &dyn Clock, &dyn Entropy),
    tx: &mut Tx,
    whose: Whose<'_>,
    granted: &Granted,
) -> Result<NewToken, SecretsError> {
    let (vault, clock, entropy) = parts;
    let (_, times) = timed(granted, clock, entropy);
    sealed(vault, tx, whose, granted, times).await
}

async fn sealed(
    vault: &Vault,
    tx: &mut Tx,
    (tenant, connection): Whose<'_>,
    granted: &Granted,
    Times { expires_at, renew_at, ends_at }: Times,
) -> Result<NewToken, SecretsError> {
    let place = token_place(tenant, connection);
    let plain = granted.access_token.expose_secret().as_bytes();
    let access_token = vault.seal(tx, place, plain).await?;
    let scope = granted.scope.clone();
    Ok(NewToken { access_token, expires_at, renew_at, scope, ends_at })
}

/// When a token ends and is renewed, and when its grant ends, where that is told.
#[derive(Clone, Copy, Debug)]
struct Times {
    expires_at: Timestamp,
    renew_at: Timestamp,
    ends_at: Option<Timestamp>,
}

/// When a token ends, and when it is renewed: minutes before, and not all at the same time.
fn timed(granted: &Granted, clock: &dyn Clock, entropy: &dyn Entropy) -> (Token, Times) {
    let mut random = [0; 8];
    entropy.fill(&mut random);
    let spread = u64::from_be_bytes(random) % SPREAD_MS;
    let ahead = Duration::from_millis(AHEAD_MS + spread).min(granted.lives / 3);
    let now = clock.now();
    let at = |life: Duration| now.saturating_add(life).unwrap_or(Timestamp::MAX);
    let (expires_at, renew_at) = (at(granted.lives), at(granted.lives.saturating_sub(ahead)));
    let token = Token { secret: granted.access_token.clone(), expires_at, renew_at };
    (token, Times { expires_at, renew_at, ends_at: granted.grant_lives.map(at) })
}

fn lasts(token: &Token, now: Timestamp) -> bool {
    now.saturating_add(TOO_SHORT).is_ok_and(|soon| soon < token.expires_at)
}

/// Whether a failure says nothing about the grant.
fn is_passing(kind: &Kind) -> bool {
    !matches!(kind, Kind::Unauthorized | Kind::MissingScope | Kind::AdminConsent)
}

async fn open_login(vault: &Vault, tx: &mut Tx, row: &ConnectionRow) -> Result<Login, SyncError> {
    let place = login_place(&row.tenant_id, &row.connection_id);
    let plain = vault.unseal(tx, place, &row.login).await?;
    let corrupt = StoreError::Corrupt { table: "connections", column: "login" };
    Login::from_sealable(&plain).ok_or(SyncError::Store(corrupt))
}

/// Where a connection's access token is sealed.
fn token_place<'a>(tenant: &'a TenantId, connection: &'a ConnectionId) -> Place<'a> {
    Place { tenant, row: connection.as_str(), column: "grants.access_token" }
}

/// Where the secret of a tenant's OAuth client is sealed.
pub(crate) fn app_place(tenant: &TenantId, provider: Provider) -> Place<'_> {
    Place { tenant, row: provider.as_str(), column: "provider_apps.secret" }
}

/// Connectors know no store: what is wrong with ours is no fault of the grant's.
fn told(error: SyncError) -> connectors::Error {
    match error {
        SyncError::Provider(error) => error,
        other => Kind::Unavailable.error("the hub cannot open its own store").caused_by(other),
    }
}
