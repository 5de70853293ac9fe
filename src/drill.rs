//! Drills: named places where a test may stop the hub, and faults that a test may put back into it.
//!
//! A race or crash test proves something only if the same test fails once the fault it guards against is
//! there. Both switches exist only with the feature `drills`, which test builds turn on and releases do not;
//! without it everything here is empty and costs nothing.

/// Places at which a drill can stop the hub, in the order in which work passes them.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
#[strum(serialize_all = "snake_case")]
pub enum Point {
    /// Rows of a lane are claimed, none has run.
    Claimed,
    /// A pull knows its cursor and has sent nothing.
    PullBegun,
    /// A page came; nothing of it is stored.
    PageRead,
    /// Rows of a page are written, not committed.
    PageWritten,
    /// Rows of a page are committed.
    PageStored,
    /// All pages came and were judged; what waited is not stored.
    Judged,
    /// One of several last batches is committed.
    BatchStored,
    /// All that ends a pull is written, not committed.
    EndWritten,
    /// The pull has ended; nobody was told.
    EndStored,
    /// A failure is written, not committed.
    FailureWritten,
    /// A failure is committed; nobody was told.
    FailureStored,
    /// A row of due work is finished in its own transaction, not committed.
    RowFinished,
    /// A listing of calendars came; nothing of it is stored.
    ListingRead,
    /// A listing is written, not committed.
    ListingWritten,
    /// A listing is committed; nobody was told.
    ListingStored,
    /// A failed listing is written, not committed.
    ListingFailed,
    /// All series are expanded into the later window; nothing is stored.
    AdvanceRead,
    /// The later window is written, not committed.
    AdvanceWritten,
    /// The later window is committed.
    AdvanceStored,
    /// The end of a connection is written, not committed.
    EraseWritten,
    /// A connection is erased; its row of work is still there.
    EraseStored,
    /// A login was accepted; nothing of it is stored.
    LinkChecked,
    /// A link is written, not committed.
    LinkWritten,
    /// A link is committed; the caller was not told.
    LinkStored,
    /// That a connection is to be removed is written, not committed.
    RemovalWritten,
    /// Entries of the audit log are read and the head is taken; nothing is written.
    SealBegun,
    /// Entries have their places, not committed.
    SealWritten,
    /// Entries have their places.
    SealStored,
    /// A nudge is written, not committed.
    NudgeWritten,
    /// A nudge is committed; no worker was woken.
    NudgeStored,
    /// An operator's word on a quarantine is written, not committed.
    WordWritten,
    /// A slot was found free; nothing of it is taken.
    SlotChecked,
    /// A hold is written, not committed.
    HoldWritten,
    /// A hold is committed; the caller was not told.
    HoldStored,
    /// A booking, or a change of one, is written, not committed.
    BookingWritten,
    /// A booking, or a change of one, is committed; nobody was told.
    BookingStored,
    /// That something is about to be sent to a calendar is committed; nothing was sent.
    BeforeSend,
    /// A calendar answered; nothing of it is stored.
    AfterSend,
    /// What stands in the calendar is written, not committed.
    DeliveryWritten,
    /// What stands in the calendar is committed; nobody was told.
    DeliveryStored,
    /// An `Idempotency-Key` is taken; its request has not begun.
    KeyTaken,
    /// A request with a key had its effect; its answer is not kept.
    AnswerMade,
    /// The answer is kept; the caller has not got it.
    AnswerKept,
    /// The index has read everything; it does not follow yet.
    IndexLoaded,
    /// The index has read what a pass found; it does not stand there yet.
    IndexPassed,
    /// The schema is up to date; nothing else of the start is done.
    Migrated,
    /// What the first run makes is written, not committed.
    FirstRunWritten,
    /// A backup is written; it does not stand under its name.
    BackupWritten,
    /// Everything of a backup is stored, not committed.
    RestoreWritten,
}

/// Faults that a drill can put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Bug {
    /// Any browser may go on with a visit that another one began.
    BrowserUnchecked,
    /// Whoever finds a token too old gets another one, whoever else is getting one.
    EveryoneRenews,
    /// The cursor is stored before the data that it stands for.
    CursorBeforeData,
    /// What a listing has not shown so far is swept before its last page came.
    SweepBeforeLastPage,
    /// An expired cursor counts as "nothing new".
    SwallowedGone,
    /// Whatever goes missing is believed at once.
    NoQuarantine,
    /// A listing that is empty, halved or failed takes away at once what it does not show.
    EmptyMeansGone,
    /// Any key may do anything within its tenant.
    ScopeUnchecked,
    /// Any key may act for any tenant.
    TenantUnchecked,
    /// A calendar is looked up by its id alone.
    LookUpWithoutTenant,
    /// The secret half of a feed's address is not compared.
    FeedSecretUnchecked,
    /// What a pull writes is checked neither against its lease nor against what it was planned from.
    FenceUnchecked,
    /// The entry in the change log is committed after the data that it tells of, in a transaction of its own.
    LogOutsideTransaction,
    /// What operators have paused is asked all the same.
    PauseUnheard,
    /// Sealers of the audit log do not wait for each other.
    SealerUnlocked,
    /// The index reads only what stands below the oldest running transaction of the server.
    OnlyBelowOldest,
    /// A heartbeat does not notice that a lease was lost, and its work goes on.
    LossUnnoticed,
    /// Each hub is polite to hosts on its own.
    PacingPerProcess,
    /// Each hub draws requests from budgets of its own.
    BudgetPerProcess,
    /// Whoever is asked to leave a provider alone asks on.
    RetryAfterUnheard,
    /// A calendar that is told of is not polled.
    PushInsteadOfPolls,
    /// What failed last time runs among all the rest.
    FailingAmongAll,
    /// A listing wakes work before it notes what becomes of the connection.
    WorkBeforeConnection,
    /// A hub goes by its machine's clock, also where several meet.
    OwnClock,
    /// Whoever claims time locks neither resources nor calendars.
    ClaimUnlocked,
    /// Whoever claims time lets busy time be stored meanwhile.
    IngestUnlocked,
    /// Whether a slot is free is asked in one transaction, and it is taken in another.
    CheckedApart,
    /// A write whose answer was lost is made again under another name.
    FreshNameOnRetry,
    /// What calendars should hold is committed after the booking, in a transaction of its own.
    OutboxApart,
}

#[cfg(feature = "drills")]
pub use armed::{Drill, arm_process};
#[cfg(feature = "drills")]
pub(crate) use armed::{hurried, is_back, reach, skewed};

/// Passes a place where a drill may stop the hub.
#[cfg(not(feature = "drills"))]
#[expect(clippy::unused_async, reason = "the other build waits here")]
pub(crate) async fn reach(_: Point) {}

/// Whether a drill has put a fault back.
#[cfg(not(feature = "drills"))]
pub(crate) const fn is_back(_: Bug) -> bool {
    false
}

/// A time that a drill may shorten.
#[cfg(not(feature = "drills"))]
pub(crate) const fn hurried(time: std::time::Duration) -> std::time::Duration {
    time
}

/// The machine's time, which a drill may set wrong.
#[cfg(not(feature = "drills"))]
pub(crate) const fn skewed(now: jiff::Timestamp) -> jiff::Timestamp {
    now
}

#[cfg(feature = "drills")]
mod armed {
    use std::{
        path::{Path, PathBuf},
        sync::{
            Arc, Mutex, OnceLock, PoisonError,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use tokio::sync::Notify;

    use super::{Bug, Point};

    tokio::task_local! { static HERE: Drill; }
    static EVERYWHERE: OnceLock<Drill> = OnceLock::new();

    /// What a drill does: where it stops the hub, and which faults it puts back.
    #[derive(Clone, Debug, Default)]
    pub struct Drill(Arc<Inner>);

    #[derive(Debug, Default)]
    struct Inner {
        stop: Mutex<Option<(Point, usize)>>,
        bugs: Mutex<Vec<Bug>>,
        passed: AtomicUsize,
        reached: Notify,
        /// Where a stop may be asked for while the process runs: a file that is taken away once it was read.
        orders: Option<PathBuf>,
        /// Stop the whole process instead of only the work.
        freezes: bool,
        /// By how much leases and the like are shorter; 0 and 1 mean not at all.
        hurry: u32,
        /// By how many seconds the machine's clock is wrong.
        skew: i64,
    }

    impl Drill {
        /// The drill in which these faults are back.
        pub fn with_bugs(bugs: &[Bug]) -> Self {
            let drill = Self::default();
            *drill.0.bugs.lock().unwrap_or_else(PoisonError::into_inner) = bugs.to_vec();
            drill
        }

        /// Stops at the `nth` passing (from 1) of a place. One stop at a time.
        pub fn stop_at(&self, point: Point, nth: usize) {
            *self.stop() = Some((point, nth.max(1)));
        }

        /// Takes the stop back, if it was not reached.
        pub fn go_on(&self) {
            *self.stop() = None;
        }

        /// Runs work under this drill. `None` when it was stopped at the place asked for: the work was
        /// dropped there, as by a crash of the process.
        pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
            let under = HERE.scope(self.clone(), work);
            tokio::select! {
                biased;
                () = self.0.reached.notified() => None,
                done = under => Some(done),
            }
        }

        /// How often any place was passed.
        pub fn passed(&self) -> usize {
            self.0.passed.load(Ordering::Relaxed)
        }

        fn stop(&self) -> std::sync::MutexGuard<'_, Option<(Point, usize)>> {
            self.0.stop.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn stops_here(&self, point: Point) -> bool {
            self.0.passed.fetch_add(1, Ordering::Relaxed);
            let mut stop = self.stop();
            if let Some(ordered) = self.0.orders.as_deref().and_then(ordered) {
                *stop = Some(ordered);
            }
            let Some((at, left)) = &mut *stop else { return false };
            if *at != point {
                return false;
            }
            *left -= 1;
            if *left > 0 {
                return false;
            }
            *stop = None;
            true
        }
    }

    /// Arms this process: `POINT` or `POINT:NTH` freezes it there, by SIGSTOP, until it is continued or
    /// killed; `bug=NAME` puts a fault back; `@FILE` looks for a `POINT:NTH` in that file at every place,
    /// so that a process can be armed while it runs; `hurry=N` makes leases and heartbeats N times shorter;
    /// `skew=N` sets the machine's clock wrong by N seconds. Several, comma-separated.
    ///
    /// # Errors
    ///
    /// The part that names neither a place nor a fault.
    pub fn arm_process(spec: &str) -> Result<(), String> {
        let mut stop = None;
        let mut orders = None;
        let mut bugs = Vec::new();
        let (mut hurry, mut skew) = (1, 0);
        for part in spec.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if let Some(bug) = part.strip_prefix("bug=") {
                bugs.push(bug.parse().map_err(|_| part.to_owned())?);
                continue;
            }
            if let Some(factor) = part.strip_prefix("hurry=") {
                hurry = factor.parse().map_err(|_| part.to_owned())?;
                continue;
            }
            if let Some(seconds) = part.strip_prefix("skew=") {
                skew = seconds.parse().map_err(|_| part.to_owned())?;
                continue;
            }
            if let Some(file) = part.strip_prefix('@') {
                orders = Some(PathBuf::from(file));
                continue;
            }
            stop = Some(place(part).ok_or_else(|| part.to_owned())?);
        }
        let inner = Inner {
            stop: Mutex::new(stop),
            bugs: Mutex::new(bugs),
            orders,
            freezes: true,
            hurry,
            skew,
            ..Inner::default()
        };
        // Armed once, at the start.
        let _ = EVERYWHERE.set(Drill(Arc::new(inner)));
        Ok(())
    }

    fn place(text: &str) -> Option<(Point, usize)> {
        let (point, nth) = text.split_once(':').unwrap_or((text, "1"));
        Some((point.parse().ok()?, nth.parse().ok()?))
    }

    fn ordered(file: &Path) -> Option<(Point, usize)> {
        let text = std::fs::read_to_string(file).ok()?;
        std::fs::remove_file(file).ok()?;
        place(text.trim())
    }

    fn current() -> Option<Drill> {
        HERE.try_with(Drill::clone).ok().or_else(|| EVERYWHERE.get().cloned())
    }

    pub(crate) async fn reach(point: Point) {
        let Some(drill) = current() else { return };
        if !drill.stops_here(point) {
            return;
        }
        if drill.0.freezes {
            // Returns when somebody continues the process.
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::STOP,
            );
            return;
        }
        drill.0.reached.notify_one();
        std::future::pending::<()>().await;
    }

    pub(crate) fn hurried(time: std::time::Duration) -> std::time::Duration {
        time / current().map_or(1, |drill| drill.0.hurry.max(1))
    }

    pub(crate) fn skewed(now: jiff::Timestamp) -> jiff::Timestamp {
        let skew = current().map_or(0, |drill| drill.0.skew);
        now.saturating_add(jiff::SignedDuration::from_secs(skew)).unwrap_or(now)
    }

    pub(crate) fn is_back(bug: Bug) -> bool {
        current().is_some_and(|drill| {
            drill.0.bugs.lock().unwrap_or_else(PoisonError::into_inner).contains(&bug)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_dropped_at_the_nth_passing_and_nowhere_else() {
        let drill = Drill::default();
        drill.stop_at(Point::PageRead, 2);
        let done = std::sync::atomic::AtomicUsize::new(0);
        let work = async || {
            for _ in 0..3 {
                reach(Point::PullBegun).await;
                reach(Point::PageRead).await;
                done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        };
        assert!(drill.run(work()).await.is_none());
        assert_eq!(done.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert!(drill.run(work()).await.is_some(), "a stop is used up");
    }

    #[tokio::test]
    async fn a_fault_is_back_only_under_its_drill() {
        let drill = Drill::with_bugs(&[Bug::SwallowedGone]);
        assert_eq!(drill.run(async { is_back(Bug::SwallowedGone) }).await, Some(true));
        assert!(!is_back(Bug::SwallowedGone));
    }

    #[test]
    fn a_misspelt_place_is_refused() {
        assert_eq!(arm_process("page_read:2,bug=nonsense"), Err("bug=nonsense".to_owned()));
    }
}
