//! Writing one calendar, on the condition that it is as it was read.
//!
//! Nobody is mailed where an event has no guests. Where it has some, Graph mails them whatever we say.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::Value;

use super::{body, connector::Microsoft, errors::About, mark, requests::By, translate, wire};
use crate::{
    connector::{CalendarRef, Draft, WriteKey, Writer, Written},
    error::{Error, Kind, Result},
    event::{Item, ItemRef, Status, Version},
    guests::Invited,
};

#[async_trait]
impl Writer for Microsoft {
    async fn create(
        &self,
        calendar: &CalendarRef,
        key: &WriteKey,
        draft: &Draft,
    ) -> Result<Written> {
        let request = self.session.api.create(calendar, &body::event(key, draft))?;
        let reply = self.session.send("create", request).await?;
        if matches!(reply.status(), StatusCode::CREATED | StatusCode::OK) {
            let made = self.made(key, reply.body())?;
            return match made {
                Some(item) => Ok(Written { item }),
                // The server has answered with another event than the one asked for.
                None => self.sought(calendar, key).await?.ok_or_else(|| {
                    let error = Kind::BadReply.error("the answer is about another event");
                    self.session.at_host("create", error).with_unknown_effect()
                }),
            };
        }
        let refused = self.session.refused("create", &reply, About::Calendar);
        match refused.kind {
            // The first try stands there, with other words than this one; or it was taken out since, and its name is
            // not given again.
            Kind::AlreadyExists { .. } => self.sought(calendar, key).await?.ok_or(refused),
            _ => Err(self.explained(calendar, refused, About::Calendar).await),
        }
    }

    async fn find(&self, calendar: &CalendarRef, key: &WriteKey) -> Result<Option<Written>> {
        if key.marker.is_empty() {
            let item = self.search(calendar, By::Uid(&key.uid)).await?;
            return Ok(item.map(|item| Written { item }));
        }
        self.sought(calendar, key).await
    }

    async fn get(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Option<Item>> {
        let request = match self.session.api.event(calendar, item) {
            Err(error) if error.kind == Kind::Gone => return Ok(None),
            request => request?,
        };
        let reply = self.session.send("get", request).await?;
        match reply.status().as_u16() {
            200 => self.item("get", reply.body()),
            404 | 410 => self.confirm(calendar).await.map(|()| None),
            _ => Err(self.session.refused("get", &reply, About::Event)),
        }
    }

    async fn replace(
        &self,
        calendar: &CalendarRef,
        key: &WriteKey,
        item: &ItemRef,
        expected: &Version,
        draft: &Draft,
    ) -> Result<Written> {
        let invited = if draft.keeps_words {
            None
        } else {
            self.invited(calendar, item, expected, draft).await?
        };
        let changes = body::changes(key, draft, invited);
        let request = self.session.api.update(calendar, item, expected, &changes)?;
        let reply = self.session.send("replace", request).await?;
        match reply.status().as_u16() {
            200 => {
                let read =
                    self.item("replace", reply.body()).map_err(Error::with_unknown_effect)?;
                // The answer does not show the property that was just written.
                let item = read.map(|item| marked(item, key));
                item.map(|item| Written { item }).ok_or_else(|| {
                    let error = Kind::BadReply.error("what was just written is cancelled");
                    self.session.at_host("replace", error).with_unknown_effect()
                })
            }
            404 | 410 => {
                self.confirm(calendar).await?;
                Err(gone())
            }
            _ => {
                let refused = self.session.refused("replace", &reply, About::Condition);
                Err(self.explained(calendar, refused, About::Condition).await)
            }
        }
    }

    async fn delete(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
    ) -> Result<()> {
        let request = match self.session.api.delete(calendar, item, expected) {
            Err(error) if error.kind == Kind::Gone => return Ok(()),
            request => request?,
        };
        let reply = self.session.send("delete", request).await?;
        match reply.status().as_u16() {
            200..=299 => Ok(()),
            404 | 410 => self.confirm(calendar).await,
            412 if self.get(calendar, item).await?.is_none() => Ok(()),
            _ => {
                let refused = self.session.refused("delete", &reply, About::Condition);
                Err(self.explained(calendar, refused, About::Condition).await)
            }
        }
    }
}

impl Microsoft {
    /// What a create was answered with, if it is the event of the key.
    fn made(&self, key: &WriteKey, body: &[u8]) -> Result<Option<Item>> {
        let event = wire::event(body)
            .map_err(|error| self.session.at_host("create", error).with_unknown_effect())?;
        let is_its = match event.transaction_id.get() {
            Some(stated) => stated == mark::spelled(key),
            // Only what an app has set is shown: by somebody's rewriting it may be gone.
            None => true,
        };
        Ok(is_its.then(|| marked(translate::single(&event), key)))
    }

    /// The event of a key, by what it says in its extended property.
    async fn sought(&self, calendar: &CalendarRef, key: &WriteKey) -> Result<Option<Written>> {
        let item = self.search(calendar, By::Mark(&mark::spelled(key))).await?;
        Ok(item.map(|item| Written { item }))
    }

    /// The first event that stands, out of those that are found.
    async fn search(&self, calendar: &CalendarRef, by: By<'_>) -> Result<Option<Item>> {
        let request = self.session.api.search(calendar, by)?;
        let body = match self.session.read("find", request, About::Calendar).await {
            Ok(body) => body,
            Err(error) => return Err(self.explained(calendar, error, About::Calendar).await),
        };
        let page = wire::events(&body).map_err(|error| self.session.at_host("find", error))?;
        let found = page.value.iter().flatten().map(translate::single).find(is_alive);
        if found.is_none() && page.next.get().is_some() {
            let error = Kind::BadReply.error("too much is found under one name");
            return Err(self.session.at_host("find", error));
        }
        Ok(found)
    }

    /// Whom a draft invites to an event, where that is anything new.
    async fn invited(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
        draft: &Draft,
    ) -> Result<Option<Invited>> {
        let request = self.session.api.people(calendar, item)?;
        let reply = self.session.send("get", request).await?;
        match reply.status().as_u16() {
            200 => {}
            404 | 410 => return self.confirm(calendar).await.and(Err(gone())),
            _ => return Err(self.session.refused("get", &reply, About::Event)),
        }
        let event: Option<Value> = serde_json::from_slice(reply.body()).ok();
        let event = event.filter(|event| event.get("id").is_some_and(Value::is_string));
        let event = event.ok_or_else(|| Kind::BadReply.error("get: the reply is not an event"))?;
        let etag = event.get("@odata.etag").and_then(Value::as_str);
        if etag != expected.as_str().split(' ').next() {
            let why = "the event has changed since it was read";
            return Err(Kind::VersionConflict.error(why));
        }
        Ok(body::people(&event).with(&draft.guests))
    }

    /// An event that stands in a reply; `None` for one that is cancelled.
    fn item(&self, operation: &str, body: &[u8]) -> Result<Option<Item>> {
        let event = wire::event(body).map_err(|error| self.session.at_host(operation, error))?;
        Ok(Some(translate::single(&event)).filter(is_alive))
    }
}

/// What has just been marked, though the answer does not show it.
fn marked(mut item: Item, key: &WriteKey) -> Item {
    for event in &mut item.events {
        event.uid.clone_from(&key.uid);
        event.marker = Some(key.marker.clone());
    }
    item
}

/// What cannot be read is there all the same.
fn is_alive(item: &Item) -> bool {
    item.events.iter().all(|event| event.status != Status::Cancelled)
}

fn gone() -> Error {
    Kind::Gone.error("the event is not there any more")
}
