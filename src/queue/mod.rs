//! Runs the lanes: the only module that names apalis.
//!
//! Our own rows are the only truth about what is due. apalis contributes workers (concurrency, tracing,
//! caught panics, graceful shutdown) and its tasks carry nothing: a task says "drain what is due in this
//! lane". A lost ring costs at most a second, because the ticker asks the rows, not the bell. The decision
//! is `docs/adr/0002-queue.md`.

mod doorbell;

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use apalis::prelude::{Monitor, ParallelizeExt as _, WorkerBuilder, WorkerBuilderExt as _};
use async_trait::async_trait;
use tokio::{sync::Notify, task::JoinHandle};

use self::doorbell::{Button, Doorbell, doorbell};
use crate::sync::{Drains, Engine};

/// How often the rows are asked what is due.
const TICK: Duration = Duration::from_secs(1);
/// How long after that they are not asked again, however often it rings.
const REST: Duration = Duration::from_millis(5);
/// How long running drains may take to end after a shutdown was asked for.
const GRACE: Duration = Duration::from_secs(20);

/// What the workers drain: the sync engine, or a stand-in in tests.
#[async_trait]
pub trait Lanes: Send + Sync + 'static {
    /// The lanes by name, with how many drains of each may run at once.
    fn lanes(&self) -> Vec<(&'static str, usize)>;

    /// Rung when rows became due ahead of time.
    fn bell(&self) -> Arc<Notify>;

    /// How many rows are due in each lane now, by what is worth a drain.
    async fn due(&self) -> Vec<(&'static str, usize)>;

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

    async fn due(&self) -> Vec<(&'static str, usize)> {
        // A store that fails now is asked again with the next tick; the drains would fail all the same.
        Engine::due(self).await.unwrap_or_default()
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
    let mut crews: Vec<(&'static str, Vec<Hand>)> = Vec::new();
    for (lane, drains) in lanes.lanes() {
        let mut crew = Vec::new();
        for number in 0..drains {
            let (button, bell) = doorbell();
            let is_busy = Arc::new(AtomicBool::new(false));
            monitor = hire(monitor, lane, number, (bell, Arc::clone(&is_busy)), &lanes);
            crew.push(Hand { button, is_busy });
        }
        crews.push((lane, crew));
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
    let ticker = tokio::spawn(tick(lanes, crews));
    Queue { workers, ticker }
}

fn hire(
    monitor: Monitor,
    lane: &'static str,
    number: usize,
    (bell, is_busy): (Doorbell, Arc<AtomicBool>),
    lanes: &Arc<dyn Lanes>,
) -> Monitor {
    let lanes = Arc::clone(lanes);
    monitor.register(move |_restarts| {
        let (lanes, is_busy) = (Arc::clone(&lanes), Arc::clone(&is_busy));
        WorkerBuilder::new(format!("{lane}-{number}"))
            .backend(bell.clone())
            .concurrency(1)
            .parallelize(tokio::spawn)
            .catch_panic()
            .enable_tracing()
            .build(move |(): ()| {
                let (lanes, busy) = (Arc::clone(&lanes), Busy::of(&is_busy));
                async move {
                    lanes.drain(lane).await;
                    drop(busy);
                }
            })
    })
}

/// One worker, as the ticker sees it.
struct Hand {
    button: Button,
    is_busy: Arc<AtomicBool>,
}

/// Says that a worker drains, until it is dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn of(flag: &Arc<AtomicBool>) -> Self {
        flag.store(true, Ordering::Relaxed);
        Self(Arc::clone(flag))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

async fn tick(lanes: Arc<dyn Lanes>, crews: Vec<(&'static str, Vec<Hand>)>) {
    let bell = lanes.bell();
    for first in (0..crews.len().max(1)).cycle() {
        let due = lanes.due().await;
        // Where lanes want the same host, whoever is called first has it: each is, in turn.
        for (lane, crew) in crews.iter().cycle().skip(first).take(crews.len()) {
            let due = due.iter().find(|(of, _)| of == lane).map_or(0, |(_, rows)| *rows);
            call(crew, due);
        }
        tokio::time::sleep(REST).await;
        // Either way the rows are asked again; the bell only makes it sooner.
        let _ = tokio::time::timeout(TICK, bell.notified()).await;
    }
}

/// Calls as many as there are rows, those that are idle first. Who is busy and called drains once more.
fn call(crew: &[Hand], rows: usize) {
    let is_idle = |hand: &&Hand| !hand.is_busy.load(Ordering::Relaxed);
    let (idle, busy): (Vec<_>, Vec<_>) = crew.iter().partition(is_idle);
    idle.into_iter().chain(busy).take(rows).for_each(|hand| hand.button.ring());
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, atomic::AtomicUsize};

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

        async fn due(&self) -> Vec<(&'static str, usize)> {
            let take = |due: usize| due.checked_sub(1);
            let is_due = self.due.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
            vec![("pull", usize::from(is_due))]
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
