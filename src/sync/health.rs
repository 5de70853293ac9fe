//! Keeping a connection's state true: derived anew whenever something was learned.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    engine::Engine,
    error::SyncError,
    lanes::Lane,
    state::{CalendarStanding, Login, change_type, derive},
    timeline::Happened,
};
use crate::{
    model::ids::{CalendarId, ConnectionId, TenantId},
    model::states::{ConnectionState, InitialSync},
    store::{CalendarRow, ConnectionHealth, ConnectionRow, StoreError, Tx},
};

/// What one call showed about a connection.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) login: Login,
    /// When the provider last gave a good answer, if this was one.
    pub(crate) ok_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
    /// Failed listings in a row; as before when `None`.
    pub(crate) listing_failures: Option<i64>,
    pub(crate) learned: Value,
}

impl Engine {
    /// Notes that the provider has just accepted the login.
    pub(crate) async fn accepted(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: &ConnectionId,
        learned: Value,
    ) -> Result<(), SyncError> {
        let (login, ok_at) = (Login::Accepted, Some(self.clock.now()));
        let note = Note { login, ok_at, error: None, listing_failures: Some(0), learned };
        self.note(tx, tenant, connection, note).await.map(|_| ())
    }

    /// Notes that the stored login does not open: as good as refused, for only a new one helps. What was known
    /// stays known, and ages.
    pub(crate) async fn unreadable(&self, row: &ConnectionRow) -> Result<(), SyncError> {
        let mut tx = self.store.begin().await?;
        let note = Note {
            login: Login::Refused,
            ok_at: None,
            error: Some("login_unreadable".to_owned()),
            listing_failures: None,
            learned: row.learned.clone(),
        };
        self.note(&mut tx, &row.tenant_id, &row.connection_id, note).await?;
        tx.commit().await?;
        self.ring();
        Ok(())
    }

    /// Has a calendar's own pull find out now what is wrong: with a login that somebody else was refused with, or with
    /// what told of its changes. It says so, and whoever waits for it need not wait for the next poll.
    pub(crate) async fn look_at(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let (lane, now) = (Lane::Pull.as_str(), self.clock.now());
        tx.work().nudge(tenant, lane, calendar.as_str(), None, now).await?;
        tx.commit().await?;
        self.ring();
        Ok(())
    }

    /// Notes what was learned, and tells the change log when the connection's state changes by it.
    pub(crate) async fn note(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: &ConnectionId,
        note: Note,
    ) -> Result<ConnectionState, SyncError> {
        let row = tx.connections().get(tenant, connection).await?.ok_or(SyncError::Gone)?;
        let calendars = tx.calendars().by_connection(tenant, connection).await?;
        let standings: Vec<CalendarStanding> = calendars.iter().map(standing).collect();
        let failures = note.listing_failures.unwrap_or(row.failures);
        let state = derive(row.state, note.login, failures, &standings);
        let is_failing = state != ConnectionState::Healthy && state != ConnectionState::Syncing;
        let last_error = note.error.or(row.last_error.clone().filter(|_| is_failing));
        let health = ConnectionHealth {
            state,
            last_ok_at: note.ok_at,
            last_error: last_error.clone(),
            failures,
            learned: (note.learned != row.learned).then_some(note.learned),
        };
        tx.connections().set_health(tenant, connection, &health, self.clock.now()).await?;
        if row.state != state {
            let (from, to, reason) = (row.state, state, last_error.as_deref());
            let what = Happened::StateChanged { from, to, reason };
            self.tell_of_connection(tx, tenant, connection, what).await?;
        }
        if let Some(kind) = change_type(row.state, state) {
            let body = json!({
                "connection_id": connection,
                "external_id": row.external_id,
                "reason": last_error,
                "before": { "state": row.state },
                "after": { "state": state },
            });
            let change = self.change(tenant, kind, connection.as_str(), connection.as_str(), body);
            tx.changes().append(&[change]).await?;
            tracing::info!(connection.id = %connection, state = state.as_str(), "A connection's state changed.");
        }
        Ok(state)
    }
}

fn standing(row: &CalendarRow) -> CalendarStanding {
    CalendarStanding {
        listed: row.listed,
        read_once: row.initial_sync == InitialSync::Done,
        failures: row.failures,
        quarantined: row.quarantine.is_some(),
    }
}
