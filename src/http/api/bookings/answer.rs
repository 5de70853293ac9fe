//! The answer to a request that books, made and kept in the transaction of the booking.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use axum::{http::StatusCode, response::Response};

use super::shown;
use crate::{
    booking::{Answering, Refusal},
    http::{Api, idempotency::Slot},
    store::{BookingRow, Tx},
};

/// One answer, once it is made.
pub(super) struct Answer<'a> {
    api: &'a Api,
    slot: &'a Slot,
    made: Mutex<Option<Response>>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(api: &'a Api, slot: &'a Slot) -> Self {
        Self { api, slot, made: Mutex::new(None) }
    }

    /// What to send, if it was kept.
    pub(super) fn made(self) -> Option<Response> {
        self.made.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Answering for Answer<'_> {
    async fn hold(&self) -> Result<(), Refusal> {
        self.slot.hold().await
    }

    async fn check(&self, tx: &mut Tx) -> Result<(), Refusal> {
        self.slot.check(tx).await
    }

    async fn keep(&self, tx: &mut Tx, booking: &BookingRow) -> Result<(), Refusal> {
        let response = shown(self.api, tx, StatusCode::CREATED, booking).await?;
        let kept = self.slot.keep(tx, response).await?;
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(())
    }
}
