//! What the integration tests start: hubs, servers, databases.

pub mod browser;
pub mod engines;
pub mod hub;
pub mod servers;
pub mod simulated;
pub mod stage;
