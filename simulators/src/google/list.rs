//! `events.list`: full listings, changes since a sync token, pages.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    cursor::{Cursor, Kind},
    expand,
    refusal::Refusal,
    spec::Role,
    state::{CalendarState, Google, Row, text},
    view::View,
    when::{self, When},
};
use crate::{query::Query, state::mark};

/// What may not be asked together with a sync token.
const NOT_WITH_SYNC: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// What a sync token is bound to.
const SHAPE: [&str; 6] = [
    "singleEvents",
    "showDeleted",
    "eventTypes",
    "showHiddenInvitations",
    "maxAttendees",
    "timeZone",
];

/// A listing as it was asked for.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    query: &'a Query,
    pub(crate) now: Timestamp,
    pub(crate) single: bool,
    show_deleted: bool,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    updated_min: Option<Timestamp>,
    kinds: Vec<&'a str>,
    most: usize,
    /// The change that the sync token stands for.
    pub(crate) since: Option<u64>,
    shape: u64,
    page_shape: u64,
    pub(crate) view: View,
}

impl<'a> Listing<'a> {
    pub(crate) fn read(query: &'a Query, view: View, now: Timestamp) -> Result<Self, Refusal> {
        let time = |name: &str| query.get(name).map(|text| when::instant(name, text)).transpose();
        let (from, to) = (time("timeMin")?, time("timeMax")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(Refusal::empty_range().at("parameter", "timeMax"));
        }
        let single = query.is("singleEvents");
        if query.get("orderBy") == Some("startTime") && !single {
            let message = "The requested ordering is not available for the particular query.";
            return Err(Refusal::new(400, "badRequest", message).at("parameter", "orderBy"));
        }
        if query.has("syncToken") {
            forbid_with_sync(query)?;
        }
        let shape = query.shape(&SHAPE);
        let page = query.shape(&NOT_WITH_SYNC);
        let token = query.get("syncToken").unwrap_or_default();
        Ok(Self {
            now,
            single,
            show_deleted: query.is("showDeleted"),
            from,
            to,
            updated_min: time("updatedMin")?,
            kinds: query.all("eventTypes").collect(),
            most: query.number("maxResults").unwrap_or(250).min(2_500),
            since: None,
            page_shape: mark(&format!("{shape}&{page}&{token}")),
            shape: mark(&shape),
            view,
            query,
        })
    }

    fn is_sync(&self) -> bool {
        self.since.is_some()
    }

    fn is_ordered(&self) -> bool {
        self.query.has("orderBy")
    }

    pub(crate) fn is_by_start(&self) -> bool {
        self.query.get("orderBy") == Some("startTime")
    }

    pub(crate) fn is_by_update(&self) -> bool {
        self.query.get("orderBy") == Some("updated")
    }

    /// Whether a row belongs into the answer, its time aside.
    pub(crate) fn wants(&self, calendar: &CalendarState, row: &Row) -> bool {
        if !self.view.shows(row) {
            return false;
        }
        let is_kind = self.kinds.is_empty() || self.kinds.contains(&row.kind());
        if !is_kind {
            return false;
        }
        if self.is_sync() {
            return true;
        }
        if row.is_cancelled() && !self.shows_cancelled(calendar, row) {
            return false;
        }
        self.matches(row)
    }

    fn shows_cancelled(&self, calendar: &CalendarState, row: &Row) -> bool {
        if self.show_deleted || self.updated_min.is_some_and(|least| row.at >= least) {
            return true;
        }
        let master = row.master().and_then(|master| calendar.rows.get(master));
        !self.single && master.is_some_and(|master| !master.is_cancelled())
    }

    fn matches(&self, row: &Row) -> bool {
        let query = self.query;
        if self.updated_min.is_some_and(|least| row.at < least) {
            return false;
        }
        let has_properties = |name: &str, side: &str| {
            query.all(name).all(|wanted| {
                let (key, value) = wanted.split_once('=').unwrap_or((wanted, ""));
                let found = row.event.get("extendedProperties").and_then(|all| all.get(side));
                found.and_then(|all| all.get(key)).and_then(Value::as_str) == Some(value)
            })
        };
        let has_words = |words: &str| {
            let fields = ["summary", "description", "location"];
            let text: String = fields
                .iter()
                .filter_map(|name| text(&row.event, name))
                .collect::<Vec<_>>()
                .join(" ");
            text.to_lowercase().contains(&words.to_lowercase())
        };
        has_properties("privateExtendedProperty", "private")
            && has_properties("sharedExtendedProperty", "shared")
            && query.get("iCalUID").is_none_or(|uid| text(&row.event, "iCalUID") == Some(uid))
            && query.get("q").is_none_or(has_words)
    }

    /// Whether a span is within the asked time: the end after `timeMin`, the start before `timeMax`.
    pub(crate) fn overlaps(&self, start: Timestamp, end: Timestamp) -> bool {
        self.from.is_none_or(|from| end > from) && self.to.is_none_or(|to| start < to)
    }

    fn is_in_time(&self, calendar: &CalendarState, row: &Row) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        if let Some(series) = calendar.series(row) {
            return expand::series_overlaps(&series, calendar, self);
        }
        let start = row.event.get("start").or_else(|| row.event.get("originalStartTime"));
        let start = When::stored(start);
        let end = When::stored(row.event.get("end")).or_else(|| start.clone());
        let (Some(start), Some(end)) = (start, end) else { return true };
        self.overlaps(start.instant(&calendar.zone), end.instant(&calendar.zone))
    }
}

fn forbid_with_sync(query: &Query) -> Result<(), Refusal> {
    let forbidden = NOT_WITH_SYNC.iter().find(|name| query.has(name));
    let is_hiding = query.get("showDeleted") == Some("false");
    let Some(name) = forbidden.copied().or(is_hiding.then_some("showDeleted")) else {
        return Ok(());
    };
    let message = "Sync token cannot be used with query restrictions.";
    Err(Refusal::new(400, "invalid", message).at("parameter", name))
}

/// The rows of a page and where the next one begins.
struct Page {
    items: Vec<Value>,
    next: Option<u64>,
}

impl Google {
    pub(crate) fn list_events(
        &self,
        email: &str,
        calendar: &str,
        role: Role,
        query: &Query,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let found = self.calendars.get(calendar).ok_or_else(Refusal::not_found)?;
        let mut view = View::new(role, &self.knobs);
        view.zone = asked_zone(query, found)?;
        view.max_attendees = query.number("maxAttendees");
        let mut listing = Listing::read(query, view, now)?;
        self.check_updated_min(&listing)?;
        let place = mark(&format!("events/{email}/{calendar}"));
        let kept = self.knobs.deleted_kept_days;
        let alive = |cursor: Cursor| cursor.alive(found.generation, found.expires_mute, kept, now);
        if let Some(token) = query.get("syncToken") {
            let cursor = alive(Cursor::told(token, Kind::Sync, place, listing.shape)?)?;
            listing.since = Some(cursor.after);
        }
        let last = match query.get("pageToken") {
            Some(token) => {
                Some(alive(Cursor::told(token, Kind::Page, place, listing.page_shape)?)?)
            }
            None => None,
        };
        let upto = self.visible(found, now);
        let began = last.map_or(upto, |cursor| cursor.began);
        let start = last.map(|cursor| cursor.after);
        let page = self.page(found, &listing, start, upto);
        let cursor = |kind: Kind, after: u64| Cursor {
            kind,
            place,
            shape: if kind == Kind::Sync { listing.shape } else { listing.page_shape },
            generation: found.generation,
            after,
            began,
            issued_s: now.as_second(),
        };
        let mut answer = head(found, role, &listing);
        answer.insert("items".into(), Value::Array(page.items));
        if let Some(next) = page.next {
            answer.insert("nextPageToken".into(), json!(cursor(Kind::Page, next).text()));
        } else if !listing.is_ordered() {
            answer.insert("nextSyncToken".into(), json!(cursor(Kind::Sync, began).text()));
        }
        Ok(Value::Object(answer))
    }

    fn check_updated_min(&self, listing: &Listing<'_>) -> Result<(), Refusal> {
        let days = i64::from(self.knobs.updated_min_days);
        let oldest = listing.now.checked_sub(jiff::SignedDuration::from_hours(24 * days));
        if listing.updated_min.is_some_and(|least| oldest.is_ok_and(|oldest| least < oldest)) {
            let message = "The requested minimum modification time lies too far in the past.";
            return Err(Refusal::new(410, "updatedMinTooLongAgo", message)
                .domain("calendar")
                .at("parameter", "updatedMin"));
        }
        Ok(())
    }

    /// The last change that listings show.
    fn visible(&self, calendar: &CalendarState, now: Timestamp) -> u64 {
        let lag = i64::from(self.knobs.list_lag_s);
        if lag == 0 {
            return calendar.changes;
        }
        let is_fresh = |row: &&Row| now.as_second() - row.at.as_second() < lag;
        let fresh = calendar.by_change.iter().rev().filter_map(|(_, id)| calendar.rows.get(id));
        fresh.take_while(is_fresh).last().map_or(calendar.changes, |row| row.change - 1)
    }

    fn page(
        &self,
        calendar: &CalendarState,
        listing: &Listing<'_>,
        start: Option<u64>,
        upto: u64,
    ) -> Page {
        let since = listing.since.unwrap_or(0);
        if self.knobs.empty_pages && start.is_none() {
            let next = if listing.single || listing.is_ordered() { 0 } else { since };
            return Page { items: Vec::new(), next: Some(next) };
        }
        let most = self.knobs.page_cap.map_or(listing.most, |cap| cap.min(listing.most)).max(1);
        if listing.single || listing.is_ordered() {
            let all = expand::all(calendar, listing, self, since, upto);
            return page_of_events(all, listing.is_ordered(), start.unwrap_or(0), most);
        }
        self.page_of_rows(calendar, listing, (start.unwrap_or(since), upto), most)
    }

    /// Rows in the order of their last change: what changes meanwhile comes on a later page, and again after the sync
    /// token, which stands for the moment at which the listing began.
    fn page_of_rows(
        &self,
        calendar: &CalendarState,
        listing: &Listing<'_>,
        (start, upto): (u64, u64),
        most: usize,
    ) -> Page {
        let kept = self.knobs.deleted_kept_days;
        let mut rows = calendar
            .changed(start)
            .take_while(|row| row.change <= upto)
            .filter(|row| !row.is_purged(kept, listing.now))
            .filter(|row| listing.wants(calendar, row) && listing.is_in_time(calendar, row));
        let mut items = Vec::new();
        let mut last = start;
        for row in rows.by_ref().take(most) {
            last = row.change;
            items.push(listing.view.row(row));
        }
        Page { items, next: rows.next().map(|_| last) }
    }
}

/// A page of single or sorted events. Where nothing is sorted, it goes on after a place in the order of changes, so
/// that no event is passed over when others change meanwhile.
fn page_of_events(all: Vec<expand::Placed>, is_sorted: bool, start: u64, most: usize) -> Page {
    let mut at = start;
    let mut rest = all
        .into_iter()
        .enumerate()
        .filter(|(n, (_, place, _))| if is_sorted { *n as u64 >= start } else { *place > start });
    let mut items = Vec::new();
    for (n, (_, place, event)) in rest.by_ref().take(most) {
        at = if is_sorted { n as u64 + 1 } else { place };
        items.push(event);
    }
    Page { items, next: rest.next().map(|_| at) }
}

pub(crate) fn asked_zone(
    query: &Query,
    calendar: &CalendarState,
) -> Result<Option<jiff::tz::TimeZone>, Refusal> {
    let Some(name) = query.get("timeZone") else { return Ok(None) };
    let zone = when::zone(name)
        .ok_or_else(|| Refusal::invalid("Invalid time zone.").at("parameter", "timeZone"))?;
    Ok((name != calendar.zone_name).then_some(zone))
}

fn head(calendar: &CalendarState, role: Role, listing: &Listing<'_>) -> Map<String, Value> {
    let mut head = Map::new();
    let mut put = |name: &str, value: Value| head.insert(name.to_owned(), value);
    let zone = listing.query.get("timeZone").unwrap_or(&calendar.zone_name);
    put("kind", json!("calendar#events"));
    put(
        "etag",
        json!(format!("\"p{:x}o\"", mark(&format!("{}/{}", calendar.id, calendar.changes)))),
    );
    put("summary", json!(calendar.summary));
    if let Some(description) = &calendar.description {
        put("description", json!(description));
    }
    put("updated", json!(when::milliseconds(calendar.updated)));
    put("timeZone", json!(zone));
    put("accessRole", json!(role.word()));
    put("defaultReminders", json!([]));
    head
}
