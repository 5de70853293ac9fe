//! What must have been seen of every cell.

use super::{
    kinds::{Kind, Lasts, Phase, Provider},
    table::Cell,
};

/// How a cell must look while its fault is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The answer is right all along: the fault is none, or is seen through.
    Right,
    /// Unknown for this reason, with this state of the connection and this failure of the calendar.
    Told(&'static str, &'static str, &'static str),
    /// Over before anything is stale: the next poll is right.
    Passed,
    /// See [`Cell::is_beyond_telling`].
    BeyondTelling,
}

pub fn of(cell: &Cell) -> Expected {
    let (is_feed, is_first) = (cell.provider == Provider::Feed, cell.phase == Phase::First);
    let stale = if is_first { "never_synced" } else { "stale" };
    let failing = |code| Expected::Told(stale, "degraded", code);
    if cell.is_beyond_telling() {
        return Expected::BeyondTelling;
    }
    match cell.kind {
        Kind::Health | Kind::Utf16 => Expected::Right,
        Kind::BadUtf8 if is_feed => Expected::Right,
        Kind::Status(401) => Expected::Told("needs_reauth", "needs_reauth", "unauthorized"),
        Kind::Status(403) => failing("forbidden"),
        Kind::Status(404 | 410) => failing("calendar_gone"),
        Kind::Status(429) | Kind::SentAway(..) => failing("throttled"),
        Kind::Status(_) | Kind::CutBeforeAnswer | Kind::CutInBody => failing("unavailable"),
        Kind::Timeout => failing("timeout"),
        // What came of it is taken; where the rest lies is unknown.
        Kind::Truncated if is_feed => Expected::Told("unexpandable", "healthy", "-"),
        Kind::Truncated | Kind::LoginPage | Kind::EmptyBody | Kind::BadUtf8 | Kind::BadGzip => {
            failing("bad_reply")
        }
        // The listing that must confirm an empty one contradicts it.
        Kind::EmptyListing if !is_feed => Expected::Passed,
        // One row in two of a delta with one row.
        Kind::HalfListing if !is_feed && cell.phase == Phase::Delta => Expected::Passed,
        Kind::EmptyListing | Kind::HalfListing => Expected::Told("quarantined", "degraded", "-"),
        Kind::Clock(_) => Expected::Told(stale, "healthy", "-"),
    }
}

/// Minutes and requests within which a calendar must be right again once its fault is over.
fn healing(cell: &Cell) -> (usize, usize) {
    match cell.kind {
        // Told by the daily listing at the latest.
        _ if cell.is_beyond_telling() => (26 * 60, 200),
        // Only a person can mend it, as far as the hub knows: asked once an hour.
        Kind::Status(401 | 403 | 404 | 410) => (66, 4),
        Kind::SentAway(_, minutes) => (usize::try_from(minutes).unwrap() + 6, 4),
        Kind::Status(429) => (21, 4),
        _ => (17, 4),
    }
}

/// Every promise that was not kept, by cell.
pub fn breaches(cells: &[Cell]) -> Vec<String> {
    cells.iter().flat_map(|cell| of_cell(cell, cells)).collect()
}

fn of_cell(cell: &Cell, all: &[Cell]) -> Vec<String> {
    let seen = &cell.seen;
    let mut found = seen.wrong.clone();
    match of(cell) {
        Expected::Told(reason, state, code) => {
            let told = seen.unknown.as_ref().map(|(_, reason)| reason.as_str());
            if told != Some(reason) {
                found.push(format!("unknown as {told:?} instead of {reason}"));
            }
            if (seen.state.as_str(), seen.calendar_error.as_str()) != (state, code) {
                let (state_seen, error) = (&seen.state, &seen.calendar_error);
                found.push(format!("{state_seen}, {error} instead of {state}, {code}"));
            }
            if code != "-" && (seen.connection_error != code || seen.message.len() < 40) {
                found.push(format!("told as {} ({})", seen.connection_error, seen.message));
            }
        }
        Expected::Right if seen.unknown.is_some() || seen.right_answers < 35 => {
            found.push(format!("right at {} minutes only", seen.right_answers));
        }
        Expected::Passed if seen.unknown.is_some() => found.push("not seen through".to_owned()),
        Expected::Right | Expected::Passed | Expected::BeyondTelling => {}
    }
    if seen.too_soon > 0 {
        found.push(format!("{} requests before Retry-After", seen.too_soon));
    }
    let health = all.iter().find(|other| {
        (other.kind, other.provider, other.phase) == (Kind::Health, cell.provider, cell.phase)
    });
    if let Some(health) = health.filter(|_| cell.kind.lasts() == Lasts::ThreeHours) {
        let ((first, later), (usual_first, usual)) = (seen.requests, health.seen.requests);
        // A delta that is refused in words that also mean an expired token is asked for anew: two requests.
        let is_twofold = cell.provider == Provider::Caldav
            && cell.phase != Phase::First
            && matches!(cell.kind, Kind::Status(403 | 410 | 500));
        let usual = if is_twofold { 2 * usual } else { usual };
        // One search for where the calendars may have moved to; then a tenth more than in health, and the
        // second tries of a listing.
        if first > usual_first + 20 || later * 10 > usual * 11 + 50 {
            found.push(format!("{first}+{later} requests, {usual_first}+{usual} in health"));
        }
    }
    let (minutes, requests) = healing(cell);
    if seen.healed.is_none_or(|(after, asked)| after > minutes || asked > requests) {
        found.push(format!("healed after {:?} (minutes, requests)", seen.healed));
    }
    found.into_iter().map(|what| format!("{}: {what}", cell.title())).collect()
}
