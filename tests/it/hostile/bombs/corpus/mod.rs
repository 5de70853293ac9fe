//! The bombs, made when they are needed: small texts that want to cost a lot.

mod coded;
mod replies;
mod rules;
mod shapes;

use self::{
    coded::coded,
    replies::replies,
    rules::{SECONDLY, rules},
    shapes::{bytes, shapes},
};

/// One file that wants to hurt.
pub struct Bomb {
    pub name: &'static str,
    pub kind: Kind,
    /// The content coding that it is sent with.
    pub coding: Option<&'static str>,
    made: Box<dyn Fn() -> Vec<u8>>,
}

impl Bomb {
    pub fn new(name: &'static str, kind: Kind, made: impl Fn() -> Vec<u8> + 'static) -> Self {
        Self { name, kind, coding: None, made: Box::new(made) }
    }

    pub fn bytes(&self) -> Vec<u8> {
        (self.made)()
    }
}

/// A bomb that is not made yet.
type Later = (&'static str, Box<dyn Fn() -> Vec<u8>>);

fn later<T: Into<Vec<u8>>>(name: &'static str, made: impl Fn() -> T + 'static) -> Later {
    (name, Box::new(move || made().into()))
}

/// By which path it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A feed.
    Feed,
    /// What a CalDAV server answers to everything.
    Multistatus,
    /// One object of a CalDAV calendar.
    Object,
}

const START: &str = "DTSTART:20270308T090000Z\r\nDURATION:PT1H\r\n";

fn calendar(inside: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{inside}END:VCALENDAR\r\n")
}

fn event(uid: &str, lines: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:{uid}\r\n{lines}END:VEVENT\r\n")
}

fn one(lines: &str) -> String {
    calendar(&event("a", &format!("{START}{lines}")))
}

fn list(from: usize, to: usize) -> String {
    (from..=to).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
}

fn date(n: usize) -> String {
    format!(
        "2027{:02}{:02}T{:02}{:02}{:02}",
        n / 28 % 12 + 1,
        n % 28 + 1,
        n / 336 % 24,
        n / 8_064 % 60,
        n / 483_840 % 60
    )
}

fn dates(count: usize, end: &str) -> String {
    (0..count).map(|n| date(n) + end).collect::<Vec<_>>().join(",")
}

fn each(count: usize, made: impl Fn(usize) -> String) -> String {
    (0..count).map(made).collect()
}

/// All of them.
pub fn corpus() -> Vec<Bomb> {
    let plain = |kind| move |(name, made): Later| Bomb { name, kind, coding: None, made };
    let mut all: Vec<Bomb> = Vec::new();
    all.extend(rules().into_iter().chain(shapes()).chain(bytes()).map(plain(Kind::Feed)));
    all.extend(coded());
    all.extend(replies().into_iter().map(plain(Kind::Multistatus)));
    let objects = [
        later("object-secondly", || one(SECONDLY)),
        later("object-alarms", || one(&"BEGIN:VALARM\r\nEND:VALARM\r\n".repeat(50_000))),
        later("object-of-20000-uids", || calendar(&each(20_000, |n| event(&n.to_string(), START)))),
    ];
    all.extend(objects.into_iter().map(plain(Kind::Object)));
    all
}

/// A text of about so many bytes.
pub type Made = std::rc::Rc<dyn Fn(usize) -> Vec<u8>>;

/// Shapes that may be made as large as one likes, to see that twice the size costs twice the time.
pub fn growing() -> Vec<(&'static str, Kind, Made)> {
    let repeated = |kind, name, whole: fn(&str) -> String, part: fn(usize) -> String| {
        let long = part(10_000).len();
        let made = move |size: usize| whole(&each(size / long, part)).into_bytes();
        (name, kind, std::rc::Rc::new(made) as Made)
    };
    let reply = |inside: &str| format!("<d:multistatus xmlns:d=\"DAV:\">{inside}</d:multistatus>");
    vec![
        repeated(Kind::Feed, "events", calendar, |n| event(&n.to_string(), START)),
        repeated(Kind::Feed, "events that recur", calendar, |n| {
            event(&n.to_string(), &format!("{START}RRULE:FREQ=WEEKLY\r\n"))
        }),
        repeated(Kind::Feed, "events of one UID", calendar, |n| {
            event("a", &format!("DTSTART:{}Z\r\n", date(n)))
        }),
        repeated(
            Kind::Feed,
            "overrides of one series",
            |inside| calendar(&(event("a", &format!("{START}RRULE:FREQ=DAILY\r\n")) + inside)),
            |n| event("a", &format!("RECURRENCE-ID:{}Z\r\n{START}", date(n))),
        ),
        repeated(Kind::Feed, "lines that mean nothing", one, |_| "X-NOTHING;A=b:c\r\n".to_owned()),
        repeated(
            Kind::Feed,
            "folds",
            |inside| one(&format!("SUMMARY:{inside}\r\n")),
            |_| "x\r\n ".to_owned(),
        ),
        repeated(Kind::Feed, "broken lines", calendar, |_| {
            "BEGIN:VEVENT\r\n;;;\r\nEND:VEVENT\r\n".to_owned()
        }),
        repeated(Kind::Multistatus, "rows of a reply", reply, |n| {
            format!("<d:response><d:href>/dav/cal/{n}/</d:href></d:response>")
        }),
        repeated(Kind::Multistatus, "namespaces", reply, |n| {
            format!("<b{n}:a xmlns:b{n}=\"urn:{n}\"/>")
        }),
        repeated(Kind::Multistatus, "references", reply, |_| "&#65;".to_owned()),
    ]
}
