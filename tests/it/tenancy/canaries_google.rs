//! What an OAuth provider brings into the search for words: tokens, codes, verifiers, client and channel secrets. They
//! are random, so a recorder stands between the hub and the simulated provider and tells which they were.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use http::header;
use serde_json::{Value, json};
use simulators::{Act, Fault, GoogleAccountSpec, GoogleClientSpec, World};
use tokio::net::TcpListener;

use crate::support::hub::{HubProcess, until};

const CLIENT: &str = "kanarihub.apps.googleusercontent.com";
const SECRET: &str = "kanariclientsecret";
const OWN: &str = "kanariown.apps";
const OWN_SECRET: &str = "kanariownsecret";
const EMAIL: &str = "ana@example.com";

/// A simulated Google whose every secret is known.
pub struct Recorded {
    world: World,
    pub origin: String,
    heard: Arc<Mutex<BTreeSet<String>>>,
}

/// What is secret in a form or in JSON, by its name.
const SECRETS: [&str; 8] = [
    "code",
    "code_verifier",
    "refresh_token",
    "access_token",
    "client_secret",
    "id_token",
    // Of a channel: what a provider must say on it.
    "token",
    "state",
];

fn hear(heard: &Mutex<BTreeSet<String>>, bytes: &[u8]) {
    let mut found: Vec<String> = match serde_json::from_slice::<Value>(bytes) {
        Ok(told) => {
            SECRETS.iter().filter_map(|name| Some(told[name].as_str()?.to_owned())).collect()
        }
        Err(_) => {
            let pairs = url::form_urlencoded::parse(bytes).into_owned();
            pairs.filter(|(name, _)| SECRETS.contains(&&**name)).map(|(_, value)| value).collect()
        }
    };
    found.retain(|word| word.len() >= 16);
    heard.lock().unwrap().extend(found);
}

async fn recorded(heard: Arc<Mutex<BTreeSet<String>>>, request: Request, next: Next) -> Response {
    if let Some(bearer) = request.headers().get(header::AUTHORIZATION) {
        let token = bearer.to_str().unwrap().trim_start_matches("Bearer ").to_owned();
        heard.lock().unwrap().insert(token);
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    hear(&heard, &body);
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    // Events have no secrets; tokens and channels do.
    hear(&heard, &body);
    Response::from_parts(parts, Body::from(body))
}

impl Recorded {
    pub async fn new() -> Self {
        let world = World::new(jiff::Timestamp::now());
        world.tune_google(|knobs| knobs.allow_http_push = true);
        let heard: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let ear = Arc::clone(&heard);
        let router = world
            .router()
            .layer(from_fn(move |request, next| recorded(Arc::clone(&ear), request, next)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        // Nobody calls this one: it brings notifications.
        let aside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tokio::spawn(simulators::serve(world.clone(), aside));
        Self { world, origin, heard }
    }

    /// Tells a hub where this is, and under which address it is reached itself.
    pub fn settings(&self, command: &mut std::process::Command) {
        let listen = {
            let mut args = command.get_args().skip_while(|arg| *arg != "--listen");
            args.nth(1).unwrap().to_str().unwrap().to_owned()
        };
        command
            .env("CALHUB_PUBLIC_URL", format!("http://{listen}"))
            .env("CALHUB_GOOGLE_CLIENT_ID", CLIENT)
            .env("CALHUB_GOOGLE_CLIENT_SECRET", SECRET)
            .env("CALHUB_GOOGLE_BASE_URL", &self.origin)
            .env("CALHUB_GOOGLE_OAUTH_BASE_URL", format!("{}/g", self.origin));
    }

    /// Everything that was secret, as it travelled and as it is written elsewhere.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.heard.lock().unwrap().iter().cloned().collect();
        words.extend([SECRET, OWN_SECRET].map(str::to_owned));
        let coded: Vec<String> = words
            .iter()
            .map(|word| url::form_urlencoded::byte_serialize(word.as_bytes()).collect())
            .collect();
        words.extend(coded);
        words.sort();
        words.dedup();
        words
    }

    /// Lives through linking, being told, failing, and being unlinked. Answers what the hub answered.
    pub async fn live(&self, hub: &HubProcess) -> Vec<(String, String)> {
        let redirect = format!("{}/oauth/google/callback", hub.url);
        let client = GoogleClientSpec::new(CLIENT, SECRET).redirect_uri(&redirect);
        self.world.add_google_client(client);
        self.world.add_google_client(GoogleClientSpec::new(OWN, OWN_SECRET));
        let ana = self.world.add_google_account(GoogleAccountSpec::new(EMAIL));
        let mut answers = Vec::new();
        let site = crate::linking::site::Visit { hub, email: EMAIL };
        let (outcome, seen) = site.link(|_| true).await;
        assert_eq!(outcome["status"], "linked", "{outcome}");
        let connection = outcome["connection_id"].as_str().unwrap().to_owned();
        answers.push(("the session".to_owned(), outcome.to_string()));
        self.heard.lock().unwrap().extend(seen);
        hub.synced(&connection).await;
        until("the calendar to be told of", || async {
            let (_, found) = hub.get(&format!("/v1/calendars?connection_id={connection}")).await;
            (found["items"][0]["push"] == "healthy").then_some(())
        })
        .await;
        let (status, own) = {
            let url = format!("{}/v1/provider-apps/google", hub.url);
            let body = json!({"client_id": OWN, "client_secret": OWN_SECRET});
            hub.answer(hub.client().put(url).json(&body)).await
        };
        assert_eq!(status, 200, "{own}");
        answers.push(("the tenant's client".to_owned(), own.to_string()));
        // What cannot be linked, and what is wrong with a request, is told without what was in it.
        let narrow = ana.grant(OWN, &["calendar.events.readonly"]);
        self.heard.lock().unwrap().insert(narrow.clone());
        let dead = "1//kanarideadgrant0000";
        for (token, client) in [(narrow.as_str(), OWN), (dead, OWN), (dead, CLIENT), (dead, "none")]
        {
            let body = json!({"provider": "google", "refresh_token": token, "client_id": client, "access": "read_write"});
            let (status, answer) = hub.post("/v1/connections", &body).await;
            assert_eq!(status, 422, "{answer}");
            answers.push((format!("a grant to {client}"), answer.to_string()));
        }
        let body = json!({"client_id": OWN, "client_secret": [OWN_SECRET]});
        let url = format!("{}/v1/provider-apps/google", hub.url);
        let (status, answer) = hub.answer(hub.client().put(url).json(&body)).await;
        assert_eq!(status, 422);
        answers.push(("a wrong client".to_owned(), answer.to_string()));
        self.fail(hub, &mut answers).await;
        // The grant dies, and is given up; then the account goes.
        self.world.clear_faults();
        ana.revoke_grants();
        self.pull(hub).await;
        until("the dead grant", || async {
            let (_, found) = hub.get(&format!("/v1/connections/{connection}")).await;
            (found["state"] == "needs_reauth").then_some(())
        })
        .await;
        for path in ["/metrics", "/v1/ops/channels", "/v1/connections", "/v1/link-sessions"] {
            answers.push((path.to_owned(), without_links(&hub.get(path).await.1)));
        }
        let timeline = hub.get(&format!("/v1/ops/timeline?id={connection}")).await.1;
        answers.push(("the timeline".to_owned(), timeline.to_string()));
        answers
    }

    async fn pull(&self, hub: &HubProcess) {
        hub.post("/v1/ops/sync", &json!({"all": true, "full": true})).await;
        until("the pulls", || async {
            let (_, jobs) = hub.get("/v1/ops/jobs?lane=pull").await;
            let jobs = jobs["items"].as_array()?.clone();
            let is_done = |job: &Value| job["state"] != "ready" && job["state"] != "running";
            jobs.iter().all(is_done).then_some(())
        })
        .await;
    }

    /// Every way in which Google may refuse, with words of its own in each.
    async fn fail(&self, hub: &HubProcess, answers: &mut Vec<(String, String)>) {
        let refusal = |status: u16, reason: &str| {
            let body = json!({"error": {"code": status, "message": format!("kanarimessage {reason}"),
                "errors": [{"domain": "global", "reason": reason, "message": "kanarimessage"}]}});
            Act::Status { status, retry_after_s: None, body: body.to_string() }
        };
        let token = |status: u16, word: &str| {
            let body = json!({"error": word, "error_description": "kanaridescription", "error_uri": "https://kanariuri.example/"});
            Act::Status { status, retry_after_s: None, body: body.to_string() }
        };
        for (report, act) in [
            ("events.list", refusal(403, "rateLimitExceeded")),
            ("events.list", refusal(403, "kanarireason with spaces")),
            ("events.list", refusal(500, "backendError")),
            ("events.list", refusal(401, "authError")),
            ("oauth.token", token(500, "internal_failure")),
            ("oauth.token", token(400, "kanariword")),
        ] {
            if report == "oauth.token" {
                self.world.google_account(EMAIL).unwrap().expire_access_tokens();
            }
            self.world.fault(Fault::new(act).report(report));
            self.pull(hub).await;
            self.world.clear_faults();
            answers.push((report.to_owned(), without_links(&hub.get("/v1/connections").await.1)));
        }
    }
}

/// Where a person signs in again is told to whom may link accounts: it proves itself, and is no stored secret.
fn without_links(answer: &Value) -> String {
    let mut answer = answer.clone();
    if let Some(items) = answer.get_mut("items").and_then(Value::as_array_mut) {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.remove("relink_url");
        }
    }
    answer.to_string()
}
