//! Load with a memory: every event has a number, and what became of each is written down.
//!
//! The number travels in two parts of at most three digits, the path and one property, so that no
//! cap on distinct values and no placeholder for long digits can swallow it. Each event comes from
//! another address, so that no limiter slows the load; it needs 127.0.0.1 as a trusted proxy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::agents;
use crate::support::http::Client;
use crate::support::sql::Door;
use crate::support::{seconds, wait_until};

/// Events that share a path: each has a value of a property, of which a day may have 200.
const PARTS: u32 = 200;
/// Pause of a sender that got no answer.
const AFTER_FAULT: Duration = Duration::from_millis(5);
/// How long the table must stay the same before we believe that nothing more comes.
const QUIET: Duration = Duration::from_secs(2);
/// Wrong events that are named.
const WRONG_SHOWN: usize = 20;
/// How long delivery may take once the load has ended.
const DELIVERY_LIMIT: Duration = Duration::from_secs(90);

/// What a sender was told about one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 202 with `X-Headcount: accepted`.
    Accepted,
    /// Another whole answer, with its status.
    Refused(u16),
    /// No answer: it may be stored or not.
    Unknown,
}

/// What became of every event, by its number.
pub(crate) type Ledger = BTreeMap<u32, Fate>;

/// Several senders, each with a connection of its own.
pub(crate) struct Load {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<Ledger>>,
}

struct Shared {
    domain: &'static str,
    pause: Duration,
    /// Where to send; nothing while there is nobody to send to.
    target: Mutex<Option<String>>,
    stop: AtomicBool,
    /// Refusals are worth nothing at the moment.
    doubt: AtomicBool,
    next: AtomicU32,
    accepted: AtomicU32,
}

impl Load {
    /// Starts `senders` senders of page views of `domain`, each pausing `pause` between two.
    pub(crate) fn start(url: &str, domain: &'static str, senders: usize, pause: Duration) -> Self {
        let shared = Arc::new(Shared {
            domain,
            pause,
            target: Mutex::new(Some(url.to_owned())),
            stop: AtomicBool::new(false),
            doubt: AtomicBool::new(false),
            next: AtomicU32::new(0),
            accepted: AtomicU32::new(0),
        });
        let senders = (0..senders)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.run())
            })
            .collect();
        Self { shared, senders }
    }

    /// From now on sends to `url`, or to nobody.
    pub(crate) fn aim(&self, url: Option<&str>) {
        *self.shared.target() = url.map(str::to_owned);
    }

    /// Whether a refusal is worth nothing from now on. So it is while a disk that cannot take back
    /// what it was given is about to be cut off or its program killed: what was refused then may
    /// come back once, and counts as if it had got no answer.
    pub(crate) fn doubt(&self, doubt: bool) {
        self.shared.doubt.store(doubt, Ordering::SeqCst);
    }

    /// Waits until more events were accepted than before, so that what comes next meets work.
    pub(crate) fn wait_for_work(&self) {
        let before = self.accepted();
        wait_until("the load to be accepted", seconds(30), || self.accepted() > before + 20);
    }

    /// How many events were accepted so far.
    pub(crate) fn accepted(&self) -> u32 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Ends the load.
    pub(crate) fn stop(self) -> Ledger {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = Ledger::new();
        for sender in self.senders {
            all.append(&mut sender.join().expect("a sender does not panic"));
        }
        all
    }
}

impl Shared {
    fn target(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) -> Ledger {
        let mut ledger = Ledger::new();
        let mut client = None;
        while !self.stop.load(Ordering::Relaxed) {
            let Some(url) = self.target().clone() else {
                std::thread::sleep(AFTER_FAULT);
                continue;
            };
            if !matches!(&client, Some((known, _)) if *known == url) {
                client = Some((url.clone(), Client::new(&url)));
            }
            let Some((_, connection)) = &mut client else { continue };
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let mut fate = send(connection, self.domain, number);
            if matches!(fate, Fate::Refused(_)) && self.doubt.load(Ordering::SeqCst) {
                fate = Fate::Unknown;
            }
            ledger.insert(number, fate);
            if fate == Fate::Accepted {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(self.pause);
            } else {
                std::thread::sleep(AFTER_FAULT);
            }
        }
        ledger
    }
}

/// Sends event `number` and says what came back.
pub(crate) fn send(client: &mut Client, domain: &str, number: u32) -> Fate {
    let address = format!("{}.{}.{}.9", 20 + number % 150, number / 150 % 250, number / 37_500);
    send_from(client, &address, domain, number)
}

/// The same, as the visitor behind `address`.
pub(crate) fn send_from(client: &mut Client, address: &str, domain: &str, number: u32) -> Fate {
    let (page, part) = (number / PARTS, number % PARTS);
    let body = format!(
        r#"{{"n":"pageview","u":"https://{domain}/n/{page}","d":"{domain}","p":{{"part":"{part}"}}}}"#
    );
    let agent = &agents::like("Chrome", "Windows").text;
    let request = format!(
        "POST /api/event HTTP/1.1\r\nHost: t\r\nUser-Agent: {agent}\r\nX-Forwarded-For: {address}\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match client.try_raw(request.as_bytes()) {
        Ok(answer) if answer.status == 202 && answer.outcome() == "accepted" => Fate::Accepted,
        Ok(answer) => Fate::Refused(answer.status),
        Err(_) => Fate::Unknown,
    }
}

/// How often each number is stored.
pub(crate) fn stored(door: &Door) -> Result<BTreeMap<u32, u32>, String> {
    let sql = "SELECT path, groupArray(props['part']) FROM open_events GROUP BY path FORMAT TSVRaw";
    let mut found = BTreeMap::new();
    for line in door.text(sql)?.lines() {
        let (path, parts) = line.split_once('\t').ok_or("two columns")?;
        for part in parts.trim_matches(['[', ']']).split(',') {
            *found.entry(number(path, part.trim_matches('\''))?).or_insert(0) += 1;
        }
    }
    Ok(found)
}

/// Where an event is stored: spool, batch, position and day of each of its rows.
pub(crate) fn places(door: &Door, number: u32) -> Result<String, String> {
    let (page, part) = (number / PARTS, number % PARTS);
    door.text(&format!(
        "SELECT spool, batch, position, day, _part FROM open_events \
         WHERE path = '/n/{page}' AND props['part'] = '{part}' FORMAT TSV"
    ))
}

/// The number of an event with this path and this property.
///
/// # Errors
/// Names what was never sent.
pub(crate) fn number(path: &str, part: &str) -> Result<u32, String> {
    let page: u32 = path
        .strip_prefix("/n/")
        .and_then(|page| page.parse().ok())
        .ok_or_else(|| format!("a path that was not sent: {path}"))?;
    let part: u32 = part.parse().map_err(|_| format!("a part that was not sent: {part}"))?;
    Ok(page * PARTS + part)
}

/// What the table says about a ledger.
#[derive(Debug, Default, Clone)]
pub(crate) struct Verdict {
    /// Events by what their senders were told.
    pub(crate) accepted: usize,
    /// The same.
    pub(crate) refused: usize,
    /// The same.
    pub(crate) unknown: usize,
    /// Accepted, and not stored.
    pub(crate) lost: usize,
    /// Stored more often than allowed: twice, or refused, or never sent.
    pub(crate) doubled: usize,
    /// The number of the first event that is not as it should be.
    pub(crate) first: Option<u32>,
    /// The first of them, in words.
    pub(crate) wrong: Vec<String>,
}

/// Waits until every accepted event is stored and nothing more arrives, then checks that accepted
/// events are there once, refused ones never, and those without an answer at most once.
pub(crate) fn check_exactly_once(ledger: &Ledger, door: &Door) {
    let verdict = judge(ledger, door);
    println!(
        "sent {}, accepted {}, without an answer {}",
        ledger.len(),
        verdict.accepted,
        verdict.unknown
    );
    verdict.insist();
}

/// The same, without a word.
pub(crate) fn judge(ledger: &Ledger, door: &Door) -> Verdict {
    compare(ledger, &settled(ledger, door))
}

impl Verdict {
    /// Fails unless everything is as it should be, and was something.
    pub(crate) fn insist(&self) {
        assert!(self.accepted > 0, "nothing was accepted: the load was none");
        let (lost, doubled) = (self.lost, self.doubled);
        assert!(self.wrong.is_empty(), "lost {lost}, doubled {doubled}: {:?}", self.wrong);
    }
}

/// Compares how often events are stored with what their senders were told.
pub(crate) fn compare(ledger: &Ledger, found: &BTreeMap<u32, u32>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut note = |number: u32, text: String| {
        verdict.first.get_or_insert(number);
        if verdict.wrong.len() < WRONG_SHOWN {
            verdict.wrong.push(text);
        }
    };
    for (number, fate) in ledger {
        let times = found.get(number).copied().unwrap_or(0);
        let (count, least, most) = match fate {
            Fate::Accepted => (&mut verdict.accepted, 1, 1),
            Fate::Refused(_) => (&mut verdict.refused, 0, 0),
            Fate::Unknown => (&mut verdict.unknown, 0, 1),
        };
        *count += 1;
        if times < least {
            verdict.lost += 1;
        } else if times > most {
            verdict.doubled += 1;
        } else {
            continue;
        }
        note(*number, format!("event {number}: {fate:?}, stored {times} times"));
    }
    for number in found.keys().filter(|number| !ledger.contains_key(number)) {
        verdict.doubled += 1;
        note(*number, format!("event {number}: never sent, but stored"));
    }
    verdict
}

/// What is stored once all accepted events are there and the table has been quiet for a while, or
/// when waiting longer makes no sense.
fn settled(ledger: &Ledger, door: &Door) -> BTreeMap<u32, u32> {
    let deadline = Instant::now() + DELIVERY_LIMIT;
    let mut last = String::new();
    let mut since = Instant::now();
    loop {
        let count = door.text("SELECT count() FROM open_events").unwrap_or_default();
        if count != last || count.is_empty() {
            last = count;
            since = Instant::now();
        }
        let over = Instant::now() > deadline;
        if since.elapsed() > QUIET || over {
            let found = stored(door);
            if over {
                return found.expect("the database answers");
            }
            let found = found.unwrap_or_default();
            let is_there = |(number, fate): (&u32, &Fate)| {
                *fate != Fate::Accepted || found.contains_key(number)
            };
            if ledger.iter().all(is_there) {
                return found;
            }
            since = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_notices_what_is_lost_doubled_or_made_up() {
        let ledger = Ledger::from([
            (0, Fate::Accepted),
            (1, Fate::Refused(503)),
            (2, Fate::Unknown),
            (3, Fate::Unknown),
        ]);
        let good = BTreeMap::from([(0, 1), (3, 1)]);
        assert_eq!(compare(&ledger, &good).wrong, Vec::<String>::new());
        for (number, times) in [(0, 0), (0, 2), (1, 1), (2, 2), (7, 1)] {
            let mut bad = good.clone();
            bad.insert(number, times);
            let verdict = compare(&ledger, &bad);
            assert_eq!(verdict.wrong.len(), 1, "event {number} stored {times} times");
            assert_eq!((verdict.lost, verdict.doubled), if times == 0 { (1, 0) } else { (0, 1) });
        }
    }
}
