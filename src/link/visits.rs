//! Visits to the hosted page: who may see it, trips to a provider's consent page and back, and what came of them.
//!
//! Three secrets, none of them stored: the one in the address opens a visit, once; the cookie of the browser that opened
//! it keeps it; and the `state` of a trip is good for one return. Of each a keyed hash is kept. The verifier of RFC 7636
//! is made from the state by a key of the hub's, and is not stored at all.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use connectors::{
    Kind,
    oauth::{Consent, OAuth},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;
use url::Url;

use super::{LinkError, LinkRequest, LinkUpdate, Linker, NewGrant};
use crate::{
    audit::{Act, By, Verb},
    drill::{Bug, is_back},
    model::{
        ids::{ConnectionId, LinkSessionId, ResourceId, TenantId},
        states::{Access, ConnectionState, Provider},
    },
    secrets::mint_secret,
    store::{LinkSessionRow, OAuthTripRow},
    sync::{Login, scopes},
};

/// How long a trip to a consent page may take.
const TRIP: Duration = Duration::from_secs(600);
/// How long a visit to link again lasts, and how long its address is good.
const AGAIN: Duration = Duration::from_secs(1800);
const AGAIN_GOOD_S: i64 = 7 * 86_400;
const DAY_S: i64 = 86_400;

/// What a visit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Link,
    Manage,
    Relink,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Manage => "manage",
            Self::Relink => "relink",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Link, Self::Manage, Self::Relink].into_iter().find(|it| it.as_str() == word)
    }
}

/// What the platform stated about a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// All when empty.
    pub providers: Vec<Provider>,
    pub access: Option<Access>,
    pub login_hint: Option<String>,
    pub locale: Option<String>,
    pub external_id: Option<String>,
    pub return_url: Option<String>,
}

/// A visit to be made.
#[derive(Clone, Debug)]
pub struct NewVisit {
    pub mode: Mode,
    pub connection: Option<ConnectionId>,
    pub resource: Option<ResourceId>,
    pub asked: Asked,
    pub lasts: Duration,
}

/// A visit.
#[derive(Clone, Debug)]
pub struct Visit {
    pub row: LinkSessionRow,
    pub mode: Mode,
    pub asked: Asked,
}

/// Why a browser is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotLetIn {
    /// There is no such visit or trip, or not any more.
    #[error("there is no such visit, or it has ended")]
    Ended,
    /// Another browser has it.
    #[error("another browser has opened this visit")]
    OtherBrowser,
    #[error("the visit could not be looked up")]
    Failed(#[from] LinkError),
}

impl From<crate::store::StoreError> for NotLetIn {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// What a provider sent a browser back with.
#[derive(Debug, Default, Deserialize)]
pub struct Returned {
    pub state: Option<SecretString>,
    pub code: Option<SecretString>,
    pub error: Option<String>,
    pub iss: Option<String>,
}

/// Visits to the page where accounts are linked.
#[derive(Clone, Debug)]
pub struct Visits {
    linker: Linker,
    base: String,
}

impl Visits {
    /// `base` is the address that others reach the hub under.
    pub fn new(linker: Linker, base: String) -> Self {
        Self { linker, base }
    }

    /// Where a provider sends people back to.
    pub fn redirect_uri(&self, provider: Provider) -> String {
        format!("{}/oauth/{}/callback", self.base, provider.as_str())
    }

    /// Whether browsers reach the hub over https.
    pub fn is_https(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// Whether people can be sent to this provider's consent page.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn has_app(&self, tenant: &TenantId, provider: Provider) -> Result<bool, LinkError> {
        match self.linker.client(tenant, provider, None).await {
            Ok(_) => Ok(true),
            Err(LinkError::Refused(error)) if error.kind == Kind::WrongClient => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a visit, and answers it with the address that opens it.
    ///
    /// # Errors
    ///
    /// [`LinkError::NotFound`] when the connection is not the tenant's.
    pub async fn make(
        &self,
        by: &By,
        tenant: &TenantId,
        session_id: LinkSessionId,
        new: NewVisit,
    ) -> Result<(Visit, SecretString), LinkError> {
        let engine = &self.linker.engine;
        let secret = mint_secret(&*engine.entropy);
        let now = engine.clock.now();
        let row = LinkSessionRow {
            tenant_id: tenant.clone(),
            session_id,
            hash: engine.vault.mac("link.address", &[secret.expose_secret().as_bytes()]).to_vec(),
            browser: None,
            mode: new.mode.as_str().to_owned(),
            connection_id: new.connection,
            resource_id: new.resource,
            asked: json!(new.asked),
            actor: by.actor.to_string(),
            status: "open".to_owned(),
            reason: None,
            linked: None,
            created_at: now,
            expires_at: now.saturating_add(new.lasts).unwrap_or(Timestamp::MAX),
        };
        let mut tx = engine.store.begin().await?;
        if let Some(connection) = &row.connection_id {
            let found = tx.connections().get(tenant, connection).await?;
            found.ok_or(LinkError::NotFound)?;
        }
        // An earlier try may have made it: nobody has its secret, which only the answer told.
        tx.link_sessions().delete(tenant, &row.session_id).await?;
        tx.link_sessions().insert(&row).await?;
        let act = Act::on(tenant, Verb::LinkSessionMade, row.session_id.as_str());
        engine.audit.note(&mut tx, by, act.with(json!({"mode": new.mode}))).await?;
        tx.commit().await?;
        let url = format!("{}/link/{}", self.base, secret.expose_secret());
        Ok((Visit { row, mode: new.mode, asked: new.asked }, url.into()))
    }

    /// Reads a visit for its tenant.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn get(
        &self,
        tenant: &TenantId,
        session: &LinkSessionId,
    ) -> Result<Option<Visit>, LinkError> {
        let row =
            self.linker.engine.store.read().await?.link_sessions().get(tenant, session).await?;
        Ok(row.and_then(visit))
    }

    /// Opens a visit by the secret in its address. The first browser gets a cookie, which it must show from then on.
    ///
    /// # Errors
    ///
    /// [`NotLetIn`].
    pub async fn open(
        &self,
        secret: &str,
        cookie_of: impl Fn(&LinkSessionId) -> Option<SecretString>,
    ) -> Result<(Visit, Option<SecretString>), NotLetIn> {
        let engine = &self.linker.engine;
        let hash = engine.vault.mac("link.address", &[secret.as_bytes()]);
        let mut tx = engine.store.begin().await?;
        let row = tx.link_sessions().by_hash(&hash).await?.into_iter().next();
        let mut visit = self.standing(row)?;
        let id = &visit.row.session_id;
        let shown = cookie_of(id);
        if visit.row.browser.is_some() {
            self.check(&visit.row, shown.as_ref())?;
            return Ok((visit, None));
        }
        let cookie = mint_secret(&*engine.entropy);
        let browser = self.browser(&visit.row, &cookie);
        if !tx.link_sessions().bind(&visit.row.tenant_id, id, &browser).await? {
            return Err(NotLetIn::OtherBrowser);
        }
        tx.commit().await?;
        visit.row.browser = Some(browser);
        Ok((visit, Some(cookie)))
    }

    /// Lets in the browser that has a visit.
    ///
    /// # Errors
    ///
    /// [`NotLetIn`].
    pub async fn enter(
        &self,
        session: &LinkSessionId,
        cookie: Option<&SecretString>,
    ) -> Result<Visit, NotLetIn> {
        let mut tx = self.linker.engine.store.read().await?;
        let rows = tx.link_sessions().by_id(session).await?;
        let is_mine = |row: &LinkSessionRow| self.check(row, cookie).is_ok();
        match rows.iter().position(is_mine) {
            Some(at) => self.standing(rows.into_iter().nth(at)),
            None if rows.is_empty() => Err(NotLetIn::Ended),
            None => Err(NotLetIn::OtherBrowser),
        }
    }

    fn standing(&self, row: Option<LinkSessionRow>) -> Result<Visit, NotLetIn> {
        let now = self.linker.engine.clock.now();
        row.filter(|row| now < row.expires_at).and_then(visit).ok_or(NotLetIn::Ended)
    }

    fn check(&self, row: &LinkSessionRow, cookie: Option<&SecretString>) -> Result<(), NotLetIn> {
        let is_it = |cookie: &SecretString| {
            row.browser.as_deref().is_some_and(|kept| kept.ct_eq(&self.browser(row, cookie)).into())
        };
        if cookie.is_some_and(is_it) || is_back(Bug::BrowserUnchecked) {
            Ok(())
        } else {
            Err(NotLetIn::OtherBrowser)
        }
    }

    fn browser(&self, row: &LinkSessionRow, cookie: &SecretString) -> Vec<u8> {
        let parts = [row.session_id.as_str().as_bytes(), cookie.expose_secret().as_bytes()];
        self.linker.engine.vault.mac("link.browser", &parts).to_vec()
    }

    /// What every form of a visit must carry.
    pub fn form_token(&self, visit: &Visit) -> String {
        let browser = visit.row.browser.as_deref().unwrap_or_default();
        let parts = [visit.row.session_id.as_str().as_bytes(), browser];
        URL_SAFE_NO_PAD.encode(self.linker.engine.vault.mac("link.form", &parts))
    }

    /// Whether a form came from the visit's own page.
    pub fn is_own_form(&self, visit: &Visit, token: &str) -> bool {
        visit.row.browser.is_some()
            && self.form_token(visit).as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// Notes how far a visit has come.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn note(
        &self,
        visit: &Visit,
        status: &str,
        reason: Option<&str>,
        linked: Option<&ConnectionId>,
    ) -> Result<(), LinkError> {
        let (tenant, id) = (&visit.row.tenant_id, &visit.row.session_id);
        let mut tx = self.linker.engine.store.begin().await?;
        tx.link_sessions().note(tenant, id, status, reason, linked).await?;
        Ok(tx.commit().await?)
    }

    /// Sends a browser to a provider's consent page, to link an account or to link a connection again.
    ///
    /// # Errors
    ///
    /// When there is no OAuth client.
    pub async fn depart(
        &self,
        visit: &Visit,
        provider: Provider,
        connection: Option<&ConnectionId>,
    ) -> Result<Url, LinkError> {
        let engine = &self.linker.engine;
        let tenant = &visit.row.tenant_id;
        let client_id = self.linker.client(tenant, provider, None).await?;
        let access = self.access_for(visit, connection).await?;
        let redirect = self.redirect_uri(provider);
        let state = mint_secret(&*engine.entropy);
        let trip = OAuthTripRow {
            tenant_id: tenant.clone(),
            session_id: visit.row.session_id.clone(),
            hash: self.state_hash(&state),
            provider,
            client_id,
            redirect,
            access,
            connection_id: connection.cloned(),
            expires_at: engine.clock.now().saturating_add(TRIP).unwrap_or(Timestamp::MAX),
        };
        let mut tx = engine.store.begin().await?;
        tx.link_sessions().begin_trip(&trip).await?;
        tx.commit().await?;
        let consent = Consent {
            client_id: &trip.client_id,
            redirect: &address(&trip.redirect)?,
            scopes: scopes(access),
            state: &state,
            verifier: &self.verifier(&state),
            login_hint: visit.asked.login_hint.as_deref(),
        };
        Ok(self.oauth(provider)?.consent_url(&consent))
    }

    /// What the platform asked for, or what a connection has that is linked again, or all.
    async fn access_for(
        &self,
        visit: &Visit,
        connection: Option<&ConnectionId>,
    ) -> Result<Access, LinkError> {
        let known = match connection {
            Some(id) => {
                let mut tx = self.linker.engine.store.read().await?;
                tx.connections().get(&visit.row.tenant_id, id).await?.map(|row| row.access)
            }
            None => None,
        };
        Ok(visit.asked.access.or(known).unwrap_or(Access::ReadWrite))
    }

    fn oauth(&self, provider: Provider) -> Result<&OAuth, LinkError> {
        let unknown = || Kind::WrongClient.error("this hub does not know the provider");
        Ok(self.linker.engine.connectors.oauth(provider).ok_or_else(unknown)?)
    }

    fn state_hash(&self, state: &SecretString) -> Vec<u8> {
        self.linker.engine.vault.mac("link.state", &[state.expose_secret().as_bytes()]).to_vec()
    }

    fn verifier(&self, state: &SecretString) -> SecretString {
        let parts = [state.expose_secret().as_bytes()];
        URL_SAFE_NO_PAD.encode(self.linker.engine.vault.mac("link.verifier", &parts)).into()
    }

    /// Takes a browser back from a provider. Its trip is over whatever comes of it, before anything else is looked at.
    /// Answers the visit, which notes what came of it.
    ///
    /// # Errors
    ///
    /// [`NotLetIn`] when it was on no trip of this hub, or is another browser.
    pub async fn arrive(
        &self,
        provider: Provider,
        returned: Returned,
        cookie_of: impl Fn(&LinkSessionId) -> Option<SecretString>,
    ) -> Result<Visit, NotLetIn> {
        let engine = &self.linker.engine;
        let state = returned.state.clone().ok_or(NotLetIn::Ended)?;
        let mut tx = engine.store.begin().await?;
        let trips = tx.link_sessions().take_trips(&self.state_hash(&state)).await?;
        let trip = trips.into_iter().next().ok_or(NotLetIn::Ended)?;
        let row = tx.link_sessions().get(&trip.tenant_id, &trip.session_id).await?;
        tx.commit().await?;
        let visit = self.standing(row)?;
        self.check(&visit.row, cookie_of(&trip.session_id).as_ref())?;
        if engine.clock.now() >= trip.expires_at {
            self.note(&visit, "open", Some("took_too_long"), None).await?;
            return Ok(visit);
        }
        match self.settle(&visit, provider, &trip, &state, returned).await {
            Ok(connection) => self.note(&visit, "linked", None, Some(&connection)).await?,
            Err(Unsettled(reason)) => {
                tracing::info!(session = %trip.session_id, reason, "An account was not linked.");
                self.note(&visit, "open", Some(&reason), None).await?;
            }
        }
        Ok(visit)
    }

    async fn settle(
        &self,
        visit: &Visit,
        provider: Provider,
        trip: &OAuthTripRow,
        state: &SecretString,
        returned: Returned,
    ) -> Result<ConnectionId, Unsettled> {
        let oauth = self.oauth(provider)?;
        // Somebody else's answer, brought to this provider's door.
        let is_foreign = returned.iss.as_deref().is_some_and(|iss| iss != oauth.issuer());
        if trip.provider != provider || is_foreign {
            return Err(Unsettled("mixed_up".to_owned()));
        }
        if let Some(error) = &returned.error {
            return Err(Unsettled(refusal_word(error).to_owned()));
        }
        let code = returned.code.ok_or_else(|| Unsettled("no_code".to_owned()))?;
        let engine = &self.linker.engine;
        let app = {
            let mut tx = engine.store.read().await.map_err(LinkError::from)?;
            let client_id = Some(&*trip.client_id);
            engine.wallet.app(&mut tx, &trip.tenant_id, provider, client_id).await
        };
        let app = app.map_err(LinkError::from)?;
        let redirect = address(&trip.redirect)?;
        let granted = oauth.exchange(&app, &redirect, &code, &self.verifier(state)).await;
        let granted = granted.map_err(|error| match error.kind {
            Kind::Unauthorized => Unsettled("code_refused".to_owned()),
            _ => LinkError::Refused(error).into(),
        })?;
        let lacks = granted.scope.as_deref().map(|scope| crate::sync::missing(scope, trip.access));
        if let Some(lacks) = lacks.filter(|lacks| !lacks.is_empty()) {
            return Err(Unsettled(format!("missing_scope:{}", lacks.join(","))));
        }
        let refresh_token = granted
            .refresh_token
            .clone()
            .ok_or_else(|| Unsettled("no_refresh_token".to_owned()))?;
        let (client_id, access) = (trip.client_id.clone(), trip.access);
        let login = Login::Google { client_id, refresh_token, access };
        let linker =
            self.linker.acting(By { actor: visit.row.actor.as_str().into(), request: None });
        match &trip.connection_id {
            Some(connection) => {
                let grant = Some(NewGrant { login, granted });
                let update = LinkUpdate { grant, ..LinkUpdate::default() };
                linker.update(&trip.tenant_id, connection, update, None).await?;
                Ok(connection.clone())
            }
            None => {
                let asked = LinkRequest {
                    login,
                    access: Some(access),
                    external_id: visit.asked.external_id.clone(),
                    metadata: None,
                };
                let linked = linker.link_granted(&trip.tenant_id, asked, Some(granted)).await?;
                Ok(linked.connection_id)
            }
        }
    }

    /// An address at which a person links a connection again, the same for a day. It lets nobody link another account,
    /// and shows nothing but which provider it is about.
    pub fn again_url(&self, tenant: &TenantId, connection: &ConnectionId) -> String {
        let now = self.linker.engine.clock.now().as_second();
        let until = (now + AGAIN_GOOD_S).div_euclid(DAY_S) * DAY_S;
        let proof = self.again_proof(tenant, connection, until);
        format!("{}/link/again/{tenant}/{connection}/{until}-{proof}", self.base)
    }

    fn again_proof(&self, tenant: &TenantId, connection: &ConnectionId, until: i64) -> String {
        let until = until.to_be_bytes();
        let parts = [tenant.as_str().as_bytes(), connection.as_str().as_bytes(), &until];
        URL_SAFE_NO_PAD.encode(self.linker.engine.vault.mac("link.again", &parts))
    }

    /// Makes a visit for whoever has such an address.
    ///
    /// # Errors
    ///
    /// [`NotLetIn::Ended`] when the address is none of ours, or too old, or the connection is gone.
    pub async fn again(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        proof: &str,
    ) -> Result<SecretString, NotLetIn> {
        let engine = &self.linker.engine;
        let (until, proof) = proof.split_once('-').ok_or(NotLetIn::Ended)?;
        let until: i64 = until.parse().map_err(|_| NotLetIn::Ended)?;
        let right = self.again_proof(tenant, connection, until);
        let is_right: bool = right.as_bytes().ct_eq(proof.as_bytes()).into();
        if !is_right || engine.clock.now().as_second() >= until {
            return Err(NotLetIn::Ended);
        }
        let row = engine.store.read().await?.connections().get(tenant, connection).await?;
        if row.is_none_or(|row| row.state == ConnectionState::Removing) {
            return Err(NotLetIn::Ended);
        }
        let new = NewVisit {
            mode: Mode::Relink,
            connection: Some(connection.clone()),
            resource: None,
            asked: Asked::default(),
            lasts: AGAIN,
        };
        let id = LinkSessionId::mint(&*engine.clock, &*engine.entropy);
        let by = By { actor: "page".into(), request: None };
        Ok(self.make(&by, tenant, id, new).await?.1)
    }
}

/// Why nothing was linked: a word for the visit.
struct Unsettled(String);

impl From<LinkError> for Unsettled {
    fn from(error: LinkError) -> Self {
        if let LinkError::Store(source) = &error {
            tracing::error!(error = source as &dyn std::error::Error, "An account was not linked.");
        }
        Self(error.code().to_owned())
    }
}

/// The provider's word for a refusal in ours.
fn refusal_word(error: &str) -> &'static str {
    match error {
        "access_denied" => "denied",
        "admin_policy_enforced" | "org_internal" | "consent_required" => "admin_consent_required",
        _ => "provider_refused",
    }
}

fn visit(row: LinkSessionRow) -> Option<Visit> {
    let mode = Mode::parse(&row.mode)?;
    let asked = serde_json::from_value(row.asked.clone()).ok()?;
    Some(Visit { row, mode, asked })
}

fn address(text: &str) -> Result<Url, LinkError> {
    let wrong = |_| Kind::Rejected.error("the hub's own address cannot be read");
    Ok(Url::parse(text).map_err(wrong)?)
}
