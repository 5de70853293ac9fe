//! Logs that a person can read, or that a machine can.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// Crates whose everyday lines mean nothing to a person who runs a hub.
const CHATTY: &str = "apalis";

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
    let hears_all = log.filter.contains(CHATTY);
    let quiet = filter_fn(move |metadata| hears_all || is_ours_or_grave(metadata));
    let registry = tracing_subscriber::registry().with(filter).with(quiet);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(color);
    let started = match log.format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    drop(started);
    Ok(())
}

/// A filter that names the chatty crates hears them all the same.
fn is_ours_or_grave(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with(CHATTY) || *metadata.level() <= Level::WARN
}
