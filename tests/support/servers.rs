//! Real CalDAV servers, started from the private Python environment of `scripts/test-venv`, and a client that is not ours.
//!
//! Each server stands behind a proxy that remembers the bytes of every request and reply, so that tests can count them.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::hub::{free_port, until};

/// Which program to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Software {
    Radicale,
    Xandikos,
}

pub const ALL: [Software; 2] = [Software::Radicale, Software::Xandikos];

/// A running server with the user `anna` (password `anna-password`), whose home is [`Server::home`].
pub struct Server {
    child: Child,
    dir: tempfile::TempDir,
    pub software: Software,
    /// The address through the counting proxy, without a path.
    pub url: String,
    traffic: Arc<Mutex<Traffic>>,
    client: reqwest::Client,
}

/// What went over the wire since the last [`Server::forget_traffic`].
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    pub sent: Vec<u8>,
    pub received: usize,
}

impl Traffic {
    /// How many requests of this method were sent.
    pub fn count(&self, method: &str) -> usize {
        String::from_utf8_lossy(&self.sent).matches(&format!("{method} /")).count()
    }

    /// How many `<href>`s were asked for in multigets.
    pub fn hrefs_asked_for(&self) -> usize {
        String::from_utf8_lossy(&self.sent).to_ascii_lowercase().matches("href>/").count()
    }
}

fn venv() -> PathBuf {
    std::env::var_os("CALHUB_TEST_VENV").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/calhub/venv"),
        PathBuf::from,
    )
}

/// The venv's Python, or `None` where it is missing. With `CI=true` a missing one is a failure.
pub fn python() -> Option<PathBuf> {
    let python = venv().join("bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no Python environment at {}: run scripts/test-venv",
        venv().display()
    );
    eprintln!("left out: no Python environment; run scripts/test-venv");
    None
}

impl Software {
    fn command(self, python: &PathBuf, dir: &std::path::Path, port: u16) -> Command {
        let mut command = Command::new(python);
        let data = dir.join("data");
        std::fs::create_dir(&data).unwrap();
        match self {
            Self::Radicale => {
                std::fs::write(dir.join("users"), "anna:anna-password\n").unwrap();
                command.args(["-m", "radicale", "--config", "", "--auth-type", "htpasswd"]);
                command.args(["--auth-htpasswd-encryption", "plain", "--auth-htpasswd-filename"]);
                command.arg(dir.join("users")).args(["--auth-delay", "0"]);
                command.args(["--server-hosts", &format!("127.0.0.1:{port}")]);
                command.arg("--storage-filesystem-folder").arg(&data);
            }
            Self::Xandikos => {
                command.args(["-m", "xandikos", "serve", "--defaults", "--no-detect-systemd"]);
                command.args(["--current-user-principal", "/anna/", "--listen-address"]);
                command.args(["127.0.0.1", "--port", &port.to_string(), "--directory"]).arg(&data);
                command.arg("--state-dir").arg(dir.join("state"));
            }
        }
        command
    }

    /// The path of anna's calendar home.
    pub fn home(self) -> &'static str {
        match self {
            Self::Radicale => "/anna/",
            Self::Xandikos => "/anna/calendars/",
        }
    }
}

impl Server {
    /// Starts the server, or answers `None` where its Python environment is missing.
    pub async fn start(software: Software) -> Option<Self> {
        let python = python()?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = software
            .command(&python, dir.path(), port)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let url = proxy(port, Arc::clone(&traffic)).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let server = Self { child, dir, software, url, traffic, client };
        until("the CalDAV server", || async { TcpStream::connect(("127.0.0.1", port)).await.ok() })
            .await;
        until("the CalDAV server's answer", || async {
            server.send("PROPFIND", "/", &[], "").await.ok().filter(|(status, _)| *status < 500)
        })
        .await;
        Some(server)
    }

    /// Sends as another client of anna's; answers status and body.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> reqwest::Result<(u16, String)> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .basic_auth("anna", Some("anna-password"))
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Makes a calendar and answers its path.
    pub async fn make_calendar(&self, name: &str) -> String {
        let path = format!("{}{name}/", self.software.home());
        let body = format!(
            r#"<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop><D:displayname>{name}</D:displayname></D:prop></D:set></C:mkcalendar>"#
        );
        let (status, answer) = self.send("MKCALENDAR", &path, &[], &body).await.unwrap();
        assert_eq!(status, 201, "{answer}");
        path
    }

    pub async fn put(&self, path: &str, body: &str) {
        let headers = [("Content-Type", "text/calendar; charset=utf-8")];
        let (status, answer) = self.send("PUT", path, &headers, body).await.unwrap();
        assert!((200..300).contains(&status), "{status} {answer} for\n{body}");
    }

    pub async fn delete(&self, path: &str) {
        let (status, answer) = self.send("DELETE", path, &[], "").await.unwrap();
        assert!((200..300).contains(&status), "{status} {answer}");
    }

    /// Where Radicale keeps the files of a calendar.
    pub fn files(&self, calendar: &str) -> PathBuf {
        self.dir.path().join("data/collection-root").join(calendar.trim_matches('/'))
    }

    /// What went through since the last [`Server::forget_traffic`].
    pub fn traffic(&self) -> Traffic {
        self.traffic.lock().unwrap().clone()
    }

    pub fn forget_traffic(&self) {
        *self.traffic.lock().unwrap() = Traffic::default();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn proxy(to: u16, traffic: Arc<Mutex<Traffic>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let traffic = Arc::clone(&traffic);
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let asked = Arc::clone(&traffic);
                let up = tokio::spawn(async move {
                    let mut bytes = vec![0; 65_536];
                    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
                        asked.lock().unwrap().sent.extend_from_slice(&bytes[..read]);
                        if to_server.write_all(&bytes[..read]).await.is_err() {
                            break;
                        }
                    }
                    let _ = to_server.shutdown().await;
                });
                let mut bytes = vec![0; 65_536];
                while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
                    traffic.lock().unwrap().received += read;
                    if to_client.write_all(&bytes[..read]).await.is_err() {
                        break;
                    }
                }
                let _ = to_client.shutdown().await;
                up.abort();
            });
        }
    });
    url
}
