//! What people and the API ask of the engine: sync now, look first, wait for it, judge a quarantine.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;

use super::{
    engine::Engine,
    error::SyncError,
    lanes::Lane,
    pausing::Use,
    pull::{Ask, Pulled},
    quarantine::{Held, Word},
    timeline::Happened,
};
use crate::{
    audit::{Act, By, Verb},
    drill::{Point, reach},
    model::{
        ids::{CalendarId, ConnectionId, TenantId},
        states::ConnectionState,
    },
    store::{CalendarFilter, ConnectionFilter},
};

/// Which calendars are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Calendar(CalendarId),
    Connection(ConnectionId),
    All,
}

impl Selector {
    /// The id of what is meant, for the audit log.
    pub fn subject(&self) -> &str {
        match self {
            Self::Calendar(id) => id.as_str(),
            Self::Connection(id) => id.as_str(),
            Self::All => "all",
        }
    }
}

/// What a pull of one calendar would change.
#[derive(Debug)]
pub struct Planned {
    pub calendar: CalendarId,
    pub outcome: Result<Pulled, SyncError>,
}

/// How a calendar stands after it was asked for.
#[derive(Debug)]
pub struct Fresh {
    pub calendar: CalendarId,
    /// Whether it was read since it was asked for.
    pub is_fresh: bool,
    /// The provider asked not to be asked before.
    pub not_before: Option<Timestamp>,
}

/// How many calendars are nudged by one transaction.
const AT_ONCE: usize = 500;

/// A calendar whose removals are held back.
#[derive(Clone, Debug)]
pub struct HeldCalendar {
    pub calendar: CalendarId,
    pub name: String,
    pub held: Held,
}

impl Engine {
    /// Asks for pulls now, and for the listings that may show new calendars; answers the calendars that
    /// were nudged, or `None` when the selected one does not exist.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn request_sync(
        &self,
        by: &By,
        tenant: &TenantId,
        selector: &Selector,
        full: bool,
    ) -> Result<Option<Vec<CalendarId>>, SyncError> {
        let Some(calendars) = self.selected(tenant, selector).await? else { return Ok(None) };
        let now = self.clock.now();
        let demand = full.then(|| json!({ "full": true }));
        let connections = match selector {
            Selector::Calendar(_) => Vec::new(),
            Selector::Connection(connection) => vec![connection.clone()],
            // Also those that have shown no calendar yet.
            Selector::All => {
                let filter = ConnectionFilter { limit: i64::MAX, ..ConnectionFilter::default() };
                let rows = self.store.read().await?.connections().list(tenant, &filter).await?;
                rows.into_iter()
                    .filter(|row| row.state != ConnectionState::Removing)
                    .map(|row| row.connection_id)
                    .collect()
            }
        };
        let mut tx = self.store.begin().await?;
        for connection in &connections {
            let lane = Lane::List.as_str();
            tx.work().nudge(tenant, lane, connection.as_str(), None, now).await?;
        }
        if full {
            let act = Act::on(tenant, Verb::SyncAsked, selector.subject());
            self.audit.note(&mut tx, by, act).await?;
        }
        tx.commit().await?;
        // Some at a time: each holds the locks of all its calendars, of which a server has not any number.
        for some in calendars.chunks(AT_ONCE) {
            let mut tx = self.store.begin().await?;
            for (calendar, _) in some {
                tx.calendars().lock(calendar).await?;
            }
            for (calendar, connection) in some {
                let of = (tenant, connection, calendar);
                self.tell_of_calendar(&mut tx, of, Happened::Nudged { full }).await?;
            }
            for (calendar, _) in some {
                let lane = Lane::Pull.as_str();
                tx.work().nudge(tenant, lane, calendar.as_str(), demand.as_ref(), now).await?;
            }
            reach(Point::NudgeWritten).await;
            tx.commit().await?;
            reach(Point::NudgeStored).await;
        }
        self.ring();
        Ok(Some(calendars.into_iter().map(|(calendar, _)| calendar).collect()))
    }

    /// Asks for a pull of one calendar; `false` when there is none of this id.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn refresh(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<bool, SyncError> {
        let selector = Selector::Calendar(calendar.clone());
        Ok(self.request_sync(&By::hub(), tenant, &selector, false).await?.is_some())
    }

    /// Reads the selected calendars and tells what a pull would change, without writing anything.
    ///
    /// # Errors
    ///
    /// When the store fails; what a provider answers is told for each calendar.
    pub async fn dry_run(
        &self,
        tenant: &TenantId,
        selector: &Selector,
        full: bool,
    ) -> Result<Option<Vec<Planned>>, SyncError> {
        let Some(calendars) = self.selected(tenant, selector).await? else { return Ok(None) };
        let mut all = Vec::new();
        for (calendar, _) in calendars {
            let outcome = self.pull(tenant, &calendar, Ask { full, dry: true, row: None }).await;
            all.push(Planned { calendar, outcome });
        }
        Ok(Some(all))
    }

    /// Reads calendars now and waits for it, at most for `patience`. Those that take longer go on alone.
    pub async fn pull_now(
        self: &Arc<Self>,
        tenant: &TenantId,
        calendars: &[CalendarId],
        patience: Duration,
    ) -> Vec<Fresh> {
        let asked = self.clock.now();
        let pulls = calendars.iter().map(|calendar| {
            let (engine, tenant, id) = (Arc::clone(self), tenant.clone(), calendar.clone());
            let pull = tokio::spawn(async move { engine.pull_since(&tenant, &id, asked).await });
            async move {
                let ended = tokio::time::timeout(patience, pull).await;
                let not_before = match &ended {
                    Ok(Ok(Err(SyncError::HostClosed(until)))) => Some(*until),
                    _ => None,
                };
                let is_fresh = matches!(ended, Ok(Ok(Ok(()))));
                Fresh { calendar: calendar.clone(), is_fresh, not_before }
            }
        });
        futures::future::join_all(pulls).await
    }

    /// Pulls a calendar unless somebody has since `asked`.
    async fn pull_since(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
        asked: Timestamp,
    ) -> Result<(), SyncError> {
        let flight = self.flight(calendar);
        let _alone = flight.lock().await;
        let subject = self.subject(tenant, calendar).await?;
        if subject.calendar.synced_at.is_some_and(|at| at > asked) {
            return Ok(());
        }
        let way = self.way(&subject, Use::Read).await?;
        let live = self.enter_live(&way.pace).await?;
        let pulled = self.pull_subject(subject, &way, Ask::default()).await;
        live.leave().await;
        pulled.map(|_| ())
    }

    /// Lists the calendars in quarantine, with what they would lose.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn quarantined(&self, tenant: &TenantId) -> Result<Vec<HeldCalendar>, SyncError> {
        let rows = self.store.read().await?.calendars().quarantined(tenant).await?;
        let held = |row: crate::store::CalendarRow| {
            let held = serde_json::from_value(row.quarantine?).ok()?;
            Some(HeldCalendar { calendar: row.calendar_id, name: row.name, held })
        };
        Ok(rows.into_iter().filter_map(held).collect())
    }

    /// Takes an operator's word on a quarantine and has the calendar read again; `false` when the
    /// calendar is in none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn judge_quarantine(
        &self,
        by: &By,
        tenant: &TenantId,
        calendar: &CalendarId,
        word: Word,
    ) -> Result<bool, SyncError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        tx.calendars().lock(calendar).await?;
        let Some(row) = tx.calendars().get(tenant, calendar).await? else { return Ok(false) };
        let held = row.quarantine.and_then(|note| serde_json::from_value::<Held>(note).ok());
        let Some(mut held) = held else { return Ok(false) };
        held.word = word;
        let note = serde_json::to_value(held).ok();
        tx.calendars().set_quarantine(tenant, calendar, note.as_ref(), now).await?;
        let of = (tenant, &row.connection_id, calendar);
        let (word, verb) = match word {
            Word::Confirmed => ("confirmed", Verb::QuarantineConfirmed),
            Word::Rejected => ("rejected", Verb::QuarantineRejected),
            Word::None => ("taken back", Verb::QuarantineTakenBack),
        };
        self.tell_of_calendar(&mut tx, of, Happened::Judged { word }).await?;
        tx.work().nudge(tenant, Lane::Pull.as_str(), calendar.as_str(), None, now).await?;
        self.audit.note(&mut tx, by, Act::on(tenant, verb, calendar.as_str())).await?;
        reach(Point::WordWritten).await;
        tx.commit().await?;
        self.ring();
        Ok(true)
    }

    pub(crate) async fn selected(
        &self,
        tenant: &TenantId,
        selector: &Selector,
    ) -> Result<Option<Vec<(CalendarId, ConnectionId)>>, SyncError> {
        let mut tx = self.store.read().await?;
        let rows = match selector {
            Selector::Calendar(id) => match tx.calendars().get(tenant, id).await? {
                Some(row) => vec![row],
                None => return Ok(None),
            },
            Selector::Connection(id) => {
                if tx.connections().get(tenant, id).await?.is_none() {
                    return Ok(None);
                }
                tx.calendars().by_connection(tenant, id).await?
            }
            Selector::All => {
                let filter = CalendarFilter { limit: i64::MAX, ..CalendarFilter::default() };
                tx.calendars().list(tenant, &filter).await?
            }
        };
        Ok(Some(rows.into_iter().map(|row| (row.calendar_id, row.connection_id)).collect()))
    }
}
