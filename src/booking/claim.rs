//! Taking time: the one way in which a hold, a booking or a move gets its span.
//!
//! Under the resources' locks and then their calendars', nobody else can claim the same resources and nobody can store
//! busy time of those calendars. What is read after that is what holds at the commit. The database's own rule stands
//! behind it: if this were wrong, it would refuse.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    desk::Desk,
    evidence::{blocking, unsure},
    refusal::{Blocker, Refusal, Unsure},
};
use crate::{
    drill::{Bug, Point, is_back, reach},
    index::policy_of,
    model::{
        ids::{BookingId, CalendarId, ResourceId, TenantId},
        interval::Span,
        policy::DEFAULT_RULES,
        seats::seat,
    },
    store::{BasisRow, BusyTime, ClaimRow, StoreError, Tx, WantedSpan, rules},
};

/// Later than anything can be booked.
const LAST: Timestamp = Timestamp::MAX;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wish<'a> {
    pub(super) tenant: &'a TenantId,
    /// The id of the hold or booking.
    pub(super) claim: &'a str,
    /// Whose own wishes at calendars are no obstacle.
    pub(super) booking: Option<&'a BookingId>,
    /// Its own events, wherever they stand: calendar and series.
    pub(super) own: &'a [(CalendarId, String)],
    /// Calendars that are written besides those of the resources.
    pub(super) also: &'a [CalendarId],
    /// Sorted, each once.
    pub(super) resources: &'a [ResourceId],
    pub(super) span: Span,
    pub(super) expires_at: Option<Timestamp>,
    /// Claims that end in favour of this one.
    pub(super) instead_of: &'a [&'a str],
    pub(super) max_staleness: SignedDuration,
    pub(super) allow_unverified: bool,
    /// For the fault of [`Bug::CheckedApart`] alone.
    pub(super) is_checked: bool,
}

/// What was taken.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// Where the resources want bookings written, each calendar once.
    pub(super) write_to: Vec<CalendarId>,
    pub(super) unsure: Vec<Unsure>,
}

impl Desk {
    /// Lets nobody else claim these resources until the transaction ends. Before anything else is read.
    pub(super) async fn lock(&self, tx: &mut Tx, resources: &[ResourceId]) -> Result<(), Refusal> {
        if is_back(Bug::ClaimUnlocked) {
            return Ok(());
        }
        Ok(tx.claims().lock_resources(resources).await?)
    }

    /// Takes a span of every resource, or of none. The caller has [locked](Self::lock) the resources.
    pub(super) async fn claim(&self, tx: &mut Tx, wish: &Wish<'_>) -> Result<Taken, Refusal> {
        let Wish { tenant, span, .. } = *wish;
        let basis = tx.claims().basis(tenant, wish.resources).await?;
        let known = |id: &&ResourceId| basis.iter().any(|row| row.resource_id == **id);
        if !wish.resources.iter().all(|id| known(&id)) {
            return Err(Refusal::NotFound("resource"));
        }
        let calendars = blocking(&basis);
        if !is_back(Bug::ClaimUnlocked) && !is_back(Bug::IngestUnlocked) {
            let written = write_to(&basis);
            let mut all = [calendars.as_slice(), &written, wish.also].concat();
            all.sort_unstable();
            all.dedup();
            tx.claims().lock_calendars(&all).await?;
        }
        let now = tx.now(&*self.clock).await?;
        tx.claims().expire(tenant, wish.resources, now).await?;
        for claim in wish.instead_of {
            tx.claims().remove(tenant, claim).await?;
        }
        let taken = tx.claims().overlapping(tenant, wish.resources, span).await?;
        let mut blocked_by = Vec::new();
        let seats = self.seats(tx, wish, &basis, &taken, &mut blocked_by).await?;
        let mut doubts = Vec::new();
        if !calendars.is_empty() {
            let mut busy = tx.claims().busy(tenant, &calendars, span).await?;
            busy.retain(|one| !is_own(wish.own, one));
            let wanted = tx.claims().wanted(tenant, &calendars, span).await?;
            in_the_way(wish, &basis, &busy, &wanted, &taken, &mut blocked_by);
            let standing = tx.claims().standing(tenant, &calendars).await?;
            // By the clock that noted when they were read.
            doubts = unsure(&standing, &busy, span, wish.max_staleness, self.clock.now());
        }
        if !blocked_by.is_empty() && !wish.is_checked {
            return Err(Refusal::SlotTaken { blocked_by, hold_expired: false });
        }
        if !doubts.is_empty() && !wish.allow_unverified {
            return Err(Refusal::Unverified { unsure: doubts });
        }
        reach(Point::SlotChecked).await;
        match tx.claims().insert(tenant, &seats).await {
            Err(StoreError::Conflict(rules::CLAIMS_DO_NOT_OVERLAP)) => {
                Err(Refusal::SlotTaken { blocked_by: Vec::new(), hold_expired: false })
            }
            Err(StoreError::Conflict(rules::REFERENCE)) => Err(Refusal::NotFound("resource")),
            other => Ok(other?),
        }?;
        Ok(Taken { write_to: write_to(&basis), unsure: doubts })
    }

    /// Finds a seat of every resource. Where all are touched but one could be made free by sitting closer, the others
    /// are seated anew.
    async fn seats(
        &self,
        tx: &mut Tx,
        wish: &Wish<'_>,
        basis: &[BasisRow],
        taken: &[ClaimRow],
        blocked_by: &mut Vec<Blocker>,
    ) -> Result<Vec<ClaimRow>, Refusal> {
        let capacities: BTreeMap<_, _> =
            basis.iter().map(|row| (&row.resource_id, row.capacity)).collect();
        let mut rows = Vec::new();
        for (&resource, &capacity) in &capacities {
            let there: Vec<&ClaimRow> =
                taken.iter().filter(|claim| claim.resource_id == *resource).collect();
            let claim = |seat| ClaimRow {
                resource_id: resource.clone(),
                claim_id: wish.claim.to_owned(),
                seat,
                span: wish.span,
                expires_at: wish.expires_at,
            };
            let is_free = |seat: &i64| there.iter().all(|claim| claim.seat != *seat);
            if let Some(seat) = (0..capacity).find(is_free) {
                rows.push(claim(seat));
            } else if let Some(seated) =
                self.sit_closer(tx, wish.tenant, claim(0), capacity).await?
            {
                rows.extend(seated);
            } else {
                if wish.is_checked {
                    rows.push(claim(0));
                }
                blocked_by.extend(there.into_iter().map(|claim| {
                    let kind = if claim.claim_id.starts_with("hld_") { "hold" } else { "booking" };
                    let id = Some(claim.claim_id.clone());
                    Blocker { id, ..Blocker::new(resource, kind, claim.span) }
                }));
            }
        }
        Ok(rows)
    }

    /// Seats all who are there from now on below a capacity that is lower than it was. False where more than that are
    /// there at once. The caller has locked the resource.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn reseat(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        resource: &ResourceId,
        capacity: i64,
    ) -> Result<bool, Refusal> {
        let now = tx.now(&*self.clock).await?;
        tx.claims().expire(tenant, std::slice::from_ref(resource), now).await?;
        let ahead = Span::clamped(now, LAST);
        let mut all = all_around(tx, tenant, resource, ahead).await?;
        let spans: Vec<Span> = all.iter().map(|claim| claim.span).collect();
        let Some(seats) = seat(&spans, capacity) else { return Ok(false) };
        for claim in &all {
            tx.claims().stand_up(tenant, claim).await?;
        }
        for (claim, seat) in all.iter_mut().zip(seats) {
            claim.seat = seat;
        }
        tx.claims().insert(tenant, &all).await?;
        Ok(true)
    }

    /// Seats everybody who hangs together with `fresh` anew, and `fresh` with them. Their rows are taken out here and
    /// handed back to be inserted.
    async fn sit_closer(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        fresh: ClaimRow,
        capacity: i64,
    ) -> Result<Option<Vec<ClaimRow>>, Refusal> {
        if capacity == 1 {
            return Ok(None);
        }
        let mut all = all_around(tx, tenant, &fresh.resource_id, fresh.span).await?;
        all.push(fresh);
        let spans: Vec<Span> = all.iter().map(|claim| claim.span).collect();
        let Some(seats) = seat(&spans, capacity) else { return Ok(None) };
        for claim in all.iter().take(all.len() - 1) {
            tx.claims().stand_up(tenant, claim).await?;
        }
        for (claim, seat) in all.iter_mut().zip(seats) {
            claim.seat = seat;
        }
        Ok(Some(all))
    }
}

/// The claims of a resource that touch a span, those that touch them, and so on.
async fn all_around(
    tx: &mut Tx,
    tenant: &TenantId,
    resource: &ResourceId,
    span: Span,
) -> Result<Vec<ClaimRow>, Refusal> {
    let mut reach = span;
    loop {
        let all = tx.claims().overlapping(tenant, std::slice::from_ref(resource), reach).await?;
        let start = all.iter().map(|claim| claim.span.start()).min().unwrap_or(reach.start());
        let end = all.iter().map(|claim| claim.span.end()).max().unwrap_or(reach.end());
        let wider = Span::clamped(start.min(reach.start()), end.max(reach.end()));
        if wider == reach {
            return Ok(all);
        }
        reach = wider;
    }
}

/// Whether busy time is that of one of these events.
pub(super) fn is_own(own: &[(CalendarId, String)], one: &BusyTime) -> bool {
    own.iter().any(|(calendar, series)| *calendar == one.calendar_id && *series == one.series)
}

/// What was read from the providers that blocks a resource, by its own policy.
pub(super) fn foreign<'a>(
    row: &'a BasisRow,
    busy: &'a [BusyTime],
) -> impl Iterator<Item = &'a BusyTime> {
    let link = row.link.as_ref().filter(|(_, blocks, _)| *blocks);
    let rules = link.map(|(_, _, policy)| {
        DEFAULT_RULES
            .under(&policy_of(&row.tenant_policy))
            .under(&policy_of(&row.policy))
            .under(&policy_of(policy))
    });
    busy.iter().filter(move |one| {
        let is_of_it = link.is_some_and(|(calendar, ..)| one.calendar_id == *calendar);
        is_of_it && rules.is_some_and(|rules| rules.kind(one.class).is_some())
    })
}

/// What the calendars of each resource have against the span: what was read from their providers, and what other
/// bookings want them to hold.
fn in_the_way(
    wish: &Wish<'_>,
    basis: &[BasisRow],
    busy: &[BusyTime],
    wanted: &[WantedSpan],
    taken: &[ClaimRow],
    blocked_by: &mut Vec<Blocker>,
) {
    for row in basis {
        let Some((calendar, true, _)) = &row.link else { continue };
        for one in foreign(row, busy) {
            let calendar_id = Some(calendar.clone());
            let blocker = Blocker::new(&row.resource_id, "busy", one.span);
            blocked_by.push(Blocker { calendar_id, ..blocker });
        }
        // Of those who sit in the same resource, its seats speak.
        let sits_here = |id: &str| {
            taken.iter().any(|claim| claim.resource_id == row.resource_id && claim.claim_id == id)
        };
        for one in wanted.iter().filter(|one| one.calendar_id == *calendar) {
            let id = one.booking_id.as_str();
            if wish.booking == Some(&one.booking_id) || sits_here(id) {
                continue;
            }
            let (id, calendar_id) = (Some(id.to_owned()), Some(calendar.clone()));
            let blocker = Blocker::new(&row.resource_id, "booking", one.span);
            blocked_by.push(Blocker { id, calendar_id, ..blocker });
        }
    }
    blocked_by
        .sort_by(|a, b| (&a.resource_id, a.start, a.end).cmp(&(&b.resource_id, b.start, b.end)));
    blocked_by.dedup();
}

fn write_to(basis: &[BasisRow]) -> Vec<CalendarId> {
    let mut ids: Vec<_> = basis.iter().filter_map(|row| row.write_to.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
