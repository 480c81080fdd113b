//! Torture: load with a ledger, faults chosen by a seed, and one checker for all: acknowledged ⇒
//! stored exactly once, refused ⇒ never, unknown ⇒ at most once.
//!
//! `make test` runs each of these briefly; `make torture [KILLS=200] [SEED=n] [ONLY=category]` runs
//! them long and prints a table.

mod clocks;
mod damage;
mod engine;
mod full;
mod kills;
mod late;
mod power;
mod rolling;
mod writes;

use std::time::Duration;

use crate::support::foreign::Foreign;
use crate::support::home::Home;
use crate::support::load::Load;
use crate::support::program::{Options, Program};
use crate::support::sql::Door;

/// Name of the site under load.
const SITE: &str = "load.example";
/// Connections that send at once.
const SENDERS: usize = 6;
/// Pause of each between two events: long enough for a long run to stay countable.
const PAUSE: Duration = Duration::from_millis(8);

/// The door to the embedded engine of a program.
fn door(program: &Program) -> Door {
    Door::embedded(&program.home().data(), "read")
}

/// Load on a program.
fn load(program: &Program) -> Load {
    Load::start(&program.url, SITE, SENDERS, PAUSE)
}

/// Options of a program that uses `foreign` through `url`.
fn using(foreign: &Foreign, url: &str) -> Options {
    let mut options = Options::behind_proxy();
    options.args.extend(foreign.arguments(url));
    options.env.push(foreign.password());
    options
}

/// Files in the directory of batches that were given up or damaged.
fn bad_files(home: &Home) -> usize {
    std::fs::read_dir(home.data().join("bad")).map_or(0, Iterator::count)
}
