//! The change log as its readers see it: pages on demand, and a reader that waits for news.
//!
//! Writing is [`Changes::append`](crate::store::Changes::append), in the transaction of what changed.

mod reader;
mod relay;

pub use crate::store::{BadCursor, ChangeFilter, ChangeRow, LogCursor, NewChange};
pub use reader::{After, Reader};
pub use relay::{Follower, Relay};
