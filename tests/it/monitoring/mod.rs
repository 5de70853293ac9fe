//! What an operator sees: that every metric says what is, is documented, and that the dashboard and the alert rules
//! of `docs/monitoring` work with a real Prometheus.

mod cost;
mod documents;
mod prometheus;
mod room;
mod values;
