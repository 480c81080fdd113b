//! Rows that are erased while their day is open, being closed, or closed.

use headcount::store::Selection;

use crate::days::raw::Maker;
use crate::days::{DAY, HOUR, Place, assert_closed, closable, day, settled, start, steps};

fn erase(place: &Place, site: u32) -> u64 {
    let day = Some(day());
    let selection = Selection { sites: Some(vec![site]), from: day, to: day };
    let erased = place.runtime.block_on(place.store.erase(&selection, closable()));
    let erased = erased.expect("rows can be erased");
    assert!(!erased.goes_on, "{erased:?}");
    erased.total()
}

fn rows_of(place: &Place, site: u32) -> [String; 3] {
    ["open_events", "hits", "totals"].map(|table| {
        place.value(&format!("SELECT count() FROM {table} WHERE site = {site} AND day = '{DAY}'"))
    })
}

#[test]
fn a_closed_day_settles_without_the_rows_that_were_erased_from_it() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 41);
    let mut gone = maker.site(3, 60);
    let mut rows = maker.site(4, 40);
    maker.store(&place.engine(), &mut gone, 7, 1);
    maker.store(&place.engine(), &mut rows, 7, 100);
    assert_eq!(place.close(closable()).len(), 1);
    assert!(erase(&place, 3) > 2 * 60);
    assert_eq!(rows_of(&place, 3), ["0", "0", "0"]);
    assert_closed(&place, 1, &rows);
    assert_eq!(place.close(closable() + HOUR), [], "the day stays closed");
    // Late rows make one more generation of what is left.
    let mut late = maker.site(4, 10);
    maker.store(&place.engine(), &mut late, 8, 1);
    rows.append(&mut late);
    let closed = place.close(settled());
    assert_eq!((closed.len(), closed[0].addition), (1, false));
    assert_closed(&place, closed[0].gen_number, &rows);
    assert_eq!(rows_of(&place, 3), ["0", "0", "0"]);
    assert_eq!(place.count("open_events"), 0);
    // The whole day of the other site, when nothing is open any more.
    erase(&place, 4);
    assert_eq!(place.close(settled() + HOUR), []);
    assert_eq!((place.count("hits"), place.count("totals")), (0, 0));
}

#[test]
fn rows_erased_while_their_day_is_being_closed_are_in_no_generation() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 42);
    let mut gone = maker.site(9, 300);
    let mut rows = maker.site(4, 200);
    maker.store(&place.engine(), &mut gone, 7, 1);
    maker.store(&place.engine(), &mut rows, 7, 1_000);
    let closing = std::thread::scope(|scope| {
        let closing = scope.spawn(|| place.close_with(closable(), 100, &steps(u32::MAX)));
        while place.count("hits") == 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        erase(&place, 9);
        assert_eq!(rows_of(&place, 9), ["0", "0", "0"], "right after it");
        closing.join().expect("the thread of the closing")
    });
    // Rows went under its hands: it begins anew, or is called again.
    let closed = match closing {
        Ok(closed) if !closed.is_empty() => closed,
        _ => place.close(closable() + 60),
    };
    assert_closed(&place, closed[0].gen_number, &rows);
    assert_eq!(rows_of(&place, 9), ["0", "0", "0"]);
}
