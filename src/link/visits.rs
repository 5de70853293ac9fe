//! Visits to the hosted page, and who may see it.
//!
//! Three secrets, none of them stored: the one in the address opens a visit, once, when somebody
//! presses a button; the cookie of the browser that opened
//! it keeps it; and the `state` of a trip is good for one return. Of each a keyed hash is kept. The verifier of RFC 7636
//! is made from the state by a key of the hub's, and is not stored at all.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use connectors::Kind;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{LinkError, Linker};
use crate::{
    audit::{Act, By, Verb},
    drill::{Bug, is_back},
    model::{
        ids::{ConnectionId, LinkSessionId, ResourceId, TenantId},
        states::{Access, Provider},
    },
    secrets::mint_secret,
    store::LinkSessionRow,
};

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

/// Visits to the page where accounts are linked.
#[derive(Clone, Debug)]
pub struct Visits {
    pub(super) linker: Linker,
    pub(super) base: String,
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

    /// Lists a tenant's visits in the order in which they were made.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(
        &self,
        tenant: &TenantId,
        after: Option<&LinkSessionId>,
        limit: i64,
    ) -> Result<Vec<Visit>, LinkError> {
        let mut tx = self.linker.engine.store.read().await?;
        let rows = tx.link_sessions().list(tenant, after, limit).await?;
        Ok(rows.into_iter().filter_map(visit).collect())
    }

    /// Looks at a visit by the secret in its address and ties it to nobody: mail is read by programs that open every
    /// address in it. `None` while no browser has it.
    ///
    /// # Errors
    ///
    /// [`NotLetIn`]; [`NotLetIn::OtherBrowser`] when the browser that has it is another one.
    pub async fn look(
        &self,
        secret: &str,
        cookie_of: impl Fn(&LinkSessionId) -> Option<SecretString>,
    ) -> Result<Option<Visit>, NotLetIn> {
        let hash = self.linker.engine.vault.mac("link.address", &[secret.as_bytes()]);
        let mut tx = self.linker.engine.store.read().await?;
        let visit = self.standing(tx.link_sessions().by_hash(&hash).await?.into_iter().next())?;
        if visit.row.browser.is_none() {
            return Ok(None);
        }
        self.check(&visit.row, cookie_of(&visit.row.session_id).as_ref())?;
        Ok(Some(visit))
    }

    /// Opens a visit by the secret in its address, for somebody who has pressed a button. The first browser gets a
    /// cookie, which it must show from then on.
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

    pub(super) fn standing(&self, row: Option<LinkSessionRow>) -> Result<Visit, NotLetIn> {
        let now = self.linker.engine.clock.now();
        row.filter(|row| now < row.expires_at).and_then(visit).ok_or(NotLetIn::Ended)
    }

    pub(super) fn check(
        &self,
        row: &LinkSessionRow,
        cookie: Option<&SecretString>,
    ) -> Result<(), NotLetIn> {
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
}

fn visit(row: LinkSessionRow) -> Option<Visit> {
    let mode = Mode::parse(&row.mode)?;
    let asked = serde_json::from_value(row.asked.clone()).ok()?;
    Some(Visit { row, mode, asked })
}
