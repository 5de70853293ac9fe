//! Which hrefs a calendar holds or changed, by the best means its server has: sync-collection, or a
//! listing of ETags.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    connector::{Caldav, Collection, of_calendar},
    cursor::{Place, Until},
    discovery::expect_multistatus,
    href,
    requests::{self, Depth, properties},
    tree::Ns,
    wire::{Multistatus, preconditions},
};
use crate::{
    connector::CalendarRef,
    error::{Error, Kind, Result},
    transport::refusal,
};

/// What a server says is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// Members by href, with their ETags where stated.
    pub(super) members: BTreeMap<String, Option<String>>,
    /// The server's word that these are gone.
    pub(super) gone: Vec<String>,
    pub(super) until: Until,
}

impl Listing {
    /// Of a calendar that has not changed.
    pub(super) fn nothing(at: &Place) -> Self {
        let (members, gone) = (BTreeMap::new(), Vec::new());
        Self { members, gone, until: Until::Done(Box::new(at.clone())) }
    }
}

/// Listings in the middle of a round, so that the next page need not list again. Losing one costs a request.
#[derive(Debug, Default)]
pub(super) struct Listings(Mutex<HashMap<CalendarRef, Kept>>);

/// A listing with the token it was made since.
type Kept = (Option<String>, Arc<Listing>);

impl Listings {
    pub(super) fn keep(
        &self,
        calendar: &CalendarRef,
        since: Option<String>,
        listing: Arc<Listing>,
    ) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(calendar.clone(), (since, listing));
    }

    pub(super) fn take(&self, calendar: &CalendarRef, since: Option<&str>) -> Option<Arc<Listing>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, listing) = kept.remove(calendar)?;
        (of.as_deref() == since).then_some(listing)
    }
}

impl Caldav {
    /// Lists everything. Deltas first; where a server refuses them to a fresh caller, ETags, and it is
    /// remembered.
    pub(super) async fn list_everything(&self, at: &Collection) -> Result<Listing> {
        if self.session.capabilities().sync_collection == Some(false) {
            return self.list_etags(at).await;
        }
        match self.sync_collection(at, None).await {
            Ok(Some(listing)) => {
                self.session.learn(|known| {
                    known.sync_collection = Some(true);
                    known.stumbles = 0;
                });
                Ok(listing)
            }
            // Answered, but without a token: no deltas here.
            Ok(None) if self.detours() => self.without_deltas(at).await,
            Ok(None) => {
                let untold = Kind::BadReply
                    .error(format!("{} answered a listing without a token", at.host()));
                Err(self.stumbled(untold))
            }
            Err(error) if may_lack_deltas(&error) && self.detours() => {
                self.without_deltas(at).await
            }
            Err(error) => Err(of_calendar(self.stumbled(error))),
        }
    }

    fn detours(&self) -> bool {
        self.session.capabilities().is_worth_a_detour()
    }

    /// Takes note of a failure that another way of asking might have mended; a calendar that is gone is none, nor is a
    /// page that says nothing.
    fn stumbled(&self, error: Error) -> Error {
        let is_mute = matches!(error.kind, Kind::BadReply);
        if !is_mute && error.status.is_none_or(|status| !matches!(status, 401 | 404 | 410 | 429)) {
            self.session.learn(|known| known.stumbles = known.stumbles.saturating_add(1));
        }
        error
    }

    async fn without_deltas(&self, at: &Collection) -> Result<Listing> {
        // Only if this works is it the REPORT that the server cannot do.
        let listing = self.session.note_detour(self.list_etags(at).await)?;
        // One refusal does not undo that it worked before.
        if self.session.capabilities().sync_collection.is_none() {
            self.session.learn(|known| known.sync_collection = Some(false));
        }
        Ok(listing)
    }

    /// Lists what changed since `token`.
    ///
    /// # Errors
    ///
    /// [`Kind::CursorExpired`] in every form in which servers say it.
    pub(super) async fn list_since(&self, at: &Collection, token: &str) -> Result<Listing> {
        match self.sync_collection(at, Some(token)).await {
            Ok(Some(listing)) => {
                self.session.learn(|known| known.stumbles = 0);
                Ok(listing)
            }
            Ok(None) => {
                Err(Kind::BadReply.error(format!("{} answered a delta without a token", at.host())))
            }
            // A server that stumbles over its token and nothing else would do so for ever.
            Err(error) if error.status == Some(500) && self.detours() => {
                match self.session.note_detour(self.ctag(at).await) {
                    Ok(_) => Err(expired().with_status(500).caused_by(error)),
                    // Whoever asks for room or for a login gets it, whatever else is wrong.
                    Err(probe)
                        if matches!(probe.kind, Kind::Throttled { .. } | Kind::Unauthorized) =>
                    {
                        Err(probe)
                    }
                    Err(_) => Err(of_calendar(error)),
                }
            }
            Err(error) if error.kind == Kind::CursorExpired => Err(error),
            Err(error) => Err(of_calendar(self.stumbled(error))),
        }
    }

    /// `None` when the answer carries no token, though it may carry rows.
    async fn sync_collection(
        &self,
        at: &Collection,
        token: Option<&str>,
    ) -> Result<Option<Listing>> {
        let request = requests::sync_collection(&at.url, token)?;
        let reply = self.session.send("sync", request).await?;
        let status = reply.status().as_u16();
        if (400..600).contains(&status) {
            let stated = preconditions(reply.body());
            if let Some(expired) = token.and(expiry(status, &stated)) {
                return Err(expired.with_status(status));
            }
        }
        let read = expect_multistatus(&reply, "sync", &at.url)?;
        let Some(next) = read.sync_token.clone() else { return Ok(None) };
        let (members, gone, is_cut) = sort_rows(at, &read);
        if is_cut && token == Some(next.as_str()) {
            return Err(Kind::BadReply.error(format!("{} pages without moving on", at.host())));
        }
        let until =
            if is_cut { Until::More(next) } else { Until::Done(Box::new(Place::Token(next))) };
        Ok(Some(Listing { members, gone, until }))
    }

    /// Lists every member with its ETag. The ctag is read before, so that a change in between is seen again.
    pub(super) async fn list_etags(&self, at: &Collection) -> Result<Listing> {
        let ctag = match self.kept_ctag(at) {
            Some(ctag) => ctag,
            None => self.ctag(at).await?,
        };
        let members = self.members(at).await?;
        let until = Until::Done(Box::new(Place::Ctag(ctag)));
        Ok(Listing { members, gone: Vec::new(), until })
    }

    /// Every member with its ETag, by PROPFIND.
    pub(super) async fn members(
        &self,
        at: &Collection,
    ) -> Result<BTreeMap<String, Option<String>>> {
        let request = requests::propfind(&at.url, Depth::Members, properties::MEMBERS)?;
        let reply = self.session.send("list", request).await?;
        let read = expect_multistatus(&reply, "list", &at.url).map_err(of_calendar)?;
        let lists_itself = read.rows.iter().any(|row| is_collection(at, &row.href));
        if !lists_itself && read.rows.is_empty() {
            return Err(Kind::BadReply.error(format!("{} answered an empty listing", at.host())));
        }
        let (members, _, is_cut) = sort_rows(at, &read);
        if is_cut {
            return Err(Kind::BadReply.error(format!("{} cut the listing", at.host())));
        }
        Ok(members)
    }

    /// Keeps a ctag that was just read for the listing that it calls for.
    pub(super) fn keep_ctag(&self, at: &Collection, ctag: Option<String>) {
        let mut kept = self.ctag_read.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((at.url.clone(), ctag));
    }

    fn kept_ctag(&self, at: &Collection) -> Option<Option<String>> {
        let mut kept = self.ctag_read.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take_if(|(url, _)| *url == at.url).map(|(_, ctag)| ctag)
    }

    /// The mark that changes with anything inside; `None` where the server has none.
    pub(super) async fn ctag(&self, at: &Collection) -> Result<Option<String>> {
        let request = requests::propfind(&at.url, Depth::Itself, properties::STATE)?;
        let reply = self.session.send("ctag", request).await?;
        let read = expect_multistatus(&reply, "ctag", &at.url).map_err(of_calendar)?;
        let row = read.rows.iter().find(|row| is_collection(at, &row.href)).or(read.rows.first());
        let row =
            row.ok_or_else(|| Kind::BadReply.error(format!("{} describes nothing", at.host())))?;
        let ctag = row.text(Ns::CalendarServer, "getctag");
        let token = || row.text(Ns::Dav, "sync-token");
        Ok(ctag.or_else(token).map(str::to_owned))
    }
}

/// Splits rows into members and gone ones, and says whether the server cut its answer.
pub(super) fn sort_rows(
    at: &Collection,
    read: &Multistatus,
) -> (BTreeMap<String, Option<String>>, Vec<String>, bool) {
    let (mut members, mut gone, mut is_cut) = (BTreeMap::new(), Vec::new(), false);
    let own = href::normalise(&at.url, at.url.as_str());
    for row in &read.rows {
        let Some(path) = href::normalise(&at.url, &row.href) else { continue };
        if own.as_deref().is_some_and(|own| href::same(&path, own)) {
            is_cut |= row.status == Some(507)
                || row.errors.iter().any(|name| name == "number-of-matches-within-limits");
            continue;
        }
        let kind = row.property(Ns::Dav, "resourcetype");
        // Collections inside a calendar are not ours to walk.
        if path.ends_with('/')
            || kind.is_some_and(|kind| kind.child(Ns::Dav, "collection").is_some())
        {
            continue;
        }
        if matches!(row.status, Some(404 | 410)) {
            gone.push(path);
        } else {
            members.insert(path, row.text(Ns::Dav, "getetag").map(str::to_owned));
        }
    }
    // Gone and back again within one delta: it is there.
    gone.retain(|path| !members.contains_key(path));
    gone.sort();
    gone.dedup();
    (members, gone, is_cut)
}

fn is_collection(at: &Collection, link: &str) -> bool {
    let own = href::normalise(&at.url, at.url.as_str());
    href::normalise(&at.url, link)
        .is_some_and(|path| own.is_some_and(|own| href::same(&path, &own)))
}

/// Whether a refused sync REPORT says that its token is too old. Servers use six statuses for it, with and
/// without the precondition.
fn expiry(status: u16, stated: &[(String, Vec<String>)]) -> Option<Error> {
    let names = |wanted: &str| stated.iter().any(|(name, _)| name == wanted);
    if (400..500).contains(&status) && names("valid-sync-token") {
        return Some(expired());
    }
    let says_nothing_else = stated.is_empty();
    (matches!(status, 400 | 403 | 409 | 410 | 412 | 501) && says_nothing_else).then(expired)
}

fn expired() -> Error {
    Kind::CursorExpired.error("the server no longer honours the sync token")
}

/// Whether a refused first sync REPORT may mean that the server has no deltas.
fn may_lack_deltas(error: &Error) -> bool {
    match error.status {
        Some(status) => {
            matches!(status, 400 | 403 | 405 | 406 | 409 | 412 | 415 | 422 | 500 | 501 | 507)
        }
        None => false,
    }
}

/// The reply of a collection that refuses, in the words for calendars.
pub(super) fn refused(
    at: &Collection,
    operation: &str,
    reply: &http::Response<bytes::Bytes>,
) -> Error {
    of_calendar(refusal(reply, &format!("{operation} to {}", at.host())))
}
