//! Rows that come after their day was closed, before and after the 72 hours.

use crate::days::raw::{Maker, Raw};
use crate::days::{
    DAY, HOUR, Place, assert_closed, assert_numbered, closable, day, recount, settled, start, steps,
};

/// Rows of visitors who are known already, and of new ones.
fn late_rows(maker: &mut Maker, known: &[Raw]) -> Vec<Raw> {
    let mut rows = maker.site(3, 20);
    for row in known.iter().filter(|row| row.visitor != 0).take(60) {
        let second = row.ts - start() + 900;
        rows.push(maker.event(row.site, row.visitor, second));
    }
    rows.extend(maker.site(11, 10));
    rows
}

#[test]
fn rows_before_the_72_hours_make_one_more_whole_generation_and_later_ones_an_addition() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 21);
    let mut rows = [maker.site(3, 200), maker.site(4, 100)].concat();
    maker.store(&place.engine(), &mut rows, 7, 1);
    place.close(closable());
    let before = assert_closed(&place, 1, &rows);
    let mut late = late_rows(&mut maker, &rows);
    maker.store(&place.engine(), &mut late, 8, 1);
    assert_eq!(place.close(settled() - 1), []);
    assert_eq!(place.status(settled() - 1).open_rows_of_closed_days, late.len() as u64);
    rows.append(&mut late);

    let closed = place.close(settled());
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].gen_number, closed[0].addition, closed[0].late_rows), (2, false, 0));
    let ordinals = assert_closed(&place, 2, &rows);
    assert_numbered(&ordinals);
    let same = before.iter().filter(|(who, ordinal)| ordinals[who] == **ordinal).count();
    assert!(same < before.len() / 2, "the second generation is numbered as the first");
    assert_eq!(place.count("open_events"), 0, "open rows are gone");
    assert_eq!(place.status(settled()).open_rows_of_closed_days, 0);

    // The replaced generation stays for those who read it, but not for long.
    assert_eq!(place.close(settled() + 599), []);
    assert!(!place.hits(1).is_empty());
    assert_eq!(place.close(settled() + 600), []);
    assert!(place.hits(1).is_empty());
    assert_eq!(place.value("SELECT groupUniqArray(gen) FROM totals"), "[2]");

    let mut later = late_rows(&mut maker, &rows);
    maker.store(&place.engine(), &mut later, 7, 500);
    let status = place.status(settled() + HOUR);
    assert_eq!(status.open_rows_of_closed_days, later.len() as u64);
    let closed =
        place.close_with(settled() + HOUR, 60, &steps(u32::MAX)).expect("it can be closed");
    let events = recount::hits(&later).len() as u64;
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].gen_number, closed[0].addition), (3, true));
    assert_eq!((closed[0].rows, closed[0].late_rows), (events, events));
    let added = assert_closed(&place, 3, &later);
    for ((site, _), ordinal) in &added {
        let known = ordinals.keys().filter(|(known, _)| known == site).count() as u64;
        let new = added.keys().filter(|(added, _)| added == site).count() as u64;
        assert!((known + 1..=known + new).contains(ordinal), "{ordinal} of site {site}");
    }
    assert_eq!(place.count("open_events"), 0);
    assert_eq!(place.close(settled() + 2 * HOUR), []);
    assert_eq!(place.hits(2).len(), recount::hits(&rows).len(), "the whole generation stays");
}

#[test]
fn a_second_addition_is_numbered_behind_the_first() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 22);
    let mut all = 0;
    for (batch, at) in (1..).zip([settled(), settled() + HOUR, settled() + 2 * HOUR]) {
        let mut rows = maker.site(3, 30);
        maker.store(&place.engine(), &mut rows, 7, batch * 10);
        let closed = place.close(at);
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].addition, batch > 1);
        let ordinals = assert_closed(&place, closed[0].gen_number, &rows);
        let mut found: Vec<u64> = ordinals.into_values().collect();
        found.sort_unstable();
        let expected: Vec<u64> = (all + 1..=all + found.len() as u64).collect();
        assert_eq!(found, expected);
        all += found.len() as u64;
    }
    let batches = place.rows("SELECT spool, first, last FROM closed_batches WHERE gen > 0");
    assert_eq!(batches.len(), 3);
}

#[test]
fn runs_of_batches_bridge_no_gap_and_the_drain_may_ask_for_them() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 23);
    for (spool, first) in [(7, 1), (7, 2), (7, 3), (7, 5), (9, 3), (7, 9)] {
        let mut rows = maker.site(3, 4);
        maker.store(&place.engine(), &mut rows, spool, first);
    }
    place.close(closable());
    let sql = "SELECT arraySort(groupArray((spool, first, last))) FROM closed_batches";
    assert_eq!(place.value(sql), "[(7,1,3),(7,5,5),(7,9,9),(9,3,3)]");
    let taken = |batch: u32| {
        let sql = format!(
            "SELECT count() FROM closed_batches WHERE spool = 7 AND day = '{DAY}' AND \
             first <= {batch} AND last >= {batch} AND \
             gen IN (SELECT gen FROM closed_days WHERE day = '{DAY}') FORMAT TSVRaw"
        );
        let body = place.engine().query("insert", &sql).expect("the inserting user may ask");
        String::from_utf8_lossy(&body).trim() == "1"
    };
    assert_eq!([1, 3, 4, 5, 6, 9].map(taken), [true, true, false, true, false, true]);
    place.change("ALTER TABLE closed_days DELETE WHERE 1 SETTINGS mutations_sync = 2");
    assert!(!taken(1), "what was never published has taken nothing");
}

#[test]
fn open_rows_that_went_otherwise_are_not_lost_by_a_whole_generation() {
    let place = Place::new();
    let mut maker = Maker::new(DAY, start(), 24);
    let mut rows = maker.site(3, 50);
    maker.store(&place.engine(), &mut rows, 7, 1);
    place.close(closable());
    place.change(&format!("ALTER TABLE open_events DROP PARTITION '{DAY}'"));
    let mut late = maker.site(3, 10);
    maker.store(&place.engine(), &mut late, 7, 50);
    let closed = place.close(settled());
    assert!(closed.len() == 1 && closed[0].addition, "{closed:?}");
    assert_eq!(place.whole(), 1);
    assert_closed(&place, 1, &rows);
    assert_closed(&place, 2, &late);
    assert_eq!(place.status(settled()).closed_through, Some(day()));
}
