//! Microsoft's truth: app registrations, accounts, mailboxes with their events in the order of their changes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use jiff::Timestamp;

use super::{
    id::Id,
    item::Item,
    knobs::MicrosoftKnobs,
    limits::Lane,
    notice::{Endpoint, Letter},
    refusal::Refusal,
    spec::{MicrosoftAccountSpec, MicrosoftClientSpec},
    subscription::Subscription,
    when::seconds_later,
};
use crate::{
    fault::scatter,
    log::{Mail, Violation},
    state::digest,
};

#[derive(Debug, Default)]
pub(crate) struct Microsoft {
    pub(crate) knobs: MicrosoftKnobs,
    pub(crate) clients: BTreeMap<String, MicrosoftClientSpec>,
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) grants: BTreeMap<u64, Grant>,
    /// Refresh tokens, of which each use makes one more.
    pub(crate) refresh: BTreeMap<String, Refresh>,
    pub(crate) access: HashMap<String, Access>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    /// Notifications on their way.
    pub(crate) post: Vec<Letter>,
    /// How fast receivers answer, by host.
    pub(crate) endpoints: HashMap<String, Endpoint>,
    /// What an app asks of a mailbox.
    pub(crate) lanes: HashMap<String, Lane>,
    /// Events whose changeKey moves by itself, and when.
    pub(crate) bumps: Vec<(Timestamp, String, String, String)>,
    pub(crate) violations: Vec<Violation>,
    /// Mails that would be sent, to be taken over by the world.
    pub(crate) mails: Vec<Mail>,
    /// The seed of chance, kept in step with the world's.
    pub(crate) seed: u64,
    serial: u64,
}

/// A person with the mailbox.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) spec: MicrosoftAccountSpec,
    pub(crate) calendars: BTreeMap<String, Calendar>,
    /// Creates by their `transactionId`.
    pub(crate) transactions: BTreeMap<String, Sent>,
    /// Creates without one, by their calendar and body.
    pub(crate) recent: BTreeMap<String, Sent>,
    /// Access tokens must bring claims: what Continuous Access Evaluation asks for.
    pub(crate) claims: Option<String>,
}

/// A create that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) calendar: String,
    pub(crate) key: String,
    pub(crate) body: String,
    pub(crate) at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Calendar {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Somebody else's address.
    pub(crate) owner: Option<String>,
    pub(crate) can_edit: bool,
    pub(crate) color: String,
    pub(crate) is_default: bool,
    pub(crate) items: BTreeMap<String, Item>,
    pub(crate) by_change: BTreeMap<u64, String>,
    pub(crate) changes: u64,
    pub(crate) generation: u64,
    /// What the API answers where the calendar was unshared or removed.
    pub(crate) lost: Option<u16>,
}

/// What a person allowed an app.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) since: Timestamp,
    /// The AADSTS code that refreshing answers.
    pub(crate) ended: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    pub(crate) grant: u64,
    pub(crate) used_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) email: String,
    pub(crate) client: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_at: Timestamp,
    /// The claims that it brings.
    pub(crate) claims: Option<String>,
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
    pub(crate) expires_at: Timestamp,
    pub(crate) is_used: bool,
}

impl Person {
    /// The id of the user, in the form of a GUID.
    pub(crate) fn id(&self) -> String {
        guid(&self.spec.email)
    }

    pub(crate) fn default_calendar(&self) -> Option<&Calendar> {
        self.calendars.values().find(|calendar| calendar.is_default)
    }
}

/// A GUID that a text always gets.
pub(crate) fn guid(text: &str) -> String {
    let digits = digest(text.as_bytes());
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("0").to_owned();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

impl Calendar {
    /// The item of a key, gone ones left out.
    pub(crate) fn item(&self, key: &str) -> Option<&Item> {
        self.items.get(key).filter(|item| !item.is_gone)
    }

    pub(crate) fn alive(&self) -> impl Iterator<Item = &Item> {
        self.items.values().filter(|item| !item.is_gone)
    }

    /// Puts an item behind all earlier changes.
    pub(crate) fn place(&mut self, mut item: Item, change_key: String, now: Timestamp) {
        self.changes += 1;
        self.by_change.remove(&item.version.change);
        item.version.change = self.changes;
        item.version.change_key = change_key;
        item.version.at = now;
        self.by_change.insert(self.changes, item.key.clone());
        self.items.insert(item.key.clone(), item);
    }

    /// The items that changed after `after`, oldest change first.
    pub(crate) fn changed(&self, after: u64) -> impl Iterator<Item = &Item> {
        self.by_change
            .range((Bound::Excluded(after), Bound::Unbounded))
            .filter_map(|(_, key)| self.items.get(key))
    }

    /// The last change that deltas and searches show: later ones wait for the index.
    pub(crate) fn visible(&self, lag_s: u32, now: Timestamp) -> u64 {
        let since = seconds_later(now, -i64::from(lag_s));
        let fresh = self.changed(0).find(|item| lag_s > 0 && item.version.at > since);
        fresh.map_or(self.changes, |item| item.version.change - 1)
    }
}

impl Microsoft {
    /// The next number, which no other thing has.
    pub(crate) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A text that cannot be guessed and repeats with the seed.
    pub(crate) fn secret(&mut self, of: &str) -> String {
        let n = self.next();
        digest(format!("microsoft/{}/{of}/{n}", self.seed).as_bytes())
    }

    pub(crate) fn dice(&mut self) -> u64 {
        let n = self.next();
        scatter(self.seed, n)
    }

    /// Chance in a thousand.
    pub(crate) fn by_chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.dice() % 1_000 < u64::from(per_mille)
    }

    pub(crate) fn change_key(&mut self) -> String {
        let n = self.next();
        let text: String =
            digest(format!("{}/key/{n}", self.seed).as_bytes()).chars().take(22).collect();
        format!("{text}==")
    }

    /// A calendar of a mailbox; `None` means the default one.
    pub(crate) fn calendar(&self, email: &str, id: Option<&str>) -> Result<&Calendar, Refusal> {
        let person = self.people.get(email).ok_or_else(Refusal::no_resource)?;
        let found = match id {
            None => person.default_calendar(),
            Some(id) => person.calendars.get(id),
        };
        let found = found.ok_or_else(Refusal::item_not_found)?;
        match found.lost {
            Some(404) => Err(Refusal::item_not_found()),
            Some(status) => Err(Refusal::of_fault(status, "")),
            None => Ok(found),
        }
    }

    pub(crate) fn calendar_mut(&mut self, email: &str, id: &str) -> Option<&mut Calendar> {
        self.people.get_mut(email)?.calendars.get_mut(id)
    }

    /// The calendar of an event in a mailbox, where it is not lost.
    pub(crate) fn home_of(&self, email: &str, id: &Id) -> Option<&Calendar> {
        let person = self.people.get(email)?;
        person.calendars.values().find(|calendar| {
            calendar.lost.is_none()
                && calendar.item(&id.key).is_some_and(|item| {
                    (id.is_immutable || item.moves == id.moves)
                        && id.day.is_none_or(|day| item.has(day))
                })
        })
    }

    /// Every delta link of a mailbox's calendars has died.
    pub(crate) fn end_cursors(&mut self, email: &str) {
        let Some(person) = self.people.get_mut(email) else { return };
        person.calendars.values_mut().for_each(|calendar| calendar.generation += 1);
    }

    /// Moves the changeKeys that move by themselves by now.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        if self.bumps.iter().all(|(due, ..)| *due > now) {
            return;
        }
        let (due, rest) = std::mem::take(&mut self.bumps).into_iter().partition(|b| b.0 <= now);
        self.bumps = rest;
        let due: Vec<(Timestamp, String, String, String)> = due;
        for (due, email, calendar, key) in due {
            let found = self.calendar(&email, Some(&calendar)).ok();
            let Some(item) = found.and_then(|found| found.item(&key)).cloned() else { continue };
            self.store(&email, &calendar, item, "updated", due);
        }
    }

    /// Keeps an item under a new changeKey, and tells the subscriptions.
    pub(crate) fn store(
        &mut self,
        email: &str,
        calendar: &str,
        item: Item,
        change: &str,
        now: Timestamp,
    ) {
        let change_key = self.change_key();
        let etag = format!("W/\"{change_key}\"");
        let (key, moves) = (item.key.clone(), item.moves);
        let Some(found) = self.calendar_mut(email, calendar) else { return };
        found.place(item, change_key, now);
        let id = Id { key, day: None, moves, is_immutable: false };
        self.announce((email, calendar), &id, &etag, change, now);
    }
}
