//! Hostile input: addresses, bombs, fuzz targets and bodies. What a person, a provider or a caller may send to hurt
//! costs itself, and nothing else.

mod bodies;
mod bombs;
mod fuzzed;
mod urls;
