//! The Google part of the control API, below `/_sim/google/`.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    account::GoogleAccount,
    calendar::GoogleCalendar,
    seed::{GoogleAccountSeed, GoogleCalendarSeed, GoogleSeed, placed, sow_calendar},
    spec::{GoogleClientSpec, Role},
    truth,
};
use crate::{
    control::{Outcome, Refused},
    seed::tuned,
    world::World,
};

pub(crate) const ROUTES: &str = "\
Google, below /_sim/google:
GET    /truth                       every account, calendar and event
POST   /clients                     {client_id, client_secret, redirect_uris?, publishing?, api_disabled?, ...}
POST   /accounts                    {spec: {email, time_zone?, ...}, calendars?: [{spec, events?}]}
PATCH  /accounts/{email}            {revoke_grants?, expire_access_tokens?, expire_sync_tokens?: told | mute}
POST   /accounts/{email}/calendars  {spec: {id, ...}, events?}
POST   /accounts/{email}/grant      {client_id, scopes} -> {refresh_token}
PATCH  /calendars                   {account, calendar, role?, shared?, hidden?, summary?, time_zone?, watchable?,
                                     expire_sync_tokens?: told | mute, kill_channels?, remove?}
POST   /events                      {account, calendar, event}
PATCH  /events                      {account, calendar, id, patch? | respond? | split? | move_to?}
DELETE /events                      {account, calendar, id}
GET, PATCH /knobs                   every knob; those that are to change
GET    /channels                    the open ones
GET    /notifications               those on their way
GET    /violations                  what departed from the published description of the API
GET    /quotas                      peaks of units in any minute, and what was refused
";

pub(crate) fn route(world: &World, verb: &str, segments: &[&str], body: &[u8]) -> Outcome {
    match (verb, segments) {
        ("GET", ["truth"]) => Ok(world.google_truth()),
        ("POST", ["clients"]) => {
            let spec: GoogleClientSpec = serde_json::from_slice(body)?;
            world.add_google_client(spec);
            Ok(json!({}))
        }
        ("POST", ["accounts"]) => {
            let account: GoogleAccountSeed = serde_json::from_slice(body)?;
            world.sow_google(&GoogleSeed { accounts: vec![account], ..GoogleSeed::default() })?;
            Ok(json!({}))
        }
        ("PATCH", ["accounts", email]) => {
            patch_account(world, email, &serde_json::from_slice(body)?)
        }
        ("POST", ["accounts", email, "calendars"]) => {
            let seed: GoogleCalendarSeed = serde_json::from_slice(body)?;
            let today = world.now().to_zoned(TimeZone::UTC).date();
            let calendar = sow_calendar(&account(world, email)?, &seed, today);
            Ok(json!({ "id": calendar.id() }))
        }
        ("POST", ["accounts", email, "grant"]) => {
            let asked: Grant = serde_json::from_slice(body)?;
            let scopes: Vec<&str> = asked.scopes.iter().map(String::as_str).collect();
            Ok(json!({ "refresh_token": account(world, email)?.grant(&asked.client_id, &scopes) }))
        }
        ("PATCH", ["calendars"]) => patch_calendar(world, &serde_json::from_slice(body)?),
        ("POST" | "PATCH" | "DELETE", ["events"]) => {
            edit_event(world, verb, serde_json::from_slice(body)?)
        }
        ("GET", ["knobs"]) => Ok(serde_json::to_value(world.google_knobs())?),
        ("PATCH", ["knobs"]) => {
            let knobs = tuned(&world.google_knobs(), &serde_json::from_slice(body)?)?;
            world.tune_google(|there| *there = knobs);
            Ok(json!({}))
        }
        ("GET", ["channels"]) => Ok(serde_json::to_value(world.channels())?),
        ("GET", ["notifications"]) => Ok(serde_json::to_value(world.notifications_on_their_way())?),
        ("GET", ["violations"]) => Ok(serde_json::to_value(world.violations())?),
        ("GET", ["quotas"]) => Ok(serde_json::to_value(world.google_peaks())?),
        _ => Err(Refused::NoSuchThing),
    }
}

fn account(world: &World, email: &str) -> Result<GoogleAccount, Refused> {
    let email = crate::query::decoded(&email.replace('+', "%2B"));
    world.google_account(&email).ok_or(Refused::NoSuchThing)
}

fn calendar(world: &World, email: &str, id: &str) -> Result<GoogleCalendar, Refused> {
    account(world, email)?.calendar(id).ok_or(Refused::NoSuchThing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    client_id: String,
    scopes: Vec<String>,
}

/// How the end of sync tokens is told.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Expiry {
    Told,
    Mute,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountPatch {
    #[serde(default)]
    revoke_grants: bool,
    #[serde(default)]
    expire_access_tokens: bool,
    expire_sync_tokens: Option<Expiry>,
}

fn patch_account(world: &World, email: &str, patch: &AccountPatch) -> Outcome {
    let account = account(world, email)?;
    if patch.revoke_grants {
        account.revoke_grants();
    }
    if patch.expire_access_tokens {
        account.expire_access_tokens();
    }
    match patch.expire_sync_tokens {
        Some(Expiry::Told) => account.expire_sync_tokens(),
        Some(Expiry::Mute) => account.expire_sync_tokens_mutely(),
        None => {}
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarPatch {
    account: String,
    calendar: String,
    role: Option<Role>,
    shared: Option<bool>,
    hidden: Option<bool>,
    summary: Option<String>,
    time_zone: Option<String>,
    watchable: Option<bool>,
    expire_sync_tokens: Option<Expiry>,
    #[serde(default)]
    kill_channels: bool,
    #[serde(default)]
    remove: bool,
}

fn patch_calendar(world: &World, patch: &CalendarPatch) -> Outcome {
    let calendar = calendar(world, &patch.account, &patch.calendar)?;
    if let Some(role) = patch.role {
        calendar.set_role(role);
    }
    match patch.shared {
        Some(true) => calendar.share_again(),
        Some(false) => calendar.unshare(),
        None => {}
    }
    if let Some(hidden) = patch.hidden {
        calendar.hide(hidden);
    }
    if let Some(summary) = &patch.summary {
        calendar.rename(summary);
    }
    if let Some(zone) = &patch.time_zone {
        calendar.set_time_zone(zone);
    }
    if let Some(watchable) = patch.watchable {
        calendar.set_watchable(watchable);
    }
    if let Some(expiry) = patch.expire_sync_tokens {
        calendar.expire_sync_tokens(expiry == Expiry::Told);
    }
    if patch.kill_channels {
        world.kill_channels(calendar.id());
    }
    if patch.remove {
        calendar.remove();
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventEdit {
    account: String,
    calendar: String,
    #[serde(default)]
    id: String,
    event: Option<Value>,
    patch: Option<Value>,
    respond: Option<String>,
    split: Option<Value>,
    move_to: Option<String>,
}

fn edit_event(world: &World, verb: &str, edit: EventEdit) -> Outcome {
    let calendar = calendar(world, &edit.account, &edit.calendar)?;
    let today = world.now().to_zoned(TimeZone::UTC).date();
    if verb == "DELETE" {
        calendar.delete(&edit.id)?;
        return Ok(json!({}));
    }
    if let Some(event) = edit.event {
        return Ok(calendar.insert(placed(&event, today))?);
    }
    if let Some(answer) = edit.respond {
        return Ok(calendar.respond(&edit.id, &answer)?);
    }
    if let Some(change) = edit.split {
        return Ok(calendar.split(&edit.id, placed(&change, today))?);
    }
    if let Some(destination) = edit.move_to {
        calendar.move_to(&edit.id, &destination)?;
        return Ok(json!({}));
    }
    let patch = edit.patch.ok_or(Refused::NoSuchThing)?;
    Ok(calendar.patch(&edit.id, placed(&patch, today))?)
}

impl World {
    pub(crate) fn google_truth(&self) -> Value {
        truth::all(&self.state().google)
    }
}
