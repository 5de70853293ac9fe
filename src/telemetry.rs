//! Logs that a person can read, or that a machine can.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Log, LogFormat};

/// The log filter is not one.
#[derive(Debug, thiserror::Error)]
#[error("log.filter is not a filter such as \"info\" or \"info,calhub::sync=debug\"")]
pub struct BadFilter;

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
///
/// [`BadFilter`] when `log.filter` cannot be read.
pub fn start(log: &Log, color: bool) -> Result<(), BadFilter> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|_| BadFilter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(color);
    let started = match log.format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    drop(started);
    Ok(())
}
