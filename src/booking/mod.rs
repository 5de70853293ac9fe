//! Holds, bookings, moves and cancellations: the use cases that HTTP calls.
//!
//! Everything that takes time passes [`claim`], in one transaction under the locks of `store/locks.rs`: what is taken,
//! what is busy and how well the calendars are known are read there, from the tables and never from the index. What the
//! provider gets to see of it is wanted in the same transaction, and written by [`crate::push`] later.

mod adopt;
mod book;
mod change;
mod claim;
mod clash;
mod desk;
mod details;
mod evidence;
mod hold;
mod impact;
mod refusal;
pub mod story;
mod sweep;
mod unlink;

pub use book::{Booked, NewBooking, When};
pub use change::Changes;
pub use clash::Settlement;
pub(crate) use clash::{look_for_clashes, own_pair};
pub use desk::{Actor, Answering, Desk};
pub use details::{Attendee, Details};
pub use hold::NewHold;
pub use impact::{AtRisk, Doubted};
pub use refusal::{Blocker, Refusal, Unsure};
