//! The connector itself: the account and its calendars. Pulling and writing live beside it.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use url::Url;

use super::{access::Access, requests::Api, session::Session};
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

/// Where Google is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The root of the API, without `/calendar/v3`.
    pub api: Url,
}

impl Default for Settings {
    fn default() -> Self {
        let api = Url::parse("https://www.googleapis.com").expect("it is an address");
        Self { api }
    }
}

/// One Google account.
pub struct Google {
    pub(super) session: Session,
    pub(super) access: Access,
    /// Calendars whose events have to be read without a look at what the hub has of them.
    pub(super) afresh: Mutex<HashSet<CalendarRef>>,
}

impl fmt::Debug for Google {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.session.api.host;
        f.debug_struct("Google").field("host", host).field("access", &self.access).finish()
    }
}

impl Google {
    /// Makes a connector; nothing is sent yet. There is nothing to learn about Google, so `learned` is not looked at.
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
        let session = Session::new(transport, tokens, api);
        Ok(Self { session, access, afresh: Mutex::default() })
    }
}

#[async_trait]
impl Connector for Google {
    fn traits(&self) -> Traits {
        let day = Duration::from_secs(24 * 3600);
        Traits {
            tombstones: true,
            cursors: true,
            concurrency: 3,
            poll_every: Duration::from_secs(15 * 60),
            // Sync tokens are not known to lose anything, and a listing of everything is long.
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
        _window: Window,
        cursor: Option<&Cursor>,
        known: &dyn Known,
    ) -> Result<Page> {
        self.pull_page(calendar, cursor, known).await
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
