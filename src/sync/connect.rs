//! Logins as they are kept, and the connectors made from them.

use std::{fmt, num::NonZeroU32, sync::Arc};

use connectors::{
    Connector,
    oauth::{App, OAuth, Realm, Tokens},
};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    model::{
        ids::TenantId,
        states::{Access, Provider},
    },
    store::{StoreError, Tx},
};

/// Everything needed to sign in somewhere. Sealed at rest; printing it shows only the provider.
#[derive(Clone)]
pub enum Login {
    Caldav { url: String, username: String, password: SecretString },
    Ics { url: SecretString },
    OAuth(Grant),
}

/// A grant that a person has given to an OAuth client.
#[derive(Clone)]
pub struct Grant {
    pub provider: Provider,
    pub client_id: String,
    /// Where the client is registered.
    pub realm: Realm,
    pub refresh_token: SecretString,
    pub access: Access,
}

/// By what a conversation with a provider is paced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) provider: Provider,
    /// One conversation at a time: the host, or the account where one host answers for everybody.
    pub(crate) place: String,
    /// What all accounts of one OAuth client share.
    pub(crate) project: Option<String>,
}

/// The form under the seal.
#[derive(Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
enum Kept {
    Caldav { url: String, username: String, password: String },
    Ics { url: String },
    Google(KeptGrant),
    Microsoft(KeptGrant),
}

#[derive(Serialize, Deserialize)]
struct KeptGrant {
    client_id: String,
    #[serde(default)]
    realm: Realm,
    refresh_token: String,
    access: Access,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.provider().as_str())
    }
}

impl Login {
    pub fn provider(&self) -> Provider {
        match self {
            Self::Caldav { .. } => Provider::Caldav,
            Self::Ics { .. } => Provider::Ics,
            Self::OAuth(grant) => grant.provider,
        }
    }

    /// What paces a conversation by this login. `identity` is the account's, where it is known; nobody else talks to
    /// one that is not known yet.
    pub(crate) fn pace(&self, identity: Option<&str>) -> Pace {
        match self {
            Self::Caldav { .. } | Self::Ics { .. } => {
                Pace { provider: self.provider(), place: self.host(), project: None }
            }
            Self::OAuth(Grant { provider, client_id, refresh_token, .. }) => Pace {
                provider: *provider,
                place: format!(
                    "{} {}",
                    provider.as_str(),
                    identity.unwrap_or(refresh_token.expose_secret())
                ),
                project: Some(format!("{} client {client_id}", provider.as_str())),
            },
        }
    }

    /// The host to be polite to; the address as written where it names none.
    pub fn host(&self) -> String {
        let address = match self {
            Self::Caldav { url, .. } => url.as_str(),
            Self::Ics { url } => url.expose_secret(),
            Self::OAuth(grant) => grant.provider.as_str(),
        };
        let host = url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.unwrap_or_else(|| {
            let bare = address.rsplit('@').next().unwrap_or_default();
            bare.split('/').next().unwrap_or_default().to_ascii_lowercase()
        })
    }

    /// The text to be sealed.
    pub fn to_sealable(&self) -> Zeroizing<Vec<u8>> {
        let kept = match self {
            Self::Caldav { url, username, password } => Kept::Caldav {
                url: url.clone(),
                username: username.clone(),
                password: password.expose_secret().to_owned(),
            },
            Self::Ics { url } => Kept::Ics { url: url.expose_secret().to_owned() },
            Self::OAuth(grant) => grant.kept(),
        };
        Zeroizing::new(serde_json::to_vec(&kept).expect("plain strings always serialise"))
    }

    /// Reads what was sealed, or `None` when this version does not know it.
    pub fn from_sealable(plain: &[u8]) -> Option<Self> {
        Some(match serde_json::from_slice(plain).ok()? {
            Kept::Caldav { url, username, password } => {
                Self::Caldav { url, username, password: password.into() }
            }
            Kept::Ics { url } => Self::Ics { url: url.into() },
            Kept::Google(kept) => Self::OAuth(kept.open(Provider::Google)),
            Kept::Microsoft(kept) => Self::OAuth(kept.open(Provider::Microsoft)),
        })
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({})", self.provider.as_str())
    }
}

impl Grant {
    fn kept(&self) -> Kept {
        let kept = KeptGrant {
            client_id: self.client_id.clone(),
            realm: self.realm.clone(),
            refresh_token: self.refresh_token.expose_secret().to_owned(),
            access: self.access,
        };
        if self.provider == Provider::Microsoft {
            Kept::Microsoft(kept)
        } else {
            Kept::Google(kept)
        }
    }
}

impl KeptGrant {
    fn open(self, provider: Provider) -> Grant {
        let Self { client_id, realm, refresh_token, access } = self;
        Grant { provider, client_id, realm, refresh_token: refresh_token.into(), access }
    }
}

/// Makes connectors. The engine takes this as an argument, so that tests can put their own in its place.
pub trait Connectors: fmt::Debug + Send + Sync {
    /// Makes the connector of one login; nothing is sent yet. Of the private networks that the hub may
    /// reach, only those in `allow_net` are left, where it is given. `tokens` are those of a grant.
    ///
    /// # Errors
    ///
    /// When the login's address cannot be one.
    fn connect(
        &self,
        login: &Login,
        learned: Value,
        allow_net: Option<&[IpNet]>,
        tokens: Option<Arc<dyn Tokens>>,
    ) -> connectors::Result<Arc<dyn Connector>>;

    /// Where people sign in at a provider, if it is by OAuth, to a client that is registered there.
    fn oauth(&self, provider: Provider, realm: &Realm) -> Option<OAuth>;

    /// The operator's own OAuth client at a provider.
    fn app(&self, provider: Provider) -> Option<&App>;

    /// What a provider lets its accounts ask in a minute, where it says so.
    fn budget(&self, _provider: Provider) -> Budget {
        Budget::default()
    }
}

/// Requests a minute, by what a provider counts them; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Of one account.
    pub account: Option<NonZeroU32>,
    /// Of all accounts of one OAuth client.
    pub project: Option<NonZeroU32>,
}

/// The private networks that a tenant was narrowed to; `None` where it may reach all that the hub may. A
/// network that cannot be read is none.
pub(crate) async fn allowed_networks(
    tx: &mut Tx,
    tenant: &TenantId,
) -> Result<Option<Vec<IpNet>>, StoreError> {
    let row = tx.tenants().get(tenant).await?;
    let stated = row.and_then(|row| row.allow_net);
    Ok(stated.map(|nets| nets.iter().filter_map(|net| net.parse().ok()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_reads_back_and_never_prints_its_secret() {
        let login = Login::Caldav {
            url: "https://dav.example.org/x".into(),
            username: "anna".into(),
            password: "hunter2".to_owned().into(),
        };
        let back = Login::from_sealable(&login.to_sealable()).unwrap();
        assert!(
            matches!(&back, Login::Caldav { password, .. } if password.expose_secret() == "hunter2")
        );
        assert_eq!(format!("{back:?}"), "Login(caldav)");
        assert_eq!(back.host(), "dav.example.org");
    }

    #[test]
    fn the_host_is_found_without_a_scheme_too() {
        let host = |url: &str| {
            let (username, password) = (String::new(), String::new().into());
            Login::Caldav { url: url.into(), username, password }.host()
        };
        assert_eq!(host("anna@Example.org"), "example.org");
        assert_eq!(host("dav.example.org/path"), "dav.example.org");
    }
}
