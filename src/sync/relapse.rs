//! Faults that a drill puts back into a pull (see [`crate::drill`]): what a control needs to fail. Without a
//! drill nothing here runs.

use connectors::Next;

use super::{
    ending::outcome,
    error::SyncError,
    plan::{SeriesPlan, cut},
    pull::Round,
    save::ROWS,
};

impl Round<'_> {
    /// [`crate::drill::Bug::CursorBeforeData`]: moves the cursor while the page is still in memory.
    pub(super) async fn save_cursor(&mut self, next: &Next) -> Result<(), SyncError> {
        let Next::Resume(cursor) = next else { return Ok(()) };
        let (tenant, id) = (&self.subject.tenant, &self.subject.calendar.calendar_id);
        let early = outcome(self, cursor.clone());
        let mut tx = self.engine.begin_for(&self.subject).await?;
        tx.calendars().finish_pull(tenant, id, &early, self.engine.clock.now()).await?;
        tx.commit().await?;
        self.subject = self.engine.subject(tenant, id).await?;
        Ok(())
    }

    /// [`crate::drill::Bug::SweepBeforeLastPage`]: takes what is absent so far for gone.
    pub(super) async fn sweep_early(&mut self) -> Result<(), SyncError> {
        if !self.lists_everything {
            return Ok(());
        }
        let steps = self.pending_plans().await?.into_iter().flat_map(SeriesPlan::steps);
        let batches = cut(steps, ROWS);
        let last = self.engine.put_all_but_last(&self.subject, self.ask.row, batches).await?;
        let mut tx = self.engine.begin_for(&self.subject).await?;
        self.engine.put(&mut tx, &self.subject, last).await?;
        tx.commit().await?;
        Ok(())
    }
}
