//! Cancelling the future bookings that were written into calendars which are being unlinked, where that was asked for.

use super::{
    desk::{Actor, Desk},
    refusal::Refusal,
};
use crate::{
    model::{ids::ConnectionId, states::BookingStatus},
    sync::{Lane, Removal},
};

/// How many connections, and bookings of each, are looked at in one go.
const SOME: i64 = 100;

impl Desk {
    /// Cancels bookings whose calendars go, and answers how many that were. The connection waits for it.
    ///
    /// # Errors
    ///
    /// When the store fails; what was cancelled until then stays so.
    pub async fn cancel_unlinked(&self) -> Result<usize, Refusal> {
        let lane = Lane::Remove.as_str();
        let removals = self.store.read().await?.work().demanded(lane, SOME).await?;
        let mut count = 0;
        for row in removals {
            let Ok(connection) = row.subject.parse::<ConnectionId>() else { continue };
            if !Removal::of(&row).cancel {
                continue;
            }
            let (tenant, now) = (&row.tenant_id, self.clock.now());
            let actor = Actor { tenant, name: connection.as_str(), request: None };
            let mut tx = self.store.read().await?;
            let bookings = tx.bookings().written_to(tenant, &connection, now, SOME).await?;
            tx.rollback().await?;
            for booking in bookings {
                match self.end_booking(actor, &booking, BookingStatus::Cancelled, None).await {
                    Ok(_) => count += 1,
                    Err(Refusal::Store(error)) => return Err(error.into()),
                    // Ended otherwise, or moved at this moment: the next look finds out.
                    Err(_) => {}
                }
            }
        }
        Ok(count)
    }
}
