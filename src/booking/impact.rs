//! Which bookings rest on calendars that nobody can vouch for at this moment.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::desk::Desk;
use super::refusal::Refusal;
use crate::{
    index::{Reason, facts_of},
    model::{
        ids::{BookingId, CalendarId, ResourceId, TenantId},
        states::BookingStatus,
    },
    store::{BookingFilter, BookingRow, StandingRow, Tx},
};

/// How many bookings are looked at in one go.
const SOME: i64 = 200;

/// A calendar that does not vouch for its bookings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubted {
    pub calendar_id: CalendarId,
    pub reason: Reason,
    /// When it was read last.
    pub synced_at: Option<Timestamp>,
    /// Whether its busy time is in the booking's way, or the booking is written there alone.
    pub blocks: bool,
}

/// A booking that rests on such calendars.
#[derive(Clone, Debug)]
pub struct AtRisk {
    pub booking: BookingRow,
    pub calendars: Vec<Doubted>,
}

impl Desk {
    /// Lists confirmed bookings that touch the time from now until `until` and rest on a calendar that is stale,
    /// quarantined, was never read or has lost its login, in the order of their ids.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn impact(
        &self,
        tenant: &TenantId,
        until: Timestamp,
        after: Option<BookingId>,
        limit: usize,
    ) -> Result<Vec<AtRisk>, Refusal> {
        let now = self.clock.now();
        let mut tx = self.store.read().await?;
        let mut filter = BookingFilter {
            status: Some(BookingStatus::Confirmed),
            resource: None,
            start: Some(now),
            end: Some(until),
            after,
            limit: SOME,
        };
        let mut found = Vec::new();
        loop {
            let bookings = tx.bookings().list(tenant, &filter).await?;
            let Some(last) = bookings.last() else { return Ok(found) };
            filter.after = Some(last.booking_id.clone());
            let doubted = self.doubted(&mut tx, tenant, &bookings).await?;
            for booking in bookings {
                let of = |id| doubted.get(id).into_iter().flatten().cloned();
                let mut calendars: Vec<Doubted> = booking.resources.iter().flat_map(of).collect();
                calendars
                    .sort_by(|a, b| (&a.calendar_id, b.blocks).cmp(&(&b.calendar_id, a.blocks)));
                calendars.dedup_by(|a, b| a.calendar_id == b.calendar_id);
                if !calendars.is_empty() {
                    found.push(AtRisk { booking, calendars });
                }
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
    }

    /// The calendars in doubt of each resource of some bookings.
    async fn doubted(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        bookings: &[BookingRow],
    ) -> Result<BTreeMap<ResourceId, Vec<Doubted>>, Refusal> {
        let now = self.clock.now();
        let mut resources: Vec<ResourceId> =
            bookings.iter().flat_map(|booking| booking.resources.clone()).collect();
        resources.sort_unstable();
        resources.dedup();
        let basis = tx.claims().basis(tenant, &resources).await?;
        let mut links: Vec<(ResourceId, CalendarId, bool)> = Vec::new();
        for row in &basis {
            let of =
                |calendar: &CalendarId, blocks| (row.resource_id.clone(), calendar.clone(), blocks);
            links.extend(row.link.iter().filter(|link| link.1).map(|(id, ..)| of(id, true)));
            links.extend(row.write_to.iter().map(|id| of(id, false)));
        }
        let mut calendars: Vec<CalendarId> = links.iter().map(|link| link.1.clone()).collect();
        calendars.sort_unstable();
        calendars.dedup();
        let standing = tx.claims().standing(tenant, &calendars).await?;
        let by_id: BTreeMap<&CalendarId, &StandingRow> =
            standing.iter().map(|row| (&row.calendar_id, row)).collect();
        let mut doubted: BTreeMap<ResourceId, Vec<Doubted>> = BTreeMap::new();
        for (resource, calendar_id, blocks) in links {
            let Some(row) = by_id.get(&calendar_id) else { continue };
            let Some(reason) = facts_of(row).silence(now, None) else { continue };
            let synced_at = row.synced_at;
            let one = Doubted { calendar_id, reason, synced_at, blocks };
            doubted.entry(resource).or_default().push(one);
        }
        Ok(doubted)
    }
}
