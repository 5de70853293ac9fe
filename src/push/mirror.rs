//! Keeping the event as it was read back, so that the next pull finds nothing new in it.

use connectors::Item;
use jiff::Timestamp;
use serde_json::json;

use super::{deliver::Task, plan::Found};
use crate::{
    booking::look_for_clashes,
    model::interval::Span,
    store::{OutboxRow, StoreError, Tx},
    sync::{
        Engine,
        digest::{Frame, intervals, read},
        window,
    },
};

impl Engine {
    /// Keeps the event as it was read back, as a pull would have: the next one finds nothing new in it.
    pub(super) async fn mirror(
        &self,
        tx: &mut Tx,
        task: &Task,
        row: &OutboxRow,
        item: Option<&Item>,
    ) -> Result<(), StoreError> {
        let (tenant, calendar) = (&task.tenant, &row.calendar_id);
        let gone = task.row.item.clone().filter(|_| item.is_none());
        let series: Vec<String> = item
            .map(|item| item.series.as_str().to_owned())
            .or_else(|| gone.clone())
            .into_iter()
            .collect();
        let before = tx.events().busy_of_series(tenant, calendar, &series).await?;
        tx.events().busy_delete(tenant, calendar, &before).await?;
        if let Some(gone) = gone {
            tx.events().delete_many(tenant, calendar, &[gone]).await?;
        }
        if let Some(item) = item {
            let kept = read(item, None);
            let covered = tx
                .calendars()
                .get(tenant, calendar)
                .await?
                .and_then(|row| Span::new(row.covered_from?, row.covered_until?));
            let frame = Frame::new(
                covered.unwrap_or_else(|| window::at(self.clock.now())),
                jiff::tz::TimeZone::UTC,
            );
            let busy: Vec<_> = intervals([&kept], &frame)
                .into_iter()
                .map(|one| crate::store::BusyRow {
                    series: kept.series.clone(),
                    span: one.span,
                    class: one.class,
                })
                .collect();
            tx.events().busy_insert(tenant, calendar, &busy).await?;
            let series = kept.series.clone();
            tx.events().upsert_many(tenant, calendar, &[kept], self.clock.now()).await?;
            tx.events().mark_mirrors(tenant, calendar, &[&series]).await?;
        }
        let now = self.clock.now();
        let written = row.written.map(|(_, span)| span);
        let spans = before.iter().map(|one| one.span).chain([row.span]).chain(written);
        for span in spans {
            look_for_clashes(tx, tenant, calendar, span, now).await?;
        }
        let body =
            json!({"calendar_id": calendar, "start": row.span.start(), "end": row.span.end()});
        let told = self.change(tenant, "busy.changed", "hub", calendar.as_str(), body);
        tx.changes().append(&[told]).await
    }
}

/// What an item takes, as far as a booking is concerned.
pub(super) fn what_stands(item: &Item) -> Found {
    let version = item.version.as_ref().map(|version| version.as_str().to_owned());
    let row = read(item, None);
    let everything = Span::clamped(Timestamp::MIN, Timestamp::MAX);
    let found = intervals([&row], &Frame::new(everything, jiff::tz::TimeZone::UTC));
    let span = match found.as_slice() {
        [only] => Some(only.span),
        _ => None,
    };
    Found { version, span, origin: row.origin }
}
