//! Writing one calendar, on the condition that it is as it was read.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::Value;

use super::{
    body,
    connector::Google,
    errors::About,
    id,
    pull::{changes, standing},
    requests::{By, Mail},
    translate::{self, Zones},
    wire,
};
use crate::{
    connector::{CalendarRef, Draft, Versions, WriteKey, Writer, Written},
    error::{Error, Kind, Result},
    event::{Item, ItemRef, Status, Version},
    guests::Invited,
};

/// Pages of a search, beyond which nothing is found.
const MOST_PAGES: usize = 20;

#[async_trait]
impl Writer for Google {
    async fn create(
        &self,
        calendar: &CalendarRef,
        key: &WriteKey,
        draft: &Draft,
    ) -> Result<Written> {
        let id = id::of_uid(&key.uid);
        let invited = body::nobody().with(&draft.guests);
        let mail = if draft.guests.is_empty() { Mail::Nobody } else { Mail::Guests };
        let event = body::event(&id, key, draft, invited);
        let request = self.session.api.insert(calendar, &event, mail)?;
        let reply = self.session.send("create", request).await?;
        if reply.status() == StatusCode::OK {
            let made = self.written("create", reply.body())?;
            return if made.item.item == id {
                Ok(made)
            } else {
                self.without_twin(calendar, &id, made).await
            };
        }
        let refused = self.session.refused("create", &reply, About::Calendar);
        match refused.kind {
            // The first try, or what somebody has deleted since: its name is not given again.
            Kind::AlreadyExists { .. } => match self.look(calendar, &id).await? {
                Some(item) => Ok(Written { item }),
                None => Err(Error { kind: Kind::AlreadyExists { at: Some(id) }, ..refused }),
            },
            _ => Err(self.explained(calendar, refused).await),
        }
    }

    async fn find(&self, calendar: &CalendarRef, key: &WriteKey) -> Result<Option<Written>> {
        let id = id::of_uid(&key.uid);
        let request = self.session.api.event(calendar, &id)?;
        let reply = self.session.send("find", request).await?;
        let found = match reply.status().as_u16() {
            200 => self.item("find", reply.body())?,
            // The search shows whether the calendar is there at all.
            404 | 410 => None,
            _ => return Err(self.session.refused("find", &reply, About::Event)),
        };
        let found = match (found, key.marker.as_str()) {
            (Some(item), _) => Some(item),
            (None, "") => self.search(calendar, By::Uid(&key.uid)).await?,
            // Google does not promise to notice that an id is given twice: what it made of the second is ours.
            (None, marker) => self.search(calendar, By::Marker(marker)).await?,
        };
        Ok(found.map(|item| Written { item }))
    }

    async fn get(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Option<Item>> {
        self.look(calendar, item).await
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
        let is_told = !draft.guests.is_empty() && !draft.is_silent();
        let mail = if is_told { Mail::Guests } else { Mail::Nobody };
        let changes = body::changes(key, draft, invited);
        let request = self.session.api.patch(calendar, item, expected, &changes, mail)?;
        let reply = self.session.send("replace", request).await?;
        match reply.status().as_u16() {
            200 => self.written("replace", reply.body()),
            404 | 410 => {
                self.confirm(calendar).await?;
                Err(gone())
            }
            _ => {
                let refused = self.session.refused("replace", &reply, About::Event);
                Err(self.explained(calendar, refused).await)
            }
        }
    }

    async fn delete(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
    ) -> Result<()> {
        // Looked at first: whom we have invited is to hear of it, and nobody else is to be mailed.
        let Some(event) = self.people(calendar, item).await? else { return Ok(()) };
        expect(&event, expected)?;
        let has_guests = !body::people(&event).marks.is_empty();
        let mail = if has_guests { Mail::Guests } else { Mail::Nobody };
        let request = self.session.api.delete(calendar, item, expected, mail)?;
        let reply = self.session.send("delete", request).await?;
        match reply.status().as_u16() {
            200..=299 | 404 | 410 => Ok(()),
            412 if self.look(calendar, item).await?.is_none() => Ok(()),
            _ => {
                let refused = self.session.refused("delete", &reply, About::Event);
                Err(self.explained(calendar, refused).await)
            }
        }
    }
}

impl Google {
    /// Reads an event; `None` when it is not there, though its calendar is.
    async fn look(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Option<Item>> {
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

    /// Reads an event with its people; `None` when it is not there, though its calendar is.
    async fn people(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Option<Value>> {
        let request = match self.session.api.people(calendar, item) {
            Err(error) if error.kind == Kind::Gone => return Ok(None),
            request => request?,
        };
        let reply = self.session.send("get", request).await?;
        match reply.status().as_u16() {
            200 => {}
            404 | 410 => return self.confirm(calendar).await.map(|()| None),
            _ => return Err(self.session.refused("get", &reply, About::Event)),
        }
        let event: Option<Value> = serde_json::from_slice(reply.body()).ok();
        let event = event.filter(|event| event.get("id").is_some_and(Value::is_string));
        let event = event.ok_or_else(|| Kind::BadReply.error("get: the reply is not an event"))?;
        let is_cancelled = event.get("status").is_some_and(|status| status == "cancelled");
        Ok(Some(event).filter(|_| !is_cancelled))
    }

    /// Whom a draft invites to an event, where that is anything new.
    async fn invited(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
        draft: &Draft,
    ) -> Result<Option<Invited>> {
        let event = self.people(calendar, item).await?.ok_or_else(gone)?;
        expect(&event, expected)?;
        Ok(body::people(&event).with(&draft.guests))
    }

    /// Takes out what was made of a second create under another id, where the first one stands.
    async fn without_twin(
        &self,
        calendar: &CalendarRef,
        id: &ItemRef,
        twin: Written,
    ) -> Result<Written> {
        let first = self.look(calendar, id).await.map_err(Error::with_unknown_effect)?;
        let Some(item) = first else { return Ok(twin) };
        let Some(version) = &twin.item.version else { return Ok(Written { item }) };
        let request = self.session.api.delete(calendar, &twin.item.item, version, Mail::Nobody)?;
        let reply = self.session.send("delete", request).await?;
        match reply.status().as_u16() {
            200..=299 | 404 | 410 => Ok(Written { item }),
            _ => Err(self.session.refused("delete", &reply, About::Event).with_unknown_effect()),
        }
    }

    /// The first event that is no occurrence, out of those that are found.
    async fn search(&self, calendar: &CalendarRef, by: By<'_>) -> Result<Option<Item>> {
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let request = self.session.api.search(calendar, by, token.as_deref())?;
            let body = self.session.read("find", request, About::Calendar).await?;
            let page = wire::page(&body).map_err(|error| self.session.at_host("find", error))?;
            let found = changes(&page, &Versions::new())?.into_iter().filter_map(standing);
            if let Some(item) = found.filter(|item| item.item == item.series).find(is_alive) {
                return Ok(Some(item));
            }
            match page.next_page_token.get() {
                Some(next) => token = Some(next.to_owned()),
                None => return Ok(None),
            }
        }
        Err(Kind::BadReply.error("the search does not end"))
    }

    /// An event that stands in a reply; `None` for one that is cancelled.
    fn item(&self, operation: &str, body: &[u8]) -> Result<Option<Item>> {
        let event = wire::event(body).map_err(|error| self.session.at_host(operation, error))?;
        let change = translate::change(&event, &mut Zones::of(None));
        Ok(standing(change).filter(is_alive))
    }

    /// What a write was answered with: the event as it stands there now.
    fn written(&self, operation: &str, body: &[u8]) -> Result<Written> {
        let item = self.item(operation, body).map_err(Error::with_unknown_effect)?;
        item.map(|item| Written { item }).ok_or_else(|| {
            let what = "the event that was just written is cancelled";
            self.session.at_host(operation, Kind::BadReply.error(what)).with_unknown_effect()
        })
    }
}

/// What cannot be read is there all the same.
fn is_alive(item: &Item) -> bool {
    item.events.iter().all(|event| event.status != Status::Cancelled)
}

/// The event, if it is in the state expected.
fn expect(event: &Value, expected: &Version) -> Result<()> {
    let etag = event.get("etag").and_then(Value::as_str);
    if etag == Some(expected.as_str()) {
        return Ok(());
    }
    Err(Kind::VersionConflict.error("the event has changed since it was read"))
}

fn gone() -> Error {
    Kind::Gone.error("the event is not there any more")
}
