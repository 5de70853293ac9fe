//! Secret free/busy addresses of resources. Like keys, only a hash of the secret is stored.

use jiff::Timestamp;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::ids::{FeedId, ResourceId, TenantId};

/// One feed of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    pub tenant_id: TenantId,
    pub feed_id: FeedId,
    pub resource_id: ResourceId,
    pub hash: Vec<u8>,
    pub created_at: Timestamp,
}

impl Stored for FeedRow {
    const TABLE: &'static str = "feeds";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            feed_id: columns.get("feed_id")?,
            resource_id: columns.get("resource_id")?,
            hash: columns.get("hash")?,
            created_at: columns.get("created_us")?,
        })
    }
}

/// Statements on feeds.
#[derive(Debug)]
pub struct Feeds<'t>(&'t mut Tx);

impl Tx {
    pub fn feeds(&mut self) -> Feeds<'_> {
        Feeds(self)
    }
}

impl Feeds<'_> {
    pub async fn insert(&mut self, row: &FeedRow) -> Result<()> {
        let args = [
            (&row.tenant_id).into(),
            (&row.feed_id).into(),
            (&row.resource_id).into(),
            row.hash.as_slice().into(),
            row.created_at.into(),
        ];
        self.0.execute(include_str!("sql/feed_insert.sql"), &args).await?;
        Ok(())
    }

    /// Finds the feeds of this id, of any tenant: the address is all that its reader has.
    pub async fn find(&mut self, feed: &FeedId) -> Result<Vec<FeedRow>> {
        self.0.all(include_str!("sql/feed_find.sql"), &[feed.into()]).await
    }

    pub async fn list(&mut self, tenant: &TenantId, resource: &ResourceId) -> Result<Vec<FeedRow>> {
        self.0.all(include_str!("sql/feed_list.sql"), &[tenant.into(), resource.into()]).await
    }

    pub async fn delete(
        &mut self,
        tenant: &TenantId,
        resource: &ResourceId,
        feed: &FeedId,
    ) -> Result<bool> {
        let args = [tenant.into(), resource.into(), feed.into()];
        Ok(self.0.execute(include_str!("sql/feed_delete.sql"), &args).await? > 0)
    }
}
