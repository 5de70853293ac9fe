//! The Google part of a seed: clients, accounts, calendars, events, grants.

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    account::GoogleAccount,
    calendar::GoogleCalendar,
    knobs::GoogleKnobs,
    spec::{GoogleAccountSpec, GoogleCalendarSpec, GoogleClientSpec},
    state::Google,
    truth,
};
use crate::{
    seed::{BadSeed, dated_as, tuned},
    world::World,
};

/// Google's side of a world.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GoogleSeed {
    /// Knobs that differ from the defaults.
    pub knobs: Value,
    pub clients: Vec<GoogleClientSpec>,
    pub accounts: Vec<GoogleAccountSeed>,
    pub grants: Vec<GrantSeed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleAccountSeed {
    pub spec: GoogleAccountSpec,
    /// Calendars and their events; the one whose id is the address is the primary one.
    #[serde(default)]
    pub calendars: Vec<GoogleCalendarSeed>,
}

/// A calendar; `{day+1}` and `{monday+2}` in its events stand for dates as in every seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleCalendarSeed {
    pub spec: GoogleCalendarSpec,
    #[serde(default)]
    pub events: Vec<Value>,
}

/// What an account allowed a client before the world began.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantSeed {
    pub account: String,
    pub client_id: String,
    pub scopes: Vec<String>,
    pub refresh_token: String,
}

impl GoogleSeed {
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.accounts.is_empty()
    }
}

impl World {
    pub(crate) fn sow_google(&self, seed: &GoogleSeed) -> Result<(), BadSeed> {
        let knobs: GoogleKnobs = tuned(&self.google_knobs(), &seed.knobs)?;
        self.tune_google(|there| *there = knobs);
        for client in &seed.clients {
            self.add_google_client(client.clone());
        }
        let today = self.now().to_zoned(TimeZone::UTC).date();
        for account in &seed.accounts {
            let added = self.add_google_account(account.spec.clone());
            for calendar in &account.calendars {
                sow_calendar(&added, calendar, today);
            }
        }
        for grant in &seed.grants {
            self.sow_grant(grant);
        }
        Ok(())
    }

    fn sow_grant(&self, seed: &GrantSeed) {
        let Some(account) = self.google_account(&seed.account) else { return };
        let scopes: Vec<&str> = seed.scopes.iter().map(String::as_str).collect();
        let made = account.grant(&seed.client_id, &scopes);
        account.google(|google, _| {
            if let Some(grant) = google.grants.remove(&made) {
                google.grants.insert(seed.refresh_token.clone(), grant);
            }
        });
    }
}

pub(crate) fn sow_calendar(
    account: &GoogleAccount,
    seed: &GoogleCalendarSeed,
    today: Date,
) -> GoogleCalendar {
    let calendar = if seed.spec.id == account.email() {
        account.primary()
    } else {
        account.add_calendar(seed.spec.clone())
    };
    // Masters come before their exceptions.
    let (masters, exceptions): (Vec<_>, Vec<_>) =
        seed.events.iter().partition(|event| event.get("recurringEventId").is_none());
    for event in masters.into_iter().chain(exceptions) {
        let event = placed(event, today);
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let done = match event.get("recurringEventId") {
            Some(_) if event.get("status").and_then(Value::as_str) == Some("cancelled") => {
                calendar.delete(&id).map(|()| Value::Null)
            }
            Some(_) => calendar.patch(&id, event),
            None => calendar.insert(event),
        };
        if let Err(refusal) = done {
            tracing::warn!(%refusal, "an event of the seed was not sown");
        }
    }
    calendar
}

/// An event with its dates in place.
pub(crate) fn placed(event: &Value, today: Date) -> Value {
    match event {
        Value::String(text) => Value::String(dated_as(text, today, "%Y-%m-%d")),
        Value::Array(items) => items.iter().map(|item| placed(item, today)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), placed(value, today))).collect()
        }
        other => other.clone(),
    }
}

impl Google {
    pub(crate) fn dump(&self) -> GoogleSeed {
        let accounts = self.people.iter().map(|(email, person)| {
            let calendars = person.list.iter().filter_map(|(id, entry)| {
                let found = self.calendars.get(id)?;
                let spec = GoogleCalendarSpec {
                    id: id.clone(),
                    summary: Some(found.summary.clone()),
                    description: found.description.clone(),
                    time_zone: Some(found.zone_name.clone()),
                    role: entry.role,
                    hidden: entry.hidden,
                    summary_override: entry.summary_override.clone(),
                    color: entry.color.clone(),
                    unwatchable: found.unwatchable,
                    public: found.public,
                };
                let events = truth::events(self, id).into_values().collect();
                (entry.lost.is_none() && !entry.deleted)
                    .then_some(GoogleCalendarSeed { spec, events })
            });
            let calendars = calendars.collect();
            debug_assert!(person.spec.email == *email, "people are kept by their address");
            GoogleAccountSeed { spec: person.spec.clone(), calendars }
        });
        let live = self.grants.iter().filter(|(_, grant)| !grant.is_dead);
        let grants = live.map(|(token, grant)| GrantSeed {
            account: grant.email.clone(),
            client_id: grant.client.clone(),
            scopes: grant.scopes.iter().cloned().collect(),
            refresh_token: token.clone(),
        });
        GoogleSeed {
            knobs: serde_json::to_value(&self.knobs).unwrap_or_default(),
            clients: self.clients.values().cloned().collect(),
            accounts: accounts.collect(),
            grants: grants.collect(),
        }
    }
}
