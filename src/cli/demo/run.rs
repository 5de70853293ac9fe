//! Starting the demo's hub and people, and stopping them.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    cast::{self, Cast},
    story::{Stage, directions},
};
use crate::{
    cli::{
        client::Client,
        ending::Ending,
        serve::{start_logging, told_to_stop},
        session::say,
        when,
    },
    clock::{Clock, SystemClock},
    config::{self, Config, Environment, Overrides},
    serve::{self, Role, Running},
};

/// Run a hub with simulated calendars and watch it answer, change and answer again
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing leaves this machine. The data directory is temporary unless you name an empty one.

Examples:
  calhub demo
  calhub demo --exit                 # stops after the story, for CI
  calhub demo --data-dir /tmp/hub --listen 127.0.0.1:9000")]
pub(crate) struct Demo {
    /// An empty directory for the hub's data, which stays [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// The address the API listens on [default: 127.0.0.1:8420, or a free port when that is taken]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,

    /// postgres://... [default: SQLite in the data directory]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// Stop after the story instead of running on
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub(crate) async fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        let stop = told_to_stop()?;
        let (dir, _temporary) = self.data_dir()?;
        let clock = SystemClock;
        let zone = when::zone(cast::ZONE).map_err(anyhow::Error::msg)?;
        let today = clock.now().to_zoned(zone.clone()).date();
        let cast = Cast::start(clock.now(), today).await.context("the simulators cannot listen")?;
        let config = self.config(environment, &dir, &cast.base)?;
        start_logging(&config, environment)?;
        cast.register(&config.base_url());
        let running = serve::start(config, Role::Serve).await?;
        let base = format!("http://{}", running.address);
        say(&format!("calhub demo: a hub at {base}, its data in {}\n", dir.display()))?;
        let told = async {
            let key = admin_key(&running, environment)?;
            let client = Client::at_url(Url::parse(&base)?, Some(key.clone()))?;
            let stage = Stage { client, cast, today, zone };
            let made = stage.play().await?;
            say(&format!("\n{}", directions(&base, key.expose_secret(), &dir, &made)))?;
            if !self.exit {
                say("\nThe hub runs on. Ctrl-C stops it.")?;
                std::future::pending::<()>().await;
            }
            anyhow::Ok(())
        };
        let ended = tokio::select! {
            ended = told => ended,
            () = stop => Ok(()),
        };
        running.stop().await;
        ended
    }

    fn data_dir(&self) -> anyhow::Result<(PathBuf, Option<tempfile::TempDir>)> {
        let Some(dir) = &self.data_dir else {
            let ours = std::fs::Permissions::from_mode(0o700);
            let made =
                tempfile::Builder::new().prefix("calhub-demo-").permissions(ours).tempdir()?;
            return Ok((made.path().to_owned(), Some(made)));
        };
        let is_used = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if is_used {
            let text = format!(
                "{} is not empty, and the demo would mix with what is there",
                dir.display()
            );
            return Err(Ending::WrongUse(text).into());
        }
        Ok((dir.clone(), None))
    }

    fn config(
        &self,
        environment: &Environment,
        dir: &std::path::Path,
        google: &str,
    ) -> anyhow::Result<Config> {
        let listen = self.listen.map_or_else(|| usual_port_or_any(environment), taken_port);
        let mut settings = vec![
            ("data_dir", dir.display().to_string()),
            // The providers of the demo reach it where it listens.
            ("public_url", format!("http://{listen}")),
            ("listen", listen),
            ("allow_net", "127.0.0.0/8".to_owned()),
            ("google.client_id", cast::CLIENT_ID.to_owned()),
            ("google.client_secret", cast::CLIENT_SECRET.to_owned()),
            ("google.base_url", google.to_owned()),
            ("google.oauth_base_url", format!("{google}/g")),
        ];
        // A real hub's settings may stand in the environment: the demo must never touch its database.
        settings.push(("database_url", self.database_url.clone().unwrap_or_default()));
        let unset = ["database_url_file", "kek_file", "google.client_secret_file"];
        settings.extend(unset.map(|name| (name, String::new())));
        if environment.get("CALHUB_LOG_FILTER").is_none() {
            settings.push(("log.filter", "warn".to_owned()));
        }
        let overrides = Overrides { file: None, settings };
        config::load(environment, &overrides)
            .map_err(|error| Ending::WrongUse(error.to_string()).into())
    }
}

fn usual_port_or_any(environment: &Environment) -> String {
    let usual = environment.get("CALHUB_LISTEN").unwrap_or("127.0.0.1:8420");
    match std::net::TcpListener::bind(usual) {
        Ok(_) => usual.to_owned(),
        Err(_) => taken_port(std::net::SocketAddr::from(([127, 0, 0, 1], 0))),
    }
}

/// The address with a port that is known before anybody listens there.
fn taken_port(at: std::net::SocketAddr) -> String {
    let free = std::net::TcpListener::bind(at).and_then(|listener| listener.local_addr());
    free.unwrap_or(at).to_string()
}

/// The key that was just made, or the one that the environment had installed.
fn admin_key(running: &Running, environment: &Environment) -> anyhow::Result<SecretString> {
    let installed = || environment.get("CALHUB_BOOTSTRAP_KEY").map(SecretString::from);
    let key = running.first_key.clone().or_else(installed);
    key.context("the hub had its key already; give the demo an empty database")
}
