//! The events, the program that was told them, and what both say of them as time goes on.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::support::command;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::years::calendar::{DAYS, ZONES, date};
use crate::support::years::check::Found;
use crate::support::years::crowd::{Crowd, Event};
use crate::support::years::rows;
use crate::support::years::table::{Table, View};

/// One line of `headcount close`: day number, and its rows, visitors and visits.
pub(crate) type Closed = (usize, [u64; 3]);

/// Most questions that may want more memory than one report has of the engine's 600 MiB: nested
/// conditions on many columns of all open rows of the biggest site.
const REFUSED: usize = 4;

/// The events, and the program that was told them.
pub(crate) struct Story {
    events: Arc<Vec<Event>>,
    /// The events of each site.
    ranges: Vec<Range<usize>>,
    /// `None` only while it is started again.
    program: Option<Program>,
    key: String,
    /// Numbers of the sites in the database.
    sites: Vec<u32>,
    begun: Instant,
    /// Differences so far.
    faults: Mutex<usize>,
    /// Questions that were refused so far.
    refused: Mutex<usize>,
}

fn domain(site: usize) -> String {
    format!("s{site:02}.example")
}

fn options(clock: u32, threshold: u64) -> Options {
    let options = Options { clock: Some(clock), ..Options::default() };
    options.env("HEADCOUNT_THRESHOLD", &threshold.to_string())
}

impl Story {
    /// Makes up `count` events, starts a program at `clock` and makes its sites.
    pub(crate) fn begin(seed: u64, count: usize, clock: u32) -> Self {
        let begun = Instant::now();
        let events = Crowd::new(seed, count).events;
        assert_eq!(events.len(), count);
        let mut ranges = vec![0..0; ZONES.len()];
        let mut from = 0;
        for of_site in events.chunk_by(|a, b| a.site == b.site) {
            let to = from + of_site.len();
            ranges[usize::from(of_site[0].site)] = from..to;
            from = to;
        }
        let program = Program::start(options(clock, 1));
        let lines: String = ZONES
            .iter()
            .enumerate()
            .map(|(site, zone)| format!("site add {} --timezone {zone}\n", domain(site)))
            .collect();
        command::at_home(program.home(), &["admin"], &lines).expect_ok("forty times site add");
        let said = program.run(&["key", "create", "--all-sites", "--scope", "read"]);
        let key = said.expect_ok("key create").trim().to_owned();
        let sites = numbers(&program);
        let story = Self {
            events: Arc::new(events),
            ranges,
            program: Some(program),
            key,
            sites,
            begun,
            faults: Mutex::new(0),
            refused: Mutex::new(0),
        };
        story.tell("the sites are known");
        story
    }

    pub(crate) fn program(&self) -> &Program {
        self.program.as_ref().expect("a program that is not being started")
    }

    /// Says how far the story is.
    pub(crate) fn tell(&self, what: &str) {
        println!("{:6.1} s: {what}", self.begun.elapsed().as_secs_f32());
    }

    /// The batches of that arrival reach the database.
    pub(crate) fn arrive(&self, arrival: u8) {
        let data = self.program().home().data();
        let rows = rows::insert(&data, &self.sites, &self.events, arrival);
        self.tell(&format!("{rows} rows of arrival {arrival} are stored"));
    }

    /// Moves the clock to `clock` and closes everything that is due then.
    pub(crate) fn close(&self, clock: u32, through: usize) -> Vec<Closed> {
        self.program().clock.as_ref().expect("a clock").set(clock);
        let day = date(i32::try_from(through).expect("a few days")).to_string();
        let said = self.program().run(&["close", "--through", &day]).expect_ok("close");
        self.tell(&format!("closed through {day}:\n{said}"));
        let days = self.program().clickhouse().value("SELECT uniqExact(day) FROM closed_days");
        assert_eq!(days, (through + 1).to_string(), "days that are closed");
        said.lines().map(closed).collect()
    }

    /// Starts the program again at `clock`, with another threshold.
    pub(crate) fn restart(&mut self, clock: u32, threshold: u64) {
        let (code, _, home) = self.program.take().expect("a running program").stop();
        assert_eq!(code, 0, "{}", home.log());
        self.program = Some(Program::start_in(home, options(clock, threshold)));
        self.tell(&format!("started again with the threshold {threshold}"));
    }

    /// Every site as `view` shows it.
    pub(crate) fn tables(&self, view: &View) -> Vec<Table> {
        let table = |range: &Range<usize>| Table::new(&self.events, range.clone(), view);
        let (biggest, others) = self.ranges.split_first().expect("forty sites");
        std::thread::scope(|scope| {
            let rest = scope.spawn(move || others.iter().map(table).collect::<Vec<Table>>());
            let mut tables = vec![table(biggest)];
            tables.extend(rest.join().expect("tables"));
            tables
        })
    }

    /// A reader of a site.
    pub(crate) fn reports(&self, site: usize) -> Reports {
        Reports::new(self.program().client(), &domain(site), &self.key)
    }

    /// Does something with every one of `all`, on two threads, and ends the test when there was a
    /// difference.
    pub(crate) fn ask<T: Sync>(&self, phase: &str, all: &[T], one: impl Fn(&T, &mut Found) + Sync) {
        let some = |odd: usize| -> Found {
            let mut found = Found::default();
            all.iter().skip(odd).step_by(2).for_each(|asked| one(asked, &mut found));
            found
        };
        let mut found = std::thread::scope(|scope| {
            let odd = scope.spawn(|| some(1));
            let mut found = some(0);
            found.join(odd.join().expect("questions"));
            found
        });
        let Found { questions, rows, withheld, others, refused, slowest, .. } = &found;
        self.tell(&format!(
            "{phase}: {questions} questions ({refused} refused), {rows} rows, {others} others, {withheld} \
             withheld; \
             slowest {:.2} s: {}",
            slowest.0.as_secs_f32(),
            slowest.1
        ));
        found.faults.sort();
        found.tell(phase);
        let mut faults = self.faults.lock().expect("no panic");
        *faults += found.faults.len();
        *self.refused.lock().expect("no panic") += found.refused;
    }

    /// Open rows from the first day to day number `to`.
    pub(crate) fn open_rows(&self, to: usize) -> String {
        let last = date(i32::try_from(to).expect("a few days"));
        let sql = format!("SELECT count() FROM open_events WHERE day <= '{last}'");
        self.program().clickhouse().value(&sql)
    }

    /// Ends the test; fails when there was a difference, or a day was not closed at the first try.
    pub(crate) fn end(self) {
        // Each try takes a number.
        let numbers =
            self.program().clickhouse().value("SELECT (count(), max(gen)) FROM closed_days");
        let count = self.program().clickhouse().count("closed_days");
        assert_eq!(numbers, format!("({count},{count})"), "publications, and tries");
        let refused = *self.refused.lock().expect("no panic");
        assert!(refused <= REFUSED, "{refused} questions were refused");
        let faults = *self.faults.lock().expect("no panic");
        assert_eq!(faults, 0, "differences, told above");
    }
}

/// The sizes that `tables` know of a day, whole and additions.
pub(crate) fn sizes(tables: &[Table], day: usize) -> Vec<[u64; 3]> {
    let layer = |layer: usize| {
        let of_sites = tables.iter().map(|table| table.layer(day, layer));
        of_sites.fold([0; 3], |sum, one| [sum[0] + one[0], sum[1] + one[1], sum[2] + one[2]])
    };
    (0..=DAYS).map(layer).filter(|sizes| sizes[0] > 0).collect()
}

fn closed(line: &str) -> Closed {
    let fields: Vec<&str> = line.split('\t').collect();
    let [day, rows, visitors, visits, _] = fields.as_slice() else { panic!("{line:?}") };
    let day = (0..DAYS).find(|number| {
        let number = i32::try_from(*number).expect("a few days");
        date(number).to_string() == **day
    });
    let sizes = [rows, visitors, visits].map(|size| size.parse().expect("a number"));
    (day.unwrap_or_else(|| panic!("{line:?}")), sizes)
}

/// The numbers of our sites.
fn numbers(program: &Program) -> Vec<u32> {
    let sql = "SELECT id, domain FROM sites FINAL FORMAT TSV";
    let text = program.clickhouse().query("settings", sql).expect("the sites");
    let mut sites = vec![0; ZONES.len()];
    for line in String::from_utf8_lossy(&text).lines() {
        let (id, name) = line.split_once('\t').expect("two columns");
        let site = (0..ZONES.len()).find(|site| domain(*site) == name);
        sites[site.expect("one of ours")] = id.parse().expect("a number");
    }
    sites
}
