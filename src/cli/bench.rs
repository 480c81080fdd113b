//! `headcount bench`: its arguments, how far it is, and its result.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::app::bench::{self, Plan, Progress};
use crate::app::fatal::{CONFIG, FAILED, Fatal, USAGE};
use crate::cli::args::{Own, Shape};
use crate::cli::{complain, help, print, split};
use crate::config::parse_arguments;

const SHAPE: Shape = Shape {
    positional: &["URL"],
    valued: &[
        "site",
        "duration",
        "connections",
        "rate",
        "warm-up",
        "visitors",
        "pages",
        "seed",
        "threads",
        "opted-out",
        "agents",
    ],
    switches: &["json", "real-site", "any-server"],
};

/// Cells of the bar.
const CELLS: u128 = 24;
/// Time between two lines where there is no terminal.
const LINE_PAUSE: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// Arguments that are wrong, or why there is no result.
pub(super) fn run(arguments: &[String]) -> Result<ExitCode, Fatal> {
    let own = split(arguments, &SHAPE)?;
    if own.help {
        return print(&help::bench());
    }
    // No setting means anything here; one that does not exist is named all the same.
    parse_arguments(&own.settings, &[]).map_err(|error| Fatal::new(CONFIG, error))?;
    let plan = plan(&own)?;
    let bar = Bar::new();
    let figures = bench::run(&plan, &|progress| bar.show(progress));
    bar.end();
    let figures = figures?;
    for note in figures.notes() {
        complain(&note);
    }
    print(&if own.has("json") { figures.to_json().to_string() } else { figures.to_table() })
}

fn plan(own: &Own) -> Result<Plan, Fatal> {
    let sites = own.value("site").unwrap_or_default().split(',').map(str::trim);
    let agents = own.value("agents").map(|path| {
        std::fs::read_to_string(path)
            .map_err(|error| Fatal::say(FAILED, format!("cannot read {path}: {error}")))
    });
    Ok(Plan {
        url: own.positional.first().cloned().unwrap_or_default(),
        sites: sites.filter(|site| !site.is_empty()).map(str::to_owned).collect(),
        duration: time(own, "duration", Duration::from_secs(30))?,
        warm_up: time(own, "warm-up", Duration::from_secs(2))?,
        connections: number(own, "connections")?.unwrap_or(64),
        rate: number(own, "rate")?,
        threads: number(own, "threads")?.unwrap_or(1),
        visitors: number(own, "visitors")?.unwrap_or(10_000),
        pages: number(own, "pages")?.unwrap_or(200),
        seed: number(own, "seed")?.unwrap_or(1),
        opted_out_percent: percent(own.value("opted-out").unwrap_or("0"))?,
        agents: agents.transpose()?,
        is_real_site: own.has("real-site"),
        is_any_server: own.has("any-server"),
    })
}

fn number<T: std::str::FromStr>(own: &Own, name: &str) -> Result<Option<T>, Fatal> {
    let wrong = |_| Fatal::say(USAGE, format!("--{name} is a whole number"));
    own.value(name).map(|text| text.parse().map_err(wrong)).transpose()
}

fn percent(text: &str) -> Result<u64, Fatal> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse().ok();
    let wrong = || Fatal::say(USAGE, "--opted-out is a share of the visitors, from 0% to 100%");
    number.filter(|percent| *percent <= 100).ok_or_else(wrong)
}

fn time(own: &Own, name: &str, usual: Duration) -> Result<Duration, Fatal> {
    let Some(text) = own.value(name) else { return Ok(usual) };
    let wrong = || Fatal::say(USAGE, format!("--{name} is a time such as 500ms, 30s or 5m"));
    duration(text).ok_or_else(wrong)
}

/// `500ms`, `30s`, `5m`, `1h`; a number alone is seconds. At most a day.
fn duration(text: &str) -> Option<Duration> {
    const DAY: Duration = Duration::from_secs(86_400);
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let millis = match text.strip_prefix(digits)? {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let time = Duration::from_millis(number.checked_mul(millis)?);
    (time <= DAY).then_some(time)
}

/// How far the run is, on standard error: a bar on a terminal, else a line now and then.
struct Bar {
    terminal: bool,
    /// Lines said, or whether a bar stands.
    shown: AtomicU64,
}

impl Bar {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), shown: AtomicU64::new(0) }
    }

    fn show(&self, progress: Progress) {
        let mut err = std::io::stderr().lock();
        let line = bar(progress);
        if self.terminal {
            self.shown.store(1, Ordering::Relaxed);
            // There is nowhere left to say that standard error is gone.
            write!(err, "\r{line}").and_then(|()| err.flush()).ok();
            return;
        }
        let lines = progress.passed.as_secs() / LINE_PAUSE.as_secs();
        if self.shown.swap(lines, Ordering::Relaxed) < lines {
            writeln!(err, "{line}").ok();
        }
    }

    fn end(&self) {
        if self.terminal && self.shown.load(Ordering::Relaxed) > 0 {
            let mut err = std::io::stderr().lock();
            // Erases the line.
            write!(err, "\r\u{1b}[K").and_then(|()| err.flush()).ok();
        }
    }
}

/// `[########----------------]  10 of 30 s  412,345 answered`
fn bar(progress: Progress) -> String {
    let Progress { passed, whole, answered } = progress;
    let passed = passed.min(whole);
    let full = (passed.as_nanos() * CELLS).checked_div(whole.as_nanos()).unwrap_or(CELLS);
    let full = usize::try_from(full).unwrap_or_default();
    let cells = usize::try_from(CELLS).unwrap_or_default();
    let (full, rest) = ("#".repeat(full), "-".repeat(cells.saturating_sub(full)));
    let (passed, whole) = (passed.as_secs_f64(), whole.as_secs_f64());
    format!("[{full}{rest}] {passed:>4.0} of {whole:.0} s  {answered} answered")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_unit_behind_them() {
        let millis = |text| duration(text).map(|time| time.as_millis());
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!((millis("30s"), millis("30")), (Some(30_000), Some(30_000)));
        assert_eq!((millis("2m"), millis("1h")), (Some(120_000), Some(3_600_000)));
        for wrong in ["", "s", "-1s", "1.5s", "1d", "25h", "99999999999999999999s", "5 s"] {
            assert_eq!(millis(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!((percent("5%").ok(), percent("0").ok()), (Some(5), Some(0)));
        assert!(percent("101%").is_err() && percent("a few").is_err());
    }

    #[test]
    fn the_bar_fills_with_time() {
        let at = |seconds| {
            let (passed, whole) = (Duration::from_secs(seconds), Duration::from_secs(30));
            bar(Progress { passed, whole, answered: 12 })
        };
        assert_eq!(at(10), "[########----------------]   10 of 30 s  12 answered");
        assert_eq!(at(99), "[########################]   30 of 30 s  12 answered");
    }
}
