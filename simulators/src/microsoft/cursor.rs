//! Delta and skip tokens: opaque to clients, tied to a calendar and to the window of the first call.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::state::mark;

/// Where a round goes on, or where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Within a round.
    pub(crate) is_page: bool,
    /// Of which calendar.
    pub(crate) place: u64,
    pub(crate) generation: u64,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// The change up to which all is known; 0 knows nothing.
    pub(crate) since: u64,
    /// The last change that the round tells.
    pub(crate) upto: u64,
    /// The row to go on after: its change, and its place among the rows of that change.
    pub(crate) after: (u64, u64),
    pub(crate) issued: Timestamp,
}

impl Cursor {
    pub(crate) fn text(&self) -> String {
        let kind = if self.is_page { 'P' } else { 'D' };
        let plain = format!(
            "{kind}.{}.{}.{}.{}.{}.{}.{}.{}.{}",
            self.place,
            self.generation,
            self.from.as_second(),
            self.to.as_second(),
            self.since,
            self.upto,
            self.after.0,
            self.after.1,
            self.issued.as_second()
        );
        URL_SAFE_NO_PAD.encode(format!("{plain}.{:x}", mark(&plain)))
    }

    /// Reads a token of a calendar; `None` for one that was mangled or is another's.
    pub(crate) fn read(text: &str, place: u64, is_page: bool) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (told, check) = plain.rsplit_once('.')?;
        if u64::from_str_radix(check, 16).ok()? != mark(told) {
            return None;
        }
        let (kind, numbers) = told.split_once('.')?;
        let numbers: Vec<i128> =
            numbers.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let number = |at: usize| numbers.get(at).and_then(|n| u64::try_from(*n).ok());
        let instant = |at: usize| {
            let second = numbers.get(at).and_then(|n| i64::try_from(*n).ok())?;
            Timestamp::from_second(second).ok()
        };
        let cursor = Self {
            is_page: kind == "P",
            place: number(0)?,
            generation: number(1)?,
            from: instant(2)?,
            to: instant(3)?,
            since: number(4)?,
            upto: number(5)?,
            after: (number(6)?, number(7)?),
            issued: instant(8)?,
        };
        (cursor.is_page == is_page && cursor.place == place).then_some(cursor)
    }
}
