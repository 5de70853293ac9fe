//! Linking accounts behind OAuth: imports, access tokens, and the page on which a person does it.

mod browser;
mod command;
mod import;
mod microsoft;
mod negative;
mod page;
mod revoking;
pub mod scene;
pub mod site;
mod tokens;
