//! Between the hub's transport and the simulated providers: counts, watches `Retry-After`, and lets things
//! happen in the middle of a conversation.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use calhub::{
    audit::By,
    model::ids::TenantId,
    sync::{Engine, Selector},
};
use connectors::transport::{Cut, Service};
use http::{Request, Response, header};
use jiff::{SignedDuration, Timestamp};
use simulators::{Delivery, World};

use super::{actions, chance::Chance, google, time::Time, trace::Trace, truth::Truth};

/// By how much a clock must be set back to be noticed.
pub const NOTICED: SignedDuration = SignedDuration::from_mins(5);
/// An answer that takes longer does not come.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// What happens while the hub is talking to a provider.
#[derive(Clone, Copy, Debug)]
pub enum Interjection {
    /// Somebody edits a calendar.
    Edit,
    /// Somebody asks for a sync.
    Nudge,
}

/// How long a host wants to be left alone.
#[derive(Clone, Copy)]
struct Closed {
    /// When it said so, and until when that is, by the hub's clock.
    told: Timestamp,
    until: Timestamp,
    /// Until when that really is.
    truly: Timestamp,
}

#[derive(Default)]
struct State {
    /// Requests until something happens, and what.
    planned: Option<(u64, Interjection, u64)>,
    /// Hosts that asked for room; at Google, accounts, clients and the token endpoint.
    closed: BTreeMap<String, Closed>,
    /// The same when the step began.
    closed_before: BTreeMap<String, Closed>,
    /// Whether something has happened in the middle since the step began.
    has_happened: bool,
    /// How often somebody was asked to wait.
    sent_away: usize,
    /// A person waits for the answer: live checks are made whatever the host asked for.
    by_person: bool,
    faults: Vec<String>,
    engine: Option<(Arc<Engine>, TenantId)>,
}

#[derive(Clone)]
pub struct Wire {
    pub world: World,
    pub time: Time,
    pub trace: Trace,
    pub truth: Arc<Mutex<Truth>>,
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub fn new(world: World, time: Time, trace: Trace) -> Self {
        Self { world, time, trace, truth: Arc::default(), state: Arc::default() }
    }

    /// Has something happen at the `nth` request from now.
    pub fn interject(&self, nth: u64, what: Interjection, seed: u64) {
        self.state.lock().unwrap().planned = Some((nth, what, seed));
    }

    /// The engine whose requests pass here, or none.
    pub fn serve(&self, engine: Option<(Arc<Engine>, TenantId)>) {
        let mut state = self.state.lock().unwrap();
        state.engine = engine;
    }

    /// A step begins.
    pub fn begin_step(&self) {
        let mut state = self.state.lock().unwrap();
        state.closed_before = state.closed.clone();
        state.has_happened = false;
    }

    /// The hub has died within the step: what it was told and had not stored is lost with it.
    pub fn died(&self) {
        let mut state = self.state.lock().unwrap();
        state.closed = state.closed_before.clone();
    }

    pub fn has_happened(&self) -> bool {
        self.state.lock().unwrap().has_happened
    }

    /// Nothing more happens in the middle.
    pub fn calm(&self) {
        self.state.lock().unwrap().planned = None;
    }

    /// When the last host that asked for room may be asked again, in true time.
    pub fn open_again(&self) -> Option<Timestamp> {
        let state = self.state.lock().unwrap();
        let last = state.closed.values().map(|closed| closed.until).max();
        last.map(|until| until - self.time.skew())
    }

    /// The hub's clock has jumped. Who notices that it went back lets a host wait as long as it asked for once
    /// more, because nobody can tell how much of that is over.
    pub fn jumped(&self) {
        let now = self.time.hub();
        let mut state = self.state.lock().unwrap();
        for closed in state.closed.values_mut().filter(|it| it.told > now + NOTICED) {
            let wait = closed.until.duration_since(closed.told);
            (closed.told, closed.until) = (now, now + wait);
        }
    }

    pub fn by_person(&self, is_so: bool) {
        self.state.lock().unwrap().by_person = is_so;
    }

    /// How often a provider asked for room.
    pub fn sent_away(&self) -> usize {
        self.state.lock().unwrap().sent_away
    }

    /// What the hub did wrong here since the last call.
    pub fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().faults)
    }

    /// Whoever asks must not be one who was to wait.
    fn check(&self, whom: &str, (now, truth): (Timestamp, Timestamp)) {
        let mut state = self.state.lock().unwrap();
        // A hub whose clock runs ahead cannot know better.
        let is_early = |closed: &Closed| now < closed.until && truth < closed.truly;
        if let Some(closed) = state.closed.get(whom).copied().filter(is_early)
            && !state.by_person
        {
            let until = closed.until;
            state.faults.push(format!("{whom} was asked at {now}, before Retry-After at {until}"));
        }
    }

    fn arrive(&self) -> Option<(Interjection, u64)> {
        let mut state = self.state.lock().unwrap();
        let (left, what, seed) = state.planned.as_mut()?;
        *left = left.saturating_sub(1);
        let due = (*left == 0).then_some((*what, *seed));
        if due.is_some() {
            state.planned = None;
            state.has_happened = true;
        }
        due
    }

    async fn happen(&self, what: Interjection, seed: u64) {
        match what {
            Interjection::Edit => {
                let told = actions::edit(
                    &mut self.truth.lock().unwrap(),
                    &self.time,
                    &mut Chance::new(seed),
                );
                self.trace.line(format!("  ! meanwhile {told}"));
            }
            Interjection::Nudge => {
                self.trace.line("  ! meanwhile a nudge for all".to_owned());
                let engine = self.state.lock().unwrap().engine.clone();
                if let Some((engine, tenant)) = engine {
                    engine.request_sync(&By::hub(), &tenant, &Selector::All, false).await.unwrap();
                }
            }
        }
    }

    fn note_retry_after(&self, whom: &str, answer: &Response<Bytes>) {
        let asked = answer.headers().get(header::RETRY_AFTER);
        let seconds = asked.and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
        if let Some(seconds) =
            seconds.filter(|_| matches!(answer.status().as_u16(), 403 | 429 | 503))
        {
            let wait = SignedDuration::from_secs(seconds);
            let told = self.time.hub();
            let closed = Closed { told, until: told + wait, truly: self.time.truth() + wait };
            let mut state = self.state.lock().unwrap();
            state.sent_away += 1;
            let known = state.closed.entry(whom.to_owned()).or_insert(closed);
            if closed.until > known.until {
                *known = closed;
            }
        }
    }
}

#[async_trait]
impl Service for Wire {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        if let Some((what, seed)) = self.arrive() {
            self.happen(what, seed).await;
        }
        let (sent, by_hub) = (self.time.truth(), self.time.hub());
        let answer = self.world.call(request).await;
        let askers = match self.world.last_request().filter(|_| host == google::HOST) {
            Some(entry) => google::askers(&entry),
            None => vec![host.clone()],
        };
        askers.iter().for_each(|whom| self.check(whom, (by_hub, sent)));
        if self.time.truth() >= sent + PATIENCE {
            return Err(Cut::TimedOut);
        }
        match answer {
            Ok(mut answer) => {
                let whom =
                    if host == google::HOST { google::sent_away(&askers, &answer) } else { host };
                self.note_retry_after(&whom, &answer);
                if answer.extensions().get::<Delivery>() == Some(&Delivery::Chunked) {
                    answer.headers_mut().remove(header::CONTENT_LENGTH);
                    let chunked = header::HeaderValue::from_static("chunked");
                    answer.headers_mut().insert(header::TRANSFER_ENCODING, chunked);
                }
                Ok(answer)
            }
            Err(simulators::Cut::BeforeApply) => Err(Cut::Refused),
            Err(simulators::Cut::AfterApply | simulators::Cut::MidBody(_)) => Err(Cut::Dropped),
        }
    }
}
