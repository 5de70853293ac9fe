//! The provider behind a crash run: simulated servers on loopback, and the truth of what they hold.

use std::collections::BTreeMap;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use simulators::{Account, AccountSpec, Calendar, CalendarSpec, Feed, FeedSpec, World, serve};
use tokio::{net::TcpListener, task::JoinHandle};

use super::spans::{Span, merged};

const DAY: i64 = 24 * 60 * 60;
/// Occurrences of the bulk calendar's only series: a move of all of them is more than one transaction.
const BULK: i64 = 1_050;

/// Anna with the calendars `work` and `bulk`, Bob with `home`, and a feed, each at a host of its own.
pub struct Provider {
    pub world: World,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
    port: u16,
    pub anna: Account,
    pub bob: Account,
    feed: Feed,
    /// Busy spans by calendar name and item.
    truth: BTreeMap<&'static str, BTreeMap<String, Vec<Span>>>,
    chance: ChaCha20Rng,
    /// Midnight some days from now.
    base: i64,
    made: usize,
    bulk_shift: i64,
    /// The zone of `work`, in which its all-day event is taken.
    pub zone: &'static str,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

impl Provider {
    pub async fn start(seed: u64) -> Self {
        let now = jiff::Timestamp::now();
        let world = World::new(now);
        world.set_seed(seed);
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut servers = vec![tokio::spawn(serve(world.clone(), first))];
        for host in ["127.0.0.2", "127.0.0.3"] {
            let other = TcpListener::bind((host, port)).await.unwrap();
            servers.push(tokio::spawn(serve(world.clone(), other)));
        }
        let anna = world.add_account(AccountSpec::new("anna", "anna-password"));
        anna.add_calendar(CalendarSpec::new("work"));
        anna.add_calendar(CalendarSpec::new("bulk"));
        let bob = world.add_account(AccountSpec::new("bob", "bob-password"));
        bob.add_calendar(CalendarSpec::new("home"));
        let feed = world.add_feed(FeedSpec::new("shop", calendar("")));
        let mut provider = Self {
            world,
            servers,
            port,
            anna,
            bob,
            feed,
            truth: BTreeMap::new(),
            chance: ChaCha20Rng::seed_from_u64(seed),
            base: (now.as_second() / DAY + 5) * DAY,
            made: 0,
            bulk_shift: 0,
            zone: "Europe/Berlin",
        };
        for name in ["work", "work", "work", "work", "work", "work", "home", "home", "shop"] {
            provider.add(name);
        }
        provider.truth.entry("bulk").or_default();
        provider.put_all_day();
        provider
    }

    pub fn chance(&mut self, below: u64) -> u64 {
        self.chance.next_u64() % below
    }

    /// The body that links an account.
    pub fn login(&self, user: &str) -> serde_json::Value {
        let (host, port) = (if user == "bob" { "127.0.0.2" } else { "127.0.0.1" }, self.port);
        let account = if user == "bob" { &self.bob } else { &self.anna };
        serde_json::json!({
            "provider": "caldav", "url": format!("http://{host}:{port}{}", account.path()),
            "username": user, "password": format!("{user}-password"),
        })
    }

    pub fn feed_login(&self) -> serde_json::Value {
        let url = format!("http://127.0.0.3:{}{}", self.port, self.feed.path());
        serde_json::json!({"provider": "ics", "url": url})
    }

    /// What is busy in a calendar.
    pub fn truth(&self, name: &str) -> Vec<Span> {
        merged(self.truth[name].values().flatten().copied())
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.truth.keys().copied().collect()
    }

    /// The person adds an event, sometimes a series.
    pub fn add(&mut self, name: &'static str) {
        self.made += 1;
        let item = format!("e{}", self.made);
        self.set(name, &item);
    }

    /// The person moves an event.
    pub fn edit(&mut self, name: &'static str) {
        if let Some(item) = self.any(name, |_| true) {
            self.set(name, &item);
        }
    }

    /// The person deletes an event. Not a series: in a small calendar that looks like a mass deletion.
    pub fn delete(&mut self, name: &'static str) {
        let single = |spans: &Vec<Span>| spans.len() == 1;
        let Some(item) = self.any(name, single) else { return };
        self.remove(name, &item);
    }

    /// Most of a calendar goes at once.
    pub fn delete_most(&mut self, name: &'static str) {
        while self.count(name) > 4 {
            let Some(item) = self.any(name, |_| true) else { return };
            self.remove(name, &item);
        }
    }

    fn remove(&mut self, name: &'static str, item: &str) {
        self.truth.get_mut(name).unwrap().remove(item);
        if name == "shop" {
            self.publish();
        } else {
            self.calendar(name).delete(&format!("{item}.ics"));
        }
    }

    /// How many events can be edited.
    pub fn count(&self, name: &str) -> usize {
        self.truth[name].keys().filter(|item| item.starts_with('e')).count()
    }

    fn any(&mut self, name: &str, fits: impl Fn(&Vec<Span>) -> bool) -> Option<String> {
        let all = self.truth[name].iter();
        let fit = all.filter(|(item, spans)| item.starts_with('e') && fits(spans));
        let items: Vec<String> = fit.map(|(item, _)| item.clone()).collect();
        let at = self.chance(items.len().max(1) as u64) as usize;
        items.get(at).cloned()
    }

    fn set(&mut self, name: &'static str, item: &str) {
        let start = self.base + 900 * self.chance(4 * 24 * 60) as i64;
        let length = 900 * (1 + self.chance(6) as i64);
        let number: usize = item.trim_start_matches('e').parse().unwrap();
        let weeks = if number.is_multiple_of(4) { 5 } else { 1 };
        let spans = (0..weeks).map(|week| {
            let from = start + week * 7 * DAY;
            (from, from + length)
        });
        self.truth.entry(name).or_default().insert(item.to_owned(), spans.collect());
        let rule = if weeks > 1 { "RRULE:FREQ=WEEKLY;COUNT=5\r\n" } else { "" };
        let event = event(item, start, start + length, rule);
        if name == "shop" {
            self.publish();
        } else {
            self.calendar(name).put(&format!("{item}.ics"), calendar(&event));
        }
    }

    /// Moves every occurrence of the bulk calendar.
    pub fn move_bulk(&mut self) {
        self.bulk_shift = 1_200 - self.bulk_shift;
        let start = self.base + self.bulk_shift;
        let spans = (0..BULK).map(|hour| (start + hour * 3_600, start + hour * 3_600 + 600));
        self.truth.get_mut("bulk").unwrap().insert("series".to_owned(), spans.collect());
        let rule = format!("RRULE:FREQ=HOURLY;COUNT={BULK}\r\n");
        let event = event("series", start, start + 600, &rule);
        self.calendar("bulk").put("series.ics", calendar(&event));
    }

    /// The all-day event of `work` is taken in another zone.
    pub fn turn_zone(&mut self) {
        self.zone = if self.zone == "Europe/Berlin" { "America/New_York" } else { "Europe/Berlin" };
        self.note_all_day();
    }

    fn put_all_day(&mut self) {
        let date = jiff::Timestamp::from_second(self.base).unwrap().strftime("%Y%m%d").to_string();
        let event = format!(
            "BEGIN:VEVENT\r\nUID:day\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:{date}\r\nEND:VEVENT\r\n"
        );
        self.calendar("work").put("day.ics", calendar(&event));
        self.note_all_day();
    }

    fn note_all_day(&mut self) {
        let date =
            jiff::Timestamp::from_second(self.base).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let start = date.date().in_tz(self.zone).unwrap();
        let end = date.date().tomorrow().unwrap().in_tz(self.zone).unwrap();
        let span = (start.timestamp().as_second(), end.timestamp().as_second());
        self.truth.get_mut("work").unwrap().insert("day".to_owned(), vec![span]);
    }

    fn calendar(&self, name: &str) -> Calendar {
        let account = if name == "home" { &self.bob } else { &self.anna };
        account.calendar(name).unwrap()
    }

    fn publish(&self) {
        let events: String = self.truth["shop"]
            .iter()
            .map(|(item, spans)| {
                let (from, to) = spans[0];
                let rule = if spans.len() > 1 { "RRULE:FREQ=WEEKLY;COUNT=5\r\n" } else { "" };
                event(item, from, to, rule)
            })
            .collect();
        self.feed.set(calendar(&events));
    }
}

fn event(uid: &str, from: i64, to: i64, rule: &str) -> String {
    let text = |second: i64| {
        jiff::Timestamp::from_second(second).unwrap().strftime("%Y%m%dT%H%M%SZ").to_string()
    };
    format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{}\r\nDTEND:{}\r\n{rule}END:VEVENT\r\n",
        text(from),
        text(to)
    )
}

fn calendar(events: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//crash//EN\r\nX-WR-CALNAME:shop\r\n{events}END:VCALENDAR\r\n"
    )
}
