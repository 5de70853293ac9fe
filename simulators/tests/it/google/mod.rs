//! Google as a client of its API sees it, in process.

mod api;
mod listing;
mod reading;
mod writing;

pub use api::{Answer, Api, event};
