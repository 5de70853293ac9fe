//! Tenants never meet, secrets stay shut, and little is stored: seen from outside, over every route.

mod inventory;
mod matrix;
mod pair;
mod rotation;
