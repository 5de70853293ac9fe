//! Comparing what a calendar holds with what its bookings want: now and then by itself, and when somebody asks.
//!
//! Only what pulls and deliveries have stored is compared, so it costs a provider nothing; what is done about a
//! difference is a delivery, which looks at the event itself first.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    ask_for_delivery,
    reconcile::{Act, Difference, Wanted, plan},
};
use crate::{
    model::{
        ids::{CalendarId, TenantId},
        interval::Span,
        states::Delivery,
    },
    store::{DriftRow, OutboxRow, StoreError, Tx, WorkRow},
    sync::{End, Engine, Lane, Selector, SyncError, schedule},
};

/// How often a calendar that holds anything of ours is compared.
pub(super) const RECONCILE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How much the timer does about one calendar at once: whatever makes thousands of differences is for people.
const AT_ONCE: usize = 200;
/// How many calendars are read side by side when somebody asks, and how long that is waited for.
const READ_AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found of a calendar, and what was done about it.
#[derive(Clone, Debug)]
pub struct Reconciled {
    pub calendar: CalendarId,
    /// When it was read, without which nothing can be compared.
    pub as_of: Option<Timestamp>,
    pub differences: Vec<Found>,
}

/// A difference, and whether something is being done about it now.
#[derive(Clone, Debug)]
pub struct Found {
    pub difference: Difference,
    pub is_done: bool,
}

/// What was compared, and what came of it.
#[derive(Default)]
struct Sight {
    as_of: Option<Timestamp>,
    rows: Vec<OutboxRow>,
    differences: Vec<Difference>,
}

impl Engine {
    pub(crate) async fn run_reconcile(&self, work: &WorkRow) -> Result<End, StoreError> {
        let Ok(calendar) = work.subject.parse() else { return Ok(End::Never) };
        match self.reconcile(&work.tenant_id, &calendar, AT_ONCE, false).await {
            Ok(_) => {}
            Err(SyncError::Gone) => return Ok(End::Never),
            Err(error) => return self.end_of(work, &error),
        }
        let now = self.clock.now();
        Ok(End::Again(schedule::next_poll(now, RECONCILE_EVERY, &*self.entropy), None))
    }

    /// Compares a calendar with what its bookings want there, and does something about at most `limit` differences;
    /// nothing at all, and nothing is kept of it, when it `is_dry`.
    ///
    /// # Errors
    ///
    /// [`SyncError::Gone`] when there is no such calendar; when the store fails.
    pub async fn reconcile(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
        limit: usize,
        is_dry: bool,
    ) -> Result<Reconciled, SyncError> {
        let mut tx = self.store.read().await?;
        let sight = self.compare(&mut tx, tenant, calendar).await?;
        tx.rollback().await?;
        let mut found = Vec::with_capacity(sight.differences.len());
        let mut left = if is_dry { 0 } else { limit };
        let rows: HashMap<_, _> = sight.rows.iter().map(|row| (&row.booking_id, row)).collect();
        for difference in sight.differences {
            let row = difference.booking.as_ref().and_then(|id| rows.get(id).copied());
            let is_done = match (&difference.act, row) {
                (Some(act), Some(row)) if left > 0 => self.act(tenant, row, act).await?,
                _ => false,
            };
            left -= usize::from(is_done);
            found.push(Found { difference, is_done });
        }
        if !is_dry {
            self.keep_drift(tenant, calendar, &found).await?;
            self.ring();
        }
        Ok(Reconciled { calendar: calendar.clone(), as_of: sight.as_of, differences: found })
    }

    /// The same for every selected calendar that has anything to do with bookings, each read before unless it `is_dry`;
    /// `None` when the selected one does not exist.
    ///
    /// # Errors
    ///
    /// When the store fails. A calendar that cannot be read is compared as it was read last.
    pub async fn reconcile_selected(
        self: &Arc<Self>,
        tenant: &TenantId,
        selector: &Selector,
        limit: usize,
        is_dry: bool,
    ) -> Result<Option<Vec<Reconciled>>, SyncError> {
        let Some(selected) = self.selected(tenant, selector).await? else { return Ok(None) };
        let concerned = self.store.read().await?.drift().calendars(tenant).await?;
        let calendars: Vec<CalendarId> = selected
            .into_iter()
            .map(|(calendar, _)| calendar)
            .filter(|id| concerned.contains(id))
            .collect();
        let mut left = limit;
        let mut all = Vec::with_capacity(calendars.len());
        for some in calendars.chunks(READ_AT_ONCE) {
            if !is_dry {
                self.pull_now(tenant, some, PATIENCE).await;
            }
            for calendar in some {
                let one = self.reconcile(tenant, calendar, left, is_dry).await?;
                left -= one.differences.iter().filter(|found| found.is_done).count();
                all.push(one);
            }
        }
        Ok(Some(all))
    }

    async fn compare(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Sight, SyncError> {
        let known = tx.calendars().get(tenant, calendar).await?.ok_or(SyncError::Gone)?;
        // What was never read wholly, and what lies where nobody reads, proves nothing.
        let covered =
            known.covered_from.zip(known.covered_until).filter(|_| known.synced_at.is_some());
        let Some(span) = covered.and_then(|(from, until)| Span::new(from, until)) else {
            return Ok(Sight::default());
        };
        let rows = tx.outbox().of_calendar(tenant, calendar, span).await?;
        let found = tx.drift().found(tenant, calendar).await?;
        let mut wanted = Vec::with_capacity(rows.len());
        for row in &rows {
            let is_due = row.state == Delivery::Pending && {
                let subject = format!("{}/{calendar}", row.booking_id);
                tx.work().get(tenant, Lane::Deliver.as_str(), &subject).await?.is_some()
            };
            wanted.push(Wanted { row, is_due });
        }
        let differences = plan(&wanted, &found);
        Ok(Sight { as_of: known.synced_at, rows, differences })
    }

    /// Does what a difference asks for, unless its row has changed since it was found.
    async fn act(
        &self,
        tenant: &TenantId,
        seen: &OutboxRow,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (booking, calendar) = (&seen.booking_id, &seen.calendar_id);
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        tx.bookings().lock(tenant, booking).await?;
        if tx.outbox().get(tenant, booking, calendar).await?.as_ref() != Some(seen) {
            return Ok(false);
        }
        match act {
            Act::Deliver if seen.state == Delivery::Pending => {}
            Act::Deliver | Act::Look => tx.outbox().look_again(tenant, seen, now).await?,
            Act::Adopt { item } => {
                tx.outbox().found(tenant, &seen.clone().adopting(item), now).await?;
            }
        }
        ask_for_delivery(&mut tx, tenant, booking, calendar, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn keep_drift(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
        found: &[Found],
    ) -> Result<(), SyncError> {
        let now = self.clock.now();
        let rows: Vec<_> = found
            .iter()
            .map(|one| DriftRow {
                calendar_id: calendar.clone(),
                kind: one.difference.drift.as_str().to_owned(),
                booking_id: one.difference.booking.clone(),
                item: one.difference.item.clone(),
                act: one.difference.act.as_ref().map(|act| act.as_str().to_owned()),
                found_at: now,
            })
            .collect();
        let mut tx = self.store.begin().await?;
        tx.calendars().lock(calendar).await?;
        tx.calendars().get(tenant, calendar).await?.ok_or(SyncError::Gone)?;
        tx.drift().replace(tenant, calendar, &rows, now).await?;
        Ok(tx.commit().await?)
    }
}

impl OutboxRow {
    /// With an event that says it is this row's: it is looked at next, and stands for what is wanted if it shows that.
    pub(crate) fn adopting(self, item: &str) -> Self {
        Self {
            state: Delivery::Pending,
            sent: None,
            written: Some((self.wanted, self.span)),
            item: Some(item.to_owned()),
            version: None,
            words: None,
            ..self
        }
    }
}
