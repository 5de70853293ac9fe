//! What the integration tests start: hubs, servers, databases.

pub mod hub;
pub mod servers;
