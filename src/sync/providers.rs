//! The providers as the operator has set them up, and the connectors for each.

use std::{num::NonZeroU32, sync::Arc};

use connectors::{
    Connector, Kind,
    caldav::{self, Caldav},
    google::{self, Google},
    ics::Feed,
    microsoft::{self, Cloud, Microsoft},
    oauth::{App, Endpoints, OAuth, Realm, Tokens},
    transport::Transport,
};
use ipnet::IpNet;
use serde_json::Value;
use url::Url;

use super::connect::{Budget, Connectors, Grant, Login};
use crate::{
    config::OAuthApp,
    model::states::{Access, Provider},
};

/// Everyone who may sign in at Microsoft, at work, at school or at home.
const EVERYBODY: &str = "common";

/// Everything needed to reach every provider.
#[derive(Clone, Debug)]
pub struct Providers {
    transport: Transport,
    google: Place,
    microsoft: Place,
}

/// One provider whose accounts are signed in to by OAuth, as the operator has set it up.
#[derive(Clone, Debug)]
struct Place {
    /// Where the API and the sign-in server are, if not where they usually are.
    api: Option<Url>,
    authority: Option<Url>,
    /// Where the operator's own client is registered; a tenant's is registered where it says, or there.
    realm: Realm,
    app: Option<App>,
    budget: Budget,
}

impl Place {
    fn of(app: &OAuthApp) -> Self {
        let word = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let realm = Realm { cloud: word(&app.cloud), directory: word(&app.directory) };
        let secret = app.client_secret.clone().filter(|_| !app.client_id.is_empty());
        let client =
            |secret| App { client_id: app.client_id.clone(), secret, realm: realm.clone() };
        let client = secret.map(client);
        let (api, authority) = (app.base_url.clone(), app.oauth_base_url.clone());
        let budget = Budget {
            account: NonZeroU32::new(app.account_requests_per_minute),
            project: NonZeroU32::new(app.requests_per_minute),
        };
        Self { api, authority, realm, app: client, budget }
    }

    /// The cloud that a client is registered in; `None` where the operator has stated addresses, and it says nothing else.
    fn cloud(&self, realm: &Realm) -> Option<Cloud> {
        let stated = realm.cloud.as_deref().filter(|_| realm.cloud != self.realm.cloud);
        let usual = || self.realm.cloud.as_deref().and_then(Cloud::parse);
        stated.and_then(Cloud::parse).or_else(|| if self.api.is_some() { None } else { usual() })
    }
}

impl Providers {
    pub fn new(transport: Transport, google: &OAuthApp, microsoft: &OAuthApp) -> Self {
        Self { transport, google: Place::of(google), microsoft: Place::of(microsoft) }
    }

    fn graph(&self, realm: &Realm) -> microsoft::Settings {
        match (self.microsoft.cloud(realm), &self.microsoft.api) {
            (Some(cloud), _) => microsoft::Settings::of(cloud),
            (None, Some(api)) => microsoft::Settings { api: api.clone() },
            (None, None) => microsoft::Settings::default(),
        }
    }

    fn entra(&self, realm: &Realm) -> Endpoints {
        let cloud = self.microsoft.cloud(realm);
        let authority = match (cloud, &self.microsoft.authority) {
            (None, Some(authority)) => authority.clone(),
            (cloud, _) => cloud.unwrap_or_default().authority(),
        };
        let directory = realm.directory.as_deref().or(self.microsoft.realm.directory.as_deref());
        Endpoints::microsoft(&authority, directory.unwrap_or(EVERYBODY))
    }

    /// The connector of a grant. Where its provider is the operator has said, not the tenant: nothing is narrowed.
    fn granted(
        &self,
        grant: &Grant,
        learned: Value,
        tokens: Option<Arc<dyn Tokens>>,
    ) -> connectors::Result<Arc<dyn Connector>> {
        let tokens = tokens.ok_or_else(|| Kind::Unauthorized.error("there is no grant"))?;
        let transport = self.transport.clone();
        Ok(match grant.provider {
            Provider::Microsoft => {
                let (settings, access) = (self.graph(&grant.realm), microsoft_access(grant.access));
                Arc::new(Microsoft::new(transport, settings, tokens, access, learned)?)
            }
            Provider::Google | Provider::Caldav | Provider::Ics => {
                let usual = google::Settings::default();
                let settings =
                    self.google.api.clone().map_or(usual, |api| google::Settings { api });
                let access = google_access(grant.access);
                Arc::new(Google::new(transport, settings, tokens, access, learned)?)
            }
        })
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
            Login::OAuth(grant) => self.granted(grant, learned, tokens),
            Login::Caldav { .. } | Login::Ics { .. } => {
                self.transport.connect(login, learned, allow_net, tokens)
            }
        }
    }

    fn oauth(&self, provider: Provider, realm: &Realm) -> Option<OAuth> {
        let endpoints = match provider {
            Provider::Google => Endpoints::google(self.google.authority.as_ref()),
            Provider::Microsoft => self.entra(realm),
            Provider::Caldav | Provider::Ics => return None,
        };
        Some(OAuth::new(provider.as_str(), endpoints, self.transport.clone()))
    }

    fn app(&self, provider: Provider) -> Option<&App> {
        match provider {
            Provider::Google => self.google.app.as_ref(),
            Provider::Microsoft => self.microsoft.app.as_ref(),
            Provider::Caldav | Provider::Ics => None,
        }
    }

    fn budget(&self, provider: Provider) -> Budget {
        match provider {
            Provider::Google => self.google.budget,
            Provider::Microsoft => self.microsoft.budget,
            Provider::Caldav | Provider::Ics => Budget::default(),
        }
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
            Login::OAuth(_) => {
                return Err(Kind::WrongClient.error("this hub has no OAuth client"));
            }
        })
    }

    fn oauth(&self, _provider: Provider, _realm: &Realm) -> Option<OAuth> {
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

fn microsoft_access(access: Access) -> microsoft::Access {
    match access {
        Access::BusyOnly => microsoft::Access::BusyOnly,
        Access::Read => microsoft::Access::Read,
        Access::ReadWrite => microsoft::Access::ReadWrite,
    }
}

/// The scopes to ask a person for; none where a provider has no such thing.
pub(crate) fn scopes(provider: Provider, access: Access) -> &'static [&'static str] {
    match provider {
        Provider::Google => google::scopes(google_access(access)),
        Provider::Microsoft => microsoft::scopes(microsoft_access(access)),
        Provider::Caldav | Provider::Ics => &[],
    }
}

/// What a grant lacks for an access.
pub(crate) fn missing(provider: Provider, scope: &str, access: Access) -> Vec<&'static str> {
    match provider {
        Provider::Google => google::missing(scope, google_access(access)),
        Provider::Microsoft => microsoft::missing(scope, microsoft_access(access)),
        Provider::Caldav | Provider::Ics => Vec::new(),
    }
}

/// The most that a grant allows.
pub(crate) fn widest(provider: Provider, scope: &str) -> Option<Access> {
    [Access::ReadWrite, Access::Read, Access::BusyOnly]
        .into_iter()
        .find(|access| missing(provider, scope, *access).is_empty())
}

/// What a provider sent a browser back with instead of a code, in our words.
pub(crate) fn refusal_word(
    provider: Provider,
    error: &str,
    description: Option<&str>,
) -> &'static str {
    match (provider, error) {
        (Provider::Microsoft, _) => microsoft::at_consent(error, description),
        (_, "access_denied") => "denied",
        (_, "admin_policy_enforced" | "org_internal" | "consent_required") => {
            "admin_consent_required"
        }
        _ => "provider_refused",
    }
}

/// Whether a word names a cloud that a client can be registered in.
pub(crate) fn is_cloud(word: &str) -> bool {
    Cloud::parse(word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers(base: &str, oauth: &str, cloud: &str) -> Providers {
        let url = |text: &str| Url::parse(text).ok();
        let app = OAuthApp {
            client_id: String::new(),
            client_secret: None,
            client_secret_file: None,
            base_url: url(base),
            oauth_base_url: url(oauth),
            cloud: cloud.to_owned(),
            directory: String::new(),
            requests_per_minute: 0,
            account_requests_per_minute: 0,
        };
        let nobody = std::sync::Arc::new(Nobody);
        let transport = Transport::in_process(nobody, connectors::transport::Settings::default());
        Providers::new(transport, &app, &app)
    }

    #[derive(Debug)]
    struct Nobody;

    #[async_trait::async_trait]
    impl connectors::transport::Service for Nobody {
        async fn call(
            &self,
            _request: http::Request<bytes::Bytes>,
        ) -> Result<http::Response<bytes::Bytes>, connectors::transport::Cut> {
            Err(connectors::transport::Cut::Refused)
        }
    }

    #[test]
    fn a_client_is_met_in_its_own_cloud_and_directory() {
        let at = |providers: &Providers, cloud: Option<&str>, directory: Option<&str>| {
            let word = |text: Option<&str>| text.map(str::to_owned);
            let realm = Realm { cloud: word(cloud), directory: word(directory) };
            (providers.graph(&realm).api.to_string(), providers.entra(&realm).token.to_string())
        };
        let pair = |api: &str, token: &str| (api.to_owned(), token.to_owned());
        let usual = providers("", "", "");
        assert_eq!(
            at(&usual, None, None),
            pair(
                "https://graph.microsoft.com/",
                "https://login.microsoftonline.com/common/oauth2/v2.0/token"
            )
        );
        assert_eq!(
            at(&usual, Some("china"), Some("contoso.example")),
            pair(
                "https://microsoftgraph.chinacloudapi.cn/",
                "https://login.chinacloudapi.cn/contoso.example/oauth2/v2.0/token"
            )
        );
        let dod = providers("", "", "us_gov_dod");
        assert_eq!(at(&dod, None, None).0, "https://dod-graph.microsoft.us/");
        assert_eq!(at(&dod, Some("global"), None).0, "https://graph.microsoft.com/");
        let simulated = providers("http://127.0.0.1:1/", "http://127.0.0.1:2/", "");
        assert_eq!(
            at(&simulated, None, None),
            pair("http://127.0.0.1:1/", "http://127.0.0.1:2/common/oauth2/v2.0/token")
        );
    }
}
