//! Confirming: one transaction takes the time, makes the booking, says what the calendars should hold, and tells.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    adopt::Sight,
    claim::{Taken, Wish},
    desk::{Actor, Answering, Desk, told},
    details::Details,
    evidence::MAX_STALENESS,
    hold::sorted,
    refusal::{Refusal, Unsure},
};
use crate::{
    drill::{Bug, Point, is_back, reach},
    model::{
        ids::{BookingId, CalendarId, HoldId, ResourceId},
        interval::Span,
        states::{BookingStatus, HoldState},
    },
    push::{Sought, Standing, ask_for_delivery},
    store::{BookingRow, HoldRow, Tx, WantedSpan},
};

/// When a booking takes place, and of what.
#[derive(Clone, Debug)]
pub enum When {
    /// What was held.
    Held(HoldId),
    At {
        resources: Vec<ResourceId>,
        span: Span,
    },
    /// When an event takes place that is in a calendar already; a booking's already, it is answered as that one.
    Event {
        resources: Vec<ResourceId>,
        calendar: CalendarId,
        sought: Sought,
    },
}

/// A booking that is asked for.
#[derive(Clone, Debug)]
pub struct NewBooking {
    /// Made by the caller, so that a request that is repeated finds what it made.
    pub id: BookingId,
    pub when: When,
    pub details: Details,
    pub time_zone: Option<String>,
    pub external_id: Option<String>,
    pub metadata: Value,
    pub max_staleness: Option<SignedDuration>,
    /// Whether to book although some calendar is not known well enough.
    pub allow_unverified: bool,
    /// Instead of where the resources say.
    pub write_to: Option<CalendarId>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Booked {
    pub booking: BookingRow,
    /// The calendars that did not vouch for the slot, where that was allowed.
    pub unsure: Vec<Unsure>,
}

impl Desk {
    /// Makes a booking. The same id again answers the same booking.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; nothing is booked then.
    pub async fn book(&self, actor: Actor<'_>, new: NewBooking) -> Result<Booked, Refusal> {
        self.book_answering(actor, new, None).await
    }

    /// The same, with its answer kept in the same transaction. Without one, the caller sees to it that a request that is
    /// repeated asks for the same id.
    ///
    /// # Errors
    ///
    /// As [`Desk::book`]; and [`Refusal::Overtaken`].
    pub async fn book_answering(
        &self,
        actor: Actor<'_>,
        new: NewBooking,
        answer: Option<&dyn Answering>,
    ) -> Result<Booked, Refusal> {
        let tenant = actor.tenant;
        let mut event = None;
        let (seen, resources, span) = match &new.when {
            When::Held(hold) => {
                let mut tx = self.store.read().await?;
                let row = tx.holds().get(tenant, hold).await?;
                let row = row.ok_or(Refusal::NotFound("hold"))?;
                let (resources, span) = (row.resources.clone(), row.span);
                (Some(row), resources, span)
            }
            When::At { resources, span } => (None, sorted(resources.clone())?, *span),
            When::Event { resources, calendar, sought } => {
                let resources = sorted(resources.clone())?;
                if let Some(answer) = answer {
                    answer.hold().await?;
                }
                match self.sight(tenant, calendar, sought).await? {
                    Sight::Booked(booking) => {
                        return Ok(Booked { booking: *booking, unsure: Vec::new() });
                    }
                    Sight::There(standing, span) => {
                        event = Some(standing);
                        (None, resources, span)
                    }
                }
            }
        };
        let own = |event: &Standing| (event.calendar.clone(), event.item.clone());
        let own: Vec<_> = event.iter().map(own).collect();
        let max_staleness = new.max_staleness.unwrap_or(MAX_STALENESS);
        self.freshen(tenant, &resources, max_staleness, answer).await?;
        let mut tx = self.store.begin().await?;
        let instead_of: Vec<&str> = seen.iter().map(|hold| hold.hold_id.as_str()).collect();
        let wish = Wish {
            tenant,
            claim: new.id.as_str(),
            booking: Some(&new.id),
            own: &own,
            also: new.write_to.as_slice(),
            resources: &resources,
            span,
            expires_at: None,
            instead_of: &instead_of,
            max_staleness,
            allow_unverified: new.allow_unverified,
            is_checked: is_back(Bug::CheckedApart),
        };
        if is_back(Bug::CheckedApart) {
            self.claim(&mut tx, &Wish { is_checked: false, ..wish.clone() }).await?;
            tx.rollback().await?;
            tx = self.store.begin().await?;
        }
        self.lock(&mut tx, &resources).await?;
        match answer {
            Some(answer) => answer.check(&mut tx).await?,
            None => {
                if let Some(booking) = tx.bookings().get(tenant, &new.id).await? {
                    return Ok(Booked { booking, unsure: Vec::new() });
                }
            }
        }
        let hold = match &seen {
            Some(hold) => tx.holds().get(tenant, &hold.hold_id).await?,
            None => None,
        };
        let is_late = match &hold {
            Some(hold) => self.may_be_late(&mut tx, hold).await?,
            None => false,
        };
        let taken = self.claim(&mut tx, &wish).await.map_err(|refusal| match refusal {
            Refusal::SlotTaken { blocked_by, .. } => {
                Refusal::SlotTaken { blocked_by, hold_expired: is_late }
            }
            other => other,
        })?;
        let booking = self.write_booking(&mut tx, actor, &new, &taken, resources, span).await?;
        if let Some(event) = &event {
            self.stands_there(&mut tx, &booking, event).await?;
        }
        if let Some(hold) = &hold {
            let ends = (hold.state, HoldState::Confirmed);
            let (id, made, now) = (&hold.hold_id, Some(&new.id), self.clock.now());
            tx.holds().set_state(tenant, id, ends, made, now).await?;
        }
        if let Some(answer) = answer {
            answer.keep(&mut tx, &booking).await?;
        }
        reach(Point::BookingWritten).await;
        tx.commit().await?;
        reach(Point::BookingStored).await;
        if is_back(Bug::OutboxApart) {
            let mut tx = self.store.begin().await?;
            self.want(&mut tx, &booking, &taken.write_to, true).await?;
            tx.commit().await?;
        }
        self.engine.ring();
        Ok(Booked { booking, unsure: taken.unsure })
    }

    /// Whether a hold's time is up; one that was ended otherwise cannot be confirmed any more.
    async fn may_be_late(&self, tx: &mut Tx, hold: &HoldRow) -> Result<bool, Refusal> {
        match hold.state {
            HoldState::Held => Ok(hold.expires_at <= tx.now(&*self.clock).await?),
            HoldState::Expired => Ok(true),
            HoldState::Released => Err(Refusal::WrongState("The hold was released.".to_owned())),
            HoldState::Confirmed => {
                Err(Refusal::WrongState("The hold has become a booking already.".to_owned()))
            }
        }
    }

    async fn write_booking(
        &self,
        tx: &mut Tx,
        actor: Actor<'_>,
        new: &NewBooking,
        taken: &Taken,
        resources: Vec<ResourceId>,
        span: Span,
    ) -> Result<BookingRow, Refusal> {
        let tenant = actor.tenant;
        let now = self.clock.now();
        let details = new.details.seal(&self.vault, tx, tenant, &new.id).await?;
        let row = BookingRow {
            tenant_id: tenant.clone(),
            booking_id: new.id.clone(),
            external_id: new.external_id.clone(),
            status: BookingStatus::Confirmed,
            resources,
            span,
            time_zone: new.time_zone.clone(),
            details,
            metadata: new.metadata.clone(),
            verified: taken.unsure.is_empty(),
            revision: 1,
            created_at: now,
            touched_at: now,
        };
        tx.bookings().insert(&row).await?;
        let write_to = match &new.write_to {
            Some(calendar) => vec![calendar.clone()],
            None => taken.write_to.clone(),
        };
        if !is_back(Bug::OutboxApart) {
            self.want(tx, &row, &write_to, true).await?;
        }
        self.tell_booking(tx, actor, "booking.created", None, &row, &write_to).await?;
        Ok(row)
    }

    /// Says what calendars should hold for a booking from now on, and has it delivered.
    pub(super) async fn want(
        &self,
        tx: &mut Tx,
        row: &BookingRow,
        calendars: &[CalendarId],
        present: bool,
    ) -> Result<(), Refusal> {
        for calendar in calendars {
            let (booking_id, calendar_id) = (row.booking_id.clone(), calendar.clone());
            let wanted = WantedSpan { booking_id, calendar_id, span: row.span };
            let now = row.touched_at;
            tx.outbox().want(&row.tenant_id, &wanted, row.revision, present, now).await?;
            ask_for_delivery(tx, &row.tenant_id, &row.booking_id, calendar, now).await?;
        }
        Ok(())
    }

    /// Tells the change log and the booking's history.
    pub(super) async fn tell_booking(
        &self,
        tx: &mut Tx,
        actor: Actor<'_>,
        kind: &str,
        before: Option<&BookingRow>,
        row: &BookingRow,
        calendars: &[CalendarId],
    ) -> Result<(), Refusal> {
        let body = json!({
            "booking_id": row.booking_id, "external_id": row.external_id,
            "before": before.map(told), "after": told(row),
        });
        let mut changes = vec![self.engine.change(
            actor.tenant,
            kind,
            actor.name,
            row.booking_id.as_str(),
            body.clone(),
        )];
        if let Some(before) = before {
            changes.extend(self.busy_changed(actor, &before.resources, calendars, before.span));
        }
        if before
            .is_none_or(|before| (before.span, &before.resources) != (row.span, &row.resources))
        {
            changes.extend(self.busy_changed(actor, &row.resources, calendars, row.span));
        }
        tx.changes().append(&changes).await?;
        let kind = kind.strip_prefix("booking.").unwrap_or(kind);
        Ok(self.remember(tx, actor, &row.booking_id, kind, body).await?)
    }
}
