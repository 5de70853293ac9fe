//! ICS feeds: one address, one calendar, no deltas. A conditional GET, then a comparison of content.
//!
//! The address of a feed is its password. It never appears in a text, a label or what is learned.

mod address;
mod feed;
mod moved;
mod snapshot;

#[cfg(test)]
mod tests;

pub use feed::Feed;
