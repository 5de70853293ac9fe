//! Microsoft as its clients meet it.

mod api;
mod delta;
mod limits;
mod notices;
mod oauth;
mod official;
mod reading;
mod rounds;
mod serving;
mod subscriptions;
mod times;
mod writing;

pub use api::{Api, event, weekly};
