//! How a pull ends: judged, stored and told in one last transaction, or failed without freeing anything.

use connectors::{Connector, Cursor, Kind, Verb};
use serde_json::{Value, json};

use super::{
    channel::paced,
    error::SyncError,
    health::Note,
    lanes::Lane,
    plan::{Step, cut},
    pull::{Pulled, Round, covered},
    quarantine::{Held, Verdict, Word, future, judge},
    save::ROWS,
    schedule::{self, Failure, SECOND_LOOK, after, expected_max_age, next_poll},
    state::{Consequence, Login, consequence},
    timeline::Happened,
};
use crate::{
    drill::{Bug, Point, is_back, reach},
    model::{busy::BusyInterval, states::InitialSync},
    store::{AskedFor, PullOutcome, Tx},
};

impl Round<'_> {
    /// Judges and stores what waited, and moves the cursor with it.
    pub(super) async fn end(
        mut self,
        connector: &dyn Connector,
        cursor: Option<Cursor>,
    ) -> Result<Pulled, SyncError> {
        let plans = self.pending_plans().await?;
        let verdict = self.verdict().await?;
        self.pulled.full = self.lists_everything;
        self.pulled.quarantined = matches!(verdict, Verdict::Hold(_));
        if self.ask.dry {
            return Ok(self.pulled);
        }
        reach(Point::Judged).await;
        let held = match verdict {
            Verdict::Apply => None,
            Verdict::Hold(note) => Some(note),
        };
        // Removals that are held back stay with the events they belong to; the next listing finds them again.
        let steps = plans.into_iter().flat_map(|plan| {
            let is_held = held.as_ref().is_some_and(|note| note.holds(&plan.series));
            plan.steps().filter(move |step| !is_held || matches!(step, Step::Add(..)))
        });
        let batches = cut(steps.collect::<Vec<_>>(), ROWS);
        let last = self.engine.put_all_but_last(&self.subject, self.ask.row, batches).await?;
        let mut tx = self.engine.begin_for(&self.subject).await?;
        self.engine.put(&mut tx, &self.subject, last).await?;
        self.finish(&mut tx, connector, cursor, held).await?;
        reach(Point::EndWritten).await;
        tx.commit().await?;
        reach(Point::EndStored).await;
        self.tell();
        Ok(self.pulled)
    }

    async fn verdict(&mut self) -> Result<Verdict, SyncError> {
        if is_back(Bug::NoQuarantine) || is_back(Bug::EmptyMeansGone) {
            return Ok(Verdict::Apply);
        }
        if self.balance.takes() {
            let (tenant, calendar) = (&self.subject.tenant, &self.subject.calendar.calendar_id);
            let mut tx = self.engine.store.read().await?;
            let rows = tx.events().busy_of_calendar(tenant, calendar).await?;
            let busy: Vec<BusyInterval> = rows
                .into_iter()
                .map(|row| BusyInterval { span: row.span, class: row.class })
                .collect();
            self.balance.before = future(&busy, self.began).saturating_sub(self.stored_early);
        }
        let held = self.held();
        Ok(judge(&self.balance, held.as_ref(), self.lists_everything, self.began))
    }

    async fn finish(
        &self,
        tx: &mut Tx,
        connector: &dyn Connector,
        cursor: Option<Cursor>,
        held: Option<Held>,
    ) -> Result<(), SyncError> {
        let (engine, subject) = (self.engine, &self.subject);
        let (tenant, calendar) = (&subject.tenant, &subject.calendar);
        let now = engine.clock.now();
        // What is held back must be listed again, not resumed after.
        let resumes = held.as_ref().is_none_or(Held::may_resume);
        let outcome = outcome(self, cursor.filter(|_| resumes));
        self.judge_push(tx).await?;
        let push = tx.calendars().finish_pull(tenant, &calendar.calendar_id, &outcome, now).await?;
        let poll_every = paced(outcome.poll_every, push);
        self.note_asked(tx).await?;
        if self.has_started_over {
            self.tell_of(tx, Happened::StartedOver).await?;
        }
        self.tell_of(tx, Happened::Pulled(&self.pulled)).await?;
        self.note_quarantine(tx, held.as_ref()).await?;
        if calendar.initial_sync == InitialSync::Pending {
            // The calendar speaks from now on.
            self.announce(tx, "calendar.ready", json!({})).await?;
        }
        let note = Note {
            login: Login::Accepted,
            ok_at: Some(now),
            error: None,
            listing_failures: None,
            learned: connector.learned(),
        };
        engine.note(tx, tenant, &calendar.connection_id, note).await?;
        // What is due next is written last, the connection's before the calendar's: see `store/locks.rs`.
        if subject.connection.failures > 0 {
            // The provider answers again: what could not be listed is listed now.
            let (lane, connection) = (Lane::List.as_str(), calendar.connection_id.as_str());
            tx.work().put(tenant, lane, connection, now).await?;
        }
        self.put_advance(tx).await?;
        if connector.channels().is_some() {
            engine.begin_watching(tx, tenant, &calendar.calendar_id).await?;
        }
        let next = match held {
            Some(note) if note.word == Word::None => after(now, SECOND_LOOK.mul_f64(1.1)),
            Some(_) | None => next_poll(now, poll_every, &*engine.entropy),
        };
        match self.ask.row {
            Some(row) => engine.finish_held(tx, row, next, None).await,
            None => {
                let (lane, subject) = (Lane::Pull.as_str(), calendar.calendar_id.as_str());
                Ok(tx.work().put(tenant, lane, subject, next).await?)
            }
        }
    }

    /// A change that nobody told of since the last pull: what the provider tells is not all.
    async fn judge_push(&self, tx: &mut Tx) -> Result<(), SyncError> {
        let (tenant, calendar) = (&self.subject.tenant, &self.subject.calendar);
        let Some(before) = calendar.synced_at else { return Ok(()) };
        if self.pulled.items_changed + self.pulled.items_gone == 0 {
            return Ok(());
        }
        if tx.calendars().doubt_push(tenant, &calendar.calendar_id, before).await? {
            tracing::warn!(calendar.id = %calendar.calendar_id, "A change was found that the provider had not told of.");
            self.tell_of(tx, Happened::Push { is_heard: false }).await?;
        }
        Ok(())
    }

    /// What this round cost the provider.
    async fn note_asked(&self, tx: &mut Tx) -> Result<(), SyncError> {
        let (calendar, provider) = (&self.subject.calendar, self.subject.connection.provider);
        let (tenant, id) = (&self.subject.tenant, &calendar.calendar_id);
        Ok(tx
            .census()
            .asked(tenant, AskedFor::Calendar(id), provider, self.asked, self.began)
            .await?)
    }

    async fn note_quarantine(&self, tx: &mut Tx, held: Option<&Held>) -> Result<(), SyncError> {
        let (engine, subject) = (self.engine, &self.subject);
        let (tenant, calendar) = (&subject.tenant, &subject.calendar);
        let note = held.and_then(|held| serde_json::to_value(held).ok());
        if note == calendar.quarantine {
            return Ok(());
        }
        let now = engine.clock.now();
        tx.calendars().set_quarantine(tenant, &calendar.calendar_id, note.as_ref(), now).await?;
        match (held, self.held()) {
            (None, Some(before)) => self.tell_of(tx, self.release_of(&before)).await?,
            (Some(held), before) if before.as_ref().is_none_or(|it| it.lost != held.lost) => {
                self.tell_of(tx, Happened::Held(held)).await?;
            }
            _ => {}
        }
        let Some(held) = held.filter(|_| calendar.quarantine.is_none()) else { return Ok(()) };
        tracing::warn!(calendar.id = %calendar.calendar_id, lost = held.lost, before = held.before, "Much future busy time is missing; its removal is held back.");
        let body = json!({ "lost": held.lost, "known": held.before });
        self.announce(tx, "calendar.quarantined", body).await
    }

    fn release_of(&self, before: &Held) -> Happened<'static> {
        let why = match before.word {
            Word::Confirmed => "an operator confirmed it",
            _ if self.pulled.removed > 0 => "a second listing missed the same",
            _ => "all is there again",
        };
        Happened::Released { why }
    }

    /// Writes into the calendar's timeline; its lock is held.
    async fn tell_of(&self, tx: &mut Tx, what: Happened<'_>) -> Result<(), SyncError> {
        let calendar = &self.subject.calendar;
        let of = (&self.subject.tenant, &calendar.connection_id, &calendar.calendar_id);
        self.engine.tell_of_calendar(tx, of, what).await
    }

    /// From the first completed pull on the calendar's window is moved on daily; in another zone all is expanded anew.
    async fn put_advance(&self, tx: &mut Tx) -> Result<(), SyncError> {
        let (engine, subject) = (self.engine, &self.subject);
        let calendar = &subject.calendar;
        let (lane, name) = (Lane::Advance.as_str(), calendar.calendar_id.as_str());
        if calendar.initial_sync == InitialSync::Pending {
            let due = next_poll(self.began, schedule::ADVANCE_EVERY, &*engine.entropy);
            tx.work().put(&subject.tenant, lane, name, due).await?;
        }
        let zone_changed = self.facts.time_zone.is_some()
            && self.facts.time_zone != calendar.time_zone
            && calendar.time_zone_set.is_none();
        if zone_changed && covered(calendar).is_some() {
            let now = engine.clock.now();
            tx.work().nudge(&subject.tenant, lane, name, None, now).await?;
        }
        Ok(())
    }

    async fn announce(&self, tx: &mut Tx, kind: &str, mut body: Value) -> Result<(), SyncError> {
        let (engine, subject) = (self.engine, &self.subject);
        let (calendar, connection) = (&subject.calendar.calendar_id, &subject.connection);
        if let Value::Object(body) = &mut body {
            body.insert("calendar_id".into(), json!(calendar));
            body.insert("connection_id".into(), json!(connection.connection_id));
            body.insert("resources".into(), json!(engine.fed_by(tx, subject).await?));
        }
        let actor = connection.connection_id.as_str();
        let change = engine.change(&subject.tenant, kind, actor, calendar.as_str(), body);
        Ok(tx.changes().append(&[change]).await?)
    }

    /// One line a pull that changed something.
    fn tell(&self) {
        let Pulled { items_changed, items_gone, added, removed, full, quarantined } = self.pulled;
        let calendar = &self.subject.calendar.calendar_id;
        if items_changed + items_gone == 0 {
            tracing::debug!(calendar.id = %calendar, full, "Nothing new.");
        } else {
            tracing::info!(calendar.id = %calendar, items_changed, items_gone, added, removed, full, quarantined, "Pulled a calendar.");
        }
    }

    /// Notes a failure. Busy time, cursor and age stay as they were.
    pub(super) async fn fail(&self, learned: Value, error: &SyncError) -> Result<(), SyncError> {
        let SyncError::Provider(provider) = error else { return Ok(()) };
        if self.ask.dry {
            return Ok(());
        }
        let (engine, subject) = (self.engine, &self.subject);
        let (tenant, calendar) = (&subject.tenant, &subject.calendar);
        let now = engine.clock.now();
        let failures = u32::try_from(calendar.failures).unwrap_or(u32::MAX).saturating_add(1);
        let consequence = consequence(provider.kind.remedy(Verb::Pull));
        let failure = failure(&provider.kind);
        engine.obey(&self.pace, &provider.kind).await?;
        let next = schedule::retry(now, failure, failures, calendar.poll_every, &*engine.entropy);
        let code = provider.kind.code();
        tracing::warn!(calendar.id = %calendar.calendar_id, code, failures, error = %provider, "A pull failed; what was known is kept.");
        let mut tx = engine.store.begin().await?;
        tx.calendars().lock(&calendar.calendar_id).await?;
        tx.calendars().fail_pull(tenant, &calendar.calendar_id, code, now).await?;
        self.note_asked(&mut tx).await?;
        self.tell_of(&mut tx, Happened::PullFailed(provider)).await?;
        let note = Note {
            login: match consequence {
                Consequence::LoginRefused => Login::Refused,
                Consequence::None | Consequence::ListAgain => Login::Unheard,
            },
            ok_at: None,
            error: Some(code.to_owned()),
            listing_failures: None,
            learned,
        };
        engine.note(&mut tx, tenant, &calendar.connection_id, note).await?;
        let connection = calendar.connection_id.as_str();
        match consequence {
            Consequence::None => {}
            // The listing probes the login from now on.
            Consequence::LoginRefused => {
                let soon = after(now, SECOND_LOOK);
                tx.work().put(tenant, Lane::List.as_str(), connection, soon).await?;
            }
            Consequence::ListAgain if calendar.failures == 0 => {
                tx.work().nudge(tenant, Lane::List.as_str(), connection, None, now).await?;
            }
            Consequence::ListAgain => {}
        }
        if let Some(row) = self.ask.row {
            engine.finish_held(&mut tx, row, next, Some(code)).await?;
        }
        reach(Point::FailureWritten).await;
        tx.commit().await?;
        reach(Point::FailureStored).await;
        engine.ring();
        Ok(())
    }
}

/// What a completed round leaves on its calendar.
pub(super) fn outcome(round: &Round<'_>, cursor: Option<Cursor>) -> PullOutcome {
    let (calendar, facts) = (&round.subject.calendar, &round.facts);
    let poll_every = facts.poll_every.unwrap_or(calendar.poll_every);
    PullOutcome {
        cursor: cursor.map(|cursor| cursor.as_str().to_owned()),
        generation: round.generation,
        synced_at: round.began,
        covered: round.covered,
        poll_every,
        expected_max_age: expected_max_age(poll_every),
        published_at: facts.published.or(calendar.published_at),
        // What the very first listing left out is known to nobody: the next pull lists once more.
        full_at: (round.lists_everything && calendar.initial_sync == InitialSync::Done)
            .then_some(round.began),
        name: facts.name.clone(),
        time_zone: facts.time_zone.clone(),
    }
}

/// Sorts a kind by how long it is likely to last.
pub(super) fn failure(kind: &Kind) -> Failure {
    match kind {
        Kind::Throttled { retry_after, .. } => Failure::Throttled(*retry_after),
        Kind::Tls
        | Kind::BlockedAddress
        | Kind::NotCalDav
        | Kind::WrongClient
        | Kind::ApiDisabled
        | Kind::NoPush
        | Kind::MissingScope
        | Kind::AdminConsent
        | Kind::Unauthorized
        | Kind::Forbidden
        | Kind::CalendarGone
        | Kind::Rejected => Failure::Lasting,
        Kind::Unavailable
        | Kind::Timeout
        | Kind::Dns
        | Kind::BadReply
        | Kind::CursorExpired
        | Kind::VersionConflict
        | Kind::AlreadyExists { .. }
        | Kind::Gone => Failure::Passing,
    }
}
