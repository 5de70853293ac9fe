//! A feed's address: its spellings, its login, its identity.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use crate::error::{Kind, Result};

/// Where a feed is, with the login that its address may carry.
#[derive(Clone)]
pub(super) struct Address {
    url: Url,
    /// An `Authorization` value.
    login: Option<SecretString>,
    identity: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("host", &self.host()).finish_non_exhaustive()
    }
}

impl Address {
    /// Reads an address as people have it: `webcal:` and `webcals:` mean https, and userinfo means Basic.
    pub(super) fn read(text: &SecretString) -> Result<Self> {
        let unusable = || Kind::Rejected.error("this is no address of a feed");
        let text = text.expose_secret().trim();
        let (scheme, rest) = text.split_once("://").ok_or_else(unusable)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "webcal" | "webcals" | "https" => "https",
            "http" => "http",
            _ => return Err(unusable()),
        };
        let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| unusable())?;
        url.host_str().filter(|host| !host.is_empty()).ok_or_else(unusable)?;
        url.set_fragment(None);
        let identity = digest(url.as_str());
        let login = (!url.username().is_empty()).then(|| basic(&url));
        url.set_username("").map_err(|()| unusable())?;
        url.set_password(None).map_err(|()| unusable())?;
        Ok(Self { url, login, identity })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or("the feed")
    }

    pub(super) fn login(&self) -> Option<&str> {
        self.login.as_ref().map(|login| login.expose_secret())
    }

    /// The same for every spelling of one address, and no way back to it.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }
}

fn basic(url: &Url) -> SecretString {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (plain(url.username()), plain(url.password().unwrap_or("")));
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))).into()
}

/// The first half of a SHA-256, in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
