//! How an event of ours says whose it is: `{uid} {marker}`, as its `transactionId` and as an extended property.
//!
//! The first is given once, shown wherever the whole event is shown, and keeps a repeated create from making a second
//! event. The second can be sought and written anew, and is shown only to whoever asks for it.

use crate::connector::WriteKey;

/// The extended property: `PS_PUBLIC_STRINGS`, by name.
pub(super) const MARK: &str = "String {00020329-0000-0000-C000-000000000046} Name calhub";
/// The guests whom we have invited ([`crate::guests`]).
pub(super) const GUESTS: &str = "String {00020329-0000-0000-C000-000000000046} Name calhubGuests";

/// How every UID of ours ends.
const HOME: &str = "@calhub";

/// What is written for a key.
pub(super) fn spelled(key: &WriteKey) -> String {
    format!("{} {}", key.uid, key.marker)
}

/// What was written, if it was by us.
pub(super) fn read(text: &str) -> Option<(&str, &str)> {
    let (uid, marker) = text.split_once(' ')?;
    (uid.ends_with(HOME) && !marker.is_empty()).then_some((uid, marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_other_programs_words_are_none() {
        let key = WriteKey { uid: "0a@calhub".into(), marker: "bkg_1/0".into() };
        assert_eq!(read(&spelled(&key)), Some(("0a@calhub", "bkg_1/0")));
        for text in ["", "7E163156-7762-4BEB-A1C6-729EA81755A7", "a b", "0a@calhub", "0a@calhub "] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
