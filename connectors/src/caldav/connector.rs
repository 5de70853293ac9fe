//! The connector itself: places, calendars and one-span reads. Pulling and writing live beside it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    auth::{Credentials, Session},
    capabilities::Capabilities,
    discovery::{self, Places, Start, expect_multistatus},
    listing::Listings,
    requests::{self, Depth, properties},
    translate,
};
use crate::{
    connector::{
        Account, CalendarRef, Connector, Cursor, Known, Page, RemoteCalendar, Traits, Window,
        Writer,
    },
    error::{Error, Kind, Result},
    event::Item,
    transport::Transport,
};

/// What a person gives to link an account.
#[derive(Clone)]
pub struct Login {
    /// A full address, a host or an e-mail address.
    pub url: String,
    pub credentials: Credentials,
}

impl Login {
    pub fn with_password(
        url: impl Into<String>,
        username: impl Into<String>,
        password: SecretString,
    ) -> Self {
        let credentials = Credentials::Password { username: username.into(), password };
        Self { url: url.into(), credentials }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

/// One CalDAV account.
pub struct Caldav {
    pub(super) session: Session,
    start: Start,
    root: Url,
    places: Mutex<Option<Places>>,
    pub(super) listings: Listings,
    /// A ctag that was just read, and of which collection: the listing that follows need not ask again.
    pub(super) ctag_read: Mutex<Option<(Url, Option<String>)>>,
}

impl fmt::Debug for Caldav {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caldav").field("host", &self.root.host_str()).finish_non_exhaustive()
    }
}

/// What is kept between connectors of one connection.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Learned {
    /// The address it was learned from: a new one starts over.
    from: Option<Url>,
    places: Option<Places>,
    capabilities: Capabilities,
}

impl Caldav {
    /// Makes a connector; nothing is sent yet. `learned` is what an earlier connector of the connection
    /// gave, or `Null`.
    ///
    /// # Errors
    ///
    /// [`Kind::NotCalDav`] when the address cannot be one.
    pub fn connect(transport: Transport, login: Login, learned: serde_json::Value) -> Result<Self> {
        let (start, root) = Start::read(&login.url)
            .ok_or_else(|| Kind::NotCalDav.error("this is no address of a CalDAV server"))?;
        // What cannot be read any more is learned again.
        let learned: Learned = serde_json::from_value(learned).unwrap_or_default();
        let learned =
            if learned.from.as_ref() == Some(&root) { learned } else { Learned::default() };
        let session = Session::new(transport, login.credentials, &root, learned.capabilities);
        if let Some(places) = &learned.places {
            session.trust(&places.base);
        }
        let places = Mutex::new(learned.places);
        Ok(Self {
            session,
            start,
            root,
            places,
            listings: Listings::default(),
            ctag_read: Mutex::default(),
        })
    }

    /// The places, discovered if they are not known yet.
    pub(super) async fn places(&self) -> Result<Places> {
        let known = self.places.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(places) => Ok(places),
            None => self.rediscover().await,
        }
    }

    async fn rediscover(&self) -> Result<Places> {
        let places = discovery::discover(&self.session, &self.start, &self.root).await?;
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = Some(places.clone());
        Ok(places)
    }

    /// The collection behind a reference.
    pub(super) async fn collection(&self, calendar: &CalendarRef) -> Result<Collection> {
        let places = self.places().await?;
        let url = places
            .base
            .join(calendar.as_str())
            .ok()
            .filter(|url| self.session.trusts(url))
            .ok_or_else(|| {
            Kind::CalendarGone.error("the calendar lies on a host of another party")
        })?;
        Ok(Collection { url, own_addresses: places.own_addresses })
    }

    async fn list(&self, places: &Places) -> Result<Vec<RemoteCalendar>> {
        let mut found: Vec<RemoteCalendar> = Vec::new();
        let mut failure: Option<Error> = None;
        let homes = places.homes.iter().map(|home| (home, Depth::Members));
        let only = places.only.iter().map(|only| (only, Depth::Itself));
        let mut answered = false;
        for (url, depth) in homes.chain(only) {
            match self.list_home(places, url, depth).await {
                Ok(calendars) => {
                    answered = true;
                    for calendar in calendars {
                        if !found.iter().any(|known| known.calendar == calendar.calendar) {
                            found.push(calendar);
                        }
                    }
                }
                // One home of several may be closed to us; the others still count.
                Err(error) if matches!(error.kind, Kind::Forbidden | Kind::Gone) => {
                    failure = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) if !answered => Err(error),
            _ => Ok(found),
        }
    }

    async fn list_home(
        &self,
        places: &Places,
        home: &Url,
        depth: Depth,
    ) -> Result<Vec<RemoteCalendar>> {
        let request = requests::propfind(home, depth, properties::CALENDAR)?;
        let reply = self.session.send("list_calendars", request).await?;
        let listed = expect_multistatus(&reply, "list_calendars", home)?;
        if listed.rows.is_empty() {
            // Even an empty home describes itself.
            return Err(Kind::BadReply.error("the server answered an empty listing"));
        }
        Ok(translate::calendars(&listed, home, &places.base))
    }
}

/// A calendar as this connector asks for it.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    pub(super) url: Url,
    pub(super) own_addresses: Vec<String>,
}

impl Collection {
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or("the server")
    }

    /// The URL of one of its items.
    pub(super) fn at(&self, path: &str) -> Result<Url> {
        self.url
            .join(path)
            .ok()
            .filter(|url| url.origin() == self.url.origin())
            .ok_or_else(|| Kind::Gone.error("the item lies on another host"))
    }
}

/// A refusal of the collection itself, in the words for calendars.
pub(super) fn of_calendar(error: Error) -> Error {
    match error.kind {
        Kind::Gone => Error { kind: Kind::CalendarGone, ..error },
        _ => error,
    }
}

#[async_trait]
impl Connector for Caldav {
    fn traits(&self) -> Traits {
        let known = self.session.capabilities();
        let hour = Duration::from_secs(3600);
        Traits {
            tombstones: known.sync_collection != Some(false),
            cursors: true,
            concurrency: 2,
            poll_every: Duration::from_secs(15 * 60),
            full_every: if known.deltas_lose { 6 * hour } else { 24 * hour },
        }
    }

    async fn account(&self) -> Result<Account> {
        let places = self.rediscover().await?;
        let host = places.base.host_str().unwrap_or("");
        let port = places.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        let username = self.session.username().unwrap_or("");
        let who = match &places.principal {
            Some(principal) => principal.path().trim_end_matches('/').to_owned(),
            None => format!("/{username}"),
        };
        let label = match username {
            "" => host.to_owned(),
            name if name.contains('@') => format!("{name} ({host})"),
            name => format!("{name}@{host}"),
        };
        Ok(Account { identity: format!("{host}{port}{who}"), label })
    }

    async fn list_calendars(&self) -> Result<Vec<RemoteCalendar>> {
        let places = self.places().await?;
        match self.list(&places).await {
            Err(error) if matches!(error.kind, Kind::Gone | Kind::Forbidden | Kind::NotCalDav) => {
                // The home may have moved: ask once more from the start, but not every time.
                let is_time = self.session.capabilities().is_worth_a_search();
                self.session.learn(|known| known.searches = known.searches.saturating_add(1));
                if !is_time {
                    return Err(of_calendar(error));
                }
                match self.rediscover().await {
                    Ok(fresh) if fresh != places => self.list(&fresh).await,
                    // What the home itself said tells more than what nothing else answered.
                    Ok(_) => Err(of_calendar(error)),
                    Err(lost) if lost.kind == Kind::NotCalDav => Err(of_calendar(error)),
                    Err(lost) => Err(lost),
                }
            }
            Ok(listed) => {
                self.session.learn(|known| known.searches = 0);
                Ok(listed)
            }
            failed => failed,
        }
    }

    async fn pull(
        &self,
        calendar: &CalendarRef,
        _window: Window,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page> {
        self.pull_page(calendar, cursor, known).await
    }

    async fn read_span(&self, calendar: &CalendarRef, span: Window) -> Result<Vec<Item>> {
        self.read_live(calendar, span).await
    }

    fn writer(&self) -> Option<&dyn Writer> {
        Some(self)
    }

    fn learned(&self) -> serde_json::Value {
        let learned = Learned {
            from: Some(self.root.clone()),
            places: self.places.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            capabilities: self.session.capabilities(),
        };
        serde_json::to_value(learned).unwrap_or_default()
    }
}
