//! The engine against simulated providers, on both databases, moved by hand.

mod failing;
mod following;
mod linking;
mod losing;
