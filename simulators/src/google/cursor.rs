//! Sync tokens and page tokens: opaque to clients, tied to a resource and the shape of its query.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};

use super::refusal::Refusal;
use crate::state::mark;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sync,
    Page,
}

/// Where a listing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) kind: Kind,
    /// Of which resource.
    pub(crate) place: u64,
    pub(crate) shape: u64,
    pub(crate) generation: u64,
    /// The change up to which all is known, or the row to go on after.
    pub(crate) after: u64,
    /// The last change when the listing began: what its sync token will stand for.
    pub(crate) began: u64,
    pub(crate) issued_s: i64,
}

impl Cursor {
    pub(crate) fn text(&self) -> String {
        let kind = if self.kind == Kind::Sync { 'S' } else { 'P' };
        let plain = format!(
            "{kind}.{:x}.{:x}.{:x}.{:x}.{:x}.{:x}",
            self.place, self.shape, self.generation, self.after, self.began, self.issued_s
        );
        format!("C{}", URL_SAFE_NO_PAD.encode(format!("{plain}.{:x}", mark(&plain))))
    }

    fn read(text: &str) -> Option<Self> {
        let plain = URL_SAFE_NO_PAD.decode(text.strip_prefix('C')?).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (told, check) = plain.rsplit_once('.')?;
        if u64::from_str_radix(check, 16).ok()? != mark(told) {
            return None;
        }
        let (kind, numbers) = told.split_once('.')?;
        let kind = if kind == "S" { Kind::Sync } else { Kind::Page };
        let mut numbers = numbers.split('.').map(|part| u64::from_str_radix(part, 16).ok());
        let mut next = || numbers.next().flatten();
        Some(Self {
            kind,
            place: next()?,
            shape: next()?,
            generation: next()?,
            after: next()?,
            began: next()?,
            issued_s: i64::try_from(next()?).ok()?,
        })
    }

    /// Reads a token that this resource gave for this shape of query.
    pub(crate) fn told(text: &str, kind: Kind, place: u64, shape: u64) -> Result<Self, Refusal> {
        let (name, message) = match kind {
            Kind::Sync => ("syncToken", "Invalid sync token value."),
            Kind::Page => ("pageToken", "Invalid page token value."),
        };
        let read = Self::read(text).filter(|c| c.kind == kind && c.place == place);
        let cursor = read.ok_or_else(|| Refusal::invalid(message).at("parameter", name))?;
        if cursor.shape != shape {
            let message = "The token belongs to a query with other parameters.";
            return Err(Refusal::invalid(message).at("parameter", name));
        }
        Ok(cursor)
    }

    /// Refuses a token that has died.
    pub(crate) fn alive(
        self,
        generation: u64,
        is_mute: bool,
        kept_days: u32,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let issued = Timestamp::from_second(self.issued_s).unwrap_or(Timestamp::MIN);
        let kept = SignedDuration::from_hours(24 * i64::from(kept_days));
        if self.generation == generation && now.duration_since(issued) <= kept {
            return Ok(self);
        }
        let mut refusal = Refusal::full_sync();
        refusal.more.is_mute = is_mute;
        Err(refusal)
    }
}
