//! Holds: a span that is reserved for a short time while someone decides.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    claim::Wish,
    desk::{Actor, Desk},
    evidence::MAX_STALENESS,
    refusal::Refusal,
};
use crate::{
    drill::{Point, reach},
    model::{
        ids::{HoldId, ResourceId, TenantId},
        interval::Span,
        states::HoldState,
    },
    store::{HoldRow, Tx},
};

/// How long a hold may last in all.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// A hold that is asked for.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// Made by the caller, so that a request that is repeated finds what it made.
    pub id: HoldId,
    pub resources: Vec<ResourceId>,
    pub span: Span,
    pub ttl: SignedDuration,
    pub max_staleness: Option<SignedDuration>,
    /// A hold that ends in favour of this one.
    pub replaces: Option<HoldId>,
    pub external_id: Option<String>,
    pub metadata: Value,
}

impl Desk {
    /// Reserves a span of all resources. The same id again answers the same hold.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; nothing is reserved then.
    pub async fn hold(&self, actor: Actor<'_>, new: NewHold) -> Result<HoldRow, Refusal> {
        check_ttl(new.ttl)?;
        let resources = sorted(new.resources)?;
        let max_staleness = new.max_staleness.unwrap_or(MAX_STALENESS);
        self.freshen(actor.tenant, &resources, max_staleness, None).await?;
        let mut tx = self.store.begin().await?;
        let mut locked = resources.clone();
        if let Some(old) = &new.replaces
            && let Some(old) = tx.holds().get(actor.tenant, old).await?
        {
            locked.extend(old.resources);
        }
        self.lock(&mut tx, &locked).await?;
        if let Some(made) = tx.holds().get(actor.tenant, &new.id).await? {
            return Ok(made);
        }
        let replaced: Vec<&str> = new.replaces.iter().map(HoldId::as_str).collect();
        let now = tx.now(&*self.clock).await?;
        let expires_at = now.saturating_add(new.ttl).unwrap_or(Timestamp::MAX);
        let wish = Wish {
            tenant: actor.tenant,
            claim: new.id.as_str(),
            booking: None,
            own: &[],
            also: &[],
            resources: &resources,
            span: new.span,
            expires_at: Some(expires_at),
            instead_of: &replaced,
            max_staleness,
            allow_unverified: false,
            is_checked: false,
        };
        self.claim(&mut tx, &wish).await?;
        if let Some(old) = &new.replaces {
            let ends = (HoldState::Held, HoldState::Released);
            if !tx.holds().set_state(actor.tenant, old, ends, None, now).await? {
                return Err(Refusal::HoldExpired);
            }
        }
        let row = HoldRow {
            tenant_id: actor.tenant.clone(),
            hold_id: new.id,
            external_id: new.external_id,
            state: HoldState::Held,
            resources,
            span: new.span,
            expires_at,
            booking_id: None,
            metadata: new.metadata,
            revision: 1,
            created_at: now,
            touched_at: now,
        };
        tx.holds().insert(&row).await?;
        self.tell_hold(&mut tx, actor, "hold.created", &row).await?;
        reach(Point::HoldWritten).await;
        tx.commit().await?;
        reach(Point::HoldStored).await;
        Ok(row)
    }

    /// Gives a hold `ttl` from now, within [`LONGEST`] of its beginning.
    pub async fn extend(
        &self,
        actor: Actor<'_>,
        hold: &HoldId,
        ttl: SignedDuration,
    ) -> Result<HoldRow, Refusal> {
        check_ttl(ttl)?;
        let mut tx = self.store.begin().await?;
        let row = self.locked_hold(&mut tx, actor.tenant, hold).await?;
        let now = tx.now(&*self.clock).await?;
        if row.state != HoldState::Held || row.expires_at <= now {
            return Err(Refusal::HoldExpired);
        }
        let expires_at = now.saturating_add(ttl).unwrap_or(Timestamp::MAX);
        if expires_at.duration_since(row.created_at) > LONGEST {
            return Err(Refusal::invalid("/ttl", "too_large", "a hold lasts at most PT1H in all"));
        }
        if tx.claims().extend(actor.tenant, hold.as_str(), expires_at).await? == 0 {
            // The clock went back since somebody took what had expired.
            return Err(Refusal::HoldExpired);
        }
        tx.holds().extend(actor.tenant, hold, expires_at, now).await?;
        tx.commit().await?;
        Ok(HoldRow { expires_at, revision: row.revision + 1, touched_at: now, ..row })
    }

    /// Gives a hold back. One that has ended already stays as it ended.
    pub async fn release(&self, actor: Actor<'_>, hold: &HoldId) -> Result<(), Refusal> {
        let mut tx = self.store.begin().await?;
        let row = self.locked_hold(&mut tx, actor.tenant, hold).await?;
        self.end_hold(&mut tx, actor, &row, HoldState::Released).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a hold under its resources' locks.
    pub(super) async fn end_hold(
        &self,
        tx: &mut Tx,
        actor: Actor<'_>,
        row: &HoldRow,
        to: HoldState,
    ) -> Result<(), Refusal> {
        let (tenant, now) = (actor.tenant, tx.now(&*self.clock).await?);
        if tx.holds().set_state(tenant, &row.hold_id, (HoldState::Held, to), None, now).await? {
            tx.claims().remove(tenant, row.hold_id.as_str()).await?;
            let kind = if to == HoldState::Expired { "hold.expired" } else { "hold.released" };
            self.tell_hold(tx, actor, kind, row).await?;
        }
        Ok(())
    }

    /// Reads a hold again under its resources' locks.
    pub(super) async fn locked_hold(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        hold: &HoldId,
    ) -> Result<HoldRow, Refusal> {
        let none = Refusal::NotFound("hold");
        let seen = tx.holds().get(tenant, hold).await?.ok_or(none)?;
        self.lock(tx, &seen.resources).await?;
        tx.holds().get(tenant, hold).await?.ok_or(Refusal::NotFound("hold"))
    }

    pub(super) async fn tell_hold(
        &self,
        tx: &mut Tx,
        actor: Actor<'_>,
        kind: &str,
        row: &HoldRow,
    ) -> Result<(), Refusal> {
        let body = json!({
            "hold_id": row.hold_id, "external_id": row.external_id, "resources": row.resources,
            "start": row.span.start(), "end": row.span.end(), "expires_at": row.expires_at,
        });
        let mut told =
            vec![self.engine.change(actor.tenant, kind, actor.name, row.hold_id.as_str(), body)];
        told.extend(self.busy_changed(actor, &row.resources, &[], row.span));
        Ok(tx.changes().append(&told).await?)
    }
}

fn check_ttl(ttl: SignedDuration) -> Result<(), Refusal> {
    if ttl <= SignedDuration::ZERO || ttl > LONGEST {
        return Err(Refusal::invalid(
            "/ttl",
            "invalid",
            "must be more than nothing and at most PT1H",
        ));
    }
    Ok(())
}

/// Resources in the order in which they are locked, each once.
pub(super) fn sorted(mut resources: Vec<ResourceId>) -> Result<Vec<ResourceId>, Refusal> {
    resources.sort_unstable();
    resources.dedup();
    match resources.len() {
        0 => Err(Refusal::invalid("/resources", "required", "name at least one resource")),
        1..=100 => Ok(resources),
        _ => Err(Refusal::invalid("/resources", "too_many", "at most 100 resources")),
    }
}
