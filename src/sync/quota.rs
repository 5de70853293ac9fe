//! Budgets: what a provider lets an account, and all accounts of one OAuth client, ask in a minute. All hubs of a
//! database together stay below it.
//!
//! What is left grows with time and stands in one row each ([`crate::store::Hosts::draw`]). A hub draws a small chunk of
//! the client's at a time, so that a request costs the database next to nothing, and spends it soon or not at all: what
//! was drawn counts from the draw on. Whoever has begun a conversation may draw more than whoever is about to, so that
//! what is begun ends.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use connectors::{Kind, RetryAfter, Throttle};
use jiff::Timestamp;

use super::{
    connect::Pace,
    engine::{Parts, mint_name},
    pacing::key_of,
    schedule::after,
};
use crate::{
    drill::{Bug, is_back},
    store::{Draw, Drawn, StoreError},
};

/// In any minute no more is asked than what was drawn in it, in the seconds of a chunk's life before it, and ahead:
/// 62 s of growth at four fifths, and an eighth, are 95 % of the budget.
const MINUTE: Duration = Duration::from_secs(75);
const LIFE: Duration = Duration::from_secs(2);
/// How much may be drawn ahead of time, of a minute's growth: by whoever is talking, and by whoever is about to.
const AHEAD_TALKING: u32 = 8;
const AHEAD_BEGINNING: u32 = 16;
/// Chunks that a minute's budget is cut into.
const CHUNKS: u32 = 200;
/// Chunks remembered before those are forgotten that are over.
const REMEMBERED: usize = 4_096;

/// The budgets of this process's conversations.
#[derive(Debug)]
pub(crate) struct Quota {
    parts: Parts,
    chunks: Mutex<HashMap<String, Chunk>>,
    /// Tells this process from others, for a fault that counts for itself alone.
    alone: OnceLock<String>,
}

/// What was drawn and is not spent.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    left: u32,
    drawn_at: Timestamp,
}

/// Who wants to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Beginning,
    Talking,
}

impl Quota {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, chunks: Mutex::default(), alone: OnceLock::new() }
    }

    /// Sees that a conversation may begin; answers until when it must wait.
    pub(crate) async fn begin(&self, pace: &Pace) -> Result<Option<Timestamp>, StoreError> {
        let mut until = None;
        for (name, per_minute, _) in self.budgets(pace) {
            if self.left(&name) == 0 {
                until = until.max(self.draw(&name, per_minute, 0, Stage::Beginning).await?);
            }
        }
        Ok(until)
    }

    /// Takes so many units of both budgets, in the middle of a conversation.
    pub(crate) async fn spend(&self, pace: &Pace, units: u32) -> connectors::Result<()> {
        let Some(project) = &pace.project else { return Ok(()) };
        let store = |error| Kind::Unavailable.error("the hub's own store fails").caused_by(error);
        let closed = self.closed(&pace.place, project).await.map_err(store)?;
        if let Some(until) = closed.filter(|_| !is_back(Bug::RetryAfterUnheard)) {
            return Err(self.exhausted(
                until,
                Throttle::Account,
                "the provider asked to be left alone",
            ));
        }
        for (name, per_minute, scope) in self.budgets(pace) {
            if self.take(&name, units) {
                continue;
            }
            let wait = self.draw(&name, per_minute, units, Stage::Talking).await.map_err(store)?;
            if let Some(until) = wait {
                return Err(self.exhausted(until, scope, "the requests of this minute are spent"));
            }
        }
        Ok(())
    }

    fn budgets(&self, pace: &Pace) -> Vec<(String, NonZeroU32, Throttle)> {
        let Some(project) = &pace.project else { return Vec::new() };
        let budget = self.parts.connectors.budget(pace.provider);
        let key = |name: &str| {
            if is_back(Bug::BudgetPerProcess) {
                let alone = self.alone.get_or_init(|| mint_name(&*self.parts.entropy));
                return key_of(&self.parts.vault, &format!("{name} {alone}"));
            }
            key_of(&self.parts.vault, name)
        };
        let project = budget.project.map(|most| (key(project), most, Throttle::Project));
        let account = budget.account.map(|most| (key(&pace.place), most, Throttle::Account));
        project.into_iter().chain(account).collect()
    }

    async fn closed(&self, place: &str, project: &str) -> Result<Option<Timestamp>, StoreError> {
        let (place, project) =
            (key_of(&self.parts.vault, place), key_of(&self.parts.vault, project));
        let mut tx = self.parts.store.glance().await?;
        tx.hosts().closed_until_either((&place, &project), self.parts.clock.now()).await
    }

    fn exhausted(&self, until: Timestamp, scope: Throttle, why: &str) -> connectors::Error {
        let wait = Duration::try_from(until.duration_since(self.parts.clock.now()));
        let retry_after = Some(RetryAfter::In(wait.unwrap_or_default()));
        Kind::Throttled { retry_after, scope }.error(why)
    }

    /// Draws a chunk, of which so many units are the caller's; answers until when there are none.
    async fn draw(
        &self,
        name: &str,
        per_minute: NonZeroU32,
        units: u32,
        stage: Stage,
    ) -> Result<Option<Timestamp>, StoreError> {
        let wanted = units.max(per_minute.get() / CHUNKS).max(1);
        let grows = MINUTE * wanted / per_minute.get();
        let ahead = match stage {
            Stage::Beginning => MINUTE / AHEAD_BEGINNING,
            Stage::Talking => MINUTE / AHEAD_TALKING,
        };
        let now = self.parts.clock.now();
        let mut tx = self.parts.store.begin().await?;
        let draw = Draw { grows, ahead: ahead.max(grows) };
        let drawn = tx.hosts().draw(name, draw, now).await?;
        tx.commit().await?;
        Ok(match drawn {
            Drawn::Yes => {
                self.add(name, wanted - units, now);
                None
            }
            Drawn::In(wait) => Some(after(now, wait)),
        })
    }

    fn left(&self, name: &str) -> u32 {
        let now = self.parts.clock.now();
        let chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        chunks.get(name).filter(|chunk| chunk.is_good(now)).map_or(0, |chunk| chunk.left)
    }

    fn add(&self, name: &str, units: u32, now: Timestamp) {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if chunks.len() >= REMEMBERED {
            chunks.retain(|_, chunk| chunk.is_good(now));
        }
        let chunk = chunks.entry(name.to_owned()).or_insert(Chunk { left: 0, drawn_at: now });
        // What is left of an earlier one ends when it would have.
        if !chunk.is_good(now) {
            *chunk = Chunk { left: 0, drawn_at: now };
        }
        chunk.left += units;
    }

    /// Takes units out of what was drawn, if they are there.
    fn take(&self, name: &str, units: u32) -> bool {
        let now = self.parts.clock.now();
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let chunk = chunks.get_mut(name).filter(|chunk| chunk.is_good(now) && chunk.left >= units);
        chunk.is_some_and(|chunk| {
            chunk.left -= units;
            true
        })
    }
}

impl Chunk {
    fn is_good(&self, now: Timestamp) -> bool {
        self.drawn_at <= now && now < after(self.drawn_at, LIFE)
    }
}
