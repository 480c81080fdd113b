//! What a core dump would hold after midnight: no key of yesterday, no token made with it, and
//! nothing of what the tokens were made of.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::canaries::{self, AGENT, PLANTED, ROWS, SITE, V4};
use crate::support::memory::Memory;
use crate::support::program::{Options, Program};
use crate::support::scan::{self, Found, Scan};
use crate::support::{seconds, traces, unpack, wait_until};

/// 2093-06-15 23:00 UTC.
const EVENING: u32 = 3_895_945_200;
/// Bytes of a key at the beginning of its file.
const KEY_BYTES: usize = 32;

/// What is found in the memory of the program and of its engine.
fn in_memory(program: &Program, scan: &Scan) -> Vec<Found> {
    let look = |pid| Memory::of(pid).expect("it was allowed before").look(scan);
    std::iter::once(program.pid()).chain(program.engines()).flat_map(look).collect()
}

/// Whether memory can be read at all; if not, that nobody else can either.
fn may_look(program: &Program) -> bool {
    if Memory::of(program.pid()).is_some() {
        return true;
    }
    println!("skipped: reading the memory of a program that may not be dumped needs root");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.pid()));
    let limits = limits.expect("limits of our own child");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    false
}

/// The living keys: whole, and each half.
fn keys(program: &Program) -> BTreeMap<Vec<u8>, String> {
    let mut forms = BTreeMap::new();
    for (name, bytes) in scan::files(program.home().keys()) {
        if name.ends_with(".key") {
            let key = bytes.get(..KEY_BYTES).expect("a whole key");
            forms.insert(key.to_vec(), format!("key {name}"));
            for half in key.chunks(KEY_BYTES / 2) {
                forms.insert(half.to_vec(), format!("half of key {name}"));
            }
        }
    }
    forms
}

/// Everything planted, and the address as a part of what a token is made of.
fn planted() -> Scan {
    let mut forms = BTreeMap::new();
    let address: std::net::Ipv4Addr = V4.parse().expect("an address");
    forms.insert(
        [&[4, 0, 0, 0], &address.octets()[..]].concat(),
        "the message of a token".to_owned(),
    );
    for value in PLANTED {
        forms.extend(Scan::new(&[value]).into_forms());
    }
    Scan::of_forms(forms)
}

/// A request that has begun and not ended: the control of the look for what is planted.
fn begin_a_request(program: &Program) -> TcpStream {
    let mut stream = TcpStream::connect(program.url.trim_start_matches("http://")).expect("a port");
    let body = canaries::loaded("/slow", SITE, SITE);
    let head = format!(
        "POST /api/event HTTP/1.1\r\nHost: x\r\nUser-Agent: {AGENT}\r\nX-Forwarded-For: {V4}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the head is taken");
    stream
}

fn end_the_request(mut stream: TcpStream) {
    stream.write_all(canaries::loaded("/slow", SITE, SITE).as_bytes()).expect("the body is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("x-headcount: accepted"), "{answer}");
}

#[test]
fn a_key_is_in_memory_before_midnight_and_nowhere_after_with_all_that_it_was_used_on() {
    let start = Options { clock: Some(EVENING), ..Options::behind_proxy() };
    let program = canaries::start(start);
    if !may_look(&program) {
        return;
    }
    let planted = planted();
    let slow = begin_a_request(&program);
    wait_until("the control in memory", seconds(5), || {
        let found = in_memory(&program, &planted);
        ["plantedagentword", V4]
            .iter()
            .all(|value| found.iter().any(|(_, form)| form.starts_with(value)))
    });
    end_the_request(slow);
    canaries::send_everything(&program.url);
    program.wait_rows(ROWS + 1);
    let tokens = program.clickhouse().value("SELECT DISTINCT visitor FROM open_events");
    let tokens: BTreeSet<u64> = tokens.lines().map(|one| one.parse().expect("a token")).collect();
    assert_eq!(tokens.len(), 2, "two addresses, one site, one day");
    let tokens = traces::of_tokens(&tokens);

    // Before midnight: in memory and in the key directory, and in no file on a disk.
    let of_keys = Scan::of_forms(keys(&program));
    assert!(!in_memory(&program, &of_keys).is_empty(), "the look for keys is blind");
    assert!(!of_keys.folder(program.home().keys()).is_empty());
    assert_eq!(unpack::folder(&of_keys, program.home().scratch()), []);

    program.clock.as_ref().expect("a clock").set(EVENING + 3_600);
    wait_until("yesterday's key file to be gone", seconds(10), || keys(&program).is_empty());
    assert_eq!(in_memory(&program, &of_keys), []);
    assert_eq!(of_keys.folder(program.home().keys()), []);
    assert_eq!(unpack::folder(&of_keys, program.home().scratch()), []);
    assert_eq!(in_memory(&program, &planted), []);
    // Open rows carry their token for at most 72 hours, so the engine may hold it; we do not.
    // What stacks still hold goes with the next work of their threads.
    let own = || Memory::of(program.pid()).expect("it was allowed before");
    wait_until("no token of yesterday in memory", seconds(20), || own().look(&tokens).is_empty());
    let own = own();
    assert!(!tokens.places(&program.clickhouse().dump()).is_empty());
    // The same look still sees what is there.
    assert!(!own.look(&Scan::new(&[SITE])).is_empty());
    println!("looked through {} MiB of the program's memory", own.bytes() >> 20);
}
