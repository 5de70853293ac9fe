//! A calendar as its person has it before them, whoever keeps it: the hub's events in it, and what can be done to them.

use connectors::transport::Transport;
use http::Method;
use serde_json::{Value, json};
use simulators::{Calendar, GoogleCalendar};

use calhub::{
    config::{Environment, Overrides, load},
    store::Store,
    sync::Providers,
};

use super::super::place::event;
use crate::{api::world::TestHub, support::simulated::ORIGIN};

pub const CLIENT: &str = "seeds.apps.googleusercontent.com";
pub const SECRET: &str = "of-the-seeds";
pub const SCOPES: [&str; 2] = ["calendar.calendarlist.readonly", "calendar.events"];
/// What the person has of their own.
const OWN: &str = "own00000";

#[derive(Clone)]
pub enum Shelf {
    Caldav(Calendar),
    Google(GoogleCalendar),
}

/// An event as it stands there.
#[derive(Clone, Debug)]
pub struct Paper {
    pub name: String,
    /// Whose booking it says it is.
    pub booking: Option<String>,
    /// As `20260303T080000Z`.
    pub start: String,
    pub title: String,
    pub body: String,
}

/// What a request is to the calendar.
pub struct Asked {
    /// The event that it names.
    pub name: String,
    pub writes: bool,
    pub reads_one: bool,
}

impl Shelf {
    /// Adds what the person has of their own; answers how it stands there.
    pub fn begin(&self) -> String {
        match self {
            Self::Caldav(calendar) => {
                calendar.put("own.ics", event("own", 1, 2));
                event("own", 1, 2)
            }
            Self::Google(calendar) => {
                let time = |hour: u8| json!({"dateTime": format!("2026-03-03T{hour:02}:00:00Z")});
                let own =
                    json!({"id": OWN, "summary": "Private", "start": time(1), "end": time(2)});
                calendar.insert(own).unwrap().to_string()
            }
        }
    }

    pub fn papers(&self) -> Vec<Paper> {
        match self {
            Self::Caldav(calendar) => {
                let all = calendar.resources().into_iter();
                all.map(|(name, one)| paper_of(name, one.text())).collect()
            }
            Self::Google(calendar) => {
                calendar.events().into_iter().map(|(name, one)| page_of(name, &one)).collect()
            }
        }
    }

    /// What changes with every edit; `None` where nothing stands.
    pub fn version(&self, name: &str) -> Option<String> {
        match self {
            Self::Caldav(calendar) => Some(calendar.get(name)?.etag),
            Self::Google(calendar) => {
                let event = calendar.get(name).filter(|event| event["status"] != "cancelled")?;
                event["etag"].as_str().map(str::to_owned)
            }
        }
    }

    pub fn retitle(&self, name: &str, title: &str) {
        match self {
            Self::Caldav(calendar) => {
                let line = |line: &str| match line.starts_with("SUMMARY:") {
                    true => format!("SUMMARY:{title}"),
                    false => line.to_owned(),
                };
                calendar.edit_event(name, |body| lines(body, line));
            }
            Self::Google(calendar) => {
                calendar.patch(name, json!({"summary": title})).unwrap();
            }
        }
    }

    /// The same event, so many minutes after the hour.
    pub fn shift(&self, name: &str, minute: u64) {
        match self {
            Self::Caldav(calendar) => {
                let line = |line: &str| match line.strip_prefix("DTSTART:") {
                    Some(at) => format!("DTSTART:{}{minute:02}00Z", &at[..11]),
                    None => line.to_owned(),
                };
                calendar.edit_event(name, |body| lines(body, line));
            }
            Self::Google(calendar) => {
                let event = calendar.get(name).unwrap();
                let start = instant(&event["start"]);
                let start = start.to_zoned(jiff::tz::TimeZone::UTC);
                let start = start.with().minute(minute as i8).build().unwrap().timestamp();
                calendar.patch(name, json!({"start": {"dateTime": start}})).unwrap();
            }
        }
    }

    pub fn delete(&self, name: &str) {
        match self {
            Self::Caldav(calendar) => _ = calendar.delete(name),
            Self::Google(calendar) => calendar.delete(name).unwrap(),
        }
    }

    /// What a request of the hub's is to the events here.
    pub fn asked(&self, request: &http::Request<bytes::Bytes>) -> Asked {
        let (method, path) = (request.method(), request.uri().path());
        let last = path.rsplit('/').next().unwrap_or_default().to_owned();
        match self {
            Self::Caldav(_) => Asked {
                name: last,
                writes: *method == Method::PUT || *method == Method::DELETE,
                reads_one: *method == Method::GET,
            },
            Self::Google(_) => {
                let is_event = path.contains("/events/");
                let is_insert = *method == Method::POST && path.ends_with("/events");
                let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                let name = if is_insert {
                    body["id"].as_str().unwrap_or_default().to_owned()
                } else {
                    last
                };
                let writes = is_insert || (is_event && *method != Method::GET);
                Asked { name, writes, reads_one: is_event && *method == Method::GET }
            }
        }
    }

    /// Whether an answer shows an event as it is.
    pub fn shows(&self, body: &str, name: &str) -> bool {
        match self {
            Self::Caldav(_) => body.contains("BEGIN:VCALENDAR") && body.contains(name),
            Self::Google(_) => body.contains(&format!("\"{name}\"")),
        }
    }

    /// Some servers take out what they were told to take out, whatever has become of it.
    pub fn may_be_blind(&self, method: &Method, profile: Option<&simulators::Account>) -> bool {
        let write = profile.map(|account| account.profile().write);
        *method == Method::DELETE && write.is_some_and(|write| !write.delete_honours_if_match)
    }

    pub fn is_own(&self, name: &str) -> bool {
        name == "own.ics" || name == OWN
    }
}

fn lines(body: &str, line: impl Fn(&str) -> String) -> String {
    body.lines().map(line).collect::<Vec<_>>().join("\r\n") + "\r\n"
}

fn paper_of(name: String, body: String) -> Paper {
    let of = |what: &str| {
        let line = body.lines().find_map(|line| line.strip_prefix(what));
        line.map(str::to_owned)
    };
    let booking = of("X-HUB-BOOKING:").and_then(|marker| owner(&marker));
    let (start, title) = (of("DTSTART:").unwrap_or_default(), of("SUMMARY:").unwrap_or_default());
    Paper { name, booking, start, title, body }
}

fn page_of(name: String, event: &Value) -> Paper {
    let marker = event["extendedProperties"]["private"]["calhub"].as_str();
    Paper {
        name,
        booking: marker.and_then(owner),
        start: instant(&event["start"]).strftime("%Y%m%dT%H%M%SZ").to_string(),
        title: event["summary"].as_str().unwrap_or_default().to_owned(),
        body: event.to_string(),
    }
}

fn instant(bound: &Value) -> jiff::Timestamp {
    bound["dateTime"].as_str().unwrap().parse().unwrap()
}

/// The booking that a marker names.
fn owner(marker: &str) -> Option<String> {
    Some(marker.split('/').next()?.to_owned())
}

/// A hub that knows Google, and no other way to be told of changes than to ask.
pub async fn hub_with_google(store: Store, transport: Transport) -> TestHub {
    let (api, oauth) = (ORIGIN.to_owned(), format!("{ORIGIN}/g"));
    let variables = [
        ("CALHUB_GOOGLE_CLIENT_ID", CLIENT),
        ("CALHUB_GOOGLE_CLIENT_SECRET", SECRET),
        ("CALHUB_GOOGLE_BASE_URL", &*api),
        ("CALHUB_GOOGLE_OAUTH_BASE_URL", &*oauth),
    ];
    let mut all = vec![("CALHUB_DATA_DIR", "/nonexistent")];
    all.extend(variables);
    let config = load(&Environment::of(&all), &Overrides::default()).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let providers = Providers::new(transport, &config.google, &config.microsoft);
    TestHub::connected(0, store, std::sync::Arc::new(providers), &variables).await
}
