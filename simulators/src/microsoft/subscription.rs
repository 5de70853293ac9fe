//! Subscriptions: the handshake with the receivers, making, renewing, ending.

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    batch, path,
    refusal::Refusal,
    route::{Answer, Ask, Outcome},
    state::{Microsoft, guid},
    when::{instant_text, seconds_later},
};
use crate::{oauth, post, world::World};

/// What a client wants to be told of.
#[derive(Clone, Debug, Serialize)]
pub struct Subscription {
    pub id: String,
    pub client: String,
    pub email: String,
    /// As it was asked for.
    pub resource: String,
    /// The calendar; `None` covers the default one by `/me/events`.
    pub calendar: Option<String>,
    pub change_types: Vec<String>,
    pub notification_url: String,
    pub lifecycle_url: Option<String>,
    pub client_state: Option<String>,
    pub expires_at: Timestamp,
    /// Ids in notifications are immutable ones.
    pub is_immutable: bool,
    /// When a new authorization was asked for, until it is given.
    pub reauthorize_since: Option<Timestamp>,
    /// When it was last renewed, and when it was last reauthorized.
    pub renewed_at: Option<Timestamp>,
    pub reauthorized_at: Option<Timestamp>,
}

/// How a receiver answered when it was asked whether it is one.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    url: String,
    wrong: Option<&'static str>,
}

/// The bodies of subscriptions that a request would make.
fn asked(request: &Request<Bytes>) -> Vec<Value> {
    if request.method() != http::Method::POST {
        return Vec::new();
    }
    match request.uri().path().strip_prefix(path::API) {
        Some("subscriptions") => serde_json::from_slice(request.body()).into_iter().collect(),
        Some("$batch") => {
            let parts = batch::parts(request.body()).into_iter();
            let is_one = |part: &Value| {
                part.get("method").and_then(Value::as_str) == Some("POST")
                    && part
                        .get("url")
                        .and_then(Value::as_str)
                        .is_some_and(|url| url.trim_matches('/') == "subscriptions")
            };
            parts.filter(is_one).filter_map(|part| part.get("body").cloned()).collect()
        }
        _ => Vec::new(),
    }
}

/// Asks the receivers that a request names, before it is answered.
pub(crate) async fn handshakes(world: &World, request: &Request<Bytes>) -> Vec<Handshake> {
    let mut done = Vec::new();
    let may = world.microsoft_knobs().handshake && oauth::bearer(request).is_some();
    for body in asked(request).into_iter().filter(|_| may) {
        for name in ["notificationUrl", "lifecycleNotificationUrl"] {
            let Some(url) = body.get(name).and_then(Value::as_str) else { continue };
            let wrong = handshake(world, url).await.err();
            done.push(Handshake { url: url.to_owned(), wrong });
        }
    }
    done
}

const TIMED_OUT: &str = "Subscription validation request timed out.";

async fn handshake(world: &World, url: &str) -> Result<(), &'static str> {
    let token = world.microsoft_secret("validation");
    // Something that must be decoded, and that must not be echoed as HTML.
    let token = format!("Validation: Testing client application reachability <{token}>");
    let joint = if url.contains('?') { '&' } else { '?' };
    let address = format!("{url}{joint}{}", oauth::pairs(&[("validationToken", &token)]));
    let request = Request::post(address)
        .header("Content-Type", "text/plain; charset=utf-8")
        .body(Bytes::new())
        .map_err(|_| TIMED_OUT)?;
    let answer = post::post(world, request).await.ok_or(TIMED_OUT)?;
    let kind = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
    if answer.status() != http::StatusCode::OK {
        return Err("Notification endpoint must respond with 200 OK to validation request.");
    }
    if !kind.is_some_and(|kind| kind.starts_with("text/plain")) {
        return Err("The content type of the validation response must be text/plain.");
    }
    if answer.body().as_ref() != token.as_bytes() {
        return Err("The validation response does not contain the validation token.");
    }
    Ok(())
}

impl Subscription {
    pub(crate) fn json(&self) -> Value {
        json!({ "id": self.id, "applicationId": self.client, "creatorId": guid(&self.email),
            "resource": self.resource, "changeType": self.change_types.join(","),
            "notificationUrl": self.notification_url, "lifecycleNotificationUrl": self.lifecycle_url,
            "clientState": self.client_state, "expirationDateTime": instant_text(self.expires_at),
            "latestSupportedTlsVersion": "v1_2", "includeResourceData": Value::Null,
            "notificationQueryOptions": Value::Null, "encryptionCertificate": Value::Null,
            "encryptionCertificateId": Value::Null, "notificationUrlAppId": Value::Null })
    }
}

impl Ask<'_> {
    pub(crate) fn subscription(&self, ms: &mut Microsoft) -> Outcome {
        let now = self.around.now;
        ms.subscriptions.retain(|_, one| one.expires_at > now);
        match self.target.method {
            "subscriptions.create" => return self.subscribe(ms),
            "subscriptions.list" => {
                let mine = ms
                    .subscriptions
                    .values()
                    .filter(|one| self.is_mine(one.client.as_str(), &one.email));
                let rows: Vec<Value> = mine.map(Subscription::json).collect();
                let context = format!("{}/v1.0/$metadata#subscriptions", self.around.origin);
                return Ok(Answer::Json(json!({ "@odata.context": context, "value": rows })));
            }
            _ => {}
        }
        let id = self.target.other.clone().unwrap_or_default();
        let found = ms.subscriptions.get(&id).filter(|one| self.is_mine(&one.client, &one.email));
        let found = found.cloned().ok_or_else(|| {
            let message = "The object was not found.";
            Refusal::new(404, "ResourceNotFound", message)
        })?;
        match self.target.method {
            "subscriptions.get" => Ok(Answer::Json(found.json())),
            "subscriptions.delete" => {
                ms.subscriptions.remove(&id);
                Ok(Answer::Empty)
            }
            "subscriptions.update" => self.renew(ms, found),
            _ => self.reauthorize(ms, found),
        }
    }

    fn is_mine(&self, client: &str, email: &str) -> bool {
        client == self.client && email == self.email
    }

    fn text(&self, name: &str) -> Result<&str, Refusal> {
        let told = self.body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        told.ok_or_else(|| Refusal::new(400, "InvalidRequest", &format!("{name} is missing.")))
    }

    /// The end that was asked for, as far as it is allowed.
    fn expiry(&self, ms: &Microsoft) -> Result<Timestamp, Refusal> {
        let told = self.text("expirationDateTime")?.parse::<Timestamp>().ok();
        let told = told.ok_or_else(|| {
            Refusal::new(400, "InvalidRequest", "The expirationDateTime cannot be read.")
        })?;
        let (most, least) = (ms.knobs.subscription_max_min, ms.knobs.subscription_min_min);
        if told > seconds_later(self.around.now, 60 * i64::from(most)) {
            let message =
                format!("Subscription expiration can only be {most} minutes in the future.");
            return Err(Refusal::new(400, "ExtensionError", &message));
        }
        if told <= self.around.now {
            return Err(Refusal::new(400, "InvalidRequest", "The expirationDateTime has passed."));
        }
        Ok(told.max(seconds_later(self.around.now, 60 * i64::from(least))))
    }

    /// The calendar that a resource means; `None` is `/me/events`.
    fn watched(&self, ms: &Microsoft) -> Result<Option<String>, Refusal> {
        let resource = self.text("resource")?.split('?').next().unwrap_or_default();
        let resource = format!("{}{}", path::API, resource.trim_matches('/'));
        let target = path::target("GET", &resource).filter(|target| target.method == "events.list");
        let target = target.ok_or_else(|| {
            Refusal::new(400, "InvalidRequest", "The resource is not supported for subscriptions.")
        })?;
        let own = ms.people.get(&self.email).map(super::state::Person::id);
        if target.user.is_some_and(|user| user != self.email && Some(user) != own) {
            return Err(Refusal::denied());
        }
        let Some(calendar) = target.calendar else { return Ok(None) };
        let found = ms.calendar(&self.mailbox, Some(&calendar));
        found.map(|found| Some(found.id.clone())).map_err(|_| {
            Refusal::new(404, "ResourceNotFound", "The calendar of the subscription was not found.")
        })
    }

    fn subscribe(&self, ms: &mut Microsoft) -> Outcome {
        let types: Vec<String> =
            self.text("changeType")?.split(',').map(|kind| kind.trim().to_owned()).collect();
        if types.iter().any(|kind| !["created", "updated", "deleted"].contains(&kind.as_str())) {
            return Err(Refusal::new(400, "InvalidRequest", "The changeType is not known."));
        }
        let calendar = self.watched(ms)?;
        let expires_at = self.expiry(ms)?;
        let client_state = self.body.get("clientState").and_then(Value::as_str);
        if client_state.is_some_and(|state| state.len() > 128) {
            return Err(Refusal::new(400, "InvalidRequest", "The clientState is too long."));
        }
        if self.body.get("includeResourceData") == Some(&json!(true)) {
            return Err(Refusal::new(400, "InvalidRequest", "Resource data is not sent here."));
        }
        let url = self.checked_url(ms, "notificationUrl")?;
        let has_lifecycle =
            self.body.get("lifecycleNotificationUrl").is_some_and(|url| !url.is_null());
        let lifecycle_url = if has_lifecycle {
            Some(self.checked_url(ms, "lifecycleNotificationUrl")?)
        } else {
            None
        };
        let resource = self.text("resource")?.to_owned();
        let mine = ms.subscriptions.values().filter(|one| one.email == self.email);
        if mine.clone().count() >= ms.knobs.most_subscriptions {
            let message = "The mailbox has too many subscriptions.";
            return Err(Refusal::new(403, "ExtensionError", message));
        }
        let is_twin = mine
            .filter(|one| one.client == self.client)
            .any(|one| one.resource == resource && one.change_types == types);
        if is_twin && !ms.knobs.duplicate_subscriptions {
            let message = "A subscription for the same resource and change type exists.";
            return Err(Refusal::new(409, "Conflict", message));
        }
        let secret = ms.secret("subscription");
        let made = Subscription {
            id: guid(&secret),
            client: self.client.clone(),
            email: self.email.clone(),
            resource,
            calendar,
            change_types: types,
            notification_url: url,
            lifecycle_url,
            client_state: client_state.map(str::to_owned),
            expires_at,
            is_immutable: self.prefer.is_immutable,
            reauthorize_since: None,
            renewed_at: None,
            reauthorized_at: None,
        };
        let told = made.json();
        ms.subscriptions.insert(made.id.clone(), made);
        Ok(Answer::Created(told))
    }

    /// The address of a receiver that has shown to be one.
    fn checked_url(&self, ms: &Microsoft, name: &str) -> Result<String, Refusal> {
        let url = self.text(name)?;
        let is_allowed =
            url.starts_with("https://") || (ms.knobs.allow_http_push && url.starts_with("http://"));
        if !is_allowed {
            return Err(Refusal::new(
                400,
                "InvalidRequest",
                "The notification URL has to be https.",
            ));
        }
        let done = self.around.handshakes.iter().find(|done| done.url == url);
        match done.map_or(Some(TIMED_OUT), |done| done.wrong) {
            Some(wrong) if ms.knobs.handshake => Err(Refusal::new(400, "ValidationError", wrong)),
            _ => Ok(url.to_owned()),
        }
    }

    fn renew(&self, ms: &mut Microsoft, mut found: Subscription) -> Outcome {
        found.expires_at = self.expiry(ms)?;
        if self.body.get("lifecycleNotificationUrl").is_some_and(|url| !url.is_null()) {
            let message = "The lifecycleNotificationUrl cannot be changed.";
            return Err(Refusal::new(400, "InvalidRequest", message));
        }
        if self.body.get("notificationUrl").is_some_and(|url| !url.is_null()) {
            found.notification_url = self.checked_url(ms, "notificationUrl")?;
        }
        self.note_both(ms, found.reauthorized_at);
        found.renewed_at = Some(self.around.now);
        found.reauthorize_since = None;
        let told = found.json();
        ms.subscriptions.insert(found.id.clone(), found);
        Ok(Answer::Json(told))
    }

    fn reauthorize(&self, ms: &mut Microsoft, mut found: Subscription) -> Outcome {
        self.note_both(ms, found.renewed_at);
        found.reauthorized_at = Some(self.around.now);
        found.reauthorize_since = None;
        ms.subscriptions.insert(found.id.clone(), found);
        Ok(Answer::Accepted)
    }

    /// A renewal and a reauthorization are not both to be sent within ten minutes.
    fn note_both(&self, ms: &mut Microsoft, other: Option<Timestamp>) {
        if other.is_some_and(|at| seconds_later(at, 600) > self.around.now) {
            self.note(ms, "request", "renewed and reauthorized within ten minutes".into());
        }
    }
}
