//! Writing what a round changes: a few rows at a time, each transaction under the calendar's lock and with
//! its own entry in the change log.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;

use super::{
    engine::{Engine, Subject},
    error::SyncError,
    plan::{Diff, Step},
};
use crate::{
    booking::look_for_clashes,
    drill::{Bug, Point, is_back, reach},
    model::{busy::BusyInterval, ids::ResourceId, interval::Span},
    push::{ask_for_delivery, ask_to_reconcile},
    store::{BusyRow, CalendarRow, EventRow, NewChange, Store, StoreError, Tx, WorkRow},
};

/// The most rows one transaction writes.
pub(super) const ROWS: usize = 2_000;

impl Engine {
    /// Begins a transaction that may change a calendar, unless something else has changed it since
    /// `subject` was read: what was planned from it would be wrong then.
    pub(super) async fn begin_for(&self, subject: &Subject) -> Result<Tx, SyncError> {
        let mut tx = self.store.begin().await?;
        let planned = &subject.calendar;
        tx.calendars().lock(&planned.calendar_id).await?;
        let now = tx.calendars().get(&subject.tenant, &planned.calendar_id).await?;
        let now = now.ok_or(SyncError::Gone)?;
        let is_same = now.read_cursor == planned.read_cursor
            && now.generation == planned.generation
            && now.synced_at == planned.synced_at
            && now.covered_from == planned.covered_from
            && now.covered_until == planned.covered_until
            && now.time_zone == planned.time_zone
            && now.time_zone_set == planned.time_zone_set
            && now.quarantine == planned.quarantine;
        if is_same || is_back(Bug::FenceUnchecked) { Ok(tx) } else { Err(SyncError::Overtaken) }
    }

    /// Sees that a claim still stands, and that it does until the transaction ends.
    pub(super) async fn hold(&self, tx: &mut Tx, row: &WorkRow) -> Result<(), SyncError> {
        let is_ours = tx.work().hold(row).await?;
        if is_ours || is_back(Bug::FenceUnchecked) { Ok(()) } else { Err(SyncError::LeaseLost) }
    }

    /// Commits what was written on the strength of a claimed row, unless the claim has passed to somebody
    /// else meanwhile; such work is undone.
    pub(super) async fn commit_held(
        &self,
        mut tx: Tx,
        row: Option<&WorkRow>,
    ) -> Result<(), SyncError> {
        if let Some(row) = row {
            self.hold(&mut tx, row).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Ends a claimed row in the transaction of its work.
    pub(super) async fn finish_held(
        &self,
        tx: &mut Tx,
        row: &WorkRow,
        next: Timestamp,
        error: Option<&str>,
    ) -> Result<(), SyncError> {
        let is_ours = tx.work().finish(row, Some(next), error).await?;
        if !is_ours && !is_back(Bug::FenceUnchecked) {
            return Err(SyncError::LeaseLost);
        }
        Ok(self.leave(tx, row).await?)
    }

    /// Writes some steps, and tells the change log the span in which answers may differ.
    pub(super) async fn put(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        steps: Vec<Step<EventRow>>,
    ) -> Result<(), SyncError> {
        let (tenant, calendar) = (&subject.tenant, &subject.calendar.calendar_id);
        let sorted = Sorted::of(steps);
        let touched = sorted.touched();
        let mut events = tx.events();
        events.busy_insert(tenant, calendar, &sorted.add).await?;
        events.busy_delete(tenant, calendar, &sorted.take).await?;
        events.upsert_many(tenant, calendar, &sorted.keep, self.clock.now()).await?;
        events.delete_many(tenant, calendar, &sorted.drop).await?;
        let is_claimed = sorted.keep.iter().any(|row| row.origin.is_some());
        if is_claimed || tx.conflicts().concern(tenant, calendar).await? {
            self.know_our_own(tx, subject, &sorted).await?;
            if let Some(span) = touched {
                look_for_clashes(tx, tenant, calendar, span, self.clock.now()).await?;
            }
        }
        match touched {
            Some(span) => self.tell_busy_changed(tx, &subject.calendar, span).await,
            None => Ok(()),
        }
    }

    /// Tells what the hub itself has written from what the calendar says by itself, and has an event of ours looked at
    /// that somebody else has changed or taken out. What is still being written is judged by whoever writes it.
    async fn know_our_own(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        sorted: &Sorted,
    ) -> Result<(), StoreError> {
        let (tenant, calendar) = (&subject.tenant, &subject.calendar.calendar_id);
        let versions: HashMap<&str, Option<&str>> =
            sorted.keep.iter().map(|row| (&*row.item, row.version.as_deref())).collect();
        let mut items: Vec<String> = versions.keys().map(|&item| item.to_owned()).collect();
        items.extend(sorted.drop.iter().cloned());
        let ours = tx.outbox().of_items(tenant, calendar, &items).await?;
        let is_known = |item: &str| ours.iter().any(|row| row.item.as_deref() == Some(item));
        if sorted.keep.iter().any(|row| row.origin.is_some() && !is_known(&row.item)) {
            ask_to_reconcile(tx, tenant, calendar, self.clock.now()).await?;
        }
        let mut series: Vec<&str> =
            sorted.add.iter().chain(&sorted.take).map(|row| &*row.series).collect();
        series.sort_unstable();
        series.dedup();
        if !series.is_empty() {
            tx.events().mark_mirrors(tenant, calendar, &series).await?;
        }
        for row in ours {
            let now = row.item.as_deref().and_then(|item| versions.get(item).copied()).flatten();
            if !row.is_in_doubt() && (now.is_none() || now != row.version.as_deref()) {
                let at = self.clock.now();
                tx.outbox().look_again(tenant, &row, at).await?;
                ask_for_delivery(tx, tenant, &row.booking_id, calendar, at).await?;
            }
        }
        Ok(())
    }

    /// Tells the change log that answers about a calendar may differ within `span`.
    pub(super) async fn tell_busy_changed(
        &self,
        tx: &mut Tx,
        calendar: &CalendarRow,
        span: Span,
    ) -> Result<(), SyncError> {
        let (tenant, id) = (&calendar.tenant_id, &calendar.calendar_id);
        let resources = tx.calendars().resources_of_calendar(tenant, id).await?;
        let body = json!({
            "calendar_id": id,
            "connection_id": calendar.connection_id,
            "resources": resources,
            "start": span.start(),
            "end": span.end(),
        });
        let actor = calendar.connection_id.as_str();
        let change = self.change(tenant, "busy.changed", actor, id.as_str(), body);
        if is_back(Bug::LogOutsideTransaction) {
            tokio::spawn(tell_alone(self.store.clone(), change));
            return Ok(());
        }
        Ok(tx.changes().append(&[change]).await?)
    }

    /// Writes all but the last of these batches, each in its own transaction, and hands back the last one
    /// for the transaction that ends the work.
    pub(super) async fn put_all_but_last(
        &self,
        subject: &Subject,
        row: Option<&WorkRow>,
        mut batches: Vec<Vec<Step<EventRow>>>,
    ) -> Result<Vec<Step<EventRow>>, SyncError> {
        let last = batches.pop().unwrap_or_default();
        for batch in batches {
            let mut tx = self.begin_for(subject).await?;
            self.put(&mut tx, subject, batch).await?;
            self.commit_held(tx, row).await?;
            reach(Point::BatchStored).await;
        }
        Ok(last)
    }

    pub(super) async fn fed_by(
        &self,
        tx: &mut Tx,
        subject: &Subject,
    ) -> Result<Vec<ResourceId>, SyncError> {
        let calendar = &subject.calendar.calendar_id;
        Ok(tx.calendars().resources_of_calendar(&subject.tenant, calendar).await?)
    }
}

/// The fault of [`Bug::LogOutsideTransaction`].
async fn tell_alone(store: Store, change: NewChange) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    tx.changes().append(&[change]).await?;
    tx.commit().await
}

#[derive(Default)]
struct Sorted {
    add: Vec<BusyRow>,
    take: Vec<BusyRow>,
    keep: Vec<EventRow>,
    drop: Vec<String>,
}

impl Sorted {
    fn of(steps: Vec<Step<EventRow>>) -> Self {
        let mut sorted = Self::default();
        for step in steps {
            match step {
                Step::Add(series, busy) => sorted.add.push(row(series, busy)),
                Step::Take(series, busy) => sorted.take.push(row(series, busy)),
                Step::Keep(event) => sorted.keep.push(event),
                Step::Drop(item) => sorted.drop.push(item),
            }
        }
        sorted
    }

    fn touched(&self) -> Option<Span> {
        let intervals = |rows: &[BusyRow]| {
            rows.iter().map(|row| BusyInterval { span: row.span, class: row.class }).collect()
        };
        Diff { inserts: intervals(&self.add), deletes: intervals(&self.take) }.touched()
    }
}

fn row(series: String, busy: BusyInterval) -> BusyRow {
    BusyRow { series, span: busy.span, class: busy.class }
}
