//! What a person did to an event of ours, and how that becomes a conflict of the booking.

use super::{deliver::Task, tell::conflict_told};
use crate::{
    booking::own_pair,
    model::{ids::ConflictId, interval::Span},
    store::{ConflictRow, StoreError, Tx},
    sync::Engine,
};

impl Engine {
    /// Opens a conflict with the event in the place of an earlier one.
    pub(super) async fn tell_conflict(
        &self,
        tx: &mut Tx,
        task: &Task,
        conflict: &ConflictRow,
    ) -> Result<(), StoreError> {
        let booking = &task.booking;
        let known = tx.conflicts().of_booking(&task.tenant, &booking.booking_id).await?;
        let is_earlier = |one: &&ConflictRow| {
            one.is_open()
                && one.is_of_own_event()
                && one.calendar_id == conflict.calendar_id
                && one.pair != conflict.pair
        };
        for earlier in known.iter().filter(is_earlier) {
            tx.conflicts().settle(earlier, "gone", self.clock.now()).await?;
        }
        if tx.conflicts().find(conflict).await? {
            conflict_told(self, tx, booking, "booking.conflict", conflict).await?;
        }
        Ok(())
    }

    /// Ends what contradicted the booking in this calendar: the event shows again what is wanted.
    pub(super) async fn end_conflicts(&self, tx: &mut Tx, task: &Task) -> Result<(), StoreError> {
        let booking = &task.booking;
        let known = tx.conflicts().of_booking(&task.tenant, &booking.booking_id).await?;
        let is_here = |one: &&ConflictRow| {
            one.is_open() && one.is_of_own_event() && one.calendar_id == task.row.calendar_id
        };
        for one in known.iter().filter(is_here) {
            if tx.conflicts().settle(one, "gone", self.clock.now()).await? {
                conflict_told(self, tx, booking, "booking.conflict_resolved", one).await?;
            }
        }
        Ok(())
    }

    /// What a person did to the event, and what the resource wants done about it.
    pub(super) fn conflict(&self, task: &Task, kind: &str, span: Option<Span>) -> ConflictRow {
        let policy = task.resource.as_ref().map_or("flag", |resource| match kind {
            "moved" => &resource.on_provider_move,
            _ => &resource.on_provider_delete,
        });
        ConflictRow {
            tenant_id: task.tenant.clone(),
            booking_id: task.booking.booking_id.clone(),
            conflict_id: ConflictId::mint(&*self.clock, &*self.entropy),
            calendar_id: task.row.calendar_id.clone(),
            kind: kind.to_owned(),
            pair: own_pair(kind, &task.row, span),
            state: "open".to_owned(),
            policy: policy.to_owned(),
            likely_copy: false,
            span,
            found_at: self.clock.now(),
            settled_at: None,
        }
    }
}
