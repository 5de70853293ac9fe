//! Ids of events: of two kinds, which a header chooses between.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use jiff::civil::Date;

use super::refusal::Refusal;

/// What an id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) key: String,
    /// The day of an occurrence in its series' own zone.
    pub(crate) day: Option<Date>,
    /// How often the event was moved to another calendar: an ordinary id does not survive that.
    pub(crate) moves: u32,
    pub(crate) is_immutable: bool,
}

const ORDINARY: &str = "AAMkAG";
const IMMUTABLE: &str = "AAkALg";

impl Id {
    pub(crate) fn text(&self) -> String {
        let day = self.day.map(|day| day.to_string()).unwrap_or_default();
        let (prefix, moves) =
            if self.is_immutable { (IMMUTABLE, 0) } else { (ORDINARY, self.moves) };
        format!("{prefix}{}", URL_SAFE.encode(format!("{}.{moves}.{day}", self.key)))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        Self::read(text).ok_or_else(Refusal::bad_id)
    }

    fn read(text: &str) -> Option<Self> {
        let is_immutable = text.starts_with(IMMUTABLE);
        let coded = text.strip_prefix(if is_immutable { IMMUTABLE } else { ORDINARY })?;
        let plain = String::from_utf8(URL_SAFE.decode(coded).ok()?).ok()?;
        let mut parts = plain.splitn(3, '.');
        let (key, moves, day) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let day = if day.is_empty() { None } else { Some(day.parse().ok()?) };
        Some(Self { key: key.to_owned(), day, moves, is_immutable })
    }
}
