//! Real servers: Radicale and Xandikos as their authors made them.

use std::time::Duration;

use async_trait::async_trait;
use connectors::{
    CalendarRef, Connector,
    caldav::{Caldav, Login},
    conformance::{Abilities, PROMISES, Subject},
    transport::{Counts, Settings, Transport},
};
use secrecy::SecretString;

use crate::support::servers::{Server, Software};

struct Real<'a> {
    server: &'a Server,
    path: String,
    transport: Transport,
    password: &'static str,
}

impl<'a> Real<'a> {
    /// A calendar of its own on a shared server.
    async fn new(server: &'a Server, name: &str) -> Self {
        let path = server.make_calendar(name).await;
        let settings =
            Settings { allow_net: vec!["127.0.0.0/8".parse().unwrap()], ..Settings::default() };
        let transport = Transport::over_network(settings).unwrap();
        Self { server, path, transport, password: "anna-password" }
    }

    async fn members(&self) -> Vec<String> {
        let body = r#"<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>"#;
        let headers = [("Depth", "1"), ("Content-Type", "text/xml; charset=utf-8")];
        let (_, answer) = self.server.send("PROPFIND", &self.path, &headers, body).await.unwrap();
        let hrefs = answer.split("href>").filter_map(|part| part.split('<').next());
        hrefs.filter(|href| href.ends_with(".ics")).map(str::to_owned).collect()
    }
}

#[async_trait]
impl Subject for Real<'_> {
    fn abilities(&self) -> Abilities {
        Abilities {
            tombstones: true,
            expires_cursors: false,
            revokes_login: false,
            throttles: false,
            drops_replies: false,
            answers_garbage: false,
            removes_calendar: true,
            idles_cheaply: true,
            has_versions: true,
            expands: false,
            many: 40,
        }
    }

    fn connector(&self, learned: serde_json::Value) -> Box<dyn Connector> {
        let login =
            Login::with_password(&self.server.url, "anna", SecretString::from(self.password));
        Box::new(Caldav::connect(self.transport.clone(), login, learned).unwrap())
    }

    fn calendar(&self) -> CalendarRef {
        CalendarRef::new(&self.path)
    }

    async fn put(&self, name: &str, ics: &str) {
        self.server.put(&format!("{}{name}.ics", self.path), ics).await;
    }

    async fn delete(&self, name: &str) {
        self.server.delete(&format!("{}{name}.ics", self.path)).await;
    }

    async fn count(&self, uid: &str) -> usize {
        self.stored().await.matches(&format!("UID:{uid}")).count()
    }

    async fn stored(&self) -> String {
        let mut all = String::new();
        for member in self.members().await {
            all.push_str(&self.server.send("GET", &member, &[], "").await.unwrap().1);
        }
        all
    }

    fn counts(&self) -> Counts {
        self.transport.counts()
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![self.password.into(), self.path.as_str().into()]
    }

    async fn throttle_next(&self, _retry_after: Duration) {}

    async fn remove_calendar(&self) {
        self.server.delete(&self.path).await;
    }
}

async fn keeps_every_promise(software: Software) {
    let Some(server) = Server::start(software).await else { return };
    let mut broken = Vec::new();
    for promise in PROMISES {
        let subject = Real::new(&server, promise.name).await;
        super::check(promise, &subject, &format!("{software:?}"), &mut broken).await;
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

#[tokio::test]
async fn radicale_keeps_every_promise() {
    keeps_every_promise(Software::Radicale).await;
}

#[tokio::test]
async fn xandikos_keeps_every_promise() {
    keeps_every_promise(Software::Xandikos).await;
}

/// Garbage in place of a token is what a pruned history looks like.
#[tokio::test]
async fn real_servers_say_that_a_token_is_unknown() {
    for software in crate::support::servers::ALL {
        let Some(server) = Server::start(software).await else { return };
        let subject = Real::new(&server, "unknown-token").await;
        let connector = subject.connector(serde_json::Value::Null);
        for token in [
            "http://radicale.org/ns/sync/0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000",
        ] {
            let cursor = connectors::Cursor::new(serde_json::json!({ "token": token }).to_string());
            let ledger = connectors::conformance::Ledger::default();
            let window = connectors::Window {
                start: "2027-03-01T00:00:00Z".parse().unwrap(),
                end: "2027-04-01T00:00:00Z".parse().unwrap(),
            };
            let pulled = connector.pull(&subject.calendar(), window, Some(&cursor), &ledger).await;
            assert_eq!(pulled.unwrap_err().kind, connectors::Kind::CursorExpired, "{software:?}");
        }
    }
}
