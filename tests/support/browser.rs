//! A real browser, headless Chromium, driven over the WebDriver protocol as a person would: by what is on the page, and by keys.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::hub::{free_port, until};

const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Keys of the protocol.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const SPACE: &str = " ";

/// A browser with one window; gone when dropped.
pub struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
    _profile: tempfile::TempDir,
}

/// Where the driver is, or `None` where these tests are left out. With `CI=true` it is a must.
pub fn driver() -> Option<String> {
    let places = ["/usr/bin/chromedriver", "/usr/local/bin/chromedriver"];
    let found = places.into_iter().find(|place| std::path::Path::new(place).exists());
    if found.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "no chromedriver: install Debian's chromium-driver");
        eprintln!("no chromedriver here: what needs a browser is left out");
    }
    found.map(str::to_owned)
}

impl Browser {
    /// Opens a window of this size.
    pub async fn open(driver: &str, (width, height): (u32, u32)) -> Self {
        let port = free_port();
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(driver)
            .arg(format!("--port={port}"))
            .env("TMPDIR", profile.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        until("the driver", || async {
            client.get(format!("{base}/status")).send().await.ok().map(|_| ())
        })
        .await;
        let data = format!("--user-data-dir={}", profile.path().display());
        let size = format!("--window-size={width},{height}");
        let mut options = json!({"args": ["--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--hide-scrollbars", size, data]});
        // Narrow windows are phones.
        if width < 600 {
            let metrics =
                json!({"width": width, "height": height, "pixelRatio": 2.0, "touch": true});
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"performance": "ALL"}, "goog:chromeOptions": options}}});
        let made: Value = client
            .post(format!("{base}/session"))
            .json(&wanted)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let id = made["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{made}"));
        let session = format!("{base}/session/{id}");
        Self { driver: child, session, client, _profile: profile }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.client.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["value"].clone()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let value = self.ask(reqwest::Method::POST, path, Some(body)).await;
        assert!(value.get("error").is_none(), "{path}: {value}");
        value
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(reqwest::Method::GET, path, None).await
    }

    pub async fn go(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    pub async fn url(&self) -> String {
        self.get("/url").await.as_str().unwrap().to_owned()
    }

    /// What a person can read.
    pub async fn text(&self) -> String {
        self.run("return document.body.innerText").await.as_str().unwrap().to_owned()
    }

    pub async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until the page says this.
    pub async fn says(&self, words: &str) -> String {
        until(&format!("the page to say {words:?}"), || async {
            let text = self.text().await;
            text.contains(words).then_some(text)
        })
        .await
    }

    async fn find(&self, css: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": css})).await;
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("{css}: {found}")).to_owned()
    }

    pub async fn click(&self, css: &str) {
        let id = self.find(css).await;
        self.post(&format!("/element/{id}/click"), json!({})).await;
    }

    pub async fn write(&self, css: &str, text: &str) {
        let id = self.find(css).await;
        self.post(&format!("/element/{id}/value"), json!({ "text": text })).await;
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn press(&self, keys: &[&str]) {
        let mut actions = Vec::new();
        for key in keys {
            actions.push(json!({"type": "keyDown", "value": key}));
            actions.push(json!({"type": "keyUp", "value": key}));
        }
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.post("/actions", json!({ "actions": [keyboard] })).await;
    }

    /// Goes by Tab to the element that the condition (on `it`) describes; nothing else is touched.
    pub async fn tab_to(&self, condition: &str) {
        for _ in 0..60 {
            self.press(&[TAB]).await;
            let script = format!("const it = document.activeElement; return Boolean({condition})");
            if self.run(&script).await == json!(true) {
                return;
            }
        }
        panic!("Tab never comes to {condition}");
    }

    pub async fn screenshot(&self) -> Vec<u8> {
        let coded = self.get("/screenshot").await;
        STANDARD.decode(coded.as_str().unwrap()).unwrap()
    }

    /// The origins of everything that was asked for since the last look.
    pub async fn origins(&self) -> BTreeSet<String> {
        let log = self.post("/se/log", json!({"type": "performance"})).await;
        let mut origins = BTreeSet::new();
        for entry in log.as_array().unwrap() {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let url = &message["message"]["params"]["request"]["url"];
            if let Some(url) = url.as_str().and_then(|url| url::Url::parse(url).ok())
                && matches!(url.scheme(), "http" | "https")
            {
                origins.insert(url.origin().ascii_serialization());
            }
        }
        origins
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that is killed leaves its browser behind: the session is ended first, without a runtime.
        let ended = || {
            let url = url::Url::parse(&self.session).ok()?;
            let address = (url.host_str()?, url.port()?);
            let mut stream = std::net::TcpStream::connect(address).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
            let request = format!(
                "DELETE {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                url.path()
            );
            stream.write_all(request.as_bytes()).ok()?;
            stream.read(&mut [0; 64]).ok()
        };
        let _ = ended();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
