//! Clients book while the calendars of what they book are read: nothing is booked over what is known.
//!
//! A puller stores busy time as a pull does, under its calendar's lock, and has the bookings looked at over which it
//! comes to lie; holds it only lists. Those conflicts are known from then on. Whatever else overlaps was booked over busy
//! time that was known.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use calhub::{
    drill::{Bug, Drill},
    hub::Hub,
    model::{
        busy::BusyClass,
        ids::{CalendarId, ResourceId},
        interval::Span,
    },
    store::{BusyRow, ClaimRow, StoreError},
    sync::Lane,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::{
    ROUNDS,
    auditor::promised,
    chosen,
    client::{Board, Client},
    field::{DENSE_MIXED, Field, MIXED, Mix, cells},
    history::{History, When},
    judged, seed, usual,
};
use crate::support::engines::{Bed, on_postgres, on_sqlite, postgres_server};

/// Busy time that was stored, and what was claimed then.
struct Stored {
    calendar: CalendarId,
    row: BusyRow,
    when: When,
    /// When somebody asked to take it away.
    until: i64,
    conflicts: BTreeSet<(String, Span)>,
}

struct Puller {
    field: Arc<Field>,
    board: Arc<Board>,
    hub: Arc<Hub>,
    rng: ChaCha8Rng,
    nth: u64,
    stored: Vec<Stored>,
}

/// How much of what a puller stored it leaves there.
const KEPT: usize = 6;

impl Puller {
    fn new(field: &Arc<Field>, board: &Arc<Board>, seed: u64, nth: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1 << 32 | nth);
        let (field, board, hub) = (Arc::clone(field), Arc::clone(board), field.hub(nth));
        Self { field, board, hub, rng, nth, stored: Vec::new() }
    }

    async fn run(mut self) -> Result<Vec<Stored>, StoreError> {
        while self.board.goes_on() {
            self.board.attempt();
            self.store().await?;
            if self.stored.len() > KEPT {
                let oldest = self.stored.len() - 1 - KEPT;
                self.take_away(oldest).await?;
            }
        }
        Ok(self.stored)
    }

    async fn store(&mut self) -> Result<(), StoreError> {
        let at = self.below(self.field.calendars.len() as u64) as usize;
        let calendar = self.field.calendars[at].clone();
        let first = self.below(self.field.mix.days as u64 * 96 - 4);
        let span = cells(first as i64, 1 + self.below(4) as i64);
        let series = format!("event {} {}", self.nth, self.stored.len());
        let row = BusyRow { series, span, class: BusyClass::Busy };
        let resources: &[ResourceId] = &self.field.blocked[&calendar];
        let asked = self.field.now();
        let mut tx = self.hub.store.begin().await?;
        tx.calendars().lock(&calendar).await?;
        let tenant = &self.field.tenant;
        tx.events().busy_insert(tenant, &calendar, std::slice::from_ref(&row)).await?;
        // As `look_for_clashes` of the hub does.
        let bookings = tx.conflicts().bookings_on(tenant, &calendar, span).await?;
        for booking in &bookings {
            let lane = Lane::Clash.as_str();
            tx.work().nudge(tenant, lane, booking.as_str(), None, self.hub.clock.now()).await?;
        }
        let claims = tx.claims().overlapping(tenant, resources, span).await?;
        tx.commit().await?;
        let when = When { asked, answered: self.field.now() };
        let is_known = |claim: &ClaimRow| {
            claim.expires_at.is_some() || bookings.iter().any(|id| id.as_str() == claim.claim_id)
        };
        let known = claims.into_iter().filter(is_known);
        let conflicts = known.map(|claim| (claim.claim_id, claim.span)).collect();
        self.stored.push(Stored { calendar, row, when, until: i64::MAX, conflicts });
        Ok(())
    }

    async fn take_away(&mut self, at: usize) -> Result<(), StoreError> {
        let gone = &mut self.stored[at];
        gone.until = self.field.now();
        let mut tx = self.hub.store.begin().await?;
        tx.calendars().lock(&gone.calendar).await?;
        let row = std::slice::from_ref(&gone.row);
        tx.events().busy_delete(&self.field.tenant, &gone.calendar, row).await?;
        tx.commit().await
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.rng.next_u64() % limit
    }
}

/// What came of booking and reading at once.
struct Outcome {
    history: History,
    stored: usize,
    /// Conflicts that were there when the busy time came, and those nobody knew of.
    known: usize,
    booked_over: usize,
}

async fn book_and_read(bed: &Bed, mix: Mix, attempts: u64, bugs: &[Bug]) -> Outcome {
    let field = Arc::new(Field::new(bed, mix).await);
    let board = Arc::new(Board::new(attempts));
    let clients: Vec<_> = (0..48)
        .map(|nth| {
            let client = Client::new(&field, &board, seed(), nth);
            let drill = Drill::with_bugs(bugs);
            tokio::spawn(async move { Box::pin(drill.run(client.run())).await.unwrap() })
        })
        .collect();
    let pullers: Vec<_> =
        (0..16).map(|nth| tokio::spawn(Puller::new(&field, &board, seed(), nth).run())).collect();
    let mut history = History::default();
    for client in clients {
        history.add(client.await.unwrap());
    }
    let mut stored = Vec::new();
    for puller in pullers {
        stored.extend(puller.await.unwrap().expect("a pull is never refused"));
    }
    judged(bed, &field, &history).await.assert_none();
    let booked_over = booked_over(&field, &history, &stored);
    let known = stored.iter().map(|one| one.conflicts.len()).sum();
    if let Ok(field) = Arc::try_unwrap(field) {
        field.close().await;
    }
    Outcome { history, stored: stored.len(), known, booked_over }
}

/// Promises that overlapped busy time while both stood, and that the busy time did not find there.
fn booked_over(field: &Field, history: &History, stored: &[Stored]) -> usize {
    let promises = promised(&history.told);
    let mut found = 0;
    for busy in stored {
        let blocked = &field.blocked[&busy.calendar];
        for one in &promises {
            let meets = one.from.max(busy.when.answered) < one.until.min(busy.until)
                && one.span.overlaps(busy.row.span)
                && one.resources.iter().any(|id| blocked.contains(id));
            if meets && !busy.conflicts.contains(&(one.owner.clone(), one.span)) {
                found += 1;
            }
        }
    }
    found
}

async fn mixed(bed: &Bed) {
    let (attempts, seed) = (chosen("CALHUB_RACE_ATTEMPTS", usual()), seed());
    println!("race mixed on {:?}: seed {seed}", bed.engine);
    let begun = Instant::now();
    let Outcome { history, stored, known, booked_over } =
        book_and_read(bed, MIXED, attempts, &[]).await;
    println!(
        "race mixed on {:?}: {} attempts to book and {stored} events read in {:.1} s, {} yes, refused {:?}, errors {:?}, \
         {known} conflicts known, booked over {booked_over}",
        bed.engine,
        history.attempts,
        begun.elapsed().as_secs_f64(),
        history.yes,
        history.refused,
        history.errors
    );
    assert_eq!(booked_over, 0);
    assert_eq!(history.robbed, 0, "a hold that lives lost its time");
    assert!(history.errors.is_empty(), "{:?}", history.errors);
    assert!(known > 0 && history.refused.contains_key("slot taken"), "nothing met");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_booked_over_what_a_pull_has_stored_on_sqlite() {
    on_sqlite(mixed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_booked_over_what_a_pull_has_stored_on_postgres() {
    on_postgres(mixed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_shared_lock_something_is_booked_over() {
    let found = AtomicUsize::new(0);
    for round in 1..=ROUNDS {
        on_postgres(async |bed| {
            let begun = Instant::now();
            let outcome = book_and_read(bed, DENSE_MIXED, 1000, &[Bug::IngestUnlocked]).await;
            let (over, took) = (outcome.booked_over, begun.elapsed().as_secs_f64());
            println!("race mixed without the shared lock, round {round}: {over} booked over in {took:.1} s");
            found.fetch_add(over, Ordering::Relaxed);
        })
        .await;
        if found.load(Ordering::Relaxed) > 0 || postgres_server().is_none() {
            return;
        }
    }
    panic!("the control found nothing");
}
