//! A closer that falls asleep between its look at the lease and the statement it sends then, while
//! another one takes the lease and closes the same day.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use headcount::days::{self, CloseError, Closed, Progress, Watch};
use headcount::model::Day;

use crate::days::raw::{Maker, Raw};
use crate::days::{HOUR, MEMORY, Place, assert_closed, closable, day, settled, start};

/// More looks than any closing here takes.
const MANY: u32 = 60;
/// Days from one that is closed to the next, so that time never goes back.
const APART: u16 = 10;

/// Looks as often as it likes, sleeps at one look, and finds at the next that it has lost the lease.
struct Sleeper {
    looks: AtomicU32,
    sleeps_at: u32,
    owner: &'static str,
    asleep: Sender<()>,
    woken: Mutex<Receiver<()>>,
}

impl Watch for Sleeper {
    fn may_go_on(&self) -> bool {
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        if look == self.sleeps_at {
            self.asleep.send(()).expect("the other one listens");
            self.woken.lock().expect("not poisoned").recv().expect("the other one wakes it");
        }
        look <= self.sleeps_at
    }

    fn progress(&self, _: Progress) {}

    fn owner(&self) -> Option<&str> {
        Some(self.owner)
    }
}

/// Writes the lease over to `owner`.
fn take_lease(place: &Place, owner: &str) {
    place.change(&format!(
        "INSERT INTO leases SELECT 'all', '{owner}', {}, (SELECT max(version) + 1 FROM leases)",
        settled()
    ));
}

/// The first closes and falls asleep at one of its looks, then the second takes the lease, closes,
/// and wakes it. What both say they published; `None` when the first was done before.
fn close_asleep(place: &Place, sleeps_at: u32, now: u32) -> Option<Vec<Closed>> {
    take_lease(place, "first");
    std::thread::scope(|scope| {
        let (asleep, is_asleep) = channel();
        let (wake, woken) = channel();
        let second = scope.spawn(move || {
            is_asleep.recv().ok()?;
            take_lease(place, "second");
            let closed = close_as(&never_asleep("second"), place, now);
            wake.send(()).expect("it sleeps");
            Some(closed.expect("the second can close"))
        });
        let first =
            Sleeper { sleeps_at, asleep, woken: Mutex::new(woken), ..never_asleep("first") };
        // It may fail: what it wrote was removed under its hands.
        let by_first = close_as(&first, place, now).unwrap_or_default();
        drop(first);
        let by_second = second.join().expect("the thread of the second")?;
        Some([by_first, by_second].concat())
    })
}

fn never_asleep(owner: &'static str) -> Sleeper {
    let looks = AtomicU32::new(0);
    Sleeper {
        looks,
        sleeps_at: u32::MAX,
        owner,
        asleep: channel().0,
        woken: Mutex::new(channel().1),
    }
}

fn close_as(watch: &Sleeper, place: &Place, now: u32) -> Result<Vec<Closed>, CloseError> {
    let options = days::Options { memory_bytes: MEMORY, through: None };
    let store = crate::days::store(&place.program);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    runtime.block_on(days::close_due(&store, now, &options, watch))
}

/// Asserts that the day has the whole of `rows`, each addition once, and no publication that nobody
/// made.
fn assert_once(place: &Place, day: Day, said: &[Closed], rows: &[Raw], added: Option<&[Raw]>) {
    let sql = format!("SELECT gen, addition FROM closed_days WHERE day = '{day}' ORDER BY gen");
    let found: Vec<(u32, bool)> = place
        .rows(&sql)
        .iter()
        .map(|row| {
            let number = row["gen"].as_u64().expect("a number");
            (u32::try_from(number).expect("a number"), row["addition"] == 1)
        })
        .collect();
    let mut said: Vec<_> = said.iter().map(|one| (one.gen_number, one.addition)).collect();
    said.sort_unstable();
    assert_eq!(found, said, "publications of {day}, and what was said of them");
    let additions: Vec<bool> = found.iter().map(|one| one.1).collect();
    assert_eq!(additions, if added.is_some() { vec![false, true] } else { vec![false] }, "{day}");
    for ((number, _), rows) in found.iter().zip([Some(rows), added].into_iter().flatten()) {
        assert_closed(place, *number, rows);
    }
}

#[test]
fn a_closer_that_wakes_after_another_has_closed_adds_nothing_at_any_step() {
    let place = Place::new();
    for sleeps_at in 0..MANY {
        let from = u32::from(APART) * sleeps_at * 86_400;
        let day = Day(day().0 + APART * u16::try_from(sleeps_at).expect("a small number"));
        let mut maker = Maker::new(&day.to_string(), start() + from, 50 + u64::from(sleeps_at));
        let mut rows = maker.site(3, 12);
        maker.store(&place.engine(), &mut rows, 7, u64::from(sleeps_at) * 10);
        let whole = close_asleep(&place, sleeps_at, closable() + from);
        let Some(mut said) = whole else {
            assert!(sleeps_at > 8, "only {sleeps_at} looks");
            return;
        };
        assert_once(&place, day, &said, &rows, None);

        // The same with rows that come when the open ones are gone already.
        close_as(&never_asleep("second"), &place, settled() + from).expect("the rows can go");
        assert_eq!(place.count("open_events"), 0);
        let mut late = maker.site(3, 6);
        maker.store(&place.engine(), &mut late, 8, u64::from(sleeps_at) * 10);
        let added = close_asleep(&place, sleeps_at, settled() + from + HOUR);
        said.extend(added.expect("an addition takes no fewer looks"));
        assert_once(&place, day, &said, &rows, Some(&late));
        close_as(&never_asleep("second"), &place, settled() + from + HOUR).expect("it can close");
        assert_once(&place, day, &said, &rows, Some(&late));
        assert_eq!(place.count("open_events"), 0);
    }
    panic!("it never ends");
}
