//! The server that lures: an account or a feed whose answers point at the address it is told to point at. The host
//! that is asked says which path is tried and at which address: `<path>-<number>.lure.test`. An account of the host
//! `<path>-all<k>` has a calendar
//! for each address whose number leaves k when divided by [`HOSTS`].

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::net::LURE;

/// Hosts among which the calendars of a path are shared: the hub asks each of them one thing after another.
pub const HOSTS: usize = 24;

/// What the server leads to, and what it was asked.
#[derive(Clone, Default)]
pub struct Lure {
    pub targets: Arc<Vec<String>>,
    /// Feeds that were well so far now redirect.
    pub turned: Arc<AtomicBool>,
    /// Hosts that pointed somewhere.
    pub lured: Arc<Mutex<HashSet<String>>>,
}

impl Lure {
    /// Listens where the hub may reach it.
    pub async fn serve(targets: Vec<String>) -> Self {
        let lure = Self { targets: Arc::new(targets), ..Self::default() };
        let listener = tokio::net::TcpListener::bind(SocketAddr::from((LURE, 80))).await.unwrap();
        let routes = Router::new().fallback(answer).with_state(lure.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        lure
    }

    /// An account that has all addresses at once.
    fn of_all(&self, path: &str, share: usize, asked: &Asked) -> Response {
        let ours = |all: usize| (share..all).step_by(HOSTS);
        let note = |what: String| {
            self.lured.lock().unwrap().insert(format!("{path}-{what}"));
        };
        let number: Option<usize> =
            asked.place.strip_prefix("/h/c").and_then(|rest| rest.split('/').next()?.parse().ok());
        if let Some(number) = number {
            let target: &String = &self.targets[number];
            let again = redirect([301, 302, 303, 307, 308][number % 5], target);
            let is_body = asked.method == "GET" || (asked.method == "REPORT" && !asked.is_delta);
            if path == "sync" || (path == "bodies" && is_body) {
                note(number.to_string());
                return again;
            }
        }
        match (path, asked.method.as_str(), asked.place.as_str()) {
            (_, "PROPFIND", "/p/") => multistatus(&row("/p/", &homes(&["/h/"]))),
            ("calendar", "PROPFIND", "/h/") => {
                ours(self.targets.len()).for_each(|n| note(n.to_string()));
                let rows: String =
                    ours(self.targets.len()).map(|n| row(&self.targets[n], CALENDAR)).collect();
                multistatus(&(row("/h/", COLLECTION) + &rows))
            }
            ("members", "PROPFIND", "/h/") => {
                multistatus(&(row("/h/", COLLECTION) + &row("/h/c/", CALENDAR)))
            }
            ("members", "REPORT", _) if asked.is_delta => {
                ours(self.targets.len()).for_each(|n| note(n.to_string()));
                let member = |n: usize| row(&self.targets[n], "<d:getetag>\"1\"</d:getetag>");
                let rows: String = ours(self.targets.len()).map(member).collect();
                multistatus(&(rows + TOKEN))
            }
            (_, "PROPFIND", "/h/") => {
                let rows =
                    ours(self.targets.len() / 2).map(|n| row(&format!("/h/c{n}/"), CALENDAR));
                multistatus(&(row("/h/", COLLECTION) + &rows.collect::<String>()))
            }
            (_, "REPORT", place) => {
                let rows = row(&format!("{place}x.ics"), "<d:getetag>\"1\"</d:getetag>");
                multistatus(&(rows + TOKEN))
            }
            (_, "PROPFIND", place) if place.starts_with("/h/") => {
                multistatus(&row(place, CALENDAR))
            }
            (_, "PROPFIND", _) => multistatus(&row("/", &principal("/p/"))),
            _ => plain(404, ""),
        }
    }

    /// How many hosts of a path have pointed at their address.
    pub fn lured(&self, path: &str) -> usize {
        let prefix = format!("{path}-");
        self.lured.lock().unwrap().iter().filter(|host| host.starts_with(&prefix)).count()
    }
}

async fn answer(State(lure): State<Lure>, request: Request) -> Response {
    let host =
        request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let name = host.split('.').next().unwrap_or("").to_owned();
    let asked = Asked {
        method: request.method().to_string(),
        place: request.uri().path().to_owned(),
        is_delta: false,
    };
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    let asked =
        Asked { is_delta: body.windows(15).any(|part| part == b"sync-collection"), ..asked };
    let Some((path, number)) = name.split_once('-') else { return plain(404, "") };
    if let Some(share) = number.strip_prefix("all").and_then(|share| share.parse().ok()) {
        return lure.of_all(path, share, &asked);
    }
    let Some(target) = number.parse().ok().and_then(|n: usize| lure.targets.get(n)) else {
        return plain(404, "");
    };
    let turned = lure.turned.load(Ordering::SeqCst);
    let number: usize = number.parse().unwrap_or(0);
    let twin = lure.targets.get(number + lure.targets.len() / 2).map_or("", String::as_str);
    match asked.answered(path, number, (target, twin), turned) {
        Answer::Lured(answer) => {
            lure.lured.lock().unwrap().insert(name);
            answer
        }
        Answer::Plain(answer) => answer,
    }
}

enum Answer {
    /// It points at the target.
    Lured(Response),
    Plain(Response),
}

struct Asked {
    method: String,
    place: String,
    is_delta: bool,
}

impl Asked {
    fn answered(&self, path: &str, number: usize, targets: (&str, &str), turned: bool) -> Answer {
        let (target, twin) = targets;
        let again = redirect([301, 302, 303, 307, 308][number % 5], target);
        let is_propfind = self.method == "PROPFIND";
        match path {
            // The well-known address redirects.
            "known" if self.place == "/.well-known/caldav" => {
                return Answer::Lured(redirect(301, target));
            }
            "known" => return Answer::Plain(plain(404, "")),
            // Whatever is asked redirects.
            "moved" | "feedmoved" => return Answer::Lured(again),
            // A feed that is well, until it redirects.
            "feedlater" if turned => return Answer::Lured(again),
            "feedlater" => return Answer::Plain(plain(200, FEED)),
            "principal" if is_propfind => {
                return Answer::Lured(multistatus(&row("/", &principal(target))));
            }
            "home" if is_propfind && self.place == "/p/" => {
                return Answer::Lured(multistatus(&row("/p/", &homes(&[target, twin]))));
            }
            _ => {}
        }
        Answer::Plain(match (self.method.as_str(), self.place.as_str()) {
            ("PROPFIND", "/p/") => multistatus(&row("/p/", &homes(&["/h/"]))),
            ("PROPFIND", "/h/") => multistatus(&row("/h/", COLLECTION)),
            ("PROPFIND", _) => multistatus(&row("/", &principal("/p/"))),
            _ => plain(404, ""),
        })
    }
}

const COLLECTION: &str = "<d:resourcetype><d:collection/></d:resourcetype>";
const CALENDAR: &str = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>";
const TOKEN: &str = "<d:sync-token>urn:t:1</d:sync-token>";
const FEED: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20270308T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn principal(target: &str) -> String {
    let target = escaped(target);
    format!(
        "<d:current-user-principal><d:href>{target}</d:href></d:current-user-principal>{COLLECTION}"
    )
}

fn homes(targets: &[&str]) -> String {
    let href = |target: &&str| format!("<d:href>{}</d:href>", escaped(target));
    let hrefs: String = targets.iter().map(href).collect();
    format!("<c:calendar-home-set>{hrefs}</c:calendar-home-set>")
}

fn row(href: &str, properties: &str) -> String {
    let href = escaped(href);
    format!(
        "<d:response><d:href>{href}</d:href><d:propstat><d:prop>{properties}</d:prop>\
         <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
}

fn multistatus(rows: &str) -> Response {
    plain(
        207,
        &format!(
            "<d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">{rows}</d:multistatus>"
        ),
    )
}

fn redirect(status: u16, target: &str) -> Response {
    let mut answer = plain(status, "");
    let target = HeaderValue::from_bytes(target.as_bytes()).unwrap();
    answer.headers_mut().insert(header::LOCATION, target);
    answer
}

fn plain(status: u16, text: &str) -> Response {
    let mut answer = Response::new(Body::from(text.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    // So that every request looks its name up again.
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
