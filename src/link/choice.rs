//! Which of an account's calendars block a resource, and which one takes its bookings: a person's choice.

use serde_json::{Value, json};

use super::{LinkError, Linker};
use crate::{
    model::{
        ids::{CalendarId, ConnectionId, ResourceId, TenantId},
        states::Access,
    },
    store::{CalendarRow, LinkRow, ResourceRow},
};

/// What a person has chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub blocks: Vec<CalendarId>,
    /// Where bookings are written; nowhere in this account when `None`.
    pub write_to: Option<CalendarId>,
}

/// An account's calendars, and how a resource uses them.
#[derive(Clone, Debug)]
pub struct Choices {
    pub resource: ResourceRow,
    pub calendars: Vec<CalendarRow>,
    pub chosen: Choice,
    pub access: Access,
}

impl Linker {
    /// How a resource uses an account's calendars; `None` when either is gone.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn choices(
        &self,
        tenant: &TenantId,
        resource: &ResourceId,
        connection: &ConnectionId,
    ) -> Result<Option<Choices>, LinkError> {
        let mut tx = self.engine.store.read().await?;
        let Some(resource) = tx.resources().get(tenant, resource).await? else { return Ok(None) };
        let Some(row) = tx.connections().get(tenant, connection).await? else { return Ok(None) };
        let links = tx.resources().links(tenant, &resource.resource_id).await?;
        let calendars = tx.calendars().by_connection(tenant, connection).await?;
        let is_own = |id: &CalendarId| calendars.iter().any(|own| own.calendar_id == *id);
        let blocks = links.iter().filter(|link| link.blocks && is_own(&link.calendar_id));
        let blocks = blocks.map(|link| link.calendar_id.clone()).collect();
        let write_to = resource.write_to.clone().filter(is_own);
        let chosen = Choice { blocks, write_to };
        Ok(Some(Choices { resource, calendars, chosen, access: row.access }))
    }

    /// Has a resource use an account's calendars as chosen; its other calendars stay as they are.
    ///
    /// # Errors
    ///
    /// [`LinkError::DoesNotFit`] when a calendar is not the account's, or cannot be written.
    pub async fn choose(
        &self,
        tenant: &TenantId,
        resource: &ResourceId,
        connection: &ConnectionId,
        choice: &Choice,
    ) -> Result<(), LinkError> {
        let engine = &self.engine;
        let mut tx = engine.store.begin().await?;
        tx.claims().lock_resources(std::slice::from_ref(resource)).await?;
        let mut row = tx.resources().get(tenant, resource).await?.ok_or(LinkError::NotFound)?;
        let known = tx.connections().get(tenant, connection).await?.ok_or(LinkError::NotFound)?;
        let own = tx.calendars().by_connection(tenant, connection).await?;
        let find = |id: &CalendarId| own.iter().find(|calendar| calendar.calendar_id == *id);
        if choice.blocks.iter().any(|id| find(id).is_none()) {
            return Err(LinkError::DoesNotFit("calendar"));
        }
        let may_write = |id: &CalendarId| {
            known.access == Access::ReadWrite && find(id).is_some_and(|calendar| calendar.writable)
        };
        if choice.write_to.as_ref().is_some_and(|id| !may_write(id)) {
            return Err(LinkError::DoesNotFit("write_to"));
        }
        let old = tx.resources().links(tenant, resource).await?;
        let links = laid(resource, &old, |id| find(id).is_some(), &choice.blocks);
        let before = told(&old, row.write_to.as_ref());
        let writes_here = row.write_to.as_ref().is_some_and(|id| find(id).is_some());
        match &choice.write_to {
            Some(id) => row.write_to = Some(id.clone()),
            None if writes_here => row.write_to = None,
            None => {}
        }
        row.touched_at = engine.clock.now();
        tx.resources().update(&row, None).await?.ok_or(LinkError::NotFound)?;
        tx.resources().set_links(tenant, resource, &links).await?;
        let body = json!({
            "resource_id": resource, "external_id": row.external_id,
            "before": before, "after": told(&links, row.write_to.as_ref()),
        });
        let (actor, id) = (&*self.by.actor, resource.as_str());
        let change = engine.change(tenant, "resource.updated", actor, id, body);
        tx.changes().append(&[change]).await?;
        Ok(tx.commit().await?)
    }
}

/// The links of other accounts as they are, then those that were chosen; what was stated of one that stays, stays.
fn laid(
    resource: &ResourceId,
    old: &[LinkRow],
    is_own: impl Fn(&CalendarId) -> bool,
    blocks: &[CalendarId],
) -> Vec<LinkRow> {
    let mut links: Vec<LinkRow> = Vec::new();
    for link in old {
        let is_chosen = blocks.contains(&link.calendar_id);
        if !is_own(&link.calendar_id) || is_chosen {
            links.push(LinkRow { blocks: link.blocks || is_chosen, ..link.clone() });
        }
    }
    for id in blocks {
        if !links.iter().any(|link| link.calendar_id == *id) {
            links.push(LinkRow {
                resource_id: resource.clone(),
                calendar_id: id.clone(),
                blocks: true,
                policy: json!({}),
            });
        }
    }
    links
}

fn told(links: &[LinkRow], write_to: Option<&CalendarId>) -> Value {
    let calendars: Vec<Value> = links
        .iter()
        .map(|link| json!({"calendar_id": link.calendar_id, "blocks": link.blocks}))
        .collect();
    json!({ "calendars": calendars, "write_to": write_to })
}
