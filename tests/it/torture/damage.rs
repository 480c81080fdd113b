//! Damage of the spool's files between a kill and a start: what lies before it, and in a sealed file
//! behind the next mark, is stored once; nothing is made up or doubled. (Each byte in turn is the
//! matter of the spool's own tests.)

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::{SITE, load, using};
use crate::support::foreign::Foreign;
use crate::support::home::Home;
use crate::support::load::{self, Fate};
use crate::support::ordeal::Ordeal;
use crate::support::process;
use crate::support::program::Program;
use crate::support::random::Random;

/// Distance of marks in a file of the spool, bytes.
const BLOCK: usize = 64 * 1024;
/// Longest record of the load before and behind its path, bytes.
const RECORD: usize = 600;
const SECTOR: usize = 512;

fn segments(home: &Home) -> Vec<PathBuf> {
    let folder = fs::read_dir(home.data().join("spool")).expect("the spool").flatten();
    let mut all: Vec<PathBuf> = folder
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "seg" || end == "log"))
        .collect();
    all.sort();
    all
}

/// Events in a file: place of the path, and number.
fn events(bytes: &[u8]) -> Vec<(usize, u32)> {
    let text = |at: usize| -> Option<&str> {
        let length = usize::from(*bytes.get(at)?);
        std::str::from_utf8(bytes.get(at + 1..at + 1 + length)?).ok()
    };
    let find = |what: &[u8], from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.windows(what.len()).position(|one| one == what).map(|at| from + at)
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(path) = find(b"/n/", at) {
        at = path + 1;
        let part = find(b"\x04part", at).and_then(|part| text(part + 5));
        let number =
            text(path - 1).zip(part).and_then(|(path, part)| load::number(path, part).ok());
        found.extend(number.map(|number| (path, number)));
    }
    found
}

/// Damages a file; the bytes that are not as they were.
fn damage(path: &Path, random: &mut Random) -> Range<usize> {
    let mut bytes = fs::read(path).expect("our own spool");
    let length = bytes.len();
    let mut below = |n: usize| usize::try_from(random.below(n as u64)).expect("below a length");
    let at = below(length);
    let sector = at / SECTOR * SECTOR;
    let end = length.min(sector + SECTOR);
    let hurt = match below(5) {
        0 => {
            bytes[at] ^= 1 << below(8);
            at..at + 1
        }
        1 => {
            bytes.truncate(at);
            at..length
        }
        2 => {
            bytes[sector..end].fill(0);
            sector..end
        }
        3 => {
            bytes.extend((0..below(3_000)).map(|n| n.to_le_bytes()[0]));
            length..bytes.len()
        }
        _ => {
            let next = length.min(end + SECTOR);
            bytes.copy_within(sector..sector + (next - end), end);
            end..next
        }
    };
    fs::write(path, bytes).expect("our own spool");
    hurt
}

/// Damages one of the segments; numbers of events that may be lost by it.
fn hurt_one(home: &Home, random: &mut Random) -> BTreeSet<u32> {
    let files = segments(home);
    let file = random.pick(&files);
    let bytes = fs::read(file).expect("our own spool");
    let all = events(&bytes);
    assert!(!all.is_empty(), "no event is found in {}", file.display());
    let hurt = damage(file, random);
    let sealed = file.extension().is_some_and(|end| end == "seg");
    let mark = if sealed { hurt.end.div_ceil(BLOCK) * BLOCK } else { usize::MAX };
    let touched = |at: &usize| at + RECORD > hurt.start && *at < mark.saturating_add(RECORD);
    let lost: BTreeSet<u32> =
        all.iter().filter(|(at, _)| touched(at)).map(|(_, number)| *number).collect();
    println!("{hurt:?} of {}: at most {} of {}", file.display(), lost.len(), all.len());
    lost
}

#[test]
fn between_kill_and_start() {
    let mut ordeal = Ordeal::begin("damaged spool", 6);
    let foreign = Foreign::start();
    let options = || using(&foreign, &foreign.url());
    let mut program = Program::start(options().site(SITE, "UTC"));
    let load = load(&program);
    let mut doubtful = BTreeSet::new();
    for _ in 0..ordeal.rounds {
        load.wait_for_work();
        // Nothing is delivered: files gather.
        process::signal(foreign.pid(), Signal::STOP);
        ordeal.pause(2_500);
        load.wait_for_work();
        let home = program.kill9();
        load.aim(None);
        doubtful.extend(hurt_one(&home, &mut ordeal.random));
        let id = home.data().join("spool/spool.id");
        if ordeal.random.below(6) == 0 {
            println!("and {:?} of {}", damage(&id, &mut ordeal.random), id.display());
        }
        process::signal(foreign.pid(), Signal::CONT);
        program = Program::start_in(home, options());
        load.aim(Some(&program.url));
    }
    load.wait_for_work();
    let mut ledger = load.stop();
    let accepted = ledger.len();
    for number in doubtful {
        ledger.insert(number, Fate::Unknown);
    }
    assert!(ledger.len() == accepted, "an event in a file that was never sent");
    ordeal.check(&ledger, &foreign.ours());
}
