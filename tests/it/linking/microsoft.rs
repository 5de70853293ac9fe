//! A Microsoft account from its consent page to its subscriptions, through the hub's own routes.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use bytes::Bytes;
use calhub::{
    config::{Environment, Overrides, load},
    sync::Providers,
};
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use simulators::{MicrosoftAccountSpec, MicrosoftClientSpec, Receiver, World};
use tower::ServiceExt as _;

use super::scene::{BASE, memory, path_of};
use crate::{
    api::world::{NOW, TestHub, at},
    support::simulated::{ORIGIN, Simulated, transport_over},
};

const CLIENT: &str = "24d3b144-21ae-4080-943f-7067b395b913";

/// The hub's own routes, where Microsoft posts to.
struct Hooks(axum::Router);

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

impl Receiver for Hooks {
    fn post(&self, request: Request<Bytes>) -> BoxFuture<'static, Option<http::Response<Bytes>>> {
        let routes = self.0.clone();
        let (mut parts, body) = request.into_parts();
        parts.uri = path_of(&parts.uri.to_string()).parse().unwrap();
        async move {
            let answer =
                routes.oneshot(Request::from_parts(parts, Body::from(body))).await.unwrap();
            let (parts, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            Some(http::Response::from_parts(parts, body))
        }
        .boxed()
    }
}

async fn scene() -> (TestHub, World) {
    let world = World::new(at(NOW));
    let callback = format!("{BASE}/oauth/microsoft/callback");
    let client = MicrosoftClientSpec::new(CLIENT, "of-the-hub").redirect_uri(&callback);
    world.add_microsoft_client(client);
    world.add_microsoft_account(MicrosoftAccountSpec::new("ana@contoso.example"));
    let variables = [
        ("CALHUB_PUBLIC_URL", BASE),
        ("CALHUB_MICROSOFT_CLIENT_ID", CLIENT),
        ("CALHUB_MICROSOFT_CLIENT_SECRET", "of-the-hub"),
        ("CALHUB_MICROSOFT_BASE_URL", ORIGIN),
        ("CALHUB_MICROSOFT_OAUTH_BASE_URL", ORIGIN),
    ];
    let mut all = vec![("CALHUB_DATA_DIR", "/nonexistent")];
    all.extend(variables);
    let config = load(&Environment::of(&all), &Overrides::default()).unwrap();
    let service = Arc::new(Simulated(world.clone()));
    let transport = transport_over(service, Arc::<calhub::sync::Traffic>::default());
    let providers = Providers::new(transport, &config.google, &config.microsoft);
    let hub = TestHub::connected(0, memory().await, Arc::new(providers), &variables).await;
    hub.hub.engine.listen_at(BASE.parse().unwrap());
    world.set_receiver(Arc::new(Hooks(hub.routes.clone())));
    (hub, world)
}

fn cookie(answer: &crate::api::world::Answer) -> String {
    let line = answer.headers["set-cookie"].to_str().unwrap();
    line.split(';').next().unwrap().to_owned()
}

async fn get(hub: &TestHub, url: &str, cookie: &str) -> crate::api::world::Answer {
    let request = Request::builder().uri(path_of(url)).header("cookie", cookie);
    hub.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_outlook_account_is_linked_on_the_page_read_and_told_of() {
    let (hub, world) = scene().await;
    let asked = json!({"mode": "link", "providers": ["microsoft"]});
    let made = hub.post("/v1/link-sessions", asked).await.expect(201);
    let session = made.id();
    let press = Request::post(path_of(made.body["url"].as_str().unwrap()));
    let led = hub.send(press.body(Body::empty()).unwrap()).await.expect(303);
    let cookie = cookie(&led);
    let page = get(&hub, led.header("location").unwrap(), &cookie).await.expect(200);
    assert!(page.text.contains("Continue with Microsoft") && !page.text.contains("Google"));
    let start = format!("/oauth/microsoft/start?session={session}");
    let led = get(&hub, &start, &cookie).await.expect(303);
    let consent = led.header("location").unwrap().to_owned();
    let url = url::Url::parse(&consent).unwrap();
    let query =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|it| it.1.into_owned());
    assert_eq!(url.path(), "/common/oauth2/v2.0/authorize");
    let scope = query("scope").unwrap();
    assert_eq!(scope, "offline_access MailboxSettings.Read Calendars.ReadWrite");
    assert_eq!(query("code_challenge_method").as_deref(), Some("S256"));
    let mut fields = vec![("action", "allow"), ("account", "ana@contoso.example")];
    fields.extend(scope.split(' ').map(|scope| ("scope", scope)));
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(&consent).body(Bytes::from(form)).unwrap();
    let back = world.call(request).await.unwrap();
    assert_eq!(back.status(), 302, "{:?}", back.body());
    let back = back.headers()["location"].to_str().unwrap().to_owned();
    get(&hub, &back, &cookie).await.expect(303);
    let outcome = hub.get(&format!("/v1/link-sessions/{session}")).await.expect(200).body;
    assert_eq!(outcome["status"], "linked", "{outcome}");
    hub.hub.engine.step().await.unwrap();
    hub.settle().await;
    let connection = outcome["connection_id"].as_str().unwrap();
    let shown = hub.get(&format!("/v1/connections/{connection}")).await.expect(200).body;
    assert_eq!(
        (&shown["provider"], &shown["account_label"]),
        (&json!("microsoft"), &json!("ana@contoso.example"))
    );
    assert_eq!(shown["calendars"][0]["time_zone"], "Europe/Berlin", "{shown}");
    hub.hub.engine.step().await.unwrap();
    let open = world.microsoft_subscriptions();
    assert_eq!(open.len(), 1, "the handshake was answered");
    let channels = hub.get("/v1/ops/channels").await.expect(200).body;
    assert_eq!(channels["items"][0]["state"], "open", "{channels}");
    // Once it is open, nobody is answered who asks for a proof, and nobody is believed without the secret.
    let channel = channels["items"][0]["id"].as_str().unwrap();
    let hook = |body: Value, query: &str| {
        let request = Request::post(format!("/hooks/microsoft/{channel}{query}"));
        hub.send(request.body(Body::from(body.to_string())).unwrap())
    };
    let echoed = hook(Value::Null, "?validationToken=%3Cscript%3E").await;
    assert_eq!(echoed.status, 404);
    assert!(!echoed.text.contains("script"));
    let forged = json!({"value": [{"clientState": "guessed", "subscriptionId": "x", "changeType": "updated"}]});
    assert_eq!(hook(forged, "").await.status, 404);
    hub.delete(&format!("/v1/connections/{connection}")).await.expect(202);
    hub.hub.engine.step().await.unwrap();
    assert!(world.microsoft_subscriptions().is_empty(), "taken out with the connection");
}

#[tokio::test]
async fn a_grant_from_elsewhere_is_refused_in_words_of_who_has_to_act() {
    let (hub, world) = scene().await;
    let ana = world.microsoft_account("ana@contoso.example").unwrap();
    let link = async |token: String| {
        hub.post("/v1/connections", json!({"provider": "microsoft", "refresh_token": token})).await
    };
    let few = ana.grant(CLIENT, &["MailboxSettings.Read"]);
    link(few).await.problem(422, "missing_scope");
    let read = ana.grant(CLIENT, &["Calendars.Read"]);
    let linked = link(read.clone()).await.expect(201);
    assert_eq!(linked.body["access"], "read", "what was granted");
    link(read.clone()).await.expect(200);
    for (code, word) in
        [(50_076, "unauthorized"), (53_003, "unauthorized"), (90_094, "admin_consent_required")]
    {
        ana.refuse_refreshes(Some(code));
        link(read.clone()).await.problem(422, word);
    }
}

#[tokio::test]
async fn a_subscription_is_renewed_made_anew_and_believed_by_its_secret() {
    let (hub, world) = scene().await;
    world.tune_microsoft(|knobs| knobs.push_echoes = 0);
    let ana = world.microsoft_account("ana@contoso.example").unwrap();
    let token = ana.grant(CLIENT, &["Calendars.ReadWrite", "MailboxSettings.Read"]);
    let asked = json!({"provider": "microsoft", "refresh_token": token});
    hub.post("/v1/connections", asked).await.expect(201);
    let step = async || {
        hub.hub.engine.step().await.unwrap();
        hub.hub.engine.step().await.unwrap();
        hub.settle().await;
    };
    // Delivers what Microsoft would post, and answers how each was taken.
    let told = async || {
        let mut taken = Vec::new();
        for notice in world.take_microsoft_notifications() {
            let request =
                Request::post(path_of(&notice.address)).body(Body::from(notice.body.to_string()));
            taken.push(hub.send(request.unwrap()).await.status.as_u16());
        }
        taken
    };
    step().await;
    let first = world.microsoft_subscriptions().remove(0);
    world.advance(std::time::Duration::from_secs(3600));
    hub.advance(3600).await;
    world.require_reauthorization(&first.id);
    assert_eq!(told().await, [202]);
    step().await;
    let renewed = world.microsoft_subscriptions().remove(0);
    assert_eq!(renewed.id, first.id);
    assert!(renewed.expires_at > first.expires_at, "renewed");
    let event = json!({
        "subject": "New", "start": {"dateTime": "2027-01-05T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-01-05T10:00:00", "timeZone": "UTC"},
    });
    ana.default_calendar().insert(event).unwrap();
    world.advance(std::time::Duration::from_secs(5));
    hub.advance(5).await;
    assert_eq!(told().await, [202]);
    let shown = hub.get("/v1/calendars").await.expect(200).body;
    assert_eq!(shown["items"][0]["push"], "healthy", "{shown}");
    world.tell_missed(&first.id);
    assert_eq!(told().await, [202]);
    step().await;
    world.remove_subscription(&first.id, true);
    assert_eq!(told().await, [202]);
    step().await;
    let anew = world.microsoft_subscriptions();
    assert!(anew.len() == 1 && anew[0].id != first.id, "made anew: {anew:?}");
}
