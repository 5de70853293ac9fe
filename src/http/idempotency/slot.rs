//! Keys of requests whose effect and answer are one transaction.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{
    http::{Method, StatusCode, request::Parts},
    response::Response,
};

use super::{LEASE, in_progress, is_final, keep, read, seal, told};
use crate::{
    booking::Refusal,
    http::{Api, Problem},
    store::{Begun, IdempotencyKey, Tx},
};

/// The key of one request. Whatever has the effect keeps the answer with it; what has none is kept at the end.
pub(crate) struct Slot {
    api: Api,
    key: IdempotencyKey,
    hash: Vec<u8>,
    stage: Mutex<Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has the key.
    Free,
    /// This request has it, by a row with a lease.
    Held,
    /// The answer stands with its effect.
    Kept,
    /// Somebody else has it.
    Lost,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Slot {
    pub(super) fn new(api: &Api, key: IdempotencyKey, hash: Vec<u8>) -> Self {
        Self { api: api.clone(), key, hash, stage: Mutex::new(Stage::Free) }
    }

    /// Whether a request keeps its answer itself: those that book, unless they wait for a calendar first.
    pub(super) fn serves(parts: &Parts) -> bool {
        let path = parts.uri.path();
        let books =
            path == "/v1/bookings" || path.starts_with("/v1/holds/") && path.ends_with("/confirm");
        parts.method == Method::POST && books && !parts.headers.contains_key("prefer")
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, stage: Stage) -> bool {
        *self.stage() == stage
    }

    /// Somebody else was quicker.
    fn lost(&self) -> Refusal {
        *self.stage() = Stage::Lost;
        Refusal::Overtaken
    }

    /// Takes the key, before a provider is asked; once, however often one is.
    pub(in crate::http) async fn hold(&self) -> Result<(), Refusal> {
        if self.is(Stage::Held) {
            return Ok(());
        }
        let hub = &self.api.hub;
        let mut tx = hub.store.begin().await?;
        let (owner, now) = (hub.engine.owner(), hub.clock.now());
        match tx.idempotency().begin(&self.key, &self.hash, owner, LEASE, now).await? {
            Begun::Fresh { .. } => {
                tx.commit().await?;
                *self.stage() = Stage::Held;
                Ok(())
            }
            _ => Err(self.lost()),
        }
    }

    /// Makes sure that nobody has had the effect, under its locks.
    pub(in crate::http) async fn check(&self, tx: &mut Tx) -> Result<(), Refusal> {
        if self.is(Stage::Held) {
            return Ok(());
        }
        let now = self.api.hub.clock.now();
        match tx.idempotency().find(&self.key, &self.hash, now).await? {
            None => Ok(()),
            Some(_) => Err(self.lost()),
        }
    }

    /// Keeps an answer in the transaction of its effect, and gives it back to be sent.
    pub(in crate::http) async fn keep(
        &self,
        tx: &mut Tx,
        response: Response,
    ) -> Result<Response, Refusal> {
        let Ok((response, plain)) = read(response).await else { return Err(Refusal::Overtaken) };
        self.put(tx, response.status(), &plain).await?;
        *self.stage() = Stage::Kept;
        Ok(response)
    }

    async fn put(&self, tx: &mut Tx, status: StatusCode, plain: &[u8]) -> Result<(), Refusal> {
        let sealed = seal(&self.api, tx, &self.key, plain).await?;
        let answer = (i64::from(status.as_u16()), sealed.as_bytes());
        if self.is(Stage::Held) {
            tx.idempotency().finish(&self.key, answer.0, answer.1).await?;
            return Ok(());
        }
        let now = self.api.hub.clock.now();
        match tx.idempotency().keep(&self.key, &self.hash, answer, now).await? {
            true => Ok(()),
            false => Err(self.lost()),
        }
    }

    /// Ends the request: what had no effect is kept now, if it is final; where somebody was quicker, theirs is told.
    pub(super) async fn end(&self, response: Response) -> Result<Response, Problem> {
        let (api, key) = (&self.api, &self.key);
        let stage = *self.stage();
        match stage {
            Stage::Kept if is_final(&response) => Ok(response),
            // Kept in a transaction that failed is not kept.
            Stage::Kept | Stage::Held => keep(api, key, response).await,
            Stage::Lost => {
                let (mut tx, now) = (api.hub.store.glance().await?, api.hub.clock.now());
                match tx.idempotency().find(key, &self.hash, now).await? {
                    Some(found) => told(api, &mut tx, key, found).await,
                    None => Err(in_progress()),
                }
            }
            Stage::Free if is_final(&response) => {
                let (response, plain) = read(response).await?;
                let mut tx = api.hub.store.begin().await?;
                self.put(&mut tx, response.status(), &plain).await?;
                tx.commit().await?;
                Ok(response)
            }
            Stage::Free => Ok(response),
        }
    }
}
