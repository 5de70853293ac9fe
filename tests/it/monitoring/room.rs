//! A whole hub in process over a simulated world and a clock that is moved; its metrics are read as text.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Router, body::to_bytes, http::Request};
use calhub::{
    clock::{ManualClock, SeededEntropy},
    config::{Environment, Overrides, load},
    http::{Api, metrics_table, service},
    hub::Hub,
    model::ids::{ConnectionId, TenantId},
    secrets::{Kek, Vault},
    serve::{Parts, assemble, first_run},
    store::Store,
    sync::Traffic,
};
use simulators::{Account, World};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::support::{
    simulated::transport_seen_by,
    stage::{NOW, Stage},
};

pub struct Room {
    pub hub: Arc<Hub>,
    pub world: World,
    pub clock: ManualClock,
    pub tenant: TenantId,
    api: Api,
    routes: Router,
    _stop: watch::Sender<bool>,
}

/// One reading of `/metrics`: values by series as they are written.
pub struct Reading(pub BTreeMap<String, f64>);

impl Reading {
    #[track_caller]
    pub fn of(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.0))
    }

    /// The series with this name, whatever their labels.
    pub fn named(&self, name: &str) -> Vec<(&str, f64)> {
        let of_it = |series: &&String| series.split('{').next() == Some(name);
        self.0.keys().filter(of_it).map(|series| (series.as_str(), self.0[series])).collect()
    }

    /// Names of metrics, with those of a histogram's parts taken together.
    pub fn names(&self) -> std::collections::BTreeSet<String> {
        let plain = |series: &String| {
            let name = series.split('{').next().unwrap().to_owned();
            let is_part = series.contains("le=\"") && name.ends_with("_bucket");
            if is_part { name.trim_end_matches("_bucket").to_owned() } else { name }
        };
        let all: std::collections::BTreeSet<String> = self.0.keys().map(plain).collect();
        let of_histogram = |name: &String| {
            ["_sum", "_count"]
                .iter()
                .any(|end| name.strip_suffix(end).is_some_and(|base| all.contains(base)))
        };
        all.iter().filter(|name| !of_histogram(name)).cloned().collect()
    }
}

impl Room {
    pub async fn new(store: &Store) -> Self {
        let now = NOW.parse().unwrap();
        let clock = ManualClock::at(now);
        let entropy = Arc::new(SeededEntropy::new(7));
        let world = World::new(now);
        let data = [("CALHUB_DATA_DIR", "/nonexistent")];
        let config = load(&Environment::of(&data), &Overrides::default()).unwrap();
        let shared = Arc::new(clock.clone());
        let kek = Kek::generate(&*entropy);
        let vault = Vault::open(kek, store, shared.clone(), entropy.clone()).await.unwrap();
        let traffic: Arc<Traffic> = Arc::default();
        let hub = Arc::new(assemble(
            config,
            Parts {
                store: store.clone(),
                vault,
                clock: shared,
                entropy,
                connectors: Arc::new(transport_seen_by(&world, traffic.clone())),
                traffic,
            },
        ));
        first_run(&hub).await.unwrap();
        let tenant = hub.default_tenant().await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let api = Api::new(Arc::clone(&hub), stopping);
        Self {
            routes: Router::new().fallback_service(service(api.clone())),
            api,
            hub,
            world,
            clock,
            tenant,
            _stop: stop,
        }
    }

    pub async fn link(&self, account: &Account) -> ConnectionId {
        let asked = Stage::caldav(account, "right");
        let linked = self.hub.linker.link(&self.tenant, asked).await.unwrap();
        linked.connection_id
    }

    /// Runs all that is due.
    pub async fn settle(&self) {
        self.hub.engine.step().await.unwrap();
    }

    /// Lets minutes pass one by one, and runs what is due at each.
    pub async fn live(&self, minutes: u64) {
        for _ in 0..minutes {
            self.pass(60);
            self.settle().await;
        }
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.world.advance(Duration::from_secs(seconds));
    }

    pub async fn page(&self, path: &str) -> String {
        let request = Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    /// What `/metrics` says now: later than the last time, so that it is counted anew.
    pub async fn read(&self) -> Reading {
        self.pass(5);
        self.hub.tail.catch_up().await.unwrap();
        parse(&self.page("/metrics").await)
    }

    pub fn table(&self) -> String {
        metrics_table(&self.api)
    }
}

/// Reads Prometheus' text form.
pub fn parse(text: &str) -> Reading {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let values = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value = if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() };
        (series.to_owned(), value)
    });
    Reading(values.collect())
}
