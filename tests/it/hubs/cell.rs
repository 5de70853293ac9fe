//! A cell: one database, one key file, and hubs that come and go.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::site::{Site, event, slot};
use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{KEY, calhub, free_port, until},
};

/// By how much leases are shorter than in earnest.
pub fn hurry() -> u32 {
    std::env::var("CALHUB_TEST_HURRY").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// How long a lease is under [`hurry`].
pub fn lease() -> Duration {
    Duration::from_secs(30) / hurry()
}

/// The database's time, in SQL.
pub const NOW: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

pub struct Cell {
    server: String,
    pub url: String,
    dir: tempfile::TempDir,
    client: reqwest::Client,
}

/// A hub process of the cell; killed when dropped.
pub struct Hub {
    child: Child,
    pub url: String,
    pub log: PathBuf,
    orders: PathBuf,
    _dir: tempfile::TempDir,
    client: reqwest::Client,
}

impl Cell {
    /// A cell on a fresh database of the tests' server, or `None` where there is none.
    pub async fn open() -> Option<Self> {
        Some(Self::open_on(postgres_server()?).await)
    }

    pub async fn open_on(server: String) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = create_database(&server).await;
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { server, url, dir: tempfile::tempdir().unwrap(), client }
    }

    pub async fn close(self) {
        drop_database(&self.server, &self.url).await;
    }

    /// Starts `calhub serve` and waits until it is ready.
    pub async fn serve(&self) -> Hub {
        self.serve_as("", &self.url).await
    }

    /// The same, under a drill beyond the usual and with another way to the database.
    pub async fn serve_as(&self, drill: &str, database: &str) -> Hub {
        let port = free_port();
        let mut hub =
            self.spawn(&["serve", "--listen", &format!("127.0.0.1:{port}")], drill, database);
        hub.url = format!("http://127.0.0.1:{port}");
        hub.ready().await;
        hub
    }

    /// Starts `calhub work`.
    pub fn work(&self) -> Hub {
        self.spawn(&["work"], "", &self.url)
    }

    fn spawn(&self, args: &[&str], drill: &str, database: &str) -> Hub {
        let dir = tempfile::tempdir().unwrap();
        let (log, orders) = (dir.path().join("log"), dir.path().join("orders"));
        let mut drills = vec![format!("hurry={}", hurry()), format!("@{}", orders.display())];
        drills.extend((!drill.is_empty()).then(|| drill.to_owned()));
        let child = calhub(&dir.path().join("hub"))
            .args(args)
            .args(["--allow-net", "127.0.0.0/8", "--database-url", database])
            .arg("--kek-file")
            .arg(self.dir.path().join("kek"))
            .env("CALHUB_BOOTSTRAP_KEY", KEY)
            .env("CALHUB_DRILL", drills.join(","))
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Hub { child, url: String::new(), log, orders, _dir: dir, client: self.client.clone() }
    }

    /// Runs a statement and answers its first column's first row, if it has one.
    pub async fn sql(&self, text: &str) -> Option<i64> {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let row = conn.fetch_optional(AssertSqlSafe(text.to_owned())).await.unwrap();
        conn.close().await.unwrap();
        row.map(|row| row.get(0))
    }

    /// Makes every calendar due, as a nudge that rings at nobody's.
    pub async fn nudge(&self) {
        self.nudge_since(Duration::ZERO).await;
    }

    /// The same, as if that had been a while ago.
    pub async fn nudge_since(&self, ago: Duration) {
        let micros = ago.as_micros();
        self.sql(&format!(
            "UPDATE work SET due_us = {NOW} - {micros}, nudges = nudges + 1 WHERE lane = 'pull'"
        ))
        .await;
    }

    /// Entries of the change log that tell of busy time.
    pub async fn told(&self) -> i64 {
        self.sql("SELECT COUNT(*) FROM changes WHERE type = 'busy.changed'").await.unwrap()
    }

    /// Waits until nothing is claimed and nothing is due.
    pub async fn quiet(&self) {
        until("work to end", || async {
            let busy = self
                .sql(&format!(
                    "SELECT COUNT(*) FROM work WHERE lease_owner IS NOT NULL \
                     OR (lane = 'pull' AND due_us <= {NOW})"
                ))
                .await;
            (busy == Some(0)).then_some(())
        })
        .await;
    }
}

impl Hub {
    pub async fn ready(&self) {
        until("the hub to be ready", || async { (self.readiness().await == 200).then_some(()) })
            .await;
    }

    /// The status of `/readyz`; 0 when it does not answer within three seconds.
    pub async fn readiness(&self) -> u16 {
        let asked = self.client.get(format!("{}/readyz", self.url));
        let answer = asked.timeout(Duration::from_secs(3)).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.answer(self.client.post(format!("{}{path}", self.url)).json(body)).await
    }

    /// The same, as a tenant that is not the key's own.
    pub async fn post_for(&self, tenant: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        self.answer(request.header("calhub-tenant", tenant)).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.answer(self.client.get(format!("{}{path}", self.url))).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(KEY).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub fn stream(&self) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/changes/stream", self.url);
        self.client.get(url).bearer_auth(KEY).timeout(Duration::from_secs(120))
    }

    /// Links the site's account; its calendars are read and feed one resource. Answers the resource's id.
    pub async fn link(&self, cell: &Cell, site: &Site) -> String {
        let (status, linked) = self.post("/v1/connections", &site.login()).await;
        assert_eq!(status, 201, "{linked}");
        let path = format!("/v1/calendars?connection_id={}", linked["id"].as_str().unwrap());
        let calendars = until("the first sync", || async {
            let (_, found) = self.get(&path).await;
            let calendars = found["items"].as_array()?.clone();
            let is_done = calendars.iter().all(|c| c["initial_sync"] == "done");
            (is_done && !calendars.is_empty()).then_some(calendars)
        })
        .await;
        let links: Vec<Value> =
            calendars.iter().map(|calendar| json!({ "calendar_id": calendar["id"] })).collect();
        let body = json!({ "name": "Anna", "time_zone": "UTC", "calendars": links });
        let (status, made) = self.post("/v1/resources", &body).await;
        assert_eq!(status, 201, "{made}");
        cell.quiet().await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// What the hub answers about the next two days: the starts of what is busy, or `None` when it vouches for
    /// nothing.
    pub async fn busy(&self, resource: &str) -> Option<Vec<String>> {
        let body = json!({ "resources": [resource], "start": slot(0), "end": slot(48) });
        let (status, answer) = self.post("/v1/freebusy", &body).await;
        assert_eq!(status, 200, "{answer}");
        let found = &answer["resources"][resource];
        if found["complete"] != true {
            return None;
        }
        let busy = found["busy"].as_array().unwrap_or_else(|| panic!("{answer}"));
        Some(busy.iter().map(|span| span["start"].as_str().unwrap().to_owned()).collect())
    }

    /// How old the resource's busy time is by the hub's answer, in seconds.
    pub async fn age(&self, resource: &str) -> f64 {
        let body = json!({ "resources": [resource], "start": slot(0), "end": slot(48) });
        let (status, answer) = self.post("/v1/freebusy", &body).await;
        assert_eq!(status, 200, "{answer}");
        let age = &answer["resources"][resource]["evidence"][0]["age"];
        let age: jiff::SignedDuration =
            age.as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap();
        age.as_secs_f64()
    }

    /// Waits until the hub answers just these hours as busy.
    pub async fn shows(&self, resource: &str, hours: &[i64]) {
        let wanted: Vec<String> = hours.iter().map(|hour| slot(*hour).to_string()).collect();
        let last = std::sync::Mutex::new(None);
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let busy = self.busy(resource).await;
                if busy.as_ref() == Some(&wanted) {
                    return;
                }
                *last.lock().unwrap() = busy;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        assert!(
            waited.is_ok(),
            "shows {:?}, not {wanted:?}\n{}",
            last.lock().unwrap(),
            self.told()
        );
    }

    /// Has the process freeze when it next passes this place.
    pub fn freeze_at(&self, place: &str) {
        let waiting = self.orders.with_extension("new");
        fs::write(&waiting, place).unwrap();
        fs::rename(&waiting, &self.orders).unwrap();
    }

    /// Waits until the process has frozen itself.
    pub async fn frozen(&self) -> Instant {
        until("the hub to freeze", || async {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
            stat.rsplit(')').next()?.trim().starts_with('T').then(Instant::now)
        })
        .await
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub async fn stop(&mut self) {
        self.signal("TERM");
        until("the hub to stop", || {
            let ended = self.child.try_wait().unwrap();
            async move { ended }
        })
        .await;
    }

    /// What it wrote to its log.
    pub fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.url, self.told());
        }
    }
}

/// Puts an event into a calendar.
pub fn put(calendar: &simulators::Calendar, uid: &str, hour: i64) {
    let (name, body) = event(uid, hour);
    calendar.put(&name, body);
}
