//! One suite on both engines.
