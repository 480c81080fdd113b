//! `headcount bench`: load on a running server, by made-up visitors, and how it bore it.
//!
//! A *closed* loop sends on each connection as soon as the last answer is there: how much a server
//! can take. An *open* loop sends at a rate whatever the server does, and counts latency from when a
//! request was due: what visitors would have felt. Requests are written out before the run, so that
//! sending them costs little beside the server on the same machine.
//!
//! It makes events like any others, so it refuses sites that may be real unless told otherwise.

pub mod agents;
pub mod answer;
pub mod door;
pub mod figures;
pub mod histogram;
pub mod random;
pub mod requests;
pub mod schedule;
pub mod tally;
mod connection;
mod look;
mod visits;
mod worker;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::app::bench::agents::Agents;
use crate::app::bench::door::Door;
use crate::app::bench::figures::Figures;
use crate::app::bench::requests::{Cast, Requests};
use crate::app::bench::schedule::Schedule;
use crate::app::bench::tally::Tally;
use crate::app::bench::worker::{Run, Worker};
use crate::app::fatal::{FAILED, Fatal, USAGE};

/// Most connections: more than a listener of headcount takes.
pub const CONNECTIONS_MAX: usize = 16_384;
/// Most threads.
pub const THREADS_MAX: usize = 64;
/// Most visitors; their requests are held in memory, about 4 KB a visitor.
pub const VISITORS_MAX: u64 = 200_000;
/// Most pages of a site: more than a site may have on a day.
pub const PAGES_MAX: usize = 100_000;
/// How often is told how far it is.
const TELL_PAUSE: Duration = Duration::from_millis(200);
/// Domains that nobody can own (RFC 2606), under which a site for tests may stand.
const RESERVED: [&str; 4] = ["example", "invalid", "localhost", "test"];

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server.
    pub url: String,
    /// Sites of the events; the first are visited most.
    pub sites: Vec<String>,
    /// How long is measured.
    pub duration: Duration,
    /// How long load is made before.
    pub warm_up: Duration,
    /// Connections at once.
    pub connections: usize,
    /// Events a second of an open loop; nothing for a closed one.
    pub rate: Option<u64>,
    /// Threads that send.
    pub threads: usize,
    /// Visitors.
    pub visitors: u64,
    /// Pages of each site.
    pub pages: usize,
    /// Seed of all choices.
    pub seed: u64,
    /// Of a hundred visitors, those who send `DNT: 1`.
    pub opted_out_percent: u64,
    /// User-Agents, one a line, instead of our own.
    pub agents: Option<String>,
    /// The sites may be real.
    pub is_real_site: bool,
    /// The server need not be headcount.
    pub is_any_server: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Time since its start, warm-up included.
    pub passed: Duration,
    /// Its whole length.
    pub whole: Duration,
    /// Answers so far.
    pub answered: u64,
}

/// Makes load; `watch` is told a few times a second how far it is.
///
/// # Errors
/// A plan that is refused, or a server that cannot be reached, is not headcount or has no such site.
pub fn run<'a>(plan: &'a Plan, watch: &dyn Fn(Progress)) -> Result<Figures<'a>, Fatal> {
    check(plan)?;
    let agents = match &plan.agents {
        None => Agents::built_in(),
        Some(lines) => Agents::of_lines(lines)
            .ok_or_else(|| Fatal::say(USAGE, "--agents needs User-Agents in ASCII, one a line"))?,
    };
    let door = Door::find(&plan.url)?;
    let cast = Cast {
        host: &door.authority,
        prefix: &door.prefix,
        sites: &plan.sites,
        visitors: plan.visitors,
        pages: plan.pages,
        opted_out_percent: plan.opted_out_percent,
        agents: &agents,
        seed: plan.seed,
    };
    let probes_accepted = look::at_sites(plan, &door, &cast)?;
    let requests = Requests::write(&cast);
    open_more_files();
    let whole = plan.warm_up + plan.duration;
    let answered = AtomicU64::new(0);
    let run = Run {
        door: &door,
        requests: &requests,
        answered: &answered,
        start: Instant::now(),
        measured_from: nanos(plan.warm_up),
        end: nanos(whole),
    };
    let tally = threads(plan, &run, &|| {
        let passed = run.start.elapsed();
        watch(Progress { passed, whole, answered: answered.load(Ordering::Relaxed) });
    })?;
    let length = tally.last_answer.max(run.end).saturating_sub(run.measured_from);
    Ok(Figures { plan, tally, probes_accepted, requests: requests.len(), nanos: length })
}

/// Runs the threads to their end.
fn threads(plan: &Plan, run: &Run<'_>, tell: &dyn Fn()) -> Result<Tally, Fatal> {
    let count = plan.threads.min(plan.connections);
    let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    std::thread::scope(|scope| {
        let mut started = Vec::new();
        for thread in 0..count {
            let schedule = plan.rate.map(|rate| Schedule::new(rate, wide(thread), wide(count)));
            // The first threads have one more if it does not come out even.
            let connections = (plan.connections + count - 1 - thread) / count;
            let place = run.requests.len() / count * thread;
            let worker = Worker::new(run, connections, place, schedule).context("epoll")?;
            started.push(scope.spawn(|| worker.work()));
        }
        while started.iter().any(|thread| !thread.is_finished()) {
            tell();
            std::thread::sleep(TELL_PAUSE);
        }
        let mut all = Tally::default();
        for thread in started {
            let tally = thread
                .join()
                .map_err(|_| Fatal::say(FAILED, "a thread of the generator broke"))?
                .context("cannot wait for sockets")?;
            all.merge(&tally);
        }
        Ok(all)
    })
}

/// Refuses what must not or cannot be run.
fn check(plan: &Plan) -> Result<(), Fatal> {
    let within = |name: &str, value: u64, max: u64| {
        let fits = (1..=max).contains(&value);
        fits.then_some(()).ok_or_else(|| Fatal::say(USAGE, format!("{name} is from 1 to {max}")))
    };
    let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    within("--connections", wide(plan.connections), wide(CONNECTIONS_MAX))?;
    within("--threads", wide(plan.threads), wide(THREADS_MAX))?;
    within("--visitors", plan.visitors, VISITORS_MAX)?;
    within("--pages", wide(plan.pages), wide(PAGES_MAX))?;
    within("--rate", plan.rate.unwrap_or(1), 10_000_000)?;
    if plan.sites.is_empty() {
        return Err(Fatal::say(USAGE, "--site DOMAIN is missing: a site of that server"));
    }
    for site in &plan.sites {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if site.is_empty() || !site.chars().all(plain) {
            return Err(Fatal::say(USAGE, format!("{site:?} is not a domain")));
        }
        if !plan.is_real_site && !is_reserved(site) {
            let words = format!(
                "bench fills the statistics of {site} with made-up visitors, for good. Make a site for it, such as bench.example (headcount site add bench.example), or say --real-site if you mean it"
            );
            return Err(Fatal::say(USAGE, words));
        }
    }
    Ok(())
}

fn is_reserved(site: &str) -> bool {
    let host = site.split(':').next().unwrap_or_default();
    host.rsplit('.')
        .next()
        .is_some_and(|last| RESERVED.contains(&last.to_ascii_lowercase().as_str()))
}

/// Each connection is a file; a limit that stays is seen as connections that cannot be made.
fn open_more_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
