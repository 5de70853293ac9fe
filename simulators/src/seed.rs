//! Worlds from JSON: what a seed file says, and how it is sown.
//!
//! `{day+3}` in a body stands for the date three days from the world's today, `{monday+2}` for the Wednesday of its
//! week, so that a demo never grows old.

use std::{collections::BTreeMap, fmt};

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    account::Calendar,
    fault::Fault,
    feed::{FeedKnobs, FeedSpec},
    google::GoogleSeed,
    microsoft::MicrosoftSeed,
    profile::Profile,
    spec::{AccountSpec, CalendarSpec, Resource},
    state::{AccountState, CalendarState},
    world::World,
};

/// The seed that the demo runs on.
pub const DEMO: &str = include_str!("../../fixtures/simulators/demo.json");

/// Calendar objects that are odd but seen in the wild, as the account `odd` (password `odd-secret`).
pub const ODDITIES: &str = include_str!("../../fixtures/simulators/oddities.json");

/// Accounts, feeds and faults to add to a world.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    /// What the seed shows and where its contents come from.
    pub about: String,
    /// The seed of faults that act by chance.
    pub chance: Option<u64>,
    /// Lines of VTIMEZONEs, put into bodies that name the zone.
    pub zones: BTreeMap<String, Vec<String>>,
    pub accounts: Vec<AccountSeed>,
    pub feeds: Vec<FeedSeed>,
    #[serde(skip_serializing_if = "GoogleSeed::is_empty")]
    pub google: GoogleSeed,
    #[serde(skip_serializing_if = "MicrosoftSeed::is_empty")]
    pub microsoft: MicrosoftSeed,
    pub faults: Vec<Fault>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSeed {
    pub user: String,
    pub password: String,
    #[serde(default)]
    pub bearer: Option<String>,
    #[serde(default)]
    pub addresses: Vec<String>,
    /// A named profile; `generic` when absent.
    #[serde(default)]
    pub profile: Option<String>,
    /// Knobs that differ from the named profile.
    #[serde(default)]
    pub knobs: Value,
    #[serde(default)]
    pub calendars: Vec<CalendarSeed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarSeed {
    pub spec: CalendarSpec,
    #[serde(default)]
    pub events: Vec<EventSeed>,
}

/// A resource: a whole `body`, or the `lines` inside its VCALENDAR.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventSeed {
    pub name: String,
    pub body: Option<String>,
    pub lines: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedSeed {
    pub name: String,
    pub secret: Option<String>,
    pub login: Option<(String, String)>,
    pub body: Option<String>,
    pub lines: Vec<String>,
    pub knobs: FeedKnobs,
}

/// A seed that cannot be sown.
#[derive(Debug)]
pub enum BadSeed {
    Json(serde_json::Error),
    UnknownProfile(String),
}

impl fmt::Display for BadSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(_) => f.write_str("the seed is not what a seed looks like"),
            Self::UnknownProfile(name) => {
                let known = Profile::names().collect::<Vec<_>>().join(", ");
                write!(f, "no profile is called {name:?}; there are {known}")
            }
        }
    }
}

impl std::error::Error for BadSeed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(source) => Some(source),
            Self::UnknownProfile(_) => None,
        }
    }
}

impl From<serde_json::Error> for BadSeed {
    fn from(source: serde_json::Error) -> Self {
        Self::Json(source)
    }
}

impl Seed {
    /// # Errors
    ///
    /// When the text is not the JSON of a seed.
    pub fn parse(json: &str) -> Result<Self, BadSeed> {
        Ok(serde_json::from_str(json)?)
    }
}

impl World {
    /// Adds all that a seed names.
    ///
    /// # Errors
    ///
    /// When a profile or a knob does not exist; what came before it stays.
    pub fn sow(&self, seed: &Seed) -> Result<(), BadSeed> {
        if let Some(chance) = seed.chance {
            self.set_seed(chance);
        }
        for account in &seed.accounts {
            self.sow_account(account, &seed.zones)?;
        }
        for feed in &seed.feeds {
            let body = self.body(feed.body.as_deref(), &feed.lines, &seed.zones);
            let (name, secret, login) =
                (feed.name.clone(), feed.secret.clone(), feed.login.clone());
            self.add_feed(FeedSpec {
                name,
                secret,
                login,
                body,
                bytes: None,
                knobs: feed.knobs.clone(),
            });
        }
        self.sow_google(&seed.google)?;
        self.sow_microsoft(&seed.microsoft)?;
        for fault in &seed.faults {
            self.fault(fault.clone());
        }
        Ok(())
    }

    fn sow_account(
        &self,
        seed: &AccountSeed,
        zones: &BTreeMap<String, Vec<String>>,
    ) -> Result<(), BadSeed> {
        let name = seed.profile.as_deref().unwrap_or("generic");
        let named = Profile::named(name).ok_or_else(|| BadSeed::UnknownProfile(name.to_owned()))?;
        let account = self.add_account(AccountSpec {
            user: seed.user.clone(),
            password: seed.password.clone(),
            bearer: seed.bearer.clone(),
            addresses: seed.addresses.clone(),
            profile: tuned(&named, &seed.knobs)?,
        });
        for calendar in &seed.calendars {
            let added = account.add_calendar(calendar.spec.clone());
            self.sow_events(&added, &calendar.events, zones);
        }
        Ok(())
    }

    pub(crate) fn sow_events(
        &self,
        calendar: &Calendar,
        events: &[EventSeed],
        zones: &BTreeMap<String, Vec<String>>,
    ) {
        for event in events {
            calendar.put(&event.name, self.body(event.body.as_deref(), &event.lines, zones));
        }
    }

    fn body(
        &self,
        body: Option<&str>,
        lines: &[String],
        zones: &BTreeMap<String, Vec<String>>,
    ) -> String {
        let today = self.now().to_zoned(TimeZone::UTC).date();
        if let Some(body) = body {
            return dated(body, today);
        }
        let inner = lines.iter().fold(String::new(), |text, line| format!("{text}{line}\r\n"));
        let named = zones.iter().filter(|(zone, _)| inner.contains(&format!("TZID={zone}")));
        let zones: String =
            named.flat_map(|(_, lines)| lines).map(|line| format!("{line}\r\n")).collect();
        let head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\n";
        dated(&format!("{head}{zones}{inner}END:VCALENDAR\r\n"), today)
    }

    /// The world as a seed, to be sown again.
    pub fn dump(&self) -> Seed {
        let state = self.state();
        Seed {
            about: String::new(),
            chance: Some(state.seed),
            zones: BTreeMap::new(),
            accounts: state.accounts.values().map(AccountSeed::of).collect(),
            feeds: state.feeds.values().map(|feed| FeedSeed::of(&feed.spec)).collect(),
            google: state.google.dump(),
            microsoft: state.microsoft.dump(),
            faults: state.faults.iter().map(|planted| planted.fault.clone()).collect(),
        }
    }
}

impl AccountSeed {
    fn of(account: &AccountState) -> Self {
        let spec = account.spec.clone();
        Self {
            user: spec.user,
            password: spec.password,
            bearer: spec.bearer,
            addresses: spec.addresses,
            profile: None,
            knobs: serde_json::to_value(&spec.profile).unwrap_or_default(),
            calendars: account.calendars.values().map(CalendarSeed::of).collect(),
        }
    }
}

impl CalendarSeed {
    fn of(calendar: &CalendarState) -> Self {
        let event = |resource: &Resource| EventSeed {
            name: resource.name.clone(),
            body: Some(resource.text()),
            lines: Vec::new(),
        };
        let events = calendar.resources.values().map(event).collect();
        Self { spec: calendar.spec.clone(), events }
    }
}

impl FeedSeed {
    fn of(feed: &FeedSpec) -> Self {
        let FeedSpec { name, secret, login, body, knobs, .. } = feed.clone();
        Self { name, secret, login, body: Some(body), lines: Vec::new(), knobs }
    }
}

/// Lays some values over others, key by key, and reads the result.
pub(crate) fn tuned<T: Serialize + serde::de::DeserializeOwned>(
    value: &T,
    over: &Value,
) -> serde_json::Result<T> {
    let mut base = serde_json::to_value(value)?;
    if !over.is_null() {
        lay(&mut base, over);
    }
    serde_json::from_value(base)
}

fn lay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) if base.len() > 1 => {
            for (key, value) in over {
                lay(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// Replaces `{day+N}` and `{monday+N}` by dates.
fn dated(text: &str, today: Date) -> String {
    dated_as(text, today, "%Y%m%d")
}

/// As a seed's dates are written in Google's events: `%Y-%m-%d`.
pub(crate) fn dated_as(text: &str, today: Date, format: &str) -> String {
    let back = i64::from(today.weekday().to_monday_zero_offset());
    let monday = today.checked_sub(back.days()).unwrap_or(today);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let placed = after
            .split_once('}')
            .and_then(|(mark, tail)| Some((date_of(mark, today, monday)?, tail)));
        match placed {
            Some((date, tail)) => {
                out.push_str(&date.strftime(format).to_string());
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn date_of(mark: &str, today: Date, monday: Date) -> Option<Date> {
    let (base, days) = match (mark.strip_prefix("day"), mark.strip_prefix("monday")) {
        (Some(days), _) => (today, days),
        (None, Some(days)) => (monday, days),
        (None, None) => return None,
    };
    base.checked_add(days.parse::<i64>().ok()?.days()).ok()
}
