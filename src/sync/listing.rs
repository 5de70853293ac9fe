//! Listing a connection's calendars: new ones, renamed ones, gone ones. It is also how a refused login is
//! probed, at the price of one request.

use std::{collections::BTreeSet, time::Duration};

use connectors::{Connector, Kind, RemoteCalendar, Verb};
use jiff::Timestamp;

use super::{
    connect::allowed_networks,
    ending::failure,
    engine::{Engine, Way},
    error::SyncError,
    health::Note,
    lanes::{ASIDE, Lane},
    pull::covered,
    schedule::{self, Failure, LIST_EVERY, LIST_TOLD, after, expected_max_age, next_poll},
    state::{Consequence, Login, consequence, is_pulled},
    timeline::Happened,
    traffic::counted,
};
use crate::{
    drill::{Bug, Point, is_back, reach},
    model::{
        ids::{CalendarId, ConnectionId, TenantId},
        states::{ConnectionState, InitialSync, PushState},
        time::{Zone, resolve_zone, tzdb},
    },
    secrets::SecretsError,
    store::{AskedFor, CalendarRow, ConnectionRow, RemoteCalendarRow, Taken, Tx, WorkRow},
};

/// What a calendar's own pull says when the provider no longer has it for us.
const GONE: [&str; 3] = ["calendar_gone", "forbidden", "gone"];

/// Work on calendars that a listing sets off, in the order in which its rows are locked.
#[derive(Debug, Default)]
pub(crate) struct Wakes(BTreeSet<(CalendarId, Lane)>);

impl Wakes {
    pub(crate) fn add(&mut self, calendar: &CalendarRow, lane: Lane) {
        self.0.insert((calendar.calendar_id.clone(), lane));
    }
}

impl Engine {
    /// Lists the calendars of a connection, and answers when to list again.
    pub(super) async fn list(
        &self,
        claimed: &WorkRow,
        connection: &ConnectionId,
    ) -> Result<Timestamp, (SyncError, Timestamp)> {
        let (error, failures) = match self.list_once(claimed, connection).await {
            Ok(next) => return Ok(next),
            Err(failed) => failed,
        };
        let failure = match &error {
            SyncError::Provider(error) => failure(&error.kind),
            _ => Failure::Passing,
        };
        // Whoever asks for room counts from their answer, not from our question.
        let now = self.clock.now();
        // The listing probes a refused login, when nothing else is asked: it is tried as often as calendars
        // are read, however the probe itself fails. Whatever else is wrong, the calendars' own pulls find out
        // when it is over, and have the listing tried then.
        let is_probe = self.is_probed(&claimed.tenant_id, connection).await;
        let every = if is_probe { LIST_EVERY / 4 } else { LIST_EVERY };
        Err((error, schedule::retry(now, failure, failures, every, &*self.entropy)))
    }

    /// Whether a connection's login is refused, so that its listing is all that is asked.
    async fn is_probed(&self, tenant: &TenantId, connection: &ConnectionId) -> bool {
        let found = async { self.store.read().await?.connections().get(tenant, connection).await };
        found.await.ok().flatten().is_some_and(|row| !is_pulled(row.state))
    }

    async fn list_once(
        &self,
        claimed: &WorkRow,
        id: &ConnectionId,
    ) -> Result<Timestamp, (SyncError, u32)> {
        let tenant = &claimed.tenant_id;
        let plain = |error: SyncError| (error, 1);
        let mut tx = self.store.read().await.map_err(|e| plain(e.into()))?;
        let row = tx.connections().get(tenant, id).await.map_err(|e| plain(e.into()))?;
        let row = row.ok_or(SyncError::Gone).map_err(plain)?;
        let login = match self.open_login(&mut tx, &row).await {
            Err(error @ SyncError::Secrets(SecretsError::Tampered)) => {
                drop(tx);
                self.unreadable(&row).await.map_err(plain)?;
                return Err(plain(error));
            }
            other => other.map_err(plain)?,
        };
        let allow_net = allowed_networks(&mut tx, tenant).await.map_err(|e| plain(e.into()))?;
        let way = Way::of(&row, login, allow_net);
        let held = tx.pauses().on(tenant, id, row.provider).await.map_err(|e| plain(e.into()))?;
        drop(tx);
        if held.reads {
            return Err(plain(SyncError::Paused));
        }
        if row.state == ConnectionState::Removing {
            return Err(plain(SyncError::Gone));
        }
        let now = self.clock.now();
        match self.enter(claimed, &way.pace).await.map_err(|e| plain(e.into()))? {
            Taken::Yes => {}
            Taken::Busy => return Err(plain(SyncError::HostClosed(after(now, ASIDE)))),
            Taken::Closed(until) => return Err(plain(SyncError::HostClosed(until))),
        }
        let tries = u32::try_from(row.failures).unwrap_or(u32::MAX).saturating_add(1);
        let connector = self.connect(&row, &way).map_err(|error| (error.into(), tries))?;
        let (listing, asked) = counted(connector.list_calendars()).await;
        reach(Point::ListingRead).await;
        let outcome = listing.as_ref().map_or_else(|error| error.kind.code(), |_| "ok");
        self.tally.listed(row.provider.as_str(), outcome);
        match listing {
            Ok(listing) => {
                self.listed(claimed, &row, &*connector, listing, asked).await.map_err(plain)?;
                let every = self.lists_every(tenant, id).await.map_err(plain)?;
                Ok(next_poll(self.clock.now(), every, &*self.entropy))
            }
            Err(error) => {
                self.obey(&way.pace, &error.kind).await.map_err(|e| plain(e.into()))?;
                self.not_listed(claimed, &row, &*connector, &error, asked).await.map_err(plain)?;
                Err((error.into(), tries))
            }
        }
    }

    /// What a listing finds beside pulls is new calendars and other names; where one of them is told of, that may wait.
    async fn lists_every(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<Duration, SyncError> {
        let calendars =
            self.store.read().await?.calendars().by_connection(tenant, connection).await?;
        let is_told = calendars.iter().any(|calendar| calendar.push == PushState::Healthy);
        Ok(if is_told { LIST_TOLD } else { LIST_EVERY })
    }

    async fn listed(
        &self,
        claimed: &WorkRow,
        row: &ConnectionRow,
        connector: &dyn Connector,
        listing: Vec<RemoteCalendar>,
        asked: u64,
    ) -> Result<(), SyncError> {
        let (tenant, connection) = (&row.tenant_id, &row.connection_id);
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let before = tx.connections().get(tenant, connection).await?.ok_or(SyncError::Gone)?;
        let mut wakes = self.store_listing(&mut tx, tenant, connection, connector, listing).await?;
        tx.census().asked(tenant, AskedFor::AllOf(connection), row.provider, asked, now).await?;
        let calendars = tx.calendars().by_connection(tenant, connection).await?;
        // Events need a scope that a listing does not: only a new grant brings what was missing.
        let lacks_scope = before.state == ConnectionState::NeedsReauth
            && before.last_error.as_deref() == Some(Kind::MissingScope.code());
        let login = if lacks_scope { Login::Unheard } else { Login::Accepted };
        if !is_pulled(before.state) && !lacks_scope {
            // The login works again: what was not asked meanwhile is asked now.
            calendars.iter().for_each(|calendar| wakes.add(calendar, Lane::Pull));
        }
        let note = Note {
            login,
            ok_at: Some(now),
            error: None,
            listing_failures: Some(0),
            learned: connector.learned(),
        };
        self.note(&mut tx, tenant, connection, note).await?;
        let listed = Happened::Listed { calendars: calendars.len() };
        self.tell_of_connection(&mut tx, tenant, connection, listed).await?;
        reach(Point::ListingWritten).await;
        self.hold(&mut tx, claimed).await?;
        self.wake(&mut tx, tenant, &wakes).await?;
        tx.commit().await?;
        reach(Point::ListingStored).await;
        self.ring();
        Ok(())
    }

    /// Stores a listing, and answers what it asks for: first pulls, pulls of what came back, a second
    /// witness for what is missing. Those are woken when the connection is written ([`Engine::wake`]).
    pub(crate) async fn store_listing(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: &ConnectionId,
        connector: &dyn Connector,
        listing: Vec<RemoteCalendar>,
    ) -> Result<Wakes, SyncError> {
        let now = self.clock.now();
        let mut wakes = Wakes::default();
        tx.locks().listed(tenant, connection).await?;
        let before = tx.calendars().by_connection(tenant, connection).await?;
        let poll_every = connector.traits().poll_every;
        let mut rows: Vec<RemoteCalendarRow> =
            listing.into_iter().map(|calendar| self.new_row(calendar, poll_every)).collect();
        let is_listed = |rows: &[RemoteCalendarRow], calendar: &CalendarRow| {
            rows.iter().any(|row| row.provider_ref == calendar.provider_ref)
        };
        for calendar in &before {
            if is_listed(&rows, calendar) || !calendar.listed {
                continue;
            }
            // Absence alone proves nothing: only when the calendar's own pull says so too is it gone.
            let is_gone = calendar.last_error.as_deref().is_some_and(|code| GONE.contains(&code));
            if !is_gone {
                rows.push(as_known(calendar));
                wakes.add(calendar, Lane::Pull);
            }
        }
        rows.sort_by(|a, b| a.provider_ref.cmp(&b.provider_ref));
        tx.calendars().upsert_listed(tenant, connection, &rows, now).await?;
        let after = tx.calendars().by_connection(tenant, connection).await?;
        for calendar in &after {
            let was = before.iter().find(|was| was.calendar_id == calendar.calendar_id);
            self.set_off(tx, calendar, was, &mut wakes).await?;
        }
        if is_back(Bug::WorkBeforeConnection) {
            self.wake(tx, tenant, &wakes).await?;
        }
        Ok(wakes)
    }

    /// Makes due now what a listing asks for.
    pub(crate) async fn wake(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        wakes: &Wakes,
    ) -> Result<(), SyncError> {
        let now = self.clock.now();
        for (calendar, lane) in &wakes.0 {
            tx.work().nudge(tenant, lane.as_str(), calendar.as_str(), None, now).await?;
        }
        Ok(())
    }

    async fn set_off(
        &self,
        tx: &mut Tx,
        calendar: &CalendarRow,
        was: Option<&CalendarRow>,
        wakes: &mut Wakes,
    ) -> Result<(), SyncError> {
        let Some(was) = was else {
            wakes.add(calendar, Lane::Pull);
            return Ok(());
        };
        // It was gone by its own pull's word; where that has read it well since, there is nothing new to read.
        if calendar.listed && !was.listed && was.last_error.is_some() {
            wakes.add(calendar, Lane::Pull);
        }
        let is_zone_new = calendar.time_zone != was.time_zone && calendar.time_zone_set.is_none();
        if is_zone_new && calendar.initial_sync == InitialSync::Done {
            wakes.add(calendar, Lane::Advance);
        }
        // Whether the whole calendar counts is judged with each answer; only its readers must be told.
        match covered(calendar).filter(|_| calendar.transparent != was.transparent) {
            Some(span) => self.tell_busy_changed(tx, calendar, span).await,
            None => Ok(()),
        }
    }

    async fn not_listed(
        &self,
        claimed: &WorkRow,
        row: &ConnectionRow,
        connector: &dyn Connector,
        error: &connectors::Error,
        asked: u64,
    ) -> Result<(), SyncError> {
        let (tenant, connection) = (&row.tenant_id, &row.connection_id);
        let code = error.kind.code();
        tracing::warn!(connection.id = %connection, code, %error, "Calendars could not be listed.");
        let note = Note {
            login: match consequence(error.kind.remedy(Verb::Pull)) {
                Consequence::LoginRefused => Login::Refused,
                Consequence::None | Consequence::ListAgain => Login::Unheard,
            },
            ok_at: None,
            error: Some(code.to_owned()),
            listing_failures: Some(row.failures.saturating_add(1)),
            learned: connector.learned(),
        };
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        tx.census().asked(tenant, AskedFor::AllOf(connection), row.provider, asked, now).await?;
        self.note(&mut tx, tenant, connection, note).await?;
        let failed = Happened::ListingFailed(error);
        self.tell_of_connection(&mut tx, tenant, connection, failed).await?;
        reach(Point::ListingFailed).await;
        self.commit_held(tx, Some(claimed)).await?;
        Ok(())
    }

    fn new_row(
        &self,
        calendar: RemoteCalendar,
        poll_every: std::time::Duration,
    ) -> RemoteCalendarRow {
        RemoteCalendarRow {
            calendar_id: CalendarId::mint(&*self.clock, &*self.entropy),
            provider_ref: calendar.calendar.as_str().to_owned(),
            name: calendar.name,
            time_zone: calendar.time_zone.map(public),
            writable: calendar.writable,
            transparent: calendar.transparent,
            poll_every,
            expected_max_age: expected_max_age(poll_every),
        }
    }
}

/// A zone by its public name, where it has one: a mailbox may name it as Windows does.
fn public(name: String) -> String {
    match resolve_zone(&name, &[]) {
        Zone::Iana(public) if tzdb().zone(&name).is_none() => public,
        Zone::Iana(_) | Zone::Fixed(_) | Zone::Custom(_) | Zone::Unknown(_) => name,
    }
}

/// A calendar as it stands, so that a listing without it changes nothing.
fn as_known(calendar: &CalendarRow) -> RemoteCalendarRow {
    RemoteCalendarRow {
        calendar_id: calendar.calendar_id.clone(),
        provider_ref: calendar.provider_ref.clone(),
        name: calendar.name.clone(),
        time_zone: calendar.time_zone.clone(),
        writable: calendar.writable,
        transparent: calendar.transparent,
        poll_every: calendar.poll_every,
        expected_max_age: calendar.expected_max_age,
    }
}
