//! The HTTP API as callers see it: a whole hub in process, over SQLite in memory and a clock that is moved.

pub mod auth;
mod conventions;
mod freebusy;
mod log;
mod openapi;
mod pages;
mod resources;
pub mod world;
