//! A hub with its index and its HTTP routes over a simulated world, moved by hand.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use calhub::{
    clock::{ManualClock, SeededEntropy},
    config::{Environment, Overrides, load},
    http::{Api, service},
    hub::Hub,
    link::Linker,
    secrets::{Kek, Vault},
    serve::{Parts, assemble, first_run},
    store::Store,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::World;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::support::{
    simulated::transport,
    stage::{NOW, Stage},
};

const KEY: &str = "chk_boot_0123456789abcdef0123456789abcdef";

pub struct Theatre {
    pub stage: Stage,
    pub hub: Arc<Hub>,
    routes: Router,
    _stop: watch::Sender<bool>,
}

/// What the hub answers about one calendar, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `start/end` of what is busy, sorted.
    pub busy: Vec<String>,
    /// Why, for every unknown span that covers the whole window.
    pub unknown_throughout: Vec<String>,
    /// Every unknown span, with its reason.
    pub unknown: Vec<(String, String, String)>,
    pub complete: bool,
    pub synced_at: Option<String>,
}

impl Theatre {
    pub async fn new(store: &Store) -> Self {
        let now: Timestamp = NOW.parse().unwrap();
        let variables = [("CALHUB_BOOTSTRAP_KEY", KEY), ("CALHUB_DATA_DIR", "/nonexistent")];
        let config = load(&Environment::of(&variables), &Overrides::default()).unwrap();
        let (clock, entropy) = (ManualClock::at(now), SeededEntropy::new(7));
        let (shared, chance) = (Arc::new(clock.clone()), Arc::new(entropy.clone()));
        let world = World::new(now);
        let kek = Kek::generate(&entropy);
        let vault = Vault::open(kek, store, shared.clone(), chance.clone()).await.unwrap();
        let parts = Parts {
            store: store.clone(),
            vault,
            clock: shared,
            entropy: chance,
            connectors: Arc::new(transport(&world)),
            traffic: Arc::default(),
        };
        let hub = Arc::new(assemble(config, parts));
        first_run(&hub).await.unwrap();
        hub.tail.catch_up().await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let routes = Router::new().fallback_service(service(Api::new(Arc::clone(&hub), stopping)));
        let tenant = hub.default_tenant().await.unwrap();
        let engine = Arc::clone(&hub.engine);
        let linker = Linker::new(Arc::clone(&engine));
        let stage = Stage { store: store.clone(), world, clock, engine, linker, tenant };
        Self { stage, hub, routes, _stop: stop }
    }

    /// Lets time pass, runs what is due, and lets the index catch up as it does every second.
    pub async fn pass(&self, time: Duration) {
        self.stage.pass(time);
        self.stage.settle().await;
        self.hub.tail.catch_up().await.unwrap();
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Asks what a booking platform asks, about calendars by their ids.
    pub async fn ask(&self, start: &str, end: &str, calendars: &[String]) -> HashMap<String, Said> {
        let question =
            json!({"start": start, "end": end, "calendars": calendars, "evidence": "full"});
        let (status, answer) = self.send("POST", "/v1/freebusy", Some(question)).await;
        assert_eq!(status, 200, "{answer}");
        let said = |id: &String| (id.clone(), Said::of(&answer["calendars"][id], start, end));
        calendars.iter().map(said).collect()
    }
}

impl Said {
    fn of(answer: &Value, start: &str, end: &str) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
        let busy = list("busy");
        let busy = busy.iter().map(|one| format!("{}/{}", text(&one["start"]), text(&one["end"])));
        let unknown: Vec<_> = list("unknown")
            .iter()
            .map(|one| (text(&one["start"]), text(&one["end"]), text(&one["reason"])))
            .collect();
        let throughout = unknown.iter().filter(|(from, to, _)| from == start && to == end);
        Self {
            busy: busy.collect(),
            unknown_throughout: throughout.map(|(.., reason)| reason.clone()).collect(),
            unknown: unknown.clone(),
            complete: answer["complete"] == true,
            synced_at: answer["evidence"][0]["synced_at"].as_str().map(str::to_owned),
        }
    }
}
