//! The flags that state settings, and the configuration they lead to.

use std::path::PathBuf;

use clap::Args;

use super::ending::Ending;
use crate::config::{self, Config, ConfigError, Environment, Overrides};

/// Where the configuration and the data are.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Home {
    /// The configuration file (CALHUB_CONFIG) [default: config.toml in the data directory]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Settings")]
    config: Option<PathBuf>,

    /// Where the hub keeps its database, key and socket (CALHUB_DATA_DIR)
    #[arg(long, value_name = "DIR", global = true, help_heading = "Settings")]
    data_dir: Option<PathBuf>,
}

/// Settings of a hub. Each is also an environment variable and a line of the configuration file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Settings {
    #[command(flatten)]
    home: Home,

    /// The address the API listens on (CALHUB_LISTEN) [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,

    /// postgres://... for production (CALHUB_DATABASE_URL) [default: SQLite in the data directory]
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,

    /// The address others reach the hub under (CALHUB_PUBLIC_URL) [default: http://<listen>]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// The file with the key-encryption key, the same for every hub of a cell (CALHUB_KEK_FILE)
    #[arg(long, value_name = "FILE", global = true)]
    kek_file: Option<PathBuf>,

    /// A private or loopback network that calendars may be read from; can be repeated (CALHUB_ALLOW_NET)
    #[arg(long, value_name = "CIDR")]
    allow_net: Vec<ipnet::IpNet>,

    #[command(flatten)]
    apps: Apps,
}

/// OAuth clients of the operator's.
#[derive(Clone, Debug, Default, Args)]
struct Apps {
    /// The OAuth client for linking Google accounts (CALHUB_GOOGLE_CLIENT_ID)
    #[arg(long, value_name = "ID")]
    google_client_id: Option<String>,
    /// A file that holds that client's secret (CALHUB_GOOGLE_CLIENT_SECRET_FILE)
    #[arg(long, value_name = "FILE")]
    google_client_secret_file: Option<String>,
    /// Where Google's API is; only for simulators
    #[arg(long, value_name = "URL", hide = true)]
    google_base_url: Option<String>,
    /// Where Google's sign-in is; only for simulators
    #[arg(long, value_name = "URL", hide = true)]
    google_oauth_base_url: Option<String>,
    #[arg(long, hide = true)]
    microsoft_client_id: Option<String>,
    #[arg(long, hide = true)]
    microsoft_client_secret_file: Option<String>,
    #[arg(long, hide = true)]
    microsoft_base_url: Option<String>,
    #[arg(long, hide = true)]
    microsoft_oauth_base_url: Option<String>,
}

impl Home {
    /// Reads the configuration in force for commands that state nothing else.
    pub(crate) fn load(&self, environment: &Environment) -> anyhow::Result<Config> {
        load(environment, &self.overrides())
    }

    fn overrides(&self) -> Overrides {
        let data_dir = self.data_dir.iter().map(|dir| ("data_dir", dir.display().to_string()));
        Overrides { file: self.config.clone(), settings: data_dir.collect() }
    }
}

impl Settings {
    /// Reads the configuration in force.
    pub(crate) fn load(&self, environment: &Environment) -> anyhow::Result<Config> {
        load(environment, &self.overrides())
    }

    /// The settings in force, secrets hidden.
    pub(crate) fn in_force(&self, environment: &Environment) -> anyhow::Result<toml::Table> {
        config::in_force(environment, &self.overrides()).map_err(|error| wrong_use(&error).into())
    }

    /// What the flags state.
    fn overrides(&self) -> Overrides {
        let mut all = self.home.overrides();
        let nets: Vec<String> = self.allow_net.iter().map(ToString::to_string).collect();
        let stated = [
            ("listen", self.listen.map(|at| at.to_string())),
            ("database_url", self.database_url.clone()),
            ("public_url", self.public_url.clone()),
            ("kek_file", self.kek_file.as_ref().map(|file| file.display().to_string())),
            ("allow_net", (!nets.is_empty()).then(|| nets.join(","))),
            ("google.client_id", self.apps.google_client_id.clone()),
            ("google.client_secret_file", self.apps.google_client_secret_file.clone()),
            ("google.base_url", self.apps.google_base_url.clone()),
            ("google.oauth_base_url", self.apps.google_oauth_base_url.clone()),
            ("microsoft.client_id", self.apps.microsoft_client_id.clone()),
            ("microsoft.client_secret_file", self.apps.microsoft_client_secret_file.clone()),
            ("microsoft.base_url", self.apps.microsoft_base_url.clone()),
            ("microsoft.oauth_base_url", self.apps.microsoft_oauth_base_url.clone()),
        ];
        all.settings
            .extend(stated.into_iter().filter_map(|(name, text)| text.map(|text| (name, text))));
        all
    }
}

fn load(environment: &Environment, overrides: &Overrides) -> anyhow::Result<Config> {
    config::load(environment, overrides).map_err(|error| wrong_use(&error).into())
}

/// A configuration that cannot be used is wrong use.
fn wrong_use(error: &ConfigError) -> Ending {
    Ending::WrongUse(match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}
