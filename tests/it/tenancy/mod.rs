//! Tenants never meet, secrets stay shut, and little is stored: seen from outside, over every route.

mod canaries;
mod canaries_google;
mod erasing;
mod inventory;
mod matrix;
pub mod pair;
mod plain_keys;
mod rotating_grants;
mod rotating_hub;
mod rotation;
mod stored;
mod swaps;
