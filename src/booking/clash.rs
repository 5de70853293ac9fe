//! Conflicts: what has come to lie over a booking, what a person did to its event, and what is done about it.
//!
//! What the calendars say over a booking is compared with what is known already, from the tables, however it came to be
//! asked: an edit a person made, a calendar that was linked, a policy that changed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    change::{Changes, own_events},
    claim::{foreign, is_own},
    desk::{Actor, Desk},
    details::Details,
    evidence::blocking,
    refusal::Refusal,
};
use crate::{
    audit::{Act, Verb},
    model::{
        ids::{BookingId, CalendarId, ConflictId, TenantId},
        interval::Span,
        states::{BookingStatus, Delivery},
    },
    push::{ask_for_delivery, conflict_told, origins},
    store::{BookingRow, BusyTime, ConflictRow, OutboxRow, StoreError, Tx, WorkRow},
    sync::{End, Engine, Lane, after},
};

/// How many are settled in one go.
const SOME: i64 = 100;

/// What a platform or an operator wants done about a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// What the calendar says holds from now on.
    Accept,
    /// What was agreed holds, and is written again.
    Revert,
    /// Both stay as they are.
    Dismiss,
}

/// Something that lies over a booking.
struct Clash {
    calendar_id: CalendarId,
    span: Span,
    /// It says that it is an event of the booking.
    is_copy: bool,
}

impl Engine {
    /// Compares what the calendars say over a booking with the conflicts that are known.
    pub(crate) async fn run_clash(&self, work: &WorkRow) -> Result<End, StoreError> {
        let Ok(id) = work.subject.parse::<BookingId>() else { return Ok(End::Never) };
        let tenant = &work.tenant_id;
        let mut tx = self.store.begin().await?;
        tx.bookings().lock(tenant, &id).await?;
        let Some(booking) = tx.bookings().get(tenant, &id).await? else { return Ok(End::Never) };
        let outbox = tx.outbox().of_booking(tenant, &id).await?;
        if outbox.iter().any(OutboxRow::is_in_doubt) {
            // Which of the events is ours is known when it has been read back.
            let soon = std::time::Duration::from_secs(10);
            return Ok(End::Again(after(self.clock.now(), soon), None));
        }
        let there = match booking.status {
            BookingStatus::Confirmed => self.over(&mut tx, &booking, &outbox).await?,
            _ => BTreeMap::new(),
        };
        let known = tx.conflicts().of_booking(tenant, &id).await?;
        let now = self.clock.now();
        for (pair, one) in &there {
            let row = ConflictRow {
                tenant_id: tenant.clone(),
                booking_id: id.clone(),
                conflict_id: ConflictId::mint(&*self.clock, &*self.entropy),
                calendar_id: one.calendar_id.clone(),
                kind: "busy".to_owned(),
                pair: pair.clone(),
                state: "open".to_owned(),
                policy: "flag".to_owned(),
                likely_copy: one.is_copy || one.span == booking.span,
                span: Some(one.span),
                found_at: now,
                settled_at: None,
            };
            if tx.conflicts().find(&row).await? {
                conflict_told(self, &mut tx, &booking, "booking.conflict", &row).await?;
            }
        }
        for row in known.iter().filter(|row| row.is_open() && !row.is_of_own_event()) {
            if !there.contains_key(&row.pair) && tx.conflicts().settle(row, "gone", now).await? {
                conflict_told(self, &mut tx, &booking, "booking.conflict_resolved", row).await?;
            }
        }
        if !tx.work().hold(work).await? {
            return Ok(End::Done);
        }
        tx.commit().await?;
        Ok(End::Never)
    }

    /// What blocks a booking's resources within its own time, by pair.
    async fn over(
        &self,
        tx: &mut Tx,
        booking: &BookingRow,
        outbox: &[OutboxRow],
    ) -> Result<BTreeMap<String, Clash>, StoreError> {
        let (tenant, span) = (&booking.tenant_id, booking.span);
        let basis = tx.claims().basis(tenant, &booking.resources).await?;
        let mut busy = tx.claims().busy(tenant, &blocking(&basis), span).await?;
        let own = own_events(outbox);
        busy.retain(|one| !is_own(&own, one));
        let all: Vec<&BusyTime> = basis.iter().flat_map(|row| foreign(row, &busy)).collect();
        let stem = self.stems(tx, booking, outbox, &all).await?;
        let mut clashes = BTreeMap::new();
        for one in all {
            let is_copy = stem.contains(&(one.calendar_id.clone(), one.series.clone()));
            let is_awaited = |row: &OutboxRow| {
                row.calendar_id == one.calendar_id && row.present && row.item.is_none()
            };
            // Most likely our own, of which nobody knows yet: its delivery finds out.
            if is_copy && outbox.iter().any(is_awaited) {
                continue;
            }
            let (from, to) = (one.span.start_us(), one.span.end_us());
            let pair = format!("busy/{}/{}/{from}/{to}", one.calendar_id, one.series);
            let calendar_id = one.calendar_id.clone();
            clashes.insert(pair, Clash { calendar_id, span: one.span, is_copy });
        }
        Ok(clashes)
    }

    /// Which of these say that they are events of the booking.
    async fn stems(
        &self,
        tx: &mut Tx,
        booking: &BookingRow,
        outbox: &[OutboxRow],
        among: &[&BusyTime],
    ) -> Result<BTreeSet<(CalendarId, String)>, StoreError> {
        if among.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut calendars: Vec<_> = among.iter().map(|one| one.calendar_id.clone()).collect();
        calendars.sort_unstable();
        calendars.dedup();
        let origins: Vec<String> = outbox.iter().flat_map(origins).collect();
        let stem = tx.drift().of_origins(&booking.tenant_id, &calendars, &origins).await?;
        Ok(stem.into_iter().collect())
    }
}

impl Desk {
    /// Does what the resources' policies say about open conflicts, and answers how many that were.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn follow_policies(&self) -> Result<usize, Refusal> {
        let rows = self.store.read().await?.conflicts().to_settle(SOME).await?;
        let count = rows.len();
        for row in rows {
            let actor = Actor::hub(&row.tenant_id);
            let wanted = match row.policy.as_str() {
                "follow" | "cancel" => Settlement::Accept,
                _ => Settlement::Revert,
            };
            match self.settle(actor, &row, wanted).await {
                Ok(()) => {}
                Err(Refusal::Store(error)) => return Err(error.into()),
                // What cannot be followed is left to people: a time that is taken, a booking that has ended.
                Err(_) => {
                    let mut tx = self.store.begin().await?;
                    tx.conflicts().flag(&row).await?;
                    tx.commit().await?;
                }
            }
        }
        Ok(count)
    }

    /// Settles one conflict of a booking.
    ///
    /// # Errors
    ///
    /// [`Refusal::SlotTaken`] when the time that is to be accepted is not free; [`Refusal::WrongState`] when there
    /// is nothing that could be done so.
    pub async fn settle(
        &self,
        actor: Actor<'_>,
        row: &ConflictRow,
        wanted: Settlement,
    ) -> Result<(), Refusal> {
        // Taken over before, by a hub that went down before it could say so.
        let is_done = wanted == Settlement::Accept && self.is_as_found(row).await?;
        if !row.is_open() && !is_done {
            return Err(Refusal::WrongState(format!("The conflict is {}.", row.state)));
        }
        match (row.kind.as_str(), wanted) {
            _ if is_done => {}
            ("moved", Settlement::Accept) => self.accept_move(actor, row).await?,
            ("deleted", Settlement::Accept) => {
                let reason = Some("deleted in the calendar");
                let to = BookingStatus::Cancelled;
                self.end_booking(actor, &row.booking_id, to, reason).await?;
            }
            ("moved" | "deleted", Settlement::Revert) | (_, Settlement::Dismiss) => {}
            _ => {
                let text = "What lies over the booking is somebody else's: move the booking, or dismiss it.";
                return Err(Refusal::WrongState(text.to_owned()));
            }
        }
        let state = match wanted {
            Settlement::Accept => "accepted",
            Settlement::Revert => "reverted",
            Settlement::Dismiss => "dismissed",
        };
        let mut tx = self.store.begin().await?;
        tx.bookings().lock(&row.tenant_id, &row.booking_id).await?;
        match wanted {
            Settlement::Accept => {}
            Settlement::Revert => self.write_again(&mut tx, row).await?,
            Settlement::Dismiss => self.leave_as_it_is(&mut tx, row).await?,
        }
        let now = self.clock.now();
        if tx.conflicts().settle(row, state, now).await? {
            let body = json!({"conflict_id": row.conflict_id, "kind": row.kind, "action": state});
            let kind = "conflict_resolved";
            self.remember(&mut tx, actor, &row.booking_id, kind, body.clone()).await?;
            let (tenant, subject) = (actor.tenant, row.booking_id.as_str());
            let kind = "booking.conflict_resolved";
            let told = self.engine.change(tenant, kind, actor.name, subject, body.clone());
            tx.changes().append(&[told]).await?;
            let act = Act::on(tenant, Verb::ConflictResolved, subject).with(body);
            self.engine.audit.note(&mut tx, &actor.by(), act).await?;
        }
        tx.commit().await?;
        self.engine.ring();
        Ok(())
    }

    /// Whether a booking is by now what the calendar said, and its conflict vanished with that.
    async fn is_as_found(&self, row: &ConflictRow) -> Result<bool, Refusal> {
        if row.state != "gone" {
            return Ok(false);
        }
        let mut tx = self.store.read().await?;
        let booking = tx.bookings().get(&row.tenant_id, &row.booking_id).await?;
        Ok(booking.is_some_and(|booking| match row.kind.as_str() {
            "moved" => row.span == Some(booking.span),
            "deleted" => booking.status == BookingStatus::Cancelled,
            _ => false,
        }))
    }

    /// Moves the booking to where the person has moved its event, if that is free; the event stays as it is.
    async fn accept_move(&self, actor: Actor<'_>, row: &ConflictRow) -> Result<(), Refusal> {
        let text = "The event has no one time any more.";
        let span = row.span.ok_or_else(|| Refusal::WrongState(text.to_owned()))?;
        let mut tx = self.store.read().await?;
        let seen = tx.bookings().get(actor.tenant, &row.booking_id).await?;
        let seen = seen.ok_or(Refusal::NotFound("booking"))?;
        let details = Details::open(&self.vault, &mut tx, &seen).await?;
        tx.rollback().await?;
        let changes = Changes {
            resources: seen.resources.clone(),
            span,
            details,
            time_zone: seen.time_zone.clone(),
            external_id: seen.external_id.clone(),
            metadata: seen.metadata.clone(),
            max_staleness: Some(SignedDuration::MAX),
            allow_unverified: true,
            as_found_in: Some((row.calendar_id.clone(), span)),
            request: None,
        };
        self.change_booking(actor, &seen, changes).await?;
        Ok(())
    }

    /// Has what was agreed written again.
    async fn write_again(&self, tx: &mut Tx, row: &ConflictRow) -> Result<(), Refusal> {
        self.renew(tx, row, |there| OutboxRow {
            state: Delivery::Pending,
            written: there.written.map(|(_, span)| (0, span)),
            last_error: None,
            ..there
        })
        .await
    }

    /// Takes what the calendar says as settled, without changing either side.
    async fn leave_as_it_is(&self, tx: &mut Tx, row: &ConflictRow) -> Result<(), Refusal> {
        if !row.is_of_own_event() {
            return Ok(());
        }
        let is_gone = row.kind == "deleted";
        let state = if is_gone { Delivery::NotApplicable } else { Delivery::Written };
        self.renew(tx, row, |there| OutboxRow { state, last_error: None, ..there }).await
    }

    async fn renew(
        &self,
        tx: &mut Tx,
        row: &ConflictRow,
        with: impl FnOnce(OutboxRow) -> OutboxRow,
    ) -> Result<(), Refusal> {
        let (tenant, booking, calendar) = (&row.tenant_id, &row.booking_id, &row.calendar_id);
        let there = tx.outbox().get(tenant, booking, calendar).await?;
        let there = there.ok_or(Refusal::NotFound("event"))?;
        let now: Timestamp = self.clock.now();
        tx.outbox().found(tenant, &with(there), now).await?;
        Ok(ask_for_delivery(tx, tenant, booking, calendar, now).await?)
    }
}

/// Has the bookings looked at over which something in a calendar may have come to lie, or no longer does.
pub(crate) async fn look_for_clashes(
    tx: &mut Tx,
    tenant: &TenantId,
    calendar: &CalendarId,
    span: Span,
    now: Timestamp,
) -> Result<(), StoreError> {
    for booking in tx.conflicts().bookings_on(tenant, calendar, span).await? {
        tx.work().nudge(tenant, Lane::Clash.as_str(), booking.as_str(), None, now).await?;
    }
    Ok(())
}

/// The pair of a booking and its own event in a calendar.
pub(crate) fn own_pair(kind: &str, row: &OutboxRow, span: Option<Span>) -> String {
    let at = span.map_or(0, Span::start_us);
    format!("{kind}/{}/{}/{at}", row.calendar_id, row.generation)
}
