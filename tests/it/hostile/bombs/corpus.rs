//! The bombs, made when they are needed: small texts that want to cost a lot.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

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

/// A zone of so many blocks of so many dates each, known to nobody else.
fn zone(blocks: usize, each_dates: usize) -> String {
    let block = |n: usize| {
        let offset = if n.is_multiple_of(2) {
            "+0100\r\nTZOFFSETFROM:+0200"
        } else {
            "+0200\r\nTZOFFSETFROM:+0100"
        };
        let rdates = if each_dates == 0 {
            String::new()
        } else {
            format!("RDATE:{}\r\n", dates(each_dates, ""))
        };
        format!(
            "BEGIN:STANDARD\r\nDTSTART:{}\r\nTZOFFSETTO:{offset}\r\n{rdates}END:STANDARD\r\n",
            date(n)
        )
    };
    format!("BEGIN:VTIMEZONE\r\nTZID:Nowhere\r\n{}END:VTIMEZONE\r\n", each(blocks, block))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const SECONDLY: &str = "RRULE:FREQ=SECONDLY;COUNT=1000000000\r\n";
fn all_seconds() -> String {
    format!("BYHOUR={};BYMINUTE={1};BYSECOND={1}", list(0, 23), list(0, 59))
}

/// An event with so many exceptions, each in a zone that comes along.
fn zoned(count: usize) -> String {
    let lines = format!(
        "DTSTART;TZID=Nowhere:20270308T090000\r\nRRULE:FREQ=DAILY\r\nEXDATE;TZID=Nowhere:{}\r\n",
        dates(count, "")
    );
    calendar(&(zone(100, 20) + &event("a", &lines)))
}

/// Calendar files that hurt by their rules and dates.
fn rules() -> Vec<Later> {
    vec![
        later("secondly-count", || one(SECONDLY)),
        later("secondly-for-ever", || one("RRULE:FREQ=SECONDLY\r\n")),
        later("secondly-from-long-ago", || {
            calendar(&event("a", "DTSTART:19700101T000000Z\r\nRRULE:FREQ=SECONDLY;INTERVAL=3\r\n"))
        }),
        later("minutely-all", || one(&format!("RRULE:FREQ=MINUTELY;{}\r\n", all_seconds()))),
        later("daily-every-second", || one(&format!("RRULE:FREQ=DAILY;{}\r\n", all_seconds()))),
        later("yearly-every-second", || {
            one(&format!("RRULE:FREQ=YEARLY;BYYEARDAY={};{}\r\n", list(1, 366), all_seconds()))
        }),
        later("setpos-of-everything", || {
            one(&format!(
                "RRULE:FREQ=YEARLY;BYYEARDAY={0};{1};BYSETPOS={0}\r\n",
                list(1, 366),
                all_seconds()
            ))
        }),
        later("by-list-of-100000", || {
            one(&format!("RRULE:FREQ=MONTHLY;BYMONTHDAY={}\r\n", vec!["1"; 100_000].join(",")))
        }),
        later("by-day-of-100000", || {
            one(&format!("RRULE:FREQ=YEARLY;BYDAY={}\r\n", vec!["-53MO"; 100_000].join(",")))
        }),
        later("never-matches", || one("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\r\n")),
        later("never-matches-by-seconds", || {
            one("RRULE:FREQ=SECONDLY;INTERVAL=86400;BYHOUR=3\r\n")
        }),
        later("numbers-without-end", || {
            one(&format!("RRULE:FREQ=DAILY;INTERVAL={0};COUNT={0}\r\n", "9".repeat(100_000)))
        }),
        later("until-the-end-of-time", || one("RRULE:FREQ=SECONDLY;UNTIL=99991231T235959Z\r\n")),
        later("a-hundred-rules", || one(&SECONDLY.repeat(100))),
        later("ten-thousand-rules", || one(&SECONDLY.repeat(10_000))),
        later("rules-and-exrules", || {
            one(&(SECONDLY.repeat(50) + &SECONDLY.replace("RRULE", "EXRULE").repeat(50)))
        }),
        later("a-thousand-secondly-series", || {
            calendar(&each(1_000, |n| event(&n.to_string(), &format!("{START}{SECONDLY}"))))
        }),
        later("ten-thousand-secondly-series", || {
            calendar(&each(10_000, |n| event(&n.to_string(), &format!("{START}{SECONDLY}"))))
        }),
        later("secondly-masters-of-one-uid", || {
            calendar(&each(1_000, |n| event("a", &format!("DTSTART:{}Z\r\n{SECONDLY}", date(n)))))
        }),
        later("overrides-of-a-secondly-series", || {
            calendar(
                &(event("a", &format!("{START}{SECONDLY}"))
                    + &each(5_000, |n| {
                        event("a", &format!("RECURRENCE-ID:{}Z\r\n{START}", date(n)))
                    })),
            )
        }),
        later("overrides-for-the-future", || {
            calendar(
                &(event("a", &format!("{START}RRULE:FREQ=HOURLY\r\n"))
                    + &each(2_000, |n| {
                        event(
                            "a",
                            &format!("RECURRENCE-ID;RANGE=THISANDFUTURE:{}Z\r\n{START}", date(n)),
                        )
                    })),
            )
        }),
        later("exdates-10000", || {
            one(&format!("RRULE:FREQ=HOURLY\r\nEXDATE:{}\r\n", dates(10_000, "Z")))
        }),
        later("exdates-100000", || {
            one(&format!(
                "RRULE:FREQ=HOURLY\r\n{}",
                each(20, |_| format!("EXDATE:{}\r\n", dates(5_000, "Z")))
            ))
        }),
        later("exdates-of-a-secondly-rule", || {
            one(&format!("{SECONDLY}EXDATE:{}\r\n", dates(10_000, "Z")))
        }),
        later("exdates-in-a-zone-of-its-own", || zoned(10_000)),
        later("rdates-10000", || one(&format!("RDATE:{}\r\n", dates(10_000, "Z")))),
        later("rdates-of-a-century", || {
            one(&format!("RDATE;VALUE=PERIOD:{}\r\n", dates(10_000, "Z/P36500D")))
        }),
        later("long-events", || {
            calendar(&each(2_000, |n| {
                event(&n.to_string(), &format!("DTSTART:{}Z\r\nDURATION:P400D\r\n", date(n)))
            }))
        }),
        later("daily-events-of-a-century", || {
            calendar(&event(
                "a",
                "DTSTART:19000101T000000Z\r\nDURATION:P36500D\r\nRRULE:FREQ=DAILY\r\n",
            ))
        }),
        later("durations-without-end", || one(&format!("DURATION:P{}W\r\n", "9".repeat(50_000)))),
        later("free-busy-of-100000", || {
            calendar(&format!(
                "BEGIN:VFREEBUSY\r\nUID:a\r\nFREEBUSY:{}\r\nEND:VFREEBUSY\r\n",
                dates(50_000, "Z/PT1H")
            ))
        }),
        later("zone-of-a-million-dates", || {
            calendar(&(zone(100, 1_000) + &event("a", "DTSTART;TZID=Nowhere:20270308T090000\r\n")))
        }),
        later("zone-for-everybody", || {
            calendar(
                &(zone(1_000, 20)
                    + &each(1_000, |n| {
                        event(&n.to_string(), "DTSTART;TZID=Nowhere:20270308T090000\r\n")
                    })),
            )
        }),
        later("ten-thousand-zones", || {
            calendar(
                &(each(5_000, |n| zone(2, 0).replace("Nowhere", &format!("N{n}")))
                    + &each(5_000, |n| {
                        event(&n.to_string(), &format!("DTSTART;TZID=N{n}:20270308T090000\r\n"))
                    })),
            )
        }),
        later("zone-of-secondly-rules", || {
            calendar(
                &(zone(100, 0).replace("END:STANDARD", "RRULE:FREQ=SECONDLY\r\nEND:STANDARD")
                    + &event("a", "DTSTART;TZID=Nowhere:20270308T090000\r\n")),
            )
        }),
        later("zones-nobody-knows", || {
            calendar(&each(5_000, |n| {
                event(&n.to_string(), &format!("DTSTART;TZID=Atlantis/{n}:20270308T090000\r\n"))
            }))
        }),
    ]
}

/// Calendar files that hurt by their shape.
fn shapes() -> Vec<Later> {
    vec![
        later("nested-99000-deep", || {
            format!("BEGIN:VCALENDAR\r\n{}", "BEGIN:X\r\n".repeat(99_000))
        }),
        later("events-within-events", || {
            format!(
                "BEGIN:VCALENDAR\r\n{}",
                format!("BEGIN:VEVENT\r\nUID:a\r\n{START}").repeat(20_000)
            )
        }),
        later("ends-without-beginnings", || calendar(&"END:VEVENT\r\n".repeat(200_000))),
        later("components-100001", || calendar(&"BEGIN:X\r\nEND:X\r\n".repeat(100_001))),
        later("events-of-nothing", || calendar(&"BEGIN:VEVENT\r\nEND:VEVENT\r\n".repeat(20_000))),
        later("alarms-200000", || {
            one(&"BEGIN:VALARM\r\nREPEAT:9999999\r\nEND:VALARM\r\n".repeat(200_000))
        }),
        later("alarm-that-repeats", || {
            one(
                "BEGIN:VALARM\r\nTRIGGER:-PT1S\r\nREPEAT:2147483647\r\nDURATION:PT1S\r\nEND:VALARM\r\n",
            )
        }),
        later("line-of-8-mib", || one(&format!("SUMMARY:{}\r\n", "x".repeat(8 << 20)))),
        later("line-folded-at-every-character", || {
            one(&format!("SUMMARY:{}\r\n", "x\r\n ".repeat(1 << 19)))
        }),
        later("rule-folded-at-every-character", || {
            one(&format!("RRULE:FREQ=DAILY{}\r\n", ";\r\n ".repeat(1 << 18)))
        }),
        later("folds-of-nothing", || one(&format!("SUMMARY:x{}\r\n", "\r\n ".repeat(1 << 19)))),
        later("parameters-100000", || one(&format!("SUMMARY{}:x\r\n", ";A=b".repeat(100_000)))),
        later("parameters-of-a-date", || {
            calendar(&event(
                "a",
                &format!("DTSTART{}:20270308T090000Z\r\n", ";TZID=a".repeat(100_000)),
            ))
        }),
        later("quote-that-never-ends", || one(&format!("SUMMARY;A=\"{}\r\n", "x".repeat(1 << 20)))),
        later("attendees-50000", || {
            one(&each(50_000, |n| format!("ATTENDEE;PARTSTAT=ACCEPTED:mailto:{n}@example.org\r\n")))
        }),
        later("uid-of-a-mebibyte", || {
            calendar(&each(4, |n| event(&format!("{n}{}", "u".repeat(1 << 20)), START)))
        }),
        later("uids-20000", || {
            calendar(&each(20_000, |n| event(&n.to_string(), "DTSTART:20200101T000000Z\r\n")))
        }),
        later("one-uid-20000-times", || {
            calendar(&each(20_000, |n| event("a", &format!("DTSTART:{}Z\r\n", date(n)))))
        }),
        later("one-event-20000-times", || calendar(&event("a", START).repeat(20_000))),
        later("nameless-20000", || {
            calendar(&format!("BEGIN:VEVENT\r\n{START}END:VEVENT\r\n").repeat(20_000))
        }),
        later("calendars-20000", || calendar("").repeat(20_000)),
        later("backslashes", || one(&format!("SUMMARY:{}\r\n", "\\".repeat(1 << 20)))),
        later("colons", || calendar(&":;=,\"".repeat(1 << 20))),
        later("line-ends", || calendar(&"\r\n".repeat(4 << 20))),
        later("no-line-end", || "BEGIN:VCALENDAR".to_owned() + &"A".repeat(8 << 20)),
        later("a-web-page", || format!("<!DOCTYPE html><html>{}</html>", "<p>".repeat(1 << 20))),
        later("byte-order-marks", || "\u{feff}".repeat(1 << 20) + &one("")),
        later("spaces-first", || " ".repeat(8 << 20) + &one("")),
    ]
}

fn within(filling: &[u8]) -> Vec<u8> {
    let mut all =
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20270308T090000Z\r\nSUMMARY:"
            .to_vec();
    all.extend(filling);
    all.extend(b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    all
}

/// Bytes that are no text.
fn bytes() -> Vec<Later> {
    vec![
        later("overlong-utf-8", || {
            within(&b"\xc0\x80\xe0\x80\xaf\xf0\x80\x80\xaf".repeat(1 << 18))
        }),
        later("no-utf-8-at-all", || within(&b"\xff\xfe".repeat(1 << 20))),
        later("half-characters", || within(&b"\xe2\x82".repeat(1 << 20))),
        later("zero-bytes", || within(&vec![0; 4 << 20])),
        later("half-surrogates-of-utf-16", || {
            [b"\xff\xfe".to_vec(), b"\x00\xd8".repeat(1 << 20)].concat()
        }),
        later("control-characters", || within(&(0..32).collect::<Vec<u8>>().repeat(1 << 16))),
        later("cut-in-the-middle", || one(&"X-A:b\r\n".repeat(1 << 20)).split_off(4 << 20)),
    ]
}

fn spaces() -> Vec<u8> {
    gzip(&vec![b' '; 64 << 20])
}

fn honest() -> Vec<u8> {
    gzip(one(&"X-A:b\r\n".repeat(10_000)).as_bytes())
}

/// Content codings.
fn coded() -> Vec<Bomb> {
    let all: Vec<(&'static str, Later)> = vec![
        ("gzip", later("gzip-of-64-mib", spaces)),
        ("gzip", later("gzip-of-gzip", || gzip(&spaces()))),
        ("gzip", later("gzip-in-many-parts", || gzip(&vec![b' '; 1 << 16]).repeat(2_000))),
        ("gzip", later("gzip-of-empty-parts", || gzip(b"").repeat(100_000))),
        ("gzip", later("gzip-cut-short", || honest()[..150].to_vec())),
        ("gzip", later("gzip-of-nothing-known", || b"\x1f\x8b\x08\x00".repeat(100_000))),
        ("gzip, gzip", later("gzip-twice-named", honest)),
        ("deflate", later("deflate-unasked", spaces)),
        ("br", later("brotli-unasked", spaces)),
    ];
    let bomb = |(coding, (name, made))| Bomb { name, kind: Kind::Feed, coding: Some(coding), made };
    all.into_iter().map(bomb).collect()
}

fn whole(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">{inside}</d:multistatus>"
    )
}

fn response(inside: &str) -> String {
    whole(&format!("<d:response><d:href>/dav/cal/a.ics</d:href>{inside}</d:response>"))
}

fn laughs() -> String {
    each(30, |n| format!("<!ENTITY a{} \"{}\">", n + 1, format!("&a{n};").repeat(10)))
}

/// What CalDAV servers may answer.
fn replies() -> Vec<Later> {
    vec![
        later("xml-100000-deep", || whole(&"<a>".repeat(100_000))),
        later("xml-deep-of-one-response", || {
            response(&("<a>".repeat(100_000) + &"</a>".repeat(100_000)))
        }),
        later("xml-declares-a-type", || format!("<!DOCTYPE a>{}", whole(""))),
        later("xml-billion-laughs", || {
            format!("<!DOCTYPE a [<!ENTITY a0 \"ha\">{}]>{}", laughs(), response("&a30;"))
        }),
        later("xml-outside-entity", || {
            format!("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>{}", response("&x;"))
        }),
        later("xml-quadratic-blow-up", || {
            format!(
                "<!DOCTYPE a [<!ENTITY x \"{}\">]>{}",
                "x".repeat(1 << 20),
                response(&"&x;".repeat(1_000))
            )
        }),
        later("xml-undeclared-entities", || response(&"&nbsp;".repeat(100_000))),
        later("xml-attributes-80000", || {
            whole(&format!("<a {}/>", each(80_000, |n| format!("b{n}=\"\" "))))
        }),
        later("xml-one-attribute-80000-times", || {
            whole(&format!("<a {}/>", "b=\"\" ".repeat(80_000)))
        }),
        later("xml-namespaces-80000", || {
            whole(&format!("<a {}/>", each(80_000, |n| format!("xmlns:b{n}=\"urn:{n}\" "))))
        }),
        later("xml-namespaces-at-every-element", || {
            whole(&each(20_000, |n| format!("<b{n}:a xmlns:b{n}=\"urn:{n}\" xmlns:c=\"d\"/>")))
        }),
        later("xml-attribute-of-8-mib", || whole(&format!("<a b=\"{}\"/>", "x".repeat(8 << 20)))),
        later("xml-name-of-8-mib", || whole(&format!("<{}/>", "a".repeat(8 << 20)))),
        later("xml-text-of-8-mib", || response(&"x".repeat(8 << 20))),
        later("xml-characters-by-number", || response(&"&#65;".repeat(1 << 19))),
        later("xml-zero-bytes-by-number", || response(&"&#0;&#xffff;&#x110000;".repeat(1 << 15))),
        later("xml-comments", || whole(&"<!---->".repeat(1 << 20))),
        later("xml-comment-of-8-mib", || whole(&format!("<!--{}-->", "x".repeat(8 << 20)))),
        later("xml-instructions", || whole(&"<?a?>".repeat(1 << 19))),
        later("xml-parts-of-text", || response(&"<![CDATA[x]]>".repeat(1 << 19))),
        later("xml-never-closed", || {
            format!("<d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>{}", "x".repeat(4 << 20))
        }),
        later("xml-closed-too-often", || whole("") + &"</a>".repeat(1 << 19)),
        later("xml-empty-elements", || whole(&"<a/>".repeat(100_000))),
        later("xml-responses-20000", || {
            whole(&each(20_000, |n| {
                format!("<d:response><d:href>/dav/cal/{n}/</d:href></d:response>")
            }))
        }),
        later("xml-hrefs-of-one-response", || {
            response(&"<d:href>/dav/cal/</d:href>".repeat(50_000))
        }),
        later("xml-propstats-of-one-response", || {
            response(&"<d:propstat><d:prop><d:getetag>\"1\"</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>".repeat(20_000))
        }),
        later("xml-href-of-4-mib", || {
            whole(&format!(
                "<d:response><d:href>/dav/cal/{}/</d:href></d:response>",
                "%41".repeat(1 << 20)
            ))
        }),
        later("xml-dots-in-a-href", || {
            whole(&format!(
                "<d:response><d:href>/dav/cal/{}</d:href></d:response>",
                "../".repeat(1 << 19)
            ))
        }),
        later("xml-token-of-4-mib", || {
            whole(&format!("<d:sync-token>{}</d:sync-token>", "t".repeat(4 << 20)))
        }),
        later("xml-of-no-text", || String::from_utf8_lossy(&[0x3c; 1 << 20]).into_owned()),
    ]
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
