//! Microsoft 365 and Outlook (Graph v1.0): what takes place within a window, every occurrence worked out by the server.
//!
//! One way through: `connector` lists and pulls, `requests` builds, `session` sends, `wire` mirrors the JSON, `rounds`
//! joins rows to series, `translate` gives our words, `errors` sorts refusals, `writer` and `channels` do what their
//! names say, and `signin` knows the words of the sign-in server.
//!
//! Five things were decided once. A series is one item that holds all its occurrences, and is replaced as a whole: Graph
//! says nothing of an occurrence that was taken out, so what it does not list is not there. A round is read to its end
//! before anything of it is handed on, because a series may be spread over its pages. The window of a round is frozen
//! into its links, so it is made to reach further than the one that is asked for, and a round over the next window
//! begins long before that one leaves it ([`cursor`]). Times are read and written in UTC, whole days as dates. And
//! an event of ours says whose it is in its `transactionId`, which every listing shows, and in an extended property,
//! which can be sought and written anew ([`mark`]).

mod access;
mod body;
mod channels;
mod cloud;
mod connector;
mod cursor;
mod errors;
mod listing;
mod mark;
mod pull;
mod requests;
mod rounds;
mod session;
mod signin;
mod translate;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use access::{Access, missing, scopes};
pub use cloud::Cloud;
pub use connector::{Microsoft, Settings};
pub use signin::{at_consent, at_token};
