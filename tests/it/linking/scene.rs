//! A hub whose Google is simulated, and a person with a browser.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use bytes::Bytes;
use calhub::{
    clock::Clock as _,
    config::{Environment, Overrides, load},
    store::Store,
    sync::Providers,
};
use connectors::transport::{Cut, Service};
use serde_json::{Value, json};
use simulators::{GoogleAccount, GoogleAccountSpec, GoogleClientSpec, World};

use crate::{
    api::world::{Answer, NOW, TestHub, at},
    support::simulated::{ORIGIN, Simulated, transport_over},
};

pub const BASE: &str = "https://hub.example";
pub const CLIENT: &str = "1234.apps.googleusercontent.com";
pub const SECRET: &str = "GOCSPX-of-the-hub";
pub const CALLBACK: &str = "https://hub.example/oauth/google/callback";
pub const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    "https://www.googleapis.com/auth/calendar.events",
];

pub struct Scene {
    pub hub: TestHub,
    pub world: World,
    pub ana: GoogleAccount,
}

/// A world with the hub's OAuth client and the account of ana, who has a second calendar.
pub fn world() -> (World, GoogleAccount) {
    let world = World::new(at(NOW));
    world.add_google_client(GoogleClientSpec::new(CLIENT, SECRET).redirect_uri(CALLBACK));
    let ana = world.add_google_account(GoogleAccountSpec::new("ana@example.com"));
    ana.add_calendar(simulators::GoogleCalendarSpec::new("work"));
    (world, ana)
}

impl Scene {
    pub async fn new() -> Self {
        Self::on(memory().await).await
    }

    pub async fn on(store: Store) -> Self {
        let (world, ana) = world();
        let hub = hub_on(0, store, Arc::new(Simulated(world.clone()))).await;
        Self { hub, world, ana }
    }

    /// Links ana's account by a grant from elsewhere; answers the connection.
    pub async fn import(&self) -> String {
        let token = self.ana.grant(CLIENT, &SCOPES);
        let asked = json!({"provider": "google", "refresh_token": token});
        self.hub.post("/v1/connections", asked).await.expect(201).id()
    }

    pub async fn advance(&self, seconds: u64) {
        self.world.advance(std::time::Duration::from_secs(seconds));
        self.hub.advance(seconds).await;
    }

    /// Everything that is due now.
    pub async fn step(&self) {
        self.hub.hub.engine.step().await.unwrap();
        self.hub.settle().await;
    }

    /// How often the token endpoint was asked.
    pub fn token_calls(&self) -> usize {
        token_calls(&self.world)
    }

    pub fn person(&self) -> Person<'_> {
        Person { scene: self, cookies: BTreeMap::new() }
    }

    /// Makes a link session; answers its id and its address.
    pub async fn session(&self, asked: Value) -> (String, String) {
        let made = self.hub.post("/v1/link-sessions", asked).await.expect(201);
        (made.id(), made.body["url"].as_str().unwrap().to_owned())
    }

    pub async fn outcome(&self, session: &str) -> Value {
        self.hub.get(&format!("/v1/link-sessions/{session}")).await.expect(200).body
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.hub.clock.now()
    }
}

pub async fn memory() -> Store {
    use calhub::{clock::SeededEntropy, store::Options};
    Store::open("sqlite::memory:", &Options::default(), &SeededEntropy::new(42)).await.unwrap()
}

pub fn token_calls(world: &World) -> usize {
    world.log().iter().filter(|entry| entry.report.as_deref() == Some("oauth.token")).count()
}

/// The `nth` hub on a database, which reaches what the service is.
pub async fn hub_on(nth: u64, store: Store, service: Arc<dyn Service>) -> TestHub {
    hub_with(nth, store, service, &[]).await
}

/// The same with more settings.
pub async fn hub_with(
    nth: u64,
    store: Store,
    service: Arc<dyn Service>,
    more: &[(&str, &str)],
) -> TestHub {
    let api = ORIGIN.to_owned();
    let oauth = format!("{ORIGIN}/g");
    let variables = [
        ("CALHUB_PUBLIC_URL", BASE),
        ("CALHUB_GOOGLE_CLIENT_ID", CLIENT),
        ("CALHUB_GOOGLE_CLIENT_SECRET", SECRET),
        ("CALHUB_GOOGLE_BASE_URL", &*api),
        ("CALHUB_GOOGLE_OAUTH_BASE_URL", &*oauth),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().chain(more).copied().collect();
    let mut all = vec![("CALHUB_DATA_DIR", "/nonexistent")];
    all.extend(&variables);
    let config = load(&Environment::of(&all), &Overrides::default()).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let transport = transport_over(service, Arc::<calhub::sync::Traffic>::default());
    let providers = Providers::new(transport, &config.google, &config.microsoft);
    TestHub::connected(nth, store, Arc::new(providers), &variables).await
}

/// Google, but each refresh gives another refresh token and ends the one before.
#[derive(Debug)]
pub struct Rotating {
    pub world: World,
    /// The token that is good now, by the one that the simulator knows.
    pub now: std::sync::Mutex<BTreeMap<String, u32>>,
}

#[async_trait]
impl Service for Rotating {
    async fn call(&self, request: Request<Bytes>) -> Result<http::Response<Bytes>, Cut> {
        let (parts, body) = request.into_parts();
        let is_token = parts.uri.path() == "/g/token";
        let mut known = None;
        let mut body = body;
        if is_token {
            let mut form: BTreeMap<String, String> =
                url::form_urlencoded::parse(&body).into_owned().collect();
            if let Some(token) = form.get("refresh_token").cloned() {
                let (own, turn) = token.split_once('~').unwrap_or((&token, "0"));
                let turn: u32 = turn.parse().unwrap();
                if self.now.lock().unwrap().get(own).copied().unwrap_or(0) != turn {
                    let refused = r#"{"error":"invalid_grant"}"#;
                    let answer = http::Response::builder().status(400);
                    let answer = answer.header("content-type", "application/json");
                    return Ok(answer.body(Bytes::from_static(refused.as_bytes())).unwrap());
                }
                known = Some((own.to_owned(), turn));
                form.insert("refresh_token".to_owned(), own.to_owned());
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(form)
                    .finish();
                body = Bytes::from(form);
            }
        }
        let mut parts = parts;
        parts.headers.remove(header::CONTENT_LENGTH);
        let answer = Simulated(self.world.clone()).call(Request::from_parts(parts, body)).await?;
        let Some((own, turn)) = known.filter(|_| answer.status() == 200) else { return Ok(answer) };
        let mut told: Value = serde_json::from_slice(answer.body()).unwrap();
        told["refresh_token"] = json!(format!("{own}~{}", turn + 1));
        self.now.lock().unwrap().insert(own, turn + 1);
        let (mut head, _) = answer.into_parts();
        head.headers.remove(header::CONTENT_LENGTH);
        Ok(http::Response::from_parts(head, Bytes::from(told.to_string())))
    }
}

/// Somebody with a browser: it keeps cookies, and is led on by hand.
pub struct Person<'s> {
    scene: &'s Scene,
    pub cookies: BTreeMap<String, String>,
}

/// The path and query of an address of the hub's.
pub fn path_of(url: &str) -> String {
    url.strip_prefix(BASE).unwrap_or(url).to_owned()
}

impl Person<'_> {
    async fn send(&mut self, request: http::request::Builder, body: Body) -> Answer {
        let line: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("cookie", line.join("; "));
        let answer = self.scene.hub.send(request.body(body).unwrap()).await;
        for line in answer.headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    pub async fn get(&mut self, url: &str) -> Answer {
        self.send(Request::builder().uri(path_of(url)), Body::empty()).await
    }

    pub async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder()
            .method("POST")
            .uri(path_of(url))
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, Body::from(form)).await
    }

    /// Opens a session's address, presses its button and follows to its page.
    pub async fn open(&mut self, url: &str) -> Answer {
        self.get(url).await.expect(200);
        let led = self.post(url, &[]).await.expect(303);
        let to = led.header("location").unwrap().to_owned();
        self.get(&to).await
    }

    /// Sets out to Google; answers the address of its consent page.
    pub async fn depart(&mut self, session: &str) -> String {
        let led = self.get(&format!("/oauth/google/start?session={session}")).await.expect(303);
        led.header("location").unwrap().to_owned()
    }

    /// Decides on the consent page; answers where Google leads to.
    pub async fn decide(&self, consent: &str, fields: &[(&str, &str)]) -> String {
        let form =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder().method("POST").uri(consent);
        let request = request.body(Bytes::from(form)).unwrap();
        let answer = self.scene.world.call(request).await.unwrap();
        assert_eq!(answer.status(), 302, "{:?}", answer.body());
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    pub async fn allow(&self, consent: &str, email: &str) -> String {
        let url = url::Url::parse(consent).unwrap();
        let scope = url.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
        let mut fields = vec![("action", "allow"), ("account", email)];
        fields.extend(scope.split(' ').map(|scope| ("scope", scope)));
        self.decide(consent, &fields).await
    }

    /// The whole way: to Google, agreed, and back.
    pub async fn link(&mut self, session: &str, email: &str) -> Answer {
        let consent = self.depart(session).await;
        let back = self.allow(&consent, email).await;
        self.get(&back).await
    }

    /// The token that a form of this page carries.
    pub fn token(page: &str) -> String {
        let after = page.split("name=\"token\" value=\"").nth(1).expect(page);
        after.split('"').next().unwrap().to_owned()
    }
}
