//! One thread of the load: many connections, one wait for all of them.
//!
//! Sockets do not block and are watched by edge; a request costs one send, one receive and its part
//! of a wait. In an open loop a request is due at its time whatever became of those before it, and
//! its latency counts from then: a server that stands still is seen by everyone who would have come.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::time::{ClockId, clock_gettime};

use crate::app::bench::answer::Answer;
use crate::app::bench::connection::{Came, Connection, Flight, Stage};
use crate::app::bench::door::Door;
use crate::app::bench::requests::Requests;
use crate::app::bench::schedule::Schedule;
use crate::app::bench::tally::{Counts, Failure, Tally};

/// Nanoseconds of a millisecond.
const MILLI: u64 = 1_000_000;
/// How long an answer may take before its request counts as lost, nanoseconds.
const ANSWER_TIME: u64 = 10_000 * MILLI;
/// How long a connection may take to be made, nanoseconds.
const CONNECT_TIME: u64 = 5_000 * MILLI;
/// Pause before a connection that failed is tried again, nanoseconds.
const RETRY_PAUSE: u64 = 100 * MILLI;
/// How often connections are looked at for what takes too long, nanoseconds.
const LOOK_PAUSE: u64 = 50 * MILLI;
/// Waits shorter than this are made by a call that knows fractions of a millisecond.
const FINE_WAIT: u64 = 2 * MILLI;
/// Sockets that one wait tells of.
const EVENTS: usize = 256;
/// Bytes received at once; answers of collecting paths have some hundred.
const RECEIVE_BYTES: usize = 16 * 1024;

/// What all threads of a run share.
pub(super) struct Run<'a> {
    pub(super) door: &'a Door,
    pub(super) requests: &'a Requests,
    /// Answers so far.
    pub(super) answered: &'a AtomicU64,
    /// Time zero.
    pub(super) start: Instant,
    /// From when on it is measured, nanoseconds since the start.
    pub(super) measured_from: u64,
    /// When the last request may be sent, nanoseconds since the start.
    pub(super) end: u64,
}

/// One thread's part.
pub(super) struct Worker<'a> {
    run: &'a Run<'a>,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Those that may send; may name some that no longer can.
    free: VecDeque<usize>,
    busy: usize,
    /// When requests are due; nothing in a closed loop.
    schedule: Option<Schedule>,
    /// Place of the next request.
    next: usize,
    tally: Tally,
    buffer: Vec<u8>,
    /// Processor time of this thread when the measured time began, nanoseconds.
    cpu_before: Option<u64>,
    told: u64,
}

impl<'a> Worker<'a> {
    /// A thread with so many connections, beginning with the request at `place`.
    pub(super) fn new(
        run: &'a Run<'a>,
        connections: usize,
        place: usize,
        schedule: Option<Schedule>,
    ) -> io::Result<Self> {
        Ok(Self {
            run,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: (0..connections).map(|_| Connection::away()).collect(),
            free: VecDeque::with_capacity(connections),
            busy: 0,
            schedule,
            next: place,
            tally: Tally::default(),
            buffer: vec![0; RECEIVE_BYTES],
            cpu_before: None,
            told: 0,
        })
    }

    /// Sends until the end, then waits for what is on its way.
    pub(super) fn work(mut self) -> io::Result<Tally> {
        let mut events = Vec::with_capacity(EVENTS);
        let mut look = 0;
        loop {
            let now = self.now();
            if self.cpu_before.is_none() && now >= self.run.measured_from {
                self.cpu_before = Some(cpu());
            }
            if now >= look {
                self.look_after(now);
                look = now + LOOK_PAUSE;
            }
            if now >= self.run.end && self.busy == 0 {
                break;
            }
            let wait = self.send_due(now).min(look.saturating_sub(now));
            self.tell();
            self.wait(&mut events, wait)?;
            for event in events.drain(..) {
                let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                self.heard(place);
            }
        }
        self.tell();
        let end = self.run.end;
        self.tally.cpu = cpu().saturating_sub(self.cpu_before.unwrap_or_default());
        self.tally.cpu_of_one = self.tally.cpu;
        self.tally.unsent = self.schedule.as_ref().map_or(0, |schedule| schedule.left(end));
        Ok(self.tally)
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        u64::try_from(self.run.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn tell(&mut self) {
        let all = self.tally.warm_up.answered + self.tally.measured.answered;
        self.run.answered.fetch_add(all - self.told, Ordering::Relaxed);
        self.told = all;
    }

    /// Waits for sockets, at most this long.
    fn wait(&self, events: &mut Vec<epoll::Event>, nanos: u64) -> io::Result<()> {
        let time = |nanos: u64| Timespec {
            tv_sec: i64::try_from(nanos / (1_000 * MILLI)).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(nanos % (1_000 * MILLI)).unwrap_or_default(),
        };
        let whole = if nanos >= FINE_WAIT {
            // It rounds up to milliseconds.
            nanos - MILLI
        } else {
            if nanos > 0 {
                let watched = PollFd::from_borrowed_fd(self.epoll.as_fd(), PollFlags::IN);
                ignore_interrupt(poll(&mut [watched], Some(&time(nanos))))?;
            }
            0
        };
        ignore_interrupt(epoll::wait(&self.epoll, spare_capacity(events), Some(&time(whole))))?;
        Ok(())
    }

    /// Sends what is due in an open loop; nanoseconds until there may be more to do.
    fn send_due(&mut self, now: u64) -> u64 {
        let Some(schedule) = &self.schedule else { return LOOK_PAUSE };
        if now >= self.run.end {
            return LOOK_PAUSE;
        }
        let mut due = schedule.due();
        while due <= now {
            let Some(place) = self.free.pop_front() else { return LOOK_PAUSE };
            let Some(Stage::Free { since }) = self.connections.get(place).map(|one| one.stage)
            else {
                continue;
            };
            if due >= self.run.measured_from {
                self.tally.lag.add((now - due.max(since).min(now)) / 1_000);
            }
            if let Some(schedule) = &mut self.schedule {
                schedule.advance();
            }
            self.send(place, due);
            due = self.schedule.as_ref().map_or(u64::MAX, Schedule::due);
        }
        if self.free.is_empty() { LOOK_PAUSE } else { due.saturating_sub(now) }
    }

    /// Sends the next request.
    fn send(&mut self, place: usize, due: u64) {
        let sent = self.now();
        let request = self.next;
        self.next = self.next.wrapping_add(1);
        self.counts(due).sent += 1;
        let Some(connection) = self.connections.get_mut(place) else { return };
        let flight = Flight { due, sent, place: request, written: 0 };
        connection.stage = Stage::Busy(flight);
        self.busy += 1;
        self.write_on(place, flight);
    }

    /// Sends the rest of a request.
    fn write_on(&mut self, place: usize, flight: Flight) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let bytes = self.run.requests.get(flight.place);
        let rest = bytes.get(flight.written..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        match connection.send(rest) {
            Some(more) => {
                let written = flight.written + more;
                connection.stage = Stage::Busy(Flight { written, ..flight });
            }
            None => self.lost(place, Failure::Closed),
        }
    }

    /// Something happened to a socket.
    fn heard(&mut self, place: usize) {
        let now = self.now();
        let Some(connection) = self.connections.get_mut(place) else { return };
        match connection.stage {
            Stage::Away { .. } => {}
            Stage::Opening { .. } => {
                let socket = connection.socket.as_ref();
                let made = socket.map(rustix::net::sockopt::socket_error);
                if matches!(made, Some(Ok(Ok(())))) {
                    self.tally.connections += 1;
                    self.is_free(place, now);
                } else {
                    self.not_made(place, now);
                }
            }
            // An idle connection that ends is nobody's fault.
            Stage::Free { .. } => {
                if connection.receive(&mut self.buffer) != Came::Nothing {
                    self.open(place, now);
                }
            }
            Stage::Busy(flight) => match connection.receive(&mut self.buffer) {
                Came::Nothing => self.write_on(place, flight),
                Came::Answer(answer) => self.answered(place, flight, &answer),
                Came::Malformed => self.lost(place, Failure::Malformed),
                Came::End => self.lost(place, Failure::Closed),
            },
        }
    }

    fn answered(&mut self, place: usize, flight: Flight, answer: &Answer) {
        let now = self.now();
        self.busy -= 1;
        self.counts(flight.due).answer(answer);
        if flight.due >= self.run.measured_from {
            self.tally.last_answer = now;
            let service = now.saturating_sub(flight.sent) / 1_000;
            self.tally.latency.add(now.saturating_sub(flight.due) / 1_000);
            self.tally.service.add(service);
            if answer.status >= 400 {
                self.tally.refused.add(service);
            }
        }
        if answer.closes { self.open(place, now) } else { self.is_free(place, now) }
    }

    /// A connection may send; in a closed loop it does so at once.
    fn is_free(&mut self, place: usize, now: u64) {
        if let Some(connection) = self.connections.get_mut(place) {
            connection.stage = Stage::Free { since: now };
        }
        if self.schedule.is_some() {
            self.free.push_back(place);
        } else if now < self.run.end {
            self.send(place, now);
        }
    }

    /// A request will not be answered.
    fn lost(&mut self, place: usize, failure: Failure) {
        let now = self.now();
        if let Some(Stage::Busy(flight)) = self.connections.get(place).map(|one| one.stage) {
            self.busy -= 1;
            self.counts(flight.due).fail(failure);
        }
        self.open(place, now);
    }

    fn not_made(&mut self, place: usize, now: u64) {
        self.counts(now).fail(Failure::Connect);
        if let Some(connection) = self.connections.get_mut(place) {
            connection.close();
            connection.stage = Stage::Away { again: now + RETRY_PAUSE };
        }
    }

    /// Closes the connection and begins another.
    fn open(&mut self, place: usize, now: u64) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.close();
        connection.stage = Stage::Away { again: u64::MAX };
        if now >= self.run.end {
            return;
        }
        let data = epoll::EventData::new_u64(u64::try_from(place).unwrap_or(u64::MAX));
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        let opened = self.run.door.open().and_then(|socket| {
            epoll::add(&self.epoll, &socket, data, flags)?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => {
                connection.socket = Some(socket);
                connection.stage = Stage::Opening { since: now };
            }
            Err(_) => self.not_made(place, now),
        }
    }

    /// Gives up what takes too long and tries again what failed.
    fn look_after(&mut self, now: u64) {
        for place in 0..self.connections.len() {
            match self.connections.get(place).map(|one| one.stage) {
                Some(Stage::Away { again }) if now >= again => self.open(place, now),
                Some(Stage::Opening { since }) if now.saturating_sub(since) > CONNECT_TIME => {
                    self.not_made(place, now);
                }
                Some(Stage::Busy(flight)) if now.saturating_sub(flight.sent) > ANSWER_TIME => {
                    self.lost(place, Failure::Late);
                }
                _ => {}
            }
        }
    }

    /// Where a request that was due then is counted.
    fn counts(&mut self, due: u64) -> &mut Counts {
        if due >= self.run.measured_from {
            &mut self.tally.measured
        } else {
            &mut self.tally.warm_up
        }
    }
}

/// Processor time of this thread, nanoseconds.
fn cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default() * 1_000 * MILLI + nanos.unwrap_or_default()
}

/// A signal only ends a wait early.
fn ignore_interrupt(waited: rustix::io::Result<usize>) -> io::Result<()> {
    match waited {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
