//! What is really so: people, their calendars and feeds at the providers, and when each was what.

use std::collections::{BTreeMap, BTreeSet};

use calhub::model::ids::ConnectionId;
use jiff::Timestamp;
use simulators::{Account, Calendar, Feed, GoogleAccount, GoogleCalendar};

use super::{
    chance::Chance,
    events::{Change, Event, Rule, file},
    google::Ids,
    spans::{Spans, both, melt, union},
    time::Time,
};

/// Whose a login is.
pub enum Home {
    Caldav(Account),
    Google(GoogleAccount),
    /// An address is all that there is.
    Feed,
}

/// A login that somebody linked.
pub struct Link {
    pub host: String,
    pub home: Home,
    pub password: String,
    /// The person changed it, or took it back, and has not told the hub.
    pub is_out_of_date: bool,
    pub connection: Option<ConnectionId>,
    /// When a grant was taken back, and the requests since.
    pub revoked: Option<(Timestamp, usize)>,
    /// Actions of the seed until then.
    pub actions: usize,
}

impl Link {
    pub fn new(host: String, home: Home) -> Self {
        let password = "right".to_owned();
        let (connection, revoked, actions) = (None, None, 0);
        Self { host, home, password, is_out_of_date: false, connection, revoked, actions }
    }

    pub fn caldav(&self) -> Option<&Account> {
        match &self.home {
            Home::Caldav(account) => Some(account),
            Home::Google(_) | Home::Feed => None,
        }
    }

    pub fn google(&self) -> Option<&GoogleAccount> {
        match &self.home {
            Home::Google(account) => Some(account),
            Home::Caldav(_) | Home::Feed => None,
        }
    }
}

pub enum Place {
    Collection(Calendar),
    Google(GoogleCalendar),
    Feed(Feed),
}

/// One calendar at a provider, with its past.
pub struct Diary {
    pub link: usize,
    pub place: Place,
    pub owner: &'static str,
    pub events: BTreeMap<String, Event>,
    /// What was busy from when on.
    past: Vec<(Timestamp, Spans)>,
    /// `None` once the person deleted it (or its path moved).
    pub exists: bool,
    /// The whole calendar does not count.
    pub transparent: bool,
    /// The provider told less than is there, at that time: what the hub cannot notice before it lists all.
    pub lied: Option<Timestamp>,
    /// Every event that was ever in it: what a delta may have to name.
    pub ever: BTreeSet<String>,
    /// The feed shows every other event only.
    pub halved: bool,
    /// What its events are called at Google.
    pub ids: Ids,
    window: (i64, i64),
}

impl Diary {
    pub fn new(link: usize, place: Place, owner: &'static str, window: (i64, i64)) -> Self {
        let (events, past) = (BTreeMap::new(), Vec::new());
        Self {
            link,
            place,
            owner,
            events,
            past,
            exists: true,
            transparent: false,
            lied: None,
            ever: BTreeSet::new(),
            halved: false,
            ids: Ids::default(),
            window,
        }
    }

    /// A word for traces.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Collection(calendar) => calendar.name().to_owned(),
            Place::Google(calendar) => calendar.id().to_owned(),
            Place::Feed(feed) => feed.name().to_owned(),
        }
    }

    /// The path by which requests name it.
    pub fn path(&self) -> String {
        match &self.place {
            Place::Collection(calendar) => calendar.path(),
            Place::Google(calendar) => {
                format!("/calendar/v3/calendars/{}/events", calendar.id().replace('@', "%40"))
            }
            Place::Feed(feed) => format!("/ics/{}", feed.name()),
        }
    }

    /// Writes an event, or takes it away when it is `None`, at the provider and here.
    pub fn write(&mut self, uid: &str, event: Option<Event>, time: &Time) {
        self.ever.insert(uid.to_owned());
        let old = match event {
            Some(event) => self.events.insert(uid.to_owned(), event),
            None => self.events.remove(uid),
        };
        if let Place::Google(calendar) = &self.place {
            let touched = self.ids.write(calendar, uid, old.as_ref(), self.events.get(uid));
            self.ever.extend(touched);
        }
        if let Place::Collection(calendar) = &self.place {
            let name = format!("{uid}.ics");
            match self.events.get(uid) {
                Some(event) => _ = calendar.put(&name, file([event].into_iter(), "")),
                None => _ = calendar.delete(&name),
            }
        }
        self.publish(time);
    }

    /// Changes a series at Google from some occurrence on; what it is from there is another event.
    pub fn split(&mut self, uid: &str, new: &str, chance: &mut Chance, time: &Time) -> bool {
        let Place::Google(calendar) = &self.place else { return false };
        let Some(series) = self.events.get(uid).filter(|event| !event.cancelled).cloned() else {
            return false;
        };
        let Some(rule) = series.rule else { return false };
        // Whatever is left out of a series counts differently in its halves.
        if rule.count < 2 || series.changes.values().any(|change| *change == Change::LeftOut) {
            return false;
        }
        let nth = chance.within(1, rule.count - 1);
        // What does not take place cannot be changed.
        if series.changes.contains_key(&nth) {
            return false;
        }
        let touched = self.ids.split(calendar, (uid, new), &series, nth);
        self.ever.extend(touched);
        let (mut before, mut after) = (series.clone(), series);
        before.rule = Some(Rule { count: nth, ..rule });
        before.changes.retain(|n, _| *n < nth);
        after.start = after.nth(nth);
        after.rule = Some(Rule { count: rule.count - nth, ..rule });
        after.changes.clear();
        after.uid = new.to_owned();
        self.events.insert(uid.to_owned(), before);
        self.events.insert(new.to_owned(), after);
        self.publish(time);
        true
    }

    /// Writes what a feed shows, and notes what is busy now.
    pub fn publish(&mut self, time: &Time) {
        if let Place::Feed(feed) = &self.place {
            feed.set(self.feed_body());
        }
        let counts = self.events.values().filter(|_| !self.transparent);
        let spans = counts.flat_map(|event| event.spans(self.owner)).collect();
        self.past.push((time.truth(), melt(spans, self.window)));
    }

    pub fn feed_body(&self) -> String {
        let head = format!("X-WR-TIMEZONE:{}\n", self.owner);
        file(self.events.values().step_by(1 + usize::from(self.halved)), &head)
    }

    pub fn window(&self) -> (i64, i64) {
        self.window
    }

    pub fn busy(&self) -> &Spans {
        &self.past.last().unwrap().1
    }

    /// What was busy all the time since `then`, and what was at least once.
    pub fn since(&self, then: Timestamp) -> (Spans, Spans) {
        let first = self.past.iter().rposition(|(at, _)| *at < then).unwrap_or(0);
        let mut states = self.past[first..].iter().map(|(_, spans)| spans);
        let mut always = states.next().cloned().unwrap_or_default();
        let mut ever = always.clone();
        for state in states {
            always = both(&always, state);
            ever = union(&ever, state);
        }
        (always, ever)
    }
}

/// Everything outside the hub.
#[derive(Default)]
pub struct Truth {
    pub links: Vec<Link>,
    pub diaries: Vec<Diary>,
    /// Connections that somebody has removed: nothing of them may stay.
    pub removed: BTreeSet<ConnectionId>,
    made: u32,
}

impl Truth {
    /// A name that was never used.
    pub fn fresh(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{}", self.made)
    }

    /// The living calendars, by number.
    pub fn living(&self) -> Vec<usize> {
        (0..self.diaries.len()).filter(|n| self.diaries[*n].exists).collect()
    }
}
