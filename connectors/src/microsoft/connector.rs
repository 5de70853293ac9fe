//! The connector itself: the account and its calendars. Pulling and writing live beside it.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use url::Url;

use super::{access::Access, cloud::Cloud, requests::Api, session::Session};
use crate::{
    connector::{
        Account, CalendarRef, Channels, Connector, Cursor, Known, Page, RemoteCalendar, Traits,
        Window, Writer,
    },
    error::Result,
    event::Item,
    oauth::Tokens,
    transport::Transport,
};

/// Where Graph is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The root of the API, without `/v1.0`.
    pub api: Url,
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(Cloud::default())
    }
}

impl Settings {
    pub fn of(cloud: Cloud) -> Self {
        Self { api: cloud.api() }
    }
}

/// One Microsoft account.
pub struct Microsoft {
    pub(super) session: Session,
    pub(super) access: Access,
}

impl fmt::Debug for Microsoft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.session.api.host;
        f.debug_struct("Microsoft").field("host", host).field("access", &self.access).finish()
    }
}

impl Microsoft {
    /// Makes a connector; nothing is sent yet. There is nothing to learn about Graph, so `learned` is not looked at.
    ///
    /// # Errors
    ///
    /// [`Kind::Rejected`](crate::Kind::Rejected) when the address cannot be an API's.
    #[expect(clippy::needless_pass_by_value, reason = "as every connector is made")]
    pub fn new(
        transport: Transport,
        settings: Settings,
        tokens: Arc<dyn Tokens>,
        access: Access,
        _learned: serde_json::Value,
    ) -> Result<Self> {
        let api = Api::at(&settings.api)?;
        Ok(Self { session: Session::new(transport, tokens, api), access })
    }
}

#[async_trait]
impl Connector for Microsoft {
    fn traits(&self) -> Traits {
        let day = Duration::from_secs(24 * 3600);
        Traits {
            tombstones: true,
            cursors: true,
            // More at once to one mailbox are refused.
            concurrency: 4,
            poll_every: Duration::from_secs(15 * 60),
            // Deltas are known to lose occurrences, and their window has to move on.
            full_every: 7 * day,
        }
    }

    async fn account(&self) -> Result<Account> {
        self.primary().await
    }

    async fn list_calendars(&self) -> Result<Vec<RemoteCalendar>> {
        self.list().await
    }

    async fn pull(
        &self,
        calendar: &CalendarRef,
        window: Window,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page> {
        self.pull_round(calendar, window, cursor, known).await
    }

    async fn read_span(&self, calendar: &CalendarRef, span: Window) -> Result<Vec<Item>> {
        self.read_live(calendar, span).await
    }

    fn writer(&self) -> Option<&dyn Writer> {
        (self.access == Access::ReadWrite).then_some(self as &dyn Writer)
    }

    fn channels(&self) -> Option<&dyn Channels> {
        Some(self)
    }
}
