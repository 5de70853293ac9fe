//! Holds, bookings and their delivery, over HTTP against simulated calendars, on both engines.

mod adopting;
mod claiming;
mod delivering;
mod documented;
mod inviting;
mod operating;
mod pausing;
mod place;
mod race;
mod real;
mod reconciling;
mod seeds;
mod unlinking;
