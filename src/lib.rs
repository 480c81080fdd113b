//! headcount: a privacy-first web analytics collector and reporting server.
//!
//! **The path of an event.** HTTP request → privacy signals → payload → site → rules and bots →
//! client address → location, agent, source → visitor token → event row → spool → ClickHouse.
//! Read `server::collect`, then [`ingest`], [`spool`], [`store::drain`].
//!
//! **The path of a report.** HTTP request → query → SQL → rows → small groups withheld → JSON →
//! dashboard. Read `server::query`, then [`report`].
//!
//! Everything else hangs beside these two paths: [`engine`] (the embedded ClickHouse), [`account`]
//! (sites, accounts, keys, logins), [`keys`] (the random keys of the day).
//!
//! Invariants, each held by a test:
//! 1. Only `server` names hyper, only `store` names the database client, only `config` reads the
//!    environment, only `model::clock` reads wall time.
//! 2. An address or a User-Agent is never in `model`, `spool`, `store`, `report`, on disk or in a log.
//! 3. Each (event, site) ends in exactly one [`model::Outcome`].
//! 4. 202 for an accepted event is sent after the spool has it on disk.
//! 5. Only `Released` groups become JSON.
//! 6. Every queue, body, string and batch has a named maximum.

pub mod cli;
pub mod app;
pub mod config;
pub mod server;
pub mod ingest;
pub mod keys;
pub mod spool;
pub mod store;
pub mod report;
pub mod days;
pub mod account;
pub mod engine;
pub mod model;
pub mod telemetry;
