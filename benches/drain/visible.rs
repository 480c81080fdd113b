//! From the request to the report: single events, one after the other, none of them waiting for
//! company.

use std::time::{Duration, Instant};

use crate::median;
use crate::program::{Home, SITE};

/// Events of a run.
const EVENTS: u32 = 100;
/// Pause between two looks into the database.
const LOOK: Duration = Duration::from_millis(5);
/// Longer than this is a failure.
const LIMIT: Duration = Duration::from_secs(30);

/// Prints how long it took until a reader of the database saw an event, from its sending.
pub(crate) fn run() {
    let home = Home::new("visible");
    let serving = home.serve();
    home.command(&["site", "add", SITE]);
    let mut seconds = Vec::new();
    for number in 0..EVENTS {
        let before = u64::from(number);
        let start = Instant::now();
        serving.send(number);
        while serving.stored().is_none_or(|rows| rows <= before) {
            assert!(start.elapsed() < LIMIT, "event {number} is not seen");
            std::thread::sleep(LOOK);
        }
        seconds.push(start.elapsed().as_secs_f64());
        // Not in step with the drain.
        std::thread::sleep(Duration::from_millis(u64::from(number * 37 % 200)));
    }
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| seconds[((seconds.len() - 1) as f64 * share).round() as usize];
    println!("\nfrom event to visible, {EVENTS} single events:");
    println!("| median s | p90 s | p99 s | most s |");
    println!("|---|---|---|---|");
    println!(
        "| {:.2} | {:.2} | {:.2} | {:.2} |",
        median(seconds.clone()),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}
