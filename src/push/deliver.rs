//! Bringing one calendar's part of a booking to its provider, step by step, each noted before and after.

use std::time::Duration;

use connectors::{CalendarRef, Connector, Effect, Error, Item, Remedy, Verb, Writer};
use serde_json::json;

use super::{
    attempt::{attempt, send},
    draft::{draft, template_of, words},
    drift::RECONCILE_EVERY,
    identity::is_from,
    mirror::what_stands,
    parts,
    plan::{Step, Verdict, judge, judge_answered, next},
    tell::tell,
};
use crate::{
    booking::{Details, Refusal},
    drill::{Bug, Point, is_back, reach},
    model::{
        ids::TenantId,
        states::{ConnectionState, Delivery},
    },
    store::{AttemptRow, BookingRow, OutboxRow, ResourceRow, StoreError, Tx, WorkRow},
    sync::{
        ASIDE, End, Engine, Lane, Pace, SyncError, Use,
        schedule::{self, Failure, after},
        state::is_pulled,
    },
};

/// Steps in one go; what needs more has somebody else writing beside it, and comes back later.
const STEPS: usize = 8;
/// Tries, about a day's worth, after which a row is given up until somebody acts.
const TRIES: i64 = 100;
/// How often a row that fails is tried at most.
const EVERY: Duration = Duration::from_secs(15 * 60);

/// Everything that a delivery needs to know.
pub(super) struct Task {
    pub(super) tenant: TenantId,
    pub(super) booking: BookingRow,
    details: Details,
    pub(super) resource: Option<ResourceRow>,
    /// A hash of what the booking wants the event to say.
    said: String,
    pub(super) row: OutboxRow,
    pub(super) calendar: CalendarRef,
}

/// How a step ended.
enum Went {
    /// The row as it stands now.
    On(Box<OutboxRow>),
    /// Not further for now.
    Stuck(Remedy, &'static str),
}

impl Engine {
    /// Brings a row of the outbox as far as it goes.
    pub(crate) async fn run_deliver(&self, work: &WorkRow) -> Result<End, StoreError> {
        let Some((booking, calendar)) = parts(&work.subject) else { return Ok(End::Never) };
        let flight = self.flight(&calendar);
        let _alone = flight.lock().await;
        let found = async {
            let subject = self.subject(&work.tenant_id, &calendar).await?;
            let way = self.way(&subject, Use::Write).await?;
            Ok::<_, SyncError>((subject, way))
        };
        let (subject, way) = match found.await {
            Ok(found) => found,
            Err(error) => return self.end_of(work, &error),
        };
        let mut tx = self.store.read().await?;
        let Some(row) = tx.outbox().get(&work.tenant_id, &booking, &calendar).await? else {
            return Ok(End::Never);
        };
        let Some(booking) = tx.bookings().get(&work.tenant_id, &booking).await? else {
            return Ok(End::Never);
        };
        if row.state != Delivery::Pending {
            return Ok(End::Never);
        }
        let state = subject.connection.state;
        let is_farewell = state == ConnectionState::Removing && !row.present;
        if !is_pulled(state) && !is_farewell {
            return Ok(End::Again(after(self.clock.now(), EVERY), Some("needs_reauth")));
        }
        let details = match Details::open(&self.vault, &mut tx, &booking).await {
            Ok(details) => details,
            Err(Refusal::Secrets(source)) => return self.end_of(work, &source.into()),
            Err(Refusal::Store(source)) => return Err(source),
            Err(_) => return self.end_of(work, &SyncError::Gone),
        };
        let resource = template_of(&mut tx, &booking, &row).await?;
        tx.rollback().await?;
        if let Some(aside) = self.steps_aside(work, &way.pace).await? {
            return Ok(aside);
        }
        let connector = match self.connect(&subject.connection, &way) {
            Ok(connector) => connector,
            Err(error) => return self.end_of(work, &error.into()),
        };
        let calendar = CalendarRef::new(subject.calendar.provider_ref.clone());
        let tenant = work.tenant_id.clone();
        let said = words(&self.vault, &draft(&booking, &details, resource.as_ref()));
        let task = Task { tenant, booking, details, resource, said, row, calendar };
        self.deliver(work, task, &*connector, &way.pace).await
    }

    async fn deliver(
        &self,
        work: &WorkRow,
        mut task: Task,
        connector: &dyn Connector,
        pace: &Pace,
    ) -> Result<End, StoreError> {
        let Some(writer) = connector.writer() else {
            return self.give_up(work, &task, "not_writable").await;
        };
        for _ in 0..STEPS {
            let step = next(&task.row);
            if step == Step::Settled {
                return self.settled(work, &task).await;
            }
            match self.take(work, &task, step, writer, pace).await? {
                Went::On(row) if row.state == Delivery::Pending => task.row = *row,
                Went::On(_) => return Ok(End::Never),
                Went::Stuck(remedy, code) => return self.stuck(work, &task, remedy, code).await,
            }
        }
        Ok(End::Again(after(self.clock.now(), ASIDE), None))
    }

    /// Takes one step and notes what became of it.
    async fn take(
        &self,
        work: &WorkRow,
        task: &Task,
        step: Step,
        writer: &dyn Writer,
        pace: &Pace,
    ) -> Result<Went, StoreError> {
        let mut row = task.row.clone();
        if is_back(Bug::FreshNameOnRetry) && step == Step::Find {
            (row.sent, row.generation) = (None, row.generation + 1);
            return Ok(Went::On(Box::new(row)));
        }
        let mut wanted = draft(&task.booking, &task.details, task.resource.as_ref());
        // What a person has written instead is kept for as long as our own words are the same, or we have none there.
        wanted.keeps_words = row.words.as_ref().is_none_or(|words| *words == task.said);
        // So is how a time is written, unless all of it is to be written again.
        wanted.keeps_time =
            row.written.is_some_and(|(revision, span)| revision > 0 && span == row.span);
        let sends = matches!(step, Step::Create | Step::Replace | Step::Delete);
        if sends {
            row.sent = Some((task.row.wanted, task.row.span));
            row.sent_words = Some(task.said.clone());
            let mut tx = self.store.begin().await?;
            tx.outbox().doubt(&task.tenant, &row, self.clock.now()).await?;
            if !tx.work().hold(work).await? {
                return Ok(Went::Stuck(Remedy::Retry { after: None }, "lease_lost"));
            }
            tx.commit().await?;
            reach(Point::BeforeSend).await;
        }
        let began = self.clock.now();
        let outcome = send(task, &row, step, writer, &wanted).await;
        reach(Point::AfterSend).await;
        let tried = attempt(step, &outcome, began, self.clock.now());
        match outcome {
            Ok(item) => self.found(work, task, row, step, item, tried).await,
            Err(error) => self.failed(work, task, row, step, error, tried, pace).await,
        }
    }

    /// Notes what a step found or made.
    async fn found(
        &self,
        work: &WorkRow,
        task: &Task,
        mut row: OutboxRow,
        step: Step,
        item: Option<Item>,
        tried: AttemptRow,
    ) -> Result<Went, StoreError> {
        let seen = item.as_ref().map(what_stands);
        let verdict = match step {
            Step::Create | Step::Replace => judge_answered(&row, seen.as_ref()),
            Step::Look => judge(&row, seen.as_ref()),
            Step::Find if seen.is_some() => judge(&row, seen.as_ref()),
            Step::Find | Step::Delete | Step::Settled => Verdict::Gone,
        };
        let mut happened = None;
        if verdict == Verdict::Landed {
            row.written = row.sent;
            row.words = row.sent_words.take();
        }
        let is_marked = seen.as_ref().is_some_and(|seen| is_from(&row, seen.origin.as_deref()));
        if verdict == Verdict::Ours && row.words.is_none() && is_marked {
            // Found again, and ours already: whatever it says by now is the person's.
            row.words = Some(task.said.clone());
        }
        if let Some(item) = &item {
            row.item = Some(item.item.as_str().to_owned());
            row.version = item.version.as_ref().map(|one| one.as_str().to_owned());
        } else {
            (row.item, row.version, row.written, row.words) = (None, None, None, None);
        }
        match verdict {
            Verdict::Deleted => {
                happened = Some(self.conflict(task, "deleted", None));
                // What is wanted next is made anew: the provider may never forget the name.
                row.generation += 1;
            }
            Verdict::Moved => {
                let found = seen.as_ref().and_then(|seen| seen.span);
                happened = Some(self.conflict(task, "moved", found));
                row.written = row.written.or(row.sent);
                // Ours stood there before the person's, whoever has read the answer.
                row.words = row.words.take().or_else(|| row.sent_words.take());
            }
            Verdict::Ours | Verdict::Landed | Verdict::Gone => {}
        }
        if let Some(conflict) = &happened {
            (row.state, row.last_error) = (Delivery::Conflict, Some(conflict.kind.clone()));
        }
        row.sent = None;
        let mut tx = self.begin_delivery(task).await?;
        tx.outbox().attempted(&task.tenant, &row.booking_id, &row.calendar_id, &tried).await?;
        tx.outbox().found(&task.tenant, &row, self.clock.now()).await?;
        self.mirror(&mut tx, task, &row, item.as_ref()).await?;
        if let Some(conflict) = happened {
            self.tell_conflict(&mut tx, task, &conflict).await?;
        }
        if !tx.work().hold(work).await? {
            return Ok(Went::Stuck(Remedy::Retry { after: None }, "lease_lost"));
        }
        // From now on the calendar is compared now and then with what is wanted there.
        let next = after(self.clock.now(), RECONCILE_EVERY);
        let lane = Lane::Reconcile.as_str();
        tx.work().put(&task.tenant, lane, row.calendar_id.as_str(), next).await?;
        reach(Point::DeliveryWritten).await;
        tx.commit().await?;
        reach(Point::DeliveryStored).await;
        Ok(Went::On(Box::new(row)))
    }

    /// Notes why a step went wrong, and what is in doubt now.
    #[expect(clippy::too_many_arguments, reason = "a step, and all that is known of how it ended")]
    async fn failed(
        &self,
        work: &WorkRow,
        task: &Task,
        mut row: OutboxRow,
        step: Step,
        error: Error,
        tried: AttemptRow,
        pace: &Pace,
    ) -> Result<Went, StoreError> {
        self.obey(pace, &error.kind).await?;
        let code = error.kind.code();
        let remedy = error.kind.remedy(Verb::Write);
        let mut went = Went::Stuck(remedy, code);
        // What certainly had no effect leaves nothing in doubt.
        if error.effect == Effect::None && remedy != Remedy::ReadBack {
            (row.sent, row.sent_words) = (task.row.sent, task.row.sent_words.clone());
        }
        if remedy == Remedy::Reconcile {
            row.sent = None;
            if step == Step::Create {
                // Something that is not ours stands under the name.
                row.generation += 1;
            } else {
                row.version = None;
            }
        }
        row.last_error = Some(code.to_owned());
        let mut tx = self.store.begin().await?;
        tx.bookings().lock(&task.tenant, &row.booking_id).await?;
        tx.outbox().attempted(&task.tenant, &row.booking_id, &row.calendar_id, &tried).await?;
        if row.is_in_doubt() {
            tx.outbox().doubt(&task.tenant, &row, self.clock.now()).await?;
        } else {
            tx.outbox().found(&task.tenant, &row, self.clock.now()).await?;
        }
        if !tx.work().hold(work).await? {
            return Ok(Went::Stuck(Remedy::Retry { after: None }, "lease_lost"));
        }
        tx.commit().await?;
        if remedy == Remedy::Reconcile {
            went = Went::On(Box::new(row));
        }
        Ok(went)
    }

    /// Begins a transaction that may change what is known of the calendar.
    async fn begin_delivery(&self, task: &Task) -> Result<Tx, StoreError> {
        let mut tx = self.store.begin().await?;
        tx.calendars().lock(&task.row.calendar_id).await?;
        tx.bookings().lock(&task.tenant, &task.row.booking_id).await?;
        Ok(tx)
    }

    /// The calendar holds what is wanted.
    async fn settled(&self, work: &WorkRow, task: &Task) -> Result<End, StoreError> {
        let row = OutboxRow { state: Delivery::Written, last_error: None, ..task.row.clone() };
        let mut tx = self.store.begin().await?;
        tx.bookings().lock(&task.tenant, &row.booking_id).await?;
        tx.outbox().found(&task.tenant, &row, self.clock.now()).await?;
        let calendar = &row.calendar_id;
        let body = json!({"calendar_id": calendar, "present": row.present, "version": row.version});
        tell(self, &mut tx, &task.booking, "booking.delivered", body).await?;
        self.end_conflicts(&mut tx, task).await?;
        if !tx.work().hold(work).await? {
            return Ok(End::Done);
        }
        tx.commit().await?;
        Ok(End::Never)
    }

    /// Decides when a row that got no further is tried again, if it is.
    async fn stuck(
        &self,
        work: &WorkRow,
        task: &Task,
        remedy: Remedy,
        code: &'static str,
    ) -> Result<End, StoreError> {
        let now = self.clock.now();
        let tries = u32::try_from(work.attempts).unwrap_or(u32::MAX);
        let retry = |failure| schedule::retry(now, failure, tries, EVERY, &*self.entropy);
        if remedy == Remedy::AskForLogin {
            self.look_at(&task.tenant, &task.row.calendar_id).await?;
        }
        let next = match remedy {
            _ if work.attempts >= TRIES => return self.give_up(work, task, code).await,
            Remedy::SetAside | Remedy::Rediscover => return self.give_up(work, task, code).await,
            Remedy::Retry { after } if after.is_some() => retry(Failure::Throttled(after)),
            Remedy::AskForLogin => retry(Failure::Lasting),
            Remedy::Retry { .. }
            | Remedy::PullEverything
            | Remedy::ReadBack
            | Remedy::Reconcile => retry(Failure::Passing),
        };
        Ok(End::Again(next, Some(code)))
    }

    /// Lays a row aside for an operator.
    async fn give_up(
        &self,
        work: &WorkRow,
        task: &Task,
        code: &'static str,
    ) -> Result<End, StoreError> {
        let mut tx = self.store.begin().await?;
        tx.bookings().lock(&task.tenant, &task.row.booking_id).await?;
        let now = self.clock.now();
        if tx.outbox().fail(&task.tenant, &task.row, Delivery::Failed, code, now).await? {
            let body = json!({"calendar_id": task.row.calendar_id, "error": code});
            tell(self, &mut tx, &task.booking, "booking.delivery_failed", body).await?;
        }
        if !tx.work().hold(work).await? {
            return Ok(End::Done);
        }
        tx.commit().await?;
        Ok(End::Never)
    }
}
