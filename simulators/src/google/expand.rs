//! Listings that are expanded or sorted: single instances instead of masters.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    list::Listing,
    series::Series,
    state::{CalendarState, Google, Row, text},
    view,
    when::When,
};

/// Whether any slot of a series is within the asked time.
pub(crate) fn series_overlaps(
    series: &Series,
    calendar: &CalendarState,
    listing: &Listing<'_>,
) -> bool {
    if series.is_endless() && listing.to.is_none() {
        return true;
    }
    series.slots_before(listing.to, usize::MAX).iter().rev().any(|slot| {
        let start = series.begins(*slot, &calendar.zone);
        listing.overlaps(start, series.end_of(*slot).instant(&calendar.zone))
    })
}

/// An event of an answer: what it may be sorted by, its place in the order of changes, and itself.
pub(crate) type Placed = (Timestamp, u64, Value);

/// The place of a row, or of the n-th instance of its series.
fn place(row: &Row, n: usize) -> u64 {
    (row.change << 20) | n as u64
}

/// Every event of the answer, in the order of changes or in the one asked for.
pub(crate) fn all(
    calendar: &CalendarState,
    listing: &Listing<'_>,
    google: &Google,
    since: u64,
    upto: u64,
) -> Vec<Placed> {
    let mut found: Vec<Placed> = Vec::new();
    let kept = google.knobs.deleted_kept_days;
    for row in calendar.changed(since).take_while(|row| row.change <= upto) {
        let is_purged = calendar.row(id(row), kept, listing.now).is_none();
        if is_purged || !listing.wants(calendar, row) {
            continue;
        }
        if listing.single && row.event.contains_key("recurrence") {
            instances(calendar, listing, google, row, &mut found);
        } else if let Some((start, end)) = span(calendar, row) {
            if listing.overlaps(start, end) {
                found.push((sort_key(listing, row, start), place(row, 0), listing.view.row(row)));
            }
        } else {
            found.push((row.at, place(row, 0), listing.view.row(row)));
        }
    }
    if listing.is_by_start() || listing.is_by_update() {
        found.sort_by_key(|(key, _, _)| *key);
    }
    found
}

fn id(row: &Row) -> &str {
    text(&row.event, "id").unwrap_or_default()
}

fn sort_key(listing: &Listing<'_>, row: &Row, start: Timestamp) -> Timestamp {
    if listing.is_by_update() { row.at } else { start }
}

/// The span of a row; a cancelled instance has that of its original slot.
pub(crate) fn span(calendar: &CalendarState, row: &Row) -> Option<(Timestamp, Timestamp)> {
    let start = row.event.get("start").or_else(|| row.event.get("originalStartTime"));
    let start = When::stored(start)?;
    let end = When::stored(row.event.get("end")).unwrap_or_else(|| start.clone());
    Some((start.instant(&calendar.zone), end.instant(&calendar.zone)))
}

fn instances(
    calendar: &CalendarState,
    listing: &Listing<'_>,
    google: &Google,
    master: &Row,
    found: &mut Vec<Placed>,
) {
    let Some(series) = calendar.series(master) else { return };
    let replaced = view::replaced(calendar, id(master));
    let horizon = listing.to.or_else(|| {
        // Endless series end somewhere in the far future.
        listing.now.checked_add(SignedDuration::from_hours(24 * 366 * 15)).ok()
    });
    let slots = series.slots_before(horizon, usize::MAX).into_iter();
    let in_time = slots.filter(|slot| {
        let start = series.begins(*slot, &calendar.zone);
        listing.overlaps(start, series.end_of(*slot).instant(&calendar.zone))
    });
    for (n, slot) in in_time.take(google.knobs.most_instances).enumerate() {
        let instance = format!("{}_{}", id(master), series.suffix(slot));
        if replaced.contains(instance.as_str()) {
            continue;
        }
        let start = series.begins(slot, &calendar.zone);
        let mut event = listing.view.instance(calendar, master, &series, slot);
        if master.is_cancelled() {
            event = json!({ "kind": "calendar#event", "id": instance, "status": "cancelled",
                "etag": master.etag(), "recurringEventId": id(master),
                "originalStartTime": series.start_of(slot).json(&calendar.zone) });
        }
        found.push((sort_key(listing, master, start), place(master, n + 1), event));
    }
}
