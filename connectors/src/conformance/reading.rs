//! Promises about reading.

use std::collections::BTreeSet;

use jiff::civil::date;
use serde_json::Value;

use super::{
    Kept, Ledger, Subject,
    ledger::{missing, window},
    samples,
    subject::ensure,
};
use crate::{
    connector::{Connector, Window},
    event::{ItemRef, RemoteDate, RemoteEnd, RemoteEvent, RemoteTime},
};

fn uids(wanted: &[&str]) -> BTreeSet<String> {
    wanted.iter().map(|uid| (*uid).to_owned()).collect()
}

/// What was read, without the stamps that some publishers renew at every request.
fn substance(ledger: &Ledger) -> Vec<(ItemRef, Vec<RemoteEvent>)> {
    let unstamped = |event| RemoteEvent { stamped: None, ..event };
    let items = ledger.items().into_iter();
    items.map(|item| (item.item, item.events.into_iter().map(unstamped).collect())).collect()
}

pub(super) async fn linking_names_the_account_and_its_calendars(subject: &dyn Subject) -> Kept {
    subject.put("one", &samples::hour("one", 9)).await;
    let connector = subject.connector(Value::Null);
    let account = connector.account().await?;
    let again = subject.connector(Value::Null).account().await?;
    ensure(account == again, || "the same account has two identities".into())?;
    ensure(!account.identity.is_empty() && !account.label.is_empty(), || "no name".into())?;
    let calendars = connector.list_calendars().await?;
    ensure(calendars.iter().any(|calendar| calendar.calendar == subject.calendar()), || {
        format!("{:?} is not among {calendars:?}", subject.calendar())
    })
}

pub(super) async fn a_full_pull_lists_everything(subject: &dyn Subject) -> Kept {
    subject.put("one", &samples::hour("one", 9)).await;
    subject.put("two", &samples::hour("two", 10)).await;
    subject.put("three", &samples::series_with_a_moved_occurrence("three")).await;
    let ledger = Ledger::default();
    ledger.pull(&*subject.connector(Value::Null), &subject.calendar()).await?;
    ensure(ledger.uids() == uids(&["one", "two", "three"]), || format!("{:?}", ledger.uids()))
}

pub(super) async fn a_full_pull_and_deltas_converge_on_the_same_set(subject: &dyn Subject) -> Kept {
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let followed = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    subject.put("two", &samples::hour("two", 10)).await;
    followed.pull(&*connector, &calendar).await?;
    for step in 0..4_u8 {
        subject.put("one", &samples::hour("one", 11 + step)).await;
        subject.put(&format!("new-{step}"), &samples::hour(&format!("new-{step}"), step)).await;
        if step == 2 {
            subject.delete("two").await;
        }
        followed.pull(&*connector, &calendar).await?;
        let fresh = Ledger::default();
        fresh.pull(&*subject.connector(Value::Null), &calendar).await?;
        ensure(substance(&followed) == substance(&fresh), || {
            format!("step {step}: {:?} is not {:?}", followed.uids(), fresh.uids())
        })?;
    }
    Ok(())
}

pub(super) async fn deletion_is_seen(subject: &dyn Subject) -> Kept {
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("stays", &samples::hour("stays", 9)).await;
    subject.put("goes", &samples::hour("goes", 10)).await;
    ledger.pull(&*connector, &calendar).await?;
    subject.delete("goes").await;
    let round = ledger.pull(&*connector, &calendar).await?;
    ensure(ledger.uids() == uids(&["stays"]), || format!("{:?}", ledger.uids()))?;
    if subject.abilities().tombstones {
        ensure(round.gone == 1, || format!("no tombstone came: {round:?}"))?;
    }
    // Also when nobody told: a listing of everything shows it by absence.
    subject.put("later", &samples::hour("later", 11)).await;
    ledger.pull(&*connector, &calendar).await?;
    subject.delete("later").await;
    ledger.pull_everything(&*connector, &calendar).await?;
    ensure(ledger.uids() == uids(&["stays"]), || format!("{:?}", ledger.uids()))
}

pub(super) async fn what_is_unchanged_is_not_fetched_again(subject: &dyn Subject) -> Kept {
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    for n in 0..5 {
        subject.put(&format!("event-{n}"), &samples::minute(&format!("event-{n}"), n)).await;
    }
    ledger.pull(&*connector, &calendar).await?;
    let round = ledger.pull_everything(&*connector, &calendar).await?;
    ensure(round.present == 0 && round.swept == 0, || format!("fetched again: {round:?}"))?;
    subject.put("event-3", &samples::hour("event-3", 20)).await;
    let round = ledger.pull_everything(&*connector, &calendar).await?;
    let expected = if subject.abilities().has_versions { (1, 4) } else { (round.present, 4) };
    ensure((round.present, round.unchanged) == expected, || format!("not just the one: {round:?}"))
}

pub(super) async fn an_idle_pull_is_cheap(subject: &dyn Subject) -> Kept {
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    for n in 0..20 {
        subject.put(&format!("event-{n}"), &samples::minute(&format!("event-{n}"), n)).await;
    }
    ledger.pull(&*connector, &calendar).await?;
    // Servers that repeat the last change say nothing new by the second time.
    ledger.pull(&*connector, &calendar).await?;
    let before = subject.counts();
    let round = ledger.pull(&*connector, &calendar).await?;
    let requests = subject.counts().requests - before.requests;
    ensure(round.present + round.gone + round.swept == 0, || format!("{round:?}"))?;
    if subject.abilities().idles_cheaply {
        ensure(requests <= 2, || format!("{requests} requests to learn that nothing changed"))?;
    }
    Ok(())
}

pub(super) async fn paging_loses_and_repeats_nothing_while_events_change(
    subject: &dyn Subject,
) -> Kept {
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    let total = subject.abilities().many;
    let last = format!("event-{:04}", total - 1);
    for n in 0..total {
        subject.put(&format!("event-{n:04}"), &samples::minute(&format!("event-{n:04}"), n)).await;
    }
    let first = ledger
        .pull_with(&*connector, &calendar, async |page| {
            if page == 1 {
                // Behind and ahead of where the round stands.
                subject.put("event-0000", &samples::hour("event-0000", 5)).await;
                subject.put(&last, &samples::hour(&last, 6)).await;
                subject.delete("event-0001").await;
                subject.put("aaa", &samples::hour("aaa", 7)).await;
                subject.put("zzz", &samples::hour("zzz", 8)).await;
            }
        })
        .await?;
    // Told again is only what changed meanwhile.
    ensure(first.present <= total + 4, || format!("repeated: {first:?}"))?;
    ledger.pull(&*connector, &calendar).await?;
    let fresh = Ledger::default();
    fresh.pull(&*subject.connector(Value::Null), &calendar).await?;
    let expected = if first.pages > 1 { total + 1 } else { total };
    ensure(fresh.uids().len() == expected, || format!("{} of {expected}", fresh.uids().len()))?;
    let (followed, listed) = (substance(&ledger), substance(&fresh));
    ensure(followed.len() == listed.len(), || {
        format!("{} followed, {} listed", followed.len(), listed.len())
    })?;
    for (followed, listed) in followed.iter().zip(&listed) {
        ensure(followed == listed, || format!("{:?} differs", followed.0))?;
    }
    Ok(())
}

pub(super) async fn an_all_day_event_keeps_its_dates_in_any_zone(subject: &dyn Subject) -> Kept {
    subject.put("away", &samples::all_day("away")).await;
    let ledger = Ledger::default();
    ledger.pull(&*subject.connector(Value::Null), &subject.calendar()).await?;
    let item = ledger.of_uid("away").ok_or_else(|| missing("the all-day event"))?;
    let bounds: Vec<_> =
        item.events.iter().map(|event| (event.start.clone(), event.end.clone())).collect();
    let expected =
        (RemoteTime::Date(date(2027, 3, 10)), RemoteEnd::At(RemoteTime::Date(date(2027, 3, 12))));
    ensure(bounds == [expected], || format!("{bounds:?}"))
}

pub(super) async fn a_moved_occurrence_moves_alone(subject: &dyn Subject) -> Kept {
    subject.put("weekly", &samples::series_with_a_moved_occurrence("weekly")).await;
    let ledger = Ledger::default();
    ledger.pull(&*subject.connector(Value::Null), &subject.calendar()).await?;
    // One item or several: what expands together is what belongs to one series.
    let home = ledger.of_uid("weekly").ok_or_else(|| missing("the series"))?.series;
    let items = ledger.items();
    let (series, others): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.series == home);
    let events: Vec<_> = series.iter().flat_map(|item| &item.events).collect();
    ensure(others.is_empty(), || format!("{} items are of other series", others.len()))?;
    ensure(events.iter().all(|event| event.uid == "weekly"), || format!("{events:?}"))?;
    if subject.abilities().expands {
        ensure(series.iter().all(|item| item.faults.is_empty()), || format!("{series:?}"))?;
        return stands_at_its_occurrences(&events);
    }
    let masters: Vec<_> = events.iter().filter(|event| event.recurrence_id.is_none()).collect();
    let moved: Vec<_> = events.iter().filter(|event| event.recurrence_id.is_some()).collect();
    ensure(masters.len() == 1 && moved.len() == 1, || format!("{} events", events.len()))?;
    ensure(masters.iter().all(|master| master.rules == ["FREQ=WEEKLY;COUNT=5"]), || {
        format!("{:?}", masters.first().map(|master| &master.rules))
    })?;
    let at = date(2027, 3, 16).at(14, 30, 0, 0);
    let starts: Vec<_> = moved.iter().map(|event| &event.start).collect();
    let zoned = RemoteTime::Zoned { at, tzid: "Europe/Berlin".into() };
    ensure(starts == [&zoned], || format!("{starts:?}"))?;
    ensure(series.iter().all(|item| item.faults.is_empty()), || format!("{series:?}"))
}

/// The sample's series, worked out by its provider: ten o'clock in Berlin, before and after its clocks change.
fn stands_at_its_occurrences(events: &[&RemoteEvent]) -> Kept {
    let extra = |date: &RemoteDate| match date {
        RemoteDate::At(at) => at.clone(),
        RemoteDate::Period { start, .. } => start.clone(),
    };
    let all = events.iter().flat_map(|event| {
        std::iter::once(event.start.clone()).chain(event.rdates.iter().map(extra))
    });
    let found: BTreeSet<String> = all
        .map(|at| match at {
            RemoteTime::Utc(at) => at.to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = uids(&[
        "2027-03-08T09:00:00Z",
        "2027-03-16T13:30:00Z",
        "2027-03-22T09:00:00Z",
        "2027-03-29T08:00:00Z",
        "2027-04-05T08:00:00Z",
    ]);
    ensure(found == expected, || format!("{found:?}"))
}

pub(super) async fn a_span_is_read_live(subject: &dyn Subject) -> Kept {
    subject.put("in", &samples::hour("in", 9)).await;
    subject.put("away", &samples::all_day("away")).await;
    subject.put("weekly", &samples::series_with_a_moved_occurrence("weekly")).await;
    let connector = subject.connector(Value::Null);
    let read = async |from: &str, to: &str| -> Result<BTreeSet<String>, super::Broken> {
        let parse = |text: &str| text.parse().map_err(|_| super::Broken("unreadable".into()));
        let span = Window { start: parse(from)?, end: parse(to)? };
        let items = connector.read_span(&subject.calendar(), span).await?;
        Ok(items.iter().flat_map(|item| &item.events).map(|event| event.uid.clone()).collect())
    };
    let found = read("2027-03-08T09:10:00Z", "2027-03-08T09:20:00Z").await?;
    ensure(found.contains("in"), || format!("{found:?}"))?;
    // The third occurrence of the series, and the moved one. Where each has a UID of its own, it is alone there.
    let is_there = |found: &BTreeSet<String>| {
        found.contains("weekly") || (subject.abilities().expands && found.len() == 1)
    };
    let found = read("2027-03-22T09:00:00Z", "2027-03-22T10:00:00Z").await?;
    ensure(is_there(&found), || format!("{found:?}"))?;
    let found = read("2027-03-16T13:30:00Z", "2027-03-16T14:00:00Z").await?;
    ensure(is_there(&found), || format!("{found:?}"))?;
    let found = read("2027-03-11T12:00:00Z", "2027-03-11T13:00:00Z").await?;
    ensure(found.contains("away"), || format!("{found:?}"))?;
    // What was put a moment ago is there already.
    subject.put("fresh", &samples::hour("fresh", 12)).await;
    let found = read("2027-03-08T12:10:00Z", "2027-03-08T12:20:00Z").await?;
    ensure(found.contains("fresh"), || format!("{found:?}"))
}

pub(super) async fn a_broken_event_does_not_hide_the_others(subject: &dyn Subject) -> Kept {
    subject.put("good", &samples::hour("good", 9)).await;
    subject.put("odd", &samples::odd("odd")).await;
    let ledger = Ledger::default();
    ledger.pull(&*subject.connector(Value::Null), &subject.calendar()).await?;
    ensure(ledger.uids().contains("good"), || format!("{:?}", ledger.uids()))?;
    // The odd one is either read or told as faulty; it never just vanishes.
    let told = ledger.items().iter().any(|item| !item.faults.is_empty());
    ensure(ledger.uids().contains("odd") || told, || "the odd event vanished".into())
}

pub(super) async fn traits_are_honest(subject: &dyn Subject) -> Kept {
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    ledger.pull(&*connector, &calendar).await?;
    let traits = connector.traits();
    ensure(traits.concurrency > 0, || "no call at all may be made".into())?;
    ensure(traits.poll_every <= traits.full_every, || "full pulls before deltas".into())?;
    ensure(traits.tombstones == subject.abilities().tombstones, || {
        format!("tombstones: {} is said", traits.tombstones)
    })?;
    ensure(connector.writer().is_none() || !calendar.as_str().is_empty(), || {
        "a feed cannot be written".into()
    })
}

pub(super) async fn what_was_learned_can_be_given_back(subject: &dyn Subject) -> Kept {
    subject.put("one", &samples::hour("one", 9)).await;
    let calendar = subject.calendar();
    let ledger = Ledger::default();
    let first = subject.connector(Value::Null);
    ledger.pull(&*first, &calendar).await?;
    let learned = first.learned();
    let cost = subject.counts().requests;
    let second: Box<dyn Connector> = subject.connector(learned.clone());
    ensure(second.learned() == learned || learned.is_null(), || "forgotten at once".into())?;
    second.pull(&calendar, window(), ledger.cursor().as_ref(), &ledger).await?;
    let requests = subject.counts().requests - cost;
    // A delta, or at most a listing; never discovery again.
    ensure(requests <= 4, || format!("{requests} requests in spite of what was learned"))
}
