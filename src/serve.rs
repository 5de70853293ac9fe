//! Running a hub: the first run, the parts, the listeners, and stopping in good order.

mod name;
mod time;

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use connectors::transport::{Settings, Transport};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinHandle,
};

use self::{
    name::{Name, take_name},
    time::Time,
};
use crate::{
    audit::{Act, By, Sealing, Verb},
    booking::Desk,
    clock::{Clock, Entropy, SystemEntropy},
    config::Config,
    drill::{Point, reach},
    http::{self, Api, Listeners, Scope, Token},
    hub::{DEFAULT_TENANT, Hub},
    index::{Index, Tail},
    link::{Linker, Visits},
    model::ids::{KeyId, TenantId},
    queue::{self, Queue},
    secrets::{Kek, SecretsError, Vault, mint_secret},
    store::{KeyRow, Options, REQUESTS_KEPT, Store, StoreError, TenantRow},
    sync::{self, Connectors, Engine, Providers, Traffic},
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
    DataDir { path: PathBuf, source: io::Error },
    #[error("cannot open the store")]
    Store(#[from] StoreError),
    #[error("cannot open the secrets")]
    Secrets(#[from] SecretsError),
    #[error(
        "CALHUB_BOOTSTRAP_KEY must look like chk_<id>_<secret>, the secret of 16 characters or more"
    )]
    BootstrapKey,
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot make the client that talks to providers")]
    Transport(#[source] connectors::Error),
    #[error("the API ended by itself")]
    Ended(#[source] io::Error),
}

/// A hub that runs: its API answers and its engine pulls.
#[derive(Debug)]
pub struct Running {
    pub hub: Arc<Hub>,
    /// Where the API listens, with the real port when 0 was asked for.
    pub address: SocketAddr,
    /// The admin key that was just made; only on the first run, and only this once.
    pub first_key: Option<SecretString>,
    stop: watch::Sender<bool>,
    api: Option<JoinHandle<io::Result<()>>>,
    queue: Queue,
    chores: Vec<JoinHandle<()>>,
    _name: Name,
}

impl Running {
    /// Stops listening, lets requests and pulls in flight end, and closes the store.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Some(api) = self.api {
            report(api.await);
        }
        self.queue.ended().await;
        for chore in &self.chores {
            chore.abort();
        }
        if let Err(error) = self.hub.engine.give_back().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "Leases end by themselves.");
        }
        self.hub.store.close().await;
        // The next hub makes its own; one that is left behind only looks alive.
        let _ = fs::remove_file(self.hub.config.socket_path());
        tracing::info!("Stopped.");
    }

    /// Waits until the API ends, which it does only by a fault.
    async fn ended(&mut self) -> ServeError {
        match &mut self.api {
            Some(api) => {
                let ended = api.await;
                let error = match ended {
                    Ok(Err(error)) => error,
                    Ok(Ok(())) | Err(_) => io::Error::other("the listener's task is gone"),
                };
                self.api = None;
                ServeError::Ended(error)
            }
            None => std::future::pending().await,
        }
    }
}

fn report(ended: Result<io::Result<()>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "The API ended badly."),
        Err(error) => tracing::error!(%error, "The API ended by a panic."),
    }
}

/// Starts a hub: makes the data directory, migrates, loads the index, listens.
///
/// # Errors
///
/// [`ServeError`] when a part cannot be had; nothing runs then.
pub async fn start(config: Config, role: Role) -> Result<Running, ServeError> {
    // Fails only when somebody was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    make_data_dir(&config.data_dir)?;
    let listener = match role {
        Role::Serve => Some(listen(config.listen).await?),
        Role::Work => None,
    };
    let store = Store::open(&database_url(&config), &Options::default(), &*entropy).await?;
    let time = Time::of(&store).await?;
    let clock = time.clock();
    let kek = Kek::load_or_create(&config.kek_path(), &*entropy)?;
    let vault = Vault::open(kek, &store, Arc::clone(&clock), Arc::clone(&entropy)).await?;
    let traffic = Arc::new(Traffic::by_clock(Arc::clone(&clock)));
    let settings = Settings {
        allow_net: config.allow_net.clone(),
        observer: Some(Arc::clone(&traffic) as _),
        ..Settings::default()
    };
    let transport = Transport::over_network(settings).map_err(ServeError::Transport)?;
    let providers = Providers::new(transport, &config.google, &config.microsoft);
    let hub = Arc::new(assemble(
        config,
        Parts { store, vault, clock, entropy, connectors: Arc::new(providers), traffic },
    ));
    let first_key = first_run(&hub).await?;
    let name = take_name(&hub.config.data_dir, &*hub.entropy)?;
    hub.engine.take_over(name.as_str().to_owned()).await?;
    hub.tail.catch_up().await?;
    let (stop, stopping) = watch::channel(false);
    let chores = vec![
        tokio::spawn(follow(Arc::clone(&hub))),
        tokio::spawn(keep_house(Arc::clone(&hub))),
        tokio::spawn(keep_leases(Arc::clone(&hub))),
        tokio::spawn(keep_desk(Arc::clone(&hub))),
        tokio::spawn(keep_audit(Arc::clone(&hub))),
        tokio::spawn(time.keep(hub.store.clone())),
    ];
    let queue = start_engine(&hub, stopping.clone());
    let mut address = hub.config.listen;
    let mut api = None;
    if let Some(tcp) = listener {
        address = tcp.local_addr().unwrap_or(address);
        let listeners = Listeners { tcp, local: local_socket(&hub.config.socket_path()) };
        let grace = hub.config.http.shutdown_grace;
        let routes = Api::new(Arc::clone(&hub), stopping.clone());
        api = Some(tokio::spawn(http::serve(routes, listeners, stopping, grace)));
    }
    Ok(Running { hub, address, first_key, stop, api, queue, chores, _name: name })
}

/// Runs a hub until `shutdown` ends; tells `started` once it answers.
///
/// # Errors
///
/// As [`start`]; and when the API ends by itself.
pub async fn run(
    config: Config,
    role: Role,
    started: impl FnOnce(&Running),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut running = start(config, role).await?;
    started(&running);
    let fault = tokio::select! {
        () = shutdown => None,
        fault = running.ended() => Some(fault),
    };
    running.stop().await;
    fault.map_or(Ok(()), Err)
}

/// What a hub is made of besides its settings; tests put their own in.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub vault: Vault,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub connectors: Arc<dyn Connectors>,
    /// What the connectors' transport reports to.
    pub traffic: Arc<Traffic>,
}

/// Puts the parts together; nothing runs yet.
pub fn assemble(config: Config, parts: Parts) -> Hub {
    let Parts { store, vault, clock, entropy, connectors, traffic } = parts;
    let vault = Arc::new(vault);
    let index = Arc::new(Index::default());
    let tail = Arc::new(Tail::new(store.clone(), Arc::clone(&index), Arc::clone(&clock)));
    let engine = Arc::new(Engine::new(sync::Parts {
        store: store.clone(),
        vault: Arc::clone(&vault),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        connectors,
    }));
    // Providers tell of changes only where they can reach us.
    if let Some(url) = &config.public_url {
        engine.listen_at(url.clone());
    }
    let linker = Linker::new(Arc::clone(&engine));
    let visits = Visits::new(linker.clone(), config.base_url());
    let desk = Desk::new(Arc::clone(&engine));
    let audit = engine.audit();
    Hub {
        config,
        clock,
        entropy,
        store,
        vault,
        audit,
        index,
        tail,
        engine,
        linker,
        visits,
        desk,
        traffic,
    }
}

fn start_engine(hub: &Arc<Hub>, mut stopping: watch::Receiver<bool>) -> Queue {
    let (lanes, engine) = (Arc::clone(&hub.engine), Arc::clone(&hub.engine));
    queue::start(lanes, async move {
        // A sender that is gone means the same as one that says stop.
        let _ = stopping.wait_for(|stop| *stop).await;
        engine.wind_down();
    })
}

async fn keep_leases(hub: Arc<Hub>) {
    hub.engine.keep_leases().await;
}

/// Once a second, announces the holds whose time is up and does what policies say about conflicts.
async fn keep_desk(hub: Arc<Hub>) {
    loop {
        let desk = &hub.desk;
        for done in [desk.sweep().await, desk.follow_policies().await, desk.cancel_unlinked().await]
        {
            if let Err(error) = done {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "Holds or conflicts could not be settled; it is tried again."
                );
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Once a second, gives entries of the audit log their places. A log that was tampered with is told once a minute.
async fn keep_audit(hub: Arc<Hub>) {
    loop {
        let pause = match hub.audit.seal().await {
            Ok(Sealing::Sealed(_) | Sealing::Elsewhere) => 1,
            Ok(Sealing::Refused) => {
                tracing::error!("The audit log was tampered with: see `calhub audit verify`.");
                60
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "The audit log was not sealed; it is tried again.");
                1
            }
        };
        tokio::time::sleep(Duration::from_secs(pause)).await;
    }
}

async fn follow(hub: Arc<Hub>) {
    hub.tail.follow().await;
}

/// Makes the directory for its owner alone; one that is there stays as it is.
fn make_data_dir(path: &Path) -> Result<(), ServeError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| ServeError::DataDir { path: path.to_owned(), source })
}

fn database_url(config: &Config) -> String {
    config.database_url.as_ref().map_or_else(
        || format!("sqlite:{}", config.data_dir.join("calhub.db").display()),
        |url| url.expose_secret().to_owned(),
    )
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

/// Makes the socket for its owner alone. Without one (a path that is too long, a file system that has none)
/// the hub still serves everybody who has a key.
fn local_socket(path: &Path) -> Option<UnixListener> {
    let made = || {
        // The store's lock has shown that no other hub uses this directory: a socket that is there is dead.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    made()
        .inspect_err(|error| {
            tracing::warn!(%error, path = %path.display(), "There is no local socket; use a key.");
        })
        .ok()
}

/// Makes the default tenant and its first key, once a database. Of several hubs that start at once, one does.
///
/// # Errors
///
/// [`ServeError::BootstrapKey`] when the key that was given is none.
pub async fn first_run(hub: &Hub) -> Result<Option<SecretString>, ServeError> {
    let now = hub.clock.now();
    let tenant_id = TenantId::mint(&*hub.clock, &*hub.entropy);
    let mut tx = hub.store.begin().await?;
    let settled = tx.instance().settle(DEFAULT_TENANT, tenant_id.as_str()).await?;
    if settled != tenant_id.as_str() {
        tx.rollback().await?;
        return Ok(None);
    }
    let row = TenantRow {
        tenant_id: tenant_id.clone(),
        name: "default".to_owned(),
        policy: json!({}),
        allow_net: None,
        created_at: now,
    };
    tx.tenants().create(&row).await?;
    hub.audit.begin(&mut tx).await?;
    let (key, shown) = match &hub.config.bootstrap_key {
        Some(given) => (given.clone(), None),
        None => {
            let made = made_key(hub);
            (made.clone(), Some(made))
        }
    };
    let token = Token::parse(key.expose_secret()).ok_or(ServeError::BootstrapKey)?;
    let row = KeyRow {
        tenant_id,
        key_id: token.id.to_owned(),
        name: "first admin".to_owned(),
        hash: hub.vault.hash_secret(token.secret).to_vec(),
        scopes: [Scope::Admin, Scope::Instance].map(|scope| scope.as_str().to_owned()).to_vec(),
        created_at: now,
        expires_at: None,
    };
    tx.keys().insert(&row).await?;
    let made = Act::on(&row.tenant_id, Verb::TenantMade, row.tenant_id.as_str());
    hub.audit.note(&mut tx, &By::hub(), made).await?;
    let made = Act::on(&row.tenant_id, Verb::KeyMade, &row.key_id);
    hub.audit.note(&mut tx, &By::hub(), made.with(json!({"scopes": row.scopes}))).await?;
    reach(Point::FirstRunWritten).await;
    tx.commit().await?;
    Ok(shown)
}

fn made_key(hub: &Hub) -> SecretString {
    let minted = KeyId::mint(&*hub.clock, &*hub.entropy).to_string();
    let id = minted.strip_prefix("key_").unwrap_or(&minted);
    let secret = mint_secret(&*hub.entropy);
    SecretString::from(format!("chk_{id}_{}", secret.expose_secret()))
}

/// Forgets, once an hour, what is past its time.
async fn keep_house(hub: Arc<Hub>) {
    loop {
        if let Err(error) = tidy(&hub).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Housekeeping failed; it is tried again."
            );
        }
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
}

/// How long a visit to the hosted page is told of after its end.
const LINK_SESSIONS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

async fn tidy(hub: &Hub) -> Result<(), StoreError> {
    let now = hub.clock.now();
    let before = |kept: Duration| now.saturating_sub(kept).unwrap_or(Timestamp::MIN);
    let mut tx = hub.store.begin().await?;
    tx.changes().prune(before(hub.config.keep.changes)).await?;
    tx.idempotency().forget(before(hub.config.keep.idempotency)).await?;
    tx.census().forget_requests(before(REQUESTS_KEPT)).await?;
    tx.hosts().forget(now).await?;
    tx.link_sessions().forget(before(LINK_SESSIONS_KEPT)).await?;
    tx.commit().await
}
