//! From WebDAV's words to ours.

use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    connector::Collection,
    href,
    tree::{Element, Ns},
    wire::{Multistatus, Row},
};
use crate::{
    connector::{CalendarRef, RemoteCalendar},
    event::{Item, ItemRef, Version},
    ical::{self, ParseOptions},
};

/// The calendars of a home's listing that can hold events.
pub(super) fn calendars(listed: &Multistatus, home: &Url, base: &Url) -> Vec<RemoteCalendar> {
    listed.rows.iter().filter_map(|row| calendar(row, home, base)).collect()
}

fn calendar(row: &Row, home: &Url, base: &Url) -> Option<RemoteCalendar> {
    let kind = row.property(Ns::Dav, "resourcetype")?;
    let is_calendar = kind.child(Ns::CalDav, "calendar").is_some();
    // A server-side subscription is another's feed: linked as a feed it is fresher, and it is not the person's own.
    let is_special = kind.child(Ns::CalDav, "schedule-inbox").is_some()
        || kind.child(Ns::CalDav, "schedule-outbox").is_some()
        || kind.child(Ns::CalendarServer, "notification").is_some()
        || kind.child(Ns::CalendarServer, "subscribed").is_some();
    if !is_calendar || is_special || !holds_events(row) {
        return None;
    }
    let url = href::resolve(home, &row.href)?;
    let name = row
        .text(Ns::Dav, "displayname")
        .map_or_else(|| last_segment(&url), |name| name.chars().take(200).collect());
    Some(RemoteCalendar {
        calendar: reference(&url, base),
        name,
        time_zone: time_zone(row),
        writable: is_writable(row),
        transparent: row
            .property(Ns::CalDav, "schedule-calendar-transp")
            .is_some_and(|it| it.child(Ns::CalDav, "transparent").is_some()),
    })
}

/// Absent means that everything is allowed.
fn holds_events(row: &Row) -> bool {
    match row.property(Ns::CalDav, "supported-calendar-component-set") {
        None => true,
        Some(set) if set.children.is_empty() => true,
        Some(set) => set.all(Ns::CalDav, "comp").any(|component| {
            component.label.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("VEVENT"))
        }),
    }
}

/// Absent means that it is learned from the first refusal.
fn is_writable(row: &Row) -> bool {
    let Some(set) = row.property(Ns::Dav, "current-user-privilege-set") else { return true };
    let grants = |name: &str| {
        set.all(Ns::Dav, "privilege").any(|privilege| privilege.child(Ns::Dav, name).is_some())
    };
    grants("all") || grants("write") || (grants("write-content") && grants("bind"))
}

/// The zone's public name: stated as such, or the TZID (or its well-known alias) of the VTIMEZONE.
fn time_zone(row: &Row) -> Option<String> {
    let stated = row.text(Ns::CalDav, "calendar-timezone-id").map(str::to_owned);
    let definition = row.property(Ns::CalDav, "calendar-timezone").map(|zone| zone.text.as_str());
    let mut names: Vec<String> = stated.into_iter().collect();
    for line in definition.unwrap_or("").lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let name = name.split(';').next().unwrap_or(name);
        if name.eq_ignore_ascii_case("TZID") || name.eq_ignore_ascii_case("X-LIC-LOCATION") {
            names.push(value.trim().to_owned());
        }
    }
    names.into_iter().find_map(|name| public_zone(&name))
}

/// `/freeassociation.sourceforge.net/Europe/Berlin` is Europe/Berlin: vendors put their name in front.
fn public_zone(name: &str) -> Option<String> {
    let mut rest = name.trim_matches('"');
    loop {
        if let Ok(zone) = TimeZone::get(rest) {
            return zone.iana_name().map(str::to_owned);
        }
        rest = rest.split_once('/')?.1;
    }
}

/// A path where the calendar lies with the account, a full address where it lies elsewhere.
fn reference(url: &Url, base: &Url) -> CalendarRef {
    if url.origin() == base.origin() {
        CalendarRef::new(url.path())
    } else {
        CalendarRef::new(url.as_str())
    }
}

fn last_segment(url: &Url) -> String {
    let segment = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or("");
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// An ETag as far as it can be compared: proxies that compress make `"a"` into `W/"a"` or `"a-gzip"`.
/// What is sent back is always what was received.
pub(super) fn comparable(etag: &str) -> &str {
    let strong = etag.trim().trim_start_matches("W/").trim_matches('"');
    strong.strip_suffix("-gzip").or_else(|| strong.strip_suffix(";gzip")).unwrap_or(strong)
}

pub(super) fn same_version(left: &Version, right: &Version) -> bool {
    comparable(left.as_str()) == comparable(right.as_str())
}

/// The version of a body whose server states no ETag: its content.
const CONTENT: &str = "content:";

pub(super) fn is_of_content(version: &Version) -> bool {
    version.as_str().starts_with(CONTENT)
}

/// Reads a resource. One that cannot be read is an item with a fault: it must not stop its calendar, nor be
/// taken for free time.
pub(super) fn item(at: &Collection, path: &str, etag: Option<&str>, body: &[u8]) -> Item {
    let options =
        ParseOptions { own_addresses: at.own_addresses.clone(), ..ParseOptions::default() };
    let reference = ItemRef::new(path);
    let stated = etag.map(Version::new);
    match ical::parse(body, &options) {
        Ok(parsed) => {
            let mut item = parsed.into_item(reference, stated);
            if item.version.is_none() {
                let content = ical::fingerprint(&item);
                item.version = Some(Version::new(format!("{CONTENT}{}", content.as_str())));
            }
            item
        }
        Err(error) => unread(reference, error.detail),
    }
}

/// An item of which only its existence is known. It goes without the version it may have had beside it: what was
/// not read must not be taken for known.
pub(super) fn unread(item: ItemRef, fault: String) -> Item {
    Item {
        series: item.clone(),
        item,
        version: Some(Version::unread(1)),
        events: Vec::new(),
        zones: Vec::new(),
        faults: vec![fault],
        unplaced: true,
    }
}

/// The calendar object of a multistatus row.
pub(super) fn calendar_data(row: &Row) -> Option<&Element> {
    row.property(Ns::CalDav, "calendar-data").filter(|it| it.trimmed().is_some())
}
