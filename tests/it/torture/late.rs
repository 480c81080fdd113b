//! Requests that reach ClickHouse long after whoever sent them has gone: they lay in a buffer on the
//! way, or before a server that hardly got on. Meanwhile their batches were looked for, not found and
//! delivered again. And numbers of batches that are given twice.

use super::{SITE, bad_files, load, using};
use crate::support::foreign::Foreign;
use crate::support::load::Fate;
use crate::support::ordeal::Ordeal;
use crate::support::program::Program;
use crate::support::sql::Door;
use crate::support::weather::{Trouble, Weather};
use crate::support::{seconds, wait_until};

/// What every insert of events names.
const INSERT: &str = "INSERT+INTO+open_events";
/// What ClickHouse says of one whose batch is there.
const TAKEN: &str = "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO";
/// Longest time that requests are kept, milliseconds: one is sent each second.
const KEPT: u64 = 1_500;

fn rows(door: &Door) -> u64 {
    door.value("SELECT count() FROM open_events").parse().expect("a number")
}

#[test]
fn inserts_that_arrive_after_their_batches_were_delivered_again() {
    let mut ordeal = Ordeal::begin("late inserts", 10);
    let foreign = Foreign::start();
    let weather = Weather::start(foreign.port());
    let options = || using(&foreign, &weather.url());
    let mut program = Program::start(options().site(SITE, "UTC"));
    let load = load(&program);
    let mut late = 0;
    for round in 0..ordeal.rounds {
        load.wait_for_work();
        weather.set(Trouble::Kept);
        wait_until("a kept insert", seconds(30), || weather.has_kept(INSERT));
        ordeal.pause(KEPT);
        // Every other time the collector lives on, and only its connections end.
        if round % 2 == 0 {
            let home = program.kill9();
            load.aim(None);
            weather.set(Trouble::None);
            program = Program::start_in(home, options());
            load.aim(Some(&program.url));
        } else {
            weather.set(Trouble::None);
        }
        let before = load.accepted();
        let stored = || foreign.ours().text("SELECT count() FROM open_events").unwrap_or_default();
        wait_until("everything accepted so far to be stored", seconds(60), || {
            stored().trim().parse::<u64>().is_ok_and(|rows| rows >= u64::from(before))
        });
        late += weather.pass_on(INSERT).iter().filter(|answer| answer.contains(TAKEN)).count();
    }
    let ledger = load.stop();
    println!("arrived late: {late}");
    assert!(
        late >= usize::try_from(ordeal.rounds).expect("a small number") / 2,
        "{late} were late"
    );
    ordeal.check(&ledger, &foreign.ours());
}

/// The rows of a closed day are in other tables.
#[test]
fn an_insert_that_arrives_after_its_day_was_closed() {
    let foreign = Foreign::start();
    let weather = Weather::start(foreign.port());
    let program = Program::start(using(&foreign, &weather.url()).site(SITE, "UTC"));
    let load = load(&program);
    load.wait_for_work();
    weather.set(Trouble::Kept);
    wait_until("a kept insert", seconds(30), || weather.has_kept(INSERT));
    let ledger = load.stop();
    let accepted = ledger.values().filter(|fate| **fate == Fate::Accepted).count();
    weather.set(Trouble::None);
    let door = foreign.ours();
    wait_until("everything to be stored", seconds(60), || rows(&door) >= accepted as u64);
    // What a closing does, as far as an insert can see it.
    door.value(
        "INSERT INTO closed_batches (spool, day, gen, first, last) \
         SELECT spool, day, 1, min(batch), max(batch) FROM open_events GROUP BY spool, day",
    );
    door.value("INSERT INTO closed_days (day, gen) SELECT DISTINCT day, 1 FROM open_events");
    door.value("TRUNCATE TABLE open_events");
    let answers = weather.pass_on(INSERT);
    assert!(!answers.is_empty() && answers.iter().all(|answer| answer.contains(TAKEN)));
    assert_eq!(rows(&door), 0, "rows of a closed day came back");
}

/// A collector whose data were put back to an earlier state, unlike its ClickHouse, gives out numbers
/// of batches that are taken: what it accepts is set aside, with the reason, and not lost in silence.
#[test]
fn batches_whose_numbers_are_taken_are_set_aside() {
    let foreign = Foreign::start();
    let options = || using(&foreign, &foreign.url());
    let (code, _, home) = Program::start(options().site(SITE, "UTC")).stop();
    assert_eq!(code, 0);
    let id = home.data().join("spool/spool.id");
    let earlier = std::fs::read(&id).expect("the spool has an id");
    let door = foreign.ours();
    let mut stored = 0;
    let mut home = Some(home);
    for life in 0..2 {
        let program = Program::start_in(home.take().expect("a home"), options());
        let load = load(&program);
        load.wait_for_work();
        let accepted = load.stop().values().filter(|fate| **fate == Fate::Accepted).count() as u64;
        assert!(accepted > 0);
        if life == 0 {
            wait_until("everything to be stored", seconds(60), || rows(&door) == accepted);
            stored = accepted;
        } else {
            wait_until("a batch that is set aside", seconds(60), || bad_files(program.home()) > 0);
        }
        let (code, _, left) = program.stop();
        assert_eq!(code, 0);
        std::fs::write(&id, &earlier).expect("our own file");
        home = Some(left);
    }
    assert_eq!(rows(&door), stored, "rows were added under numbers that were taken");
    let home = home.expect("a home");
    let reasons = std::fs::read_dir(home.data().join("bad")).expect("a folder of ours");
    let paths = reasons.map(|entry| entry.expect("a file").path());
    let mut texts = paths.filter(|path| path.extension().is_some_and(|end| end == "reason"));
    let reason = texts.next().map(|path| std::fs::read_to_string(path).expect("a text"));
    assert!(reason.expect("a reason").contains("a copy of the spool"));
}
