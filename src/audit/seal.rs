//! The sealer: one of a cell at a time, it gives entries their places.

use std::sync::PoisonError;

use jiff::Timestamp;

use super::{
    AuditLog,
    chain::{HEAD, Head, link_of, mac_of},
};
use crate::{
    drill::{Bug, Point, is_back, reach},
    store::{AuditPlace, AuditRow, StoreError},
};

/// Entries sealed by one transaction.
const SOME: i64 = 500;
const DAY_S: i64 = 24 * 60 * 60;

/// How a look for entries to seal has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// So many have their place now.
    Sealed(u64),
    /// Another hub is at it.
    Elsewhere,
    /// The head is gone, is not one that the hub signed, or lies before one that this process has seen: nothing is added
    /// to a chain that was tampered with. `verify` tells more.
    Refused,
}

impl AuditLog {
    /// Gives every entry that has none its place, in pages. Entries that the hub did not write get none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn seal(&self) -> Result<Sealing, StoreError> {
        let now = self.clock.now();
        let mut tx = self.store.read().await?;
        let waiting = tx.audit().unsealed(None, 1).await?;
        let head = tx.instance().get(HEAD).await?;
        tx.rollback().await?;
        let signed = head.as_deref().and_then(|text| Head::parse(&self.vault, text));
        let is_fresh = signed.is_some_and(|head| !is_due(&head, now));
        if waiting.is_empty() && is_fresh {
            return Ok(Sealing::Sealed(0));
        }
        let (mut sealed, mut after) = (0, None);
        loop {
            match self.seal_some(after.as_ref(), now).await? {
                (Sealing::Sealed(some), Some(last)) => {
                    sealed += some;
                    after = Some(last);
                }
                (Sealing::Sealed(some), None) => return Ok(Sealing::Sealed(sealed + some)),
                (ended, _) => return Ok(ended),
            }
        }
    }

    /// Seals one page; answers its last entry when there may be more.
    async fn seal_some(
        &self,
        after: Option<&AuditRow>,
        now: Timestamp,
    ) -> Result<(Sealing, Option<AuditRow>), StoreError> {
        let mut tx = self.store.begin().await?;
        let kept = if is_back(Bug::SealerUnlocked) {
            tx.instance().get(HEAD).await?
        } else {
            tx.instance().take(HEAD).await?
        };
        let Some(kept) = kept else {
            let is_there = tx.instance().get(HEAD).await?.is_some();
            return Ok((if is_there { Sealing::Elsewhere } else { Sealing::Refused }, None));
        };
        let Some(before) = Head::parse(&self.vault, &kept).filter(|head| self.goes_on(head)) else {
            return Ok((Sealing::Refused, None));
        };
        let rows = tx.audit().unsealed(after, SOME).await?;
        let (mut n, mut link) = (before.n, before.link.clone());
        let mut places = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| row.mac == mac_of(&self.vault, row)) {
            n += 1;
            link = link_of(&self.vault, &link, n, &row.mac);
            let (tenant_id, audit_id) = (row.tenant_id.clone(), row.audit_id.clone());
            places.push(AuditPlace { tenant_id, audit_id, n, link: link.clone() });
        }
        if places.is_empty() && !is_due(&before, now) {
            let more = is_full(&rows).then(|| rows.last().cloned()).flatten();
            return Ok((Sealing::Sealed(0), more));
        }
        reach(Point::SealBegun).await;
        let sealed = tx.audit().seal(&places).await?;
        if sealed != places.len() as u64 && !is_back(Bug::SealerUnlocked) {
            return Ok((Sealing::Elsewhere, None));
        }
        let head = Head::signed(&self.vault, n, link, now.max(before.at));
        tx.instance().set(HEAD, &head.to_text()).await?;
        reach(Point::SealWritten).await;
        tx.commit().await?;
        reach(Point::SealStored).await;
        if is_due(&before, now) {
            tracing::info!(n = head.n, link = %head.link, "The head of the audit log.");
        }
        self.saw(head);
        let more = is_full(&rows).then(|| rows.last().cloned()).flatten();
        Ok((Sealing::Sealed(sealed), more))
    }

    /// Whether a head does not lie before what this process has seen.
    pub(super) fn goes_on(&self, head: &Head) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.as_ref()
            .is_none_or(|seen| head.n > seen.n || (head.n == seen.n && head.link == seen.link))
    }

    pub(super) fn seen(&self) -> Option<Head> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn saw(&self, head: Head) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.as_ref().is_none_or(|seen| head.n >= seen.n) {
            *seen = Some(head);
        }
    }
}

/// Every day has a signed head, which is told to the hub's log too: what was noted outside of the database cannot be put
/// back with it.
fn is_due(head: &Head, now: Timestamp) -> bool {
    let day = |at: Timestamp| at.as_second().div_euclid(DAY_S);
    day(now) > day(head.at)
}

fn is_full(rows: &[AuditRow]) -> bool {
    i64::try_from(rows.len()).is_ok_and(|len| len >= SOME)
}
