//! Graph's paths: which method a request means, of whose mailbox, and what it names there.

use bytes::Bytes;
use http::Request;

use crate::query::decoded;

pub(crate) const API: &str = "/v1.0/";

/// Whether a path is Microsoft's.
pub(crate) fn is_ours(path: &str) -> bool {
    path.starts_with(API) || identity(path).is_some()
}

/// What a path below a tenant means.
pub(crate) fn identity(path: &str) -> Option<(&str, &'static str)> {
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    let method = match rest {
        "oauth2/v2.0/authorize" => "oauth.authorize",
        "oauth2/v2.0/token" => "oauth.token",
        "oauth2/v2.0/logout" => "oauth.logout",
        "v2.0/adminconsent" => "oauth.adminconsent",
        "v2.0/.well-known/openid-configuration" => "oauth.metadata",
        _ => return None,
    };
    Some((tenant, method))
}

/// What a path of Graph names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) method: &'static str,
    /// The user of `/users/{id}`; `None` is `/me`.
    pub(crate) user: Option<String>,
    /// The calendar; `None` is the default one, or for a single event any.
    pub(crate) calendar: Option<String>,
    pub(crate) event: Option<String>,
    /// A subscription, or the argument of a function.
    pub(crate) other: Option<String>,
}

/// The method's name, for the log and for faults.
pub(crate) fn method_of(request: &Request<Bytes>) -> Option<&'static str> {
    let path = request.uri().path();
    if let Some((_, method)) = identity(path) {
        return Some(method);
    }
    target(request.method().as_str(), path).map(|target| target.method)
}

pub(crate) fn target(verb: &str, path: &str) -> Option<Target> {
    let segments: Vec<String> = path
        .strip_prefix(API)?
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| decoded(&segment.replace('+', "%2B")))
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["me", rest @ ..] => below_user(verb, rest),
        ["users", user, rest @ ..] => {
            below_user(verb, rest).map(|t| Target { user: Some((*user).to_owned()), ..t })
        }
        ["subscriptions", rest @ ..] => {
            let method = match (verb, rest) {
                ("POST", []) => "subscriptions.create",
                ("GET", []) => "subscriptions.list",
                ("GET", [_]) => "subscriptions.get",
                ("PATCH", [_]) => "subscriptions.update",
                ("DELETE", [_]) => "subscriptions.delete",
                ("POST", [_, "reauthorize"]) => "subscriptions.reauthorize",
                _ => return None,
            };
            Some(Target { other: rest.first().map(|id| (*id).to_owned()), ..named(method) })
        }
        ["$batch"] if verb == "POST" => Some(named("batch")),
        _ => None,
    }
}

fn named(method: &'static str) -> Target {
    Target { method, ..Target::default() }
}

fn below_user(verb: &str, segments: &[&str]) -> Option<Target> {
    let of = |method: &'static str| Some(named(method));
    match (verb, segments) {
        ("GET", []) => of("me.get"),
        ("GET", ["mailboxSettings"]) => of("mailboxSettings.get"),
        ("GET", ["outlook", function]) if function.starts_with("supportedTimeZones") => {
            let other = Some((*function).to_owned());
            Some(Target { other, ..named("outlook.supportedTimeZones") })
        }
        ("POST", ["translateExchangeIds"]) => of("me.translateExchangeIds"),
        ("GET", ["calendarGroups"]) => of("calendarGroups.list"),
        ("GET", ["calendars"] | ["calendarGroups", _, "calendars"]) => of("calendars.list"),
        ("POST", ["calendars"]) => of("calendars.create"),
        ("POST", ["calendar", "getSchedule" | "microsoft.graph.getSchedule"]) => {
            of("calendar.getSchedule")
        }
        (_, ["calendar", rest @ ..]) => below_calendar(verb, rest),
        (_, ["calendars", id, rest @ ..]) => {
            below_calendar(verb, rest).map(|t| Target { calendar: Some((*id).to_owned()), ..t })
        }
        (_, ["calendarView" | "events", ..]) => below_calendar(verb, segments),
        _ => None,
    }
}

fn below_calendar(verb: &str, segments: &[&str]) -> Option<Target> {
    let of = |method: &'static str| Some(named(method));
    let is_delta = |name: &str| matches!(name, "delta" | "delta()" | "microsoft.graph.delta()");
    match (verb, segments) {
        ("GET", []) => of("calendars.get"),
        ("PATCH", []) => of("calendars.update"),
        ("DELETE", []) => of("calendars.delete"),
        ("GET", ["calendarView"]) => of("calendarView.list"),
        ("GET", ["calendarView", name]) if is_delta(name) => of("calendarView.delta"),
        ("GET", ["events", name]) if is_delta(name) => of("events.delta"),
        ("GET", ["events"]) => of("events.list"),
        ("POST", ["events"]) => of("events.create"),
        (_, ["events" | "calendarView", id, rest @ ..]) => {
            let method = match (verb, rest) {
                ("GET", []) => "events.get",
                ("PATCH", []) => "events.update",
                ("DELETE", []) => "events.delete",
                ("GET", ["instances"]) => "events.instances",
                ("POST", ["cancel"]) => "events.cancel",
                ("POST", ["accept"]) => "events.accept",
                ("POST", ["tentativelyAccept"]) => "events.tentativelyAccept",
                ("POST", ["decline"]) => "events.decline",
                _ => return None,
            };
            Some(Target { event: Some((*id).to_owned()), ..named(method) })
        }
        _ => None,
    }
}
