//! Power cuts: everybody stops, the file system of the data directory loses what it has not written,
//! it is mounted again as after a reboot, and the program starts.

use std::fs;

use rustix::process::Signal;

use super::{SITE, bad_files, door, load};
use crate::support::home::Home;
use crate::support::mounted::Mounted;
use crate::support::ordeal::Ordeal;
use crate::support::process;
use crate::support::program::{Options, Program};

/// Room for the engine and the spool, megabytes.
const DATA_MB: u64 = 1_024;
/// Room for a spool alone, megabytes.
const SPOOL_MB: u64 = 512;
/// Longest time from the first accepted events to a cut, milliseconds. Segments are sealed each
/// second, so a cut meets one that grows, is sealed, is delivered or is removed.
const LONGEST: u64 = 1_800;

#[test]
fn one_file_system() {
    let Some(disk) = Mounted::make(DATA_MB, None) else { return };
    suffer(Ordeal::begin("power cut", 2), &[&disk], Home::with_data(disk.path().join("data")));
}

#[test]
fn two_file_systems() {
    let Some(disk) = Mounted::make(DATA_MB, None) else { return };
    let data = disk.path().join("data");
    let Some(spool) = Mounted::make(SPOOL_MB, Some(data.join("spool"))) else { return };
    let ordeal = Ordeal::begin("power cut, two disks", 1);
    suffer(ordeal, &[&disk, &spool], Home::with_data(data));
}

/// Cuts the power of `disks`, each mounted on the one before.
fn suffer(mut ordeal: Ordeal, disks: &[&Mounted], home: Home) {
    let mut program = Program::start_in(home, Options::behind_proxy().site(SITE, "UTC"));
    let load = load(&program);
    for _ in 0..ordeal.rounds {
        load.wait_for_work();
        ordeal.pause(LONGEST);
        // The processor stops with the disk. Left running, a program can be lied to: on ext4 a sync
        // that is under way while the file system is shut down may end well without having written
        // (seen in 2 of 120 tries with a program that does nothing but write and sync).
        program.engines().into_iter().chain([program.pid()]).for_each(process::freeze);
        let mut order: Vec<&&Mounted> = disks.iter().collect();
        if ordeal.random.below(2) == 0 {
            order.reverse();
        }
        order.iter().for_each(|disk| disk.cut());
        // Stopped, an engine does not notice that its program is gone.
        program.engines().into_iter().for_each(|engine| process::signal(engine, Signal::KILL));
        let home = program.kill9();
        load.aim(None);
        disks.iter().rev().for_each(|disk| disk.unmount());
        disks.iter().for_each(|disk| disk.mount().expect("it was mounted before"));
        // What was in memory is gone as well.
        for entry in fs::read_dir(home.keys()).expect("the key directory").flatten() {
            fs::remove_file(entry.path()).expect("a file of ours");
        }
        program = Program::start_in(home, Options::behind_proxy());
        load.aim(Some(&program.url));
    }
    load.wait_for_work();
    let ledger = load.stop();
    let program = Program::start_in(program.kill9(), Options::behind_proxy());
    ordeal.check(&ledger, &door(&program));
    assert_eq!(bad_files(program.home()), 0, "a power cut is no damage");
}
