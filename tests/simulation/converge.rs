//! The end of every seed: faults stop, and within 15 minutes and a few requests the hub must hold what the
//! providers hold.

use std::{collections::BTreeMap, time::Duration};

use calhub::{
    store::{CalendarFilter, CalendarRow},
    sync::Selector,
};
use jiff::{SignedDuration, Timestamp};

use super::{auditor::diary_of, run::Run, truth::Place};

/// Within this the hub must be right about every calendar that it knows.
const LIMIT: SignedDuration = SignedDuration::from_mins(15);

/// Lets faults stop, and watches the hub become right.
pub async fn converge(run: &mut Run) {
    calm(run).await;
    // A host that asked for room gets it: the time runs from when it may be asked.
    let began = run.time.truth().max(run.wire.open_again().unwrap_or(Timestamp::MIN));
    run.trace.line(format!("@ faults stop at {began}"));
    run.counted = Some(Vec::new());
    let mut right: BTreeMap<String, (i64, usize)> = BTreeMap::new();
    loop {
        run.settle().await;
        if !run.auditor.faults.is_empty() {
            return;
        }
        let waited = run.time.truth().duration_since(began);
        let wrong = look(run, waited.as_secs(), &mut right).await;
        if wrong.is_empty() {
            break;
        }
        let due = run.next_due().await.filter(|due| due.duration_since(began) <= LIMIT);
        let Some(due) = due else {
            let faults = wrong.into_iter().map(|why| format!("after 15 minutes: {why}"));
            run.auditor.faults.extend(faults);
            return;
        };
        let wait = due.duration_since(run.time.truth());
        run.time.pass(Duration::try_from(wait).unwrap_or_default());
    }
    run.tally.slowest = right.values().map(|(seconds, _)| *seconds).max().unwrap_or(0);
    run.tally.most_requests = right.values().map(|(_, requests)| *requests).max().unwrap_or(0);
}

/// Nothing goes wrong any more; people who changed their password link again.
async fn calm(run: &mut Run) {
    run.world.clear_faults();
    run.hub.calm();
    let stale: Vec<usize> = {
        let truth = run.wire.truth.lock().unwrap();
        for diary in truth.diaries.iter().filter(|diary| diary.exists) {
            if let Place::Collection(calendar) = &diary.place {
                calendar.share_again();
            }
        }
        for link in &truth.links {
            if let Some(account) = &link.account {
                account.set_password(&link.password);
            }
        }
        (0..truth.links.len()).filter(|n| truth.links[*n].is_out_of_date).collect()
    };
    for link in stale {
        run.link(link).await;
    }
    // What a provider kept back in a delta shows only in a full listing: the operator asks for one.
    let lied_to = {
        let wire = run.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        rows(run)
            .await
            .into_iter()
            .filter(|row| diary_of(row, &mut truth).is_some_and(|diary| diary.lied.is_some()))
            .collect::<Vec<_>>()
    };
    for row in lied_to {
        let which = Selector::Calendar(row.calendar_id);
        run.hub.engine.request_sync(&run.hub.tenant, &which, true).await.unwrap();
    }
}

/// Notes which calendars are right by now, and tells of the others.
async fn look(run: &Run, waited: i64, right: &mut BTreeMap<String, (i64, usize)>) -> Vec<String> {
    let wire = run.wire.clone();
    let mut truth = wire.truth.lock().unwrap();
    let mut wrong = Vec::new();
    for row in rows(run).await {
        let Some(diary) = diary_of(&row, &mut truth).filter(|diary| diary.exists) else { continue };
        match run.auditor.difference(&run.hub, &row, diary) {
            Some(why) => wrong.push(format!("{} ({:?}): {why}", diary.name(), row.last_error)),
            None => {
                let path = diary.path();
                let asked =
                    run.counted.iter().flatten().filter(|entry| entry.path.starts_with(&path));
                let requests = asked.count();
                right.entry(diary.name()).or_insert((waited, requests));
            }
        }
    }
    wrong
}

async fn rows(run: &Run) -> Vec<CalendarRow> {
    let filter = CalendarFilter { limit: 1_000, ..CalendarFilter::default() };
    let mut tx = run.hub.store.read().await.unwrap();
    tx.calendars().list(&run.hub.tenant, &filter).await.unwrap()
}
