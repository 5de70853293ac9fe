//! Linking accounts behind OAuth: imports, access tokens, and the page on which a person does it.

mod browser;
mod import;
mod microsoft;
mod negative;
mod page;
pub mod scene;
mod tokens;
