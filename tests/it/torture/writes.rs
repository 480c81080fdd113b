//! A disk that refuses: `fdatasync` and writes of the spool end with EIO, ENOSPC or half of what
//! was given, one at a time or for a while.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{SITE, door, load};
use crate::support::disk::{Disk, Step};
use crate::support::home::Home;
use crate::support::load::{self, Fate, Ledger};
use crate::support::ordeal::Ordeal;
use crate::support::program::{Options, Program};
use crate::support::{seconds, wait_until};

/// Within this a disk that works again must be used again.
const RECOVERY: Duration = seconds(5);

/// Options of a program on `disk`.
fn on(disk: &Disk) -> Options {
    let mut options = Options::behind_proxy();
    options.env.extend(disk.environment());
    options
}

/// Sends one event after the other and holds each answer against what the disk did meanwhile.
struct Witness<'a> {
    disk: &'a Disk,
    ledger: Ledger,
    client: crate::support::http::Client,
}

impl Witness<'_> {
    /// One event. Accepted means that since it was sent a log was synced.
    fn send(&mut self) -> Fate {
        let number = u32::try_from(self.ledger.len()).expect("few events");
        let before = self.disk.synced();
        let fate = load::send(&mut self.client, SITE, number);
        if fate == Fate::Accepted {
            assert!(
                self.disk.synced() > before,
                "event {number} was accepted before it was synced"
            );
        }
        self.ledger.insert(number, fate);
        fate
    }

    /// Sends until an event is accepted.
    fn recover(&mut self) {
        let begun = Instant::now();
        while self.send() != Fate::Accepted {
            assert!(begun.elapsed() < RECOVERY, "not accepted {RECOVERY:?} after the fault");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn each_sync() {
    let mut ordeal = Ordeal::begin("EIO on the nth sync", 20);
    let home = Home::new();
    let disk = Disk::new(home.scratch());
    let mut program = Program::start_in(home, on(&disk).site(SITE, "UTC"));
    let mut witness = Witness { disk: &disk, ledger: Ledger::new(), client: program.client() };
    for round in 0..ordeal.rounds {
        witness.recover();
        let failed = disk.failed();
        // Steps of different files: of the log, of its directory, of what is sealed from it.
        disk.fail(Step::Sync, Errno::IO, 1 + round % 40, 1 + round / 40 % 3);
        let begun = Instant::now();
        while disk.failed() == failed {
            witness.send();
            assert!(begun.elapsed() < seconds(20), "the disk was not asked for a sync");
        }
        witness.recover();
        if ordeal.random.below(5) == 0 {
            disk.heal();
            program = Program::start_in(program.kill9(), on(&disk));
            witness.client = program.client();
        }
    }
    assert_eq!(disk.reused(), 0, "a descriptor was trusted after its sync had failed");
    let refused = witness.ledger.values().any(|fate| *fate == Fate::Refused(503));
    assert!(refused, "no fault was met");
    disk.heal();
    let program = Program::start_in(program.kill9(), Options::behind_proxy());
    ordeal.check(&witness.ledger, &door(&program));
}

#[test]
fn under_load() {
    let mut ordeal = Ordeal::begin("disk errors", 20);
    let home = Home::new();
    let disk = Disk::new(home.scratch());
    let mut program = Program::start_in(home, on(&disk).site(SITE, "UTC"));
    let load = load(&program);
    for _ in 0..ordeal.rounds {
        load.wait_for_work();
        let faults = [
            (Step::Sync, Errno::IO),
            (Step::Write, Errno::IO),
            (Step::Write, Errno::NOSPC),
            (Step::ShortWrite, Errno::NOSPC),
            (Step::All, Errno::IO),
            (Step::All, Errno::ROFS),
        ];
        let (step, error) = *ordeal.random.pick(&faults);
        let times = *ordeal.random.pick(&[1, 2, 3, 10, u64::MAX]);
        let (failed, nth) = (disk.failed(), 1 + ordeal.random.below(20));
        let kill = ordeal.random.below(4) == 0;
        if kill {
            // A disk that takes nothing back, and a kill: what was refused may come back once.
            load.doubt(true);
        }
        disk.fail(step, error, nth, times);
        wait_until("the disk to fail", seconds(20), || disk.failed() > failed);
        ordeal.pause(300);
        if kill {
            let home = program.kill9();
            load.aim(None);
            disk.heal();
            program = Program::start_in(home, on(&disk));
            load.doubt(false);
            load.aim(Some(&program.url));
        }
        disk.heal();
    }
    load.wait_for_work();
    let ledger = load.stop();
    assert_eq!(disk.reused(), 0, "a descriptor was trusted after its sync had failed");
    let refused = ledger.values().any(|fate| *fate == Fate::Refused(503));
    assert!(refused, "no fault was met");
    let program = Program::start_in(program.kill9(), Options::behind_proxy());
    ordeal.check(&ledger, &door(&program));
}
