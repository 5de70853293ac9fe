//! Following the store.
