//! Provider -> store: what a nudge or a timer sets off, up to the change log.
//!
//! Decisions are pure and small ([`schedule`], [`plan`], [`quarantine`], [`state`], [`window`]); doing is a
//! thin shell around them.

mod advance;
pub mod channel;
mod clocks;
mod clockwork;
pub mod connect;
pub mod digest;
mod drain;
mod ending;
mod engine;
mod erase;
mod error;
mod grants;
mod health;
mod lanes;
mod leases;
mod listing;
pub mod normalise;
mod pacing;
mod pausing;
pub mod plan;
mod providers;
mod pull;
pub mod quarantine;
mod quota;
mod relapse;
mod removal;
mod request;
mod save;
pub mod schedule;
pub mod state;
mod stock;
pub mod timeline;
mod traffic;
pub mod window;
pub mod words;

pub use clocks::Ahead;
pub(crate) use connect::Pace;
pub(crate) use connect::allowed_networks;
pub use connect::{Budget, Connectors, Grant, Login};
pub(crate) use drain::End;
pub(crate) use engine::login_place;
pub use engine::{Engine, Parts, mint_name};
pub use error::SyncError;
pub(crate) use grants::{FreshGrant, app_place, kept_token};
pub(crate) use lanes::ASIDE;
pub use lanes::{Drains, Lane};
pub(crate) use listing::Wakes;
pub(crate) use pausing::Use;
pub use providers::Providers;
pub(crate) use providers::{is_cloud, missing, refusal_word, scopes, widest};
pub use pull::Pulled;
pub use removal::Removal;
pub use request::{Fresh, HeldCalendar, Planned, Selector};
pub(crate) use schedule::after;
pub use traffic::{Counted, Traffic};
