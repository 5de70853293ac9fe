//! A backend of apalis that holds no jobs: it only passes on that somebody rang.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::{
        Task,
        builder::TaskBuilder,
        task_id::{RandomId, TaskId},
    },
    worker::context::WorkerContext,
};
use tokio::sync::mpsc;
use tower::layer::util::Identity;

/// The button outside. Ringing twice before anybody came is ringing once.
#[derive(Clone, Debug)]
pub(super) struct Button(mpsc::Sender<()>);

impl Button {
    pub(super) fn ring(&self) {
        // Full means that the bell rings already; closed, that nobody will come any more.
        let _ = self.0.try_send(());
    }
}

/// The bell inside: one task a ring, "drain what is due". A restarted worker takes a clone.
#[derive(Clone, Debug)]
pub(super) struct Doorbell(Arc<Mutex<mpsc::Receiver<()>>>);

/// Makes a bell with its button.
pub(super) fn doorbell() -> (Button, Doorbell) {
    let (button, bell) = mpsc::channel(1);
    (Button(button), Doorbell(Arc::new(Mutex::new(bell))))
}

impl Backend for Doorbell {
    type Task = Task<()>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<()>, Infallible>>> {
        let mut bell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bell.poll_recv(cx).map(|rung| {
            // The tracing layer wants an id; a ring has none of its own.
            rung.map(|()| Ok(TaskBuilder::new(()).task_id(TaskId::String("ring".into())).build()))
        })
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Doorbell {
    type Args = ();
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
