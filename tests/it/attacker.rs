//! Whoever has everything on disk, the memory of the next day and a true list of visitors cannot
//! say which rows of yesterday are whose; and nobody has a number in common at two sites, on two
//! days or in two zones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::support::attack::{self, Loot, Visitor};
use crate::support::closings;
use crate::support::memory::Memory;
use crate::support::people;
use crate::support::program::{Options, Program};
use crate::support::random::Random;
use crate::support::sql::Door;
use crate::support::traces::{self, rank_correlation};
use crate::support::{scan, seconds, unpack, wait_until};

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// 2093-10-30 05:00 UTC: the same calendar day in Pago Pago is still the 29th.
const MORNING: u32 = 3_907_742_400 - 7 * HOUR;
/// 13:05 UTC of the day after the second day: both can be closed.
const CLOSABLE: u32 = MORNING + 2 * DAY + 8 * HOUR + 300;
/// The 72 hours of both days are over.
const OVER: u32 = MORNING + 6 * DAY;
const ONE: &str = "one.example";
const OTHER: &str = "other.example";
/// Visitors of the first day at the first site. The standard deviation of the AUC is then
/// 1/√(12·4500) = 0.0043, so that 0.02 is 4.6 of them: one way of attack fails by chance once in
/// 300,000 runs.
const MANY: usize = 4_500;
/// Of them, those who come to both sites on both days.
const BOTH: usize = 1_500;
/// How far from guessing the attacker may be.
const GUESSING: f64 = 0.02;
/// Rank correlations of [`BOTH`] numbers in a random order: five standard deviations.
const NEAR_ZERO: f64 = 0.13;
/// Pages that a visitor sees one of, and campaigns that brought them: together the truth that only
/// the test knows.
const PAGES: usize = 50;

/// Visitors who leave rows that are alike: one town, one browser, one system.
fn visitors() -> Vec<Visitor> {
    let towns = people::towns();
    let town = towns.iter().max_by_key(|town| town.addresses.len()).expect("a town");
    let mut all = Vec::new();
    for address in &town.addresses {
        let address: std::net::Ipv4Addr = address.parse().expect("an address");
        for build in 0..24 {
            let agent = format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/126.0.{}.{} Safari/537.36",
                6_400 + build,
                build * 7 % 101
            );
            all.push(Visitor { address: address.octets(), agent });
        }
    }
    // In an order of their own.
    let mut random = Random::seeded("arrival", 11);
    for at in (1..all.len()).rev() {
        let with = usize::try_from(random.below(at as u64 + 1)).expect("small");
        all.swap(at, with);
    }
    assert!(all.len() >= MANY, "{} visitors", all.len());
    all.truncate(MANY);
    all
}

/// What visitor `number` looks at, by page and campaign.
fn truth(number: usize) -> (String, String) {
    (format!("/p/{}", number % PAGES), format!("c{}", number / PAGES))
}

/// Sends a page view of each visitor, over several connections.
fn send(program: &Program, domain: &str, visitors: &[Visitor]) {
    let parts = visitors.len().div_ceil(4);
    std::thread::scope(|scope| {
        for (part, some) in visitors.chunks(parts).enumerate() {
            scope.spawn(move || {
                let mut client = program.client();
                for (n, visitor) in some.iter().enumerate() {
                    let (page, campaign) = truth(part * parts + n);
                    let url = format!("https://{domain}{page}?utm_campaign={campaign}");
                    let body = json!({"n": "pageview", "u": url, "d": domain}).to_string();
                    let address = std::net::Ipv4Addr::from(visitor.address).to_string();
                    let headers =
                        [("User-Agent", visitor.agent.as_str()), ("X-Forwarded-For", &address)];
                    let answer = client.post("/api/event", &headers, body.as_bytes());
                    assert_eq!(answer.outcome(), "accepted", "{}", answer.text());
                }
            });
        }
    });
}

fn set(program: &Program, at: u32) {
    program.clock.as_ref().expect("a clock").set(at);
}

/// The numbers of the first `count` visitors' rows of a day, in the order of the visitors.
fn numbers(door: &Door, table: &str, domain: &str, day: &str, count: usize) -> Vec<u64> {
    let sql = format!(
        "SELECT path, utm_campaign, visitor FROM {table} WHERE day = '{day}' AND site = \
         (SELECT any(id) FROM sites WHERE domain = '{domain}') FORMAT TSV"
    );
    let mut found = BTreeMap::new();
    for line in door.value(&sql).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        found.insert((fields[0].to_owned(), fields[1].to_owned()), fields[2].to_owned());
    }
    assert_eq!(found.len(), count, "{sql}");
    (0..count).map(|number| found[&truth(number)].parse().expect("a number")).collect()
}

/// Everything on disk, unpacked, and what is in memory if that may be read.
fn loot(program: &Program) -> Loot {
    let schema = Door::embedded(&program.home().data(), "schema");
    let mut all = traces::dump(&schema, |_| true);
    all.retain(|(place, _)| place.ends_with("RowBinary"));
    for folder in [program.home().scratch(), program.home().keys()] {
        for (name, bytes) in scan::files(folder) {
            // Copies of a public file.
            if name.ends_with(".mmdb") {
                continue;
            }
            if name.contains("/engine/") {
                let plain = unpack::unpacked(&bytes);
                all.push((format!("{name} unpacked"), plain));
            }
            all.push((name, bytes));
        }
    }
    match Memory::of(program.pid()) {
        Some(memory) => all.extend(memory.pieces()),
        None => println!("skipped: reading memory needs root; the disk is looked through"),
    }
    all
}

/// Attacks the rows with what there is now: no way may do better than guessing, or worse.
fn expect_guessing(program: &Program, visitors: &[Visitor], rows: &[u64], open: bool) {
    let loot = loot(program);
    let bytes: usize = loot.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} places, {} MiB", loot.len(), bytes >> 20);
    for score in attack::attack(&loot, visitors, rows, 5) {
        println!("by {}: AUC {:.4}", score.way, score.auc);
        assert!((score.auc - 0.5).abs() <= GUESSING, "open: {open}, {score:?}");
    }
}

/// No number in common, and no order.
fn check_apart(sets: &[(&str, Vec<u64>)], are_tokens: bool) {
    for (n, (one_name, one)) in sets.iter().enumerate() {
        for (other_name, other) in &sets[n + 1..] {
            let pairs: Vec<(u64, u64)> = one.iter().copied().zip(other.iter().copied()).collect();
            let order = rank_correlation(&pairs);
            println!("{one_name} and {other_name}: order {order:.3}");
            assert!(order.abs() < NEAR_ZERO, "{one_name} and {other_name} have the same order");
            if are_tokens {
                let known: BTreeSet<&u64> = one.iter().collect();
                assert_eq!(other.iter().filter(|number| known.contains(number)).count(), 0);
            }
        }
    }
    // The control: the same order is seen as one.
    let same: Vec<(u64, u64)> = sets[0].1.iter().map(|number| (*number, *number)).collect();
    assert!((rank_correlation(&same) - 1.0).abs() < 1e-9);
}

#[test]
fn yesterdays_visitors_cannot_be_told_apart_and_have_nothing_in_common_elsewhere() {
    let visitors = visitors();
    let few = &visitors[..BOTH];
    let start = |at| Options { clock: Some(at), ..Options::behind_proxy() }.show_all();
    let program = Program::start(start(MORNING));
    program.add_site(ONE, "UTC");
    program.add_site(OTHER, "Pacific/Pago_Pago");
    let schema = Door::embedded(&program.home().data(), "schema");
    send(&program, ONE, &visitors);
    send(&program, OTHER, few);
    program.wait_rows((MANY + BOTH) as u64);
    let today = numbers(&schema, "open_events", ONE, "2093-10-30", MANY);

    // The control: with today's key he tells everybody apart.
    let scores = attack::attack(&loot(&program), &visitors, &today, 5);
    println!("today: {scores:?}");
    assert!(scores.len() == 1 && scores[0].auc > 0.999, "{scores:?}");

    // A day later: the rows are still open, the key is gone.
    set(&program, MORNING + DAY);
    wait_until("yesterday's keys to be gone", seconds(10), || {
        scan::files(program.home().keys()).iter().all(|(name, _)| !name.ends_with(".key"))
    });
    send(&program, ONE, few);
    send(&program, OTHER, few);
    program.wait_rows((MANY + 3 * BOTH) as u64);
    expect_guessing(&program, &visitors, &today, true);
    let of = |table: &str, domain: &str, day: &str, count: usize| {
        let mut all =
            numbers(&Door::embedded(&program.home().data(), "schema"), table, domain, day, count);
        all.truncate(BOTH);
        all
    };
    let sets = [
        ("one site", of("open_events", ONE, "2093-10-30", MANY)),
        ("the next day", of("open_events", ONE, "2093-10-31", BOTH)),
        ("another site and zone", of("open_events", OTHER, "2093-10-29", BOTH)),
        ("both", of("open_events", OTHER, "2093-10-30", BOTH)),
    ];
    check_apart(&sets, true);

    // Closed, and the open rows dropped: ordinals are left.
    let (program, schema) = closed(program, &start);
    let yesterday = numbers(&schema, "hits", ONE, "2093-10-30", MANY);
    expect_guessing(&program, &visitors, &yesterday, false);
    let of = |domain: &str, day: &str, count: usize| {
        let mut all = numbers(&schema, "hits", domain, day, count);
        all.truncate(BOTH);
        all
    };
    let sets = [
        ("one site", of(ONE, "2093-10-30", MANY)),
        ("the next day", of(ONE, "2093-10-31", BOTH)),
        ("another site and zone", of(OTHER, "2093-10-29", BOTH)),
        ("both", of(OTHER, "2093-10-30", BOTH)),
    ];
    check_apart(&sets, false);
}

/// The same program days later, with its days closed and their open rows gone.
fn closed(program: Program, start: &impl Fn(u32) -> Options) -> (Program, Door) {
    let mut program = program;
    let mut door = None;
    for (at, left) in [(CLOSABLE, false), (OVER, true)] {
        let (code, _, home) = program.stop();
        assert_eq!(code, 0);
        program = Program::start_in(home, start(at));
        let schema = Door::embedded(&program.home().data(), "schema");
        closings::close_until(&program, "the days to be done with", || {
            let days = schema.value("SELECT uniqExact(day) FROM closed_days");
            days == "3" && (!left || schema.value("SELECT count() FROM open_events") == "0")
        });
        door = Some(schema);
    }
    (program, door.expect("it was opened"))
}
