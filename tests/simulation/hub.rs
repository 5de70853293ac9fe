//! The hub under test: the real engine, linker and index over a database in memory.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use calhub::{
    clock::SeededEntropy,
    config::OAuthApp,
    drill::{Bug, Drill, Point},
    index::{Index, Tail},
    link::Linker,
    model::ids::TenantId,
    secrets::{Kek, Vault},
    store::{Options, Share, Store, TenantRow},
    sync::{Engine, Lane, Parts, Providers},
};
use connectors::transport::{Fixed, Settings, Transport};
use jiff::Timestamp;

use super::{google, wire::Wire};

/// When rows can be claimed, by the hub's clock.
pub type Dues = Vec<(Timestamp, Lane)>;

pub struct Hub {
    pub store: Store,
    pub engine: Arc<Engine>,
    pub linker: Linker,
    pub index: Arc<Index>,
    pub tail: Tail,
    pub tenant: TenantId,
    drill: Drill,
    wire: Wire,
    entropy: Arc<SeededEntropy>,
    /// The clock at the last step; beyond all times at the first.
    last: AtomicI64,
}

/// The way to all providers, with an OAuth client at those that need one.
fn connectors(wire: &Wire, settings: Settings) -> Providers {
    let at = |path: &str| format!("https://{}{path}", google::HOST).parse().ok();
    let none = OAuthApp {
        client_id: String::new(),
        client_secret: None,
        client_secret_file: None,
        base_url: None,
        oauth_base_url: None,
        cloud: String::new(),
        directory: String::new(),
        requests_per_minute: 0,
        account_requests_per_minute: 0,
    };
    let google = OAuthApp {
        client_id: google::CLIENT.to_owned(),
        client_secret: Some(google::SECRET.to_owned().into()),
        base_url: at(""),
        oauth_base_url: at("/g"),
        requests_per_minute: google::OF_PROJECT,
        account_requests_per_minute: google::OF_ACCOUNT,
        ..none.clone()
    };
    let transport = Transport::in_process(Arc::new(wire.clone()), settings);
    Providers::new(transport, &google, &none)
}

impl Hub {
    pub async fn new(wire: &Wire, seed: u64, bugs: &[Bug]) -> Self {
        let entropy = Arc::new(SeededEntropy::new(seed));
        let options = Options::default();
        let store = Store::open("sqlite::memory:", &options, &*entropy).await.unwrap();
        let tenant: TenantId = "ten_sim".parse().unwrap();
        let mut tx = store.begin().await.unwrap();
        let row = TenantRow {
            tenant_id: tenant.clone(),
            name: "simulation".to_owned(),
            policy: serde_json::json!({}),
            allow_net: None,
            created_at: wire.time.hub(),
        };
        tx.tenants().create(&row).await.unwrap();
        tx.commit().await.unwrap();
        let drill = Drill::with_bugs(bugs);
        Self::over(store, wire, entropy, drill, tenant).await
    }

    async fn over(
        store: Store,
        wire: &Wire,
        entropy: Arc<SeededEntropy>,
        drill: Drill,
        tenant: TenantId,
    ) -> Self {
        // The key file outlives the process.
        let kek = Kek::generate(&SeededEntropy::new(1));
        let clock = Arc::new(wire.time.clone());
        let vault = Vault::open(kek, &store, clock.clone(), entropy.clone()).await.unwrap();
        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let settings =
            Settings { resolver: Some(Arc::new(Fixed(vec![public]))), ..Settings::default() };
        let engine = Arc::new(Engine::new(Parts {
            store: store.clone(),
            vault: Arc::new(vault),
            clock: clock.clone(),
            entropy: entropy.clone(),
            connectors: Arc::new(connectors(wire, settings)),
        }));
        engine.listen_at(google::HUB.parse().unwrap());
        wire.serve(Some((Arc::clone(&engine), tenant.clone())));
        let index = Arc::new(Index::default());
        let tail = Tail::new(store.clone(), Arc::clone(&index), clock);
        let linker = Linker::new(Arc::clone(&engine));
        let (wire, last) = (wire.clone(), AtomicI64::new(i64::MAX));
        Self { store, engine, linker, index, tail, tenant, drill, wire, entropy, last }
    }

    /// A new process over the same database. It takes what the last one had claimed at once, as on SQLite, or lets
    /// those leases run out, as where there may be other hubs.
    pub async fn restart(&mut self, takes_over: bool) {
        self.wire.serve(None);
        let parts = (self.store.clone(), Arc::clone(&self.entropy), self.drill.clone());
        *self =
            Self::over(parts.0, &self.wire.clone(), parts.1, parts.2, self.tenant.clone()).await;
        if takes_over {
            self.engine.take_over("simulated".to_owned()).await.unwrap();
        }
    }

    /// Has the next steps stop at a place, as by a crash.
    pub fn crash_at(&self, point: Point, nth: usize) {
        self.drill.stop_at(point, nth);
    }

    /// Runs all that is due, as `Engine::step` does, but asks only lanes that have something due. Answers when rows
    /// can be claimed next, if that was the last it read; `None` after a crash: the hub must be restarted.
    pub async fn step(&self) -> Option<Option<Dues>> {
        // A running hub looks at its lanes every second, and so at its clock.
        let now = self.wire.time.hub().as_microsecond();
        if self.last.swap(now, Ordering::SeqCst) > now {
            let engine = Arc::clone(&self.engine);
            let drain = async move { engine.drain(Lane::Remove, Share::All).await.unwrap() };
            self.drill.run(Box::pin(drain)).await?;
        }
        loop {
            let now = self.wire.time.hub();
            let all = self.due().await;
            let due: Vec<_> = all.iter().filter(|(due, _)| *due <= now).collect();
            if due.is_empty() {
                return Some(Some(all));
            }
            let mut ran = 0;
            for lane in Lane::ALL {
                if !due.iter().any(|(_, of)| *of == lane) {
                    continue;
                }
                let engine = Arc::clone(&self.engine);
                let drain = async move { engine.drain(lane, Share::All).await.unwrap() };
                ran += self.drill.run(Box::pin(drain)).await?;
            }
            // A host may still be taken by a hub that is gone.
            if ran == 0 {
                return Some(None);
            }
        }
    }

    /// When rows can be claimed, by the hub's clock.
    pub async fn due(&self) -> Dues {
        let mut tx = self.store.read().await.unwrap();
        let rows = tx.work().list(&self.tenant, None, None, 10_000).await.unwrap();
        let mut all = Vec::new();
        for row in &rows {
            let mut due = row.lease_until.map_or(row.due_at, |until| until.max(row.due_at));
            if let Some(host) = row.host.as_deref().filter(|_| due <= self.wire.time.hub()) {
                let closed = tx.hosts().closed_until(host, self.wire.time.hub()).await.unwrap();
                due = closed.map_or(due, |until| until.max(due));
            }
            all.push((due, Lane::parse(&row.lane).unwrap()));
        }
        all
    }

    pub fn calm(&self) {
        self.drill.go_on();
    }

    /// Lets go of everything; the wire and the engine hold each other.
    pub async fn close(self) {
        self.wire.serve(None);
        self.store.close().await;
    }
}
