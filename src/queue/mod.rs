//! Runs the lanes: the only module that names apalis.
//!
//! Our own rows are the only truth about what is due. apalis contributes workers (concurrency, tracing,
//! caught panics, graceful shutdown) and its tasks carry nothing: a task says "drain what is due in this
//! lane". A lost ring costs at most a second, because the ticker asks the rows, not the bell. The decision
//! is `docs/adr/0002-queue.md`.

mod doorbell;

use std::{future::Future, io, sync::Arc, time::Duration};

use apalis::prelude::{Monitor, ParallelizeExt as _, WorkerBuilder, WorkerBuilderExt as _};
use async_trait::async_trait;
use tokio::{sync::Notify, task::JoinHandle};

use self::doorbell::{Button, Doorbell, doorbell};
use crate::sync::{Drains, Engine};

/// How often the rows are asked what is due.
const TICK: Duration = Duration::from_secs(1);
/// How long running drains may take to end after a shutdown was asked for.
const GRACE: Duration = Duration::from_secs(20);

/// What the workers drain: the sync engine, or a stand-in in tests.
#[async_trait]
pub trait Lanes: Send + Sync + 'static {
    /// The lanes by name, with how many drains of each may run at once.
    fn lanes(&self) -> Vec<(&'static str, usize)>;

    /// Rung when rows became due ahead of time.
    fn bell(&self) -> Arc<Notify>;

    /// Whether anything is due in the lane now.
    async fn is_due(&self, lane: &'static str) -> bool;

    /// Runs what is due until nothing is. Never fails: what went wrong is on the rows and in the log.
    async fn drain(&self, lane: &'static str);
}

#[async_trait]
impl Lanes for Engine {
    fn lanes(&self) -> Vec<(&'static str, usize)> {
        Drains::ALL.map(|drains| (drains.name, drains.at_once)).to_vec()
    }

    fn bell(&self) -> Arc<Notify> {
        Engine::bell(self)
    }

    async fn is_due(&self, lane: &'static str) -> bool {
        let Some(Drains { lane, share, .. }) = Drains::named(lane) else { return false };
        // A store that fails now is asked again with the next tick; the drain would fail all the same.
        Engine::is_due(self, lane, share).await.unwrap_or(false)
    }

    async fn drain(&self, lane: &'static str) {
        let Some(drains) = Drains::named(lane) else { return };
        if let Err(error) = Engine::drain(self, drains.lane, drains.share).await {
            tracing::error!(lane, error = &error as &dyn std::error::Error, "A drain failed.");
        }
    }
}

/// The running workers.
#[derive(Debug)]
pub struct Queue {
    workers: JoinHandle<()>,
    ticker: JoinHandle<()>,
}

impl Queue {
    /// Waits until the workers have ended, which they do after the shutdown they were started with.
    pub async fn ended(self) {
        if self.workers.await.is_err() {
            tracing::error!("The workers ended by a panic.");
        }
        self.ticker.abort();
    }
}

/// Starts workers that run until `shutdown` resolves; drains in progress are then awaited for a while.
pub fn start(lanes: Arc<dyn Lanes>, shutdown: impl Future<Output = ()> + Send + 'static) -> Queue {
    let mut monitor = Monitor::new().shutdown_timeout(GRACE).should_restart(|worker, error| {
        tracing::error!(worker = worker.name(), %error, "A worker died and is started again.");
        true
    });
    let mut buttons = Vec::new();
    for (lane, drains) in lanes.lanes() {
        for number in 0..drains {
            let (button, bell) = doorbell();
            buttons.push((lane, button));
            monitor = hire(monitor, lane, number, bell, &lanes);
        }
    }
    let workers = tokio::spawn(async move {
        let signal = async {
            shutdown.await;
            io::Result::Ok(())
        };
        if let Err(error) = monitor.run_with_signal(signal).await {
            tracing::error!(%error, "The workers ended badly.");
        }
    });
    let ticker = tokio::spawn(tick(lanes, buttons));
    Queue { workers, ticker }
}

fn hire(
    monitor: Monitor,
    lane: &'static str,
    number: usize,
    bell: Doorbell,
    lanes: &Arc<dyn Lanes>,
) -> Monitor {
    let lanes = Arc::clone(lanes);
    monitor.register(move |_restarts| {
        let lanes = Arc::clone(&lanes);
        WorkerBuilder::new(format!("{lane}-{number}"))
            .backend(bell.clone())
            .concurrency(1)
            .parallelize(tokio::spawn)
            .catch_panic()
            .enable_tracing()
            .build(move |(): ()| {
                let lanes = Arc::clone(&lanes);
                async move { lanes.drain(lane).await }
            })
    })
}

async fn tick(lanes: Arc<dyn Lanes>, buttons: Vec<(&'static str, Button)>) {
    let bell = lanes.bell();
    loop {
        for (lane, _) in lanes.lanes() {
            if lanes.is_due(lane).await {
                buttons.iter().filter(|(of, _)| *of == lane).for_each(|(_, button)| button.ring());
            }
        }
        // Either way the rows are asked again; the bell only makes it sooner.
        let _ = tokio::time::timeout(TICK, bell.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::{Semaphore, oneshot};

    use super::*;

    /// One lane whose drains report in, panic once, or wait to be let go.
    #[derive(Default)]
    struct Rehearsal {
        bell: Arc<Notify>,
        due: AtomicUsize,
        drained: AtomicUsize,
        at_once: AtomicUsize,
        most_at_once: AtomicUsize,
        panics: bool,
        report: Mutex<Option<tokio::sync::mpsc::UnboundedSender<usize>>>,
        leave: Option<Semaphore>,
    }

    #[async_trait]
    impl Lanes for Rehearsal {
        fn lanes(&self) -> Vec<(&'static str, usize)> {
            vec![("pull", 1)]
        }

        fn bell(&self) -> Arc<Notify> {
            Arc::clone(&self.bell)
        }

        async fn is_due(&self, _: &'static str) -> bool {
            self.due.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |d| d.checked_sub(1)).is_ok()
        }

        async fn drain(&self, _: &'static str) {
            let nth = self.drained.fetch_add(1, Ordering::SeqCst) + 1;
            let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            self.report.lock().unwrap().as_ref().unwrap().send(nth).unwrap();
            if let Some(leave) = &self.leave {
                leave.acquire().await.unwrap().forget();
            }
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            assert!(!(self.panics && nth == 1), "the first drain of this rehearsal panics");
        }
    }

    fn rehearse(
        lanes: Rehearsal,
    ) -> (Arc<Rehearsal>, tokio::sync::mpsc::UnboundedReceiver<usize>, oneshot::Sender<()>, Queue)
    {
        let (report, reports) = tokio::sync::mpsc::unbounded_channel();
        *lanes.report.lock().unwrap() = Some(report);
        let lanes = Arc::new(lanes);
        let (stop, stopped) = oneshot::channel();
        let queue = start(Arc::clone(&lanes) as _, async {
            let _ = stopped.await;
        });
        (lanes, reports, stop, queue)
    }

    #[tokio::test]
    async fn a_ring_drains_what_is_due_and_a_shutdown_ends_the_workers() {
        let (lanes, mut reports, stop, queue) = rehearse(Rehearsal::default());
        lanes.due.store(1, Ordering::SeqCst);
        lanes.bell.notify_one();
        assert_eq!(reports.recv().await, Some(1));
        stop.send(()).unwrap();
        queue.ended().await;
    }

    #[tokio::test]
    async fn a_panic_in_a_drain_is_caught_and_the_lane_goes_on() {
        let (lanes, mut reports, _stop, _queue) =
            rehearse(Rehearsal { panics: true, ..Rehearsal::default() });
        for nth in [1, 2] {
            lanes.due.store(1, Ordering::SeqCst);
            lanes.bell.notify_one();
            assert_eq!(reports.recv().await, Some(nth));
        }
    }

    #[tokio::test]
    async fn a_worker_runs_one_drain_at_a_time_and_a_shutdown_waits_for_it() {
        let (lanes, mut reports, stop, queue) =
            rehearse(Rehearsal { leave: Some(Semaphore::new(0)), ..Rehearsal::default() });
        lanes.due.store(1, Ordering::SeqCst);
        lanes.bell.notify_one();
        assert_eq!(reports.recv().await, Some(1));
        lanes.due.store(1, Ordering::SeqCst);
        lanes.bell.notify_one();
        lanes.leave.as_ref().unwrap().add_permits(1);
        assert_eq!(reports.recv().await, Some(2));
        stop.send(()).unwrap();
        lanes.leave.as_ref().unwrap().add_permits(1);
        queue.ended().await;
        assert_eq!(lanes.at_once.load(Ordering::SeqCst), 0);
        assert_eq!(lanes.most_at_once.load(Ordering::SeqCst), 1);
    }
}
