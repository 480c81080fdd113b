//! Logs and metrics: how the program speaks of itself.
//!
//! A log line never holds an address, a User-Agent, a path, a key or a payload. WARN means
//! something surprising happened and nothing is lost; ERROR means data is lost or a person must
//! act.

pub mod logs;
pub mod metrics;

pub use metrics::Metrics;
