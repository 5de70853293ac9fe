//! The settings as types. One struct a section; `config.default.toml` says what each is for.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de};
use url::Url;

/// Everything the operator can decide.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Never empty once loaded.
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    #[serde(deserialize_with = "optional_url")]
    pub public_url: Option<Url>,
    /// Holds a password, so it is a secret as a whole.
    #[serde(deserialize_with = "optional_secret")]
    pub database_url: Option<SecretString>,
    #[serde(deserialize_with = "optional_path")]
    pub database_url_file: Option<PathBuf>,
    #[serde(deserialize_with = "optional_path")]
    pub kek_file: Option<PathBuf>,
    pub allow_net: Vec<IpNet>,
    #[serde(deserialize_with = "optional_secret")]
    pub bootstrap_key: Option<SecretString>,
    #[serde(deserialize_with = "optional_path")]
    pub bootstrap_key_file: Option<PathBuf>,
    pub http: Http,
    pub sync: Sync,
    pub keep: Keep,
    pub log: Log,
    pub google: OAuthApp,
    pub microsoft: OAuthApp,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub requests_per_minute: u32,
    pub burst: u32,
    pub refreshes_per_minute: u32,
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Duration,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    pub workers: usize,
    #[serde(deserialize_with = "duration")]
    pub window_back: Duration,
    #[serde(deserialize_with = "duration")]
    pub window_ahead: Duration,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    #[serde(deserialize_with = "duration")]
    pub changes: Duration,
    #[serde(deserialize_with = "duration")]
    pub idempotency: Duration,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// The operator's own OAuth client at a provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthApp {
    pub client_id: String,
    #[serde(deserialize_with = "optional_secret")]
    pub client_secret: Option<SecretString>,
    #[serde(deserialize_with = "optional_path")]
    pub client_secret_file: Option<PathBuf>,
    #[serde(deserialize_with = "optional_url")]
    pub base_url: Option<Url>,
    #[serde(deserialize_with = "optional_url")]
    pub oauth_base_url: Option<Url>,
    /// Of Microsoft's: the cloud that the client is registered in, and the directory of those who may sign in.
    #[serde(default)]
    pub cloud: String,
    #[serde(default)]
    pub directory: String,
    /// What the provider lets all accounts of the client ask in a minute, and one of them; 0 for no limit.
    #[serde(default)]
    pub requests_per_minute: u32,
    #[serde(default)]
    pub account_requests_per_minute: u32,
}

impl Config {
    /// The file that holds the key-encryption key.
    pub fn kek_path(&self) -> PathBuf {
        self.kek_file.clone().unwrap_or_else(|| self.data_dir.join("kek"))
    }

    /// The address of the database in force.
    pub fn store_url(&self) -> SecretString {
        self.database_url.clone().unwrap_or_else(|| {
            let file = self.data_dir.join("calhub.db").display().to_string();
            SecretString::from(format!("sqlite:{}", file.replace('%', "%25").replace('?', "%3F")))
        })
    }

    /// The file of an SQLite database; `None` on PostgreSQL.
    pub fn store_file(&self) -> Option<PathBuf> {
        let Some(url) = &self.database_url else { return Some(self.data_dir.join("calhub.db")) };
        let path = url.expose_secret().strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        Some(path.split('?').next().unwrap_or(path).into())
    }

    /// The local hub's socket.
    pub fn socket_path(&self) -> PathBuf {
        self.data_dir.join("calhub.sock")
    }

    /// The address that others reach the hub under, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.public_url.as_ref().map_or_else(
            || format!("http://{}", self.listen),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        )
    }
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Some(String::deserialize(from)?).filter(|text| !text.is_empty()))
}

fn optional_path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(text(from)?.map(PathBuf::from))
}

fn optional_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(text(from)?.map(SecretString::from))
}

fn optional_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    text(from)?.map(|text| text.parse().map_err(de::Error::custom)).transpose()
}

/// Reads `"15m"`, `"35d"`, `"1h 30m"`.
fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    struct Written;
    impl de::Visitor<'_> for Written {
        type Value = Duration;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"15m\", \"72h\" or \"35d\"")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            let span: jiff::Span = text.parse().map_err(E::custom)?;
            let exact =
                span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(E::custom)?;
            Duration::try_from(exact).map_err(E::custom)
        }
    }
    from.deserialize_str(Written)
}
