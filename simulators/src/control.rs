//! The control API under `/_sim/`: the person in the vendor's program, and the one who breaks things, over HTTP.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    account::{Account, Calendar},
    fault::Fault,
    google, microsoft,
    profile::Profile,
    reply::{self, Reply},
    seed::{AccountSeed, CalendarSeed, EventSeed, FeedSeed, Seed, tuned},
    world::World,
};

const ROUTES: &str = "\
GET    /_sim/truth                      every account, calendar, resource and feed, as JSON
GET    /_sim/dump                       the world as a seed
POST   /_sim/seed                       sow a seed
POST   /_sim/accounts                   {user, password, profile?, knobs?, addresses?, calendars?}
PATCH  /_sim/accounts/{user}            {password?, revoked?, knobs?}
DELETE /_sim/accounts/{user}
POST   /_sim/accounts/{user}/calendars  {spec: {name, ...}, events?}
PATCH  /_sim/calendars                  {account, calendar, set?, expire_cursors?, gone?, rename?, remove?}
PUT    /_sim/events                     {account, calendar, name, body | lines}
DELETE /_sim/events                     {account, calendar, name}
POST   /_sim/feeds                      {name, secret?, login?, body | lines, knobs?}
PATCH  /_sim/feeds                      {name, body?, knobs?, fail_next?, remove?}
GET, POST, DELETE /_sim/faults          POST {on?: {account, feed, method, report, path, turn}, act}
GET    /_sim/clock
POST   /_sim/clock/advance              {seconds}
GET, DELETE /_sim/log
GET    /_sim/outbox                     mails that would have been sent
";

/// Why a control request was not done.
#[derive(Debug)]
pub(crate) enum Refused {
    NoSuchThing,
    Said(String),
}

impl<E: std::error::Error> From<E> for Refused {
    fn from(error: E) -> Self {
        let cause = error.source().map_or(String::new(), |source| format!(": {source}"));
        Self::Said(format!("{error}{cause}"))
    }
}

pub(crate) type Outcome = Result<Value, Refused>;

pub(crate) fn answer(world: &World, request: &Request<Bytes>) -> Reply {
    let path = request.uri().path();
    if matches!(path, "/_sim/" | "/_sim") {
        return reply::body(
            200,
            "text/plain; charset=utf-8",
            Bytes::from(format!("{ROUTES}\n{}\n{}", google::ROUTES, microsoft::ROUTES)),
        );
    }
    match route(world, request) {
        Ok(value) => {
            let text = serde_json::to_string_pretty(&value).unwrap_or_default();
            reply::body(200, "application/json", Bytes::from(text))
        }
        Err(Refused::NoSuchThing) => {
            reply::body(404, "text/plain", Bytes::from_static(b"No such thing.\n"))
        }
        Err(Refused::Said(text)) => {
            reply::body(400, "text/plain; charset=utf-8", Bytes::from(text + "\n"))
        }
    }
}

fn route(world: &World, request: &Request<Bytes>) -> Outcome {
    let segments: Vec<&str> =
        request.uri().path().split('/').skip(2).filter(|s| !s.is_empty()).collect();
    let body = request.body();
    match (request.method().as_str(), segments.as_slice()) {
        (verb, ["google", rest @ ..]) => google::control(world, verb, rest, body),
        (verb, ["microsoft", rest @ ..]) => microsoft::control(world, verb, rest, body),
        ("GET", ["truth"]) => Ok(truth(world)),
        ("GET", ["dump"]) => Ok(serde_json::to_value(world.dump())?),
        ("POST", ["seed"]) => sow(world, &serde_json::from_slice(body)?),
        ("POST", ["accounts"]) => add_account(world, serde_json::from_slice(body)?),
        ("PATCH", ["accounts", user]) => patch_account(world, user, serde_json::from_slice(body)?),
        ("DELETE", ["accounts", user]) => {
            world.remove_account(user).then(|| json!({})).ok_or(Refused::NoSuchThing)
        }
        ("POST", ["accounts", user, "calendars"]) => {
            add_calendar(world, user, &serde_json::from_slice(body)?)
        }
        ("PATCH", ["calendars"]) => patch_calendar(world, serde_json::from_slice(body)?),
        ("PUT" | "POST", ["events"]) => put_event(world, serde_json::from_slice(body)?),
        ("DELETE", ["events"]) => delete_event(world, &serde_json::from_slice(body)?),
        ("POST", ["feeds"]) => add_feed(world, serde_json::from_slice(body)?),
        ("PATCH", ["feeds"]) => patch_feed(world, serde_json::from_slice(body)?),
        ("GET", ["faults"]) => Ok(serde_json::to_value(world.faults())?),
        ("POST", ["faults"]) => plant(world, serde_json::from_slice(body)?),
        ("DELETE", ["faults"]) => done(|| world.clear_faults()),
        ("GET", ["clock"]) => Ok(json!({ "now": world.now() })),
        ("POST", ["clock", "advance"]) => advance(world, &serde_json::from_slice(body)?),
        ("GET", ["log"]) => Ok(serde_json::to_value(world.log())?),
        ("DELETE", ["log"]) => done(|| world.clear_log()),
        ("GET", ["outbox"]) => Ok(serde_json::to_value(world.outbox())?),
        _ => Err(Refused::NoSuchThing),
    }
}

/// An edit that tells nothing back.
#[expect(clippy::unnecessary_wraps, reason = "so that every route is one expression")]
fn done(edit: impl FnOnce()) -> Outcome {
    edit();
    Ok(json!({}))
}

fn sow(world: &World, seed: &Seed) -> Outcome {
    world.sow(seed)?;
    Ok(json!({}))
}

fn plant(world: &World, fault: Fault) -> Outcome {
    done(|| world.fault(fault))
}

#[derive(Serialize)]
struct TrueResource {
    uid: Option<String>,
    etag: String,
    body: String,
}

/// Everything, in an order that depends on nothing but names.
fn truth(world: &World) -> Value {
    let resources = |calendar: &Calendar| -> BTreeMap<String, TrueResource> {
        let all = calendar.resources().into_iter();
        all.map(|(name, r)| {
            (name, TrueResource { uid: r.uid.clone(), body: r.text(), etag: r.etag })
        })
        .collect()
    };
    let calendars = |account: &Account| -> BTreeMap<String, Value> {
        let all = account.calendars().into_iter();
        all.map(|c| {
            (
                c.name().to_owned(),
                json!({ "path": c.path(), "spec": c.spec(), "resources": resources(&c) }),
            )
        })
        .collect()
    };
    let accounts: BTreeMap<String, Value> = world
        .accounts()
        .iter()
        .map(|a| (a.user().to_owned(), json!({ "path": a.path(), "calendars": calendars(a) })))
        .collect();
    let feeds: BTreeMap<String, Value> = world
        .feeds()
        .iter()
        .map(|f| {
            (
                f.name().to_owned(),
                json!({ "path": f.path(), "fetches": f.fetches(), "body": f.body() }),
            )
        })
        .collect();
    json!({ "now": world.now(), "accounts": accounts, "feeds": feeds, "google": world.google_truth(), "microsoft": world.microsoft_truth() })
}

fn add_account(world: &World, seed: AccountSeed) -> Outcome {
    let user = seed.user.clone();
    world.sow(&Seed { accounts: vec![seed], ..Seed::default() })?;
    let account = world.account(&user).ok_or(Refused::NoSuchThing)?;
    Ok(json!({ "path": account.path(), "home": account.home() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountPatch {
    password: Option<String>,
    revoked: Option<bool>,
    #[serde(default)]
    knobs: Value,
}

fn patch_account(world: &World, user: &str, patch: AccountPatch) -> Outcome {
    let account = world.account(user).ok_or(Refused::NoSuchThing)?;
    let profile: Profile = tuned(&account.profile(), &patch.knobs)?;
    account.tune(|knobs| *knobs = profile);
    if let Some(password) = patch.password {
        account.set_password(&password);
    }
    if patch.revoked == Some(true) {
        account.revoke_password();
    }
    Ok(json!({}))
}

fn add_calendar(world: &World, user: &str, seed: &CalendarSeed) -> Outcome {
    let account = world.account(user).ok_or(Refused::NoSuchThing)?;
    let calendar = account.add_calendar(seed.spec.clone());
    world.sow_events(&calendar, &seed.events, &BTreeMap::new());
    Ok(json!({ "path": calendar.path() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarPatch {
    account: String,
    calendar: String,
    #[serde(default)]
    set: Value,
    #[serde(default)]
    expire_cursors: bool,
    /// A status; 0 shares it again.
    gone: Option<u16>,
    rename: Option<String>,
    #[serde(default)]
    remove: bool,
}

fn calendar(world: &World, account: &str, name: &str) -> Result<Calendar, Refused> {
    world.account(account).and_then(|account| account.calendar(name)).ok_or(Refused::NoSuchThing)
}

fn patch_calendar(world: &World, patch: CalendarPatch) -> Outcome {
    let calendar = calendar(world, &patch.account, &patch.calendar)?;
    if !patch.set.is_null() {
        let spec = tuned(&calendar.spec().unwrap_or_default(), &patch.set)?;
        calendar.set(|there| *there = spec);
    }
    if patch.expire_cursors {
        calendar.expire_cursors();
    }
    match patch.gone {
        Some(0) => calendar.share_again(),
        Some(status) => calendar.unshare(status),
        None => {}
    }
    if let Some(name) = patch.rename {
        calendar.rename(&name);
    }
    if patch.remove {
        calendar.remove();
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventAt {
    account: String,
    calendar: String,
    name: String,
    body: Option<String>,
    #[serde(default)]
    lines: Vec<String>,
}

fn put_event(world: &World, at: EventAt) -> Outcome {
    let calendar = calendar(world, &at.account, &at.calendar)?;
    let event = EventSeed { name: at.name.clone(), body: at.body, lines: at.lines };
    world.sow_events(&calendar, &[event], &BTreeMap::new());
    Ok(
        json!({ "path": calendar.href(&at.name), "etag": calendar.get(&at.name).map(|there| there.etag) }),
    )
}

fn delete_event(world: &World, at: &EventAt) -> Outcome {
    let calendar = calendar(world, &at.account, &at.calendar)?;
    calendar.delete(&at.name).then(|| json!({})).ok_or(Refused::NoSuchThing)
}

fn add_feed(world: &World, seed: FeedSeed) -> Outcome {
    let name = seed.name.clone();
    world.sow(&Seed { feeds: vec![seed], ..Seed::default() })?;
    Ok(json!({ "path": world.feed(&name).map(|feed| feed.path()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedPatch {
    name: String,
    body: Option<String>,
    #[serde(default)]
    knobs: Value,
    #[serde(default)]
    fail_next: Vec<u16>,
    #[serde(default)]
    remove: bool,
}

fn patch_feed(world: &World, patch: FeedPatch) -> Outcome {
    let feed = world.feed(&patch.name).ok_or(Refused::NoSuchThing)?;
    let knobs = tuned(&feed.knobs(), &patch.knobs)?;
    feed.tune(|there| *there = knobs);
    if let Some(body) = patch.body {
        feed.set(body);
    }
    feed.fail_next(&patch.fail_next);
    if patch.remove {
        feed.remove();
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u64,
}

fn advance(world: &World, by: &Advance) -> Outcome {
    world.advance(Duration::from_secs(by.seconds));
    Ok(json!({ "now": world.now() }))
}
