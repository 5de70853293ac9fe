//! A draft as the text of a new calendar object.

use crate::connector::{Draft, WriteKey};

/// Writes a draft as a calendar object of its own: no METHOD, no people, times in UTC.
pub fn write(_draft: &Draft, _key: &WriteKey) -> String {
    String::new()
}
