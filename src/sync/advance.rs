//! Moving the window on: every stored series is expanded anew, from what is stored, without the network.
//!
//! Runs daily, and whenever the same events mean other instants, because the owner's zone is another.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    digest::{Frame, intervals},
    engine::{Engine, Subject},
    error::SyncError,
    lanes::Lane,
    plan::{SeriesPlan, Step, cut, diff},
    pull::covered,
    save::ROWS,
    schedule::{ADVANCE_EVERY, next_poll},
    window,
};
use crate::{
    drill::{Point, reach},
    model::{
        busy::BusyInterval,
        ids::{CalendarId, TenantId},
    },
    store::{BusyRow, EventRow, WorkRow},
};

/// Series expanded at a time.
const SERIES: i64 = 200;

impl Engine {
    /// Expands all of a calendar into the window of now.
    pub(super) async fn advance(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
        row: Option<&WorkRow>,
    ) -> Result<(), SyncError> {
        let flight = self.flight(calendar);
        let _alone = flight.lock().await;
        let subject = self.subject(tenant, calendar).await?;
        let now = self.clock.now();
        let next = next_poll(now, ADVANCE_EVERY, &*self.entropy);
        if covered(&subject.calendar).is_none() {
            return self.end_advance(&subject, Vec::new(), None, row, next).await;
        }
        let stated = &subject.calendar;
        let zone = stated.time_zone_set.as_deref().or(stated.time_zone.as_deref());
        let frame = Frame::stated(window::at(now), zone);
        let steps = self.rebuilt(&subject, &frame).await?;
        reach(Point::AdvanceRead).await;
        let last = self.put_all_but_last(&subject, row, cut(steps, ROWS)).await?;
        self.end_advance(&subject, last, Some(&frame), row, next).await
    }

    /// The difference between what is stored and what the stored events expand to. Stored intervals of a
    /// series without events go too.
    async fn rebuilt(
        &self,
        subject: &Subject,
        frame: &Frame,
    ) -> Result<Vec<Step<EventRow>>, SyncError> {
        let (tenant, calendar) = (&subject.tenant, &subject.calendar.calendar_id);
        let mut tx = self.store.read().await?;
        let mut stored = by_series(tx.events().busy_of_calendar(tenant, calendar).await?);
        let (mut steps, mut from) = (Vec::new(), None::<String>);
        loop {
            let rows = tx.events().all_bodies(tenant, calendar, from.as_deref(), SERIES).await?;
            let Some(last) = rows.last() else { break };
            from = Some(last.series.clone());
            for rows in rows.chunk_by(|a, b| a.series == b.series) {
                let Some(series) = rows.first().map(|row| row.series.as_str()) else { continue };
                let before = stored.remove(series).unwrap_or_default();
                let mut plan = SeriesPlan::of(series);
                plan.diff = diff(&before, &intervals(rows, frame));
                steps.extend(plan.steps());
            }
        }
        for (series, left) in stored {
            steps.extend(left.into_iter().map(|busy| Step::Take(series.clone(), busy)));
        }
        Ok(steps)
    }

    async fn end_advance(
        &self,
        subject: &Subject,
        last: Vec<Step<EventRow>>,
        frame: Option<&Frame>,
        row: Option<&WorkRow>,
        next: Timestamp,
    ) -> Result<(), SyncError> {
        let mut tx = self.begin_for(subject).await?;
        self.put(&mut tx, subject, last).await?;
        if let Some(frame) = frame {
            let (tenant, calendar) = (&subject.tenant, &subject.calendar.calendar_id);
            tx.calendars().set_covered(tenant, calendar, frame.window, self.clock.now()).await?;
        }
        if let Some(row) = row {
            self.finish_held(&mut tx, row, next, None).await?;
        }
        reach(Point::AdvanceWritten).await;
        tx.commit().await?;
        reach(Point::AdvanceStored).await;
        Ok(())
    }

    /// Expands a calendar anew and returns when it is done, so that whoever changed its zone reads the new
    /// answer. Goes with [`Engine::reread`], which survives a crash in between.
    ///
    /// # Errors
    ///
    /// When the store fails, or the calendar has gone.
    pub async fn reread_now(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<(), SyncError> {
        self.advance(tenant, calendar, None).await
    }

    /// Has a calendar expanded anew soon, because the same events now mean other instants.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn reread(
        &self,
        tx: &mut crate::store::Tx,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<(), SyncError> {
        let (lane, now) = (Lane::Advance.as_str(), self.clock.now());
        Ok(tx.work().nudge(tenant, lane, calendar.as_str(), None, now).await?)
    }
}

fn by_series(rows: Vec<BusyRow>) -> BTreeMap<String, Vec<BusyInterval>> {
    let mut all: BTreeMap<String, Vec<BusyInterval>> = BTreeMap::new();
    for row in rows {
        let interval = BusyInterval { span: row.span, class: row.class };
        all.entry(row.series).or_default().push(interval);
    }
    all
}
