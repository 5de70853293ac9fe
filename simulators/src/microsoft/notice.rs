//! Notifications on their way: of changes and of a subscription's own life; lost, late, twice, and to slow receivers.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    id::Id,
    state::{Microsoft, guid},
    subscription::Subscription,
    when::{instant_text, millis_later, seconds_later},
};
use crate::{post, world::World};

/// One POST to a receiver.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MicrosoftNotification {
    pub address: String,
    /// `{"value": [...]}`.
    pub body: Value,
    /// How often it was tried before.
    pub tries: u32,
    /// When it was first sent.
    pub since: Timestamp,
}

/// A notification and when it is due.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) due: Timestamp,
    pub(crate) notification: MicrosoftNotification,
}

/// How fast a receiver answered of late.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    /// When, and whether it was slow.
    answers: VecDeque<(Timestamp, bool)>,
    slow_until: Option<Timestamp>,
    drops_until: Option<Timestamp>,
}

const TEN_MINUTES: i64 = 600;
/// Retries go on for so long.
const RETRIES_S: i64 = 4 * 3_600;

fn host(address: &str) -> String {
    address.split('/').nth(2).unwrap_or_default().to_owned()
}

impl Microsoft {
    /// Tells the subscriptions of a calendar that an event changed.
    pub(crate) fn announce(
        &mut self,
        (email, calendar): (&str, &str),
        id: &Id,
        etag: &str,
        change: &str,
        now: Timestamp,
    ) {
        let person = self.people.get(email);
        let is_default = person
            .and_then(|person| person.calendars.get(calendar))
            .is_some_and(|calendar| calendar.is_default);
        let covers_all = is_default || self.knobs.root_covers_all;
        let grace = i64::from(self.knobs.reauthorize_within_s);
        let is_heard = |one: &&Subscription| {
            let is_paused = one.reauthorize_since.is_some_and(|at| seconds_later(at, grace) <= now);
            one.email == email
                && one.expires_at > now
                && !is_paused
                && one.calendar.as_ref().map_or(covers_all, |watched| watched == calendar)
        };
        let heard: Vec<Subscription> =
            self.subscriptions.values().filter(is_heard).cloned().collect();
        for one in heard {
            let echoes = if change == "created" { self.knobs.push_echoes } else { 0 };
            let kinds = std::iter::once(change).chain((0..echoes).map(|_| "updated"));
            for kind in kinds.filter(|kind| one.change_types.iter().any(|asked| asked == kind)) {
                let item = item(&one, id, etag, kind);
                self.send(&one, &item, now);
            }
        }
    }

    fn send(&mut self, one: &Subscription, item: &Value, now: Timestamp) {
        let address = one.notification_url.clone();
        let is_dropped = self
            .endpoints
            .get(&host(&address))
            .and_then(|endpoint| endpoint.drops_until)
            .is_some_and(|until| until > now);
        if is_dropped || self.by_chance(self.knobs.push_drop) {
            if self.by_chance(self.knobs.push_missed) {
                self.lifecycle(one, "missed", now);
            }
            return;
        }
        let slow = self.endpoints.get(&host(&address)).and_then(|endpoint| endpoint.slow_until);
        let mut due = millis_later(now, self.knobs.push_delay_ms);
        if slow.is_some_and(|until| until > now) {
            due = seconds_later(due, TEN_MINUTES);
        }
        if self.by_chance(self.knobs.push_reorder) {
            due = millis_later(due, self.knobs.push_delay_ms.max(1_000));
        }
        let twice = self.by_chance(self.knobs.push_duplicate);
        let notification = MicrosoftNotification {
            address,
            body: json!({ "value": [item] }),
            tries: 0,
            since: now,
        };
        for _ in 0..=u8::from(twice) {
            self.post.push(Letter { due, notification: notification.clone() });
        }
    }

    /// Tells a subscription of its own life: `reauthorizationRequired`, `subscriptionRemoved` or `missed`.
    pub(crate) fn lifecycle(&mut self, one: &Subscription, event: &str, now: Timestamp) {
        let Some(address) = one.lifecycle_url.clone() else { return };
        let item = json!({ "subscriptionId": one.id, "lifecycleEvent": event,
            "subscriptionExpirationDateTime": instant_text(one.expires_at),
            "tenantId": tenant(one), "clientState": one.client_state });
        let body = json!({ "value": [item] });
        let notification = MicrosoftNotification { address, body, tries: 0, since: now };
        self.post.push(Letter { due: now, notification });
    }

    /// Ends subscriptions and says so.
    pub(crate) fn remove_subscriptions(
        &mut self,
        is_it: impl Fn(&Subscription) -> bool,
        now: Timestamp,
    ) {
        let ended: Vec<Subscription> =
            self.subscriptions.values().filter(|one| is_it(one)).cloned().collect();
        for one in ended {
            self.subscriptions.remove(&one.id);
            self.lifecycle(&one, "subscriptionRemoved", now);
        }
    }

    pub(crate) fn has_post(&self) -> bool {
        !self.post.is_empty()
    }

    /// Takes the notifications that are due, in the order in which they arrive.
    pub(crate) fn take_post(&mut self, now: Timestamp) -> Vec<MicrosoftNotification> {
        self.settle(now);
        let (mut due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.post).into_iter().partition(|letter| letter.due <= now);
        self.post = rest;
        due.sort_by_key(|letter| letter.due);
        let mut found: Vec<MicrosoftNotification> = Vec::new();
        for letter in due {
            let next = letter.notification;
            let most = self.knobs.push_together.max(1);
            let open = found.iter_mut().find(|there| {
                there.address == next.address && there.tries == next.tries && count(there) < most
            });
            match open.and_then(|there| there.body.get_mut("value")).and_then(Value::as_array_mut) {
                Some(values) => values.extend(items(&next)),
                None => found.push(next),
            }
        }
        found
    }

    /// What becomes of a notification that was answered with a status after a while, or (`None`) not at all.
    pub(crate) fn answered(
        &mut self,
        notification: MicrosoftNotification,
        status: Option<u16>,
        took: Duration,
        now: Timestamp,
    ) {
        let is_slow = took > Duration::from_millis(self.knobs.slow_ms);
        self.endpoints.entry(host(&notification.address)).or_default().note(is_slow, now);
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        let wait = 10_i64 << notification.tries.min(10);
        let due = seconds_later(now, wait);
        if due <= seconds_later(notification.since, RETRIES_S) {
            let tries = notification.tries + 1;
            let notification = MicrosoftNotification { tries, ..notification };
            self.post.push(Letter { due, notification });
        }
    }
}

impl Endpoint {
    /// More than a tenth of slow answers in ten minutes delays what follows; 15 in a hundred lose it.
    fn note(&mut self, is_slow: bool, now: Timestamp) {
        self.answers.push_back((now, is_slow));
        let begin = seconds_later(now, -TEN_MINUTES);
        while self.answers.front().is_some_and(|(at, _)| *at <= begin) {
            self.answers.pop_front();
        }
        let slow = self.answers.iter().filter(|(_, is_slow)| *is_slow).count();
        let share = slow * 100 / self.answers.len().max(1);
        if share >= 15 {
            self.drops_until = Some(seconds_later(now, TEN_MINUTES));
        } else if share > 10 {
            self.slow_until = Some(seconds_later(now, TEN_MINUTES));
        }
    }
}

fn items(notification: &MicrosoftNotification) -> Vec<Value> {
    notification.body.get("value").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn count(notification: &MicrosoftNotification) -> usize {
    notification.body.get("value").and_then(Value::as_array).map_or(0, Vec::len)
}

fn tenant(one: &Subscription) -> String {
    guid(one.email.split('@').nth(1).unwrap_or_default())
}

fn item(one: &Subscription, id: &Id, etag: &str, change: &str) -> Value {
    let event = Id { is_immutable: one.is_immutable, ..id.clone() }.text();
    let resource = format!("Users/{}/Events/{event}", guid(&one.email));
    json!({ "subscriptionId": one.id, "subscriptionExpirationDateTime": instant_text(one.expires_at),
        "clientState": one.client_state, "changeType": change, "resource": resource, "tenantId": tenant(one),
        "resourceData": { "@odata.type": "#Microsoft.Graph.Event", "@odata.id": resource,
            "@odata.etag": etag, "id": event } })
}

/// Posts what is due, one after the other.
pub(crate) async fn send_all(world: World, due: Vec<MicrosoftNotification>) {
    for notification in due {
        let begun = world.now();
        let request = Request::post(&notification.address)
            .header("Content-Type", "application/json; charset=utf-8")
            .body(Bytes::from(notification.body.to_string()));
        let answer = match request {
            Ok(request) => post::post(&world, request).await,
            Err(_) => None,
        };
        let took = Duration::try_from(world.now().duration_since(begun)).unwrap_or_default();
        let status = answer.map(|answer| answer.status().as_u16());
        world.microsoft_notification_answered(notification, status, took);
    }
}
