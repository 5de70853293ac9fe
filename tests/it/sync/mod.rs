//! The engine against simulated providers, on both databases, moved by hand.

mod budgets;
mod channels;
mod cutting;
mod failing;
mod following;
mod linking;
mod locks;
mod losing;
mod visible;
