//! Subscriptions: having changes of a calendar told to an address of ours, and its lifecycle too.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{connector::Microsoft, errors::About, requests::resource_of, wire};
use crate::{
    connector::{CalendarRef, Channels, OpenChannel, WantedChannel},
    error::{Error, Kind, Result},
    rfc3339,
};

/// The longest life that is asked for: Graph allows 10,080 minutes, by its own clock.
const LONGEST: Duration = Duration::from_secs(10_075 * 60);
/// What it allowed before, and still names in a refusal here and there.
const SHORTER: Duration = Duration::from_secs(4_225 * 60);
/// Pages of subscriptions that are looked through for a stray one.
const MOST_PAGES: usize = 20;

#[async_trait]
impl Channels for Microsoft {
    async fn open(&self, calendar: &CalendarRef, wanted: &WantedChannel) -> Result<OpenChannel> {
        let resource = resource_of(calendar)?;
        match self.subscribe(&resource, wanted).await {
            // An earlier try, whose answer was lost: two would tell everything twice.
            Err(error) if matches!(error.kind, Kind::AlreadyExists { .. }) => {
                self.take_out_strays(&resource, wanted).await?;
                self.subscribe(&resource, wanted).await
            }
            Err(error) if error.kind == Kind::Forbidden => {
                let about = About::Calendar;
                let error = self.explained(calendar, error, about).await;
                // The grant does not reach so far; the calendar can be read all the same.
                let is_narrow = error.kind == Kind::Forbidden;
                Err(if is_narrow { Error { kind: Kind::NoPush, ..error } } else { error })
            }
            outcome => outcome,
        }
    }

    async fn renew(
        &self,
        channel: &OpenChannel,
        wanted: &WantedChannel,
    ) -> Result<Option<OpenChannel>> {
        let subscription = channel.resource.as_str();
        let mut life = wanted.lives.min(LONGEST);
        loop {
            let changes = json!({ "expirationDateTime": until(wanted, life) });
            let request = self.session.api.prolong(subscription, &changes)?;
            let reply = self.session.send("renew", request).await?;
            match reply.status().as_u16() {
                200 => return self.opened("renew", &reply, wanted, life).map(Some),
                400 if life > SHORTER && is_too_long(&reply) => life = SHORTER,
                404 | 410 => return Err(Kind::Gone.error("the subscription is gone")),
                _ => return Err(self.session.refused("renew", &reply, About::Channel)),
            }
        }
    }

    async fn close(&self, _channel: &str, resource: &str) -> Result<()> {
        let request = match self.session.api.unsubscribe(resource) {
            Err(error) if error.kind == Kind::Gone => return Ok(()),
            request => request?,
        };
        let reply = self.session.send("stop", request).await?;
        match reply.status().as_u16() {
            200..=299 | 404 | 410 => Ok(()),
            _ => Err(self.session.refused("stop", &reply, About::Channel)),
        }
    }
}

impl Microsoft {
    async fn subscribe(&self, resource: &str, wanted: &WantedChannel) -> Result<OpenChannel> {
        let mut life = wanted.lives.min(LONGEST);
        loop {
            let subscription = json!({
                "changeType": "created,updated,deleted",
                "notificationUrl": wanted.address.as_str(),
                "lifecycleNotificationUrl": wanted.address.as_str(),
                "resource": resource,
                "expirationDateTime": until(wanted, life),
                "clientState": wanted.secret.expose_secret(),
            });
            let request = self.session.api.subscribe(&subscription)?;
            let reply = self.session.send("watch", request).await?;
            match reply.status().as_u16() {
                200 | 201 => return self.opened("watch", &reply, wanted, life),
                400 if life > SHORTER && is_too_long(&reply) => life = SHORTER,
                409 => {
                    let refused = self.session.refused("watch", &reply, About::Channel);
                    return Err(Error { kind: Kind::AlreadyExists { at: None }, ..refused });
                }
                _ => return Err(self.session.refused("watch", &reply, About::Channel)),
            }
        }
    }

    fn opened(
        &self,
        operation: &str,
        reply: &Response<Bytes>,
        wanted: &WantedChannel,
        life: Duration,
    ) -> Result<OpenChannel> {
        let made = wire::subscription(reply.body())
            .map_err(|error| self.session.at_host(operation, error).with_unknown_effect())?;
        let stated = made.expiration_date_time.get().and_then(rfc3339::stated);
        let expires_at = stated.and_then(rfc3339::Stated::instant);
        Ok(OpenChannel {
            resource: made.id.get().unwrap_or_default().to_owned(),
            expires_at: expires_at.unwrap_or_else(|| ends(wanted, life)),
        })
    }

    /// Takes out what an earlier try of this hub has left: subscriptions to the same calendar that tell it to the same
    /// place.
    async fn take_out_strays(&self, resource: &str, wanted: &WantedChannel) -> Result<()> {
        let place = wanted.address.as_str().trim_end_matches(wanted.channel.as_str());
        let mut request = self.session.api.subscriptions()?;
        let mut strays = Vec::new();
        let at_host = |error| self.session.at_host("watch", error);
        for _ in 0..MOST_PAGES {
            let body = self.session.read("watch", request, About::Channel).await?;
            let page = wire::subscriptions(&body).map_err(at_host)?;
            let is_stray = |it: &&wire::Subscription<'_>| {
                let is_here = it.notification_url.get().is_some_and(|url| url.starts_with(place));
                is_here && it.resource.get().is_some_and(|it| is_same_resource(it, resource))
            };
            let ids = page.value.iter().flatten().filter(is_stray).filter_map(|it| it.id.get());
            strays.extend(ids.map(str::to_owned));
            match page.next.get() {
                Some(next) => request = self.session.api.follow(next).map_err(at_host)?,
                None => break,
            }
        }
        for stray in strays {
            self.close("", &stray).await?;
        }
        Ok(())
    }
}

/// Servers write a resource with or without a slash before it, and `me` in letters of either size.
fn is_same_resource(one: &str, other: &str) -> bool {
    let bare =
        |text: &str| text.trim_matches('/').rsplit_once("calendars/").map(|(_, it)| it.to_owned());
    bare(one).is_some() && bare(one) == bare(other)
}

fn is_too_long(reply: &Response<Bytes>) -> bool {
    let reason = wire::refused(reply.body());
    reason.is_some_and(|reason| {
        let text = reason.message.get().unwrap_or_default();
        reason.code.is("ExtensionError") || text.contains("expiration")
    })
}

fn ends(wanted: &WantedChannel, life: Duration) -> Timestamp {
    let life = SignedDuration::try_from(life).unwrap_or_default();
    wanted.now.checked_add(life).unwrap_or(wanted.now)
}

fn until(wanted: &WantedChannel, life: Duration) -> String {
    ends(wanted, life).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
