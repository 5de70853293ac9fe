//! One round of a pull, and one span read live.

use super::{
    connector::Microsoft,
    cursor::{self, Place},
    errors::About,
    rounds::{Round, Rows, Series, Traces},
    translate, wire,
};
use crate::{
    connector::{CalendarRef, Change, Coverage, Cursor, Known, Next, Page, Versions, Window},
    error::{Error, Kind, Result},
    event::{Item, ItemRef},
};

/// Pages of one round or span, beyond which it is not taken seriously.
const MOST_PAGES: usize = 2_000;
/// Series that are read again one by one after a delta; where more have changed, one listing is cheaper.
const MOST_SERIES: usize = 20;

impl Microsoft {
    /// Reads a round to its end, and then hands all of it on.
    pub(super) async fn pull_round(
        &self,
        calendar: &CalendarRef,
        window: Window,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page> {
        let place = cursor.map(|cursor| Place::read(cursor, window)).transpose()?;
        let frozen = place.as_ref().map_or_else(|| cursor::frozen(window), Place::frozen);
        let (round, link) = match &place {
            Some(place) => self.follow(calendar, &place.link).await?,
            None => self.begin(calendar, frozen).await?,
        };
        let changes = match place {
            Some(_) => self.news(round, frozen, known).await?,
            None => self.everything(round, frozen, known).await?,
        };
        let resume = Place::new(frozen, &link).to_cursor();
        Ok(Page {
            changes,
            coverage: if cursor.is_none() { Coverage::Everything } else { Coverage::Delta },
            next: Next::Resume(Some(resume)),
            calendar: None,
        })
    }

    /// Lists everything within a window. A listing that the server loses half-way is begun once more.
    async fn begin(&self, calendar: &CalendarRef, frozen: Window) -> Result<(Round, String)> {
        let first = || self.session.api.round(calendar, frozen);
        match self.gather(calendar, first()?, About::Calendar).await {
            Err(error) if error.kind == Kind::CursorExpired => {
                self.gather(calendar, first()?, About::Calendar).await
            }
            outcome => outcome,
        }
    }

    /// Reads what has changed since a link was given.
    async fn follow(&self, calendar: &CalendarRef, link: &str) -> Result<(Round, String)> {
        let lost = |_| Kind::CursorExpired.error("the link of the cursor is of another host");
        let request = self.session.api.follow(link).map_err(lost)?;
        self.gather(calendar, request, About::Link).await
    }

    /// All pages from a first one on, and where changes are followed from afterwards.
    async fn gather(
        &self,
        calendar: &CalendarRef,
        first: http::Request<bytes::Bytes>,
        about: About,
    ) -> Result<(Round, String)> {
        let (mut rows, mut request, mut about) = (Rows::default(), first, about);
        for _ in 0..MOST_PAGES {
            let asked = request.uri().clone();
            let body = match self.session.read("pull", request, about).await {
                Ok(body) => body,
                Err(error) => return Err(self.explained(calendar, error, about).await),
            };
            let at_host = |error| self.session.at_host("pull", error);
            let page = wire::events(&body).map_err(at_host)?;
            let (next, delta) = (page.next.into_owned(), page.delta.into_owned());
            page.value.into_iter().flatten().for_each(|event| rows.take(event));
            match (next.get(), delta.get()) {
                (Some(next), _) => {
                    request = self.session.api.follow(next).map_err(at_host)?;
                    if *request.uri() == asked {
                        return Err(at_host(Kind::BadReply.error("the listing does not get on")));
                    }
                    about = About::Link;
                }
                (None, Some(delta)) => {
                    // It is to be followed with a token later on.
                    self.session.api.follow(delta).map_err(at_host)?;
                    return Ok((rows.sorted(), delta.to_owned()));
                }
                (None, None) => {
                    let error = Kind::BadReply.error("a page says neither what follows nor where");
                    return Err(at_host(error));
                }
            }
        }
        Err(Kind::BadReply.error("the listing does not end"))
    }

    /// Everything that a whole round shows, where it differs from what is known.
    async fn everything(
        &self,
        round: Round,
        frozen: Window,
        known: &dyn Known,
    ) -> Result<Vec<Change>> {
        let known = known.versions().await?;
        let mut items: Vec<Item> = round.singles.iter().map(translate::single).collect();
        for (id, series) in round.series {
            let whole = match series.is_headless() {
                true => self.read_series(&id, frozen, None).await?,
                false => None,
            };
            items.extend(whole.or_else(|| series.item(&id)));
        }
        Ok(items.into_iter().map(|item| differing(item, &known)).collect())
    }

    /// What has changed. Of a series that any of it is about, all occurrences are read again: what is missing from a
    /// delta may have been taken out, or may just not have changed, and only the series itself tells which.
    async fn news(&self, round: Round, frozen: Window, known: &dyn Known) -> Result<Vec<Change>> {
        let Round { singles, mut series, removed } = round;
        let mut changes = Vec::new();
        let known = if removed.is_empty() { Versions::new() } else { known.versions().await? };
        let removed: Vec<ItemRef> = removed.into_iter().map(ItemRef::new).collect();
        let (gone, strange): (Vec<_>, Vec<_>) =
            removed.into_iter().partition(|item| known.contains_key(item));
        // Occurrences, or what was never in sight.
        let traces = Traces::of(strange.iter().map(ItemRef::as_str));
        for (home, version) in &known {
            if !gone.contains(home) && version.as_ref().is_some_and(|it| traces.lead_to(it)) {
                series.entry(home.as_str().to_owned()).or_default();
            }
        }
        changes.extend(gone.into_iter().map(Change::Gone));
        if series.len() > MOST_SERIES {
            let error = "many series have changed; everything is read again";
            return Err(Kind::CursorExpired.error(error));
        }
        changes.extend(singles.iter().map(|event| Change::Present(translate::single(event))));
        for (id, seen) in series {
            let item = self.read_series(&id, frozen, seen.master).await?;
            changes.push(item.map_or_else(|| Change::Gone(ItemRef::new(id)), Change::Present));
        }
        Ok(changes)
    }

    /// A series as it stands now; `None` when none of it is in sight any more.
    async fn read_series(
        &self,
        id: &str,
        frozen: Window,
        master: Option<wire::Event<'static>>,
    ) -> Result<Option<Item>> {
        let gone = |error: Error| if error.kind == Kind::Gone { Ok(None) } else { Err(error) };
        let master = match master {
            Some(master) => master,
            None => {
                let request = self.session.api.master(id)?;
                let body = match self.session.read("pull", request, About::Event).await {
                    Ok(body) => body,
                    Err(error) => return gone(error),
                };
                let event = wire::event(&body);
                event.map_err(|error| self.session.at_host("pull", error))?.into_owned()
            }
        };
        if master.kind.is("singleInstance") {
            // It does not recur any more.
            return Ok(Some(translate::single(&master)));
        }
        let request = self.session.api.instances(id, frozen)?;
        match self.listed("pull", request, About::Event).await {
            Ok(occurrences) => Ok(Series { master: Some(master), occurrences }.item(id)),
            Err(error) => gone(error),
        }
    }

    /// All events of a listing that is no round.
    pub(super) async fn listed(
        &self,
        operation: &'static str,
        first: http::Request<bytes::Bytes>,
        about: About,
    ) -> Result<Vec<wire::Event<'static>>> {
        let (mut events, mut request) = (Vec::new(), first);
        for _ in 0..MOST_PAGES {
            let body = self.session.read(operation, request, about).await?;
            let at_host = |error| self.session.at_host(operation, error);
            let page = wire::events(&body).map_err(at_host)?;
            let next = page.next.into_owned();
            events.extend(page.value.into_iter().flatten().map(wire::Event::into_owned));
            match next.get() {
                Some(next) => request = self.session.api.follow(next).map_err(at_host)?,
                None => return Ok(events),
            }
        }
        Err(Kind::BadReply.error("the listing does not end"))
    }

    /// What takes place within a span: whoever moved or cancelled what, nothing is left where it is not any more.
    pub(super) async fn read_live(
        &self,
        calendar: &CalendarRef,
        span: Window,
    ) -> Result<Vec<Item>> {
        let request = self.session.api.occurrences(calendar, span)?;
        match self.listed("read_span", request, About::Calendar).await {
            Ok(events) => {
                let is_standing = |event: &&wire::Event<'_>| !event.kind.is("seriesMaster");
                Ok(events.iter().filter(is_standing).map(translate::single).collect())
            }
            Err(error) => Err(self.explained(calendar, error, About::Calendar).await),
        }
    }
}

fn differing(item: Item, known: &Versions) -> Change {
    let before = known.get(&item.item).and_then(Option::as_ref);
    if before.is_some() && before == item.version.as_ref() {
        Change::Unchanged(item.item)
    } else {
        Change::Present(item)
    }
}
