//! One seed from its beginning to its end.

use std::time::Duration;

use calhub::drill::Bug;
use jiff::{SignedDuration, Timestamp};
use simulators::{Content, World};

use super::{
    auditor::{Auditor, Step},
    chance::Chance,
    converge,
    hub::{Dues, Hub},
    time::Time,
    trace::Trace,
    truth::{Diary, Place, Truth},
    wire::Wire,
};

/// When every seed begins: a Monday, two weeks before some clocks change.
const START: &str = "2027-03-01T08:00:00Z";
/// Steps of one pause, beyond which the hub is said to spin.
const SPINS: usize = 2_000;

/// How one seed ended.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    pub fingerprint: String,
    /// What was wrong, the first first.
    pub faults: Vec<String>,
    pub trace: Vec<String>,
    pub tally: Tally,
}

/// What a run was made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub actions: usize,
    pub steps: usize,
    pub requests: usize,
    pub faulted: usize,
    pub crashes: usize,
    /// Notifications.
    pub told: usize,
    /// Answers that asked for room.
    pub throttled: usize,
    pub calendars: usize,
    /// Simulated seconds.
    pub seconds: i64,
    /// Seconds and requests until the slowest calendar was right again.
    pub slowest: i64,
    pub most_requests: usize,
}

pub struct Run {
    pub hub: Hub,
    pub wire: Wire,
    pub world: World,
    pub time: Time,
    pub trace: Trace,
    pub chance: Chance,
    pub auditor: Auditor,
    pub tally: Tally,
    /// Nothing goes wrong any more.
    pub is_calm: bool,
    /// Requests of the last phase, when it counts them.
    pub counted: Option<Vec<simulators::Entry>>,
}

/// Runs a seed with these faults put back into the hub.
pub async fn run(seed: u64, bugs: &[Bug]) -> Outcome {
    let time = Time::new(START.parse().unwrap());
    let trace = Trace::default();
    let world = World::with_clock(Box::new(time.clone()), Box::new(time.clone()));
    world.set_seed(seed);
    let wire = Wire::new(world.clone(), time.clone(), trace.clone());
    let hub = Hub::new(&wire, seed, bugs).await;
    let day = 86_400_000_000;
    let begin = time.truth().as_microsecond();
    let auditor = Auditor::new((begin - 5 * day, begin + 45 * day), time.clone(), trace.clone());
    let mut run = Run {
        hub,
        wire,
        world,
        time,
        trace,
        chance: Chance::new(seed),
        auditor,
        tally: Tally::default(),
        is_calm: false,
        counted: None,
    };
    run.settle_in().await;
    let actions = 6 + run.chance.below(9);
    for _ in 0..actions {
        if !run.auditor.faults.is_empty() {
            break;
        }
        run.act().await;
    }
    if run.auditor.faults.is_empty() {
        converge::converge(&mut run).await;
    }
    run.end(seed, begin).await
}

impl Run {
    async fn end(mut self, seed: u64, begin: i64) -> Outcome {
        if self.auditor.faults.is_empty() {
            self.auditor.close(&self.hub).await;
        }
        self.tally.seconds = (self.time.truth().as_microsecond() - begin) / 1_000_000;
        self.tally.throttled = self.wire.sent_away();
        self.tally.calendars = self.wire.truth.lock().unwrap().diaries.len();
        self.hub.close().await;
        *self.wire.truth.lock().unwrap() = Truth::default();
        Outcome {
            seed,
            fingerprint: self.trace.fingerprint(),
            faults: self.auditor.faults,
            trace: self.trace.lines(),
            tally: self.tally,
        }
    }

    /// Runs what is due, survives crashes, and has the auditor look, who writes nothing. Answers what is due next, if
    /// that is known.
    pub async fn settle(&mut self) -> Option<Dues> {
        self.tally.steps += 1;
        self.wire.begin_step();
        let mut crashed = false;
        let mut entries = Vec::new();
        let dues = loop {
            self.deliver().await;
            if let Some(dues) = self.hub.step().await {
                // What came meanwhile makes other things due.
                if self.world.next_notification().is_none_or(|at| at > self.time.truth()) {
                    break dues;
                }
                continue;
            }
            self.trace.line("  * crash".to_owned());
            self.tally.crashes += 1;
            crashed = true;
            self.wire.died();
            entries.extend(self.requests());
            let takes_over = self.chance.one_in(2);
            self.hub.restart(takes_over).await;
        };
        entries.extend(self.requests());
        self.look_at_google(&entries, crashed).await;
        let wire = self.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        let step = Step { disturbed: crashed || self.wire.has_happened() };
        self.auditor.look(&self.hub, &mut truth, step).await;
        self.auditor.faults.extend(self.wire.take_faults());
        dues
    }

    /// Lets time pass as it does for a running hub: whenever something is due, it runs.
    pub async fn pass(&mut self, span: Duration, mut dues: Option<Dues>) {
        let end = self.time.truth() + SignedDuration::try_from(span).unwrap();
        for _ in 0..SPINS {
            if !self.auditor.faults.is_empty() {
                return;
            }
            let Some(due) = self.next_due(dues.take()).await.filter(|due| *due <= end) else {
                let left = end.duration_since(self.time.truth());
                self.time.pass(Duration::try_from(left).unwrap_or_default());
                return;
            };
            let wait = due.duration_since(self.time.truth());
            self.time.pass(Duration::try_from(wait).unwrap_or_default());
            dues = self.settle().await;
        }
        self.auditor.faults.push("the hub spins".to_owned());
    }

    /// When something is due next, in true time, of what was read already or is read now.
    pub async fn next_due(&self, dues: Option<Dues>) -> Option<Timestamp> {
        let dues = match dues {
            Some(dues) => dues,
            None => self.hub.due().await,
        };
        let next = dues.into_iter().map(|(due, _)| due - self.time.skew()).min();
        let next = next.into_iter().chain(self.world.next_notification()).min();
        // What is due and could not be claimed is looked at again after a second.
        let soon = self.time.truth() + SignedDuration::from_secs(1);
        next.map(|due| due.max(soon))
    }

    /// Writes the requests since the last look into the trace.
    fn requests(&mut self) -> Vec<simulators::Entry> {
        let entries = self.world.log();
        self.world.clear_log();
        let mut truth = self.wire.truth.lock().unwrap();
        for entry in &entries {
            let report = entry.report.as_deref().unwrap_or("");
            let (path, faults) = (&entry.path, entry.faults.join(","));
            self.trace
                .line(format!("  > {} {path} {report} {:?} {faults}", entry.method, entry.status));
            self.tally.requests += 1;
            self.tally.faulted += usize::from(!entry.faults.is_empty());
            for diary in truth.diaries.iter_mut().filter(|diary| *path == diary.path()) {
                if is_lie(entry, diary) {
                    diary.lied = Some(entry.at);
                }
            }
        }
        drop(truth);
        if let Some(counted) = &mut self.counted {
            counted.extend(entries.iter().cloned());
        }
        entries
    }
}

/// Whether an answer leaves out what is there, and looks whole.
fn is_lie(entry: &simulators::Entry, diary: &Diary) -> bool {
    let has = |fault: &str| entry.faults.iter().any(|met| met == fault);
    match &diary.place {
        Place::Google(_) => {
            let is_short = has("half_rows") || has("empty_rows");
            entry.report.as_deref() == Some("events.list") && entry.status == Some(200) && is_short
        }
        Place::Feed(feed) => {
            let is_well = feed.knobs().content == Content::Calendar && !diary.halved;
            entry.status == Some(200) && !is_well
        }
        Place::Collection(_) => {
            let is_listing = entry.report.as_deref() == Some("sync-collection");
            let is_short = has("half_rows") || (is_listing && has("empty_rows"));
            entry.status == Some(207) && is_short
        }
    }
}
