//! The change log as its readers see it: pages on demand, and a stream that waits for news.

pub use crate::store::{BadCursor, ChangeFilter, ChangeRow, LogCursor, NewChange};
