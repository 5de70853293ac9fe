//! The truth inside the world: accounts, collections, resources, and the bookkeeping of their changes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    fault::Planted,
    feed::FeedState,
    google::Google,
    ics,
    log::{Entry, Mail},
    microsoft::Microsoft,
    profile::{EtagForm, Profile, TokenForm},
    spec::{AccountSpec, CalendarSpec, Resource},
};

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) accounts: BTreeMap<String, AccountState>,
    pub(crate) feeds: BTreeMap<String, FeedState>,
    pub(crate) google: Google,
    pub(crate) microsoft: Microsoft,
    pub(crate) faults: Vec<Planted>,
    pub(crate) log: Vec<Entry>,
    pub(crate) outbox: Vec<Mail>,
    /// The other origin of servers that keep their calendars on another host.
    pub(crate) partition: Option<String>,
    pub(crate) requests: u64,
}

#[derive(Debug)]
pub(crate) struct AccountState {
    pub(crate) spec: AccountSpec,
    pub(crate) revoked: bool,
    pub(crate) calendars: BTreeMap<String, CalendarState>,
    /// Digest nonces handed out: uses and the highest nonce count seen.
    pub(crate) nonces: BTreeMap<String, (u32, u64)>,
    pub(crate) wrong_passwords: u32,
}

impl AccountState {
    pub(crate) fn new(spec: AccountSpec) -> Self {
        Self {
            spec,
            revoked: false,
            calendars: BTreeMap::new(),
            nonces: BTreeMap::new(),
            wrong_passwords: 0,
        }
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.spec.profile
    }

    /// The path of the account; everything of it lies below.
    pub(crate) fn root(&self) -> String {
        format!("/dav/{}/{}/", self.spec.profile.name, self.spec.user)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.calendars.values().flat_map(|c| c.resources.values()).map(|r| r.body.len()).sum()
    }
}

/// The segment of a home set below the account's root.
pub(crate) fn home_segment(home: u8) -> &'static str {
    if home == 0 { "calendars" } else { "shared" }
}

#[derive(Debug)]
pub(crate) struct CalendarState {
    pub(crate) spec: CalendarSpec,
    pub(crate) resources: BTreeMap<String, Resource>,
    /// Deleted names with the change that deleted them and when.
    pub(crate) graves: BTreeMap<String, (u64, Timestamp)>,
    /// UIDs in the trash bin.
    pub(crate) trash: BTreeSet<String>,
    /// The number of the last change.
    pub(crate) changes: u64,
    /// Tokens handed out, and the change each stands for.
    issued: BTreeMap<String, u64>,
    generation: u64,
    /// The collection answers with this status instead of existing.
    pub(crate) gone: Option<u16>,
    /// Property edits since the start: they move the ctag too.
    pub(crate) property_edits: u64,
}

/// One row of a diff: a member by name, or a name that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) at: u64,
    pub(crate) is_gone: bool,
}

impl CalendarState {
    pub(crate) fn new(spec: CalendarSpec) -> Self {
        Self {
            spec,
            resources: BTreeMap::new(),
            graves: BTreeMap::new(),
            trash: BTreeSet::new(),
            changes: 0,
            issued: BTreeMap::new(),
            generation: 1,
            gone: None,
            property_edits: 0,
        }
    }

    /// Stores a body and returns its etag. An unchanged body keeps its etag where etags are content hashes.
    pub(crate) fn store(
        &mut self,
        name: &str,
        body: Bytes,
        form: EtagForm,
        now: Timestamp,
    ) -> String {
        if let Some(there) = self.resources.get(name)
            && there.body == body
            && form == EtagForm::ContentHash
        {
            return there.etag.clone();
        }
        self.changes += 1;
        let text = String::from_utf8_lossy(&body).into_owned();
        let schedule_mark = ics::organiser_fingerprint(&text);
        let before = self.resources.get(name);
        let same_plan = before.filter(|there| there.schedule_mark == schedule_mark);
        let schedule_tag = same_plan.map_or(self.changes, |there| there.schedule_tag);
        let created = before.map_or(self.changes, |there| there.created);
        let etag = etag(&body, self.changes, form);
        let resource = Resource {
            name: name.to_owned(),
            uid: ics::uid(&text),
            body,
            etag: etag.clone(),
            change: self.changes,
            created,
            at: now,
            schedule_tag,
            schedule_mark,
        };
        self.graves.remove(name);
        if let Some(uid) = &resource.uid {
            self.trash.remove(uid);
        }
        self.resources.insert(name.to_owned(), resource);
        etag
    }

    pub(crate) fn remove(&mut self, name: &str, now: Timestamp) -> Option<Resource> {
        let gone = self.resources.remove(name)?;
        self.changes += 1;
        self.graves.insert(name.to_owned(), (self.changes, now));
        if let Some(uid) = &gone.uid {
            self.trash.insert(uid.clone());
        }
        Some(gone)
    }

    /// The last change that listings show: later ones wait for the index.
    pub(crate) fn visible(&self, lag_s: u32, now: Timestamp) -> u64 {
        if lag_s == 0 {
            return self.changes;
        }
        let fresh = |at: Timestamp| now.as_second() - at.as_second() < i64::from(lag_s);
        let writes = self.resources.values().filter(|r| fresh(r.at)).map(|r| r.change);
        let deletes = self.graves.values().filter(|(_, at)| fresh(*at)).map(|(change, _)| *change);
        writes.chain(deletes).min().map_or(self.changes, |first| first - 1)
    }

    /// The members that a listing shows.
    pub(crate) fn listed(&self, lag_s: u32, now: Timestamp) -> impl Iterator<Item = &Resource> {
        let upto = self.visible(lag_s, now);
        self.resources.values().filter(move |r| r.created <= upto)
    }

    /// The changes after `since` up to `upto`, oldest first.
    pub(crate) fn diff(&self, since: u64, upto: u64) -> Vec<Change> {
        let members = self.resources.values().map(|r| Change {
            name: r.name.clone(),
            at: r.change,
            is_gone: false,
        });
        let graves = self.graves.iter().map(|(name, (at, _))| Change {
            name: name.clone(),
            at: *at,
            is_gone: true,
        });
        let mut rows: Vec<_> =
            members.chain(graves).filter(|c| c.at > since && c.at <= upto).collect();
        rows.sort_by_key(|row| row.at);
        rows
    }

    /// Makes (and remembers) the token of a change.
    pub(crate) fn token(&mut self, change: u64, form: TokenForm, now: Timestamp) -> Option<String> {
        let mark = digest(format!("{}/{}/{change}", self.spec.name, self.generation).as_bytes());
        let head = |n: usize| mark.chars().take(n).collect::<String>();
        let number = self.generation * 1_000_000 + change;
        let token = match form {
            TokenForm::None => return None,
            TokenForm::Generic => format!("data:,{}-{change}", self.generation),
            TokenForm::Sabre => format!("http://sabre.io/ns/sync/{number}"),
            TokenForm::Radicale => format!("http://radicale.org/ns/sync/{mark}"),
            TokenForm::GitHash => head(40),
            TokenForm::Cyrus => format!("http://cyrusimap.org/ns/sync/1790000000-{number}"),
            TokenForm::Stalwart => format!("urn:stalwart:davsync:{}:{number}", head(12)),
            TokenForm::Opaque => format!("HwoQEgwAAR{}SAA==", head(32)),
            TokenForm::Seconds => (now.as_second() - 1).to_string(),
        };
        self.issued.insert(token.clone(), change);
        Some(token)
    }

    /// The change that a token stands for; `None` for a token that was never handed out or has expired.
    pub(crate) fn since(&self, token: &str, form: TokenForm) -> Option<u64> {
        if form == TokenForm::Seconds {
            let second: i64 = token.parse().ok()?;
            let writes = self.resources.values().map(|r| (r.change, r.at));
            let all = writes.chain(self.graves.values().copied());
            return Some(
                all.filter(|(_, at)| at.as_second() < second)
                    .map(|(change, _)| change)
                    .max()
                    .unwrap_or(0),
            );
        }
        self.issued.get(token).copied()
    }

    /// The ctag of the state up to a change.
    pub(crate) fn ctag(&self, upto: u64) -> String {
        digest(format!("{}/{upto}/{}", self.spec.name, self.property_edits).as_bytes())
            .chars()
            .take(24)
            .collect()
    }

    pub(crate) fn expire_cursors(&mut self) {
        self.issued.clear();
        self.generation += 1;
    }
}

fn etag(body: &[u8], change: u64, form: EtagForm) -> String {
    let hash: String = digest(body).chars().take(32).collect();
    match form {
        EtagForm::Counter => format!("\"{change}-{}\"", hash.chars().take(8).collect::<String>()),
        EtagForm::ContentHash => format!("\"{hash}\""),
        EtagForm::Weak => format!("W/\"{change}-{}\"", hash.chars().take(8).collect::<String>()),
        EtagForm::GzipSuffix => format!("\"{change}\""),
    }
}

/// SHA-256 as lower-case hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// FNV-1a: a mark that repeats.
pub(crate) fn mark(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
