//! `calhub serve`: the API and the engine in this process, until told to stop.

use std::io::IsTerminal as _;

use clap::Args;
use secrecy::ExposeSecret as _;

use super::{session::say, settings::Settings};
use crate::{
    config::{Config, Environment},
    serve::{Role, Running},
    telemetry,
};

/// Run a hub: the HTTP API and the engine that keeps calendars in sync
#[derive(Debug, Args)]
#[command(after_help = "\
On an empty machine this makes the data directory (database, key-encryption key), and prints the address and an
admin API key once. Ctrl-C or SIGTERM stops it in good order.

Examples:
  calhub serve
  calhub serve --data-dir /var/lib/calhub --listen 0.0.0.0:8420 --public-url https://hub.example.org
  calhub serve --database-url postgres://calhub@db/calhub --kek-file /run/secrets/kek
  CALHUB_ALLOW_NET=10.0.0.0/8 calhub serve      # calendars may also be read from that network

CALHUB_BOOTSTRAP_KEY=chk_<id>_<secret> installs that key on the first run instead of printing one.")]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(crate) async fn run(&self, environment: &Environment) -> anyhow::Result<()> {
        let config = self.settings.load(environment)?;
        start_logging(&config, environment)?;
        crate::serve::run(config, Role::Serve, announce, told_to_stop()?).await?;
        Ok(())
    }
}

/// Logs go to standard error, coloured only for a person.
pub(crate) fn start_logging(config: &Config, environment: &Environment) -> anyhow::Result<()> {
    super::run::arm(environment)?;
    let color = std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none();
    telemetry::start(&config.log, color)
        .map_err(|error| super::ending::Ending::WrongUse(error.to_string()))?;
    Ok(())
}

/// Tells where the hub is. A broken pipe must not end a hub that runs.
fn announce(running: &Running) {
    let _ = say(&welcome(running));
}

fn welcome(running: &Running) -> String {
    let base = format!("http://{}", running.address);
    let public = running.hub.config.public_url.as_ref().map(|_| running.hub.config.base_url());
    let mut lines = vec![format!("calhub {} listens on {base}", env!("CARGO_PKG_VERSION"))];
    lines.extend(public.map(|url| format!("  public address  {url}")));
    lines.push(format!("  data            {}", running.hub.config.data_dir.display()));
    lines.push(format!("  documentation   {base}/docs"));
    if let Some(key) = &running.first_key {
        lines.push(String::new());
        lines.push(format!("  admin API key   {}", key.expose_secret()));
        lines.push(
            "  This key is shown once. Keep it; `calhub keys create` makes others.".to_owned(),
        );
        lines.push(String::new());
        lines.push("  Try:  calhub connect ics --url webcal://...".to_owned());
        lines.push(format!("        curl -H 'Authorization: Bearer <key>' {base}/v1/connections"));
    }
    lines.join("\n")
}

/// Ends at Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When the signals cannot be listened to.
pub(crate) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
