//! The faults of the table: what each does to a provider's answers, and for how long.

use std::time::Duration;

use calhub::link::LinkRequest;
use simulators::{
    Account, AccountSpec, Act, Calendar, CalendarSpec, Fault, Feed, FeedSpec, Spoiling, World,
};

use crate::support::stage::{Stage, hour, hour_event};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    Caldav,
    Feed,
}

impl Provider {
    pub const ALL: [Self; 2] = [Self::Caldav, Self::Feed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Caldav => "CalDAV",
            Self::Feed => "ICS",
        }
    }
}

/// Which pull meets the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The first one, when nothing is known.
    First,
    /// One from a cursor; for a feed a conditional fetch.
    Delta,
    /// One that lists everything although there is a cursor; for a feed an unconditional fetch.
    Full,
}

impl Phase {
    pub const ALL: [Self; 3] = [Self::First, Self::Delta, Self::Full];

    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first pull",
            Self::Delta => "delta",
            Self::Full => "full",
        }
    }
}

/// For how long a fault is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    ThreeHours,
    /// A glitch: one listing. What a provider says twice, a minute apart, is believed (rule 12).
    OneListing,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing wrong: what health costs.
    Health,
    Status(u16),
    /// A status with `Retry-After`, in minutes.
    SentAway(u16, u64),
    Timeout,
    CutBeforeAnswer,
    CutInBody,
    Truncated,
    LoginPage,
    EmptyBody,
    EmptyListing,
    HalfListing,
    Utf16,
    BadUtf8,
    BadGzip,
    /// The hub's clock goes by so many hours, and back again later.
    Clock(i64),
}

impl Kind {
    pub const CLOCKS: [i64; 4] = [6, 72, -6, -72];

    pub const ALL: [Self; 21] = [
        Self::Health,
        Self::Status(401),
        Self::Status(403),
        Self::Status(404),
        Self::Status(410),
        Self::Status(429),
        Self::SentAway(429, 40),
        Self::Status(500),
        Self::Status(503),
        Self::SentAway(503, 40),
        Self::Timeout,
        Self::CutBeforeAnswer,
        Self::CutInBody,
        Self::Truncated,
        Self::LoginPage,
        Self::EmptyBody,
        Self::EmptyListing,
        Self::HalfListing,
        Self::Utf16,
        Self::BadUtf8,
        Self::BadGzip,
    ];

    pub fn name(self) -> String {
        match self {
            Self::Health => "none".into(),
            Self::Status(status) => status.to_string(),
            Self::SentAway(status, minutes) => format!("{status}, Retry-After {minutes} min"),
            Self::Timeout => "timeout".into(),
            Self::CutBeforeAnswer => "cut before the headers".into(),
            Self::CutInBody => "cut in the body".into(),
            Self::Truncated => "truncated XML / ICS".into(),
            Self::LoginPage => "HTML page with 200".into(),
            Self::EmptyBody => "empty body with 200".into(),
            Self::EmptyListing => "empty listing".into(),
            Self::HalfListing => "half listing".into(),
            Self::Utf16 => "UTF-16 said to be UTF-8".into(),
            Self::BadUtf8 => "bad UTF-8".into(),
            Self::BadGzip => "broken gzip".into(),
            Self::Clock(hours) => format!("clock jumps by {hours:+} h"),
        }
    }

    pub fn lasts(self) -> Lasts {
        match self {
            Self::EmptyListing | Self::HalfListing => Lasts::OneListing,
            _ => Lasts::ThreeHours,
        }
    }

    fn act(self, provider: Provider) -> Option<Act> {
        let spoil = |how| Some(Act::Spoil { how });
        let body = |body: String, kind: &str| Some(Act::Body { body, content_type: kind.into() });
        let feed = provider == Provider::Feed;
        match self {
            Self::Health | Self::Clock(_) => None,
            Self::Status(status) => {
                Some(Act::Status { status, retry_after_s: None, body: String::new() })
            }
            Self::SentAway(status, minutes) => {
                let retry_after_s = Some(minutes * 60);
                Some(Act::Status { status, retry_after_s, body: String::new() })
            }
            Self::Timeout => Some(Act::Latency { ms: 31_000 }),
            Self::CutBeforeAnswer => Some(Act::DropAfterApply),
            Self::CutInBody => Some(Act::TruncateBody { keep: 60 }),
            Self::Truncated => spoil(Spoiling::Half),
            Self::LoginPage => body("<!doctype html><title>Log in</title>".into(), "text/html"),
            Self::EmptyBody => body(String::new(), "application/xml"),
            Self::EmptyListing if feed => body(file(0..0), "text/calendar"),
            Self::HalfListing if feed => body(file(0..DAYS / 2), "text/calendar"),
            Self::EmptyListing => Some(Act::EmptyRows),
            Self::HalfListing => Some(Act::HalfRows),
            Self::Utf16 => spoil(Spoiling::Utf16),
            Self::BadUtf8 => spoil(Spoiling::Latin1),
            Self::BadGzip => spoil(Spoiling::FalseGzip),
        }
    }
}

/// Events of every calendar of the table, one a day.
pub const DAYS: u8 = 12;
/// The window that is asked about.
pub const START: &str = "2027-03-02T00:00:00Z";
pub const END: &str = "2027-03-20T00:00:00Z";

fn day(n: u8) -> u8 {
    3 + n
}

/// The busy time of the first so many events.
pub fn hours(events: u8) -> Vec<String> {
    (0..events).map(|n| hour(day(n), 9)).collect()
}

/// A feed's file with these events.
fn file(events: std::ops::Range<u8>) -> String {
    let inside = |n: u8| {
        let whole = hour_event(&format!("e{n}"), day(n), 9);
        let from = whole.find("BEGIN:VEVENT").unwrap();
        let to = whole.find("END:VCALENDAR").unwrap();
        whole[from..to].to_owned()
    };
    let events: String = events.map(inside).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//stage//EN\r\n{events}END:VCALENDAR\r\n")
}

/// One provider's account or feed, at a host of its own.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub provider: Provider,
    caldav: Option<(Account, Calendar)>,
    feed: Option<Feed>,
}

impl Source {
    /// Makes an account with one calendar, or a feed, of [`DAYS`] events.
    pub fn new(world: &World, name: &str, provider: Provider) -> Self {
        let mut source = Self { name: name.to_owned(), provider, caldav: None, feed: None };
        match provider {
            Provider::Caldav => {
                let account = world.add_account(AccountSpec::new(name, "right"));
                let calendar = account.add_calendar(CalendarSpec::new("work"));
                for n in 0..DAYS {
                    calendar.put(&format!("{n:02}.ics"), hour_event(&format!("e{n}"), day(n), 9));
                }
                source.caldav = Some((account, calendar));
            }
            Provider::Feed => {
                source.feed = Some(world.add_feed(FeedSpec::new(name, file(0..DAYS))));
            }
        }
        source
    }

    pub fn link_request(&self) -> LinkRequest {
        let origin = format!("https://{}.example", self.name);
        match (&self.caldav, &self.feed) {
            (Some((account, _)), _) => Stage::caldav_at(&origin, account, "right"),
            (_, Some(feed)) => Stage::feed_at(&format!("{origin}{}", feed.path())),
            _ => unreachable!("a source is one of the two"),
        }
    }

    /// The person adds one event.
    pub fn edit(&self) {
        match (&self.caldav, &self.feed) {
            (Some((_, work)), _) => {
                work.put(&format!("{DAYS:02}.ics"), hour_event(&format!("e{DAYS}"), day(DAYS), 9));
            }
            (_, Some(feed)) => feed.set(file(0..DAYS + 1)),
            _ => unreachable!("a source is one of the two"),
        }
    }

    /// Lets the fault meet everything that is asked of this source and nothing else.
    pub fn plant(&self, world: &World, kind: Kind) {
        let Some(act) = kind.act(self.provider) else { return };
        let fault = match self.provider {
            Provider::Caldav => Fault::new(act).account(&self.name),
            Provider::Feed => Fault::new(act).feed(&self.name),
        };
        let fault = match (kind.lasts(), self.provider) {
            (Lasts::ThreeHours, _) => fault,
            (Lasts::OneListing, Provider::Feed) => fault.once(),
            // Everything that one round may list by.
            (Lasts::OneListing, Provider::Caldav) => fault.report("sync-collection").once(),
        };
        world.fault(fault);
    }

    pub fn is_of(&self, entry: &simulators::Entry) -> bool {
        let name = Some(self.name.as_str());
        match self.provider {
            Provider::Caldav => entry.account.as_deref() == name,
            Provider::Feed => entry.feed.as_deref() == name,
        }
    }
}

pub const MINUTE: Duration = Duration::from_secs(60);
