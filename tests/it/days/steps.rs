//! A closing that is cut off between any two of its steps, and one during which rows arrive.

use std::time::{Duration, Instant};

use crate::days::raw::{self, Maker};
use crate::days::{DAY, HOUR, Place, assert_closed, closable, day, recount, settled, start, steps};
use crate::support::{seconds, wait_until};

/// More steps than any closing here has.
const MANY: u32 = 300;

#[test]
fn a_closing_cut_off_at_any_step_leaves_the_day_as_it_was() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 31);
    let mut rows = [maker.site(3, 40), maker.site(4, 30)].concat();
    maker.store(&place.engine(), &mut rows, 7, 1);
    let mut cut = 0;
    let closed = loop {
        let closed = place.close_with(closable(), 200, &steps(cut)).expect("it ends in order");
        if !closed.is_empty() {
            break closed;
        }
        assert_eq!(place.count("closed_days"), 0, "after {cut} steps");
        cut += 1;
        assert!(cut < MANY, "it never ends");
    };
    assert!(cut > 10, "only {cut} steps");
    assert_closed(&place, closed[0].gen_number, &rows);
    assert_eq!(place.count("closed_days"), 1);

    // Late rows, and the same again until the open rows are gone.
    let mut late = maker.site(3, 25);
    maker.store(&place.engine(), &mut late, 8, 1);
    rows.append(&mut late);
    let mut published = Vec::new();
    for cut in 0..MANY {
        let before = place.whole();
        published.extend(place.close_with(settled(), 200, &steps(cut)).expect("it ends in order"));
        let open = place.count("open_events");
        if published.is_empty() {
            assert_eq!((place.whole(), open), (before, rows.len() as u64), "after {cut} steps");
        } else if open == 0 {
            break;
        }
    }
    assert_eq!(published.len(), 1, "{published:?}");
    assert_eq!(place.count("open_events"), 0);
    assert_closed(&place, published[0].gen_number, &rows);

    // What the cut off ones have left goes with the next closing.
    let mut next = Maker::new("2093-06-17", start() + 86_400, 32);
    let mut others = next.site(3, 5);
    next.store(&place.engine(), &mut others, 7, 100);
    assert_eq!(place.close(settled() + 600).len(), 1);
    for table in ["hits", "totals"] {
        let sql = format!("SELECT uniqExact(gen) FROM {table} WHERE day = '{DAY}'");
        assert_eq!(place.value(&sql), "1", "{table}");
    }
    assert_closed(&place, published[0].gen_number, &rows);
}

#[test]
fn late_rows_in_a_part_with_taken_ones_are_added_before_it_goes() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 33);
    let mut rows = maker.site(3, 60);
    maker.store(&place.engine(), &mut rows, 7, 1);
    place.close(closable());
    // As if dropping had begun and ended at once.
    place.change(&format!("INSERT INTO closed_batches VALUES (0, '{DAY}', 1, 0, 0)"));
    let mut late = maker.site(3, 20);
    maker.store(&place.engine(), &mut late, 8, 1);
    place.change(&format!("OPTIMIZE TABLE open_events PARTITION '{DAY}' FINAL"));
    let closed = place.close(settled());
    assert_eq!(closed.iter().map(|one| one.addition).collect::<Vec<_>>(), [true]);
    assert_closed(&place, 1, &rows);
    assert_closed(&place, 2, &late);
    assert_eq!(place.count("open_events"), 0);
}

#[test]
fn rows_that_arrive_while_a_day_is_closed_are_in_it_once() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 34);
    let mut rows = [maker.site(3, 60), maker.site(5, 30)].concat();
    maker.store(&place.engine(), &mut rows, 7, 1);
    let mut more = maker.site(4, 10);
    for (position, row) in (0..).zip(&mut more) {
        (row.spool, row.batch, row.position) = (7, 90, position);
    }
    let engine = place.engine();
    let watch = steps(u32::MAX);
    let arriving = more.clone();
    *watch.meanwhile.lock().expect("not poisoned") =
        Some(Box::new(move || raw::insert(&engine, &arriving)));
    let closed = place.close_with(closable(), 100, &watch).expect("the day can be closed");
    rows.append(&mut more);
    assert_eq!(closed.len(), 1);
    assert!(closed[0].gen_number > 1, "the first try was given up");
    assert_closed(&place, closed[0].gen_number, &rows);
    assert_eq!(place.status(closable() + HOUR).closed_through, Some(day()));
}

#[test]
fn a_statement_that_an_older_closing_left_running_is_stopped() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 35);
    let mut rows = maker.site(3, 10);
    maker.store(&place.engine(), &mut rows, 7, 1);
    let engine = place.engine();
    let began = Instant::now();
    let left = std::thread::spawn(move || {
        let slow = "SELECT count() FROM numbers(1000) WHERE sleepEachRow(1) = 1 \
            SETTINGS max_block_size = 1, max_threads = 1";
        engine.query_as("schema", "close-hits-left", slow)
    });
    wait_until("the slow statement to run", seconds(20), || {
        let sql = "SELECT count() FROM system.processes WHERE query_id = 'close-hits-left'";
        place.engine().query("schema", sql).is_ok_and(|body| body.starts_with(b"1"))
    });
    assert_eq!(place.close(closable()).len(), 1);
    let ended = left.join().expect("no panic");
    assert!(ended.is_err() && began.elapsed() < Duration::from_secs(120), "{ended:?}");
    assert_eq!(recount::hits(&rows).len(), place.hits(1).len());
}
