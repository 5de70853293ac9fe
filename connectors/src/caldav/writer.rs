//! Writing: conditional, with a fixed name for each create, and read back after every write, because servers
//! store something else than what they were sent.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Response, header};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    connector::{Caldav, Collection, of_calendar},
    discovery::expect_multistatus,
    fetch::Fetched,
    href, listing,
    requests::{self, Condition, Depth, properties},
    translate,
    wire::preconditions,
};
use crate::{
    connector::{CalendarRef, Draft, WriteKey, Writer, Written},
    error::{Error, Kind, Result},
    event::{Item, ItemRef, Version},
    ical,
};

#[async_trait]
impl Writer for Caldav {
    async fn create(
        &self,
        calendar: &CalendarRef,
        key: &WriteKey,
        draft: &Draft,
    ) -> Result<Written> {
        let at = self.collection(calendar).await?;
        let url = at.at(&name_of(&at, key))?;
        // Where the condition is ignored, or does not protect a twin, a create would take something away:
        // look first.
        let known = self.session.capabilities();
        if known.create_condition == Some(false) || known.twins_move {
            if let Some(found) = self.find_in(&at, key).await? {
                return Ok(found);
            }
            if let Some(other) = self.look(&at, url.path()).await? {
                return ours_or_conflict(other, key);
            }
        }
        let body = ical::write(draft, key, organizer(&at, draft)?);
        let reply =
            self.session.send("create", requests::put(&url, Condition::Absent, body)?).await?;
        let status = reply.status().as_u16();
        if !reply.status().is_success() {
            return self.refused_create(&at, &url, key, &reply).await;
        }
        let has_etag = reply.headers().contains_key(header::ETAG);
        self.session.learn(|known| {
            known.etag_on_put = Some(has_etag);
            // 204 answers an overwrite: whatever stood there, the condition did not protect it.
            if status == 201 {
                known.create_condition = known.create_condition.or(Some(true));
            }
        });
        self.read_back(&at, &stored_path(&url, &reply)).await
    }

    async fn find(&self, calendar: &CalendarRef, key: &WriteKey) -> Result<Option<Written>> {
        let at = self.collection(calendar).await?;
        self.find_in(&at, key).await
    }

    async fn get(&self, calendar: &CalendarRef, item: &ItemRef) -> Result<Option<Item>> {
        let at = self.collection(calendar).await?;
        self.look(&at, item.as_str()).await
    }

    async fn replace(
        &self,
        calendar: &CalendarRef,
        key: &WriteKey,
        item: &ItemRef,
        expected: &Version,
        draft: &Draft,
    ) -> Result<Written> {
        let at = self.collection(calendar).await?;
        let (found, body) = self.look_with_body(&at, item.as_str()).await?.ok_or_else(gone)?;
        let current = expect_version(&found, expected)?;
        let text = String::from_utf8_lossy(&body);
        let rewritten = ical::rewrite(&text, draft, key, organizer(&at, draft)?)
            .ok_or_else(|| Kind::Rejected.error("the event cannot be rewritten"))?;
        let url = at.at(item.as_str())?;
        let request = requests::put(&url, condition(&current), rewritten)?;
        let reply = self.session.send("replace", request).await?;
        match reply.status().as_u16() {
            200..=299 => self.read_back(&at, &stored_path(&url, &reply)).await,
            // Several servers answer 412 also when nothing is there any more.
            404 | 410 => Err(gone()),
            412 if self.look(&at, item.as_str()).await?.is_none() => Err(gone()),
            _ => Err(self.refused_write(&at, "replace", &reply).await),
        }
    }

    async fn delete(
        &self,
        calendar: &CalendarRef,
        item: &ItemRef,
        expected: &Version,
    ) -> Result<()> {
        let at = self.collection(calendar).await?;
        let Some(found) = self.look(&at, item.as_str()).await? else { return Ok(()) };
        // Looked at first, because some servers ignore the condition of a DELETE.
        let current = expect_version(&found, expected)?;
        let request = requests::delete(&at.at(item.as_str())?, condition(&current))?;
        let reply = self.session.send("delete", request).await?;
        match reply.status().as_u16() {
            200..=299 | 404 | 410 => Ok(()),
            // Gone in between; a second delete into a trash bin is answered with 403.
            403 | 412 if self.look(&at, item.as_str()).await?.is_none() => Ok(()),
            _ => Err(self.refused_write(&at, "delete", &reply).await),
        }
    }
}

impl Caldav {
    async fn look_with_body(&self, at: &Collection, path: &str) -> Result<Option<(Item, Vec<u8>)>> {
        match self.fetch_one(at, path).await? {
            Fetched::There(item, body) => Ok(Some((item, body))),
            Fetched::NotThere(_) => Ok(None),
        }
    }

    async fn look(&self, at: &Collection, path: &str) -> Result<Option<Item>> {
        Ok(self.look_with_body(at, path).await?.map(|(item, _)| item))
    }

    async fn find_in(&self, at: &Collection, key: &WriteKey) -> Result<Option<Written>> {
        let path = name_of(at, key);
        if let Some(item) = self.look(at, at.at(&path)?.path()).await?
            && is_of(&item, key)
        {
            return Ok(Some(Written { item }));
        }
        // It may stand under another name: the server renamed it, or the person moved it.
        let reply = self.session.send("find", requests::uid_query(&at.url, &key.uid)?).await?;
        let Ok(read) = expect_multistatus(&reply, "find", &at.url) else { return Ok(None) };
        let (members, _, _) = listing::sort_rows(at, &read);
        for path in members.keys() {
            if let Some(item) = self.look(at, path).await?
                && is_of(&item, key)
            {
                return Ok(Some(Written { item }));
            }
        }
        Ok(None)
    }

    /// What stands there after a write is unknown until it is read: bodies are rewritten, ETags left out.
    async fn read_back(&self, at: &Collection, path: &str) -> Result<Written> {
        let read = self.look(at, path).await.map_err(Error::with_unknown_effect)?;
        read.map(|item| Written { item }).ok_or_else(|| {
            Kind::BadReply
                .error(format!("{} does not show what it has just stored", at.host()))
                .with_unknown_effect()
        })
    }

    /// A create that was refused may be our own first try, somebody else's event, or a real refusal.
    async fn refused_create(
        &self,
        at: &Collection,
        url: &Url,
        key: &WriteKey,
        reply: &Response<Bytes>,
    ) -> Result<Written> {
        let status = reply.status().as_u16();
        let stated = preconditions(reply.body());
        let twin = stated.iter().find(|(name, _)| {
            name == "no-uid-conflict" || name == "unique-scheduling-object-resource"
        });
        if let Some((_, places)) = twin {
            let place = places.first().and_then(|link| href::normalise(url, link));
            if let Some(path) = &place
                && let Ok(Some(item)) = self.look(at, path).await
            {
                return ours_or_conflict(item, key);
            }
            return match self.find_in(at, key).await? {
                Some(found) => Ok(found),
                None => Err(exists(place.map(ItemRef::new))),
            };
        }
        if status == 412 && stated.is_empty() {
            if let Some(item) = self.look(at, url.path()).await? {
                return ours_or_conflict(item, key);
            }
            return self.find_in(at, key).await?.ok_or_else(|| exists(None));
        }
        if names_twin_in_words(status, reply.body()) {
            return self.find_in(at, key).await?.ok_or_else(|| exists(None));
        }
        Err(self.refused_write(at, "create", reply).await)
    }

    /// Sorts a refused write (`providers.md` 3.5).
    async fn refused_write(
        &self,
        at: &Collection,
        operation: &str,
        reply: &Response<Bytes>,
    ) -> Error {
        let status = reply.status().as_u16();
        let names: Vec<String> =
            preconditions(reply.body()).into_iter().map(|(name, _)| name).collect();
        let plain = listing::refused(at, operation, reply);
        let says = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
        let kind = match status {
            403 if says(&["need-privileges"]) => Kind::Forbidden,
            403 | 404 | 409 if names.is_empty() => match self.is_there(at).await {
                Some(false) => Kind::CalendarGone,
                _ if status == 403 => Kind::Forbidden,
                _ => Kind::Rejected,
            },
            412 if says(&["no-uid-conflict", "unique-scheduling-object-resource"]) => {
                Kind::AlreadyExists { at: None }
            }
            412 if names.is_empty() => Kind::VersionConflict,
            400 | 403 | 406 | 409 | 411..=415 | 422 | 507 => Kind::Rejected,
            _ => plain.kind.clone(),
        };
        let reason = names.first().map(|name| format!(" ({name})")).unwrap_or_default();
        let effect_is_unknown = reply.status().is_server_error() && status != 507;
        let error = Error { detail: format!("{}{reason}", plain.detail), kind, ..plain };
        if effect_is_unknown { error.with_unknown_effect() } else { error }
    }

    /// Whether the calendar itself is still there; `None` when that cannot be told.
    async fn is_there(&self, at: &Collection) -> Option<bool> {
        let request = requests::propfind(&at.url, Depth::Itself, properties::STATE).ok()?;
        let reply = self.session.send("look", request).await.ok()?;
        match expect_multistatus(&reply, "look", &at.url).map_err(of_calendar) {
            Ok(_) => Some(true),
            Err(error) if error.kind == Kind::CalendarGone => Some(false),
            Err(_) => None,
        }
    }
}

/// On whose behalf guests are invited: the account's own address, by which a server knows that it is to mail them (RFC
/// 6638 3.1).
fn organizer<'a>(at: &'a Collection, draft: &Draft) -> Result<Option<&'a str>> {
    let is_mail = |address: &&str| address.contains('@');
    let own = at.own_addresses.iter().map(String::as_str).find(is_mail);
    if own.is_none() && !draft.guests.is_empty() && !draft.keeps_words {
        let text = "the server names no address of the account, so nobody can be invited from it";
        return Err(Kind::Rejected.error(text));
    }
    Ok(own)
}

/// The path of what a key makes: the same for every try.
fn name_of(at: &Collection, key: &WriteKey) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '@');
    let name = if key.uid.chars().all(plain) && key.uid.len() <= 128 {
        key.uid.clone()
    } else {
        Sha256::digest(&key.uid).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    };
    format!("{}/{name}.ics", at.url.path().trim_end_matches('/'))
}

/// Servers may store under another name and say so.
fn stored_path(url: &Url, reply: &Response<Bytes>) -> String {
    let renamed = reply.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let same_origin = |link: &&str| url.join(link).is_ok_and(|it| it.origin() == url.origin());
    renamed
        .filter(same_origin)
        .and_then(|link| href::normalise(url, link))
        .unwrap_or_else(|| url.path().to_owned())
}

fn is_of(item: &Item, key: &WriteKey) -> bool {
    item.events.iter().any(|event| event.uid == key.uid)
}

fn ours_or_conflict(item: Item, key: &WriteKey) -> Result<Written> {
    if is_of(&item, key) { Ok(Written { item }) } else { Err(exists(Some(item.item))) }
}

fn exists(at: Option<ItemRef>) -> Error {
    Kind::AlreadyExists { at }.error("another event stands in its place")
}

fn gone() -> Error {
    Kind::Gone.error("the event is not there any more")
}

/// The version found, if it is the one expected.
fn expect_version(found: &Item, expected: &Version) -> Result<Version> {
    found
        .version
        .clone()
        .filter(|version| translate::same_version(version, expected))
        .ok_or_else(|| Kind::VersionConflict.error("the event has changed since it was read"))
}

/// Servers without ETags can only be asked that the event still exists.
fn condition(version: &Version) -> Condition<'_> {
    if translate::is_of_content(version) {
        Condition::Is("*")
    } else {
        Condition::Is(version.as_str())
    }
}

/// Nextcloud (400) and SOGo (409) say only in words that the UID is taken.
fn names_twin_in_words(status: u16, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    matches!(status, 400 | 403 | 409)
        && text.contains("uid")
        && (text.contains("already exists")
            || text.contains("already in use")
            || text.contains("deleted calendar object"))
}
