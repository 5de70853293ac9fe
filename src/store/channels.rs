//! Channels through which providers tell of changes.

use jiff::Timestamp;

use super::{
    Tx,
    columns::{Columns, Stored},
    error::Result,
};
use crate::model::ids::{CalendarId, ChannelId, ConnectionId, TenantId};

/// One channel of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    pub tenant_id: TenantId,
    pub channel_id: ChannelId,
    pub calendar_id: CalendarId,
    /// `opening`, `open` or `closing`.
    pub state: String,
    /// The provider's name for what is watched; `None` until it has opened the channel.
    pub resource: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// When it is to be replaced.
    pub renew_at: Option<Timestamp>,
    /// When the provider was first heard on it.
    pub proven_at: Option<Timestamp>,
    pub heard_at: Option<Timestamp>,
    /// The highest number heard.
    pub number: i64,
}

impl ChannelRow {
    /// Whether the provider may use it.
    pub fn is_live(&self) -> bool {
        self.state != "closing"
    }

    /// Whether the provider has opened it and it has not ended by then.
    pub fn tells_at(&self, now: Timestamp) -> bool {
        self.state == "open" && self.expires_at.is_some_and(|expires_at| now < expires_at)
    }
}

impl Stored for ChannelRow {
    const TABLE: &'static str = "channels";

    fn read(columns: &Columns<'_>) -> Result<Self> {
        Ok(Self {
            tenant_id: columns.get("tenant_id")?,
            channel_id: columns.get("channel_id")?,
            calendar_id: columns.get("calendar_id")?,
            state: columns.get("state")?,
            resource: columns.get("resource")?,
            created_at: columns.get("created_us")?,
            expires_at: columns.get("expires_us")?,
            renew_at: columns.get("renew_us")?,
            proven_at: columns.get("proven_us")?,
            heard_at: columns.get("heard_us")?,
            number: columns.get("number")?,
        })
    }
}

/// Statements on channels.
#[derive(Debug)]
pub struct Channels<'t>(&'t mut Tx);

impl Tx {
    pub fn channels(&mut self) -> Channels<'_> {
        Channels(self)
    }
}

impl Channels<'_> {
    /// Notes a channel before the provider is asked for it, so that what it tells at once finds its place.
    pub async fn insert(
        &mut self,
        tenant: &TenantId,
        channel: &ChannelId,
        calendar: &CalendarId,
        now: Timestamp,
    ) -> Result<()> {
        let args = [tenant.into(), channel.into(), calendar.into(), now.into()];
        self.0.execute(include_str!("sql/channel_insert.sql"), &args).await?;
        Ok(())
    }

    /// Notes what the provider made of it; `false` when it is gone, or was given up.
    pub async fn opened(
        &mut self,
        tenant: &TenantId,
        channel: &ChannelId,
        resource: &str,
        (expires_at, renew_at): (Timestamp, Timestamp),
    ) -> Result<bool> {
        let args =
            [tenant.into(), channel.into(), resource.into(), expires_at.into(), renew_at.into()];
        Ok(self.0.execute(include_str!("sql/channel_opened.sql"), &args).await? > 0)
    }

    /// Notes how long it lives by now.
    pub async fn renewed(
        &mut self,
        tenant: &TenantId,
        channel: &ChannelId,
        (expires_at, renew_at): (Timestamp, Timestamp),
    ) -> Result<()> {
        let args = [tenant.into(), channel.into(), expires_at.into(), renew_at.into()];
        self.0.execute(include_str!("sql/channel_renewed.sql"), &args).await?;
        Ok(())
    }

    /// Has it renewed at another time.
    pub async fn renew_at(
        &mut self,
        tenant: &TenantId,
        channel: &ChannelId,
        at: Timestamp,
    ) -> Result<()> {
        let args = [tenant.into(), channel.into(), at.into()];
        self.0.execute(include_str!("sql/channel_renew_at.sql"), &args).await?;
        Ok(())
    }

    /// Notes that it is to be closed; what it tells from now on changes nothing.
    pub async fn closing(&mut self, tenant: &TenantId, channel: &ChannelId) -> Result<()> {
        let args = [tenant.into(), channel.into()];
        self.0.execute(include_str!("sql/channel_closing.sql"), &args).await?;
        Ok(())
    }

    pub async fn delete(&mut self, tenant: &TenantId, channel: &ChannelId) -> Result<()> {
        let args = [tenant.into(), channel.into()];
        self.0.execute(include_str!("sql/channel_delete.sql"), &args).await?;
        Ok(())
    }

    /// Finds a channel of any tenant: a notification names nothing else.
    pub async fn find(&mut self, channel: &ChannelId) -> Result<Option<ChannelRow>> {
        self.0.optional(include_str!("sql/channel_find.sql"), &[channel.into()]).await
    }

    pub async fn of_calendar(
        &mut self,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<Vec<ChannelRow>> {
        let args = [tenant.into(), calendar.into()];
        self.0.all(include_str!("sql/channel_of_calendar.sql"), &args).await
    }

    pub async fn of_connection(
        &mut self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<Vec<ChannelRow>> {
        let args = [tenant.into(), connection.into()];
        self.0.all(include_str!("sql/channel_of_connection.sql"), &args).await
    }

    /// Lists a tenant's, for operators.
    pub async fn list(
        &mut self,
        tenant: &TenantId,
        after: Option<&ChannelId>,
        limit: i64,
    ) -> Result<Vec<ChannelRow>> {
        let args = [tenant.into(), after.into(), limit.into()];
        self.0.all(include_str!("sql/channel_list.sql"), &args).await
    }

    /// Notes that the provider was heard on it.
    pub async fn heard(
        &mut self,
        tenant: &TenantId,
        channel: &ChannelId,
        number: i64,
        now: Timestamp,
    ) -> Result<()> {
        let args = [tenant.into(), channel.into(), now.into(), number.into()];
        self.0.execute(include_str!("sql/channel_heard.sql"), &args).await?;
        Ok(())
    }
}
