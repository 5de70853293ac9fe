//! The desk: its parts, and what all of its work needs.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::{
    audit::By,
    clock::Clock,
    model::{
        ids::{BookingId, CalendarId, ResourceId, TenantId},
        interval::Span,
    },
    secrets::Vault,
    store::{BookingRow, HistoryRow, NewChange, Store, StoreError, Tx},
    sync::Engine,
};

/// Takes holds and bookings.
pub struct Desk {
    pub(super) store: Store,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) engine: Arc<Engine>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// On whose behalf, and under which name in the change log.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    pub tenant: &'a TenantId,
    pub name: &'a str,
    /// The request that asked for it.
    pub request: Option<&'a str>,
}

impl<'a> Actor<'a> {
    /// The hub, of its own accord.
    pub(super) fn hub(tenant: &'a TenantId) -> Self {
        Self { tenant, name: "hub", request: None }
    }

    /// The same for the audit log.
    pub(super) fn by(self) -> By {
        By { actor: self.name.into(), request: self.request.map(Into::into) }
    }
}

/// Keeps what a request is answered, in the transaction of what it does: there is no effect without its answer, and a
/// request that is repeated finds either both or none.
#[async_trait]
pub trait Answering: Send + Sync {
    /// Holds the place of the request, because a provider is asked before anything is done.
    ///
    /// # Errors
    ///
    /// [`Refusal::Overtaken`] when the same request runs elsewhere.
    async fn hold(&self) -> Result<(), Refusal>;

    /// Makes sure, under the locks of what will be done, that it was not done yet.
    ///
    /// # Errors
    ///
    /// [`Refusal::Overtaken`] when it was.
    async fn check(&self, tx: &mut Tx) -> Result<(), Refusal>;

    /// Keeps the answer: the booking as it stands.
    ///
    /// # Errors
    ///
    /// [`Refusal::Overtaken`] when the same request was answered meanwhile.
    async fn keep(&self, tx: &mut Tx, booking: &BookingRow) -> Result<(), Refusal>;
}

impl Desk {
    /// With the same parts as the engine that it has calendars read by.
    pub fn new(engine: Arc<Engine>) -> Self {
        let (store, vault) = (engine.store.clone(), Arc::clone(&engine.vault));
        let clock = Arc::clone(&engine.clock);
        Self { store, vault, clock, engine }
    }

    /// Entries that tell which answers may differ: those about resources, and about calendars that are written.
    pub(super) fn busy_changed(
        &self,
        actor: Actor<'_>,
        resources: &[ResourceId],
        calendars: &[CalendarId],
        span: Span,
    ) -> Vec<NewChange> {
        let window = |mut body: Value| {
            if let Some(fields) = body.as_object_mut() {
                fields.insert("start".to_owned(), json!(span.start()));
                fields.insert("end".to_owned(), json!(span.end()));
            }
            body
        };
        let tell = |subject: &str, body| {
            self.engine.change(actor.tenant, "busy.changed", actor.name, subject, window(body))
        };
        let of_resources = resources.iter().map(|id| tell(id.as_str(), json!({"resource_id": id})));
        let of_calendars = calendars.iter().map(|id| tell(id.as_str(), json!({"calendar_id": id})));
        of_resources.chain(of_calendars).collect()
    }

    /// Adds to a booking's own history.
    pub(super) async fn remember(
        &self,
        tx: &mut Tx,
        actor: Actor<'_>,
        booking: &BookingId,
        kind: &str,
        body: Value,
    ) -> Result<(), StoreError> {
        let (kind, name) = (kind.to_owned(), actor.name.to_owned());
        let mut body = body;
        if let (Some(fields), Some(request)) = (body.as_object_mut(), actor.request) {
            fields.insert("request_id".to_owned(), json!(request));
        }
        let happened = HistoryRow { kind, actor: name, body, at: self.clock.now() };
        tx.bookings().remember(actor.tenant, booking, &happened).await
    }
}

/// What the change log and the history tell of a booking: nothing that a person would recognise it by.
pub(super) fn told(row: &BookingRow) -> Value {
    json!({
        "status": row.status, "resources": row.resources, "start": row.span.start(), "end": row.span.end(),
        "time_zone": row.time_zone, "verified": row.verified,
    })
}
