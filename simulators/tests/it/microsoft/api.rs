//! A bare client of Graph, logged in as `lea@contoso.example`.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use simulators::{
    Cut, MicrosoftAccount, MicrosoftAccountSpec, MicrosoftCalendar, MicrosoftClientSpec, World,
};

pub const LEA: &str = "lea@contoso.example";
pub const CLIENT: &str = "11111111-2222-4333-8444-555555555555";
pub const CALLBACK: &str = "https://hub.example/oauth/microsoft";
pub const SCOPES: [&str; 5] =
    ["User.Read", "Calendars.ReadWrite", "MailboxSettings.Read", "openid", "email"];
/// What clients ask for who want to see events as the hub does.
pub const IMMUTABLE: (&str, &str) = ("prefer", "IdType=\"ImmutableId\"");

pub struct Api {
    pub world: World,
    pub lea: MicrosoftAccount,
    pub calendar: MicrosoftCalendar,
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

    /// The code in the envelope of an error.
    pub fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or("")
    }

    pub fn rows(&self) -> &Vec<Value> {
        self.json["value"].as_array().unwrap_or_else(|| panic!("{}", self.text))
    }

    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_else(|| panic!("{}", self.text))
    }

    pub fn etag(&self) -> &str {
        self.json["@odata.etag"].as_str().unwrap_or_else(|| panic!("{}", self.text))
    }

    /// The path and query of a link.
    pub fn link(&self, name: &str) -> Option<String> {
        let link = self.json[format!("@odata.{name}")].as_str()?;
        Some(link.strip_prefix("http://sim.example").unwrap().to_owned())
    }
}

pub fn at(time: &str) -> Value {
    json!({ "dateTime": time, "timeZone": "W. Europe Standard Time" })
}

/// An event of an hour on 1 March 2027, at nine in Berlin.
pub fn event(subject: &str) -> Value {
    json!({ "subject": subject, "start": at("2027-03-01T09:00:00"), "end": at("2027-03-01T10:00:00") })
}

/// Mondays at nine in Berlin, from 1 March 2027 on.
pub fn weekly(subject: &str) -> Value {
    let mut body = event(subject);
    body["recurrence"] = json!({ "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] },
        "range": { "type": "noEnd", "startDate": "2027-03-01" } });
    body
}

impl Api {
    pub async fn new() -> Self {
        let world = World::new("2027-03-01T06:00:00Z".parse().unwrap());
        world.add_microsoft_client(
            MicrosoftClientSpec::new(CLIENT, "secret").redirect_uri(CALLBACK),
        );
        let lea = world.add_microsoft_account(MicrosoftAccountSpec::new(LEA));
        let refresh = lea.grant(CLIENT, &SCOPES);
        let calendar = lea.default_calendar();
        let mut api = Self { world, lea, calendar, refresh, token: String::new() };
        let refresh = api.refresh.clone();
        let answer = api.refreshed(&refresh).await;
        api.token = answer.json["access_token"].as_str().unwrap().to_owned();
        api
    }

    /// Logged in anew, after the access token ran out.
    pub async fn renewed(self) -> Self {
        let token =
            self.refreshed(&self.refresh).await.json["access_token"].as_str().unwrap().to_owned();
        Self { token, ..self }
    }

    pub async fn refreshed(&self, token: &str) -> Answer {
        self.form(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub async fn form(&self, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("client_id", CLIENT), ("client_secret", "secret")];
        all.retain(|(name, _)| fields.iter().all(|(other, _)| other != name));
        all.extend_from_slice(fields);
        let coded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let body: Vec<String> =
            all.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.raw("POST", "/common/oauth2/v2.0/token", &headers, body.join("&")).await.unwrap()
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
        let path = path.replace(' ', "%20").replace('\'', "%27");
        let path = path.replace('{', "%7B").replace('}', "%7D");
        let path = if path.starts_with("/v1.0/") { path } else { format!("/v1.0/{path}") };
        self.raw(method, &path, &all, body).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        self.try_send(method, path, headers, &body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[], body).await
    }

    pub async fn create(&self, body: Value) -> Answer {
        self.post("me/events", body).await
    }

    pub async fn one(&self, id: &str) -> Answer {
        self.get(&format!("me/events/{id}")).await
    }

    pub async fn patch(&self, id: &str, body: Value) -> Answer {
        self.send("PATCH", &format!("me/events/{id}"), &[], body).await
    }

    pub async fn delete(&self, id: &str) -> Answer {
        self.send("DELETE", &format!("me/events/{id}"), &[], Value::Null).await
    }

    /// Goes through a round, and gives its rows and the delta link.
    pub async fn round(&self, first: &str, prefer: &str) -> (Vec<Value>, String) {
        let (mut rows, mut next) = (Vec::new(), first.to_owned());
        for _ in 0..1_000 {
            let page = self.send("GET", &next, &[("prefer", prefer)], Value::Null).await;
            assert_eq!(page.status, 200, "{}", page.text);
            rows.extend(page.rows().iter().cloned());
            match page.link("nextLink") {
                Some(link) => next = link,
                None => return (rows, page.link("deltaLink").unwrap()),
            }
        }
        panic!("the round has no end");
    }

    /// A first round from the beginning of March to that of June.
    pub async fn first_round(&self) -> (Vec<Value>, String) {
        self.round(FIRST, "odata.maxpagesize=50, IdType=\"ImmutableId\"").await
    }

    /// Nothing departed from the published types so far.
    pub fn is_by_the_book(&self) {
        assert_eq!(self.world.microsoft_violations(), []);
    }
}

pub const FIRST: &str =
    "me/calendarView/delta?startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-06-01T00:00:00Z";
