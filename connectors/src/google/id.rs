//! Event ids: those we give, and what can be read from those that Google gives.

use sha2::{Digest, Sha256};

use crate::{
    event::{ItemRef, RemoteTime},
    ical,
};

/// The letters of an id: base32hex in lower case (RFC 4648 7), as Google demands.
const LETTERS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
/// How every UID of ours ends.
const HOME: &str = "@calhub";
/// Of a UID that is spelled out in an id; a longer one is hashed. Google allows 1024 letters.
const LONGEST_UID: usize = 600;
/// An id has 5 letters at least.
const SHORTEST_UID: usize = 4;

/// The id that the event of a UID gets: the same at every try. The UID can be read back from it.
pub(super) fn of_uid(uid: &str) -> ItemRef {
    let is_spelled = (SHORTEST_UID..=LONGEST_UID).contains(&uid.len());
    ItemRef::new(if is_spelled { spell(uid.as_bytes()) } else { spell(&Sha256::digest(uid)) })
}

fn spell(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0_u32, 0);
    let mut push = |five: u32| {
        let letter = LETTERS.get(usize::try_from(five & 31).unwrap_or_default());
        text.push(char::from(letter.copied().unwrap_or(b'0')));
    };
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        push(held << (5 - bits));
    }
    text
}

/// The UID that an id spells, if it is one of ours. Google's own ids look alike and spell no such thing.
pub(super) fn uid_of(id: &str) -> Option<String> {
    let mut uid = String::new();
    let (mut held, mut bits) = (0_u32, 0);
    for letter in id.bytes() {
        let five = match letter {
            b'0'..=b'9' => letter - b'0',
            b'a'..=b'v' => letter - b'a' + 10,
            _ => return None,
        };
        held = held << 5 | u32::from(five);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            let byte = u8::try_from(held >> bits).unwrap_or_default();
            held &= (1 << bits) - 1;
            if !byte.is_ascii_graphic() {
                return None;
            }
            uid.push(char::from(byte));
        }
    }
    (held == 0 && uid.ends_with(HOME)).then_some(uid)
}

/// The series and the original start that the id of an instance names: `{series}_20270308T090000Z`, or
/// `{series}_20270308` for all-day ones. The rest of a split series (`{series}_R20270308T090000`) is no instance.
pub(super) fn instance(id: &str) -> Option<(&str, RemoteTime)> {
    let (series, original) = id.rsplit_once('_').filter(|(series, _)| !series.is_empty())?;
    let is_date = original.len() == 8;
    let is_instant = original.len() == 16 && original.ends_with('Z');
    let at = ical::time(original, None, false).filter(|_| is_date || is_instant)?;
    Some((series, at))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_id_is_of_googles_letters_and_says_its_uid() {
        for uid in ["0123456789abcdef0123456789abcdef@calhub", "bkg-lost@calhub", "a@calhub"] {
            let id = of_uid(uid);
            assert!(id.as_str().bytes().all(|letter| LETTERS.contains(&letter)), "{id:?}");
            assert!((5..=1024).contains(&id.as_str().len()));
            assert_eq!(id, of_uid(uid));
            assert_eq!(uid_of(id.as_str()).as_deref(), Some(uid));
        }
        assert_eq!(of_uid("foob").as_str(), "cpnmuog", "RFC 4648 10, in lower case");
    }

    #[test]
    fn a_uid_that_no_id_can_hold_is_hashed() {
        for uid in ["", "abc", &"x".repeat(2000)] {
            let id = of_uid(uid);
            assert_eq!(id.as_str().len(), 52, "{uid}");
            assert_eq!(uid_of(id.as_str()), None);
        }
    }

    #[test]
    fn what_is_not_ours_spells_nothing() {
        for id in [
            "m1aaaaa",
            "2kg9s7p5q1v0d3m8h6t4u5r2o1",
            "_60q30c1g60o30e1i60o4ac1g60",
            "UPPER",
            "",
            of_uid("somebody@example.org").as_str(),
        ] {
            assert_eq!(uid_of(id), None, "{id}");
        }
    }

    #[test]
    fn the_id_of_an_instance_names_its_series_and_its_original_start() {
        let nine = RemoteTime::Utc("2027-03-08T09:00:00Z".parse().unwrap());
        assert_eq!(instance("m1aaaaa_20270308T090000Z"), Some(("m1aaaaa", nine.clone())));
        let day = RemoteTime::Date(date(2027, 3, 8));
        assert_eq!(instance("m1aaaaa_20270308"), Some(("m1aaaaa", day)));
        let split = "m1aaaaa_R20270301T090000_20270308T090000Z";
        assert_eq!(instance(split), Some(("m1aaaaa_R20270301T090000", nine)));
        for id in [
            "m1aaaaa",
            "m1aaaaa_R20270301T090000",
            "m1aaaaa_20270308T090000",
            "_20270308",
            "_60q30c1g60o30e1i60o4ac1g60",
            "m1_20271308",
            "m1_20270308T990000Z",
            "",
        ] {
            assert_eq!(instance(id), None, "{id}");
        }
    }
}
