//! The composition root: opens everything, starts it in order, stops it in reverse.
//!
//! Nothing else spawns the long-lived tasks, opens files of the data directory that no module
//! owns, or decides the exit code.

pub mod fatal;
pub mod panic_hook;
pub mod policy;
pub mod lock;
pub mod geo_file;
pub mod lookups;
pub mod admin_socket;
mod audit;
pub mod database;
pub mod hold;
pub mod prepare;
pub mod heartbeat;
pub mod closing;
pub mod retention;
pub mod operator;
pub mod doctor;
pub mod tasks;
pub mod serve;
pub mod bench;

pub use fatal::Fatal;

/// Rules in the form in which they are stored, or the field that is wrong and why.
fn check_rules(rules: crate::model::Rules) -> Result<crate::model::Rules, (&'static str, String)> {
    crate::ingest::rules::checked(rules).map_err(|error| (error.field, error.message))
}
