//! The Microsoft part of a seed: app registrations, accounts, calendars, events, grants.

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    account::MicrosoftAccount,
    calendar::MicrosoftCalendar,
    knobs::MicrosoftKnobs,
    spec::{DEFAULT, MicrosoftAccountSpec, MicrosoftCalendarSpec, MicrosoftClientSpec},
    state::{Microsoft, Person, Refresh},
    truth,
};
use crate::{
    google::{GrantSeed, placed},
    seed::{BadSeed, tuned},
    world::World,
};

/// Microsoft's side of a world.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MicrosoftSeed {
    /// Knobs that differ from the defaults.
    pub knobs: Value,
    pub clients: Vec<MicrosoftClientSpec>,
    pub accounts: Vec<MicrosoftAccountSeed>,
    pub grants: Vec<GrantSeed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrosoftAccountSeed {
    pub spec: MicrosoftAccountSpec,
    /// Calendars and their events; the one called `Calendar` is the default one.
    #[serde(default)]
    pub calendars: Vec<MicrosoftCalendarSeed>,
}

/// A calendar; `{day+1}` and `{monday+2}` in its events stand for dates as in every seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrosoftCalendarSeed {
    pub spec: MicrosoftCalendarSpec,
    #[serde(default)]
    pub events: Vec<Value>,
}

impl MicrosoftSeed {
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.accounts.is_empty()
    }
}

impl World {
    pub(crate) fn sow_microsoft(&self, seed: &MicrosoftSeed) -> Result<(), BadSeed> {
        let knobs: MicrosoftKnobs = tuned(&self.microsoft_knobs(), &seed.knobs)?;
        self.tune_microsoft(|there| *there = knobs);
        for client in &seed.clients {
            self.add_microsoft_client(client.clone());
        }
        let today = self.now().to_zoned(TimeZone::UTC).date();
        for account in &seed.accounts {
            let added = self.add_microsoft_account(account.spec.clone());
            for calendar in &account.calendars {
                sow_calendar(&added, calendar, today);
            }
        }
        for grant in &seed.grants {
            self.sow_microsoft_grant(grant);
        }
        Ok(())
    }

    fn sow_microsoft_grant(&self, seed: &GrantSeed) {
        let Some(account) = self.microsoft_account(&seed.account) else { return };
        let scopes: Vec<&str> = seed.scopes.iter().map(String::as_str).collect();
        let made = account.grant(&seed.client_id, &scopes);
        account.microsoft(|ms, _| {
            if let Some(grant) = ms.refresh.remove(&made) {
                ms.refresh.insert(seed.refresh_token.clone(), grant);
            }
        });
    }
}

pub(crate) fn sow_calendar(
    account: &MicrosoftAccount,
    seed: &MicrosoftCalendarSeed,
    today: Date,
) -> MicrosoftCalendar {
    let is_default = seed.spec.name == DEFAULT && seed.spec.id.is_none();
    let calendar = if is_default {
        account.default_calendar()
    } else {
        account.add_calendar(seed.spec.clone())
    };
    for event in &seed.events {
        if let Err(refusal) = calendar.insert(placed(event, today)) {
            tracing::warn!(%refusal, "an event of the seed was not sown");
        }
    }
    calendar
}

impl Microsoft {
    pub(crate) fn dump(&self) -> MicrosoftSeed {
        let accounts = self.people.values().map(|person| MicrosoftAccountSeed {
            spec: person.spec.clone(),
            calendars: calendars(person),
        });
        let live = |(token, refresh): (&String, &Refresh)| {
            let grant = self.grants.get(&refresh.grant).filter(|grant| grant.ended.is_none())?;
            Some(GrantSeed {
                account: grant.email.clone(),
                client_id: grant.client.clone(),
                scopes: grant.scopes.iter().cloned().collect(),
                refresh_token: token.clone(),
            })
        };
        MicrosoftSeed {
            knobs: serde_json::to_value(&self.knobs).unwrap_or_default(),
            clients: self.clients.values().cloned().collect(),
            accounts: accounts.collect(),
            grants: self.refresh.iter().filter_map(live).collect(),
        }
    }
}

fn calendars(person: &Person) -> Vec<MicrosoftCalendarSeed> {
    let kept = person.calendars.values().filter(|calendar| calendar.lost.is_none());
    kept.map(|calendar| {
        let spec = MicrosoftCalendarSpec {
            name: if calendar.is_default { DEFAULT.into() } else { calendar.name.clone() },
            id: Some(calendar.id.clone()),
            owner: calendar.owner.clone(),
            read_only: !calendar.can_edit,
            color: Some(calendar.color.clone()),
        };
        // Each in its own zone, on whose clocks it recurs.
        let whole = |item: &super::item::Item| truth::whole(item, item.zone.clone());
        MicrosoftCalendarSeed { spec, events: calendar.alive().map(whole).collect() }
    })
    .collect()
}
