//! Trying an OAuth client before anybody signs in with it, as `calhub doctor` does.

use connectors::{
    oauth::{App, Consent, Endpoints, OAuth, Realm, Refusal},
    transport::{Settings, Transport},
};
use secrecy::SecretString;
use url::Url;

use crate::{
    config::Config,
    model::states::{Access, Provider},
    sync::scopes,
};

/// What an OAuth client was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The provider takes it, and sends people back to this hub.
    Good,
    /// The hub's address is not among those that the client sends people back to.
    RedirectUnknown,
    /// The provider knows no such client.
    ClientUnknown,
    /// The client's secret is another.
    SecretRefused,
    /// The provider refuses for another reason.
    Refused,
    /// The provider could not be asked: why, in a fragment.
    NotAsked(String),
}

/// Google's sign-in server, as the settings name it.
#[derive(Debug)]
pub struct SignIn {
    oauth: OAuth,
}

impl SignIn {
    /// `None` when this machine can make no safe connection at all.
    pub fn google(config: &Config) -> Option<Self> {
        let settings = Settings { allow_net: config.allow_net.clone(), ..Settings::default() };
        let transport = Transport::over_network(settings).ok()?;
        let endpoints = Endpoints::google(config.google.oauth_base_url.as_ref());
        Some(Self { oauth: OAuth::new("google", endpoints, transport) })
    }

    /// Tries a client with the address that people are sent back to; its secret too, where it is known.
    pub async fn try_client(
        &self,
        client_id: &str,
        redirect: &str,
        secret: Option<&SecretString>,
    ) -> Trial {
        let Ok(redirect) = Url::parse(redirect) else { return Trial::RedirectUnknown };
        let consent = Consent {
            client_id,
            redirect: &redirect,
            scopes: scopes(Provider::Google, Access::ReadWrite),
            state: &SecretString::from("a-client-is-tried"),
            // Of the length that RFC 7636 wants; nobody comes back with it.
            verifier: &SecretString::from("0".repeat(43)),
            login_hint: None,
        };
        match self.oauth.knock(&consent).await {
            Err(error) => return Trial::NotAsked(error.to_string()),
            Ok(Some(Refusal::Redirect)) => return Trial::RedirectUnknown,
            Ok(Some(Refusal::Client)) => return Trial::ClientUnknown,
            Ok(Some(Refusal::Scope | Refusal::Other)) => return Trial::Refused,
            Ok(None) => {}
        }
        let Some(secret) = secret else { return Trial::Good };
        let app = App {
            client_id: client_id.to_owned(),
            secret: secret.clone(),
            realm: Realm::default(),
        };
        match self.oauth.takes(&app).await {
            Ok(true) => Trial::Good,
            Ok(false) => Trial::SecretRefused,
            Err(error) => Trial::NotAsked(error.to_string()),
        }
    }
}
