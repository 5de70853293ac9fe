//! Trips to a provider's consent page and back, and what came of them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use connectors::{
    Kind,
    oauth::{Consent, OAuth, Realm},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{LinkError, LinkRequest, LinkUpdate, NewGrant, NotLetIn, Visit, Visits};
use crate::{
    audit::By,
    model::{
        ids::{ConnectionId, LinkSessionId},
        states::{Access, Provider},
    },
    secrets::mint_secret,
    store::OAuthTripRow,
    sync::{Grant, Login, refusal_word, scopes},
};

/// How long a trip to a consent page may take.
const TRIP: Duration = Duration::from_secs(600);

/// What a provider sent a browser back with.
#[derive(Debug, Default, Deserialize)]
pub struct Returned {
    pub state: Option<SecretString>,
    pub code: Option<SecretString>,
    pub error: Option<String>,
    pub error_description: Option<String>,
    pub iss: Option<String>,
}

impl Visits {
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
        let (client_id, realm) = self.linker.client(tenant, provider, None).await?;
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
            scopes: scopes(provider, access),
            state: &state,
            verifier: &self.verifier(&state),
            login_hint: visit.asked.login_hint.as_deref(),
        };
        Ok(self.oauth(provider, &realm)?.consent_url(&consent))
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

    fn oauth(&self, provider: Provider, realm: &Realm) -> Result<OAuth, LinkError> {
        let unknown = || Kind::WrongClient.error("this hub does not know the provider");
        Ok(self.linker.engine.connectors.oauth(provider, realm).ok_or_else(unknown)?)
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
        if trip.provider != provider {
            return Err(Unsettled("mixed_up".to_owned()));
        }
        let engine = &self.linker.engine;
        let app = {
            let mut tx = engine.store.read().await.map_err(LinkError::from)?;
            let client_id = Some(&*trip.client_id);
            engine.wallet.app(&mut tx, &trip.tenant_id, provider, client_id).await
        };
        let app = app.map_err(LinkError::from)?;
        let oauth = self.oauth(provider, &app.realm)?;
        // Somebody else's answer, brought to this provider's door.
        if returned.iss.as_deref().is_some_and(|iss| !oauth.is_issuer(iss)) {
            return Err(Unsettled("mixed_up".to_owned()));
        }
        if let Some(error) = &returned.error {
            let description = returned.error_description.as_deref();
            return Err(Unsettled(refusal_word(provider, error, description).to_owned()));
        }
        let code = returned.code.ok_or_else(|| Unsettled("no_code".to_owned()))?;
        let redirect = address(&trip.redirect)?;
        let granted = oauth.exchange(&app, &redirect, &code, &self.verifier(state)).await;
        let granted = granted.map_err(|error| match error.kind {
            Kind::Unauthorized => Unsettled("code_refused".to_owned()),
            _ => LinkError::Refused(error).into(),
        })?;
        let lacks = granted.scope.as_deref();
        let lacks = lacks.map(|scope| crate::sync::missing(provider, scope, trip.access));
        if let Some(lacks) = lacks.filter(|lacks| !lacks.is_empty()) {
            return Err(Unsettled(format!("missing_scope:{}", lacks.join(","))));
        }
        let refresh_token = granted
            .refresh_token
            .clone()
            .ok_or_else(|| Unsettled("no_refresh_token".to_owned()))?;
        let (client_id, realm, access) = (app.client_id, app.realm, trip.access);
        let login = Login::OAuth(Grant { provider, client_id, realm, refresh_token, access });
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

fn address(text: &str) -> Result<Url, LinkError> {
    let wrong = |_| Kind::Rejected.error("the hub's own address cannot be read");
    Ok(Url::parse(text).map_err(wrong)?)
}
