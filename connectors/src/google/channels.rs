//! Channels: having changes of a calendar told to an address of ours.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{connector::Google, errors::About, wire};
use crate::{
    connector::{CalendarRef, Channels, OpenChannel, WantedChannel},
    error::{Kind, Result},
    transport::http_date,
};

/// How long a channel lives if nobody asks for anything else.
const LIVES: Duration = Duration::from_secs(7 * 24 * 3600);

#[async_trait]
impl Channels for Google {
    async fn open(&self, calendar: &CalendarRef, wanted: &WantedChannel) -> Result<OpenChannel> {
        let channel = json!({
            "id": wanted.channel,
            "type": "web_hook",
            "address": wanted.address.as_str(),
            "token": wanted.secret.expose_secret(),
            "params": { "ttl": wanted.lives.as_secs().to_string() },
        });
        let request = self.session.api.watch(calendar, &channel)?;
        let reply = self.session.send("watch", request).await?;
        if reply.status() != StatusCode::OK {
            return Err(self.session.refused("watch", &reply, About::Channel));
        }
        let opened = wire::channel(reply.body())
            .map_err(|error| self.session.at_host("watch", error).with_unknown_effect())?;
        let expires_at = expires_at(&opened.expiration.0, &reply, wanted.lives);
        Ok(OpenChannel {
            resource: opened.resource_id.get().unwrap_or_default().to_owned(),
            expires_at: expires_at.ok_or_else(|| {
                let error = Kind::BadReply.error("the channel does not say when it ends");
                self.session.at_host("watch", error).with_unknown_effect()
            })?,
        })
    }

    async fn close(&self, channel: &str, resource: &str) -> Result<()> {
        let body = json!({ "id": channel, "resourceId": resource });
        let request = self.session.api.stop(&body)?;
        let reply = self.session.send("stop", request).await?;
        match reply.status().as_u16() {
            200..=299 | 404 | 410 => Ok(()),
            _ => Err(self.session.refused("stop", &reply, About::Channel)),
        }
    }
}

/// When a channel ends: as stated in milliseconds, or by the clock of the reply.
fn expires_at(stated: &str, reply: &Response<Bytes>, lives: Duration) -> Option<Timestamp> {
    let stated = stated.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    stated.or_else(|| {
        let date = http_date(reply.headers().get(header::DATE)?.to_str().ok()?)?;
        let lives = SignedDuration::try_from(lives.min(LIVES)).ok()?;
        date.checked_add(lives).ok()
    })
}
