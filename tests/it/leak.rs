//! What identifies a visitor is written nowhere: planted values are looked for in every file, log
//! line and table, on every path an event can take, after a stop and after a kill.

use serde_json::json;

use crate::support::home::Home;
use crate::support::http::Client;
use crate::support::program::{Options, Program};
use crate::support::scan::{Found, Scan};
use crate::support::{process, seconds, wait_for};
use rustix::process::Signal;

const V4: &str = "81.2.69.163";
const V6: &str = "2a02:8108:1a2b:3c4d:5e6f:7a8b:9c0d:1e2f";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; plantedagentword) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/126.0.6478.127 Safari/537.36";
/// What must be found nowhere.
const PLANTED: [&str; 9] = [
    V4,
    V6,
    "plantedagentword",
    "126.0.6478.127",
    "planted-referrer-path",
    "plantedreferrerquery",
    "plantedquerytoken",
    "planted.person@mail.example",
    "plantedbotagent",
];
/// What is meant to be stored: found in every store that holds the row.
const CANARY: &str = "/canary-path-of-the-row";

/// An event that carries everything planted; `page` is its path.
fn loaded(page: &str, host: &str, domain: &str) -> String {
    json!({
        "n": "pageview", "d": domain,
        "u": format!("https://{host}{page}?session=plantedquerytoken&mail=planted.person@mail.example"),
        "r": "https://neighbour.example/planted-referrer-path?q=plantedreferrerquery",
        "p": {"who": "planted.person@mail.example", "plan": "pro"},
    })
    .to_string()
}

/// Sends planted values down every path an event can take.
fn send_everything(url: &str) {
    let mut client = Client::new(url);
    for address in [V4, V6] {
        let forwarded = format!("for=\"[{V6}]:4711\", for={V4}");
        let who = [
            ("User-Agent", AGENT),
            ("X-Forwarded-For", address),
            ("Referer", "https://site.example/x?session=plantedquerytoken"),
        ];
        let mut post = |headers: &[(&str, &str)], body: &str| {
            client.post("/api/event", headers, body.as_bytes()).outcome().to_owned()
        };
        let good = loaded(CANARY, "site.example", "site.example");
        assert_eq!(post(&who, &good), "accepted");
        let named = loaded("/user/planted.person@mail.example", "site.example", "site.example");
        assert_eq!(post(&who, &named), "accepted");
        let bot = [
            ("User-Agent", "plantedbotagent/1.0 (+https://bot.example/bot)"),
            ("X-Forwarded-For", address),
        ];
        assert_eq!(post(&bot, &good), "ignored; reason=bot");
        let excluded = loaded("/", "elsewhere.example", "site.example");
        assert_eq!(post(&who, &excluded), "ignored; reason=excluded");
        let unknown = loaded("/", "site.example", "none.example");
        assert_eq!(post(&who, &unknown), "ignored; reason=unknown_site");
        let invalid = good.replace("pageview", "").replace("https://site.example", "nonsense:");
        assert_eq!(post(&who, &invalid), "rejected; reason=invalid");
        assert_eq!(post(&who, &format!("{{{good}")), "rejected; reason=invalid");
        let large = format!("{good}{}", "plantedquerytoken".repeat(5_000));
        let answer = Client::new(url).post("/api/event", &who, large.as_bytes());
        assert_eq!(answer.outcome(), "rejected; reason=too_large");
        let wrong_key = [who[0], who[1], ("Authorization", "Bearer plantedquerytoken")];
        post(&wrong_key, &good);
        let odd = [who[0], ("Forwarded", forwarded.as_str()), ("DNT", "1")];
        assert_eq!(post(&odd, &good), "ignored; reason=opted_out");
        let pixel = "/pixel.gif?site=site.example&u=https%3A%2F%2Fsite.example%2Fp\
            %3Fsession%3Dplantedquerytoken";
        assert_eq!(client.get(pixel, &who).status, 200);
        for path in ["/nowhere?session=plantedquerytoken", "/api/v2/query", "/js/script.js"] {
            client.get(path, &who);
        }
        let query = br#"{"site_id":"plantedquerytoken"}"#;
        client.post("/api/v2/query", &who, query);
    }
    // A request that is no HTTP, and one that is cut off.
    let broken = format!("POST /api/event HTTP/9.9\r\nUser-Agent: {AGENT}\r\n\r\n");
    drop(client.try_raw(broken.as_bytes()));
    let head = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "plantedquerytoken".repeat(9_000));
    drop(Client::new(url).try_raw(head.as_bytes()));
}

/// Everything found below the home and in the key directory.
fn on_disk(scan: &Scan, home: &Home) -> Vec<Found> {
    let mut found = scan.folder(home.scratch());
    found.extend(scan.folder(home.keys()));
    found
}

fn options() -> Options {
    Options { log: Some("trace"), ..Options::behind_proxy() }
}

/// The canary in these places only, to show that the scan sees what is there.
fn found_in(found: &[Found], part: &str) -> bool {
    found.iter().any(|(place, _)| place.contains(part))
}

#[test]
fn nothing_that_identifies_is_left_while_running_after_a_stop_and_after_a_restart() {
    let program = Program::start(options().site("site.example", "UTC"));
    let scan = Scan::new(&PLANTED);
    let canary = Scan::new(&[CANARY]);
    send_everything(&program.url);
    program.wait_rows(6);
    let engine = program.clickhouse();
    assert_eq!(scan.places(&engine.dump()), []);
    assert!(found_in(&canary.places(&engine.dump()), "table open_events"), "the scan is blind");
    assert_eq!(on_disk(&scan, program.home()), []);
    let said = program.lines().join("\n");
    assert_eq!(scan.of("standard output", said.as_bytes()), []);

    let (code, _, home) = program.stop();
    assert_eq!(code, 0);
    assert_eq!(on_disk(&scan, &home), []);
    let program = Program::start_in(home, options());
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    assert_eq!(on_disk(&scan, program.home()), []);
    assert_eq!(program.clickhouse().count("open_events"), 6);
    // A canary in the log and in the key directory is found by the same look.
    let log = program.home().log_file();
    let text = program.home().log() + CANARY;
    std::fs::write(&log, text).expect("our own log file");
    std::fs::write(program.home().keys().join("canary"), CANARY).expect("our own directory");
    let found = on_disk(&canary, program.home());
    assert!(found_in(&found, "stderr.log") && found_in(&found, "/dev/shm/"), "{found:?}");
}

#[test]
fn nothing_that_identifies_is_left_by_a_kill_with_rows_still_in_the_spool() {
    let program = Program::start(options().site("site.example", "UTC"));
    let scan = Scan::new(&PLANTED);
    let canary = Scan::new(&[CANARY]);
    // With the engine stopped, rows stay in the spool.
    for engine in program.engines() {
        process::signal(engine, Signal::STOP);
    }
    send_everything(&program.url);
    let found = on_disk(&canary, program.home());
    assert!(found_in(&found, "/spool/"), "the canary is not in the spool: {found:?}");
    assert_eq!(on_disk(&scan, program.home()), []);
    for engine in program.engines() {
        process::signal(engine, Signal::CONT);
    }
    let home = program.kill9();
    assert_eq!(on_disk(&scan, &home), []);

    let program = Program::start_in(home, options());
    program.wait_rows(6);
    assert_eq!(scan.places(&program.clickhouse().dump()), []);
    assert_eq!(on_disk(&scan, program.home()), []);
    let engine = program.clickhouse();
    wait_for("the canary in its table", seconds(10), || {
        found_in(&canary.places(&engine.dump()), "table open_events").then_some(())
    });
}

#[test]
fn no_file_of_the_program_can_be_read_by_others() {
    let program = Program::start(options().site("site.example", "UTC"));
    send_everything(&program.url);
    program.wait_rows(6);
    let open = |folder: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder).expect("a folder").permissions().mode();
        mode & 0o077 != 0
    };
    for folder in [program.home().data(), program.home().keys().to_owned()] {
        assert!(!open(&folder), "{} is open to others", folder.display());
    }
    assert!(!open(&program.home().data().join("engine/access.json")));
    // A core dump would hold keys and addresses.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.pid()));
    let limits = limits.expect("limits of our own child");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert!(core.split_whitespace().nth(4) == Some("0"), "{core}");
}

#[test]
fn a_key_of_yesterday_is_gone_from_every_place() {
    // 2093-06-15 23:00 UTC.
    let evening = 3_895_945_200;
    let start = Options { clock: Some(evening), ..options() };
    let program = Program::start(start.site("site.example", "UTC"));
    let keys = || crate::support::scan::files(program.home().keys());
    send_everything(&program.url);
    let old = keys();
    let secrets: Vec<&Vec<u8>> =
        old.iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() >= 32).collect();
    assert!(
        !secrets.is_empty(),
        "no key file: {:?}",
        old.iter().map(|(n, _)| n).collect::<Vec<_>>()
    );
    program.clock.as_ref().expect("a clock").set(evening + 3_600);
    wait_for("yesterday's key to be gone", seconds(90), || {
        let now = keys();
        let gone = |secret: &&Vec<u8>| !now.iter().any(|(_, bytes)| bytes == *secret);
        secrets.iter().all(gone).then_some(())
    });
    for secret in secrets {
        for (name, bytes) in crate::support::scan::files(program.home().scratch()) {
            let tail = secret.get(secret.len() - 16..).expect("32 bytes");
            assert!(!bytes.windows(16).any(|window| window == tail), "a key in {name}");
        }
    }
}
