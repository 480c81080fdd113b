//! The program `headcount`: reads the command line and does what it says.
//!
//! Memory that is given back is wiped: buffers of connections, headers and rows hold addresses,
//! User-Agents and tokens, and most of them are not ours to wipe by hand.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    headcount::cli::run(std::env::args_os().skip(1).collect())
}
