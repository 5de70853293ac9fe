//! Connecting, relinking and removing accounts.
//!
//! A login is checked live before it is kept, and what the provider says of itself decides which connection
//! it is: the same account is always the same connection, with the same ids.

mod error;
mod linker;
mod logins;

pub use error::LinkError;
pub use linker::{LinkRequest, LinkUpdate, Linked, Linker};

pub use connectors::{Error as Refusal, Kind, RetryAfter};

pub use crate::sync::Login;
