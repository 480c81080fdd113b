//! HTTP: the only folder that names hyper.
//!
//! Turns requests into calls of the stages and results into answers. It keeps no address and no
//! User-Agent beyond the request and writes no log line about one.

pub mod framing;
pub mod listen;
pub mod pace;
pub mod panic;
pub mod patience;
pub mod peers;
pub mod rates;
pub mod router;
pub mod scripts;
pub mod rules;
pub mod adapters;
pub mod answer;
pub mod limit;
pub mod state;
pub mod turns;
pub mod collect;
mod judge;
pub mod counts;
pub mod outcomes;
pub mod query;
pub mod auth;
pub mod origin;
pub mod dashboard;
pub mod setup;
pub mod assets;
pub mod first_party;
pub mod demo;
pub mod moments;
pub mod norms;
pub mod ops;
