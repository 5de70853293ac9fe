//! One pull: from the saved cursor to the next, page by page.
//!
//! What only adds is stored as it comes. What takes busy time away waits until the round is complete and
//! has been judged ([`super::quarantine`]); the transaction that ends the round moves the cursor with it. A
//! crash at any point repeats the round and changes nothing twice.

mod planning;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use connectors::{CalendarRef, Connector, Cursor, Kind, Next, connector::CalendarFacts};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    connect::Pace,
    digest::{Allowance, News},
    engine::{Engine, Subject, Way},
    error::SyncError,
    pausing::Use,
    quarantine::{Balance, Held},
    state::is_pulled,
    stock::Stock,
    traffic::counted,
    window,
};
use crate::{
    drill::{Bug, Point, is_back, reach},
    model::{
        ids::{CalendarId, TenantId},
        interval::Span,
    },
    store::{CalendarRow, WorkRow},
};

/// Pages of one round, beyond which a provider is not taken seriously.
const PAGES: usize = 10_000;
/// What a server says that may no longer know a cursor, or no longer have the calendar.
const REFUSALS: [&str; 3] = ["calendar_gone", "forbidden", "rejected"];

/// How a pull is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ask<'a> {
    /// List everything although there is a cursor.
    pub(super) full: bool,
    /// Only tell what would change.
    pub(super) dry: bool,
    /// The claimed row, to be finished in the transaction that ends the pull.
    pub(super) row: Option<&'a WorkRow>,
}

/// What a pull did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Pulled {
    /// Items that came new or changed.
    pub items_changed: usize,
    pub items_gone: usize,
    /// Busy intervals.
    pub added: usize,
    pub removed: usize,
    /// Whether the provider listed everything.
    pub full: bool,
    /// Whether the removals are held back.
    pub quarantined: bool,
}

/// A pull in progress.
pub(super) struct Round<'a> {
    pub(super) engine: &'a Engine,
    pub(super) subject: Subject,
    /// Who is to be left alone when the provider asks for that.
    pub(super) pace: Pace,
    pub(super) ask: Ask<'a>,
    /// Before the first request.
    pub(super) began: Timestamp,
    pub(super) covered: Span,
    pub(super) generation: i64,
    pub(super) lists_everything: bool,
    pub(super) facts: CalendarFacts,
    pub(super) balance: Balance,
    /// Future intervals that this round has stored already.
    pub(super) stored_early: usize,
    pub(super) pulled: Pulled,
    /// Requests that the provider got.
    pub(super) asked: u64,
    /// Shared by all series of the round.
    allowance: Arc<Allowance>,
    /// Whether the provider had forgotten the cursor.
    pub(super) has_started_over: bool,
    seen: HashSet<String>,
    /// What waits for the end of the round, by item.
    pending: BTreeMap<String, News>,
    pending_series: HashSet<String>,
}

impl Engine {
    /// Reads one calendar's changes into the store.
    pub(super) async fn pull(
        &self,
        tenant: &TenantId,
        calendar: &CalendarId,
        ask: Ask<'_>,
    ) -> Result<Pulled, SyncError> {
        let flight = self.flight(calendar);
        let _alone = flight.lock().await;
        let subject = self.subject(tenant, calendar).await?;
        let way = self.way(&subject, Use::Read).await?;
        let live = self.enter_live(&way.pace).await?;
        let pulled = self.pull_subject(subject, &way, ask).await;
        live.leave().await;
        pulled
    }

    pub(super) async fn pull_subject(
        &self,
        subject: Subject,
        way: &Way,
        ask: Ask<'_>,
    ) -> Result<Pulled, SyncError> {
        if !is_pulled(subject.connection.state) {
            return Err(SyncError::NotAsked);
        }
        let learned = subject.connection.learned.clone();
        let connector = self.connect(&subject.connection, way);
        let mut round = Round::new(self, subject, way.pace.clone(), ask);
        reach(Point::PullBegun).await;
        let (outcome, learned) = match &connector {
            Ok(connector) => {
                let (outcome, asked) = counted(Box::pin(round.run(&**connector))).await;
                round.asked = asked;
                (outcome, connector.learned())
            }
            Err(_) => (Ok(None), learned),
        };
        let (began, provider) = (round.began, round.subject.connection.provider);
        let ended = match (connector, outcome) {
            (Ok(connector), Ok(cursor)) => round.end(&*connector, cursor).await,
            (Err(error), _) => round.failed(learned, error.into()).await,
            (_, Err(error)) => round.failed(learned, error).await,
        };
        if !ask.dry {
            let took = self.clock.now().duration_since(began).try_into().unwrap_or_default();
            self.tally.pulled(provider.as_str(), word(&ended), took);
        }
        ended
    }
}

/// How a pull ended, for the metrics.
fn word(ended: &Result<Pulled, SyncError>) -> &'static str {
    match ended {
        Ok(pulled) if pulled.quarantined => "quarantined",
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

impl<'a> Round<'a> {
    fn new(engine: &'a Engine, subject: Subject, pace: Pace, ask: Ask<'a>) -> Self {
        let began = engine.clock.now();
        let calendar = &subject.calendar;
        let covered = covered(calendar).unwrap_or_else(|| window::at(began));
        let generation = calendar.generation;
        Self {
            engine,
            subject,
            pace,
            ask,
            began,
            covered,
            generation,
            lists_everything: false,
            facts: CalendarFacts::default(),
            balance: Balance::default(),
            stored_early: 0,
            pulled: Pulled::default(),
            asked: 0,
            allowance: Arc::default(),
            has_started_over: false,
            seen: HashSet::new(),
            pending: BTreeMap::new(),
            pending_series: HashSet::new(),
        }
    }

    async fn failed(self, learned: Value, error: SyncError) -> Result<Pulled, SyncError> {
        self.fail(learned, &error).await?;
        Err(error)
    }

    /// Reads all pages, and answers where the next pull resumes.
    async fn run(&mut self, connector: &dyn Connector) -> Result<Option<Cursor>, SyncError> {
        let saved = self.subject.calendar.read_cursor.clone().map(Cursor::new);
        let mut cursor = saved.filter(|_| !self.is_full_due(connector));
        let mut may_start_over = cursor.is_some();
        let calendar = CalendarRef::new(self.subject.calendar.provider_ref.clone());
        let window = window::of_connector(self.covered);
        if cursor.is_none() {
            self.generation += 1;
        }
        for page in 0..PAGES {
            if page > 0 {
                let mut tx = self.engine.store.read().await?;
                self.engine.may(&mut tx, &self.subject, Use::Read).await?;
            }
            let known = Stock { engine: self.engine, calendar: &self.subject.calendar };
            let page = match connector.pull(&calendar, window, cursor.as_ref(), &known).await {
                Ok(page) => page,
                Err(error) if error.kind == Kind::CursorExpired && is_back(Bug::SwallowedGone) => {
                    return Ok(cursor);
                }
                Err(error) if error.kind == Kind::CursorExpired && may_start_over => {
                    may_start_over = false;
                    self.start_over();
                    cursor = None;
                    continue;
                }
                Err(_) if is_back(Bug::EmptyMeansGone) => {
                    self.lists_everything = true;
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
            reach(Point::PageRead).await;
            let next = page.next.clone();
            if is_back(Bug::CursorBeforeData) {
                self.save_cursor(&next).await?;
            }
            self.take(page).await?;
            if is_back(Bug::SweepBeforeLastPage) && matches!(next, Next::More(_)) {
                self.sweep_early().await?;
            }
            match next {
                Next::More(from) => cursor = Some(from),
                Next::Resume(resume) => return Ok(resume),
            }
        }
        Err(Kind::BadReply.error("the listing does not end").into())
    }

    fn is_full_due(&self, connector: &dyn Connector) -> bool {
        let calendar = &self.subject.calendar;
        let traits = connector.traits();
        let is_old = calendar.full_at.is_none_or(|at| {
            // One of the future was noted by a clock that was ahead.
            at > self.began
                || at.saturating_add(traits.full_every).is_ok_and(|due| due <= self.began)
        });
        let is_held = self.held().is_some_and(|held| !held.may_resume());
        self.ask.full || is_held || (traits.cursors && (is_old || self.was_refused()))
    }

    /// Whether the last pull was refused in words that may mean an expired cursor: everything was asked for at
    /// once then, and refused too. Asking both ways each time would double what an outage costs.
    fn was_refused(&self) -> bool {
        let calendar = &self.subject.calendar;
        let code = calendar.last_error.as_deref().unwrap_or_default();
        calendar.failures > 0 && REFUSALS.contains(&code)
    }

    /// The note on the calendar, if its removals are held back.
    pub(super) fn held(&self) -> Option<Held> {
        let note = self.subject.calendar.quarantine.clone()?;
        serde_json::from_value(note).ok()
    }

    /// Forgets what this round read so far: what was stored of it is right, only not all of it.
    fn start_over(&mut self) {
        let id = &self.subject.calendar.calendar_id;
        tracing::info!(calendar.id = %id, "The cursor expired; everything is read again.");
        self.has_started_over = true;
        self.generation += 1;
        self.seen.clear();
        self.pending.clear();
        self.pending_series.clear();
    }
}

/// The span for which a calendar's busy time is stored.
pub(super) fn covered(calendar: &CalendarRow) -> Option<Span> {
    Span::new(calendar.covered_from?, calendar.covered_until?)
}
