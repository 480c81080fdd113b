//! How many events were accepted: a file beside the spool that outlives the segments, so that the
//! database can be asked whether it holds as many.
//!
//! A batch is written down when it leaves the spool, before its file goes: what is found twice
//! after a crash is counted once. Counted are the intact records of the file, whatever became of
//! them. The file holds numbers by site and day, no time and no token.
//!
//! Lines of text: `hctally 1 SINCE`, then one line a batch, `CRC32C SPOOL BATCH DAY:SITE:ROWS …`
//! (the checksum, hexadecimal, is that of the rest of the line; the batch is `-` for sums of many).
//! A line that a crash cut short, or that is damaged, is left out: then a number is too low.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Day;

/// What the first line begins with; another number is another layout.
const MAGIC: &str = "hctally 1 ";
/// Length at which the file is written anew, bytes.
const LONG_BYTES: u64 = 1024 * 1024;
/// Longest file that is read, bytes; ours stay below a tenth of it.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Events by day and site.
pub type Counts = BTreeMap<(Day, u32), u64>;

/// The numbers of one spool directory. It may name several spools, if its id was lost once.
pub struct Tally {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` when the last write failed: what it left is not to be written behind. The next one
    /// writes the file anew, with all that is known.
    file: Option<File>,
    bytes: u64,
    since: u32,
    sums: BTreeMap<u32, Counts>,
    /// Batches that are written down and may be found again.
    noted: BTreeSet<(u32, u64)>,
}

/// Why a tally cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TallyError {
    /// A later version of the program wrote it. It was not touched.
    #[error("the tally is not of a kind that this program understands; move the file away")]
    Unknown,
    /// The disk refused.
    #[error("the tally: {0}")]
    Io(#[from] io::Error),
}

impl Tally {
    /// Reads the file, or begins one at `now`; `is_there` says of a batch whether the spool still
    /// has its file. Blocks.
    ///
    /// # Errors
    /// [`TallyError`].
    pub fn open(path: &Path, now: u32, is_there: impl Fn(u64) -> bool) -> Result<Self, TallyError> {
        let mut state = State { since: now, ..State::default() };
        match File::open(path) {
            Ok(file) => {
                let mut text = Vec::new();
                file.take(MAX_FILE_BYTES).read_to_end(&mut text)?;
                state.read(&String::from_utf8_lossy(&text))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        state.noted.retain(|(_, batch)| is_there(*batch));
        if let Err(error) = state.rewrite(path) {
            tracing::warn!(%error, "The tally cannot be written now.");
        }
        Ok(Self { path: path.to_path_buf(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when it counts, seconds since 1970.
    #[must_use]
    pub fn since(&self) -> u32 {
        self.state().since
    }

    /// Writes a batch down, durably, unless it is written down already. Blocks.
    ///
    /// # Errors
    /// When the disk refuses; it counts in this run all the same.
    pub fn note(&self, spool: u32, batch: u64, counts: &Counts) -> io::Result<()> {
        let mut state = self.state();
        if counts.is_empty() || !state.noted.insert((spool, batch)) {
            return Ok(());
        }
        state.add(spool, counts);
        if state.bytes >= LONG_BYTES {
            return state.rewrite(&self.path);
        }
        // After a failed write or sync nothing goes through the same descriptor.
        let Some(mut file) = state.file.take() else { return state.rewrite(&self.path) };
        let line = line(spool, Some(batch), counts);
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data())?;
        state.file = Some(file);
        state.bytes += line.len() as u64;
        Ok(())
    }

    /// The file of a batch is gone: it will not be found again.
    pub fn gone(&self, spool: u32, batch: u64) {
        self.state().noted.remove(&(spool, batch));
    }

    /// Drops days before `day`, on the disk, too, with the lines of single batches.
    pub fn forget_before(&self, day: Day) {
        let mut state = self.state();
        let days = |state: &State| state.sums.values().map(BTreeMap::len).sum::<usize>();
        let before = days(&state);
        for counts in state.sums.values_mut() {
            counts.retain(|(counted, _), _| *counted >= day);
        }
        if days(&state) < before
            && let Err(error) = state.rewrite(&self.path)
        {
            tracing::warn!(%error, "The tally cannot be written now.");
        }
    }

    /// The days it knows, of each spool.
    #[must_use]
    pub fn days(&self) -> BTreeSet<(u32, Day)> {
        let state = self.state();
        let all = state.sums.iter();
        all.flat_map(|(spool, counts)| counts.keys().map(|(day, _)| (*spool, *day))).collect()
    }

    /// Events of one spool and day, by site.
    #[must_use]
    pub fn of(&self, spool: u32, day: Day) -> BTreeMap<u32, u64> {
        let state = self.state();
        let counts = state.sums.get(&spool).into_iter().flatten();
        let of_day = counts.filter(|((counted, _), _)| *counted == day);
        of_day.map(|((_, site), rows)| (*site, *rows)).collect()
    }
}

impl State {
    fn add(&mut self, spool: u32, counts: &Counts) {
        let sums = self.sums.entry(spool).or_default();
        for (key, rows) in counts {
            *sums.entry(*key).or_default() += rows;
        }
    }

    fn read(&mut self, text: &str) -> Result<(), TallyError> {
        let mut lines = text.split_inclusive('\n');
        // An empty file is one whose first line a crash cut off.
        let Some(first) = lines.next() else { return Ok(()) };
        let since = first.strip_prefix(MAGIC).and_then(|rest| rest.trim_end().parse().ok());
        self.since = since.ok_or(TallyError::Unknown)?;
        for line in lines {
            let Some((spool, batch, counts)) = parsed(line) else {
                tracing::warn!("A line of the tally is damaged; its events are not audited.");
                continue;
            };
            if batch.is_none_or(|batch| self.noted.insert((spool, batch))) {
                self.add(spool, &counts);
            }
        }
        Ok(())
    }

    /// Puts sums, and the batches that may be found again, in place of the file.
    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        self.file = None;
        let mut text = format!("{MAGIC}{}\n", self.since);
        for (spool, counts) in &self.sums {
            text.push_str(&line(*spool, None, counts));
        }
        for (spool, batch) in &self.noted {
            text.push_str(&line(*spool, Some(*batch), &Counts::new()));
        }
        let temp = path.with_extension("tmp");
        let options = || {
            let mut options = OpenOptions::new();
            options.mode(0o600);
            options
        };
        let mut file = options().write(true).create(true).truncate(true).open(&temp)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(&temp, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = Some(options().append(true).open(path)?);
        self.bytes = text.len() as u64;
        Ok(())
    }
}

fn line(spool: u32, batch: Option<u64>, counts: &Counts) -> String {
    let batch = batch.map_or_else(|| "-".to_owned(), |batch| batch.to_string());
    let mut rest = format!("{spool} {batch}");
    for ((day, site), rows) in counts {
        // Writing to a String cannot fail.
        write!(rest, " {}:{site}:{rows}", day.0).unwrap_or_default();
    }
    format!("{:08x} {rest}\n", crc32c::crc32c(rest.as_bytes()))
}

fn parsed(line: &str) -> Option<(u32, Option<u64>, Counts)> {
    let (sum, rest) = line.strip_suffix('\n')?.split_once(' ')?;
    if u32::from_str_radix(sum, 16).ok()? != crc32c::crc32c(rest.as_bytes()) {
        return None;
    }
    let mut words = rest.split(' ');
    let spool = words.next()?.parse().ok()?;
    let batch = match words.next()? {
        "-" => None,
        number => Some(number.parse().ok()?),
    };
    let mut counts = Counts::new();
    for word in words {
        let mut numbers = word.split(':');
        let day = Day(numbers.next()?.parse().ok()?);
        let site = numbers.next()?.parse().ok()?;
        counts.insert((day, site), numbers.next()?.parse().ok()?);
    }
    Some((spool, batch, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Day = Day(20_000);

    fn counts(rows: u64) -> Counts {
        Counts::from([((DAY, 1), rows), ((DAY, 2), 1)])
    }

    #[test]
    fn it_outlives_a_run_and_counts_what_is_found_again_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tally");
        let tally = Tally::open(&path, 7, |_| true).unwrap();
        tally.note(3, 1, &counts(5)).unwrap();
        tally.gone(3, 1);
        tally.note(3, 2, &counts(10)).unwrap();
        // Killed before the file of batch 2 was gone; the file of batch 1 is.
        for _ in 0..2 {
            let tally = Tally::open(&path, 9, |batch| batch == 2).unwrap();
            tally.note(3, 2, &counts(10)).unwrap();
            assert_eq!(tally.of(3, DAY), BTreeMap::from([(1, 15), (2, 2)]));
            assert_eq!(tally.since(), 7);
        }
        let tally = Tally::open(&path, 9, |_| false).unwrap();
        tally.note(3, 3, &counts(1)).unwrap();
        assert_eq!(tally.of(3, DAY), BTreeMap::from([(1, 16), (2, 3)]));
        assert_eq!(tally.days(), BTreeSet::from([(3, DAY)]));
        tally.forget_before(Day(20_001));
        assert!(tally.days().is_empty());
    }

    #[test]
    fn after_a_failed_write_the_file_is_written_anew_with_all_that_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tally");
        let tally = Tally::open(&path, 7, |_| true).unwrap();
        tally.note(3, 1, &counts(5)).unwrap();
        // A descriptor that takes no writes.
        tally.state().file = Some(File::open(&path).unwrap());
        tally.note(3, 2, &counts(5)).unwrap_err();
        tally.note(3, 3, &counts(5)).unwrap();
        let again = Tally::open(&path, 9, |_| true).unwrap();
        assert_eq!(again.of(3, DAY)[&1], 15);
        // What is forgotten is gone from the disk, too.
        again.forget_before(Day(20_001));
        assert_eq!(std::fs::read_to_string(&path).unwrap().matches(":1:").count(), 0);
    }

    #[test]
    fn a_line_that_is_cut_or_damaged_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tally");
        let tally = Tally::open(&path, 7, |_| true).unwrap();
        for batch in 1..=3 {
            tally.note(3, batch, &counts(10)).unwrap();
        }
        drop(tally);
        let whole = std::fs::read(&path).unwrap();
        let first_line = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for at in first_line..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            let rows = Tally::open(&path, 9, |_| true).unwrap().of(3, DAY)[&1];
            assert!(rows == 20 || rows == 10, "{rows} at {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            let cut = Tally::open(&path, 9, |_| true).unwrap();
            assert!(cut.of(3, DAY).get(&1).is_none_or(|rows| rows % 10 == 0 && *rows < 30));
        }
    }

    #[test]
    fn a_later_kind_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tally");
        std::fs::write(&path, "hctally 2 something else\n").unwrap();
        assert!(matches!(Tally::open(&path, 1, |_| true), Err(TallyError::Unknown)));
        assert_eq!(std::fs::read(&path).unwrap(), b"hctally 2 something else\n");
    }
}
