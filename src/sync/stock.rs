//! What is in store of a calendar, as its connector may ask for it.

use std::collections::HashMap;

use async_trait::async_trait;
use connectors::{ItemRef, Kind, Known, Version, Versions};

use super::engine::Engine;
use crate::store::{CalendarRow, StoreError};

/// What the hub has of one calendar, for connectors that compare versions themselves.
pub(super) struct Stock<'a> {
    pub(super) engine: &'a Engine,
    pub(super) calendar: &'a CalendarRow,
}

#[async_trait]
impl Known for Stock<'_> {
    async fn versions(&self) -> connectors::Result<Versions> {
        let read = async {
            let mut tx = self.engine.store.read().await?;
            tx.events().versions(&self.calendar.tenant_id, &self.calendar.calendar_id).await
        };
        told(read.await)
    }

    async fn unread(&self) -> connectors::Result<Versions> {
        let read = async {
            let mut tx = self.engine.store.read().await?;
            tx.events().unread(&self.calendar.tenant_id, &self.calendar.calendar_id).await
        };
        told(read.await)
    }
}

fn told(read: Result<HashMap<String, Option<String>>, StoreError>) -> connectors::Result<Versions> {
    let versions = read.map_err(|error| {
        Kind::Unavailable.error("the hub's own store could not be read").caused_by(error)
    })?;
    let pair =
        |(item, version): (String, Option<String>)| (ItemRef::new(item), version.map(Version::new));
    Ok(versions.into_iter().map(pair).collect())
}
