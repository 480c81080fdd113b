//! Nanoseconds per stage of the pipeline, one thread, nothing else on the machine.
//!
//! `cargo bench --bench stages` prints a table. Input is real: 1,000 User-Agents as 10,000 people
//! have them, the installed city database asked for addresses all over the public space, pages and
//! referrers of several kinds. A stage runs over all of its input in each round; the table has the
//! median and the lowest of the rounds.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measuring program: it prints its table and ends at the first surprise"
)]

mod input;

use std::alloc::System;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use headcount::ingest::hints::Hints;
use headcount::ingest::url::{self, Campaign};
use headcount::ingest::{
    Agents, Context, Facts, Identity, Row, SiteRules, Target, address, bots, opted_out,
    parse_event, parse_pixel, prepare, reduce, signs, source,
};
use headcount::model::{Event, day};
use headcount::store::row;
use zeroizing_alloc::ZeroAlloc;

use crate::input::{Input, NOW};

/// The program's own: memory that is given back is wiped.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

/// Rounds over all input.
const ROUNDS: usize = 31;
/// Key of the tokens and of the cache of agents; any will do.
const KEY: [u8; 32] = [7; 32];

/// A line of the table: the stage, and nanoseconds of each round.
type Line = (&'static str, Vec<f64>);

fn main() {
    headcount::ingest::load_tables();
    let input = Input::read();
    let mut lines = Vec::new();
    of_headers(&input, &mut lines);
    of_pages(&input, &mut lines);
    of_visitors(&input, &mut lines);
    whole(&input, &mut lines);
    println!("| stage | median, ns | lowest, ns |");
    println!("|---|---|---|");
    for (stage, mut rounds) in lines {
        rounds.sort_by(f64::total_cmp);
        println!("| {stage} | {:.0} | {:.0} |", rounds[rounds.len() / 2], rounds[0]);
    }
}

/// Runs a stage over `count` inputs in each round.
fn time(lines: &mut Vec<Line>, stage: &'static str, count: usize, mut run: impl FnMut(usize)) {
    (0..count).for_each(&mut run);
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        (0..count).for_each(&mut run);
        begun.elapsed().as_nanos() as f64 / count as f64
    });
    lines.push((stage, rounds.collect()));
}

fn of_headers(input: &Input, lines: &mut Vec<Line>) {
    let count = input.requests.len();
    let headers: Vec<_> = input.requests.iter().map(input::Request::headers).collect();
    time(lines, "signals of the headers", count, |at| {
        black_box(opted_out(&headers[at]));
    });
    time(lines, "bots: a person", count, |at| {
        black_box(bots::reason(&headers[at], bots::find(headers[at].user_agent)));
    });
    let known = b"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)";
    time(lines, "bots: a crawler and its name", 1_000, |_| {
        black_box(bots::find(black_box(Some(known))));
    });
    let agents = Agents::new();
    time(lines, "agent, not cached", count, |at| {
        black_box(agents.parse(headers[at].user_agent.unwrap_or_default()));
    });
    agents.rotate(KEY);
    time(lines, "agent and bots, cached", count, |at| {
        black_box(agents.look(headers[at].user_agent.unwrap_or_default()));
    });
    let parsed: Vec<_> = headers
        .iter()
        .map(|headers| agents.parse(headers.user_agent.unwrap_or_default()))
        .collect();
    time(lines, "client hints and score", count, |at| {
        let hints = Hints::of(&headers[at]);
        black_box(signs::score(&headers[at], &hints, &parsed[at]));
        black_box(hints.complete(std::sync::Arc::clone(&parsed[at])));
    });
}

fn of_pages(input: &Input, lines: &mut Vec<Line>) {
    let count = input.requests.len();
    time(lines, "body of an event", count, |at| {
        black_box(parse_event(&input.requests[at].body).is_ok());
    });
    let query = "site=bench.example&u=https%3A%2F%2Fbench.example%2Farticles%2F5&event=pageview";
    time(lines, "query of a pixel", 1_000, |_| {
        black_box(parse_pixel(black_box(query), None).is_ok());
    });
    for (stage, address) in [
        ("address: a plain page", "https://bench.example/articles/how-to-count"),
        (
            "address: five campaign parameters, a click id",
            "https://bench.example/articles/5?utm_source=letter&utm_medium=email&utm_campaign=spring&utm_term=a&utm_content=b&gclid=EAIaIQobChMI",
        ),
        (
            "address: encoded, with placeholders",
            "https://bench.example/u/jane%40mail.example/order/20260615/0123456789abcdef/caf%C3%A9",
        ),
    ] {
        time(lines, stage, 1_000, |_| {
            black_box(url::page(black_box(address), false).is_ok());
        });
    }
    time(lines, "referrer, source and channel", count, |at| {
        let host = url::referrer_host(input.requests[at].referrer);
        black_box(source::find(&Campaign::default(), &host));
    });
}

fn of_visitors(input: &Input, lines: &mut Vec<Line>) {
    let count = input.requests.len();
    let headers: Vec<_> = input.requests.iter().map(input::Request::headers).collect();
    let resolve = |at: usize| address::resolve(input.peer, &headers[at], &input.trusted).addr;
    time(lines, "client address behind a proxy", count, |at| {
        black_box(resolve(at));
    });
    let clients: Vec<_> = (0..count).map(resolve).collect();
    time(lines, "location", count, |at| {
        black_box(input.lookups.geo.locate(&clients[at]));
    });
    time(lines, "datacentres, 50,000 networks", count, |at| {
        black_box(input.networks.contains(&clients[at]));
    });
    time(lines, "token", count, |at| {
        let user_agent = headers[at].user_agent.unwrap_or_default();
        black_box(Identity::new(resolve(at), user_agent).token(&KEY));
    });
}

/// The event of one request from its headers and body, and what `then` makes of it.
fn event<T>(
    request: &input::Request,
    cx: &Context<'_>,
    (target, peer): (&Target<'_>, IpAddr),
    then: impl FnOnce(&Event<'_>) -> T,
) -> Option<T> {
    let headers = request.headers();
    let payload = parse_event(&request.body).ok()?;
    let facts = Facts { headers: &headers, peer, by_key: false, named: None };
    let prepared = prepare(&facts, &payload, cx).ok()?;
    match reduce(&prepared, &payload, target).ok()?.row {
        Row::Event(event) => Some(then(&event)),
        _ => None,
    }
}

fn whole(input: &Input, lines: &mut Vec<Line>) {
    let count = input.requests.len();
    let agents = Agents::new();
    agents.rotate(KEY);
    let cx = Context { lookups: &input.lookups, agents: &agents, trusted: &input.trusted };
    let rules = SiteRules::new(&input.site.rules);
    let moment = day::locate(NOW, &input.site.zone);
    let target =
        Target { site: &input.site, rules: &rules, key: Some(&KEY), moment: &moment, now: NOW };
    let at = (&target, input.peer);
    let kept = |request| event(request, &cx, at, |event| event.clone().into_owned());
    let events: Vec<_> = input.requests.iter().filter_map(kept).collect();
    assert_eq!(events.len(), count, "every event is accepted");
    time(lines, "row of an event", count, |at| {
        black_box(row::event_record(&events[at]));
    });
    time(lines, "**whole event, from headers and body to row**", count, |number| {
        black_box(event(&input.requests[number], &cx, at, row::event_record));
    });
}
