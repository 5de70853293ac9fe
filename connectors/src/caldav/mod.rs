//! CalDAV (RFC 4791) with its discovery (RFC 6764) and deltas (RFC 6578), and what real servers make of them.
//!
//! One way through: [`discovery`] finds the places, `requests` builds, `auth` sends, `tree` and `wire` read the XML,
//! `translate` gives our words, `pull` and `writer` decide. What a server can and cannot do is kept in
//! `capabilities`, seeded by hints and corrected by evidence; nothing branches on a server's name.

mod auth;
mod capabilities;
mod challenge;
mod connector;
mod cursor;
mod discovery;
mod fetch;
mod href;
mod listing;
mod pull;
mod requests;
mod translate;
mod tree;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use auth::Credentials;
pub use connector::{Caldav, Login};

/// How many rows a multistatus has: all that reading one costs, for measurements.
///
/// # Errors
///
/// [`Kind::BadReply`](crate::Kind::BadReply) when it is none.
#[doc(hidden)]
pub fn count_rows(body: &[u8]) -> crate::Result<usize> {
    wire::multistatus(body).map(|read| read.rows.len())
}
