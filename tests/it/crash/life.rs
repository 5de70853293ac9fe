//! One life of the hub process, from its start to the kill.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::hub::{KEY, calhub};

/// Where a hub lives, over all its lives.
pub struct Home {
    pub dir: PathBuf,
    pub database_url: Option<String>,
    pub port: u16,
    /// Faults that are put back in every life.
    pub bugs: Vec<&'static str>,
    pub client: reqwest::Client,
}

/// A running hub; killed when dropped.
pub struct Life {
    child: Child,
    url: String,
    orders: PathBuf,
    client: reqwest::Client,
}

/// The command that starts a hub in `home`, with another drill beside its faults.
fn command(home: &Home, drill: Option<&str>) -> Command {
    let mut spec = vec![format!("@{}", home.dir.join("orders").display())];
    spec.extend(home.bugs.iter().map(|bug| format!("bug={bug}")));
    spec.extend(drill.map(str::to_owned));
    let mut command = calhub(&home.dir);
    command
        .args(["serve", "--listen", &format!("127.0.0.1:{}", home.port)])
        .args(["--allow-net", "127.0.0.0/8"])
        .env("CALHUB_BOOTSTRAP_KEY", KEY)
        .env("CALHUB_DRILL", spec.join(","))
        .env("CALHUB_LOG_FILTER", "error")
        .stdout(Stdio::null());
    if let Some(url) = &home.database_url {
        command.args(["--database-url", url]);
    }
    command
}

impl Life {
    /// Starts a hub and waits until it is ready.
    pub async fn begin(home: &Home) -> Self {
        let life = Self::spawn(home, None);
        let began = Instant::now();
        while life.get("/readyz").await.is_none_or(|(status, _)| status != 200) {
            assert!(began.elapsed() < Duration::from_secs(60), "the hub does not become ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        life
    }

    /// Starts a hub that is to stop at a place of its start.
    pub fn spawn(home: &Home, drill: Option<&str>) -> Self {
        let _ = std::fs::remove_file(home.dir.join("orders"));
        Self {
            child: command(home, drill).spawn().unwrap(),
            url: format!("http://127.0.0.1:{}", home.port),
            orders: home.dir.join("orders"),
            client: home.client.clone(),
        }
    }

    /// Orders the process to freeze at the `nth` passing of a place from now on.
    pub fn arm(&self, place: &str, nth: usize) {
        let draft = self.orders.with_extension("draft");
        std::fs::write(&draft, format!("{place}:{nth}")).unwrap();
        std::fs::rename(draft, &self.orders).unwrap();
    }

    /// Whether every thread of the process has stopped.
    pub fn is_frozen(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("the process is ours");
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    /// Waits until the process has stopped; `false` when it does not.
    pub async fn freezes(&self, patience: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < patience {
            if self.is_frozen() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        false
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn get(&self, path: &str) -> Option<(u16, Value)> {
        self.answer(self.client.get(self.address(path))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        self.answer(self.client.post(self.address(path)).json(body)).await
    }

    /// The same under an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self.client.post(self.address(path)).header("Idempotency-Key", key);
        self.answer(request.json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self.client.patch(self.address(path)).header("If-Match", "*");
        self.answer(request.json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Option<(u16, Value)> {
        self.answer(self.client.delete(self.address(path))).await
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// `None` when the hub did not answer: it is frozen, dead or not there yet.
    async fn answer(&self, request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
        let asked = async {
            let answer = request.bearer_auth(KEY).send().await.ok()?;
            let status = answer.status().as_u16();
            let text = answer.text().await.ok()?;
            Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
        };
        tokio::time::timeout(Duration::from_secs(30), asked).await.ok().flatten()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The files of a dead hub's SQLite database, copied so that looking at them recovers nothing.
pub fn copied(database: &Path, to: &Path) -> PathBuf {
    for end in ["", "-wal"] {
        let from = PathBuf::from(format!("{}{end}", database.display()));
        if from.exists() {
            std::fs::copy(&from, to.join(format!("copy.db{end}"))).unwrap();
        }
    }
    to.join("copy.db")
}
