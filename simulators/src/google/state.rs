//! Google's truth: clients, accounts, grants, calendars with their events in the order of their changes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Bound,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    channel::{Channel, Letter},
    knobs::GoogleKnobs,
    series::{Event, Series},
    spec::{GoogleAccountSpec, GoogleClientSpec, Role},
    when,
};
use crate::{fault::scatter, log::Violation, quota::Window, state::digest};

#[derive(Debug, Default)]
pub(crate) struct Google {
    pub(crate) knobs: GoogleKnobs,
    pub(crate) clients: BTreeMap<String, GoogleClientSpec>,
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) calendars: BTreeMap<String, CalendarState>,
    /// By refresh token.
    pub(crate) grants: BTreeMap<String, Grant>,
    pub(crate) access: HashMap<String, Access>,
    pub(crate) codes: HashMap<String, Code>,
    /// By the client and the channel's id.
    pub(crate) channels: BTreeMap<(String, String), Channel>,
    /// The channels of each resource.
    pub(crate) watched: HashMap<String, Vec<(String, String)>>,
    /// Ids of channels that were ever used, which may not be used again.
    pub(crate) channel_ids: BTreeSet<(String, String)>,
    /// Notifications on their way.
    pub(crate) post: Vec<Letter>,
    pub(crate) quota: HashMap<String, Window>,
    pub(crate) violations: Vec<Violation>,
    /// Mails that would be sent, to be taken over by the world.
    pub(crate) mails: Vec<crate::log::Mail>,
    /// The seed of chance, kept in step with the world's.
    pub(crate) seed: u64,
    serial: u64,
    last_etag: i64,
}

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) spec: GoogleAccountSpec,
    /// The calendar list, by calendar id.
    pub(crate) list: BTreeMap<String, Entry>,
    pub(crate) list_changes: u64,
    pub(crate) list_generation: u64,
}

impl Person {
    pub(crate) fn sub(&self) -> String {
        self.spec.sub.clone().unwrap_or_else(|| {
            let digits = digest(self.spec.email.as_bytes());
            let number = digits
                .bytes()
                .take(20)
                .fold(0_u128, |n, b| (n * 31 + u128::from(b)) % 1_000_000_000_000_000_000_000);
            format!("1{number:020}")
        })
    }
}

/// A calendar in a person's list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) role: Role,
    pub(crate) hidden: bool,
    pub(crate) selected: bool,
    /// Taken out of the list; shown to those who ask for deleted entries.
    pub(crate) deleted: bool,
    /// What the API answers where the calendar was unshared or removed.
    pub(crate) lost: Option<u16>,
    pub(crate) summary_override: Option<String>,
    pub(crate) color: Option<String>,
    pub(crate) change: u64,
}

/// What a person allowed a client.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) n: u64,
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_at: Option<Timestamp>,
    /// When it was last refreshed.
    pub(crate) used_at: Timestamp,
    pub(crate) is_dead: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_at: Timestamp,
}

/// An authorization code on its way.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) nonce: Option<String>,
    pub(crate) is_offline: bool,
    pub(crate) forces_refresh: bool,
    pub(crate) expires_at: Timestamp,
    pub(crate) is_used: bool,
}

/// One event, as the calendar's owner sees it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) event: Event,
    pub(crate) change: u64,
    pub(crate) at: Timestamp,
    /// Moved to another calendar: only its id is told.
    pub(crate) is_moved: bool,
    /// Requests for conferences that were answered.
    pub(crate) conferences: Vec<String>,
    /// When a pending conference is settled.
    pub(crate) conference_due: Option<Timestamp>,
}

pub(crate) fn text<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.get(name).and_then(Value::as_str)
}

impl Row {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            event,
            change: 0,
            at: Timestamp::UNIX_EPOCH,
            is_moved: false,
            conferences: Vec::new(),
            conference_due: None,
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        text(&self.event, "status") == Some("cancelled")
    }

    pub(crate) fn master(&self) -> Option<&str> {
        text(&self.event, "recurringEventId")
    }

    pub(crate) fn etag(&self) -> &str {
        text(&self.event, "etag").unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> &str {
        text(&self.event, "eventType").unwrap_or("default")
    }
}

#[derive(Debug)]
pub(crate) struct CalendarState {
    pub(crate) id: String,
    pub(crate) summary: String,
    pub(crate) description: Option<String>,
    pub(crate) zone_name: String,
    pub(crate) zone: TimeZone,
    /// Whose data it is.
    pub(crate) owner: String,
    /// The client that made it.
    pub(crate) made_by: Option<String>,
    pub(crate) unwatchable: bool,
    pub(crate) public: bool,
    pub(crate) rows: BTreeMap<String, Row>,
    pub(crate) by_change: BTreeMap<u64, String>,
    pub(crate) changes: u64,
    pub(crate) generation: u64,
    /// Expired cursors are answered without a reason.
    pub(crate) expires_mute: bool,
    pub(crate) updated: Timestamp,
    /// When the API wrote of late.
    pub(crate) writes: VecDeque<Timestamp>,
    /// How many rows wait for a conference.
    pub(crate) pending: usize,
}

impl CalendarState {
    pub(crate) fn is_primary(&self) -> bool {
        self.id == self.owner
    }

    pub(crate) fn set_zone(&mut self, name: &str) {
        let Some(zone) = when::zone(name) else { return };
        self.zone = zone;
        name.clone_into(&mut self.zone_name);
        let zone = self.zone.clone();
        for row in self.rows.values_mut() {
            for field in ["start", "end", "originalStartTime"] {
                if let Some(found) = when::When::stored(row.event.get(field)) {
                    row.event.insert(field.into(), found.json(&zone));
                }
            }
        }
    }

    /// Puts a row in its place behind all earlier changes.
    fn store(&mut self, id: &str, mut row: Row, now: Timestamp) {
        self.changes += 1;
        row.change = self.changes;
        row.at = now;
        self.updated = now;
        self.by_change.insert(self.changes, id.to_owned());
        let waits = usize::from(row.conference_due.is_some());
        if let Some(before) = self.rows.insert(id.to_owned(), row) {
            self.by_change.remove(&before.change);
            self.pending -= usize::from(before.conference_due.is_some());
        }
        self.pending += waits;
    }

    /// A row that is still told of: deleted ones vanish after some days.
    pub(crate) fn row(&self, id: &str, kept_days: u32, now: Timestamp) -> Option<&Row> {
        self.rows.get(id).filter(|row| !row.is_purged(kept_days, now))
    }

    /// The rows that changed after `after`, oldest change first.
    pub(crate) fn changed(&self, after: u64) -> impl Iterator<Item = &Row> {
        self.by_change
            .range((Bound::Excluded(after), Bound::Unbounded))
            .filter_map(|(_, id)| self.rows.get(id))
    }

    /// The exceptions of a master.
    pub(crate) fn exceptions<'a>(
        &'a self,
        master: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a Row)> {
        let prefix = format!("{master}_");
        self.rows
            .range(prefix.clone()..)
            .take_while(move |(id, _)| id.starts_with(&prefix))
            .filter(move |(_, row)| row.master() == Some(master))
    }

    pub(crate) fn series(&self, master: &Row) -> Option<Series> {
        Series::of(&master.event, &self.zone).ok().flatten()
    }

    pub(crate) fn expire_cursors(&mut self, is_mute: bool) {
        self.generation += 1;
        self.expires_mute = is_mute;
    }
}

impl Row {
    pub(crate) fn is_purged(&self, kept_days: u32, now: Timestamp) -> bool {
        self.is_cancelled()
            && self.master().is_none()
            && now.duration_since(self.at) > SignedDuration::from_hours(24 * i64::from(kept_days))
    }
}

impl Google {
    /// The next number, which no other thing has.
    pub(crate) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A text that cannot be guessed and repeats with the seed.
    pub(crate) fn secret(&mut self, of: &str) -> String {
        let n = self.next();
        digest(format!("{}/{of}/{n}", self.seed).as_bytes())
    }

    /// Chance in a thousand.
    pub(crate) fn by_chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.dice() % 1_000 < u64::from(per_mille)
    }

    pub(crate) fn dice(&mut self) -> u64 {
        let n = self.next();
        scatter(self.seed, n)
    }

    pub(crate) fn next_etag(&mut self, now: Timestamp) -> String {
        let clock = now.as_microsecond().saturating_mul(2);
        self.last_etag = clock.max(self.last_etag + 2);
        format!("\"{}\"", self.last_etag)
    }

    /// Stores a row with a new etag, and tells the channels.
    pub(crate) fn store(&mut self, calendar: &str, id: &str, mut row: Row, now: Timestamp) {
        let etag = self.next_etag(now);
        row.event.insert("etag".into(), json!(etag));
        row.event.insert("updated".into(), json!(when::milliseconds(now)));
        let kind = row.kind().to_owned();
        if let Some(found) = self.calendars.get_mut(calendar) {
            found.store(id, row, now);
            self.announce(calendar, &kind, now);
        }
    }

    /// Stores a row whose change shows nowhere but in the event itself.
    pub(crate) fn store_quietly(&mut self, calendar: &str, id: &str, row: Row) {
        if let Some(found) = self.calendars.get_mut(calendar)
            && let Some(there) = found.rows.get_mut(id)
        {
            *there = row;
        }
    }

    /// The calendar that a name in a path means to an account.
    pub(crate) fn calendar_id<'a>(email: &'a str, name: &'a str) -> &'a str {
        if name == "primary" { email } else { name }
    }

    /// An account's role in a calendar; the status that answers where it has none.
    pub(crate) fn role(&self, email: &str, calendar: &str) -> Result<Role, u16> {
        let there = self.calendars.get(calendar).ok_or(404_u16)?;
        let entry = self.people.get(email).and_then(|person| person.list.get(calendar));
        match entry {
            Some(entry) => match entry.lost {
                Some(status) => Err(status),
                None => Ok(entry.role),
            },
            None if there.public => Ok(Role::Reader),
            None => Err(404),
        }
    }
}
