//! Channels: watching a resource, stopping, and the notifications that are on their way.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::{refusal::Refusal, state::Google};
use crate::{query::Query, state::digest};

/// A channel that a client opened.
#[derive(Clone, Debug, Serialize)]
pub struct Channel {
    pub id: String,
    pub client: String,
    pub email: String,
    /// The calendar; `None` watches the calendar list.
    pub calendar: Option<String>,
    pub resource_id: String,
    pub resource_uri: String,
    pub address: String,
    pub token: Option<String>,
    pub expires_at: Timestamp,
    /// The number of the last message.
    pub number: u64,
    /// Messages so far, whatever their numbers.
    pub sent: u64,
    pub stopped_at: Option<Timestamp>,
    /// Tells nothing more, although nobody stopped it.
    pub is_dead: bool,
    #[serde(skip)]
    kinds: Vec<String>,
}

/// One POST to a receiver: there is no body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notification {
    pub address: String,
    /// Names as Google writes them, and values.
    pub headers: Vec<(String, String)>,
    pub channel: String,
    pub client: String,
    pub number: u64,
    /// How often it was tried before.
    pub tries: u32,
}

/// A notification and when it is due.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) due: Timestamp,
    pub(crate) notification: Notification,
}

const MOST_TRIES: u32 = 8;

/// What a client asks of a channel.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    pub(crate) client: &'a str,
    pub(crate) email: &'a str,
    pub(crate) calendar: Option<&'a str>,
    /// The address of the resource, without the query.
    pub(crate) uri: String,
    pub(crate) query: &'a Query,
    pub(crate) body: &'a Value,
    pub(crate) now: Timestamp,
}

fn number(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

impl Google {
    /// Opens a channel and sends its `sync` message.
    pub(crate) fn watch(&mut self, ask: &Watch<'_>) -> Result<Value, Refusal> {
        let text = |name: &str| ask.body.get(name).and_then(Value::as_str);
        let id = text("id").filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Refusal::required("Missing required field: id"))?;
        if id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b))
        {
            return Err(Refusal::invalid("Invalid channel id."));
        }
        if !matches!(text("type"), Some("web_hook" | "webhook")) {
            return Err(Refusal::invalid("Unknown channel type."));
        }
        let address = self.address(text("address"))?;
        let token = text("token").map(str::to_owned);
        if token.as_ref().is_some_and(|token| token.len() > 256) {
            return Err(Refusal::invalid("The channel token is too long."));
        }
        let key = (ask.client.to_owned(), id.to_owned());
        if !self.channel_ids.insert(key.clone()) {
            return Err(Refusal::new(400, "channelIdNotUnique", "Channel id not unique"));
        }
        let resource = ask.calendar.map_or_else(|| list_of(ask.email), str::to_owned);
        let channel = Channel {
            id: id.to_owned(),
            client: ask.client.to_owned(),
            email: ask.email.to_owned(),
            calendar: ask.calendar.map(str::to_owned),
            resource_id: digest(resource.as_bytes()).chars().take(27).collect(),
            resource_uri: format!("{}?alt=json", ask.uri),
            address,
            token,
            expires_at: self.expiry(ask)?,
            number: 0,
            sent: 0,
            stopped_at: None,
            is_dead: false,
            kinds: ask.query.all("eventTypes").map(str::to_owned).collect(),
        };
        let mut answer = json!({
            "kind": "api#channel", "id": channel.id, "resourceId": channel.resource_id,
            "resourceUri": channel.resource_uri,
            "expiration": channel.expires_at.as_millisecond().to_string(),
        });
        if let (Some(token), Some(fields)) = (&channel.token, answer.as_object_mut()) {
            fields.insert("token".into(), json!(token));
        }
        self.channels.insert(key.clone(), channel);
        self.watched.entry(resource).or_default().push(key.clone());
        self.send(&key, "sync", ask.now);
        Ok(answer)
    }

    fn address(&self, address: Option<&str>) -> Result<String, Refusal> {
        let address =
            address.ok_or_else(|| Refusal::required("Missing required field: address"))?;
        let is_secure = address.starts_with("https://");
        let is_allowed =
            is_secure || (self.knobs.allow_http_push && address.starts_with("http://"));
        if !is_allowed {
            let message = format!("WebHook callback must be HTTPS: {address}");
            return Err(Refusal::new(400, "push.webhookUrlNotHttps", &message));
        }
        let host = address.split("://").nth(1).and_then(|rest| rest.split(['/', ':', '?']).next());
        if is_secure && host.is_none_or(|host| host.is_empty() || host == "localhost") {
            let message = "Unauthorized WebHook callback channel";
            return Err(Refusal::new(401, "push.webhookUrlUnauthorized", message));
        }
        Ok(address.to_owned())
    }

    /// The most restrictive of what is asked for and the cap.
    fn expiry(&self, ask: &Watch<'_>) -> Result<Timestamp, Refusal> {
        let cap = later(ask.now, Duration::from_secs(self.knobs.channel_s.into()));
        let ttl = number(ask.body.get("params").and_then(|params| params.get("ttl")));
        let by_ttl = ttl.map(|seconds| {
            later(ask.now, Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
        });
        let asked = number(ask.body.get("expiration"))
            .map(|ms| {
                Timestamp::from_millisecond(ms).map_err(|_| Refusal::invalid("Invalid expiration."))
            })
            .transpose()?;
        let ends = [Some(cap), by_ttl, asked].into_iter().flatten().min().unwrap_or(cap);
        if ends <= ask.now {
            return Err(Refusal::invalid("The channel would be expired at once."));
        }
        Ok(Timestamp::from_millisecond(ends.as_millisecond()).unwrap_or(ends))
    }

    /// Stops a channel.
    pub(crate) fn stop(
        &mut self,
        client: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (id, resource) = (text("id"), text("resourceId"));
        let unknown = || {
            let message = format!("Channel '{id}' not found for project '{client}'");
            Refusal::new(404, "notFound", &message)
        };
        let channel =
            self.channels.get_mut(&(client.to_owned(), id.to_owned())).ok_or_else(unknown)?;
        let is_open = channel.stopped_at.is_none() && channel.expires_at > now;
        if !is_open || channel.resource_id != resource {
            return Err(unknown());
        }
        channel.stopped_at = Some(now);
        Ok(())
    }

    /// Tells the channels of a calendar that something changed.
    pub(crate) fn announce(&mut self, calendar: &str, kind: &str, now: Timestamp) {
        self.tell(calendar, Some(kind), "exists", now);
    }

    /// Tells the channels of a person's calendar list that something changed.
    pub(crate) fn announce_list(&mut self, email: &str, now: Timestamp) {
        self.tell(&list_of(email), None, "exists", now);
    }

    /// Tells the channels of a calendar that it is gone.
    pub(crate) fn announce_gone(&mut self, calendar: &str, now: Timestamp) {
        self.tell(calendar, None, "not_exists", now);
    }

    fn tell(&mut self, resource: &str, kind: Option<&str>, state: &str, now: Timestamp) {
        let Some(keys) = self.watched.remove(resource) else { return };
        let after_stop = SignedDuration::from_secs(self.knobs.push_after_stop_s.into());
        let mut open = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(channel) = self.channels.get(&key) else { continue };
            let is_stopped =
                channel.stopped_at.is_some_and(|at| now.duration_since(at) >= after_stop);
            if channel.expires_at <= now || is_stopped {
                self.channels.remove(&key);
                continue;
            }
            let is_asked = kind.is_none_or(|kind| {
                channel.kinds.is_empty() || channel.kinds.iter().any(|asked| asked == kind)
            });
            if is_asked {
                self.send(&key, state, now);
            }
            open.push(key);
        }
        self.watched.insert(resource.to_owned(), open);
    }

    fn send(&mut self, key: &(String, String), state: &str, now: Timestamp) {
        let gap = if self.knobs.push_gaps && state != "sync" { self.dice() % 3 } else { 0 };
        let dies_after = self.knobs.push_dies_after;
        let Some(channel) = self.channels.get_mut(key) else { return };
        if channel.is_dead || dies_after.is_some_and(|most| channel.sent >= most) {
            return;
        }
        channel.number += 1 + gap;
        channel.sent += 1;
        let notification = notification(channel, state);
        let is_sync = state == "sync";
        if !is_sync && self.by_chance(self.knobs.push_drop) {
            return;
        }
        let mut delay = Duration::from_millis(self.knobs.push_delay_ms);
        if !is_sync && self.by_chance(self.knobs.push_reorder) {
            delay += Duration::from_millis(self.knobs.push_delay_ms.max(1_000));
        }
        let letter = Letter { due: later(now, delay), notification };
        if !is_sync && self.by_chance(self.knobs.push_duplicate) {
            self.post.push(letter.clone());
        }
        self.post.push(letter);
    }

    pub(crate) fn has_post(&self) -> bool {
        !self.post.is_empty()
    }

    /// Takes the notifications that are due, in the order in which they arrive.
    pub(crate) fn take_post(&mut self, now: Timestamp) -> Vec<Notification> {
        if self.post.is_empty() {
            return Vec::new();
        }
        let (mut due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.post).into_iter().partition(|letter| letter.due <= now);
        self.post = rest;
        due.sort_by_key(|letter| letter.due);
        due.into_iter().map(|letter| letter.notification).collect()
    }

    /// What becomes of a notification that was answered with a status, or (`None`) not at all.
    pub(crate) fn answered(
        &mut self,
        notification: Notification,
        status: Option<u16>,
        now: Timestamp,
    ) {
        let key = (notification.client.clone(), notification.channel.clone());
        match status {
            Some(500 | 502 | 503 | 504) if notification.tries < MOST_TRIES => {
                let wait = Duration::from_secs(1_u64 << notification.tries);
                let tries = notification.tries + 1;
                let notification = Notification { tries, ..notification };
                self.post.push(Letter { due: later(now, wait), notification });
            }
            Some(404) if self.knobs.push_stops_at_404 => {
                if let Some(channel) = self.channels.get_mut(&key) {
                    channel.is_dead = true;
                }
            }
            _ => {}
        }
    }
}

/// The resource that a person's calendar list is.
fn list_of(email: &str) -> String {
    format!("list/{email}")
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

fn notification(channel: &Channel, state: &str) -> Notification {
    let expires = channel.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut headers = vec![
        ("X-Goog-Channel-ID".to_owned(), channel.id.clone()),
        ("X-Goog-Channel-Expiration".to_owned(), expires),
        ("X-Goog-Resource-ID".to_owned(), channel.resource_id.clone()),
        ("X-Goog-Resource-URI".to_owned(), channel.resource_uri.clone()),
        ("X-Goog-Resource-State".to_owned(), state.to_owned()),
        ("X-Goog-Message-Number".to_owned(), channel.number.to_string()),
    ];
    if let Some(token) = &channel.token {
        headers.push(("X-Goog-Channel-Token".to_owned(), token.clone()));
    }
    Notification {
        address: channel.address.clone(),
        headers,
        channel: channel.id.clone(),
        client: channel.client.clone(),
        number: channel.number,
        tries: 0,
    }
}
