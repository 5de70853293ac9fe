//! The tests' own stage: an engine moved by hand over a simulated provider.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_debug_implementations,
    reason = "shared with the tests, which use all of it"
)]

#[path = "../../../tests/support/simulated.rs"]
pub(crate) mod simulated;
#[path = "../../../tests/support/stage.rs"]
pub(crate) mod stage;
