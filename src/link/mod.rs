//! Connecting, relinking and removing accounts.
//!
//! A login is checked live before it is kept, and what the provider says of itself decides which connection
//! it is: the same account is always the same connection, with the same ids.

mod apps;
mod choice;
mod error;
mod linker;
mod logins;
mod visits;

pub use apps::seal_app;
pub use choice::{Choice, Choices};
pub use error::LinkError;
pub use linker::{LinkRequest, LinkUpdate, Linked, Linker, NewGrant};
pub use visits::{Asked, Mode, NewVisit, NotLetIn, Returned, Visit, Visits};

pub use connectors::{Error as Refusal, Kind, RetryAfter};

pub use crate::sync::Login;
