//! What is fuzzed: a function a target, from bytes to "it ended". Panics, endless work and, where something must
//! hold for any input, failed assertions are what a run looks for.

#[path = "calendars.rs"]
mod calendars;
#[path = "google.rs"]
mod google;
#[path = "http_bodies.rs"]
mod http_bodies;
#[path = "multistatus.rs"]
mod multistatus;
#[path = "url.rs"]
mod url;

pub use self::url::url;
pub use calendars::{ics, rrule};
pub use google::google;
pub use http_bodies::http_bodies;
pub use multistatus::multistatus;

/// A target by its name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    match name {
        "ics" => Some(ics),
        "rrule" => Some(rrule),
        "multistatus" => Some(multistatus),
        "google" => Some(google),
        "http_bodies" => Some(http_bodies),
        "url" => Some(url),
        _ => None,
    }
}
