//! Closing: the open rows of a calendar day become `hits` and `totals`, and then go.
//!
//! A day is closed for all sites together, by the one process that holds the lease, in generations
//! (numbers that grow over all days). [`close_due`] does everything that is due and can be called
//! again at any time, also after a kill at any step.
//!
//! # The life of a day
//! 1. From 13:00 UTC of the next date, when no collector still holds rows of it, its first
//!    generation is written and published. Its open rows stay.
//! 2. 72 hours after it ended in the last zone, rows that came since are taken in by one more whole
//!    generation; then the open rows go, part by part. That dropping has begun is written down
//!    first, as an empty run of batches in `closed_batches`.
//! 3. Rows that come after that are added as further generations.
//!
//! # What a reader may rely on
//! - A generation counts when `closed_days` has it: the newest whole one of the day, and the
//!   additions behind it. Until then nobody sees it.
//! - A generation that was replaced stays for a while, for reports that have begun to read it.
//! - An open row is removed only when a published generation has taken its batch.
//!
//! # Who else may be closing
//! A process can lose its lease between the moment it looked and the statement it sends then. So
//! no number is used twice, not even that of a generation of which nothing is left: what comes too
//! late is written under a number that nobody publishes. And a publication is itself conditional
//! on the lease and on the rows it speaks of.

mod calendar;
mod chunks;
mod closing;
mod generation;
mod heavy;
mod hits;
mod parts;
mod source;
mod stale;
mod state;
mod status;
mod totals;

use std::time::Duration;

use crate::days::calendar::Stage;
use crate::days::closing::Closing;
use crate::days::source::Source;
use crate::days::state::{Published, State};
use crate::model::Day;
use crate::store::{Store, StoreError};

pub use status::{Status, status};

/// Memory of the engine for each open row that one statement takes, in bytes: half a million rows
/// at a time with the usual 600 MiB. Measured: 110 MB for them, of which 70 MB do not depend on
/// their number.
const BYTES_PER_ROW: u64 = 1_200;
/// Smaller chunks than this save no memory any more.
const CHUNK_ROWS_LEAST: u64 = 50_000;
/// How often a closing of a day is begun before it is left to the next call: anew when rows arrived
/// meanwhile, with half the rows at a time when memory was short.
const TRIES: u32 = 3;
/// The same when memory was short: the engine gives back what earlier statements used within
/// seconds, so each pause is longer than the one before.
const MEMORY_TRIES: u32 = 6;
/// First of these pauses; the second is twice as long, and so on.
const MEMORY_PAUSE: Duration = Duration::from_secs(3);

/// What a closing may use and how far it goes.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Memory of the engine, in bytes; a closing uses at most half of it.
    pub memory_bytes: u64,
    /// Last day to close; all that are due when not given.
    pub through: Option<Day>,
}

/// A generation that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// The day.
    pub day: Day,
    /// Rows of `hits` written: events other than engagement.
    pub rows: u64,
    /// Visitors of the day, summed over sites; of an addition, those of its rows.
    pub visitors: u64,
    /// Visits, likewise.
    pub visits: u64,
    /// Number of the generation.
    pub gen_number: u32,
    /// Whether it adds to a generation before.
    pub addition: bool,
    /// Rows that came after the 72 hours: those of an addition.
    pub late_rows: u64,
}

/// How far a closing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The day.
    pub day: Day,
    /// `hits`, then `totals`.
    pub step: &'static str,
    /// Open rows this step is done with.
    pub done_rows: u64,
    /// Open rows of the day.
    pub all_rows: u64,
}

/// Whoever ordered a closing.
pub trait Watch: Sync {
    /// Asked between steps and right before publishing: false (stopping, lease lost) ends it there.
    fn may_go_on(&self) -> bool;
    /// Told as rows are done.
    fn progress(&self, progress: Progress);
    /// Whose lease the closing works under; `None` when nobody else can use the database. Once
    /// another one has taken the lease nothing is published any more, whenever it was begun.
    fn owner(&self) -> Option<&str> {
        None
    }
}

/// Why a closing failed. What was published before stays; calling again goes on.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The database refuses or is away.
    #[error("closing: {0}")]
    Store(#[from] StoreError),
    /// Rows kept arriving or going while the day was being closed.
    #[error("rows of {day} arrived or went while it was being closed")]
    Changed {
        /// The day.
        day: Day,
    },
    /// What was written is not what was read.
    #[error("closing {day} wrote other numbers of rows than there are open ones")]
    Counts {
        /// The day.
        day: Day,
    },
    /// The database answered something else than was asked.
    #[error("the database answered a closing with rows of another shape")]
    Shape,
    /// The system gives no random numbers.
    #[error("no random key for a closing")]
    Random(#[from] getrandom::Error),
    /// Another process has taken the lease, or rows that were written have gone.
    #[error("what was written of {day} was taken over or went, and it was not published")]
    Overtaken {
        /// The day.
        day: Day,
    },
    /// The watch said so. [`close_due`] does not answer it.
    #[error("the closing was asked to stop")]
    Stopped,
}

impl CloseError {
    /// Whether the next day may be closed all the same.
    fn is_of_one_day(&self) -> bool {
        match self {
            Self::Changed { .. } | Self::Counts { .. } | Self::Overtaken { .. } => true,
            Self::Store(error) => error.is_out_of_memory(),
            Self::Shape | Self::Random(_) | Self::Stopped => false,
        }
    }
}

/// Does everything that is due at `now` (seconds since 1970 UTC): first closings, whole generations
/// at the end of the 72 hours, additions, dropping of open rows, removal of generations that do not
/// count any more. Answers what was published, which is less than everything when the watch ended
/// it.
///
/// Only one caller of a database at a time: it stops what another one runs.
///
/// # Errors
/// When the database refuses or is away, or rows do not add up and nothing was published; then the
/// days are as they were.
pub async fn close_due(
    store: &Store,
    now: u32,
    options: &Options,
    watch: &impl Watch,
) -> Result<Vec<Closed>, CloseError> {
    close_in_chunks(store, now, options, watch, options.memory_bytes / BYTES_PER_ROW).await
}

/// [`close_due`] with chunks of another size, so that tests see days in many chunks.
///
/// # Errors
/// As [`close_due`].
#[doc(hidden)]
pub async fn close_in_chunks(
    store: &Store,
    now: u32,
    options: &Options,
    watch: &impl Watch,
    chunk_rows: u64,
) -> Result<Vec<Closed>, CloseError> {
    let memory_bytes = options.memory_bytes / 2;
    let closing = Closing { store, watch, memory_bytes, chunk_rows, now };
    let mut closed = Vec::new();
    match closing.all_due(options.through, &mut closed).await {
        Ok(()) | Err(CloseError::Stopped) => Ok(closed),
        Err(error) => Err(error),
    }
}

impl<W: Watch> Closing<'_, W> {
    async fn all_due(
        &self,
        through: Option<Day>,
        closed: &mut Vec<Closed>,
    ) -> Result<(), CloseError> {
        let mut state = state::read(self.store).await?;
        if !self.due(&state, through).is_empty() {
            // A publication of a closing that was cut off may have come in until it was stopped.
            self.store.stop_closing().await?;
            state = state::read(self.store).await?;
        }
        let due = self.due(&state, through);
        stale::remove(self, &state, !due.is_empty()).await?;
        let mut failed = None;
        for (day, settled) in due {
            let done = if settled {
                self.settle(day, &state, closed).await
            } else {
                self.close(day, false, &state.of(day)).await.map(|one| closed.extend(one))
            };
            match done {
                // The fault of one day must not hold up the others.
                Err(error) if error.is_of_one_day() => {
                    tracing::error!(%day, %error, "A day could not be closed; it is tried again.");
                    failed = failed.or(Some(error));
                }
                done => done?,
            }
        }
        failed.filter(|_| closed.is_empty()).map_or(Ok(()), Err)
    }

    /// Days with something to do, and whether their 72 hours are over.
    fn due(&self, state: &State, through: Option<Day>) -> Vec<(Day, bool)> {
        let days = state.open.keys().filter(|day| through.is_none_or(|last| **day <= last));
        days.filter_map(|&day| match calendar::stage(day, self.now, &state.spools) {
            Stage::Closable if state.of(day).whole().is_none() => Some((day, false)),
            Stage::Settled => Some((day, true)),
            _ => None,
        })
        .collect()
    }

    /// Takes in everything that is not taken yet, then drops the open rows.
    async fn settle(
        &self,
        day: Day,
        state: &State,
        closed: &mut Vec<Closed>,
    ) -> Result<(), CloseError> {
        let published = state.of(day);
        if self.not_taken(day).await? > 0 {
            let addition = published.whole().is_some() && self.would_lose(day).await?;
            closed.extend(self.close(day, addition, &published).await?);
        }
        self.drop_taken(day).await
    }

    /// Writes a generation; anew when rows arrived meanwhile or memory was short.
    async fn close(
        &self,
        day: Day,
        addition: bool,
        published: &Published,
    ) -> Result<Option<Closed>, CloseError> {
        let mut chunk_rows = self.chunk_rows;
        let mut tries = 1;
        loop {
            let added_to = published.current().filter(|_| addition).map(|one| one.number).collect();
            let source = Source::new(day, addition, added_to)?;
            match self.write(&source, chunk_rows).await {
                Err(CloseError::Changed { .. }) if tries < TRIES => {}
                Err(CloseError::Store(error))
                    if error.is_out_of_memory() && tries < MEMORY_TRIES =>
                {
                    chunk_rows = (chunk_rows / 2).max(CHUNK_ROWS_LEAST.min(chunk_rows));
                    tokio::time::sleep(MEMORY_PAUSE * tries).await;
                    self.go_on()?;
                }
                done => return done,
            }
            tries += 1;
        }
    }
}
