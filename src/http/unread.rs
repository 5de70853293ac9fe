//! What an answer leaves unread of its request's body. Most clients read no answer before they have sent everything,
//! and take a connection that is closed before for a fault of the network; so the rest is heard out, within bounds.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody},
    extract::Request,
    http::header,
};
use futures::{Stream, StreamExt};

/// How much of a body that nobody wants is read, and for how long.
const HEAR_BYTES: usize = 32 << 20;
const HEAR_FOR: Duration = Duration::from_secs(10);
/// What the server reads by itself before it closes a connection.
const SMALL: u64 = 8 << 10;

/// Lends the body to whoever answers the request; what is not read of it comes back, if it may be much.
pub(super) fn lend(request: Request) -> (Request, Option<Unread>) {
    let waits = request.headers().contains_key(header::EXPECT);
    let is_small = request.body().size_hint().upper().is_some_and(|most| most <= SMALL);
    // Who waits for a word before it sends gets the answer instead.
    if is_small || waits {
        return (request, None);
    }
    let unread = Unread::default();
    let (parts, body) = request.into_parts();
    let lent = Lent { body: Some(body.into_data_stream()), back: unread.clone() };
    (Request::from_parts(parts, Body::from_stream(lent)), Some(unread))
}

/// Where an unread body comes back to.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<Mutex<Option<BodyDataStream>>>);

impl Unread {
    /// Throws away what came back.
    pub(super) async fn hear_out(self) {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body else { return };
        let whole = async {
            let mut left = HEAR_BYTES;
            while let Some(Ok(part)) = body.next().await {
                left = left.saturating_sub(part.len());
                if left == 0 {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(HEAR_FOR, whole).await;
    }
}

struct Lent {
    /// `None` once it has ended.
    body: Option<BodyDataStream>,
    back: Unread,
}

impl Stream for Lent {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let part = ready!(body.poll_next_unpin(context));
        if !matches!(part, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(part)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            *self.back.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
