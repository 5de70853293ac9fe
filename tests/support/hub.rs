//! The built binary as a user would run it: `calhub serve` in a fresh data directory on a free port of loopback.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

/// The key that [`HubProcess`] installs as admin on first run.
pub const KEY: &str = "chk_integration_0123456789abcdef0123456789abcdef0123456789abcdef";

/// A running hub; killed when dropped.
pub struct HubProcess {
    child: Child,
    pub url: String,
    pub dir: tempfile::TempDir,
    client: reqwest::Client,
}

/// A port that nobody listens on right now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks again, up to half a minute, until `probe` answers something.
pub async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    for _ in 0..600 {
        if let Some(found) = probe().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("gave up waiting for {what}");
}

/// `calhub`, with nothing of the caller's environment that could steer it.
pub fn calhub(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_calhub"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CALHUB_")) {
        command.env_remove(name);
    }
    command.env("CALHUB_DATA_DIR", data_dir);
    command
}

impl HubProcess {
    /// Starts a hub that may reach loopback, and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_on(None).await
    }

    /// The same, on a database of the caller's.
    pub async fn start_on(database_url: Option<&str>) -> Self {
        Self::start_as(database_url, |_| {}).await
    }

    /// The same, with more of the caller's.
    pub async fn start_as(database_url: Option<&str>, more: impl FnOnce(&mut Command)) -> Self {
        Self::start_with(database_url, &["127.0.0.0/8"], more).await
    }

    /// Starts a hub that may reach these networks and no other private one.
    pub async fn start_allowing(networks: &[&str]) -> Self {
        Self::start_with(None, networks, |_| {}).await
    }

    async fn start_with(
        database_url: Option<&str>,
        networks: &[&str],
        more: impl FnOnce(&mut Command),
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = calhub(dir.path());
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(networks.iter().flat_map(|net| ["--allow-net", net]))
            .env("CALHUB_BOOTSTRAP_KEY", KEY)
            .stdout(Stdio::null());
        if let Some(url) = database_url {
            command.args(["--database-url", url]);
        }
        more(&mut command);
        let child = command.spawn().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let hub = Self { child, url: format!("http://127.0.0.1:{port}"), dir, client };
        until("the hub to be ready", || async {
            let answer = hub.client.get(format!("{}/readyz", hub.url)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        hub
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.answer(self.client.get(format!("{}{path}", self.url))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.answer(self.client.post(format!("{}{path}", self.url)).json(body)).await
    }

    /// Sends what the two above cannot, with the admin key.
    pub async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(KEY).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Waits until every calendar of the connection was read once, and answers them.
    pub async fn synced(&self, connection: &str) -> Vec<Value> {
        until("the first sync", || async {
            let (_, found) = self.get(&format!("/v1/calendars?connection_id={connection}")).await;
            let calendars = found["items"].as_array()?.clone();
            let done = calendars.iter().all(|c| c["initial_sync"] == "done");
            (done && !calendars.is_empty()).then_some(calendars)
        })
        .await
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
