//! The people of the demo and their calendars, at simulated providers on loopback.

use std::{fmt::Write as _, io};

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time, time},
};
use serde_json::json;
use simulators::{
    AccountSpec, Calendar, CalendarSpec, FeedSpec, GoogleAccount, GoogleAccountSpec,
    GoogleCalendarSpec, GoogleClientSpec, World,
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::model::time::tzdb;

/// Where the demo's people live.
pub(crate) const ZONE: &str = "Europe/Berlin";
pub(crate) const USER: &str = "anna";
pub(crate) const PASSWORD: &str = "anna-password";
pub(crate) const GOOGLE_USER: &str = "ben@example.com";
pub(crate) const CLIENT_ID: &str = "demo.apps.example";
pub(crate) const CLIENT_SECRET: &str = "demo-secret";
const MOVED: &str = "supervision.ics";

/// Simulated providers that answer until this is dropped.
#[derive(Debug)]
pub(crate) struct Cast {
    world: World,
    practice: Calendar,
    google: GoogleAccount,
    today: Date,
    /// Where Google is, and its pages.
    pub(crate) base: String,
    pub(crate) server_url: String,
    pub(crate) feed_url: String,
    serving: JoinHandle<io::Result<()>>,
}

/// What a person did in their own calendar.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Cast {
    /// Fills the calendars around `today` and serves them on a free port of loopback.
    pub(crate) async fn start(now: Timestamp, today: Date) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let world = World::new(now);
        let anna = world.add_account(AccountSpec::new(USER, PASSWORD));
        let practice = anna.add_calendar(calendar("practice"));
        for (name, lines) in practice_events(today) {
            practice.put(name, object(name, &lines));
        }
        let private = anna.add_calendar(calendar("private"));
        for (name, lines) in private_events(today) {
            private.put(name, object(name, &lines));
        }
        world.tune_google(|knobs| knobs.allow_http_push = true);
        let spec = GoogleAccountSpec::new(GOOGLE_USER).time_zone(ZONE);
        let google = world.add_google_account(spec);
        google.add_calendar(GoogleCalendarSpec::new("family"));
        let feed = FeedSpec::new("on-call", feed_body(today));
        let (server_url, feed_url) =
            (format!("{base}{}", anna.path()), format!("{base}{}", feed.path()));
        world.add_feed(feed);
        let serving = tokio::spawn(simulators::serve(world.clone(), listener));
        Ok(Self { world, practice, google, today, base, server_url, feed_url, serving })
    }

    /// Makes the hub known to Google, as its operator does in Google's console.
    pub(crate) fn register(&self, hub: &str) {
        let client = GoogleClientSpec::new(CLIENT_ID, CLIENT_SECRET);
        self.world.add_google_client(client.redirect_uri(&format!("{hub}/oauth/google/callback")));
    }

    /// Ben notes something in Google Calendar.
    pub(crate) fn note(&self, span: (Timestamp, Timestamp)) -> Option<()> {
        let event = json!({"summary": "Dentist", "start": {"dateTime": span.0}, "end": {"dateTime": span.1}});
        self.google.primary().insert(event).ok().map(|_| ())
    }

    /// Ben moves an event in Google Calendar.
    pub(crate) fn reschedule(&self, event: &str, to: (Timestamp, Timestamp)) -> Option<()> {
        self.world.advance(std::time::Duration::from_secs(60));
        let (start, end) = (to.0.to_string(), to.1.to_string());
        self.google.primary().reschedule(event, &start, &end).ok().map(|_| ())
    }

    /// Anna drags the event of a booking to another time, in her own program.
    pub(crate) fn drag(
        &self,
        from: (Timestamp, Timestamp),
        to: (Timestamp, Timestamp),
    ) -> Option<()> {
        self.world.advance(std::time::Duration::from_secs(60));
        let zone = tzdb().zone(ZONE)?;
        // Written on the clocks of the zone in which it was booked.
        let line = |name: &str, at: Timestamp| {
            format!("{name};TZID={ZONE}:{}", zone.to_datetime(at).strftime("%Y%m%dT%H%M%S"))
        };
        let is_it = |body: &str| body.contains(&line("DTSTART", from.0));
        let events = self.practice.resources();
        let (name, _) =
            events.iter().find(|(_, one)| is_it(&String::from_utf8_lossy(&one.body)))?;
        self.practice.edit_event(name, |body| {
            body.replace(&line("DTSTART", from.0), &line("DTSTART", to.0))
                .replace(&line("DTEND", from.1), &line("DTEND", to.1))
        })?;
        Some(())
    }

    /// Anna moves her supervision from tomorrow 14:00 to the day after at 16:00, in her own program.
    pub(crate) fn move_an_event(&self) -> Option<Edit> {
        self.world.advance(std::time::Duration::from_secs(60));
        let (from, to) = (supervision_first(self.today), supervision_moved(self.today));
        self.practice.put(MOVED, object(MOVED, &to.lines("Supervision")));
        Some(Edit { before: from.told()?, after: to.told()? })
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn calendar(name: &str) -> CalendarSpec {
    CalendarSpec { timezone_id: Some(ZONE.to_owned()), ..CalendarSpec::new(name) }
}

/// A span on one day's clock.
#[derive(Clone, Copy, Debug)]
struct Slot {
    day: Date,
    from: Time,
    to: Time,
}

impl Slot {
    fn lines(self, title: &str) -> Vec<String> {
        let at = |name: &str, time: Time| format!("{name};TZID={ZONE}:{}", stamp(self.day, time));
        vec![format!("SUMMARY:{title}"), at("DTSTART", self.from), at("DTEND", self.to)]
    }

    fn told(self) -> Option<String> {
        let day = self.day.strftime("%a %Y-%m-%d");
        Some(format!("{day} {}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M")))
    }

    fn and(self, title: &str, more: &[String]) -> Vec<String> {
        let mut lines = self.lines(title);
        lines.extend(more.iter().cloned());
        lines
    }
}

fn slot(day: Date, from: Time, to: Time) -> Slot {
    Slot { day, from, to }
}

fn supervision_first(today: Date) -> Slot {
    slot(after(today, 1), time(14, 0, 0, 0), time(15, 30, 0, 0))
}

fn supervision_moved(today: Date) -> Slot {
    slot(after(today, 2), time(16, 0, 0, 0), time(17, 30, 0, 0))
}

fn practice_events(today: Date) -> Vec<(&'static str, Vec<String>)> {
    let (nine, ten) = (time(9, 0, 0, 0), time(10, 30, 0, 0));
    let since = after(today, -28);
    let skipped = format!("EXDATE;TZID={ZONE}:{}", stamp(after(today, 4), nine));
    vec![
        (
            "consultations.ics",
            slot(since, nine, ten).and("Consultations", &["RRULE:FREQ=DAILY".to_owned(), skipped]),
        ),
        (MOVED, supervision_first(today).lines("Supervision")),
        (
            "maybe.ics",
            slot(after(today, 2), time(11, 0, 0, 0), time(12, 30, 0, 0))
                .and("Visit of a colleague", &["STATUS:TENTATIVE".to_owned()]),
        ),
        (
            "cancelled.ics",
            slot(after(today, 3), time(13, 0, 0, 0), time(14, 0, 0, 0))
                .and("Workshop", &["STATUS:CANCELLED".to_owned()]),
        ),
    ]
}

fn private_events(today: Date) -> Vec<(&'static str, Vec<String>)> {
    let day = |name: &str, day: Date| format!("{name};VALUE=DATE:{}", day.strftime("%Y%m%d"));
    vec![
        ("choir.ics", slot(after(today, 2), time(18, 30, 0, 0), time(20, 0, 0, 0)).lines("Choir")),
        (
            "holiday.ics",
            vec![
                "SUMMARY:Day off".to_owned(),
                day("DTSTART", after(today, 5)),
                day("DTEND", after(today, 6)),
            ],
        ),
        (
            "birthday.ics",
            vec![
                "SUMMARY:A friend's birthday".to_owned(),
                day("DTSTART", after(today, 1)),
                day("DTEND", after(today, 2)),
                "TRANSP:TRANSPARENT".to_owned(),
            ],
        ),
    ]
}

fn feed_body(today: Date) -> String {
    let night = |day: Date| {
        let at =
            |name: &str, day: Date, time: Time| format!("{name};TZID={ZONE}:{}", stamp(day, time));
        vec![
            "SUMMARY:On call".to_owned(),
            at("DTSTART", day, time(20, 0, 0, 0)),
            at("DTEND", after(day, 1), time(6, 0, 0, 0)),
        ]
    };
    let mut body = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//hospital//rota//EN\r\nX-WR-CALNAME:On call\r\n\
         X-WR-TIMEZONE:{ZONE}\r\n"
    );
    for (name, day) in [("night-1", after(today, 3)), ("night-2", after(today, 6))] {
        body.push_str(&event(name, &night(day)));
    }
    body.push_str("END:VCALENDAR\r\n");
    body
}

fn object(name: &str, lines: &[String]) -> String {
    let event = event(name, lines);
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//demo//people//EN\r\n{event}END:VCALENDAR\r\n"
    )
}

fn event(name: &str, lines: &[String]) -> String {
    let uid = name.trim_end_matches(".ics");
    let mut text =
        format!("BEGIN:VEVENT\r\nUID:{uid}@demo.example\r\nDTSTAMP:20260101T000000Z\r\n");
    for line in lines {
        let _ = write!(text, "{line}\r\n");
    }
    text.push_str("END:VEVENT\r\n");
    text
}

fn stamp(day: Date, at: Time) -> String {
    day.to_datetime(at).strftime("%Y%m%dT%H%M%S").to_string()
}

fn after(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}
