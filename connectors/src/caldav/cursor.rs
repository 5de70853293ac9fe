//! What a cursor of this connector says.

use serde::{Deserialize, Serialize};

use crate::{
    connector::Cursor,
    error::{Kind, Result},
};

/// A place to resume at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// A completed round of a server with deltas.
    Token(String),
    /// A completed round of a server without; `None` when it has no ctag either.
    Ctag(Option<String>),
    /// In the middle of a round.
    Round(Round),
}

/// One round over a listing that is too long for one page, or that the server itself cut (507).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Round {
    /// The round began as a listing of everything.
    pub(super) full: bool,
    /// The token this part was listed with; `None` for the listing of everything.
    pub(super) since: Option<String>,
    /// The last href that a page has covered, in the order of hrefs.
    pub(super) after: String,
    /// Where the first listing of this part said to resume. Kept from then, so that what changes
    /// while we read is told again later.
    pub(super) until: Option<Until>,
}

/// What comes after a part of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Until {
    /// The part is the last one.
    Done(Box<Place>),
    /// The server has more, from this token.
    More(String),
}

impl Place {
    pub(super) fn to_cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads a cursor back.
    ///
    /// # Errors
    ///
    /// [`Kind::CursorExpired`] for one that this version does not understand.
    pub(super) fn read(cursor: &Cursor) -> Result<Self> {
        serde_json::from_str(cursor.as_str()).map_err(|error| {
            Kind::CursorExpired.error("the cursor is of another kind").caused_by(error)
        })
    }
}
