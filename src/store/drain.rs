//! The loop that takes sealed segments from the spool and delivers them to ClickHouse.
//!
//! Several segments are on their way at a time, as long as what they hold in memory stays bounded.
//! A segment leaves the spool only when all of its groups are known to be in the database. While
//! ClickHouse is away it keeps trying. Rows that ClickHouse refuses as such three times go to the
//! bad directory, so that they do not hold up the others; nothing else ever does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::spool::{ReadError, Sealed, Spool};
use crate::store::Store;
use crate::store::deliver::{Delivery, Unusable};
use crate::store::tally::{Counts, Tally};
use crate::telemetry::Metrics;

/// Segments on their way at a time.
const IN_FLIGHT: usize = 4;
/// What the segments on their way may hold, KiB: while one is read and encoded, the size of its
/// file; then its compressed blocks, about a sixth of that.
const HELD_KIB: u32 = 12 * 1024;
/// First pause after a setback; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause while ClickHouse answers, but cannot take the rows.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Longest pause while ClickHouse does not answer: it is asked again soon.
const LONGEST_AWAY_PAUSE: Duration = Duration::from_secs(2);
/// Refusals of the rows themselves before a segment is set aside.
const REFUSALS: u32 = 3;
/// Setbacks in a row before one is worth a warning.
const WARN_AFTER: u32 = 5;

/// Delivers until the spool is closed and empty. Once `shutdown` is true the first setback ends it:
/// what is left is delivered by the next start.
pub async fn run(
    store: Store,
    spool: Spool,
    metrics: Arc<Metrics>,
    tally: Option<Arc<Tally>>,
    shutdown: watch::Receiver<bool>,
) {
    let mut workers = JoinSet::new();
    let room = Arc::new(Semaphore::new(HELD_KIB as usize));
    for _ in 0..IN_FLIGHT {
        let worker = Worker {
            store: store.clone(),
            spool: spool.clone(),
            metrics: Arc::clone(&metrics),
            tally: tally.clone(),
            room: Arc::clone(&room),
            shutdown: shutdown.clone(),
        };
        workers.spawn(worker.run());
    }
    while let Some(ended) = workers.join_next().await {
        if ended.is_err() {
            tracing::error!(
                "A delivery worker panicked; its segment is delivered at the next start."
            );
        }
    }
}

struct Worker {
    store: Store,
    spool: Spool,
    metrics: Arc<Metrics>,
    /// Where events are counted that leave the spool.
    tally: Option<Arc<Tally>>,
    /// Shared by all workers.
    room: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
}

/// How a segment left the worker.
enum End {
    Delivered(Counts),
    Bad(Counts, String),
    Stopped,
}

/// The batch that an [`End`] is of.
#[derive(Clone, Copy)]
struct Batch {
    spool: u32,
    number: u64,
}

impl Worker {
    async fn run(mut self) {
        while let Some(segment) = self.spool.next().await {
            let batch = Batch { spool: segment.spool, number: segment.batch };
            let end = self.deliver(segment).await;
            let stopped = matches!(end, End::Stopped);
            if matches!(end, End::Bad(..)) {
                self.metrics.batches_bad.inc();
                tracing::error!(
                    batch = batch.number,
                    "A batch was set aside in the bad directory: data is missing."
                );
            }
            let (spool, tally) = (self.spool.clone(), self.tally.clone());
            let disk = tokio::task::spawn_blocking(move || {
                put_away(&spool, tally.as_deref(), batch, end);
            });
            if disk.await.is_err() {
                let batch = batch.number;
                tracing::error!(batch, "The spool could not be told what became of a batch.");
            }
            if stopped {
                return;
            }
        }
    }

    async fn deliver(&mut self, segment: Sealed) -> End {
        let batch = segment.batch;
        let (mut delivery, _room) = match self.read(segment).await {
            Ok(Some(read)) => read,
            Ok(None) => return End::Stopped,
            Err(unusable) => return End::Bad(Counts::new(), unusable),
        };
        let mut refusals = 0;
        let mut setbacks = 0_u32;
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(setback) = delivery.attempt(&self.store, &self.metrics).await else {
                return End::Delivered(delivery.accepted);
            };
            if setback.row_fault {
                refusals += 1;
                if refusals == REFUSALS {
                    return End::Bad(delivery.accepted, setback.error.to_string());
                }
            }
            setbacks += 1;
            if setbacks == WARN_AFTER {
                tracing::warn!(batch, error = %setback.error, "Rows wait in the spool.");
            }
            if *self.shutdown.borrow() || !self.wait(&mut pause).await {
                return End::Stopped;
            }
        }
    }

    /// Reads and encodes a segment as soon as there is room for it, and keeps the room it needs;
    /// `None` when asked to stop. A disk that refuses is asked again for as long as it does.
    async fn read(
        &mut self,
        segment: Sealed,
    ) -> Result<Option<(Delivery, OwnedSemaphorePermit)>, String> {
        let whole = kib(segment.bytes);
        let room = tokio::select! {
            room = Arc::clone(&self.room).acquire_many_owned(whole) => room,
            () = stopping(&mut self.shutdown) => return Ok(None),
        };
        let mut room = room.map_err(|_| "there is no room".to_owned())?;
        let segment = Arc::new(segment);
        let mut pause = FIRST_PAUSE;
        loop {
            let reading = Arc::clone(&segment);
            let read = tokio::task::spawn_blocking(move || Delivery::read(&reading)).await;
            match read {
                Ok(Ok(delivery)) => {
                    let spare = whole.saturating_sub(kib(delivery.bytes() as u64));
                    drop(room.split(spare as usize));
                    return Ok(Some((delivery, room)));
                }
                Ok(Err(Unusable::Unreadable(ReadError::Io(_)))) => {
                    if *self.shutdown.borrow() || !self.wait(&mut pause).await {
                        return Ok(None);
                    }
                }
                Ok(Err(unusable)) => return Err(unusable.to_string()),
                Err(_) => return Err("reading it failed".to_owned()),
            }
        }
    }

    /// Pauses, then waits until ClickHouse answers; `false` when asked to stop meanwhile.
    async fn wait(&mut self, pause: &mut Duration) -> bool {
        loop {
            let stop = tokio::select! {
                () = tokio::time::sleep(jittered(*pause)) => false,
                () = stopping(&mut self.shutdown) => true,
            };
            if stop {
                return false;
            }
            let answers = self.store.ping().await.is_ok();
            let longest = if answers { LONGEST_PAUSE } else { LONGEST_AWAY_PAUSE };
            *pause = pause.saturating_mul(2).min(longest);
            if answers {
                return true;
            }
        }
    }
}

/// Counts what leaves the spool, and then lets it go. Blocks.
fn put_away(spool: &Spool, tally: Option<&Tally>, batch: Batch, end: End) {
    let Batch { spool: of, number } = batch;
    if let (Some(tally), End::Delivered(accepted) | End::Bad(accepted, _)) = (tally, &end)
        && let Err(error) = tally.note(of, number, accepted)
    {
        tracing::warn!(batch = number, %error, "The events of a batch could not be written down.");
    }
    match end {
        End::Delivered(_) => {
            spool.delivered(number);
            if let Some(tally) = tally.filter(|_| !spool.holds(number)) {
                tally.gone(of, number);
            }
        }
        End::Bad(_, reason) => spool.quarantine(number, &reason),
        End::Stopped => spool.give_back(number),
    }
}

/// Whole KiB of so many bytes; at most all there are, so that any segment finds room.
fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(HELD_KIB)
}

async fn stopping(shutdown: &mut watch::Receiver<bool>) {
    if shutdown.wait_for(|stop| *stop).await.is_err() {
        // Nobody can ask any more: there is no stop.
        std::future::pending::<()>().await;
    }
}

/// Between half and the whole of a pause, so that several collectors do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0_u8; 1];
    // Without random bytes the whole pause does as well.
    let share = getrandom::fill(&mut random).map_or(256, |()| u32::from(random[0]) + 1);
    pause / 2 + (pause / 2) * share / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_at_least_half_and_never_longer() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(2));
            assert!(pause >= Duration::from_secs(1) && pause <= Duration::from_secs(2));
        }
    }
}
