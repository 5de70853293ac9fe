//! How well the calendars behind a slot are known, and reading them once more where that is not enough.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    desk::{Answering, Desk},
    refusal::{Refusal, Unsure},
};
use crate::{
    index::{Reason, facts_of},
    model::{
        busy::BusyClass,
        ids::{CalendarId, ResourceId, TenantId},
        interval::Span,
    },
    store::{BusyTime, StandingRow},
};

/// How long a request waits for providers.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// How old evidence may be where the caller does not say.
pub(super) const MAX_STALENESS: SignedDuration = SignedDuration::from_secs(60);

/// Why a calendar does not vouch for a span, if it does not.
pub(super) fn doubt(
    row: &StandingRow,
    busy: &[BusyTime],
    span: Span,
    max_staleness: SignedDuration,
    now: Timestamp,
) -> Option<Reason> {
    let facts = facts_of(row);
    if let Some(reason) = facts.silence(now, Some(max_staleness)) {
        return Some(reason);
    }
    let covers = facts.covered_from.is_some_and(|from| from <= span.start())
        && facts.covered_until.is_some_and(|until| span.end() <= until);
    if !covers {
        return Some(Reason::BeyondWindow);
    }
    let is_gap =
        |one: &BusyTime| one.calendar_id == row.calendar_id && one.class == BusyClass::Unexpandable;
    busy.iter().any(is_gap).then_some(Reason::Unexpandable)
}

impl Desk {
    /// Reads once more, within [`PATIENCE`], the calendars of these resources that reading may help. Whether it did
    /// is judged in the transaction that claims.
    pub(super) async fn freshen(
        &self,
        tenant: &TenantId,
        resources: &[ResourceId],
        max_staleness: SignedDuration,
        answer: Option<&dyn Answering>,
    ) -> Result<(), Refusal> {
        let mut tx = self.store.glance().await?;
        let basis = tx.claims().basis(tenant, resources).await?;
        let calendars: Vec<CalendarId> = blocking(&basis);
        if calendars.is_empty() {
            return Ok(());
        }
        let rows = tx.claims().standing(tenant, &calendars).await?;
        tx.rollback().await?;
        let now = self.clock.now();
        let helps = |row: &&StandingRow| {
            let silence = facts_of(row).silence(now, Some(max_staleness));
            matches!(silence, Some(Reason::Stale | Reason::NeverSynced | Reason::Quarantined))
        };
        let stale: Vec<_> = rows.iter().filter(helps).map(|row| row.calendar_id.clone()).collect();
        if !stale.is_empty() {
            if let Some(answer) = answer {
                answer.hold().await?;
            }
            self.engine.pull_now(tenant, &stale, PATIENCE).await;
        }
        Ok(())
    }
}

/// The calendars whose busy time is in the way, sorted, each once.
pub(super) fn blocking(basis: &[crate::store::BasisRow]) -> Vec<CalendarId> {
    let links = basis.iter().filter_map(|row| row.link.as_ref());
    let mut ids: Vec<_> =
        links.filter(|(_, blocks, _)| *blocks).map(|(id, ..)| id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Those that do not vouch for the span.
pub(super) fn unsure(
    rows: &[StandingRow],
    busy: &[BusyTime],
    span: Span,
    max_staleness: SignedDuration,
    now: Timestamp,
) -> Vec<Unsure> {
    let doubt = |row: &StandingRow| {
        let reason = doubt(row, busy, span, max_staleness, now)?;
        Some(Unsure { calendar_id: row.calendar_id.clone(), reason })
    };
    rows.iter().filter_map(doubt).collect()
}
