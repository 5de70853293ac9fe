//! The built hub with a simulated Google on a socket, and somebody with a browser but no engine.

use std::{collections::BTreeMap, process::Command};

use reqwest::{Method, header};
use serde_json::{Value, json};
use simulators::{GoogleAccount, GoogleAccountSpec, GoogleClientSpec, World};

use crate::support::hub::{HubProcess, calhub};

pub const CLIENT: &str = "1234.apps.googleusercontent.com";
pub const SECRET: &str = "GOCSPX-x";

pub struct Site {
    pub hub: HubProcess,
    pub world: World,
    pub simulated: String,
}

/// A hub whose OAuth client Google knows.
pub async fn site() -> Site {
    let world = World::new(jiff::Timestamp::now());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let simulated = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulators::serve(world.clone(), listener));
    let hub = HubProcess::start_as(None, |command| google(command, &simulated)).await;
    let site = Site { hub, world, simulated };
    site.world.add_google_client(site.client());
    site
}

/// Tells a program where Google is, and what its client is.
pub fn google(command: &mut Command, simulated: &str) {
    command
        .env("CALHUB_GOOGLE_CLIENT_ID", CLIENT)
        .env("CALHUB_GOOGLE_CLIENT_SECRET", SECRET)
        .env("CALHUB_GOOGLE_BASE_URL", simulated)
        .env("CALHUB_GOOGLE_OAUTH_BASE_URL", format!("{simulated}/g"));
}

impl Site {
    /// The hub's client as Google knows it.
    pub fn client(&self) -> GoogleClientSpec {
        let redirect = format!("{}/oauth/google/callback", self.hub.url);
        GoogleClientSpec::new(CLIENT, SECRET).redirect_uri(&redirect)
    }

    pub fn account(&self, email: &str) -> GoogleAccount {
        self.world.add_google_account(GoogleAccountSpec::new(email))
    }

    /// `calhub`, with the data directory of the hub.
    pub fn calhub(&self) -> Command {
        calhub(self.hub.dir.path())
    }

    /// Links an account by the pages, and answers what became of the session. `ticks` says which scopes are left ticked.
    pub async fn link(&self, email: &str, ticks: impl Fn(&str) -> bool) -> Value {
        Visit { hub: &self.hub, email }.link(ticks).await.0
    }
}

/// Somebody who goes through the pages of a hub.
pub struct Visit<'h> {
    pub hub: &'h HubProcess,
    pub email: &'h str,
}

impl Visit<'_> {
    /// What became of the session, and every secret that passed through the browser.
    pub async fn link(&self, ticks: impl Fn(&str) -> bool) -> (Value, Vec<String>) {
        let email = self.email;
        let asked = json!({"mode": "link", "providers": ["google"], "access": "read_write"});
        let (status, made) = self.hub.post("/v1/link-sessions", &asked).await;
        assert_eq!(status, 201, "{made}");
        let mut person = Visitor::new();
        let url = made["url"].as_str().unwrap();
        person.go(Method::GET, url, &[]).await;
        let page = person.go(Method::POST, url, &[]).await;
        let start = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let start = start.into_iter().find(|href| href.contains("/oauth/google/start")).unwrap();
        let start =
            format!("{}{}", self.hub.url, start.replace("&#38;", "&").replace("&amp;", "&"));
        person.go(Method::GET, &start, &[]).await;
        let consent = person.at.clone();
        let query: BTreeMap<String, String> =
            url::Url::parse(&consent).unwrap().query_pairs().into_owned().collect();
        let mut fields = vec![("action", "allow"), ("account", email)];
        let scopes = query["scope"].split(' ').filter(|scope| ticks(scope));
        fields.extend(scopes.map(|scope| ("scope", scope)));
        person.go(Method::POST, &consent, &fields).await;
        let path = format!("/v1/link-sessions/{}", made["id"].as_str().unwrap());
        (self.hub.get(&path).await.1, person.secrets())
    }
}

/// Keeps cookies, and is led on.
struct Visitor {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
    at: String,
    /// Where it was led.
    been: Vec<url::Url>,
}

impl Visitor {
    fn new() -> Self {
        let http =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            cookies: BTreeMap::new(),
            at: String::new(),
            been: Vec::new(),
        }
    }

    /// What the addresses and the cookies held.
    fn secrets(&self) -> Vec<String> {
        let mut found: Vec<String> = self.cookies.values().cloned().collect();
        for url in &self.been {
            let pairs = url.query_pairs().into_owned();
            let secret = |(name, _): &(String, String)| matches!(&**name, "state" | "code");
            found.extend(pairs.filter(secret).map(|(_, value)| value));
            let last = url.path().rsplit('/').next().unwrap_or_default();
            found.extend(Some(last.to_owned()).filter(|it| it.len() == 64));
        }
        found
    }

    /// Goes there, and where that leads; answers what is shown in the end.
    async fn go(&mut self, method: Method, url: &str, fields: &[(&str, &str)]) -> String {
        let (mut method, mut url) = (method, url::Url::parse(url).unwrap());
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        for _ in 0..10 {
            self.been.push(url.clone());
            let cookies: Vec<_> = self.cookies.iter().map(|(a, b)| format!("{a}={b}")).collect();
            let mut request = self.http.request(method.clone(), url.clone());
            if method == Method::POST {
                let kind = "application/x-www-form-urlencoded";
                request = request.header(header::CONTENT_TYPE, kind).body(form.clone());
            }
            let answer = request.header(header::COOKIE, cookies.join("; ")).send().await.unwrap();
            for line in answer.headers().get_all(header::SET_COOKIE) {
                let pair = line.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let to =
                answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
            match to {
                Some(to) if answer.status().is_redirection() => {
                    url = url.join(&to).unwrap();
                    method = Method::GET;
                }
                _ => {
                    assert!(answer.status().is_success(), "{url}: {}", answer.status());
                    self.at = url.into();
                    return answer.text().await.unwrap();
                }
            }
        }
        panic!("led in circles");
    }
}
