//! What a cursor of this connector says. A token is good for the very question that it came from, and what it left
//! out is known only as it was seen then: both are kept beside it.

use serde::{Deserialize, Serialize};

use super::access::Access;
use crate::{
    connector::Cursor,
    error::{Kind, Result},
};

/// The number of the question that [`super::requests::events`] asks. Whoever changes what is asked, or what is read
/// from the answer, changes this; every calendar is then read once more.
const QUESTION: u32 = 1;

/// Events a page: the most that Google gives.
pub(super) const PAGE: u32 = 2_500;

/// A place to resume at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    question: u32,
    /// Whether only free and busy may be seen: with more, the same events say more, under the same etags.
    busy_only: bool,
    /// The role in which the calendar was read: others see other things, too.
    pub(super) role: Option<String>,
    /// Where changes are followed from; `None` in a listing of everything.
    pub(super) sync: Option<String>,
    /// The next page of the round.
    pub(super) page: Option<String>,
    /// What the hub has is no measure of what is new: it was read by another question.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) afresh: bool,
    /// The most events of a page for the rest of the round, where usual pages were too large to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) most: Option<u32>,
}

impl Place {
    /// Where a listing of everything begins.
    pub(super) fn beginning(access: Access, afresh: bool) -> Self {
        Self {
            question: QUESTION,
            busy_only: access == Access::BusyOnly,
            role: None,
            sync: None,
            page: None,
            afresh,
            most: None,
        }
    }

    /// How many events a page may have at most.
    pub(super) fn most(&self) -> u32 {
        self.most.unwrap_or(PAGE).clamp(1, PAGE)
    }

    pub(super) fn to_cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The next page of the same round.
    pub(super) fn on(self, role: Option<String>, page: &str) -> Self {
        Self { role, page: Some(page.to_owned()), ..self }
    }

    /// Where changes are followed from when the round is done.
    pub(super) fn done(self, role: Option<String>, sync: &str) -> Self {
        Self { role, sync: Some(sync.to_owned()), page: None, afresh: false, most: None, ..self }
    }

    /// Reads a cursor back.
    ///
    /// # Errors
    ///
    /// [`Kind::CursorExpired`] for the answer to another question.
    pub(super) fn read(cursor: &Cursor, access: Access) -> Result<Self> {
        let place: Option<Self> = serde_json::from_str(cursor.as_str()).ok();
        place
            .filter(|place| place.question == QUESTION)
            .filter(|place| place.busy_only == (access == Access::BusyOnly))
            .filter(|place| place.sync.is_some() || place.page.is_some())
            .ok_or_else(|| Kind::CursorExpired.error("the cursor is of another question"))
    }
}
