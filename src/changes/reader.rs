//! Following the change log from a cursor, each entry once and in order.

use std::{str::FromStr, time::Duration};

use tokio::{sync::watch, time::timeout};

use crate::store::{BadCursor, ChangeFilter, ChangeRow, LogCursor, Result, Store};

/// How often a reader looks by itself: other processes' entries ring no bell here.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Before the oldest entry that is kept.
    Start,
    /// At the end of the log as it is when the reader is opened.
    Now,
    Cursor(LogCursor),
}

impl FromStr for After {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        if text == "now" { Ok(Self::Now) } else { text.parse().map(Self::Cursor) }
    }
}

/// Follows the change log. Dropping a call that waits loses nothing: the cursor moves only with a page.
#[derive(Debug)]
pub struct Reader {
    store: Store,
    filter: ChangeFilter,
    cursor: LogCursor,
    bell: watch::Receiver<u64>,
}

impl Reader {
    /// Opens a reader; `filter.limit` is the size of a page.
    ///
    /// # Errors
    ///
    /// [`StoreError::CursorExpired`](crate::store::StoreError::CursorExpired), also from every later page.
    pub async fn open(store: Store, after: After, filter: ChangeFilter) -> Result<Self> {
        let bell = store.bell();
        let mut tx = store.read().await?;
        let cursor = match after {
            After::Start => tx.changes().start().await?,
            After::Now => tx.changes().head().await?,
            After::Cursor(cursor) => {
                tx.changes().check(&cursor).await?;
                cursor
            }
        };
        tx.rollback().await?;
        Ok(Self { store, filter, cursor, bell })
    }

    /// Where the reader stands: after everything it has told.
    pub fn cursor(&self) -> &LogCursor {
        &self.cursor
    }

    pub(super) fn filter(&self) -> &ChangeFilter {
        &self.filter
    }

    /// Moves on over what somebody else has read.
    pub(super) fn go_on_from(&mut self, cursor: LogCursor) {
        self.cursor = cursor;
    }

    /// Reads what is there now; empty when there is no news.
    pub async fn page(&mut self) -> Result<Vec<ChangeRow>> {
        let mut tx = self.store.read().await?;
        let (rows, next) = tx.changes().read(&self.cursor, &self.filter).await?;
        tx.rollback().await?;
        self.cursor = next;
        Ok(rows)
    }

    /// Waits until there is news and reads it.
    pub async fn next_page(&mut self) -> Result<Vec<ChangeRow>> {
        loop {
            // Seen before looking, so that what rings while we look makes us look again.
            self.bell.mark_unchanged();
            let rows = self.page().await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
            // A closed bell and a quiet one mean the same: look again in a while.
            let _ = timeout(LOOK_EVERY, self.bell.changed()).await;
        }
    }
}
