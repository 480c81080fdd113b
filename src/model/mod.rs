//! Shapes that two or more stages agree on: no I/O, no framework, no address type.
//!
//! A shape belongs here only when at least two stages use it.

pub mod clock;
pub mod day;
pub mod event;
pub mod external;
pub mod label;
pub mod measured;
pub mod outcome;
pub mod rules;
pub mod site;
pub mod stack;

pub use clock::now;
pub use day::{Day, LocalMoment, ZoneError};
pub use event::{Event, SCROLL_NONE};
pub use external::Tool;
pub use measured::{KeptBack, Metric, ScriptError, Vital};
pub use outcome::{Outcome, Refusal};
pub use rules::{PathRule, Rules};
pub use site::{Site, SiteId};
pub use stack::wipe_stack;
