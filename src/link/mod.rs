//! Connecting, relinking and removing accounts.
//!
//! A login is checked live before it is kept, and what the provider says of itself decides which connection
//! it is: the same account is always the same connection, with the same ids.

mod again;
mod apps;
mod check;
mod choice;
mod error;
mod keep;
mod linker;
mod logins;
mod trial;
mod trips;
mod visits;

pub use apps::seal_app;
pub use choice::{Choice, Choices};
pub use error::LinkError;
pub use linker::{LinkRequest, LinkUpdate, Linked, Linker, NewGrant};
pub use trial::{SignIn, Trial};
pub use trips::Returned;
pub use visits::{Asked, Mode, NewVisit, NotLetIn, Visit, Visits};

pub use connectors::{Error as Refusal, Kind, RetryAfter, oauth::Realm};

pub(crate) use crate::sync::is_cloud;
pub use crate::sync::{Grant, Login};
