//! Who may do what: at the engine's doors, on the disk, and among the processes of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::agents;
use crate::support::program::{Options, Program};
use crate::support::report::Reports;
use crate::support::sql::Door;
use crate::support::{native, process, seconds, wait_for, wait_until};

/// Name of the site of these tests.
const SITE: &str = "site.example";
/// Codes of ClickHouse that mean "you may not": no right, read-only, no such user or password.
const REFUSALS: [u32; 3] = [497, 164, 516];
/// The users of the engine.
const USERS: [&str; 4] = ["insert", "read", "settings", "schema"];

/// What nobody but its owner may have, whoever asks.
const FOR_NOBODY: [&str; 11] = [
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/a', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "INSERT INTO FUNCTION file('out.csv', 'CSV', 'a String') VALUES ('1')",
    "SELECT name FROM system.users",
    "SELECT value FROM system.settings_profile_elements",
    "SYSTEM SHUTDOWN",
    "CREATE USER somebody",
    "GRANT ALL ON *.* TO default",
];

/// What may be asked, as long as nothing comes of it: ClickHouse lists to everyone what they have
/// rights on, and looks for a script before it looks at rights.
const IN_VAIN: [&str; 5] = [
    "SHOW TABLES FROM headcount",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM executable('../../../../bin/id', 'TSV', 'a String')",
    "SELECT name FROM system.tables WHERE database = 'headcount'",
    "SELECT name FROM system.columns WHERE database = 'headcount'",
];

/// What the user without a password may not have either.
const NOT_FOR_DEFAULT: [&str; 10] = [
    "SELECT count() FROM headcount.open_events",
    "SELECT * FROM headcount.accounts",
    "SELECT hash FROM headcount.logins",
    "SELECT hash FROM headcount.api_keys",
    "SELECT * FROM system.processes",
    "SHOW CREATE TABLE headcount.open_events",
    "INSERT INTO headcount.outcomes (site) VALUES (1)",
    "DROP DATABASE headcount",
    "CREATE TABLE headcount.mine (a UInt8) ENGINE = Memory",
    "KILL QUERY WHERE 1",
];

/// Ports on which a process listens, with the local address in hex as the kernel prints it.
fn listening(pid: u32) -> BTreeMap<u16, String> {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("our own child's files can be read")
        .filter_map(|entry| Some(fs::read_link(entry.ok()?.path()).ok()?.display().to_string()))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut ports = BTreeMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(&"0A"), Some(inode)) =
                (fields.get(1), fields.get(3), fields.get(9))
            else {
                continue;
            };
            if sockets.iter().any(|socket| socket == inode) {
                let (address, port) = local.split_once(':').expect("address and port");
                let port = u16::from_str_radix(port, 16).expect("a port in hex");
                ports.insert(port, address.to_owned());
            }
        }
    }
    ports
}

fn code_of(answer: &Result<String, String>) -> Option<u32> {
    let text = answer.as_ref().err()?;
    text.strip_prefix("Code: ")?.split('.').next()?.parse().ok()
}

fn assert_refused(door: &Door, sql: &str) {
    let answer = door.text(sql);
    let code = code_of(&answer);
    // Where the table function itself is missing in this engine, there is nothing to refuse.
    let nothing = matches!(&answer, Err(text) if text.contains("UNKNOWN_FUNCTION"));
    assert!(
        nothing || code.is_some_and(|code| REFUSALS.contains(&code)),
        "{} asking {sql}: {answer:?}",
        door.user
    );
}

#[test]
fn whoever_knocks_without_a_password_gets_nothing_at_any_port_of_the_engine() {
    let program = Program::start(Options::default().site(SITE, "UTC"));
    let read = Door::embedded(&program.home().data(), "read");
    let default = read.of("default", "");
    for sql in FOR_NOBODY.iter().chain(&NOT_FOR_DEFAULT) {
        assert_refused(&default, sql);
    }
    for sql in IN_VAIN {
        let answer = default.text(sql).unwrap_or_default();
        assert_eq!(answer, "", "{sql}");
    }
    let secret = program.home().data().join("engine/access.json").display().to_string();
    assert_refused(&default, &format!("SELECT * FROM file('{secret}', 'LineAsString')"));

    let engine = program.engines().first().copied().expect("an engine");
    let http: Vec<u16> = listening(engine).into_keys().collect();
    // The one thing it may do is to open another door: the same must hold there.
    for kind in ["TCP", "MYSQL", "POSTGRESQL", "TCP WITH PROXY"] {
        println!("{kind}: {:?}", default.text(&format!("SYSTEM START LISTEN {kind}")));
    }
    let ports = listening(engine);
    println!("ports: {ports:?}");
    for (port, address) in &ports {
        assert_eq!(address, "0100007F", "port {port} is open to others than this machine");
    }
    let opened: Vec<u16> = ports.into_keys().filter(|port| !http.contains(port)).collect();
    assert!(!opened.is_empty(), "no other door was opened: nothing of it was tested");
    let mut asked = 0;
    for port in opened {
        for sql in FOR_NOBODY.iter().chain(&NOT_FOR_DEFAULT) {
            let answer = native::ask(port, "default", "", sql).expect("it speaks the protocol");
            let (code, text) = answer.unwrap_or_else(|| panic!("{sql} was answered"));
            let nothing = text.contains("UNKNOWN_FUNCTION") || text.contains("Unknown table func");
            assert!(nothing || REFUSALS.contains(&code), "{sql}: {code} {text}");
            asked += 1;
        }
    }
    assert!(asked >= FOR_NOBODY.len(), "no door spoke the native protocol");
    assert_eq!(program.client().get("/ready", &[]).status, 200);
}

#[test]
fn the_native_port_would_answer_the_operator_so_its_refusals_mean_something() {
    let foreign = crate::support::foreign::Foreign::start();
    foreign.door("default").value("SYSTEM START LISTEN TCP");
    let door = foreign.door("default");
    let answer = native::ask(foreign.tcp_port(), &door.user, &door.password, "SELECT 1");
    assert_eq!(answer.expect("the native port answers"), None, "a good question is answered");
    let wrong = native::ask(foreign.tcp_port(), &door.user, "wrong", "SELECT 1");
    assert!(matches!(wrong, Ok(Some((516, _)))), "{wrong:?}");
}

#[test]
fn each_user_of_the_engine_has_its_own_task_and_nothing_else() {
    let program = Program::start(Options::default().site(SITE, "UTC"));
    let door = |who| Door::embedded(&program.home().data(), who);
    for who in USERS {
        for sql in FOR_NOBODY {
            assert_refused(&door(who), sql);
        }
        for sql in IN_VAIN.iter().filter(|sql| sql.contains("executable")) {
            assert!(door(who).text(sql).is_err(), "{who}: {sql}");
        }
    }
    for sql in [
        "SELECT email FROM accounts",
        "SELECT hash FROM api_keys",
        "SELECT hash FROM logins",
        "SELECT * FROM system.processes",
        "INSERT INTO open_events (site) VALUES (1)",
        "INSERT INTO outcomes (site) VALUES (1)",
        "SET max_execution_time = 0",
        "SELECT count() FROM open_events SETTINGS max_memory_usage = 0",
        "ALTER TABLE open_events DELETE WHERE 1",
        "CREATE TEMPORARY TABLE mine (a UInt8)",
        "KILL QUERY WHERE 1",
    ] {
        assert_refused(&door("read"), sql);
    }
    for sql in [
        "SELECT path FROM open_events",
        "SELECT visitor FROM open_events",
        "SELECT * FROM open_events",
        "SELECT email FROM accounts",
        "INSERT INTO api_keys (id) VALUES (1)",
        "TRUNCATE TABLE open_events",
    ] {
        assert_refused(&door("insert"), sql);
    }
    for sql in ["SELECT count() FROM open_events", "INSERT INTO open_events (site) VALUES (1)"] {
        assert_refused(&door("settings"), sql);
    }
    door("insert").value("SELECT spool, batch, day FROM open_events LIMIT 1");
    door("read").value("SELECT path, visitor FROM open_events LIMIT 1");
    door("settings").value("SELECT domain FROM sites FINAL LIMIT 1");
    door("schema").value("SELECT name FROM system.tables LIMIT 1");
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    metadata.permissions().mode() & 0o777
}

#[test]
fn passwords_are_fresh_at_every_start_and_files_are_for_the_owner_alone() {
    let program = Program::start(Options::default());
    let data = program.home().data();
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("engine/access.json")), 0o600);
    assert_eq!(mode(&data.join("engine")) & 0o077, 0, "the engine's folder is open to others");
    assert_eq!(mode(&data.join("cache/settings.json")), 0o600);
    for file in files_with_passwords(&program) {
        assert_eq!(mode(&file) & 0o077, 0, "{} holds a password", file.display());
    }
    let before: Vec<Door> = USERS.map(|who| Door::embedded(&data, who)).to_vec();
    for (n, door) in before.iter().enumerate() {
        assert!(door.password.len() >= 32, "{} has a short password", door.user);
        assert!(before.iter().skip(n + 1).all(|other| other.password != door.password));
    }
    let (_, _, home) = program.stop();
    let program = Program::start_in(home, Options::default());
    for old in before {
        let now = Door::embedded(&program.home().data(), old.user.trim_start_matches("hc_"));
        assert_eq!(now.user, old.user);
        assert_ne!(now.password, old.password, "the password of {} stayed", old.user);
        let refused = now.of(&old.user, &old.password).text("SELECT 1");
        assert_eq!(code_of(&refused), Some(516), "{refused:?}");
    }
}

/// Files below the data directory that hold a password of the running engine.
fn files_with_passwords(program: &Program) -> Vec<std::path::PathBuf> {
    let data = program.home().data();
    let passwords = USERS.map(|who| Door::embedded(&data, who).password);
    let mut found = Vec::new();
    let mut folders = vec![data];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("our own folder").flatten() {
            let kind = entry.file_type().expect("a file has a type");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                if passwords.iter().any(|password| text.contains(password)) {
                    found.push(entry.path());
                }
            }
        }
    }
    assert!(!found.is_empty(), "access.json itself must be found");
    found
}

#[test]
fn a_killed_program_leaves_no_process_and_can_be_started_again_at_once() {
    let program = Program::start(Options::default().site(SITE, "UTC"));
    let family: Vec<u32> = program.engines();
    assert_eq!(family.len(), 1);
    let begun = Instant::now();
    let home = program.kill9();
    for pid in family {
        wait_until("the engine to end", seconds(10), || !process::is_running(pid));
    }
    println!("alone for {:?}", begun.elapsed());
    assert!(begun.elapsed() < seconds(10));
    let program = Program::start_in(home, Options::default());
    assert_eq!(send(&program), 202);
    program.wait_rows(1);
}

fn send(program: &Program) -> u16 {
    let body = format!(r#"{{"n":"pageview","u":"https://{SITE}/","d":"{SITE}"}}"#);
    let agent = agents::like("Chrome", "Windows").text.as_str();
    program.client().post("/api/event", &[("User-Agent", agent)], body.as_bytes()).status
}

/// Does `harm` to a running engine; the program must come back to full work by itself.
fn comes_back_after(harm: impl Fn(&Program, &Door)) {
    let program = Program::start(Options::default().site(SITE, "UTC").show_all());
    let key = program.add_key(SITE, "read");
    assert_eq!(send(&program), 202);
    program.wait_rows(1);
    let mut reports = Reports::new(program.client(), SITE, &key);
    let query = json!({"metrics": ["pageviews"], "date_range": "all"});
    assert_eq!(reports.rows(&query)[0].1, vec![json!(1)]);

    let default = Door::embedded(&program.home().data(), "read").of("default", "");
    harm(&program, &default);
    for _ in 0..5 {
        assert_eq!(send(&program), 202, "collecting goes on");
    }
    let begun = Instant::now();
    wait_for("reports to be right again", seconds(45), || {
        let answer = reports.ask(query.clone());
        (answer.status == 200 && answer.json()["results"][0]["metrics"][0] == json!(6))
            .then_some(())
    });
    println!("back after {:?}", begun.elapsed());
    assert_eq!(program.engines().len(), 1, "one engine");
    assert_eq!(program.stop().0, 0);
}

#[test]
fn an_engine_that_was_killed_comes_back_and_reports_work_again() {
    comes_back_after(|program, _| {
        for engine in program.engines() {
            process::signal(engine, Signal::KILL);
            wait_until("its end", seconds(10), || !process::is_running(engine));
        }
    });
}

#[test]
fn an_engine_whose_door_a_local_process_closed_comes_back() {
    comes_back_after(|_, default| {
        drop(default.text("SYSTEM STOP LISTEN HTTP"));
        wait_until("the door to be shut", seconds(10), || default.text("SELECT 1").is_err());
    });
}

#[test]
fn an_engine_felled_by_half_a_request_of_a_local_process_comes_back() {
    comes_back_after(|program, default| {
        let address = default.url.trim_start_matches("http://");
        let engine = program.engines().first().copied().expect("an engine");
        for _ in 0..10 {
            let Ok(mut stream) = TcpStream::connect(address) else { break };
            drop(stream.write_all(b"POST /?que"));
            std::thread::sleep(Duration::from_millis(200));
            // Reset instead of closed: an engine of this kind ends by it, most of the time.
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))
                .expect("a socket");
            drop(stream);
            std::thread::sleep(Duration::from_millis(500));
        }
        // Whether it survives is its own matter; that we do is ours.
        println!("the engine survived it: {}", process::is_running(engine));
    });
}
