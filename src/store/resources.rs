//! What is booked, and which calendars tell when it is busy.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    Tx,
    args::json_array,
    columns::{Columns, Stored},
    error::Result,
    tx::Sql,
};
use crate::model::ids::{CalendarId, ConnectionId, ResourceId, TenantId};

/// One resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceRow {
    pub tenant_id: TenantId,
    pub resource_id: ResourceId,
    pub external_id: Option<String>,
    pub name: String,
    pub time_zone: String,
    pub capacity: i64,
    pub write_to: Option<CalendarId>,
    pub policy: Value,
    pub event_template: Value,
    pub on_provider_move: String,
    pub on_provider_delete: String,
    pub metadata: Value,
    pub revision: i64,
    pub created_at: Timestamp,
    pub touched_at: Timestamp,
}

impl Stored for ResourceRow {
    const TABLE: &'static str = "resources";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            resource_id: columns.get("resource_id")?,
            external_id: columns.get("external_id")?,
            name: columns.get("name")?,
            time_zone: columns.get("time_zone")?,
            capacity: columns.get("capacity")?,
            write_to: columns.get("write_to")?,
            policy: columns.get("policy")?,
            event_template: columns.get("event_template")?,
            on_provider_move: columns.get("on_provider_move")?,
            on_provider_delete: columns.get("on_provider_delete")?,
            metadata: columns.get("metadata")?,
            revision: columns.get("revision")?,
            created_at: columns.get("created_us")?,
            touched_at: columns.get("touched_us")?,
        })
    }
}

/// One calendar of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRow {
    pub resource_id: ResourceId,
    pub calendar_id: CalendarId,
    /// Whether its busy time makes the resource busy.
    pub blocks: bool,
    pub policy: Value,
}

impl Stored for LinkRow {
    const TABLE: &'static str = "resource_calendars";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            resource_id: columns.get("resource_id")?,
            calendar_id: columns.get("calendar_id")?,
            blocks: columns.get("blocks")?,
            policy: columns.get("policy")?,
        })
    }
}

#[derive(Serialize)]
struct LinkJson<'a> {
    calendar_id: &'a CalendarId,
    place: usize,
    blocks: bool,
    policy: String,
}

/// Statements on resources.
#[derive(Debug)]
pub struct Resources<'t>(&'t mut Tx);

impl Tx {
    pub fn resources(&mut self) -> Resources<'_> {
        Resources(self)
    }
}

impl Resources<'_> {
    /// Lets no resource write into a calendar of this connection any more.
    pub async fn stop_writing_to(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<u64> {
        let args = [tenant.into(), connection.into(), now.into()];
        self.0.execute(include_str!("sql/resource_stop_writing_to.sql"), &args).await
    }

    /// Lists the first two resources that write into a calendar.
    pub async fn writing_into(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Vec<ResourceId>> {
        let args = [tenant.into(), calendar.into()];
        self.0.values(include_str!("sql/resource_writing_into.sql"), &args).await
    }

    /// # Errors
    ///
    /// `Conflict` with `RESOURCE_EXTERNAL_ID` of [`rules`](super::rules).
    pub async fn insert(&mut self, row: &ResourceRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.resource_id).into(),
            row.external_id.as_deref().into(),
            (&row.name).into(),
            (&row.time_zone).into(),
            row.capacity.into(),
            row.write_to.as_ref().into(),
            (&row.policy).into(),
            (&row.event_template).into(),
            (&row.on_provider_move).into(),
            (&row.on_provider_delete).into(),
            (&row.metadata).into(),
            row.revision.into(),
            row.created_at.into(),
            row.touched_at.into(),
        ];
        self.0.execute(include_str!("sql/resource_insert.sql"), &args).await?;
        Ok(())
    }

    pub async fn get(
        &mut self,
        tenant: &TenantId,
        resource: &ResourceId,
    ) -> Result<Option<ResourceRow>> {
        let args = [tenant.into(), resource.into()];
        self.0.optional(include_str!("sql/resource_get.sql"), &args).await
    }

    pub async fn by_external_id(
        &mut self,
        tenant: &TenantId,
        external_id: &str,
    ) -> Result<Option<ResourceRow>> {
        let args = [tenant.into(), external_id.into()];
        self.0.optional(include_str!("sql/resource_by_external_id.sql"), &args).await
    }

    pub async fn list(
        &mut self,
        tenant: &TenantId,
        external_id: Option<&str>,
        after: Option<&ResourceId>,
        limit: i64,
    ) -> Result<Vec<ResourceRow>> {
        let args = [tenant.into(), external_id.into(), after.into(), limit.into()];
        self.0.all(include_str!("sql/resource_list.sql"), &args).await
    }

    /// Stores everything but ids and creation, and answers the new revision; `None` when the row is gone
    /// or, with `expected`, was changed since.
    ///
    /// # Errors
    ///
    /// `Conflict` with `RESOURCE_EXTERNAL_ID` of [`rules`](super::rules).
    pub async fn update(
        &mut self,
        row: &ResourceRow,
        expected: Option<i64>,
    ) -> Result<Option<i64>> {
        let args = [
            (&row.tenant_id).into(),
            (&row.resource_id).into(),
            expected.into(),
            row.external_id.as_deref().into(),
            (&row.name).into(),
            (&row.time_zone).into(),
            row.capacity.into(),
            row.write_to.as_ref().into(),
            (&row.policy).into(),
            (&row.event_template).into(),
            (&row.on_provider_move).into(),
            (&row.on_provider_delete).into(),
            (&row.metadata).into(),
            row.touched_at.into(),
        ];
        self.0.optional_value(include_str!("sql/resource_update.sql"), &args).await
    }

    pub async fn delete(&mut self, tenant: &TenantId, resource: &ResourceId) -> Result<bool> {
        let args = [tenant.into(), resource.into()];
        Ok(self.0.execute(include_str!("sql/resource_delete.sql"), &args).await? > 0)
    }

    /// Lists a resource's calendars in the order they were given.
    pub async fn links(
        &mut self,
        tenant: &TenantId,
        resource: &ResourceId,
    ) -> Result<Vec<LinkRow>> {
        let args = [tenant.into(), resource.into()];
        self.0.all(include_str!("sql/resource_links.sql"), &args).await
    }

    /// Replaces a resource's calendars; the `resource_id` of the rows is not looked at.
    ///
    /// # Errors
    ///
    /// `Conflict` with `REFERENCE` of [`rules`](super::rules) when a calendar is not the tenant's,
    /// with `PRIMARY_KEY` when one is given twice.
    pub async fn set_links(
        &mut self,
        tenant: &TenantId,
        resource: &ResourceId,
        links: &[LinkRow],
    ) -> Result<()> {
        const SQL: Sql = Sql::parted(
            include_str!("sql/resource_link_insert.sqlite.sql"),
            include_str!("sql/resource_link_insert.postgres.sql"),
        );
        let args = [tenant.into(), resource.into()];
        self.0.execute(include_str!("sql/resource_unlink.sql"), &args).await?;
        let rows: Vec<_> = links
            .iter()
            .enumerate()
            .map(|(place, link)| LinkJson {
                calendar_id: &link.calendar_id,
                place,
                blocks: link.blocks,
                policy: link.policy.to_string(),
            })
            .collect();
        let args = [tenant.into(), resource.into(), json_array(&rows).into()];
        self.0.execute(SQL, &args).await?;
        Ok(())
    }

    /// Lists the resources that write into a calendar of this connection.
    pub async fn writing_to(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<Vec<ResourceId>> {
        let args = [tenant.into(), connection.into()];
        self.0.values(include_str!("sql/resource_writing_to.sql"), &args).await
    }

    /// Lists resources of every tenant in (tenant, id) order, for loading the index.
    pub async fn all(
        &mut self,
        after: Option<(&TenantId, &ResourceId)>,
        limit: i64,
    ) -> Result<Vec<ResourceRow>> {
        let args = [
            after.map(|(tenant, _)| tenant).into(),
            after.map(|(_, resource)| resource).into(),
            limit.into(),
        ];
        self.0.all(include_str!("sql/resource_all.sql"), &args).await
    }

    /// Lists the links of the resources after the first bound up to and with the second, of every
    /// tenant, for loading the index page by page beside [`all`](Self::all).
    pub async fn all_links(
        &mut self,
        after: Option<(&TenantId, &ResourceId)>,
        upto: (&TenantId, &ResourceId),
    ) -> Result<Vec<LinkRow>> {
        let args = [
            after.map(|(tenant, _)| tenant).into(),
            after.map(|(_, resource)| resource).into(),
            upto.0.into(),
            upto.1.into(),
        ];
        self.0.all(include_str!("sql/resource_all_links.sql"), &args).await
    }
}
