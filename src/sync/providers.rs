//! The providers as the operator has set them up, and the connectors for each.

use std::sync::Arc;

use connectors::{
    Connector, Kind,
    caldav::{self, Caldav},
    google::{self, Google},
    ics::Feed,
    oauth::{App, Endpoints, OAuth, Tokens},
    transport::Transport,
};
use ipnet::IpNet;
use serde_json::Value;

use super::connect::{Connectors, Login};
use crate::{
    config::OAuthApp,
    model::states::{Access, Provider},
};

/// Everything needed to reach every provider.
#[derive(Clone, Debug)]
pub struct Providers {
    transport: Transport,
    google: Place,
}

/// One provider whose accounts are signed in to by OAuth.
#[derive(Clone, Debug)]
struct Place {
    api: google::Settings,
    oauth: OAuth,
    app: Option<App>,
}

impl Providers {
    pub fn new(transport: Transport, google: &OAuthApp) -> Self {
        let usual = google::Settings::default();
        let api = google.base_url.clone().map_or(usual, |api| google::Settings { api });
        let endpoints = Endpoints::google(google.oauth_base_url.as_ref());
        let oauth = OAuth::new("google", endpoints, transport.clone());
        let secret = google.client_secret.clone().filter(|_| !google.client_id.is_empty());
        let app = secret.map(|secret| App { client_id: google.client_id.clone(), secret });
        Self { transport, google: Place { api, oauth, app } }
    }
}

impl Connectors for Providers {
    fn connect(
        &self,
        login: &Login,
        learned: Value,
        allow_net: Option<&[IpNet]>,
        tokens: Option<Arc<dyn Tokens>>,
    ) -> connectors::Result<Arc<dyn Connector>> {
        match login {
            // Where it is the operator has said, not the tenant: nothing is narrowed.
            Login::Google { access, .. } => {
                let tokens = tokens.ok_or_else(|| Kind::Unauthorized.error("there is no grant"))?;
                let (transport, api) = (self.transport.clone(), self.google.api.clone());
                let connector =
                    Google::new(transport, api, tokens, google_access(*access), learned)?;
                Ok(Arc::new(connector))
            }
            Login::Caldav { .. } | Login::Ics { .. } => {
                self.transport.connect(login, learned, allow_net, tokens)
            }
        }
    }

    fn oauth(&self, provider: Provider) -> Option<&OAuth> {
        (provider == Provider::Google).then_some(&self.google.oauth)
    }

    fn app(&self, provider: Provider) -> Option<&App> {
        self.google.app.as_ref().filter(|_| provider == Provider::Google)
    }
}

/// A bare transport reaches whatever has an address of its own.
impl Connectors for Transport {
    fn connect(
        &self,
        login: &Login,
        learned: Value,
        allow_net: Option<&[IpNet]>,
        _tokens: Option<Arc<dyn Tokens>>,
    ) -> connectors::Result<Arc<dyn Connector>> {
        let transport = match allow_net {
            Some(nets) => self.narrowed(nets)?,
            None => self.clone(),
        };
        Ok(match login {
            Login::Caldav { url, username, password } => {
                let login = caldav::Login::with_password(url, username, password.clone());
                Arc::new(Caldav::connect(transport, login, learned)?)
            }
            Login::Ics { url } => Arc::new(Feed::new(transport, url.clone(), learned)?),
            Login::Google { .. } => {
                return Err(Kind::WrongClient.error("this hub has no OAuth client"));
            }
        })
    }

    fn oauth(&self, _provider: Provider) -> Option<&OAuth> {
        None
    }

    fn app(&self, _provider: Provider) -> Option<&App> {
        None
    }
}

fn google_access(access: Access) -> google::Access {
    match access {
        Access::BusyOnly => google::Access::BusyOnly,
        Access::Read => google::Access::Read,
        Access::ReadWrite => google::Access::ReadWrite,
    }
}

/// The scopes to ask a person for.
pub(crate) fn scopes(access: Access) -> &'static [&'static str] {
    google::scopes(google_access(access))
}

/// What a grant lacks for an access.
pub(crate) fn missing(scope: &str, access: Access) -> Vec<&'static str> {
    google::missing(scope, google_access(access))
}

/// The most that a grant allows.
pub(crate) fn widest(scope: &str) -> Option<Access> {
    [Access::ReadWrite, Access::Read, Access::BusyOnly]
        .into_iter()
        .find(|access| missing(scope, *access).is_empty())
}
