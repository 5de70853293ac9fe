//! One page of a pull: what to list, what of it to fetch, where to go on.

use std::sync::Arc;

use jiff::SignedDuration;

use super::{
    connector::{Caldav, Collection},
    cursor::{Place, Round, Until},
    discovery::expect_multistatus,
    fetch::{self, Fetched},
    listing::{self, Listing},
    requests, translate,
};
use crate::{
    connector::{CalendarRef, Change, Coverage, Cursor, Known, Next, Page, Versions, Window},
    error::{Kind, Result},
    event::{Item, ItemRef, Version},
};

/// Bodies fetched for one page.
const FETCHES_PER_PAGE: usize = 500;
/// Rows of one page, fetched or not.
const ROWS_PER_PAGE: usize = 5000;
/// Items asked for once more beside a delta.
const AGAIN_PER_PAGE: usize = 50;
/// How often an item that cannot be read is asked for beside deltas: a day of polls.
const TRIES: u32 = 96;

impl Caldav {
    pub(super) async fn pull_page(
        &self,
        calendar: &CalendarRef,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page> {
        let at = self.collection(calendar).await?;
        let mut unread = Versions::new();
        let round = match cursor.map(Place::read).transpose()? {
            None => Round { full: true, since: None, after: String::new(), until: None },
            Some(Place::Token(token)) => {
                unread = known.unread().await?;
                Round { full: false, since: Some(token), after: String::new(), until: None }
            }
            Some(Place::Ctag(ctag)) => {
                // Without a ctag nothing short of a listing tells.
                if ctag.is_some() {
                    let now = self.ctag(&at).await?;
                    if now == ctag {
                        return self.nothing_new(&at, &Place::Ctag(ctag), known).await;
                    }
                    self.keep_ctag(&at, now);
                }
                Round { full: true, since: None, after: String::new(), until: None }
            }
            Some(Place::Round(round)) => round,
        };
        self.round_page(calendar, &at, round, known, unread).await
    }

    /// A page of a calendar that has not changed: only what could not be read before may have become readable.
    async fn nothing_new(&self, at: &Collection, place: &Place, known: &dyn Known) -> Result<Page> {
        let unread = known.unread().await?;
        let again = again(&unread, &Listing::nothing(place));
        let fetched = self.fetch_with(at, &[], &again).await?;
        let changes = fetched.into_iter().map(|fetched| change(fetched, &unread)).collect();
        let next = Next::Resume(Some(place.to_cursor()));
        Ok(Page { changes, coverage: Coverage::Delta, next, calendar: None })
    }

    async fn round_page(
        &self,
        calendar: &CalendarRef,
        at: &Collection,
        round: Round,
        known: &dyn Known,
        unread: Versions,
    ) -> Result<Page> {
        let listing = self.listing(calendar, at, &round).await?;
        let needs_versions =
            round.full || (self.session.capabilities().repeats_rows && !listing.members.is_empty());
        let versions = if needs_versions { known.versions().await? } else { unread.clone() };
        if round.full && round.since.is_none() && listing.members.is_empty() && !versions.is_empty()
        {
            self.confirm_empty(at).await?;
        }
        let plan = plan(&listing, &round.after, &versions);
        let mut changes: Vec<Change> = plan.unchanged.into_iter().map(Change::Unchanged).collect();
        for fetched in self.fetch_with(at, &plan.wanted, &again(&unread, &listing)).await? {
            changes.push(change(fetched, &versions));
        }
        let until = round.until.clone().unwrap_or_else(|| listing.until.clone());
        let coverage = if round.full { Coverage::Everything } else { Coverage::Delta };
        let next = match plan.more_after {
            Some(after) => {
                self.listings.keep(calendar, round.since.clone(), Arc::clone(&listing));
                let place = Place::Round(Round { after, until: Some(until), ..round });
                Next::More(place.to_cursor())
            }
            None => {
                changes.extend(listing.gone.iter().map(|path| Change::Gone(ItemRef::new(path))));
                match until {
                    Until::Done(place) => Next::Resume(Some(place.to_cursor())),
                    Until::More(token) => Next::More(
                        Place::Round(Round {
                            full: round.full,
                            since: Some(token),
                            after: String::new(),
                            until: None,
                        })
                        .to_cursor(),
                    ),
                }
            }
        };
        Ok(Page { changes, coverage, next, calendar: None })
    }

    /// The listing of this part of the round: kept from the last page, or asked for again.
    async fn listing(
        &self,
        calendar: &CalendarRef,
        at: &Collection,
        round: &Round,
    ) -> Result<Arc<Listing>> {
        if !round.after.is_empty()
            && let Some(kept) = self.listings.take(calendar, round.since.as_deref())
        {
            return Ok(kept);
        }
        let listing = match &round.since {
            None => self.list_everything(at).await?,
            Some(token) => self.list_since(at, token).await?,
        };
        Ok(Arc::new(listing))
    }

    /// An empty listing of a calendar that had members may be a glitch: it must be said twice, the second time
    /// by other means.
    async fn confirm_empty(&self, at: &Collection) -> Result<()> {
        if self.members(at).await?.is_empty() {
            return Ok(());
        }
        Err(Kind::BadReply.error(format!("{} listed nothing and then something", at.host())))
    }

    pub(super) async fn read_live(
        &self,
        calendar: &CalendarRef,
        span: Window,
    ) -> Result<Vec<Item>> {
        let at = self.collection(calendar).await?;
        if self.session.capabilities().time_range == Some(false) {
            return self.read_everything(&at).await;
        }
        // All-day and floating times are the server's to place; a day more on either side is ours.
        let day = SignedDuration::from_hours(24);
        let wide = Window {
            start: span.start.checked_sub(day).unwrap_or(span.start),
            end: span.end.checked_add(day).unwrap_or(span.end),
        };
        let request = requests::calendar_query(&at.url, wide)?;
        let reply = self.session.send("read_span", request).await?;
        if matches!(reply.status().as_u16(), 400 | 403 | 405 | 415 | 500 | 501) {
            let items = self.read_everything(&at).await?;
            self.session.learn(|known| known.time_range = Some(false));
            return Ok(items);
        }
        if reply.status() == http::StatusCode::INSUFFICIENT_STORAGE {
            return Err(listing::refused(&at, "read_span", &reply));
        }
        let read = expect_multistatus(&reply, "read_span", &at.url)
            .map_err(super::connector::of_calendar)?;
        let mut items = present(fetch::rows(&at, &read).into_values());
        // Rows without a body are fetched; a cut answer would be a wrong "free".
        let (listed, _, is_cut) = listing::sort_rows(&at, &read);
        if is_cut {
            return self.read_everything(&at).await;
        }
        let bare: Vec<String> = listed
            .into_keys()
            .filter(|path| !items.iter().any(|item| item.item.as_str() == path))
            .collect();
        items.extend(present(self.fetch(&at, &bare).await?.into_iter()));
        Ok(items)
    }

    /// For servers whose time-range cannot be trusted: everything; the caller expands and cuts anyway.
    async fn read_everything(&self, at: &Collection) -> Result<Vec<Item>> {
        let listing = self.list_etags(at).await?;
        let all: Vec<String> = listing.members.into_keys().collect();
        Ok(present(self.fetch(at, &all).await?.into_iter()))
    }
}

fn present(fetched: impl Iterator<Item = Fetched>) -> Vec<Item> {
    fetched
        .filter_map(|fetched| match fetched {
            Fetched::There(item, _) => Some(item),
            Fetched::NotThere(_) => None,
        })
        .collect()
}

/// What to ask for once more, though the listing does not name it: the least tried first. After a day of trying in
/// vain, the daily listing of everything is enough.
fn again(unread: &Versions, listing: &Listing) -> Vec<String> {
    let tries = |version: &Option<Version>| version.as_ref().and_then(Version::tries);
    let mut again: Vec<(u32, &str)> = unread
        .iter()
        .filter_map(|(item, version)| Some((tries(version)?, item.as_str())))
        .filter(|(tries, path)| {
            let is_told =
                listing.members.contains_key(*path) || listing.gone.iter().any(|gone| gone == path);
            *tries < TRIES && !is_told
        })
        .collect();
    again.sort_unstable();
    again.truncate(AGAIN_PER_PAGE);
    again.into_iter().map(|(_, path)| path.to_owned()).collect()
}

/// What one page covers.
struct Plan {
    wanted: Vec<String>,
    unchanged: Vec<ItemRef>,
    /// The last href covered, when the listing goes on behind it.
    more_after: Option<String>,
}

fn plan(listing: &Listing, after: &str, versions: &Versions) -> Plan {
    let mut plan = Plan { wanted: Vec::new(), unchanged: Vec::new(), more_after: None };
    let mut last: Option<&String> = None;
    let behind = listing.members.iter().filter(|(path, _)| path.as_str() > after);
    for (path, etag) in behind {
        if plan.wanted.len() >= FETCHES_PER_PAGE
            || plan.wanted.len() + plan.unchanged.len() >= ROWS_PER_PAGE
        {
            plan.more_after = last.cloned();
            break;
        }
        let item = ItemRef::new(path);
        let stored = versions.get(&item).and_then(Option::as_ref);
        let is_known = etag.as_deref().zip(stored).is_some_and(|(listed, stored)| {
            stored.tries().is_none() && translate::same_version(&Version::new(listed), stored)
        });
        if is_known {
            plan.unchanged.push(item);
        } else {
            plan.wanted.push(path.clone());
        }
        last = Some(path);
    }
    plan
}

fn change(fetched: Fetched, versions: &Versions) -> Change {
    match fetched {
        Fetched::NotThere(path) => Change::Gone(ItemRef::new(path)),
        Fetched::There(mut item, _) => {
            let stored = versions.get(&item.item).and_then(Option::as_ref);
            if item.version.as_ref().is_some_and(|version| version.tries().is_some()) {
                let before = stored.and_then(Version::tries).unwrap_or(0);
                item.version = Some(Version::unread(before.saturating_add(1)));
            }
            // Without ETags the content itself says that nothing changed.
            let is_known =
                item.version.as_ref().zip(stored).is_some_and(|(found, stored)| {
                    translate::is_of_content(found) && found == stored
                });
            if is_known { Change::Unchanged(item.item) } else { Change::Present(item) }
        }
    }
}
