//! The end of every seed: faults stop, and within 15 minutes and a few requests the hub must hold what the
//! providers hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use calhub::{
    audit::By,
    model::states::PushState,
    store::{CalendarFilter, CalendarRow},
    sync::Selector,
};
use jiff::{SignedDuration, Timestamp};
use simulators::{Content, Entry};

use super::{
    auditor::diary_of,
    google,
    run::Run,
    truth::{Diary, Link, Place},
    wire::NOTICED,
};

/// Requests of one calendar until it is right. The listing of calendars is another matter and counts apart.
const MOST: usize = 3;
/// Within this the hub must be right about every calendar that it knows.
const LIMIT: SignedDuration = SignedDuration::from_mins(15);
/// The same for one that a provider seemed to tell of well: how often it is polled then.
const TOLD_LIMIT: SignedDuration = SignedDuration::from_hours(4);

/// Lets faults stop, and watches the hub become right.
pub async fn converge(run: &mut Run) {
    calm(run).await;
    // A host that asked for room gets it: the time runs from when it may be asked.
    let began = run.time.truth().max(run.wire.open_again().unwrap_or(Timestamp::MIN));
    run.trace.line(format!("@ faults stop at {began}"));
    run.counted = Some(Vec::new());
    let run_back = run.time.back().min(NOTICED);
    let well_told = well_told(run).await;
    // A clock that was set back puts off by as much what was due, unless it is noticed.
    let limit = |name: &String| {
        let limit = if well_told.contains(name) { TOLD_LIMIT } else { LIMIT };
        limit + run_back
    };
    let mut right: BTreeMap<String, (i64, usize)> = BTreeMap::new();
    let mut held = BTreeMap::new();
    loop {
        let dues = run.settle().await;
        if !run.auditor.faults.is_empty() {
            return;
        }
        let waited = run.time.truth().duration_since(began);
        let wrong = look(run, waited.as_secs(), &mut right, &mut held).await;
        if wrong.is_empty() {
            break;
        }
        let next = run.next_due(dues).await;
        let is_late = |name: &String| {
            // What cost too much does not mend itself.
            name.is_empty() || next.is_none_or(|due| due.duration_since(began) > limit(name))
        };
        let late = wrong.iter().filter(|(name, _)| is_late(name));
        let late: Vec<String> = late.map(|(_, why)| format!("too late: {why}")).collect();
        run.auditor.faults.extend(late);
        let Some(due) = next.filter(|_| run.auditor.faults.is_empty()) else { return };
        let wait = due.duration_since(run.time.truth());
        run.time.pass(Duration::try_from(wait).unwrap_or_default());
    }
    let soon = right.iter().filter(|(name, _)| !well_told.contains(*name));
    run.tally.slowest = soon.map(|(_, (seconds, _))| *seconds).max().unwrap_or(0);
    run.tally.most_requests = right.values().map(|(_, requests)| *requests).max().unwrap_or(0);
}

/// The calendars that a provider seems to tell of well: what it did not tell of waits for their polls.
async fn well_told(run: &Run) -> BTreeSet<String> {
    let wire = run.wire.clone();
    let mut truth = wire.truth.lock().unwrap();
    let truth = &mut *truth;
    let mut names = BTreeSet::new();
    for row in rows(run).await.iter().filter(|row| row.push == PushState::Healthy) {
        names.extend(diary_of(row, &truth.links, &mut truth.diaries).map(|diary| diary.name()));
    }
    names
}

/// Nothing goes wrong any more; people who changed their password link again.
async fn calm(run: &mut Run) {
    run.is_calm = true;
    run.world.clear_faults();
    google::calm(&run.world);
    run.hub.calm();
    run.wire.calm();
    let stale: Vec<usize> = {
        let mut truth = run.wire.truth.lock().unwrap();
        let time = run.time.clone();
        for diary in truth.diaries.iter_mut().filter(|diary| diary.exists) {
            match &diary.place {
                Place::Collection(calendar) => calendar.share_again(),
                Place::Google(calendar) => calendar.share_again(),
                Place::Feed(_) if diary.halved => {
                    diary.halved = false;
                    diary.publish(&time);
                }
                Place::Feed(_) => {}
            }
        }
        run.world.feeds().iter().for_each(|feed| feed.tune(|k| k.content = Content::Calendar));
        for link in &truth.links {
            if let Some(account) = link.caldav() {
                account.set_password(&link.password);
            }
        }
        (0..truth.links.len()).filter(|n| truth.links[*n].is_out_of_date).collect()
    };
    // Nobody is asked before the end of a wait, not even for a person.
    if let Some(open) = run.wire.open_again() {
        let wait = open.duration_since(run.time.truth());
        run.pass(Duration::try_from(wait).unwrap_or_default(), None).await;
    }
    for link in stale {
        // By the clock of a hub that is behind, the wait may not be over; the person tries again.
        for _ in 0..4 {
            if run.link(link).await {
                break;
            }
            run.pass(Duration::from_secs(300), None).await;
        }
    }
    // What a provider kept back in a delta shows only in a full listing: the operator asks for one.
    let lied_to = {
        let wire = run.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        let truth = &mut *truth;
        let mut all = rows(run).await;
        all.retain(|row| {
            diary_of(row, &truth.links, &mut truth.diaries).is_some_and(|d| d.lied.is_some())
        });
        all
    };
    for row in lied_to {
        let which = Selector::Calendar(row.calendar_id);
        run.hub.engine.request_sync(&By::hub(), &run.hub.tenant, &which, true).await.unwrap();
    }
}

/// Notes which calendars are right by now, and tells of the others.
async fn look(
    run: &Run,
    waited: i64,
    right: &mut BTreeMap<String, (i64, usize)>,
    held: &mut BTreeMap<String, BTreeSet<Option<Timestamp>>>,
) -> Vec<(String, String)> {
    let wire = run.wire.clone();
    let mut truth = wire.truth.lock().unwrap();
    let (links, diaries, removed) = {
        let truth = &mut *truth;
        (&truth.links, &mut truth.diaries, &truth.removed)
    };
    let mut wrong = Vec::new();
    for row in rows(run).await {
        if removed.contains(&row.connection_id) {
            let name = row.connection_id.to_string();
            wrong.push((name, format!("{} is removed and still there", row.connection_id)));
        }
        let diary = diary_of(&row, links, diaries).filter(|diary| diary.exists);
        let Some(diary) = diary else { continue };
        if row.quarantine.is_some() {
            held.entry(diary.name()).or_default().insert(row.synced_at);
        }
        match run.auditor.difference(&run.hub, &row, diary) {
            Some(why) => {
                let why = format!("{} ({:?}): {why}", diary.name(), row.last_error);
                wrong.push((diary.name(), why));
            }
            None => {
                if right.contains_key(&diary.name()) {
                    continue;
                }
                let path = diary.path();
                let asked = run.counted.iter().flatten();
                let asked: Vec<&Entry> =
                    asked.filter(|e| counts(e) && e.path.starts_with(&path)).collect();
                let requests = asked.len() - usize::from(asked.iter().any(|e| is_lesson(e)));
                let looks = held.get(&diary.name()).map_or(0, BTreeSet::len);
                let pages = extra_pages(run, links, diary);
                let most = MOST + 2 * pages * (1 + looks) + a_look(&asked) * looks;
                right.insert(diary.name(), (waited, requests));
                if requests > most {
                    let name = diary.name();
                    run.trace.line(format!("{name}: {requests} requests, {most} are allowed"));
                    let faults = format!("{name}: {requests} requests, {most} are allowed");
                    wrong.push((String::new(), faults));
                }
            }
        }
    }
    wrong
}

/// A challenge that is answered at once is part of the request that it asks to repeat.
fn counts(entry: &Entry) -> bool {
    entry.status != Some(401) && entry.report.as_deref() != Some("events.watch")
}

/// How the hub learns, once, that a server has no deltas.
fn is_lesson(entry: &Entry) -> bool {
    entry.report.as_deref() == Some("sync-collection") && entry.status == Some(403)
}

/// What one more look at a quarantine may cost: a listing and its bodies, and where there are no deltas the ctag.
fn a_look(asked: &[&Entry]) -> usize {
    let has_deltas = asked.iter().any(|e| e.report.as_deref() == Some("sync-collection"));
    if has_deltas { 2 } else { 3 }
}

/// The pages beyond the first, each with its multiget, where the server's pages are small: of a full listing, or of a
/// delta that names what is gone too.
fn extra_pages(run: &Run, links: &[Link], diary: &Diary) -> usize {
    if let Place::Google(_) = &diary.place {
        let knobs = run.world.google_knobs();
        let empty = usize::from(knobs.empty_pages);
        return empty + knobs.page_cap.map_or(0, |page| diary.ever.len().saturating_sub(1) / page);
    }
    let account = links[diary.link].caldav();
    let page = account.and_then(|account| account.profile().sync.page).unwrap_or(50);
    // Some servers repeat the last row of a page on the next.
    diary.ever.len().saturating_sub(1) / (page - 1)
}

async fn rows(run: &Run) -> Vec<CalendarRow> {
    let filter = CalendarFilter { limit: 1_000, ..CalendarFilter::default() };
    let mut tx = run.hub.store.read().await.unwrap();
    tx.calendars().list(&run.hub.tenant, &filter).await.unwrap()
}
