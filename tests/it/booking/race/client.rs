//! One of many clients: takes, moves and gives back time at random, its own and that of others.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use calhub::{
    booking::{Actor, Booked, Changes, Details, NewBooking, NewHold, Refusal, When as At},
    clock::SeededEntropy,
    hub::Hub,
    model::{
        ids::{BookingId, HoldId, ResourceId},
        interval::Span,
        states::BookingStatus,
    },
    store::BookingRow,
};
use jiff::SignedDuration;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use serde_json::json;

use super::{
    field::{Field, cells},
    history::{History, Told, When},
};

/// How many holds or bookings are open to all; others are left as they are.
const MOST: usize = 500;

/// What all clients know of each other.
#[derive(Default)]
pub struct Board {
    holds: Mutex<Vec<(HoldId, i64)>>,
    bookings: Mutex<Vec<BookingRow>>,
    attempts_left: AtomicI64,
}

impl Board {
    pub fn new(attempts: u64) -> Self {
        let attempts_left = AtomicI64::new(i64::try_from(attempts).unwrap());
        Self { attempts_left, ..Self::default() }
    }

    pub fn attempt(&self) {
        self.attempts_left.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn goes_on(&self) -> bool {
        self.attempts_left.load(Ordering::Relaxed) > 0
    }
}

pub struct Client {
    field: Arc<Field>,
    board: Arc<Board>,
    hub: Arc<Hub>,
    rng: ChaCha8Rng,
    minted: SeededEntropy,
    history: History,
}

impl Client {
    pub fn new(field: &Arc<Field>, board: &Arc<Board>, seed: u64, nth: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(nth);
        Self {
            field: Arc::clone(field),
            board: Arc::clone(board),
            hub: field.hub(nth),
            minted: SeededEntropy::new(rng.next_u64()),
            rng,
            history: History::default(),
        }
    }

    /// Goes on until no attempts are left.
    pub async fn run(mut self) -> History {
        while self.board.goes_on() {
            match self.below(100) {
                0..44 => self.book().await,
                44..64 => self.hold().await,
                64..72 => self.confirm().await,
                72..80 => self.change().await,
                80..84 => self.extend().await,
                84..89 => self.release().await,
                89..99 => self.cancel().await,
                _ => {
                    let swept = self.hub.desk.sweep().await;
                    self.history.note(swept);
                }
            }
        }
        self.history
    }

    async fn book(&mut self) {
        self.attempt();
        let (resources, span) = self.wish();
        let new = self.new_booking(At::At { resources, span });
        let asked = self.field.now();
        let tenant = self.field.tenant.clone();
        let actor = Actor { tenant: &tenant, name: "client", request: None };
        let hub = Arc::clone(&self.hub);
        if self.below(50) == 0 {
            // The same request twice at once.
            let both = tokio::join!(hub.desk.book(actor, new.clone()), hub.desk.book(actor, new));
            self.booked(asked, both.0);
            self.booked(asked, both.1);
        } else {
            let answer = hub.desk.book(actor, new).await;
            self.booked(asked, answer);
        }
    }

    async fn hold(&mut self) {
        self.attempt();
        let (resources, span) = self.wish();
        let replaced = if self.below(10) == 0 { self.some_hold() } else { None };
        let long = SignedDuration::from_secs(1200);
        let ttl = if self.below(3) == 0 { self.field.short() } else { long };
        let new = NewHold {
            id: HoldId::mint(&*self.hub.clock, &self.minted),
            resources,
            span,
            ttl,
            max_staleness: None,
            replaces: replaced.as_ref().map(|(id, _)| id.clone()),
            external_id: None,
            metadata: json!({}),
        };
        let asked = self.field.now();
        let actor = Actor { tenant: &self.field.tenant, name: "client", request: None };
        let answer = self.hub.desk.hold(actor, new).await;
        let when = When { asked, answered: self.field.now() };
        let Some(row) = self.history.note(answer) else { return };
        if let Some((hold, _)) = replaced {
            self.history.told.push(Told::HoldEnded { hold: hold.to_string(), when });
        }
        self.history.told.push(Told::held(&row, when));
        let known = (row.hold_id.clone(), row.expires_at.as_microsecond());
        let mut holds = self.board.holds.lock().unwrap();
        holds.push(known);
        if holds.len() > MOST {
            holds.swap_remove(row.span.start_us() as usize % MOST);
        }
    }

    async fn confirm(&mut self) {
        let Some((hold, expires)) = self.some_hold() else { return self.book().await };
        self.attempt();
        let new = self.new_booking(At::Held(hold.clone()));
        let asked = self.field.now();
        let actor = Actor { tenant: &self.field.tenant, name: "client", request: None };
        let answer = self.hub.desk.book(actor, new).await;
        let answered = self.field.now();
        // What its calendars say is another matter.
        if let Err(Refusal::SlotTaken { blocked_by, .. }) = &answer
            && answered < expires
            && (blocked_by.is_empty() || blocked_by.iter().any(|one| one.calendar_id.is_none()))
        {
            self.history.robbed += 1;
        }
        if answer.is_ok() {
            let (hold, when) = (hold.to_string(), When { asked, answered });
            self.history.told.push(Told::HoldEnded { hold, when });
        }
        self.booked(asked, answer);
    }

    async fn change(&mut self) {
        let Some(seen) = self.some_booking() else { return self.book().await };
        self.attempt();
        let (mut resources, mut span) = self.wish();
        match self.below(3) {
            0 => resources.clone_from(&seen.resources),
            1 => span = seen.span,
            _ => {}
        }
        let changes = Changes {
            resources,
            span,
            details: Details::default(),
            time_zone: None,
            external_id: None,
            metadata: json!({}),
            max_staleness: None,
            allow_unverified: false,
            as_found_in: None,
            request: None,
        };
        let asked = self.field.now();
        let actor = Actor { tenant: &self.field.tenant, name: "client", request: None };
        let answer = self.hub.desk.change_booking(actor, &seen, changes).await;
        self.booked(asked, answer);
    }

    async fn cancel(&mut self) {
        let Some(seen) = self.some_booking() else { return self.book().await };
        let to =
            if self.below(10) == 0 { BookingStatus::Completed } else { BookingStatus::Cancelled };
        let asked = self.field.now();
        let actor = Actor { tenant: &self.field.tenant, name: "client", request: None };
        let answer = self.hub.desk.end_booking(actor, &seen.booking_id, to, Some("over")).await;
        let when = When { asked, answered: self.field.now() };
        if let Some(row) = self.history.note(answer) {
            self.history.told.push(Told::stands(&row, when));
        }
        self.board.bookings.lock().unwrap().retain(|row| row.booking_id != seen.booking_id);
    }

    async fn extend(&mut self) {
        let Some((hold, _)) = self.some_hold() else { return self.book().await };
        let actor = Actor { tenant: &self.field.tenant, name: "client", request: None };
        let answer = self.hub.desk.extend(actor, &hold, SignedDuration::from_secs(1800)).await;
        if let Some(row) = self.history.note(answer) {
            let expires = row.expires_at.as_microsecond();
            self.history.told.push(Told::Extended { hold: hold.to_string(), expires });
        }
    }

    async fn release(&mut self) {
        let Some((hold, _)) = self.some_hold() else { return self.book().await };
        let asked = self.field.now();
        let actor = Actor { tenant: &self.field.tenant, name: "client", request: None };
        let answer = self.hub.desk.release(actor, &hold).await;
        let when = When { asked, answered: self.field.now() };
        if self.history.note(answer).is_some() {
            self.history.told.push(Told::HoldEnded { hold: hold.to_string(), when });
        }
        self.board.holds.lock().unwrap().retain(|(id, _)| *id != hold);
    }

    fn booked(&mut self, asked: i64, answer: Result<Booked, Refusal>) {
        let when = When { asked, answered: self.field.now() };
        let Some(done) = self.history.note(answer) else { return };
        self.history.told.push(Told::stands(&done.booking, when));
        let mut bookings = self.board.bookings.lock().unwrap();
        bookings.retain(|row| row.booking_id != done.booking.booking_id);
        if bookings.len() > MOST {
            bookings.swap_remove(done.booking.span.start_us() as usize % MOST);
        }
        bookings.push(done.booking);
    }

    fn new_booking(&mut self, when: At) -> NewBooking {
        let title = (self.below(8) == 0).then(|| "Fitting".to_owned());
        NewBooking {
            id: BookingId::mint(&*self.hub.clock, &self.minted),
            when,
            details: Details { title, ..Details::default() },
            time_zone: None,
            external_id: None,
            metadata: json!({}),
            max_staleness: None,
            allow_unverified: false,
            write_to: None,
        }
    }

    /// Mostly half an hour of one resource; sometimes of two or three, or of another length.
    fn wish(&mut self) -> (Vec<ResourceId>, Span) {
        let count = if self.below(10) == 0 { 2 + self.below(2) } else { 1 };
        let all = self.field.resources.len() as u64;
        let chosen: Vec<u64> = (0..count).map(|_| self.below(all)).collect();
        let resources =
            chosen.iter().map(|&at| self.field.resources[at as usize].clone()).collect();
        let length = if self.below(4) == 0 { 1 + self.below(8) } else { 2 };
        let first = self.below(self.field.mix.days as u64 * 96 - length + 1);
        (resources, cells(first as i64, length as i64))
    }

    fn some_hold(&mut self) -> Option<(HoldId, i64)> {
        let chance = self.rng.next_u64();
        let mut holds = self.board.holds.lock().unwrap();
        let at = chance.checked_rem(holds.len() as u64)? as usize;
        // Who looks at old ones for ever never meets a live one.
        if chance.is_multiple_of(4) { Some(holds.swap_remove(at)) } else { holds.get(at).cloned() }
    }

    fn some_booking(&mut self) -> Option<BookingRow> {
        let chance = self.rng.next_u64();
        let bookings = self.board.bookings.lock().unwrap();
        let at = chance.checked_rem(bookings.len() as u64)? as usize;
        bookings.get(at).cloned()
    }

    fn attempt(&mut self) {
        self.history.attempts += 1;
        self.board.attempt();
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.rng.next_u64() % limit
    }
}
