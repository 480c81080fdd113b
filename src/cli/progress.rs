//! How far a long command is, on standard error: a bar on a terminal, else a line per day.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use crate::app::closing::words::ProgressLine;

/// Cells of the bar.
const CELLS: u64 = 24;

/// Shows one command's progress.
pub(super) struct Bar {
    terminal: bool,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    /// Day of the last line.
    day: String,
    /// Characters of the bar that stands on the terminal.
    width: usize,
}

impl Bar {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), shown: Mutex::default() }
    }

    /// Shows how far it is.
    pub(super) fn show(&self, line: &ProgressLine) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let text = if self.terminal {
            let bar = bar(line);
            let blank = " ".repeat(shown.width.saturating_sub(bar.chars().count()));
            shown.width = bar.chars().count();
            format!("\r{bar}{blank}")
        } else if line.day == shown.day {
            return;
        } else {
            shown.day.clone_from(&line.day);
            format!("closing {}\n", line.day)
        };
        say(&text);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.width > 0 {
            say(&format!("\r{}\r", " ".repeat(shown.width)));
            shown.width = 0;
        }
    }
}

/// `2026-11-21  hits      [########----------------]  33 %`
fn bar(line: &ProgressLine) -> String {
    let ProgressLine { day, step, done, all } = line;
    let Some(percent) = done.min(all).saturating_mul(100).checked_div(*all) else {
        return format!("{day}  {step}").trim_start().to_owned();
    };
    let full = usize::try_from(percent * CELLS / 100).unwrap_or_default();
    let cells = usize::try_from(CELLS).unwrap_or_default();
    let (full, rest) = ("#".repeat(full), "-".repeat(cells.saturating_sub(full)));
    format!("{day}  {step:<12} [{full}{rest}] {percent:>3} %")
}

fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    // There is nowhere left to say that standard error is gone.
    err.write_all(text.as_bytes()).and_then(|()| err.flush()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(done: u64, all: u64) -> ProgressLine {
        ProgressLine { day: "2026-11-21".to_owned(), step: "hits".to_owned(), done, all }
    }

    #[test]
    fn the_bar_fills_with_the_rows_done() {
        assert_eq!(bar(&line(0, 3)), "2026-11-21  hits         [------------------------]   0 %");
        assert_eq!(bar(&line(1, 3)), "2026-11-21  hits         [#######-----------------]  33 %");
        assert_eq!(bar(&line(9, 3)), "2026-11-21  hits         [########################] 100 %");
        assert_eq!(bar(&line(0, 0)), "2026-11-21  hits");
        assert_eq!(bar(&ProgressLine::looking()), "looking what is due");
    }
}
