//! Tests of the whole program from outside: the real binary with its real engine, over sockets.
//!
//! Each test starts its own program in its own directories and leaves no process. A test may
//! borrow the calendar from the library, nothing else of it; `days` alone also calls the closing, and
//! `golden` the spool, to write the files that it reads.

#[cfg(test)]
mod support;

#[cfg(test)]
mod commands;
mod counters;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod collecting;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod named;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod drop_in;
#[cfg(test)]
mod leak;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod attacker;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod norms;
#[cfg(test)]
mod failing_keys;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod exactly_once;
#[cfg(test)]
mod torture;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod external;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod threshold;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod life;
#[cfg(test)]
mod forgotten;
#[cfg(test)]
mod closing_kills;
#[cfg(test)]
mod hygiene;
#[cfg(test)]
mod late_rows;
#[cfg(test)]
mod one_closer;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod tracker;
#[cfg(test)]
mod tags;
#[cfg(test)]
mod days;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod front;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod prober;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod years;
#[cfg(test)]
mod ga4;
#[cfg(test)]
mod ga4_server;
#[cfg(test)]
mod matomo;
#[cfg(test)]
mod umami;
#[cfg(test)]
mod goatcounter;
