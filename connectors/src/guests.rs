//! Who is invited by us, and who by somebody else. Providers keep no mark of ours on a guest, so the event keeps a list:
//! the first letters of each address's hash.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::connector::Guest;

/// Letters of a mark.
const MARK: usize = 8;
/// Marks of one event: a property holds 1024 letters. Guests beyond are invited all the same, and never taken out again.
const MOST_MARKS: usize = 1024 / (MARK + 1);

/// How a provider writes an attendee.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    pub(crate) address_of: fn(&Value) -> Option<&str>,
    /// A guest who has not answered yet, by the bare address.
    pub(crate) attendee: fn(&str, Option<&str>) -> Value,
}

/// The people of an event.
#[derive(Debug)]
pub(crate) struct People {
    spelling: Spelling,
    pub(crate) attendees: Vec<Value>,
    /// The marks of those whom we have invited.
    pub(crate) marks: Vec<String>,
    /// Not everybody is shown, so nobody can be changed.
    pub(crate) is_partial: bool,
}

/// The people that an event should have.
#[derive(Debug, PartialEq)]
pub(crate) struct Invited {
    pub(crate) attendees: Vec<Value>,
    pub(crate) marks: String,
}

impl People {
    /// Of an event that is new.
    pub(crate) fn none(spelling: Spelling) -> Self {
        Self { spelling, attendees: Vec::new(), marks: Vec::new(), is_partial: false }
    }

    /// Of an event, with the marks that it keeps.
    pub(crate) fn of(spelling: Spelling, event: &Value, marks: &str, is_partial: bool) -> Self {
        let attendees = event.get("attendees").and_then(Value::as_array);
        Self {
            spelling,
            attendees: attendees.cloned().unwrap_or_default(),
            marks: marks.split_ascii_whitespace().map(str::to_owned).collect(),
            is_partial,
        }
    }

    /// With `guests` and without those whom we had invited before; `None` where that changes nothing. Whoever stays
    /// keeps what they have answered.
    pub(crate) fn with(&self, guests: &[Guest]) -> Option<Invited> {
        if self.is_partial {
            return None;
        }
        let Spelling { address_of, attendee } = self.spelling;
        let is_wanted =
            |address: &str| guests.iter().any(|guest| is_same(bare(&guest.address), address));
        let is_ours = |address: &str| self.marks.contains(&mark(address));
        let stays = |attendee: &&Value| {
            address_of(attendee).is_none_or(|address| is_wanted(address) || !is_ours(address))
        };
        let mut attendees: Vec<Value> = self.attendees.iter().filter(stays).cloned().collect();
        let is_there = |address: &str| {
            self.attendees.iter().filter_map(address_of).any(|there| is_same(there, address))
        };
        let mut marks = Vec::new();
        for guest in guests {
            let address = bare(&guest.address);
            if is_there(address) && !is_ours(address) {
                continue;
            }
            marks.push(mark(address));
            if !is_there(address) {
                attendees.push(attendee(address, guest.name.as_deref()));
            }
        }
        let is_new = attendees != self.attendees || marks != self.marks;
        marks.truncate(MOST_MARKS);
        is_new.then(|| Invited { attendees, marks: marks.join(" ") })
    }
}

fn bare(address: &str) -> &str {
    let address = address.trim();
    address.strip_prefix("mailto:").unwrap_or(address)
}

fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn mark(address: &str) -> String {
    let digest = Sha256::digest(address.to_ascii_lowercase());
    digest.iter().take(MARK / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SPELLING: Spelling = Spelling {
        address_of: |attendee| attendee.get("email").and_then(Value::as_str),
        attendee: |address, _| json!({ "email": address }),
    };

    fn guest(address: &str) -> Guest {
        Guest { address: address.into(), name: None }
    }

    #[test]
    fn guests_come_and_go_and_those_of_others_stay() {
        let first =
            People::none(SPELLING).with(&[guest("Ana@x.test"), guest("ben@x.test")]).unwrap();
        assert_eq!(
            first.attendees,
            [json!({"email": "Ana@x.test"}), json!({"email": "ben@x.test"})]
        );
        let mut attendees = first.attendees.clone();
        attendees[0]["responseStatus"] = json!("accepted");
        attendees.push(json!({"email": "boss@x.test", "organizer": true}));
        let event = json!({ "attendees": attendees });
        let people = People::of(SPELLING, &event, &first.marks, false);
        assert_eq!(
            people.with(&[guest("ana@X.test"), guest("ben@x.test")]),
            None,
            "nothing is new"
        );
        let second =
            people.with(&[guest("ana@x.test"), guest("boss@x.test"), guest("cy@x.test")]).unwrap();
        let emails: Vec<_> = second.attendees.iter().filter_map(SPELLING.address_of).collect();
        assert_eq!(emails, ["Ana@x.test", "boss@x.test", "cy@x.test"]);
        assert_eq!(second.attendees[0]["responseStatus"], "accepted");
        assert_eq!(second.marks, [mark("ana@x.test"), mark("cy@x.test")].join(" "));
        // Whom somebody else has invited is not ours to take out.
        let event = json!({ "attendees": second.attendees });
        let third = People::of(SPELLING, &event, &second.marks, false).with(&[]).unwrap();
        let emails: Vec<_> = third.attendees.iter().filter_map(SPELLING.address_of).collect();
        assert_eq!((emails, third.marks.as_str()), (vec!["boss@x.test"], ""));
    }

    #[test]
    fn nobody_is_changed_where_not_everybody_is_shown() {
        let people = People::of(SPELLING, &json!({ "attendees": [] }), "", true);
        assert_eq!(people.with(&[guest("ana@x.test")]), None);
        assert_eq!(People::none(SPELLING).with(&[]), None);
    }

    #[test]
    fn marks_fit_into_a_property() {
        let many: Vec<Guest> = (0..300).map(|n| guest(&format!("g{n}@x.test"))).collect();
        let invited = People::none(SPELLING).with(&many).unwrap();
        assert_eq!(invited.attendees.len(), 300);
        assert!(invited.marks.len() <= 1024, "{}", invited.marks.len());
    }
}
