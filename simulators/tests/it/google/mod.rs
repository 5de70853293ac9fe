//! Google as a client of its API sees it, in process.

mod api;
mod calendars;
mod channels;
mod instances;
mod limits;
mod listing;
mod mirror;
mod oauth;
mod official;
mod reading;
mod serving;
mod writing;

pub use api::{Answer, Api, event};
