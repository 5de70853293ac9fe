//! Which calendars' facts moved since the index last looked.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    model::ids::CalendarId,
    store::{CalendarRow, StoreError, Tx},
};

/// How far back every look reaches: whoever asks for a pass has usually just committed.
const NEAR: SignedDuration = SignedDuration::from_secs(2);
/// How far back one look in a while reaches: a slow transaction may commit an earlier mark.
const FAR: SignedDuration = SignedDuration::from_secs(30);
const FAR_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// How far the marks of freshness were followed, and what was met there: looks overlap, and what stands as it was met
/// is not taken up again.
#[derive(Debug)]
pub(super) struct Followed {
    asked: Timestamp,
    asked_far: Timestamp,
    seen: HashMap<CalendarId, CalendarRow>,
}

/// What one look found.
#[derive(Debug)]
pub(super) struct Look {
    asked: Timestamp,
    is_far: bool,
    /// As the store has it now; nothing of it was seen by an earlier look.
    pub(super) rows: Vec<CalendarRow>,
}

impl Followed {
    /// From the instant before everything was loaded.
    pub(super) fn new(asked: Timestamp) -> Self {
        Self { asked, asked_far: asked, seen: HashMap::new() }
    }

    pub(super) async fn look(&self, tx: &mut Tx, asked: Timestamp) -> Result<Look, StoreError> {
        let is_far = asked.duration_since(self.asked_far).abs() >= FAR_EVERY;
        let (from, overlap) = if is_far { (self.asked_far, FAR) } else { (self.asked, NEAR) };
        let since = from.saturating_sub(overlap).unwrap_or(Timestamp::MIN);
        let mut rows = tx.calendars().touched_since(since).await?;
        rows.retain(|row| self.seen.get(&row.calendar_id) != Some(row));
        Ok(Look { asked, is_far, rows })
    }

    /// Notes that the index has taken up what this look found.
    pub(super) fn keep(&mut self, look: Look) {
        self.asked = look.asked;
        if look.is_far {
            self.asked_far = look.asked;
            let since = look.asked.saturating_sub(FAR + FAR).unwrap_or(Timestamp::MIN);
            self.seen.retain(|_, row| row.touched_at >= since);
        }
        self.seen.extend(look.rows.into_iter().map(|row| (row.calendar_id.clone(), row)));
    }
}
