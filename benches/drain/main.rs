//! From the spool to the database: what a row costs, when it is seen, how fast a backlog goes.
//!
//! `cargo bench --bench drain` alternates the drain as it is (`Native` blocks) with rows as
//! `RowBinary`, on the same rows and the embedded engine; then it times events from the request to
//! the report, and the delivery of a backlog by the real program.
//! `cargo bench --bench drain -- recovery 1000` measures a backlog of 1,000 MB alone; `formats` and
//! `visible` name the other two.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring program: it prints its tables and ends at the first surprise"
)]

mod events;
mod formats;
#[path = "../end_to_end/proc_stat.rs"]
mod proc_stat;
mod program;
mod recovery;
mod visible;

/// Backlog of a run that names none, in megabytes of spool files.
const BACKLOG_MB: u64 = 100;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse().ok());
    match args.first().map(String::as_str) {
        Some("formats") => formats::run(),
        Some("visible") => visible::run(),
        Some("recovery") => recovery::run(number(1).unwrap_or(BACKLOG_MB)),
        Some(other) => panic!("there is no part {other}: formats, visible, recovery [MB]"),
        None => {
            formats::run();
            visible::run();
            recovery::run(BACKLOG_MB);
        }
    }
}

/// The value in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
