//! What a seed may do: people's edits, providers' faults, operators' and machines' doings.

use std::time::Duration;

use jiff::tz::TimeZone;
use simulators::{Act, CalendarSpec, Fault, GoogleCalendarSpec, Role, Turn, World};

use super::{
    chance::Chance,
    events::Event,
    google,
    time::Time,
    truth::{Diary, Home, Place, Truth},
};

/// Edits some calendar as its owner would, and tells what was done.
pub fn edit(truth: &mut Truth, time: &Time, chance: &mut Chance) -> String {
    let living = truth.living();
    if living.is_empty() {
        return "nothing to edit".to_owned();
    }
    let which = *chance.pick(&living);
    let fresh = truth.fresh("ev");
    let diary = &mut truth.diaries[which];
    let today = time.truth().to_zoned(TimeZone::UTC).date();
    let uids: Vec<String> = diary.events.keys().cloned().collect();
    if uids.is_empty() || chance.one_in(3) {
        let event = Event::any(fresh.clone(), today, chance);
        let told = format!("{}: new {fresh} {:?} {:?}", diary.name(), event.start, event.rule);
        diary.write(&fresh, Some(event), time);
        return told;
    }
    let uid = chance.pick(&uids).clone();
    let mut event = diary.events[&uid].clone();
    let word = match chance.below(10) {
        0 | 1 => {
            diary.write(&uid, None, time);
            return format!("{}: deleted {uid}", diary.name());
        }
        2 => {
            event.transparent = !event.transparent;
            event.edits += 1;
            "transparency of"
        }
        3 => {
            event.cancelled = !event.cancelled;
            event.edits += 1;
            "cancelled or not:"
        }
        4 if event.rule.is_some() && chance.one_in(2) => {
            let new = truth.fresh("ev");
            let diary = &mut truth.diaries[which];
            if diary.split(&uid, &new, chance, time) {
                return format!("{}: {uid} is {new} from some day on", diary.name());
            }
            event.change_occurrence(chance);
            diary.write(&uid, Some(event), time);
            return format!("{}: an occurrence of {uid}", diary.name());
        }
        4..=6 if event.rule.is_some() => {
            event.change_occurrence(chance);
            "an occurrence of"
        }
        7 => {
            event.edits += 1;
            "the text of"
        }
        _ => {
            event.shift(chance.within(-2, 3), *chance.pick(&[-60, 0, 30, 60]));
            "moved"
        }
    };
    diary.write(&uid, Some(event), time);
    format!("{}: {word} {uid}", diary.name())
}

/// Deletes much of a calendar at once.
pub fn delete_many(truth: &mut Truth, time: &Time, chance: &mut Chance) -> String {
    let living = truth.living();
    let which = *chance.pick(&living);
    let diary = &mut truth.diaries[which];
    let uids: Vec<String> = diary.events.keys().cloned().collect();
    let keep = chance.below(3);
    for uid in uids.iter().skip(usize::try_from(keep).unwrap()) {
        diary.write(uid, None, time);
    }
    format!(
        "{}: {} of {} deleted",
        diary.name(),
        uids.len().saturating_sub(keep as usize),
        uids.len()
    )
}

/// Adds, renames (which moves its path) or deletes a collection.
pub fn recollect(truth: &mut Truth, time: &Time, chance: &mut Chance) -> String {
    let fresh = truth.fresh("cal");
    let collections: Vec<usize> = truth
        .living()
        .into_iter()
        .filter(|n| !matches!(truth.diaries[*n].place, Place::Feed(_)))
        .collect();
    let Some(which) = (!collections.is_empty()).then(|| *chance.pick(&collections)) else {
        return "no collection".to_owned();
    };
    let link = truth.diaries[which].link;
    let old = &mut truth.diaries[which];
    let (owner, window) = (old.owner, old.window());
    let calendar = match &old.place {
        Place::Collection(calendar) => calendar,
        Place::Google(calendar) => {
            if calendar.role() == Some(Role::Owner)
                && calendar.id() != calendar.account().email()
                && chance.one_in(2)
            {
                calendar.remove();
                old.exists = false;
                return format!("{} is deleted", old.name());
            }
            let spec = GoogleCalendarSpec::new(&fresh).time_zone(owner);
            let place = Place::Google(calendar.account().add_calendar(spec));
            let mut diary = Diary::new(link, place, owner, window);
            diary.publish(time);
            truth.diaries.push(diary);
            return format!("{fresh} is new");
        }
        Place::Feed(_) => return "no collection".to_owned(),
    };
    match chance.below(3) {
        0 => {
            let told = format!("{} moves to {fresh}", calendar.name());
            let place = Place::Collection(calendar.rename(&fresh));
            old.exists = false;
            let events = old.events.clone();
            let mut moved = Diary::new(link, place, owner, window);
            moved.transparent = old.transparent;
            moved.lied = old.lied;
            moved.ever = old.ever.clone();
            moved.events = events;
            moved.publish(time);
            truth.diaries.push(moved);
            told
        }
        1 if collections.len() > 1 => {
            calendar.remove();
            old.exists = false;
            format!("{} is deleted", old.name())
        }
        _ => {
            let account = truth.links[link].caldav().unwrap().clone();
            let spec =
                CalendarSpec { timezone_id: Some(owner.to_owned()), ..CalendarSpec::new(&fresh) };
            let place = Place::Collection(account.add_calendar(spec));
            let mut diary = Diary::new(link, place, owner, window);
            diary.publish(time);
            truth.diaries.push(diary);
            format!("{fresh} is new")
        }
    }
}

/// Plants a fault somewhere.
pub fn plant(world: &World, truth: &Truth, chance: &mut Chance) -> String {
    let status = |status, retry_after_s| Act::Status { status, retry_after_s, body: String::new() };
    let link = &truth.links[usize::try_from(chance.below(truth.links.len() as u64)).unwrap()];
    let act = match chance.below(24) {
        _ if link.google().is_some() => Act::DropBefore,
        0 => status(401, None),
        1 => status(403, None),
        2 => status(404, None),
        3 => status(410, None),
        4 | 5 => status(429, Some(60 + chance.below(600))),
        6 => status(429, None),
        7 => status(500, None),
        8 => status(502, None),
        9 => status(503, chance.one_in(2).then(|| 30 + chance.below(300))),
        10 => Act::DropBefore,
        11 => Act::DropAfterApply,
        12 => Act::Body { body: PAGE.to_owned(), content_type: "text/html".to_owned() },
        13 => Act::Body { body: String::new(), content_type: "application/xml".to_owned() },
        14 => Act::TruncateBody { keep: usize::try_from(chance.below(1_500)).unwrap() },
        15 => Act::DuplicateRows,
        16 => Act::ReorderRows,
        17 => Act::EmptyRows,
        18 => Act::Latency { ms: 1_000 * chance.below(20) },
        19 => Act::Latency { ms: 60_000 },
        20 | 21 => Act::HalfRows,
        22 => Act::RateLimit { requests: 3, per_s: 60, retry_after_s: 30 + chance.below(120) },
        _ => Act::ExpireCursors,
    };
    let mut fault = Fault::new(act);
    match (&link.home, chance.below(4)) {
        (Home::Google(account), whose) => {
            let (act, method) = google::fault(chance);
            fault = Fault::new(act);
            if whose > 0 {
                fault = fault.account(account.email());
            }
            if let Some(method) = method {
                fault = fault.report(method);
            }
        }
        (_, 0) => {}
        (Home::Caldav(account), _) => {
            fault = fault.account(account.user());
            match chance.below(4) {
                0 => fault = fault.report("sync-collection"),
                1 => fault = fault.report("calendar-multiget"),
                2 => fault = fault.method("PROPFIND"),
                _ => {}
            }
        }
        (Home::Feed, _) => {
            let living = truth.living();
            let feeds: Vec<String> = living
                .iter()
                .map(|n| &truth.diaries[*n])
                .filter(|diary| matches!(diary.place, Place::Feed(_)))
                .map(Diary::name)
                .collect();
            let name: &String = chance.pick(&feeds);
            fault = fault.feed(name);
        }
    }
    fault = fault.turn(match chance.below(6) {
        0 | 1 => Turn::First(1),
        2 => Turn::Nth(u32::try_from(1 + chance.below(4)).unwrap()),
        3 => Turn::First(u32::try_from(2 + chance.below(4)).unwrap()),
        4 => Turn::OneIn(u32::try_from(2 + chance.below(3)).unwrap()),
        _ => Turn::Every,
    });
    let told = format!("fault {:?} on {:?}", fault.act, fault.on);
    world.fault(fault);
    told
}

const PAGE: &str = "<!doctype html><html><title>Sign in</title><body>Please sign in.</body></html>";

/// A span of time to pass.
pub fn pause(chance: &mut Chance) -> Duration {
    Duration::from_secs(match chance.below(16) {
        0..=9 => 5 + chance.below(120),
        10..=14 => 300 + chance.below(1_200),
        _ => 3_600 + chance.below(3_600),
    })
}
