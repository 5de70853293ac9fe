//! One reading of the change log for all live readers of a process.
//!
//! However many follow the log, the store is asked once: a relay reads what is new and keeps the last few
//! thousand entries. A follower whose place is in that span takes from it what is its tenant's; one that is
//! behind reads the log itself until it has caught up. Without followers nothing is read.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::{After, Reader};
use crate::store::{ChangeFilter, ChangeRow, LogCursor, Result, Store, StoreError};

/// How often the relay looks by itself: other processes' entries ring no bell here.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Entries kept for followers that are a little late.
const KEPT: usize = 4_096;
/// Entries read at once.
const PAGE: i64 = 500;
/// A look that takes longer rests on a connection that will never answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the log on behalf of its followers.
#[derive(Debug)]
pub struct Relay {
    store: Store,
    kept: Mutex<Kept>,
    /// Changes when there is more.
    moved: watch::Sender<u64>,
    /// How often the store was asked, by the relay and by followers that were behind.
    looks: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    followers: usize,
    runs: bool,
    /// All entries after the first place and up to the second are in `rows`.
    span: Option<(LogCursor, LogCursor)>,
    rows: VecDeque<ChangeRow>,
}

impl Relay {
    pub fn new(store: Store) -> Arc<Self> {
        let (kept, moved, looks) = (Mutex::default(), watch::Sender::new(0), AtomicU64::new(0));
        Arc::new(Self { store, kept, moved, looks })
    }

    /// Begins to follow.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub async fn follow(self: &Arc<Self>, after: After, filter: ChangeFilter) -> Result<Follower> {
        let (reader, moved) =
            (Reader::open(self.store.clone(), after, filter).await?, self.moved.subscribe());
        let mut kept = self.kept();
        kept.followers += 1;
        if !kept.runs {
            kept.runs = true;
            tokio::spawn(Arc::clone(self).run());
        }
        drop(kept);
        Ok(Follower { relay: Arc::clone(self), reader, moved })
    }

    /// How often the store was asked for entries.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads as long as anybody follows.
    async fn run(self: Arc<Self>) {
        let mut bell = self.store.bell();
        let mut failing = false;
        loop {
            bell.mark_unchanged();
            let from = {
                let mut kept = self.kept();
                if kept.followers == 0 {
                    *kept = Kept::default();
                    return;
                }
                kept.span.as_ref().map(|(_, upto)| upto.clone())
            };
            match timeout(PATIENCE, self.look(from)).await {
                Ok(Ok(is_more)) => {
                    failing = false;
                    if is_more {
                        continue;
                    }
                }
                // Followers are told by the log itself; the relay goes on from its end.
                Ok(Err(StoreError::CursorExpired)) => self.forget(),
                Ok(Err(error)) if !failing => {
                    failing = true;
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "Live readers of the change log wait for the store.");
                }
                Ok(Err(_)) | Err(_) => {}
            }
            let _ = timeout(LOOK_EVERY, bell.changed()).await;
        }
    }

    /// Reads what is new; `true` when there is more.
    async fn look(&self, from: Option<LogCursor>) -> Result<bool> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let mut tx = self.store.read().await?;
        let Some(from) = from else {
            let head = tx.changes().head().await?;
            tx.rollback().await?;
            self.keep(&head, Vec::new(), head.clone());
            return Ok(false);
        };
        let filter = ChangeFilter { tenant: None, kinds: Vec::new(), limit: PAGE };
        let (rows, upto) = tx.changes().read(&from, &filter).await?;
        tx.rollback().await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|read| read >= PAGE);
        self.keep(&from, rows, upto);
        Ok(is_full)
    }

    fn keep(&self, from: &LogCursor, rows: Vec<ChangeRow>, upto: LogCursor) {
        let mut kept = self.kept();
        let is_news = !rows.is_empty() || kept.span.is_none();
        kept.rows.extend(rows);
        let mut first = kept.span.take().map_or_else(|| from.clone(), |(first, _)| first);
        while kept.rows.len() > KEPT
            && let Some(gone) = kept.rows.pop_front()
        {
            first = gone.cursor;
        }
        kept.span = Some((first, upto));
        drop(kept);
        if is_news {
            self.moved.send_modify(|moved| *moved = moved.wrapping_add(1));
        }
    }

    fn forget(&self) {
        let mut kept = self.kept();
        kept.span = None;
        kept.rows.clear();
    }

    /// What is kept after a place, and where to go on; `None` when the log itself must be read.
    fn after(
        &self,
        place: &LogCursor,
        filter: &ChangeFilter,
    ) -> Option<(Vec<ChangeRow>, LogCursor)> {
        let kept = self.kept();
        let (first, upto) = kept.span.as_ref()?;
        if !place.is_of_epoch(first) || place.place() < first.place() {
            return None;
        }
        let most = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let begin = kept.rows.partition_point(|row| row.cursor.place() <= place.place());
        let wanted = |row: &&ChangeRow| {
            filter.tenant.as_ref().is_none_or(|tenant| *tenant == row.change.tenant_id)
                && (filter.kinds.is_empty() || filter.kinds.contains(&row.change.kind))
        };
        let rows: Vec<ChangeRow> =
            kept.rows.range(begin..).filter(wanted).take(most).cloned().collect();
        let next = match rows.last() {
            Some(last) if rows.len() >= most => last.cursor.clone(),
            // The place may be ahead of what was read so far.
            _ if place.place() > upto.place() => place.clone(),
            _ => upto.clone(),
        };
        Some((rows, next))
    }
}

/// Follows the log through a relay. Dropping a call that waits loses nothing.
#[derive(Debug)]
pub struct Follower {
    relay: Arc<Relay>,
    reader: Reader,
    moved: watch::Receiver<u64>,
}

impl Follower {
    /// Waits until there is news and reads it.
    ///
    /// # Errors
    ///
    /// [`StoreError::CursorExpired`] when the log no longer reaches back to where the follower is.
    pub async fn next_page(&mut self) -> Result<Vec<ChangeRow>> {
        loop {
            // Seen before looking, so that what moves while we look makes us look again.
            self.moved.mark_unchanged();
            let found = self.relay.after(self.reader.cursor(), self.reader.filter());
            let rows = match found {
                Some((rows, next)) => {
                    self.reader.go_on_from(next);
                    rows
                }
                None => {
                    self.relay.looks.fetch_add(1, Ordering::Relaxed);
                    self.reader.page().await?
                }
            };
            if !rows.is_empty() {
                return Ok(rows);
            }
            let _ = self.moved.changed().await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut kept = self.relay.kept();
        kept.followers = kept.followers.saturating_sub(1);
    }
}
