//! Twelve days of forty sites in forty zones: made up from a seed, stored straight into the open
//! days of a running program, and counted by brute force for any question.
//!
//! The counting shares nothing with reports or closing: it walks over the raw events, cuts visits,
//! and looks at every event for every question. Only the calendar is borrowed (`model::day`).

pub(crate) mod answer;
#[cfg(test)]
mod by_hand;
pub(crate) mod calendar;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod count;
pub(crate) mod crowd;
pub(crate) mod filter;
pub(crate) mod oblige;
pub(crate) mod question;
pub(crate) mod rows;
pub(crate) mod story;
pub(crate) mod table;
pub(crate) mod words;

/// A count that fits 32 bits, as every count here does.
pub(crate) fn n32(n: usize) -> u32 {
    u32::try_from(n).expect("a million fits 32 bits")
}

/// A place in a list, of so many.
pub(crate) fn place(n: u64) -> usize {
    usize::try_from(n).expect("a place in a list")
}
