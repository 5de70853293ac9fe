//! What should stand in a calendar against what does. Pure: the rows and what was found in, the differences out, each
//! with what is done about it.
//!
//! Nothing that a person removed is put back, nothing that only says it is ours is taken out, and whatever is to be done
//! is done by a delivery, which looks at the event itself before it touches it.

use std::collections::{BTreeMap, BTreeSet};

use super::identity::origins;
use crate::{
    model::{ids::BookingId, states::Delivery},
    store::{FoundEvent, OutboxRow},
};

/// A row of the outbox, and whether a delivery is to look at it anyhow.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub row: &'a OutboxRow,
    pub is_due: bool,
}

/// How found differs from wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drift {
    /// Wanted, and not brought to the calendar: its work was lost, or given up.
    Undelivered,
    /// Wanted and there, and not known to be: the answer to a create was lost, or a backup restored.
    Unrecorded,
    /// Written, and not there any more.
    Missing,
    /// Not as it was last seen.
    Changed,
    /// There, and not wanted any more.
    Leftover,
    /// A second event that says it is a booking's.
    Copy,
    /// It says it is of a booking that wants nothing in this calendar.
    Orphan,
}

impl Drift {
    pub const ALL: [Self; 7] = [
        Self::Undelivered,
        Self::Unrecorded,
        Self::Missing,
        Self::Changed,
        Self::Leftover,
        Self::Copy,
        Self::Orphan,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undelivered => "undelivered",
            Self::Unrecorded => "unrecorded",
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Leftover => "leftover",
            Self::Copy => "copy",
            Self::Orphan => "orphan",
        }
    }
}

/// What is done about a difference. Where nothing is, people decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Have it delivered.
    Deliver,
    /// Have the event looked at: its own word decides.
    Look,
    /// Take this event for the row's, and have it looked at.
    Adopt { item: String },
}

impl Act {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Look => "look",
            Self::Adopt { .. } => "adopt",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub drift: Drift,
    /// The booking, where the hub knows it.
    pub booking: Option<BookingId>,
    /// The event, where there is one.
    pub item: Option<String>,
    pub act: Option<Act>,
}

/// Compares the rows of one calendar with the events in it that are recorded as ours or say that they are.
pub fn plan(wanted: &[Wanted<'_>], found: &[FoundEvent]) -> Vec<Difference> {
    let by_item: BTreeMap<&str, &FoundEvent> = found.iter().map(|one| (&*one.item, one)).collect();
    let recorded: BTreeSet<&str> =
        wanted.iter().filter_map(|one| one.row.item.as_deref()).collect();
    let mut strays: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in found.iter().filter(|one| !recorded.contains(&*one.item)) {
        if let Some(origin) = one.origin.as_deref() {
            strays.entry(origin).or_default().push(&one.item);
        }
    }
    let mut differences = Vec::new();
    for one in wanted {
        let row = one.row;
        let there = row.item.as_deref().and_then(|item| by_item.get(item).copied());
        let mut twins: Vec<&str> =
            origins(row).filter_map(|origin| strays.remove(&*origin)).flatten().collect();
        let twin = if row.item.is_none() { twins.first().copied() } else { None };
        let settled = of_row(*one, there, twin);
        if settled.is_some() && twin.is_some() || row.state == Delivery::Pending && one.is_due {
            // Told with the row, or about to be found by its delivery.
            twins.retain(|item| Some(*item) != twin);
        }
        differences.extend(settled.map(|(drift, act)| Difference {
            drift,
            booking: Some(row.booking_id.clone()),
            item: row.item.clone().or_else(|| twin.map(str::to_owned)),
            act,
        }));
        differences.extend(twins.into_iter().map(|item| Difference {
            drift: if row.present { Drift::Copy } else { Drift::Leftover },
            booking: Some(row.booking_id.clone()),
            item: Some(item.to_owned()),
            act: None,
        }));
    }
    differences.extend(strays.into_values().flatten().map(|item| Difference {
        drift: Drift::Orphan,
        booking: None,
        item: Some(item.to_owned()),
        act: None,
    }));
    differences
}

/// Compares one row with the event that is recorded for it, and with one that says it is.
fn of_row(
    one: Wanted<'_>,
    there: Option<&FoundEvent>,
    twin: Option<&str>,
) -> Option<(Drift, Option<Act>)> {
    let row = one.row;
    let adopt = twin.map(|item| Act::Adopt { item: item.to_owned() });
    match (row.state, row.present) {
        (Delivery::NotApplicable, _) => None,
        (Delivery::Pending, _) if one.is_due => None,
        (Delivery::Pending, _) => Some((Drift::Undelivered, Some(Act::Deliver))),
        // Given up: it may stand there nevertheless.
        (Delivery::Failed, true) => match adopt {
            Some(adopt) => Some((Drift::Unrecorded, Some(adopt))),
            None => Some((Drift::Undelivered, None)),
        },
        (Delivery::Failed, false) if row.item.is_some() || twin.is_some() => {
            Some((Drift::Leftover, None))
        }
        (Delivery::Failed, false) => None,
        (Delivery::Written, true) => match (&row.item, there) {
            (None, _) => Some(adopt.map_or((Drift::Undelivered, Some(Act::Deliver)), |adopt| {
                (Drift::Unrecorded, Some(adopt))
            })),
            // A listing that does not show it proves nothing: it is asked for by its name.
            (Some(_), None) => Some((Drift::Missing, Some(Act::Look))),
            (Some(_), Some(there)) => {
                (there.version != row.version).then_some((Drift::Changed, Some(Act::Look)))
            }
        },
        // Told already; people or a policy decide. What has changed since is looked at again.
        (Delivery::Conflict, true) => match (&row.item, there) {
            (None, _) => {
                Some(adopt.map_or((Drift::Missing, None), |adopt| (Drift::Unrecorded, Some(adopt))))
            }
            (Some(_), None) => Some((Drift::Missing, Some(Act::Look))),
            (Some(_), Some(there)) => {
                let act = (there.version != row.version).then_some(Act::Look);
                Some((Drift::Changed, act))
            }
        },
        (Delivery::Written | Delivery::Conflict, false) => match (&row.item, twin) {
            (Some(_), _) => Some((Drift::Leftover, Some(Act::Deliver))),
            // It says it is ours, which does not prove that we made it.
            (None, Some(_)) => Some((Drift::Leftover, None)),
            (None, None) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        clock::{ManualClock, SeededEntropy},
        model::{ids::CalendarId, interval::Span},
    };

    fn row(state: Delivery) -> OutboxRow {
        let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(1));
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        OutboxRow {
            booking_id: BookingId::mint(&clock, &entropy),
            calendar_id: CalendarId::mint(&clock, &entropy),
            present: true,
            wanted: 1,
            span: Span::clamped(at(9), at(10)),
            state,
            generation: 1,
            written: Some((1, Span::clamped(at(9), at(10)))),
            sent: None,
            words: None,
            sent_words: None,
            item: Some("/ours".to_owned()),
            version: Some("1".to_owned()),
            last_error: None,
            touched_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn unrecorded(state: Delivery) -> OutboxRow {
        OutboxRow { item: None, version: None, written: None, ..row(state) }
    }

    fn event(item: &str, version: &str, origin: Option<String>) -> FoundEvent {
        FoundEvent { item: item.to_owned(), version: Some(version.to_owned()), origin }
    }

    fn of(row: &OutboxRow, is_due: bool, found: &[FoundEvent]) -> Vec<(Drift, Option<Act>)> {
        let plan = plan(&[Wanted { row, is_due }], found);
        plan.into_iter().map(|one| (one.drift, one.act)).collect()
    }

    fn marker(row: &OutboxRow) -> Option<String> {
        origins(row).nth(1)
    }

    #[test]
    fn what_is_in_step_or_in_flight_is_no_drift() {
        let written = row(Delivery::Written);
        assert_eq!(of(&written, false, &[event("/ours", "1", marker(&written))]), []);
        assert_eq!(of(&row(Delivery::Pending), true, &[]), []);
        assert_eq!(of(&row(Delivery::NotApplicable), false, &[]), []);
        let gone = OutboxRow { present: false, ..unrecorded(Delivery::Written) };
        assert_eq!(of(&gone, false, &[]), []);
    }

    #[test]
    fn lost_work_is_made_due_again() {
        for row in [row(Delivery::Pending), unrecorded(Delivery::Pending)] {
            assert_eq!(of(&row, false, &[]), [(Drift::Undelivered, Some(Act::Deliver))]);
        }
    }

    #[test]
    fn absence_never_proves_that_an_event_is_gone() {
        assert_eq!(of(&row(Delivery::Written), false, &[]), [(Drift::Missing, Some(Act::Look))]);
    }

    #[test]
    fn what_a_person_removed_is_told_and_not_put_back() {
        assert_eq!(of(&unrecorded(Delivery::Conflict), false, &[]), [(Drift::Missing, None)]);
    }

    #[test]
    fn another_version_is_looked_at_once() {
        let found = [event("/ours", "2", None)];
        assert_eq!(of(&row(Delivery::Written), false, &found), [(Drift::Changed, Some(Act::Look))]);
        let told = OutboxRow { version: Some("2".to_owned()), ..row(Delivery::Conflict) };
        assert_eq!(of(&told, false, &found), [(Drift::Changed, None)]);
    }

    #[test]
    fn an_event_whose_create_was_never_answered_is_adopted_by_uid_or_marker_of_any_generation() {
        for state in [Delivery::Failed, Delivery::Conflict, Delivery::Written] {
            let row = unrecorded(state);
            for origin in origins(&row) {
                let found = [event("/there", "7", Some(origin))];
                let adopt = Act::Adopt { item: "/there".to_owned() };
                assert_eq!(of(&row, false, &found), [(Drift::Unrecorded, Some(adopt))]);
            }
        }
    }

    #[test]
    fn a_second_event_of_a_booking_is_a_copy_and_left_alone() {
        let row = row(Delivery::Written);
        let found = [event("/ours", "1", marker(&row)), event("/copy", "1", marker(&row))];
        let plan = plan(&[Wanted { row: &row, is_due: false }], &found);
        assert_eq!(
            plan,
            [Difference {
                drift: Drift::Copy,
                booking: Some(row.booking_id.clone()),
                item: Some("/copy".to_owned()),
                act: None,
            }]
        );
    }

    #[test]
    fn a_marker_alone_is_an_orphan_and_never_deleted_by_itself() {
        let found = [event("/who", "1", Some("bkg_0123/0".to_owned()))];
        assert_eq!(of(&row(Delivery::Pending), true, &found), [(Drift::Orphan, None)]);
        let gone = OutboxRow { present: false, ..unrecorded(Delivery::Written) };
        let found = [event("/back", "1", marker(&gone))];
        assert_eq!(of(&gone, false, &found), [(Drift::Leftover, None)]);
    }

    #[test]
    fn a_recorded_event_of_a_cancelled_booking_is_taken_out() {
        let row = OutboxRow { present: false, ..row(Delivery::Written) };
        let found = [event("/ours", "1", None)];
        assert_eq!(of(&row, false, &found), [(Drift::Leftover, Some(Act::Deliver))]);
    }

    #[test]
    fn an_event_that_a_delivery_will_find_is_not_told_as_a_copy() {
        let row = unrecorded(Delivery::Pending);
        assert_eq!(of(&row, true, &[event("/there", "1", marker(&row))]), []);
    }

    /// Every state, wish and sight: nothing panics, a dry plan deletes nothing, and what is not there is not recreated
    /// unless its work was lost before it was ever written.
    #[test]
    fn no_plan_puts_back_or_takes_out_by_itself_what_people_decided() {
        let states = [
            Delivery::Pending,
            Delivery::Written,
            Delivery::Conflict,
            Delivery::Failed,
            Delivery::NotApplicable,
        ];
        for state in states {
            for (present, is_due) in [(true, true), (true, false), (false, true), (false, false)] {
                for base in [row(state), unrecorded(state)] {
                    let row = OutboxRow { present, ..base };
                    let ours = event("/ours", "1", marker(&row));
                    let other = event("/ours", "2", None);
                    let copy = event("/copy", "1", marker(&row));
                    let sights = [
                        vec![],
                        vec![ours.clone()],
                        vec![other],
                        vec![copy.clone()],
                        vec![ours, copy],
                    ];
                    for found in sights {
                        for (drift, act) in of(&row, is_due, &found) {
                            match drift {
                                Drift::Copy | Drift::Orphan => assert_eq!(act, None),
                                Drift::Missing => assert_ne!(act, Some(Act::Deliver)),
                                Drift::Leftover if row.item.is_none() => assert_eq!(act, None),
                                _ => {}
                            }
                            assert!(
                                state != Delivery::NotApplicable
                                    || drift == Drift::Copy
                                    || drift == Drift::Leftover,
                                "{drift:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}
