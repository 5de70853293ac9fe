//! Judges from outside: the tables that a dead or resting hub has, what its clients were told, and what stands at the
//! providers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    super::{
        ledger::{Database, Rows},
        spans::second,
    },
    client::{Standing, Told},
};

const BOOKINGS: &str = "SELECT booking_id, status, CAST(start_us AS TEXT), CAST(end_us AS TEXT), CAST(revision AS TEXT), resources FROM bookings";
const OUTBOX: &str = "SELECT booking_id, calendar_id, CASE WHEN present THEN '1' ELSE '0' END, CAST(wanted AS TEXT), CAST(start_us AS TEXT), CAST(end_us AS TEXT), state FROM outbox";
const HISTORY: &str = "SELECT booking_id, kind FROM booking_history WHERE kind IN ('created', 'moved', 'updated', 'cancelled') ORDER BY booking_id, n";
const LOG: &str = "SELECT subject, type FROM changes WHERE type IN ('booking.created', 'booking.moved', 'booking.updated', 'booking.cancelled') ORDER BY txid, n";
const CLAIMS: &str = "SELECT claim_id, resource_id, CAST(seat AS TEXT), CAST(start_us AS TEXT), CAST(end_us AS TEXT) FROM claims ORDER BY claims.resource_id, claims.seat, claims.start_us";
const HOLDS: &str = "SELECT hold_id, state FROM holds";
const DUE: &str = "SELECT subject FROM work WHERE lane = 'deliver'";
const WRITTEN: &str = "SELECT resource_id, write_to FROM resources";
const CONFLICTS: &str = "SELECT booking_id, kind FROM conflicts";

/// The tables at one instant.
pub struct Books {
    bookings: BTreeMap<String, Stored>,
    outbox: Rows,
    history: HashMap<String, Vec<String>>,
    log: HashMap<String, Vec<String>>,
    claims: Rows,
    holds: HashMap<String, String>,
    due: BTreeSet<String>,
    /// The calendar of each resource.
    written: HashMap<String, String>,
    conflicts: Rows,
}

struct Stored {
    status: String,
    span: (i64, i64),
    revision: i64,
    resources: Vec<String>,
}

/// One of the hub's events at a provider.
#[derive(Debug)]
pub struct Event {
    pub calendar: String,
    pub booking: String,
    /// Its start in seconds, if it is told in UTC.
    pub start: Option<i64>,
}

fn number(text: &str) -> i64 {
    text.parse().unwrap()
}

fn lists(rows: Rows) -> HashMap<String, Vec<String>> {
    let mut lists: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows {
        let kind = row[1].strip_prefix("booking.").unwrap_or(&row[1]).to_owned();
        lists.entry(row[0].clone()).or_default().push(kind);
    }
    lists
}

impl Books {
    pub async fn read(database: &Database) -> Self {
        let queries = [BOOKINGS, OUTBOX, HISTORY, LOG, CLAIMS, HOLDS, DUE, WRITTEN, CONFLICTS];
        let mut found = database.rows(&queries).await.into_iter();
        let mut next = || found.next().unwrap();
        let stored = |row: Vec<String>| {
            let resources = serde_json::from_str(&row[5]).unwrap();
            let (status, revision) = (row[1].clone(), number(&row[4]));
            let span = (number(&row[2]), number(&row[3]));
            (row[0].clone(), Stored { status, span, revision, resources })
        };
        let pair = |row: Vec<String>| (row[0].clone(), row[1].clone());
        Self {
            bookings: next().into_iter().map(stored).collect(),
            outbox: next(),
            history: lists(next()),
            log: lists(next()),
            claims: next(),
            holds: next().into_iter().map(pair).collect(),
            due: next().into_iter().map(|row| row[0].clone()).collect(),
            written: next().into_iter().map(pair).collect(),
            conflicts: next(),
        }
    }

    pub fn bookings(&self) -> usize {
        self.bookings.len()
    }

    /// Whether anything is still to be delivered.
    pub fn is_settled(&self) -> bool {
        self.outbox.iter().all(|row| row[6] != "pending")
    }

    /// What is wrong at any instant. At most `open` requests may have had an effect that nobody was told of.
    pub fn faults(&self, told: &Told, open: usize) -> Vec<String> {
        let mut faults = told.faults.clone();
        let mut untold = 0;
        for (id, standing) in &told.bookings {
            match self.bookings.get(id) {
                Some(stored) if stored.revision > standing.revision => {
                    untold += (stored.revision - standing.revision) as usize;
                }
                Some(stored) if stored.is(standing) => {}
                Some(_) => faults.push(format!("{id} is not as it was told: {standing:?}")),
                None => faults.push(format!("{id} was told and is lost")),
            }
        }
        untold += self.bookings.keys().filter(|id| !told.bookings.contains_key(*id)).count();
        for (id, standing) in &told.holds {
            match self.holds.get(id) {
                Some(state) if *state == standing.status => {}
                // Ended, or made a booking, and nobody was told.
                Some(state) if standing.status == "held" && state != "expired" => {
                    untold += usize::from(state == "released");
                }
                state => faults.push(format!("{id} was {}, is {state:?}", standing.status)),
            }
        }
        untold += self.holds.keys().filter(|id| !told.holds.contains_key(*id)).count();
        if untold > open {
            faults.push(format!("{untold} effects that nobody was told of, {open} open requests"));
        }
        self.outbox_fits(&mut faults);
        self.told_as_stored(&mut faults);
        self.claims_fit(&mut faults);
        faults
    }

    /// Every booking has its rows of the outbox, as it is now, and no row is without one.
    fn outbox_fits(&self, faults: &mut Vec<String>) {
        let mut rows: HashMap<&str, Vec<&Vec<String>>> = HashMap::new();
        for row in &self.outbox {
            rows.entry(&row[0]).or_default().push(row);
            if !self.bookings.contains_key(&row[0]) {
                faults.push(format!("an outbox row of no booking: {row:?}"));
            }
            let subject = format!("{}/{}", row[0], row[1]);
            if row[6] == "pending" && !self.due.contains(&subject) {
                faults.push(format!("nothing is due for {row:?}"));
            }
        }
        for (id, booking) in &self.bookings {
            let rows = rows.remove(id.as_str()).unwrap_or_default();
            let calendars: BTreeSet<&String> = rows.iter().map(|row| &row[1]).collect();
            let wanted: BTreeSet<&String> =
                booking.resources.iter().filter_map(|id| self.written.get(id)).collect();
            if calendars != wanted {
                faults.push(format!("{id} has outbox rows for {calendars:?}, wants {wanted:?}"));
            }
            let present = if booking.status == "cancelled" { "0" } else { "1" };
            for row in rows {
                let says = (row[2].as_str(), number(&row[3]), number(&row[4]), number(&row[5]));
                if says != (present, booking.revision, booking.span.0, booking.span.1) {
                    faults.push(format!("{id} and its outbox row do not fit: {row:?}"));
                }
            }
        }
    }

    /// One entry of the history and of the change log for each revision.
    fn told_as_stored(&self, faults: &mut Vec<String>) {
        let none = Vec::new();
        for (id, booking) in &self.bookings {
            let history = self.history.get(id).unwrap_or(&none);
            if self.log.get(id).unwrap_or(&none) != history
                || history.len() as i64 != booking.revision
            {
                faults.push(format!("{id} r{}, history {history:?}", booking.revision));
            }
        }
        for id in self.log.keys().filter(|id| !self.bookings.contains_key(*id)) {
            faults.push(format!("the log tells of {id}, which is not there"));
        }
    }

    fn claims_fit(&self, faults: &mut Vec<String>) {
        for pair in self.claims.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            if (&a[1], &a[2]) == (&b[1], &b[2]) && number(&a[4]) > number(&b[3]) {
                faults.push(format!("{a:?} and {b:?} overlap"));
            }
        }
        let mut claims: HashMap<&str, BTreeSet<&String>> = HashMap::new();
        for claim in &self.claims {
            claims.entry(&claim[0]).or_default().insert(&claim[1]);
            let span = (number(&claim[3]), number(&claim[4]));
            let booking = self.bookings.get(&claim[0]);
            let held = self.holds.get(&claim[0]);
            let fits = booking.is_some_and(|one| one.span == span && one.status == "confirmed");
            if !fits && held.is_none_or(|state| state != "held") {
                faults.push(format!("nobody's claim: {claim:?}"));
            }
        }
        for (id, booking) in self.bookings.iter().filter(|(_, one)| one.status == "confirmed") {
            let taken = claims.remove(id.as_str()).unwrap_or_default();
            if taken != booking.resources.iter().collect() {
                faults.push(format!("{id} claims {taken:?}"));
            }
        }
    }

    /// What is wrong at the providers at any instant: two events of one booking, or one of none.
    pub fn doubled(&self, events: &[Event]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut seen = BTreeSet::new();
        for event in events {
            if !seen.insert((&event.calendar, &event.booking)) {
                faults.push(format!("a second event: {event:?}"));
            }
            if !self.bookings.contains_key(&event.booking) {
                faults.push(format!("an event of no booking: {event:?}"));
            }
        }
        faults
    }

    /// What is wrong once all is delivered: exactly one event for each confirmed booking and calendar.
    pub fn undelivered(
        &self,
        events: &[Event],
        calendars: &HashMap<String, String>,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let mut found: HashMap<(&str, &str), &Event> =
            events.iter().map(|one| ((one.calendar.as_str(), one.booking.as_str()), one)).collect();
        for row in self.outbox.iter().filter(|row| row[6] != "written") {
            faults.push(format!("not written: {row:?}"));
        }
        for (id, booking) in self.bookings.iter().filter(|(_, one)| one.status == "confirmed") {
            for resource in &booking.resources {
                let calendar = &calendars[&self.written[resource]];
                match found.remove(&(calendar.as_str(), id.as_str())) {
                    Some(event) if event.start == Some(booking.span.0 / 1_000_000) => {}
                    Some(event) => faults.push(format!("{id} is elsewhere: {event:?}")),
                    None => faults.push(format!("{id} has no event in {calendar}")),
                }
            }
        }
        faults.extend(found.into_values().map(|event| format!("left over: {event:?}")));
        faults.extend(
            self.conflicts.iter().map(|row| format!("a conflict that nobody made: {row:?}")),
        );
        faults
    }
}

impl Stored {
    fn is(&self, told: &Standing) -> bool {
        let span = (second(&told.start) * 1_000_000, second(&told.end) * 1_000_000);
        let mut resources = told.resources.clone();
        resources.sort();
        self.revision == told.revision
            && self.status == told.status
            && self.span == span
            && self.resources == resources
    }
}
