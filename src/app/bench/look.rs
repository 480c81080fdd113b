//! The look before the load: is there a headcount, and does it know the sites?

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::app::bench::Plan;
use crate::app::bench::answer::{self, Answer, Read, Said};
use crate::app::bench::door::Door;
use crate::app::bench::requests::{Cast, probe};
use crate::app::fatal::{FAILED, Fatal};
use crate::model::Outcome;

/// How long the answer to the first request may take.
const LOOK_TIME: Duration = Duration::from_secs(5);

/// Sends one page view to each site; how many were accepted.
pub(super) fn at_sites(plan: &Plan, door: &Door, cast: &Cast<'_>) -> Result<u64, Fatal> {
    let mut accepted = 0;
    for (place, site) in plan.sites.iter().enumerate() {
        let answer = ask(door, &probe(cast, place)).map_err(|error| {
            Fatal::say(FAILED, format!("{} does not answer: {error}", plan.url))
        })?;
        match answer.said {
            Said::Outcome(Outcome::UnknownSite) => {
                let words = format!(
                    "{} has no site {site}; make one there: headcount site add {site}",
                    plan.url
                );
                return Err(Fatal::say(FAILED, words));
            }
            Said::Outcome(Outcome::Accepted) => accepted += 1,
            Said::Outcome(_) => {}
            Said::Other | Said::Nothing if plan.is_any_server => {}
            Said::Other | Said::Nothing => {
                let words = format!(
                    "{} answers {} without X-Headcount: it is no headcount, and load is only for your own servers (--any-server if you mean it)",
                    plan.url, answer.status
                );
                return Err(Fatal::say(FAILED, words));
            }
        }
    }
    Ok(accepted)
}

fn ask(door: &Door, request: &[u8]) -> std::io::Result<Answer> {
    let refused = |words: &str| std::io::Error::other(words.to_owned());
    let deadline = Instant::now() + LOOK_TIME;
    let socket: OwnedFd = door.open()?;
    let left = deadline.saturating_duration_since(Instant::now());
    let time = left.try_into().map_err(|_| refused("no time"))?;
    let made = poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&time))?;
    if made == 0 {
        return Err(refused("no connection within 5 s"));
    }
    rustix::net::sockopt::socket_error(&socket)??;
    let mut stream = TcpStream::from(socket);
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LOOK_TIME))?;
    stream.write_all(request)?;
    let mut held = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(refused("the connection ended"));
        }
        held.extend_from_slice(buffer.get(..length).unwrap_or_default());
        match answer::read(&held) {
            Read::Whole(answer) => return Ok(answer),
            Read::Malformed => return Err(refused("what came is no answer of a collecting path")),
            Read::Partial => {}
        }
    }
}
