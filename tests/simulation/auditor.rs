//! The auditor: stands outside the hub, knows what was really so at every moment, and compares with what the
//! hub answers after every step.
//!
//! The rule behind all: an answer that vouches for a calendar rests on what was there when its last completed
//! pull began. What was busy at the provider all the time since must be busy in it (or unknown), and what was
//! never busy since must not be.

use std::collections::{BTreeMap, BTreeSet};

use calhub::{
    index::{Index, Link as IndexLink, query},
    model::{busy::BusyClass, ids::TenantId, interval::Span, policy::DEFAULT_RULES},
    store::{BusyRow, CalendarFilter, CalendarRow, ChangeRow, Tx, WorkRow},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    follower::{Follower, Row, Rows},
    hub::Hub,
    spans::{Spans, both, melt, text, union, without},
    time::Time,
    trace::Trace,
    truth::{Diary, Link, Place, Truth},
};

/// What was last seen of one calendar.
#[derive(Clone, Default)]
struct Seen {
    synced: Option<Timestamp>,
    /// When the last completed pull began, in true time.
    evidence: Option<Timestamp>,
    /// How far the hub's clock had been set back by then.
    back: SignedDuration,
    rows: Vec<Row>,
    busy: Spans,
    /// Since when removals are held back, by the hub's clock.
    held_since: Option<Timestamp>,
    told: String,
    touched: Option<Timestamp>,
    full: Option<Timestamp>,
}

pub struct Auditor {
    pub window: (i64, i64),
    seen: BTreeMap<String, Seen>,
    follower: Follower,
    time: Time,
    trace: Trace,
    pub faults: Vec<String>,
    looks: usize,
    /// When it looked last, by the hub's clock, and which calendars' removals were held back since: a slow provider may
    /// make one step last for minutes.
    looked_at: Timestamp,
    held: BTreeSet<String>,
}

/// One calendar's answer.
pub struct Told {
    pub busy: Spans,
    pub unknown: Spans,
    age: Option<SignedDuration>,
}

/// What the auditor needs to know of a step.
#[derive(Clone, Copy, Default)]
pub struct Step {
    /// Something happened in the middle of it, or it ended in a crash.
    pub disturbed: bool,
}

impl Auditor {
    pub fn new(window: (i64, i64), time: Time, trace: Trace) -> Self {
        let (seen, follower, faults, held) = Default::default();
        let looked_at = time.hub();
        Self { window, seen, follower, time, trace, faults, looks: 0, looked_at, held }
    }

    /// Looks at everything after a step.
    pub async fn look(&mut self, hub: &Hub, truth: &mut Truth, step: Step) {
        hub.tail.catch_up().await.unwrap();
        let mut tx = hub.store.read().await.unwrap();
        let filter = CalendarFilter { limit: 1_000, ..CalendarFilter::default() };
        let mut calendars = tx.calendars().list(&hub.tenant, &filter).await.unwrap();
        // What is being removed answers nothing any more.
        calendars.retain(|row| !truth.removed.contains(&row.connection_id));
        self.looks += 1;
        let news = self.follower.read(&mut tx).await;
        let rows = self.stored(&mut tx, &hub.tenant, &calendars, &news).await;
        let held = news.iter().filter(|row| row.change.kind == "calendar.quarantined");
        self.held = held.map(|row| row.change.subject.clone()).collect();
        self.follower.follow(&news, &rows, !step.disturbed, &self.trace, &mut self.faults);
        drop(tx);
        for row in &calendars {
            let id = row.calendar_id.to_string();
            let told = self.ask(&hub.index, &hub.tenant, row);
            self.judge(row, &told, &rows[&id], truth, step);
        }
        self.seen.retain(|id, _| rows.contains_key(id));
        self.looked_at = self.time.hub();
    }

    /// The busy rows of every calendar: read where a row or the log moved, and all of them now and then.
    async fn stored(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        calendars: &[CalendarRow],
        news: &[ChangeRow],
    ) -> Rows {
        let mut all = Rows::new();
        for calendar in calendars {
            let id = calendar.calendar_id.to_string();
            let seen = self.seen.get(&id).filter(|seen| {
                let is_told = news.iter().any(|row| row.change.subject == id);
                seen.touched == Some(calendar.touched_at)
                    && !is_told
                    && !self.looks.is_multiple_of(16)
            });
            let rows = match seen {
                Some(seen) => seen.rows.clone(),
                None => stored(tx, tenant, calendar).await,
            };
            all.insert(id, rows);
        }
        all
    }

    /// Reads the change log once more: all must be as it was followed. No work is left of what was removed.
    pub async fn close(&mut self, hub: &Hub) {
        let mut tx = hub.store.read().await.unwrap();
        self.follower.reread(&mut tx, &mut self.faults).await;
        let filter = CalendarFilter { limit: 1_000, ..CalendarFilter::default() };
        let calendars = tx.calendars().list(&hub.tenant, &filter).await.unwrap();
        let work = tx.work().list(&hub.tenant, None, None, 10_000).await.unwrap();
        let is_known = |subject: &str| {
            calendars.iter().any(|row| {
                row.calendar_id.as_str() == subject || row.connection_id.as_str() == subject
            })
        };
        let ids = |row: &&WorkRow| row.subject.starts_with("cal_") && !is_known(&row.subject);
        let orphans = work.iter().filter(ids).map(|row| format!("work for {}", row.subject));
        self.faults.extend(orphans);
    }

    fn ask(&self, index: &Index, tenant: &TenantId, row: &CalendarRow) -> Told {
        let now = self.time.hub();
        let bound = |us| Timestamp::from_microsecond(us).unwrap();
        let window = Span::new(bound(self.window.0), bound(self.window.1)).unwrap();
        let is_current = index.is_current(now);
        let question = query::Question { window, max_staleness: None, now, is_current };
        let link = IndexLink { calendar: row.calendar_id.clone(), kinds: DEFAULT_RULES.into() };
        let basis = index.read(tenant, |part| query::Basis::of(part, &[link])).unwrap();
        let answer = query::answer(&question, &basis);
        let busy = answer.busy.iter().map(|(start, end, _)| (*start, *end)).collect();
        let unknown = answer.unknown.iter().map(|u| (u.start_us, u.end_us)).collect();
        let age = basis.calendars().next().and_then(|calendar| calendar.facts.age(now));
        Told { busy: melt(busy, self.window), unknown: melt(unknown, self.window), age }
    }

    fn judge(
        &mut self,
        row: &CalendarRow,
        told: &Told,
        rows: &[Row],
        truth: &mut Truth,
        step: Step,
    ) {
        let id = row.calendar_id.to_string();
        let before = self.seen.get(&id).cloned().unwrap_or_default();
        let mut now = Seen { rows: rows.to_vec(), busy: told.busy.clone(), ..before.clone() };
        now.touched = Some(row.touched_at);
        if row.synced_at != before.synced {
            now.synced = row.synced_at;
            now.evidence = row.synced_at.map(|at| at - self.time.skew());
            now.back = self.time.back();
        }
        let Some(diary) = diary_of(row, &truth.links, &mut truth.diaries) else {
            self.faults.push(format!("{} is no calendar that anybody had", row.provider_ref));
            return;
        };
        // A full listing that began after the lie, told in the step in which it ended: the clock may move later.
        if row.full_at != before.full
            && row
                .full_at
                .is_some_and(|at| diary.lied.is_some_and(|lie| at - self.time.skew() > lie))
        {
            diary.lied = None;
        }
        now.full = row.full_at;
        self.check_answer(diary, row, told, &now);
        self.check_kept(diary, &before, told);
        self.check_quarantine(diary, row, &before, rows, step);
        now.held_since = row.quarantine.as_ref().map(|note| {
            note["since"].as_str().and_then(|since| since.parse().ok()).unwrap_or(Timestamp::MIN)
        });
        let base = self.window.0;
        let line = format!(
            "  = {} busy {} unknown {} synced {:?} failures {} {}{}",
            diary.name(),
            text(&told.busy, base),
            text(&told.unknown, base),
            row.synced_at.map(|at| at.to_string()),
            row.failures,
            row.last_error.as_deref().unwrap_or("-"),
            if row.quarantine.is_some() { " quarantined" } else { "" },
        );
        if line != before.told {
            self.trace.line(line.clone());
            now.told = line;
        }
        self.seen.insert(id, now);
    }

    /// What an answer vouches for must be so.
    fn check_answer(&mut self, diary: &Diary, row: &CalendarRow, told: &Told, now: &Seen) {
        let whole = vec![self.window];
        let Some(evidence) = now.evidence else {
            if !without(&whole, &told.unknown).is_empty() {
                self.faults.push(format!("{}: vouched for though never read", diary.name()));
            }
            return;
        };
        if told.unknown == whole || !diary.exists {
            return;
        }
        let real = self.time.truth().duration_since(evidence);
        // Only a clock that was set back can hide age, and no more than it was set back by.
        let hidden = self.time.back() - now.back + SignedDuration::from_micros(1);
        if told.age.is_none_or(|age| age < real - hidden) {
            self.faults.push(format!(
                "{}: the answer says it is {:?} old, and it is {real:?}",
                diary.name(),
                told.age
            ));
        }
        if diary.lied.is_some() {
            return;
        }
        let (always, ever) = diary.since(evidence);
        let missing = without(&always, &union(&told.busy, &told.unknown));
        let invented = without(&without(&told.busy, &told.unknown), &ever);
        for (what, wrong) in [("false free", missing), ("false busy", invented)] {
            if !wrong.is_empty() {
                self.faults.push(format!(
                    "{}: {what} at {} ({} items, evidence of {evidence})",
                    diary.name(),
                    text(&wrong, self.window.0),
                    row.provider_ref,
                ));
            }
        }
    }

    /// Busy time that was known and is there still is not let go, whatever went wrong.
    fn check_kept(&mut self, diary: &Diary, before: &Seen, told: &Told) {
        let Some(evidence) = before.evidence.filter(|_| diary.lied.is_none() && diary.exists)
        else {
            return;
        };
        let (always, _) = diary.since(evidence);
        let lost = without(&both(&before.busy, &always), &told.busy);
        if !lost.is_empty() {
            let lost = text(&lost, self.window.0);
            self.faults.push(format!("{}: known and real, and let go: {lost}", diary.name()));
        }
    }

    /// Much future busy time goes only after a second look (`design.md` rule 12).
    fn check_quarantine(
        &mut self,
        diary: &Diary,
        row: &CalendarRow,
        before: &Seen,
        rows: &[Row],
        step: Step,
    ) {
        let now = self.time.hub();
        // An all-day note or a declined meeting takes no time, so none is lost with it.
        let takes = |class: u8| DEFAULT_RULES.kind(BusyClass::from_code(class.into())).is_some();
        let future = |rows: &[Row]| -> Vec<Row> {
            let is_future = |row: &&Row| row.1 > now.as_microsecond() && takes(row.2);
            rows.iter().filter(is_future).copied().collect()
        };
        let (was, is) = (future(&before.rows), future(rows));
        let lost = was.iter().filter(|row| !is.contains(row)).count();
        let won = is.iter().filter(|row| !was.contains(row)).count();
        let lost = lost.saturating_sub(won);
        let is_much = lost >= 5 && (lost > 50 || lost * 100 > was.len() * 30);
        let minute = SignedDuration::from_secs(60);
        let held_in_between = self.held.contains(row.calendar_id.as_str());
        let since = before.held_since.or(held_in_between.then_some(self.looked_at));
        let was_held = since.is_some_and(|since| now >= since + minute);
        if is_much && !was_held && !step.disturbed {
            self.faults.push(format!(
                "{}: {lost} of {} went without a second look ({})",
                diary.name(),
                was.len(),
                row.generation
            ));
        }
    }

    /// What of a calendar is not as it should be in the end, or `None` when all is well.
    pub fn difference(&self, hub: &Hub, row: &CalendarRow, diary: &Diary) -> Option<String> {
        let told = self.ask(&hub.index, &hub.tenant, row);
        if !told.unknown.is_empty() {
            return Some(format!("unknown {}", text(&told.unknown, self.window.0)));
        }
        let (more, less) = (without(&told.busy, diary.busy()), without(diary.busy(), &told.busy));
        let is_same = more.is_empty() && less.is_empty();
        let base = self.window.0;
        (!is_same)
            .then(|| format!("too much {}, too little {}", text(&more, base), text(&less, base)))
    }
}

async fn stored(tx: &mut Tx, tenant: &TenantId, calendar: &CalendarRow) -> Vec<Row> {
    let busy = tx.events().busy_of_calendar(tenant, &calendar.calendar_id).await.unwrap();
    let mut rows: Vec<Row> = busy
        .iter()
        .map(|b: &BusyRow| {
            (b.span.start_us(), b.span.end_us(), u8::try_from(b.class.code()).unwrap())
        })
        .collect();
    rows.sort_unstable();
    rows
}

/// The calendar that a row stands for.
pub fn diary_of<'t>(
    row: &CalendarRow,
    links: &[Link],
    diaries: &'t mut [Diary],
) -> Option<&'t mut Diary> {
    diaries.iter_mut().find(|diary| {
        links[diary.link].connection.as_ref() == Some(&row.connection_id)
            && match &diary.place {
                Place::Feed(_) => true,
                Place::Google(calendar) => row.provider_ref == calendar.id(),
                Place::Collection(calendar) => row
                    .provider_ref
                    .trim_end_matches('/')
                    .ends_with(&format!("/{}", calendar.name())),
            }
    })
}
