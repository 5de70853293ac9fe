//! One page of a pull, and one span read live.

use std::sync::PoisonError;

use bytes::Bytes;

use super::{
    connector::Google,
    cursor::{PAGE, Place},
    errors::About,
    translate::{self, Zones},
    wire,
};
use crate::{
    connector::{
        CalendarFacts, CalendarRef, Change, Coverage, Cursor, Known, Next, Page, Versions, Window,
    },
    error::{Error, Kind, Result},
    event::{Item, ItemRef, Version},
    transport::is_too_large,
};

/// Pages of one span, beyond which it is not taken seriously.
const MOST_PAGES: usize = 100;

impl Google {
    pub(super) async fn pull_page(
        &self,
        calendar: &CalendarRef,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page> {
        let place = match cursor.map(|cursor| Place::read(cursor, self.access)).transpose() {
            Ok(Some(place)) => place,
            Ok(None) => Place::beginning(self.access, self.is_afresh(calendar)),
            Err(error) => return Err(self.start_afresh(calendar, error)),
        };
        let about = if cursor.is_some() { About::Token } else { About::Calendar };
        let (place, body) = self.page_at(calendar, place, about).await?;
        let page = wire::page(&body).map_err(|error| self.session.at_host("pull", error))?;
        if cursor.is_some() && place.role.as_deref() != page.access_role.get() {
            let error = Kind::CursorExpired.error("the calendar is seen in another role by now");
            return Err(self.start_afresh(calendar, error));
        }
        let is_full = place.sync.is_none();
        let versions =
            if is_full && !place.afresh { known.versions().await? } else { Versions::new() };
        let changes = changes(&page, &versions)?;
        let next = next(&page, place).map_err(|error| self.session.at_host("pull", error))?;
        if matches!(next, Next::Resume(_)) {
            self.afresh.lock().unwrap_or_else(PoisonError::into_inner).remove(calendar);
        }
        Ok(Page {
            changes,
            coverage: if is_full { Coverage::Everything } else { Coverage::Delta },
            next,
            // All-day events are meant by the calendar's clock, which somebody may have changed.
            calendar: page.time_zone.get().map(|zone| CalendarFacts {
                time_zone: Some(zone.to_owned()),
                ..CalendarFacts::default()
            }),
        })
    }

    /// Reads the next page of a round, with fewer events where it would be too large to be read: programs keep up to
    /// 32 kB of their own in an event.
    async fn page_at(
        &self,
        calendar: &CalendarRef,
        mut place: Place,
        about: About,
    ) -> Result<(Place, Bytes)> {
        loop {
            let request = self.session.api.events(calendar, &place)?;
            match self.session.read("pull", request, about).await {
                Ok(body) => return Ok((place, body)),
                Err(error) if is_too_large(&error) && place.most() > 1 => {
                    place.most = Some(place.most() / 2);
                }
                Err(error) => return Err(self.explained(calendar, error).await),
            }
        }
    }

    /// What was read by another question says nothing about what is new to this one.
    fn start_afresh(&self, calendar: &CalendarRef, error: Error) -> Error {
        self.afresh.lock().unwrap_or_else(PoisonError::into_inner).insert(calendar.clone());
        error
    }

    fn is_afresh(&self, calendar: &CalendarRef) -> bool {
        self.afresh.lock().unwrap_or_else(PoisonError::into_inner).contains(calendar)
    }

    /// What takes place within a span. Google works out what recurs: whoever moved or cancelled what, nothing is
    /// left where it is not any more.
    pub(super) async fn read_live(
        &self,
        calendar: &CalendarRef,
        span: Window,
    ) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        let mut most = PAGE;
        for _ in 0..MOST_PAGES {
            let request = self.session.api.occurrences(calendar, span, token.as_deref(), most)?;
            let body = match self.session.read("read_span", request, About::Calendar).await {
                Ok(body) => body,
                Err(error) if is_too_large(&error) && most > 1 => {
                    most /= 2;
                    continue;
                }
                Err(error) => return Err(self.explained(calendar, error).await),
            };
            let page = wire::page(&body);
            let page = page.map_err(|error| self.session.at_host("read_span", error))?;
            items.extend(changes(&page, &Versions::new())?.into_iter().filter_map(standing));
            match page.next_page_token.get() {
                Some(next) => token = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
        Err(Kind::BadReply.error("the listing of a span does not end"))
    }
}

/// What a page says, where it differs from what is known.
pub(super) fn changes(page: &wire::Page<'_>, known: &Versions) -> Result<Vec<Change>> {
    let Some(events) = &page.items else {
        return Err(Kind::BadReply.error("the reply lists no events"));
    };
    let mut zones = Zones::of(page.time_zone.get());
    let mut changes = Vec::with_capacity(events.len());
    for event in events {
        changes.push(match unchanged(event, known) {
            Some(item) => Change::Unchanged(item),
            None => translate::change(event, &mut zones),
        });
    }
    Ok(changes)
}

fn unchanged(event: &wire::Event<'_>, known: &Versions) -> Option<ItemRef> {
    if known.is_empty() {
        return None;
    }
    let item = ItemRef::new(event.id.get()?);
    let version = known.get(&item)?.as_ref().map(Version::as_str)?;
    (event.etag.get() == Some(version)).then_some(item)
}

/// An item that stands there.
pub(super) fn standing(change: Change) -> Option<Item> {
    match change {
        Change::Present(item) => Some(item),
        Change::Unchanged(_) | Change::Gone(_) => None,
    }
}

fn next(page: &wire::Page<'_>, place: Place) -> Result<Next> {
    let role = page.access_role.get().map(str::to_owned);
    match (page.next_page_token.get(), page.next_sync_token.get()) {
        (Some(token), _) if place.page.as_deref() == Some(token) => {
            Err(Kind::BadReply.error("the listing does not get on"))
        }
        (Some(token), _) => Ok(Next::More(place.on(role, token).to_cursor())),
        (None, Some(token)) => Ok(Next::Resume(Some(place.done(role, token).to_cursor()))),
        // Without a token there is no other way than from the beginning.
        (None, None) => Ok(Next::Resume(None)),
    }
}
