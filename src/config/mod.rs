//! What the operator decides: `config.default.toml`, then a file, then the environment, then flags.
//!
//! The only reader of the environment. Everything else is handed a [`Config`].

mod env;
mod layers;
mod settings;

pub use env::Environment;
pub use layers::{ConfigError, DEFAULTS, Overrides, in_force, load};
pub use settings::{Config, Http, Keep, Log, LogFormat, OAuthApp, Sync};
