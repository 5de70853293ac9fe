//! The Microsoft part of the control API, below `/_sim/microsoft/`.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    account::MicrosoftAccount,
    calendar::MicrosoftCalendar,
    seed::{MicrosoftAccountSeed, MicrosoftCalendarSeed, MicrosoftSeed, sow_calendar},
    spec::MicrosoftClientSpec,
    truth,
};
use crate::{
    control::{Outcome, Refused},
    google::placed,
    seed::tuned,
    world::World,
};

pub(crate) const ROUTES: &str = "\
Microsoft, below /_sim/microsoft:
GET    /truth                       every account, calendar and event
POST   /clients                     {client_id, client_secret, redirect_uris?, secret_expired?, removed?, ...}
POST   /accounts                    {spec: {email, time_zone?, tenant?, personal?, needs_admin?, ...}, calendars?}
PATCH  /accounts/{email}            {revoke_grants?, refuse_refreshes?: AADSTS code | 0, expire_access_tokens?,
                                     expire_delta_links?, challenge?: claims, mailbox?}
POST   /accounts/{email}/calendars  {spec: {name, owner?, read_only?, ...}, events?}
POST   /accounts/{email}/grant      {client_id, scopes} -> {refresh_token}
PATCH  /calendars                   {account, calendar, name?, editable?, shared?, id?, expire_delta_links?, remove?}
POST   /events                      {account, calendar, event}
PATCH  /events                      {account, calendar, id, patch? | respond? | move_to? | bump?}
DELETE /events                      {account, calendar, id}
GET, PATCH /knobs                   every knob; those that are to change
GET    /subscriptions               the living ones
PATCH  /subscriptions/{id}          {say: reauthorizationRequired | subscriptionRemoved | missed} or {drop: true}
GET    /notifications               those on their way
GET    /violations                  what departed from the published types
GET    /peaks                       what apps asked of mailboxes at most
";

pub(crate) fn route(world: &World, verb: &str, segments: &[&str], body: &[u8]) -> Outcome {
    match (verb, segments) {
        ("GET", ["truth"]) => Ok(world.microsoft_truth()),
        ("POST", ["clients"]) => {
            let spec: MicrosoftClientSpec = serde_json::from_slice(body)?;
            world.add_microsoft_client(spec);
            Ok(json!({}))
        }
        ("POST", ["accounts"]) => {
            let account: MicrosoftAccountSeed = serde_json::from_slice(body)?;
            let seed = MicrosoftSeed { accounts: vec![account], ..MicrosoftSeed::default() };
            world.sow_microsoft(&seed)?;
            Ok(json!({}))
        }
        ("PATCH", ["accounts", email]) => {
            patch_account(world, email, &serde_json::from_slice(body)?)
        }
        ("POST", ["accounts", email, "calendars"]) => {
            let seed: MicrosoftCalendarSeed = serde_json::from_slice(body)?;
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
        ("PATCH", ["subscriptions", id]) => {
            patch_subscription(world, id, &serde_json::from_slice(body)?)
        }
        ("PATCH", ["knobs"]) => {
            let knobs = tuned(&world.microsoft_knobs(), &serde_json::from_slice(body)?)?;
            world.tune_microsoft(|there| *there = knobs);
            Ok(json!({}))
        }
        ("GET", [what]) => Ok(match *what {
            "knobs" => serde_json::to_value(world.microsoft_knobs())?,
            "subscriptions" => serde_json::to_value(world.microsoft_subscriptions())?,
            "notifications" => serde_json::to_value(world.microsoft_on_the_way())?,
            "violations" => serde_json::to_value(world.microsoft_violations())?,
            "peaks" => serde_json::to_value(world.microsoft_peaks())?,
            _ => return Err(Refused::NoSuchThing),
        }),
        _ => Err(Refused::NoSuchThing),
    }
}

fn account(world: &World, email: &str) -> Result<MicrosoftAccount, Refused> {
    let email = crate::query::decoded(&email.replace('+', "%2B"));
    world.microsoft_account(&email).ok_or(Refused::NoSuchThing)
}

fn calendar(world: &World, email: &str, name: &str) -> Result<MicrosoftCalendar, Refused> {
    account(world, email)?.calendar(name).ok_or(Refused::NoSuchThing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    client_id: String,
    scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct AccountPatch {
    revoke_grants: bool,
    refuse_refreshes: Option<u32>,
    expire_access_tokens: bool,
    expire_delta_links: bool,
    challenge: Option<String>,
    mailbox: Option<bool>,
}

fn patch_account(world: &World, email: &str, patch: &AccountPatch) -> Outcome {
    let account = account(world, email)?;
    if patch.revoke_grants {
        account.revoke_grants();
    }
    if let Some(code) = patch.refuse_refreshes {
        account.refuse_refreshes(Some(code).filter(|code| *code != 0));
    }
    if patch.expire_access_tokens {
        account.expire_access_tokens();
    }
    if patch.expire_delta_links {
        account.expire_delta_links();
    }
    if let Some(claims) = &patch.challenge {
        account.challenge(claims);
    }
    if let Some(is_there) = patch.mailbox {
        account.set_mailbox(is_there);
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarPatch {
    account: String,
    calendar: String,
    name: Option<String>,
    editable: Option<bool>,
    shared: Option<bool>,
    id: Option<String>,
    #[serde(default)]
    expire_delta_links: bool,
    #[serde(default)]
    remove: bool,
}

fn patch_calendar(world: &World, patch: &CalendarPatch) -> Outcome {
    let mut calendar = calendar(world, &patch.account, &patch.calendar)?;
    if let Some(name) = &patch.name {
        calendar.rename(name);
    }
    if let Some(editable) = patch.editable {
        calendar.set_editable(editable);
    }
    match patch.shared {
        Some(true) => calendar.share_again(),
        Some(false) => calendar.unshare(404),
        None => {}
    }
    if patch.expire_delta_links {
        calendar.expire_delta_links();
    }
    if let Some(id) = &patch.id {
        calendar.change_id(id);
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
    move_to: Option<String>,
    #[serde(default)]
    bump: bool,
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
    if let Some(destination) = edit.move_to {
        calendar.move_to(&edit.id, &destination)?;
        return Ok(json!({}));
    }
    if edit.bump {
        calendar.bump(&edit.id);
        return Ok(json!({}));
    }
    let patch = edit.patch.ok_or(Refused::NoSuchThing)?;
    Ok(calendar.patch(&edit.id, placed(&patch, today))?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionPatch {
    say: Option<String>,
    #[serde(default)]
    drop: bool,
}

fn patch_subscription(world: &World, id: &str, patch: &SubscriptionPatch) -> Outcome {
    match patch.say.as_deref() {
        Some("reauthorizationRequired") => world.require_reauthorization(id),
        Some("subscriptionRemoved") => world.remove_subscription(id, true),
        Some("missed") => world.tell_missed(id),
        Some(_) => return Err(Refused::NoSuchThing),
        None if patch.drop => world.remove_subscription(id, false),
        None => {}
    }
    Ok(json!({}))
}

impl World {
    pub(crate) fn microsoft_truth(&self) -> Value {
        truth::all(&self.state().microsoft)
    }
}
