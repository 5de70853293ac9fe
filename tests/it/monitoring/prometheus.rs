//! A real Prometheus scrapes the built hub and is asked every expression of the dashboard and of the alert rules.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use simulators::{AccountSpec, Act, CalendarSpec, Fault, FeedSpec, World};

use crate::support::{
    hub::{HubProcess, free_port, until},
    stage::hour_event,
};

/// The directory with Prometheus' binaries, or `None` where these checks are left out.
fn binaries() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/prometheus");
    let found = Command::new(script).output().unwrap();
    if found.status.success() {
        return Some(String::from_utf8(found.stdout).unwrap().trim().into());
    }
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!is_ci, "{}", String::from_utf8_lossy(&found.stderr));
    eprintln!("no Prometheus here: the dashboard and the rules are not tried");
    None
}

struct Prometheus {
    child: Child,
    url: String,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    fn start(bin: &Path, hub: &HubProcess) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring/alerts.yaml");
        let target = hub.url.trim_start_matches("http://");
        let settings = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
             scrape_configs: [{{job_name: calhub, static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules.display()
        );
        let config = dir.path().join("prometheus.yml");
        fs::write(&config, settings).unwrap();
        let port = free_port();
        let child = Command::new(bin.join("prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { child, url: format!("http://127.0.0.1:{port}"), client, _dir: dir }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = url::Url::parse_with_params(&format!("{}{path}", self.url), query).unwrap();
        let answer = self.client.get(url).send().await.ok()?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    }

    async fn ask(&self, expression: &str) -> Result<Vec<Value>, String> {
        let answer = self.get("/api/v1/query", &[("query", expression)]).await.unwrap_or_default();
        if answer["status"] != "success" {
            return Err(answer["error"].as_str().unwrap_or("no answer").to_owned());
        }
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every panel's expressions, with the dashboard's variables filled in.
fn panels() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring/dashboard.json");
    let board: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut found = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let plain = target["expr"].as_str().unwrap();
            let filled = plain
                .replace("$__rate_interval", "1m")
                .replace("$job", ".*")
                .replace("$instance", ".*");
            found.push((panel["title"].as_str().unwrap().to_owned(), filled));
        }
    }
    found
}

/// A person whose login works, one whose login is refused, and a feed; somebody asks and somebody listens.
async fn busy_hub() -> (HubProcess, World) {
    let world = World::new(jiff::Timestamp::now());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulators::serve(world.clone(), listener));
    let hub = HubProcess::start().await;
    for user in ["anna", "berta"] {
        let account = world.add_account(AccountSpec::new(user, "right"));
        account.add_calendar(CalendarSpec::new("work")).put("a.ics", hour_event("a", 2, 9));
        let login = json!({"provider": "caldav", "url": format!("{base}{}", account.path()), "username": user, "password": "right"});
        let (status, made) = hub.post("/v1/connections", &login).await;
        assert_eq!(status, 201, "{made}");
        hub.synced(made["id"].as_str().unwrap()).await;
    }
    let feed = world.add_feed(FeedSpec::new("rota", hour_event("b", 3, 9)));
    let link = json!({"provider": "ics", "url": format!("{base}{}", feed.path())});
    let (_, made) = hub.post("/v1/connections", &link).await;
    hub.synced(made["id"].as_str().unwrap()).await;
    let refused = Act::Status { status: 401, retry_after_s: None, body: String::new() };
    world.fault(Fault::new(refused).account("berta"));
    (hub, world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_answers_every_expression_of_the_dashboard_and_the_rules() {
    let Some(bin) = binaries() else { return };
    let (hub, _world) = busy_hub().await;
    let prometheus = Prometheus::start(&bin, &hub);
    let all = json!({"all": true});
    hub.post("/v1/ops/sync", &all).await;
    until("a scrape that shows the refused login", || async {
        let found = prometheus.ask("calhub_connections{state=\"needs_reauth\"} > 0").await.ok()?;
        (!found.is_empty()).then_some(())
    })
    .await;
    // Counters need two scrapes a series before they have a rate.
    let ask =
        json!({"start": "2027-03-01T00:00:00Z", "end": "2027-03-02T00:00:00Z", "calendars": []});
    until("rates of everything that happens", || async {
        hub.post("/v1/freebusy", &ask).await;
        hub.post("/v1/ops/sync", &all).await;
        let rates = [
            "sum(rate(calhub_http_requests_total{route=\"/v1/freebusy\"}[1m])) > 0",
            "sum(rate(calhub_pulls_total[1m])) > 0",
            "sum(rate(calhub_provider_requests_total{answer=\"4xx\"}[1m])) > 0",
        ];
        for rate in rates {
            if prometheus.ask(rate).await.ok()?.is_empty() {
                return None;
            }
        }
        Some(())
    })
    .await;

    let mut faults = Vec::new();
    for (title, expression) in panels() {
        match prometheus.ask(&expression).await {
            Err(why) => faults.push(format!("{title}: {expression}: {why}")),
            Ok(found) if found.is_empty() => faults.push(format!("{title}: {expression}: nothing")),
            Ok(_) => {}
        }
    }
    let rules = prometheus.get("/api/v1/rules", &[]).await.unwrap();
    let mut alerts = 0;
    for rule in rules["data"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
    {
        alerts += 1;
        if rule["health"] != "ok" {
            faults.push(format!("{}: {} {}", rule["name"], rule["health"], rule["lastError"]));
        }
        // What compares with a bound has something to compare: the bound is taken away.
        let plain = rule["query"].as_str().unwrap();
        if prometheus.ask(plain).await.is_err() {
            faults.push(format!("{}: cannot be asked", rule["name"]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(alerts >= 20, "{alerts}");
    let pending = prometheus.get("/api/v1/alerts", &[]).await.unwrap();
    let names: Vec<&str> = pending["data"]["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|alert| alert["labels"]["alertname"].as_str())
        .collect();
    assert!(names.contains(&"CalhubNeedsReauth"), "{names:?}");
    for quiet in [
        "CalhubDown",
        "CalhubNotReady",
        "CalhubIndexLagging",
        "CalhubDatabaseDown",
        "CalhubQuarantined",
    ] {
        assert!(!names.contains(&quiet), "{names:?}");
    }
}
