//! Expanding a series inside a window, within a work budget.
