//! Judges a run from the tables and from what the clients were told, without a line of the hub's own rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use calhub::model::{ids::ResourceId, interval::Span, states::BookingStatus};

use super::{
    field::CELL,
    history::{Told, When},
    tables::{Claim, Owner, Tables},
};

/// Everything that should not be.
#[derive(Debug, Default)]
pub struct Findings {
    /// Claims that begin where all seats are taken, or sit where somebody sits.
    pub overlapping_claims: usize,
    /// Times at which more were promised a quarter of an hour than it has seats.
    pub told_twice: usize,
    /// Everything else, the first few in words.
    pub others: usize,
    pub first: Vec<String>,
}

impl Findings {
    fn other(&mut self, text: impl FnOnce() -> String) {
        self.others += 1;
        if self.first.len() < 10 {
            self.first.push(text());
        }
    }

    #[track_caller]
    pub fn assert_none(&self) {
        let none = self.overlapping_claims + self.told_twice + self.others == 0;
        assert!(none, "{self:#?}");
    }

    pub fn overlaps(&self) -> usize {
        self.overlapping_claims + self.told_twice
    }
}

/// One thing that was promised: from the answer until somebody asked to end it, or its time was up.
pub struct Promise {
    /// The hold or booking.
    pub owner: String,
    pub resources: Vec<ResourceId>,
    pub span: Span,
    pub from: i64,
    pub until: i64,
}

/// How a booking was told to be since one of its revisions.
struct Stand {
    status: BookingStatus,
    resources: Vec<ResourceId>,
    span: Span,
    when: When,
}

/// Checks everything. `now` is the time by which holds expire.
pub fn audit(tables: &Tables, told: &[Told], now: i64) -> Findings {
    let mut findings = Findings::default();
    let capacity: HashMap<&str, i64> =
        tables.seats.iter().map(|row| (row.resource_id.as_str(), row.capacity)).collect();
    claims_fit(tables, &capacity, &mut findings);
    claims_have_owners(tables, now, &mut findings);
    let (holds, bookings) = sorted(told);
    bookings_are_as_told(tables, &bookings, &mut findings);
    let promises = promises(holds, bookings);
    nobody_was_told_twice(&promises, &capacity, &mut findings);
    findings
}

fn claims_fit(tables: &Tables, capacity: &HashMap<&str, i64>, findings: &mut Findings) {
    let mut by_resource: BTreeMap<&str, Vec<&Claim>> = BTreeMap::new();
    for claim in &tables.claims {
        by_resource.entry(&claim.resource_id).or_default().push(claim);
    }
    for (resource, mut claims) in by_resource {
        let seats = capacity.get(resource).copied().unwrap_or(0);
        claims.sort_by_key(|claim| (claim.start_us, claim.end_us));
        let mut sitting: Vec<&Claim> = Vec::new();
        for claim in claims {
            sitting.retain(|one| one.end_us > claim.start_us);
            let is_taken = sitting.iter().any(|one| one.seat == claim.seat);
            sitting.push(claim);
            if is_taken || sitting.len() as i64 > seats {
                findings.overlapping_claims += 1;
            }
            if !(0..seats).contains(&claim.seat) {
                findings.other(|| format!("no such seat: {claim:?}"));
            }
        }
    }
}

fn claims_have_owners(tables: &Tables, now: i64, findings: &mut Findings) {
    let mut of_owner: HashMap<&str, Vec<&Claim>> = HashMap::new();
    for claim in &tables.claims {
        of_owner.entry(&claim.claim_id).or_default().push(claim);
    }
    let mut check = |owner: &Owner, must: bool, may: bool| {
        let claims = of_owner.remove(owner.id.as_str()).unwrap_or_default();
        let named: BTreeSet<String> = serde_json::from_str(&owner.resources).unwrap();
        let taken: BTreeSet<String> = claims.iter().map(|one| one.resource_id.clone()).collect();
        let is_same_time = claims.iter().all(|one| {
            (one.start_us, one.end_us) == (owner.start_us, owner.end_us)
                && one.expires_us.unwrap_or(0) == owner.expires_us
        });
        // What nobody may have any more is gone at the latest when somebody else wants it; a hold's, not before.
        if (must && named != taken) || (!may && !taken.is_empty()) || !is_same_time {
            findings.other(|| format!("{owner:?} has {claims:?}"));
        }
    };
    for hold in &tables.holds {
        let is_held = hold.state == "held";
        check(hold, is_held && hold.expires_us > now, is_held);
    }
    for booking in &tables.bookings {
        let is_live = booking.state != "cancelled";
        check(booking, is_live, is_live);
    }
    for claims in of_owner.into_values() {
        findings.other(|| format!("nobody's: {claims:?}"));
    }
}

type Holds = BTreeMap<String, Promise>;
type Bookings = BTreeMap<String, BTreeMap<i64, Stand>>;

/// Sorts what was told by whom it is about.
fn sorted(told: &[Told]) -> (Holds, Bookings) {
    let (mut holds, mut bookings) = (Holds::new(), Bookings::new());
    for one in told {
        match one {
            Told::Held { hold, resources, span, expires, when } => {
                let (resources, span) = (resources.clone(), *span);
                let (owner, from, until) = (hold.clone(), when.answered, *expires);
                holds.insert(hold.clone(), Promise { owner, resources, span, from, until });
            }
            Told::Stands { booking, revision, status, resources, span, when } => {
                let stands = bookings.entry(booking.clone()).or_default();
                let (status, resources, span, when) = (*status, resources.clone(), *span, *when);
                let stand = stands.entry(*revision);
                // The same answer to several: as early as any of them can have brought it about.
                stand
                    .and_modify(|stand| {
                        stand.when.asked = stand.when.asked.min(when.asked);
                        stand.when.answered = stand.when.answered.min(when.answered);
                    })
                    .or_insert(Stand { status, resources, span, when });
            }
            Told::Extended { .. } | Told::HoldEnded { .. } => {}
        }
    }
    for one in told {
        if let Told::Extended { hold, expires } = one
            && let Some(promise) = holds.get_mut(hold)
        {
            promise.until = promise.until.max(*expires);
        }
    }
    for one in told {
        if let Told::HoldEnded { hold, when } = one
            && let Some(promise) = holds.get_mut(hold)
        {
            promise.until = promise.until.min(when.asked);
        }
    }
    (holds, bookings)
}

/// Every revision was told, and the last one is what the tables hold.
fn bookings_are_as_told(tables: &Tables, bookings: &Bookings, findings: &mut Findings) {
    for (id, stands) in bookings {
        let revisions: Vec<i64> = stands.keys().copied().collect();
        if revisions != (1..=stands.len() as i64).collect::<Vec<_>>() {
            findings.other(|| format!("{id} has revisions that nobody was told: {revisions:?}"));
        }
    }
    let stored: HashMap<&str, &Owner> =
        tables.bookings.iter().map(|row| (row.id.as_str(), row)).collect();
    for (id, stands) in bookings {
        let Some((revision, last)) = stands.last_key_value() else { continue };
        let resources = serde_json::to_string(&last.resources).unwrap();
        let is_as_told = stored.get(id.as_str()).is_some_and(|row| {
            (row.revision, row.state.as_str()) == (*revision, last.status.as_str())
                && (row.start_us, row.end_us) == (last.span.start_us(), last.span.end_us())
                && row.resources == resources
        });
        if !is_as_told {
            findings.other(|| format!("{id} is not as told: {:?}", stored.get(id.as_str())));
        }
    }
    for id in stored.keys().filter(|id| !bookings.contains_key(**id)) {
        findings.other(|| format!("{id} was told to nobody"));
    }
}

/// Everything that was promised by these answers.
pub fn promised(told: &[Told]) -> Vec<Promise> {
    let (holds, bookings) = sorted(told);
    promises(holds, bookings)
}

fn promises(holds: Holds, bookings: Bookings) -> Vec<Promise> {
    let of_bookings = bookings.into_iter().flat_map(|(id, stands)| of_booking(&id, stands));
    let all = holds.into_values().chain(of_bookings);
    all.filter(|one| one.from < one.until).collect()
}

/// What the revisions of one booking promised: each until somebody asked for the next.
fn of_booking(id: &str, stands: BTreeMap<i64, Stand>) -> Vec<Promise> {
    let ends: Vec<i64> = stands.values().skip(1).map(|next| next.when.asked).collect();
    let ends = ends.into_iter().chain([i64::MAX]);
    let live = stands.into_values().zip(ends);
    live.filter(|(stand, _)| stand.status != BookingStatus::Cancelled)
        .map(|(Stand { resources, span, when, .. }, until)| Promise {
            owner: id.to_owned(),
            resources,
            span,
            from: when.answered,
            until,
        })
        .collect()
}

/// Of no quarter of an hour of a resource were more promised at one time than it has seats.
fn nobody_was_told_twice(
    promises: &[Promise],
    capacity: &HashMap<&str, i64>,
    findings: &mut Findings,
) {
    let mut edges: HashMap<(ResourceId, i64), Vec<(i64, i64)>> = HashMap::new();
    for Promise { resources, span, from, until, .. } in promises {
        for cell in span.start_us() / CELL..span.end_us() / CELL {
            for resource in resources {
                let edges = edges.entry((resource.clone(), cell)).or_default();
                edges.extend([(*from, 1), (*until, -1)]);
            }
        }
    }
    for ((resource, _), mut edges) in edges {
        let seats = capacity.get(resource.as_str()).copied().unwrap_or(0);
        // At one instant, those that end go first.
        edges.sort_unstable();
        let mut promised = 0;
        for (_, step) in edges {
            promised += step;
            if step > 0 && promised > seats {
                findings.told_twice += 1;
            }
        }
    }
}
