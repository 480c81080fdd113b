//! Spools that earlier versions left: the files beside this one, delivered by this version; and one
//! of a later version, which is left alone.
//!
//! The folders are named by the kinds of records they hold: 1 and 2 are those of version 0.1.
//! They never change: a change of format gets a folder of its own, and the test that writes such
//! files says so.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use headcount::model::{
    Day, Event, KeptBack, Metric, Outcome, SCROLL_NONE, ScriptError, SiteId, Vital,
};
use headcount::spool::{Config, FsyncPolicy, Record, Spool};
use headcount::store::row;

use crate::support::home::Home;
use crate::support::program::{Options, Program};
use crate::support::sql::Door;
use crate::support::{scan, seconds, wait_until};

/// 2093-10-30 12:00 UTC.
const NOON: u32 = 3_907_742_400;
/// Days of the records, days since 1970.
const FIRST: u16 = 45_228;
/// Events of each segment.
const EVENTS: u32 = 40;

fn folder(kinds: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(kinds)
}

fn event(number: u32) -> Record {
    row::event_record(&sample(number))
}

fn sample(number: u32) -> Event<'static> {
    let text = |name: &str| Cow::Owned(format!("{name}-{}", number % 7));
    Event {
        site: SiteId(1 + number % 3),
        day: Day(FIRST + u16::try_from(number % 2).expect("small")),
        hour: 12,
        ts: NOON + number,
        visitor: u64::from(number % 9) * 0x0123_4567_89ab,
        name: "pageview".into(),
        interactive: true,
        by_key: false,
        hostname: "golden.example".into(),
        path: format!("/{number}/é").into(),
        referrer: text("referrer"),
        source: text("source"),
        channel: text("channel"),
        utm_source: text("utm_source"),
        utm_medium: text("utm_medium"),
        utm_campaign: text("utm_campaign"),
        utm_term: text("utm_term"),
        utm_content: text("utm_content"),
        click_id: "".into(),
        country: "AT".into(),
        region: text("region"),
        city: text("city"),
        browser: text("browser"),
        browser_version: text("browser_version"),
        os: text("os"),
        os_version: text("os_version"),
        device: text("device"),
        language: "de".into(),
        screen: text("screen"),
        score: 0,
        engaged_ms: number,
        scroll: SCROLL_NONE,
        props: if number.is_multiple_of(2) {
            vec![(text("name"), "x".repeat(200).into())]
        } else {
            Vec::new()
        },
        revenue: -i64::from(number),
        currency: "EUR".into(),
    }
}

/// What the present version writes beside events.
fn others() -> Vec<Record> {
    let (site, day) = (SiteId(1), Day(FIRST));
    vec![
        row::outcome_record(site, day, Outcome::Bot, "other", 3),
        row::kept_back_record(site, day, KeptBack::Property, "plan", 4),
        row::vital_record(&Vital {
            site,
            day,
            path: "/".to_owned(),
            device: "Desktop".to_owned(),
            country: "AT".to_owned(),
            metric: Metric::Lcp,
            bucket: 70,
        }),
        row::script_error_record(&ScriptError {
            site,
            day,
            path: "/".to_owned(),
            browser: "Firefox".to_owned(),
            template: "x is not defined".to_owned(),
        }),
    ]
}

/// The same records as version 0.1 wrote them: without click id and score, without reason.
fn of_0_1(mut record: Record) -> Record {
    let body = &mut record.body;
    match body[0] {
        4 => {
            body[0] = 1;
            assert!(body.ends_with(&[0, 1, b'0']), "no click id, score 0");
            body.truncate(body.len() - 3);
        }
        5 => {
            body[0] = 2;
            let reason = body.len() - 8 - "other".len() - 1;
            body.drain(reason..reason + 6);
        }
        other => panic!("version 0.1 had no kind {other}"),
    }
    record
}

fn config(dir: &Path) -> Config {
    Config {
        dir: dir.to_path_buf(),
        bad_dir: dir.join("bad"),
        fsync: FsyncPolicy::Group,
        max_bytes: u64::MAX,
        min_free_bytes: 0,
        seal_after: seconds(3_600),
    }
}

/// Names of files and their lengths; the id of a spool is random, so its bytes differ.
fn shape(dir: &Path) -> Vec<(String, usize)> {
    let files = scan::files(dir).into_iter().map(|(path, bytes)| {
        let name = Path::new(&path).file_name().expect("a name").to_string_lossy().into_owned();
        (name, bytes.len())
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

#[test]
fn this_version_writes_files_like_those_that_are_kept() {
    let all = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let events = || (0..EVENTS).map(event);
    let bots = row::outcome_record(SiteId(1), Day(FIRST), Outcome::Bot, "other", 3);
    let old: Vec<_> = events().chain([bots]).map(of_0_1).collect();
    for (version, records) in
        [("kinds-1-2", old), ("kinds-3-7", events().chain(others()).collect())]
    {
        let dir = all.path().join(version);
        let spool = Spool::open(config(&dir)).expect("a spool");
        runtime.block_on(spool.append(records.clone())).expect("appended");
        spool.close();
        drop(spool);
        // And one that a kill left growing.
        let spool = Spool::open(config(&dir)).expect("a spool");
        runtime.block_on(spool.append(records)).expect("appended");
        let log = fs::read_dir(&dir).expect("a folder").flatten().map(|entry| entry.path());
        let log = log.into_iter().find(|path| path.extension().is_some_and(|end| end == "log"));
        let log = log.expect("a log");
        let bytes = fs::read(&log).expect("the log");
        spool.close();
        drop(spool);
        let sealed = log.with_file_name(
            log.file_name()
                .and_then(|name| name.to_str())
                .expect("a name")
                .replace("active-", "seg-")
                .replace(".log", ".seg"),
        );
        fs::remove_file(sealed).expect("the sealed log");
        fs::write(&log, bytes).expect("the log");
        fs::remove_file(dir.join("lock")).expect("the lock");
        fs::remove_dir(dir.join("bad")).expect("the bad directory");
        let advice = "the format changed: what this version writes needs a folder of its own";
        assert_eq!(shape(&dir), shape(&folder(version)), "{version}: {advice}");
    }
}

fn put(version: &str, home: &Home) {
    let spool = home.data().join("spool");
    fs::create_dir_all(&spool).expect("our own home");
    for (name, bytes) in scan::files(&folder(version)) {
        let name = Path::new(&name).file_name().expect("a name").to_owned();
        fs::write(spool.join(name), bytes).expect("our own home");
    }
}

fn segments(home: &Home) -> usize {
    let files = scan::files(&home.data().join("spool"));
    files.iter().filter(|(name, _)| name.ends_with(".seg") || name.ends_with(".log")).count()
}

#[test]
fn spools_of_earlier_versions_are_delivered_whole() {
    for (version, others) in [("kinds-1-2", "6 0 0 0"), ("kinds-3-7", "6 8 2 2")] {
        let home = Home::new();
        put(version, &home);
        assert_eq!(segments(&home), 2, "{version}: a sealed segment and a log");
        let options = Options { clock: Some(NOON), ..Options::behind_proxy() };
        let program = Program::start_in(home, options);
        wait_until("the segments to be delivered", seconds(30), || segments(program.home()) == 0);
        program.wait_rows(u64::from(2 * EVENTS));
        let door = Door::embedded(&program.home().data(), "schema");
        let told = door.value(
            "SELECT uniqExact(batch), uniqExact(batch, position), uniqExact(path), \
             sum(engaged_ms), sum(revenue), sum(toUInt32(ts) - 3907742400), uniqExact(visitor), \
             uniqExact(city), sum(length(props)), min(click_id = '' AND score = '0' OR score = '') \
             FROM open_events FORMAT TSV",
        );
        let sum = 2 * (0..EVENTS).sum::<u32>();
        let expected =
            format!("2\t80\t40\t{sum}\t-{:.3}\t{sum}\t9\t7\t40\t1", f64::from(sum) / 1e3);
        assert_eq!(told.replace(".56\t", ".560\t"), expected, "{version}");
        let counts = ["outcomes", "kept_back", "vitals", "script_errors"]
            .map(|table| door.value(&format!("SELECT sum(events) FROM {table}")));
        assert_eq!(counts.join(" "), others, "{version}");
        assert!(scan::files(&program.home().data().join("bad")).is_empty(), "{version}");
    }
}

#[test]
fn a_segment_with_more_words_than_a_byte_counts_arrives_as_it_was() {
    let home = Home::new();
    let dir = home.data().join("spool");
    fs::create_dir_all(&dir).expect("our own home");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let spool = Spool::open(config(&dir)).expect("a spool");
    let wide = |number| {
        let mut event = sample(number);
        event.day = Day(FIRST);
        event.city = format!("city {number}").into();
        event.props =
            vec![(format!("name {}", number % 300).into(), format!("value {number}").into())];
        row::event_record(&event)
    };
    runtime.block_on(spool.append((0..1_000).map(wide).collect())).expect("appended");
    spool.close();
    drop(spool);
    let options = Options { clock: Some(NOON), ..Options::behind_proxy() };
    let program = Program::start_in(home, options);
    program.wait_rows(1_000);
    let door = Door::embedded(&program.home().data(), "schema");
    let wrong = door.value(
        "SELECT countIf(city != concat('city ', toString(engaged_ms)) OR props != \
         map(concat('name ', toString(engaged_ms % 300)), concat('value ', toString(engaged_ms))) \
         OR path != concat('/', toString(engaged_ms), '/é')), uniqExact(city) FROM open_events FORMAT TSV",
    );
    assert_eq!(wrong, "0\t1000");
}

#[test]
fn a_spool_of_a_later_version_ends_the_start_and_is_left_as_it_is() {
    let home = Home::new();
    put("kinds-3-7", &home);
    let spool = home.data().join("spool");
    let (name, mut bytes) = scan::files(&spool)
        .into_iter()
        .find(|(name, _)| name.ends_with(".seg"))
        .expect("a sealed segment");
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let sum = crc32c::crc32c(&bytes[..32]);
    bytes[32..36].copy_from_slice(&sum.to_le_bytes());
    let file = Path::new(&name).file_name().expect("a name").to_owned();
    fs::write(spool.join(file), bytes).expect("our own home");
    let look = || {
        let mut files = scan::files(&spool);
        files.retain(|(name, _)| !name.ends_with("/lock"));
        files.sort();
        files
    };
    let before = look();
    let started = Program::try_start_in(home, Options::behind_proxy());
    let Err((ended, home)) = started else { panic!("it started") };
    assert_eq!(ended.code, 1, "{}", ended.output);
    let log = format!("{}{}", ended.output, home.log());
    assert!(log.contains("has format 2, newer than this program understands"), "{log}");
    assert_eq!(look(), before);
}
