//! A bare client of Google's API, logged in as `ana@example.com`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use simulators::{Cut, GoogleAccount, GoogleAccountSpec, GoogleCalendar, GoogleClientSpec, World};

pub const ANA: &str = "ana@example.com";
pub const CLIENT: &str = "hub.apps.example";
pub const CALLBACK: &str = "https://hub.example/oauth/google";

pub struct Api {
    pub world: World,
    pub ana: GoogleAccount,
    pub primary: GoogleCalendar,
    pub refresh: String,
    pub token: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub json: Value,
    pub text: String,
    response: Response<Bytes>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The reason in the envelope of an error.
    pub fn reason(&self) -> &str {
        self.json["error"]["errors"][0]["reason"].as_str().unwrap_or("")
    }

    pub fn ids(&self) -> Vec<&str> {
        let items = self.json["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap()).collect()
    }

    pub fn item(&self, id: &str) -> &Value {
        let items = self.json["items"].as_array().unwrap();
        items.iter().find(|item| item["id"] == id).unwrap_or(&Value::Null)
    }

    pub fn sync_token(&self) -> String {
        self.json["nextSyncToken"].as_str().unwrap_or_default().to_owned()
    }

    pub fn page_token(&self) -> String {
        self.json["nextPageToken"].as_str().unwrap_or_default().to_owned()
    }
}

/// An event of an hour on 1 March 2027, at nine in Berlin.
pub fn event(id: &str) -> Value {
    json!({ "id": id, "summary": id, "start": { "dateTime": "2027-03-01T09:00:00+01:00" },
        "end": { "dateTime": "2027-03-01T10:00:00+01:00" } })
}

pub fn weekly(id: &str) -> Value {
    json!({ "id": id, "summary": "Stand-up", "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO"],
        "start": { "dateTime": "2027-03-01T09:00:00", "timeZone": "Europe/Berlin" },
        "end": { "dateTime": "2027-03-01T09:15:00", "timeZone": "Europe/Berlin" } })
}

impl Api {
    pub async fn new() -> Self {
        Self::with(&["calendar"]).await
    }

    /// A client that was granted these scopes.
    pub async fn with(scopes: &[&str]) -> Self {
        let world = World::new("2027-03-01T08:00:00Z".parse().unwrap());
        let client = GoogleClientSpec::new(CLIENT, "secret").redirect_uri(CALLBACK);
        world.add_google_client(client);
        let ana = world.add_google_account(GoogleAccountSpec::new(ANA));
        let refresh = ana.grant(CLIENT, scopes);
        let primary = ana.primary();
        let mut api = Self { world, ana, primary, refresh, token: String::new() };
        api.log_in().await;
        api
    }

    pub async fn log_in(&mut self) {
        let answer = self.refreshed(&self.refresh.clone()).await;
        self.token = answer.json["access_token"].as_str().unwrap().to_owned();
    }

    /// The same world through another grant.
    pub async fn narrowed(&self, scopes: &[&str]) -> Self {
        let refresh = self.ana.grant(CLIENT, scopes);
        let (world, ana) = (self.world.clone(), self.ana.clone());
        let mut api = Self { world, primary: ana.primary(), ana, refresh, token: String::new() };
        api.log_in().await;
        api
    }

    pub async fn refreshed(&self, refresh: &str) -> Answer {
        self.form("/g/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let coded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect();
        let login = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:secret")));
        let headers = [
            ("authorization", login.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.raw("POST", path, &headers, body.join("&")).await.unwrap()
    }

    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, Cut> {
        let mut request = Request::builder().method(method).uri(path).header("host", "sim.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.world.call(request.body(Bytes::from(body)).unwrap()).await?;
        let text = String::from_utf8_lossy(response.body()).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: response.status().as_u16(), json, text, response })
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, Cut> {
        let login = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", login.as_str())];
        all.extend_from_slice(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.raw(method, &format!("/calendar/v3/{path}"), &all, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], &body).await
    }

    pub async fn list(&self, query: &str) -> Answer {
        self.get(&format!("calendars/primary/events?{query}")).await
    }

    pub async fn one(&self, id: &str) -> Answer {
        self.get(&format!("calendars/primary/events/{id}")).await
    }

    pub async fn insert(&self, body: Value) -> Answer {
        self.post("calendars/primary/events", body).await
    }

    pub async fn patch(&self, id: &str, body: Value) -> Answer {
        self.send("PATCH", &format!("calendars/primary/events/{id}"), &[], &body).await
    }

    pub async fn put(&self, id: &str, body: Value) -> Answer {
        self.send("PUT", &format!("calendars/primary/events/{id}"), &[], &body).await
    }

    pub async fn delete(&self, id: &str) -> Answer {
        self.send("DELETE", &format!("calendars/primary/events/{id}"), &[], &Value::Null).await
    }

    /// Nothing departed from the published description so far.
    pub fn is_by_the_book(&self) {
        assert_eq!(self.world.violations(), []);
    }
}
