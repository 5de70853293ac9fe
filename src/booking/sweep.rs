//! Announcing holds whose time is up. Their claims end by themselves: whoever wants the time takes them out.

use super::desk::{Actor, Desk};
use super::refusal::Refusal;
use crate::model::states::HoldState;

/// How many are looked at in one go.
const SOME: i64 = 200;

impl Desk {
    /// Ends the holds whose time is up, and answers how many that were.
    ///
    /// # Errors
    ///
    /// When the store fails; what was ended until then stays so.
    pub async fn sweep(&self) -> Result<usize, Refusal> {
        let mut ended = 0;
        loop {
            let mut tx = self.store.read().await?;
            let now = tx.now(&*self.clock).await?;
            let rows = tx.holds().expired(now, SOME).await?;
            tx.rollback().await?;
            if rows.is_empty() {
                return Ok(ended);
            }
            for row in rows {
                let actor = Actor::hub(&row.tenant_id);
                let mut tx = self.store.begin().await?;
                let row = self.locked_hold(&mut tx, &row.tenant_id, &row.hold_id).await?;
                let now = tx.now(&*self.clock).await?;
                if row.state == HoldState::Held && row.expires_at <= now {
                    self.end_hold(&mut tx, actor, &row, HoldState::Expired).await?;
                    ended += 1;
                }
                tx.commit().await?;
            }
        }
    }
}
