//! Google Calendar (API v3): masters and exceptions as Google keeps them, expanded by the hub and not by Google.
//!
//! One way through: [`connector`] lists and pulls, `requests` builds, `session` signs and sends, `wire` mirrors the
//! JSON, `translate` gives our words, `errors` sorts refusals, `writer` and `channels` do what their names say.
//!
//! Four things were decided once. The listing of everything asks for no span of time: an exception that was moved
//! out of a span would leave its original start behind, busy for ever. Titles, texts and people are not asked for.
//! What is replaced is patched, though a patch costs three units of quota and a put one: Google keeps more in an event
//! than it documents, and a put clears what it does not carry over. And an event of ours has an id that *is* its UID,
//! spelled in the letters that Google allows ([`id`]).

mod access;
mod body;
mod channels;
mod connector;
mod cursor;
mod errors;
mod id;
mod listing;
mod pull;
mod requests;
mod session;
mod translate;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use access::{Access, missing, scopes};
pub use connector::{Google, Settings};

/// Reads one page of events, all the way to changes: what a pull costs without its network, for measurements.
///
/// # Errors
///
/// [`Kind::BadReply`](crate::Kind::BadReply) when it is none.
#[doc(hidden)]
pub fn read_page(body: &[u8]) -> crate::Result<Vec<crate::Change>> {
    let page = wire::page(body)?;
    pull::changes(&page, &crate::Versions::new())
}
