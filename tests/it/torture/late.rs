//! Requests that reach ClickHouse long after whoever sent them has gone: they lay in a buffer on the
//! way, or before a server that hardly got on. Meanwhile their batches were looked for, not found and
//! delivered again.

use super::{SITE, load, using};
use crate::support::foreign::Foreign;
use crate::support::load::Fate;
use crate::support::ordeal::Ordeal;
use crate::support::program::Program;
use crate::support::sql::Door;
use crate::support::weather::{Trouble, Weather};
use crate::support::{seconds, wait_until};

/// What every insert of events names.
const INSERT: &str = "INSERT+INTO+open_events";
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
        wait_until("a kept request", seconds(30), || weather.kept() > 0);
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
        late += weather.pass_on(INSERT).len();
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
    wait_until("a kept request", seconds(30), || weather.kept() > 0);
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
    assert!(!answers.is_empty() && answers.iter().all(|answer| answer.contains(" 200 ")));
    assert_eq!(rows(&door), 0, "rows of a closed day came back");
}
