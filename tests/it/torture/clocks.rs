//! Clocks that jump, and midnight under load in forty zones: every row is on a day that its site's
//! clock showed while it was sent, each person has one token a day and site, no token is that of
//! another day or person, and what was accepted is stored once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::door;
use crate::support::command;
use crate::support::http::Client;
use crate::support::load::{self, Fate, Ledger};
use crate::support::ordeal::Ordeal;
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::sql::Door;

/// Zones with most of the offsets there are, on both sides of the date line.
const ZONES: [&str; 40] = [
    "Pacific/Kiritimati",
    "Pacific/Tongatapu",
    "Pacific/Chatham",
    "Pacific/Auckland",
    "Asia/Kamchatka",
    "Pacific/Norfolk",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Australia/Darwin",
    "Asia/Tokyo",
    "Australia/Eucla",
    "Asia/Singapore",
    "Asia/Bangkok",
    "Asia/Yangon",
    "Asia/Dhaka",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tashkent",
    "Asia/Kabul",
    "Asia/Dubai",
    "Asia/Tehran",
    "Europe/Moscow",
    "Africa/Cairo",
    "Europe/Athens",
    "Europe/Berlin",
    "Europe/London",
    "UTC",
    "Atlantic/Azores",
    "America/Nuuk",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Halifax",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Pacific/Marquesas",
    "Pacific/Honolulu",
    "Pacific/Pago_Pago",
];
/// Persons that visit each site.
const PERSONS: u64 = 3;
/// Connections that send at once.
const SENDERS: usize = 4;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// What was sent, and which moments the clock showed meanwhile.
#[derive(Debug)]
struct Sent {
    number: u32,
    site: usize,
    person: u64,
    moments: std::ops::RangeInclusive<usize>,
    fate: Fate,
}

/// One walk of a clock.
struct Walk {
    url: String,
    zones: Vec<&'static str>,
    /// Every moment in order, with the sites for which it matters.
    plan: Vec<(u32, Vec<usize>)>,
    coming: AtomicUsize,
    shown: AtomicUsize,
    next: AtomicU32,
    stop: AtomicBool,
    /// Shared by whoever has an event on its way.
    passing: RwLock<()>,
}

/// Site, day and person of each token.
type Tokens = BTreeMap<String, BTreeSet<(usize, String, u64)>>;

fn domain(site: usize) -> String {
    format!("s{site}.example")
}

fn at(moment: u32) -> Timestamp {
    Timestamp::from_second(i64::from(moment)).expect("a moment of this calendar")
}

fn moment(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("a moment").as_second()
}

fn second(moment: i64) -> u32 {
    u32::try_from(moment).expect("seconds since 1970 in 32 bits")
}

/// The first midnight of a zone after a moment.
fn midnight(zone: &str, after: i64) -> i64 {
    let zone = TimeZone::get(zone).expect("a zone");
    let day = zone.to_datetime(at(second(after))).date();
    let next = day.tomorrow().expect("a day of this calendar").to_zoned(zone);
    next.expect("a day begins").timestamp().as_second()
}

impl Walk {
    /// Sends until the walk is over.
    fn run(&self, mut random: Random) -> Vec<Sent> {
        let mut all = Vec::new();
        let mut client = Client::new(&self.url);
        while !self.stop.load(Ordering::SeqCst) {
            let passing = self.passing.read().unwrap_or_else(PoisonError::into_inner);
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let first = self.shown.load(Ordering::SeqCst);
            let matters = &self.plan[first].1;
            let site = if matters.is_empty() || random.below(2) == 0 {
                usize::try_from(random.below(self.zones.len() as u64)).expect("few sites")
            } else {
                *random.pick(matters)
            };
            let person = random.below(PERSONS);
            let address = format!("81.2.69.{}", 100 + person);
            let fate = load::send_from(&mut client, &address, &domain(site), number);
            let moments = first..=self.coming.load(Ordering::SeqCst);
            drop(passing);
            all.push(Sent { number, site, person, moments, fate });
            std::thread::sleep(Duration::from_millis(1));
        }
        all
    }

    /// Days that the site's clock showed while it was sent.
    fn days(&self, sent: &Sent) -> BTreeSet<String> {
        let zone = TimeZone::get(self.zones[sent.site]).expect("a zone");
        let day = |(moment, _): &(u32, _)| zone.to_datetime(at(*moment)).date().to_string();
        self.plan[sent.moments.clone()].iter().map(day).collect()
    }
}

/// Walks a clock along `plan` under load, `pause` at each moment: what was sent by each sender, and
/// the program.
fn walk(
    ordeal: &mut Ordeal,
    zones: &[&'static str],
    plan: Vec<(u32, Vec<usize>)>,
    pause: Duration,
) -> (Program, Arc<Walk>, Vec<Vec<Sent>>) {
    let program = Program::start(Options { clock: Some(plan[0].0), ..Options::behind_proxy() });
    let lines: String = zones
        .iter()
        .enumerate()
        .map(|(site, zone)| {
            let domain = domain(site);
            format!("site add {domain} --timezone {zone}\nsite rules {domain} --properties part\n")
        })
        .collect();
    command::at_home(program.home(), &["admin"], &lines).expect_ok("admin");
    let walk = Arc::new(Walk {
        url: program.url.clone(),
        zones: zones.to_vec(),
        plan,
        coming: AtomicUsize::new(0),
        shown: AtomicUsize::new(0),
        next: AtomicU32::new(0),
        stop: AtomicBool::new(false),
        passing: RwLock::new(()),
    });
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (walk, random) =
                (Arc::clone(&walk), Random::seeded("sender", ordeal.random.bits()));
            std::thread::spawn(move || walk.run(random))
        })
        .collect();
    let clock = program.clock.as_ref().expect("a clock");
    for (step, (moment, _)) in walk.plan.iter().enumerate() {
        let ahead = step.checked_sub(1).is_some_and(|last| *moment > walk.plan[last].0 + 1);
        // Nobody is on the way while an hour passes in no time: to whoever had read the time before
        // it would look as if the clock had gone back. Over a few seconds everybody may be.
        let nobody = (ahead || step % 3 == 0).then(|| walk.passing.write());
        let nobody = nobody.filter(|_| ahead);
        walk.coming.store(step, Ordering::SeqCst);
        clock.set(*moment);
        walk.shown.store(step, Ordering::SeqCst);
        drop(nobody);
        std::thread::sleep(pause);
    }
    walk.stop.store(true, Ordering::SeqCst);
    let sent = senders.into_iter().map(|one| one.join().expect("a sender does not panic"));
    let sent = sent.collect();
    (program, walk, sent)
}

/// What is stored of an event.
#[derive(Debug)]
struct Row {
    site: String,
    day: String,
    token: String,
    batch: u64,
}

fn rows(door: &Door) -> BTreeMap<u32, Row> {
    let sql =
        "SELECT path, props['part'], site, day, visitor, batch FROM open_events FORMAT TSVRaw";
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = load::number(fields[0], fields[1]).expect("one of ours");
        let text = |at: usize| fields[at].to_owned();
        let batch = fields[5].parse().expect("a number");
        (number, Row { site: text(2), day: text(3), token: text(4), batch })
    };
    door.value(sql).lines().map(row).collect()
}

/// Checks all but the tokens; person, site and day of each token, and how many rows have none.
fn check(ordeal: &Ordeal, program: &Program, walk: &Walk, sent: &[Vec<Sent>]) -> (Tokens, usize) {
    let ledger: Ledger = sent.iter().flatten().map(|one| (one.number, one.fate)).collect();
    ordeal.check(&ledger, &door(program));
    let rows = rows(&door(program));
    let mut sites = BTreeMap::new();
    let mut tokens = Tokens::new();
    let mut without = 0;
    for of_sender in sent {
        let mut last = 0;
        for one in of_sender {
            let Some(row) = rows.get(&one.number) else { continue };
            let days = walk.days(one);
            assert!(days.contains(&row.day), "{one:?} is on {row:?}, and not on {days:?}");
            assert!(row.batch >= last, "{one:?}: batch {} after {last}", row.batch);
            last = row.batch;
            assert_eq!(sites.entry(row.site.clone()).or_insert(one.site), &one.site, "{one:?}");
            if row.token == "0" {
                without += 1;
            } else {
                let whose = (one.site, row.day.clone(), one.person);
                tokens.entry(row.token.clone()).or_default().insert(whose);
            }
        }
    }
    let shared: Vec<_> = tokens.iter().filter(|(_, whose)| whose.len() > 1).collect();
    assert!(shared.is_empty(), "tokens of several persons, sites or days: {shared:?}");
    (tokens, without)
}

#[test]
fn midnight_in_forty_zones() {
    let mut ordeal = Ordeal::begin("midnight in 40 zones", 10);
    let start = moment("2093-10-29T10:00:00Z") - 30;
    let mut midnights = BTreeMap::<i64, Vec<usize>>::new();
    for (site, zone) in ZONES.iter().enumerate() {
        midnights.entry(midnight(zone, start)).or_default().push(site);
    }
    assert!(midnights.len() > 25, "too few different midnights: {}", midnights.len());
    let around = i64::try_from(ordeal.rounds).expect("few steps") / 2;
    let mut plan = vec![(second(start), Vec::new())];
    for (midnight, sites) in midnights {
        plan.extend((-around..around).map(|step| (second(midnight + step), sites.clone())));
    }
    plan.retain(|(moment, _)| i64::from(*moment) >= start);
    plan.sort();
    let (program, walk, sent) = walk(&mut ordeal, &ZONES, plan, Duration::from_millis(25));
    let (tokens, without) = check(&ordeal, &program, &walk, &sent);
    let mut of_person = BTreeMap::<_, BTreeSet<_>>::new();
    for (token, whose) in &tokens {
        for one in whose {
            of_person.entry(one).or_default().insert(token);
        }
    }
    let split: Vec<_> = of_person.iter().filter(|(_, tokens)| tokens.len() > 1).collect();
    assert!(split.is_empty(), "persons with several tokens a day: {split:?}");
    println!("tokens {}, rows without one {without}", tokens.len());
    // Two days at each site, nearly: three persons, forty sites.
    assert!(tokens.len() > 150, "too few tokens: {}", tokens.len());
    assert_eq!(without, 0, "a clock that goes on leaves no doubt");
}

/// A walk of jumps around `anchor`: an hour or a day to either side, and over midnights and back.
fn jumps(ordeal: &mut Ordeal, zones: &[&'static str], anchor: i64) -> Vec<(u32, Vec<usize>)> {
    let mut plan = vec![(second(anchor), Vec::new())];
    let mut now = anchor;
    for _ in 0..ordeal.rounds {
        let site = usize::try_from(ordeal.random.below(zones.len() as u64)).expect("few sites");
        let near = midnight(zones[site], now - 12 * HOUR);
        let to: Vec<i64> = match ordeal.random.below(6) {
            0 => vec![now + HOUR],
            1 => vec![now - HOUR],
            2 => vec![now + DAY],
            3 => vec![now - DAY],
            4 => vec![near - 5, near + 5, near - 3, near + 8],
            _ => vec![now + 1, now - 1, now + 2],
        };
        for to in to {
            now = to.clamp(anchor - 30 * HOUR, anchor + 30 * HOUR);
            plan.push((second(now), vec![site]));
        }
    }
    plan
}

#[test]
fn jumps_around_summer_and_winter_time() {
    for day in ["2093-03-29T01:00:00Z", "2093-10-25T01:00:00Z"] {
        let mut ordeal = Ordeal::begin("clock jumps", 10);
        let zones = ["Europe/Berlin", "Europe/London", "America/New_York", "Africa/Cairo", "UTC"];
        let plan = jumps(&mut ordeal, &zones, moment(day));
        let (program, walk, sent) = walk(&mut ordeal, &zones, plan, Duration::from_millis(120));
        let (tokens, without) = check(&ordeal, &program, &walk, &sent);
        println!("tokens {}, rows without one {without}", tokens.len());
        assert!(!tokens.is_empty(), "nobody was counted");
    }
}
