//! The program `headcount`: reads the command line and does what it says.

use std::process::ExitCode;

fn main() -> ExitCode {
    headcount::cli::run(std::env::args_os().skip(1).collect())
}
