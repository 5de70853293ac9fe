//! The table: every fault x provider x pull, met at once by one hub, each cell at a host of its own.

use std::collections::HashMap;

use calhub::{
    audit::By,
    model::ids::{CalendarId, ConnectionId},
    sync::Selector,
};

use super::{
    kinds::{DAYS, END, Kind, Lasts, MINUTE, Phase, Provider, START, Source, hours},
    theatre::{Said, Theatre},
};

/// How many minutes a lasting fault lasts.
const FAULTED: usize = 180;
/// A calendar that polls every 15 minutes is stale at 20.
const STALE_AT: usize = 21;

pub struct Cell {
    pub kind: Kind,
    pub provider: Provider,
    pub phase: Phase,
    source: Source,
    connection: Option<ConnectionId>,
    calendar: Option<CalendarId>,
    pub seen: Seen,
}

/// What was seen of a cell.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Where something was free, or said to be known, that must not be.
    pub wrong: Vec<String>,
    /// Minutes after which the answer was unknown throughout, and why.
    pub unknown: Option<(usize, String)>,
    pub state: String,
    pub calendar_error: String,
    pub connection_error: String,
    pub message: String,
    /// In the first hour of the fault, and in the two after it.
    pub requests: (usize, usize),
    /// Requests that came sooner than `Retry-After` allows.
    pub too_soon: usize,
    pub healed: Option<(usize, usize)>,
    last_request: Option<usize>,
    is_new: bool,
    /// Minutes at which the answer was right and complete although the fault was there.
    pub right_answers: usize,
}

impl Cell {
    pub fn known_before(&self) -> Vec<String> {
        if self.phase == Phase::First { Vec::new() } else { hours(DAYS) }
    }

    fn truth(&self) -> Vec<String> {
        hours(if self.phase == Phase::Delta { DAYS + 1 } else { DAYS })
    }

    pub fn title(&self) -> String {
        format!("{} / {} / {}", self.kind.name(), self.provider.name(), self.phase.name())
    }

    /// What nobody can tell from an honest answer: a first listing that leaves events out, and a delta that does.
    pub fn is_beyond_telling(&self) -> bool {
        let is_partial = matches!(self.kind, Kind::EmptyListing | Kind::HalfListing);
        let is_listing = self.phase == Phase::First
            || (self.phase == Phase::Delta
                && self.provider == Provider::Caldav
                && self.kind == Kind::EmptyListing);
        is_partial && is_listing
    }

    /// Judges one answer while the fault is there, `minute` minutes after it came.
    fn judge(&mut self, minute: usize, known: &[String], said: &Said) {
        let unknown = said.unknown_throughout.first().cloned();
        if let Some(reason) = &unknown
            && self.seen.unknown.is_none()
        {
            self.seen.unknown = Some((minute, reason.clone()));
        }
        if self.is_beyond_telling() {
            return;
        }
        let is_right = said.busy == self.truth() && said.synced_at.is_some();
        self.seen.right_answers += usize::from(is_right && said.complete);
        let freed: Vec<_> = known.iter().filter(|hour| !said.busy.contains(hour)).collect();
        if !freed.is_empty() {
            self.wrong(minute, &format!("{} hours freed", freed.len()));
        }
        let added = said.busy.iter().filter(|hour| !self.truth().contains(hour)).count();
        if added > 0 {
            self.wrong(minute, &format!("{added} hours invented"));
        }
        if self.phase == Phase::First && unknown.is_none() && !is_right {
            self.wrong(minute, "free is claimed though nothing was ever read");
        }
        let is_old = !matches!(self.kind, Kind::Clock(_))
            && self.kind.lasts() == Lasts::ThreeHours
            && minute >= STALE_AT;
        if is_old && unknown.is_none() && !is_right {
            self.wrong(minute, "stale, and not said so");
        }
        if unknown.is_some() && said.complete {
            self.wrong(minute, "complete, with unknown spans");
        }
    }

    fn wrong(&mut self, minute: usize, what: &str) {
        if self.seen.wrong.len() < 3 {
            self.seen.wrong.push(format!("minute {minute}: {what}"));
        }
    }

    fn count(&mut self, minute: usize, requests: usize) {
        if requests == 0 {
            return;
        }
        if let (Kind::SentAway(_, wait), Some(last)) = (self.kind, self.seen.last_request)
            && minute < last + usize::try_from(wait).unwrap()
        {
            self.seen.too_soon += requests;
        }
        if minute <= 60 {
            self.seen.requests.0 += requests;
        } else {
            self.seen.requests.1 += requests;
        }
        self.seen.last_request = Some(minute);
    }
}

/// Every cell, played on one hub.
pub async fn play(theatre: &Theatre, kinds: &[Kind]) -> Vec<Cell> {
    let mut cells = cells(theatre, kinds);
    open(theatre, &mut cells).await;
    for minute in 0..=FAULTED {
        if minute > 0 {
            theatre.pass(MINUTE).await;
        }
        let log = theatre.stage.world.log();
        theatre.stage.world.clear_log();
        for cell in &mut cells {
            let requests = log.iter().filter(|entry| cell.source.is_of(entry)).count();
            cell.count(minute, requests);
        }
        if minute > 25 && minute % 5 != 0 {
            continue;
        }
        let said = ask(theatre, &cells).await;
        for cell in &mut cells {
            let unknown_before = cell.seen.unknown.is_some();
            cell.judge(minute, &cell.known_before(), &said[&cell.source.name]);
            cell.seen.is_new = !unknown_before && cell.seen.unknown.is_some();
        }
        // A glitch is seen while it is there.
        let is_seen_now = |cell: &Cell| cell.kind.lasts() == Lasts::OneListing && cell.seen.is_new;
        look(theatre, &mut cells, is_seen_now).await;
    }
    look(theatre, &mut cells, |cell| cell.kind.lasts() == Lasts::ThreeHours).await;
    theatre.stage.world.clear_faults();
    heal(theatre, &mut cells).await;
    cells
}

fn cells(theatre: &Theatre, kinds: &[Kind]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (n, kind) in kinds.iter().enumerate() {
        for provider in Provider::ALL {
            for phase in Phase::ALL {
                let name =
                    format!("f{n:02}-{}-{}", provider.name(), phase.name().replace(' ', "-"));
                let source = Source::new(&theatre.stage.world, &name.to_lowercase(), provider);
                let (kind, seen) = (*kind, Seen::default());
                cells.push(Cell {
                    kind,
                    provider,
                    phase,
                    source,
                    connection: None,
                    calendar: None,
                    seen,
                });
            }
        }
    }
    cells
}

/// Links everything, and lets every fault begin at the pull it is meant for.
async fn open(theatre: &Theatre, cells: &mut [Cell]) {
    link_all(theatre, cells).await;
    let stage = &theatre.stage;
    for cell in cells.iter() {
        cell.source.plant(&stage.world, cell.kind);
    }
    stage.world.clear_log();
    stage.settle().await;
    theatre.hub.tail.catch_up().await.unwrap();
}

/// Links everything, and makes the pulls due that the cells are about.
async fn link_all(theatre: &Theatre, cells: &mut [Cell]) {
    let stage = &theatre.stage;
    for cell in cells.iter_mut().filter(|cell| cell.phase != Phase::First) {
        cell.link(theatre).await;
    }
    // The second poll lists everything once more; a third one is the first delta.
    for minutes in [1, 17, 1] {
        theatre.pass(MINUTE * minutes).await;
    }
    for cell in cells.iter_mut().filter(|cell| cell.phase == Phase::First) {
        cell.link(theatre).await;
    }
    for cell in cells.iter_mut() {
        match cell.phase {
            Phase::First => {}
            Phase::Delta => cell.source.edit(),
            Phase::Full => {
                let all = Selector::Calendar(cell.calendar.clone().unwrap());
                stage
                    .engine
                    .request_sync(&By::hub(), &stage.tenant, &all, true)
                    .await
                    .unwrap()
                    .unwrap();
            }
        }
    }
}

impl Cell {
    async fn link(&mut self, theatre: &Theatre) {
        let stage = &theatre.stage;
        let linked = stage.linker.link(&stage.tenant, self.source.link_request()).await.unwrap();
        let mut tx = stage.store.read().await.unwrap();
        let rows =
            tx.calendars().by_connection(&stage.tenant, &linked.connection_id).await.unwrap();
        assert_eq!(rows.len(), 1, "{}", self.title());
        self.calendar = Some(rows[0].calendar_id.clone());
        self.connection = Some(linked.connection_id);
    }

    fn id(&self) -> String {
        self.calendar.as_ref().unwrap().to_string()
    }
}

async fn ask(theatre: &Theatre, cells: &[Cell]) -> HashMap<String, Said> {
    let ids: Vec<String> = cells.iter().map(Cell::id).collect();
    let mut said = theatre.ask(START, END, &ids).await;
    cells.iter().map(|cell| (cell.source.name.clone(), said.remove(&cell.id()).unwrap())).collect()
}

/// Notes what an operator sees of the cells chosen.
async fn look(theatre: &Theatre, cells: &mut [Cell], chosen: impl Fn(&Cell) -> bool) {
    for cell in cells.iter_mut().filter(|cell| chosen(cell)) {
        let id = cell.connection.as_ref().unwrap();
        let found = theatre.get(&format!("/v1/connections/{id}")).await;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
        cell.seen.state = text(&found["state"]);
        cell.seen.connection_error = text(&found["last_error"]);
        cell.seen.calendar_error = text(&found["calendars"][0]["last_error"]);
        cell.seen.message = text(&found["calendars"][0]["last_error_text"]);
    }
}

/// One hub whose clock jumps, with a calendar of every kind at every pull; later it jumps back.
pub async fn jump(theatre: &Theatre, hours: i64) -> Vec<Cell> {
    let mut cells = cells(theatre, &[Kind::Clock(hours)]);
    link_all(theatre, &mut cells).await;
    let mut known: Vec<Vec<String>> = cells.iter().map(Cell::known_before).collect();
    for by in [hours, -hours] {
        let now = theatre.stage.now() + jiff::SignedDuration::from_hours(by);
        theatre.stage.clock.set(now);
        theatre.stage.world.clear_log();
        let mut requests = vec![0; cells.len()];
        cells.iter_mut().for_each(|cell| cell.seen.healed = None);
        for minute in 0..60 {
            if minute > 0 {
                theatre.pass(MINUTE).await;
            } else {
                theatre.hub.tail.catch_up().await.unwrap();
            }
            let said = ask(theatre, &cells).await;
            let log = theatre.stage.world.log();
            theatre.stage.world.clear_log();
            for (n, cell) in cells.iter_mut().enumerate() {
                let said = &said[&cell.source.name];
                cell.judge(minute, &known[n], said);
                if minute == 0 && said.unknown_throughout.is_empty() {
                    cell.wrong(minute, &format!("after {by:+} h the answer claims to be fresh"));
                }
                if cell.seen.healed.is_none() {
                    requests[n] += log.iter().filter(|entry| cell.source.is_of(entry)).count();
                    if said.complete && said.busy == cell.truth() {
                        cell.seen.healed = Some((minute, requests[n]));
                    }
                }
            }
        }
        known = cells.iter().map(Cell::truth).collect();
    }
    look(theatre, &mut cells, |_| true).await;
    cells
}

async fn heal(theatre: &Theatre, cells: &mut [Cell]) {
    let mut requests = vec![0; cells.len()];
    for minute in 0..=26 * 60_u32 {
        let step = if minute <= 80 { 1 } else { 15 };
        if minute % step != 0 {
            continue;
        }
        if minute > 0 {
            theatre.pass(MINUTE * step).await;
        }
        let said = ask(theatre, cells).await;
        let log = theatre.stage.world.log();
        theatre.stage.world.clear_log();
        for (n, cell) in cells.iter_mut().enumerate() {
            if cell.seen.healed.is_some() {
                continue;
            }
            requests[n] += log.iter().filter(|entry| cell.source.is_of(entry)).count();
            let said = &said[&cell.source.name];
            if said.complete && said.busy == cell.truth() {
                cell.seen.healed = Some((minute as usize, requests[n]));
            }
        }
        if cells.iter().all(|cell| cell.seen.healed.is_some()) {
            return;
        }
    }
}
