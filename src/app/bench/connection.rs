//! One connection of the load: what it waits for, and the bytes of an answer that came in parts.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::app::bench::answer::{self, Answer, Read};

/// What a connection is doing; times are nanoseconds since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none; the next try is due then.
    Away {
        /// When it is tried again.
        again: u64,
    },
    /// It is being made.
    Opening {
        /// Since when.
        since: u64,
    },
    /// It may send.
    Free {
        /// Since when.
        since: u64,
    },
    /// A request is on its way.
    Busy(Flight),
}

/// A request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flight {
    /// When it was due.
    pub(super) due: u64,
    /// When it was sent.
    pub(super) sent: u64,
    /// Which request.
    pub(super) place: usize,
    /// Bytes of it that the system took.
    pub(super) written: usize,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Nothing whole yet.
    Nothing,
    /// An answer.
    Answer(Answer),
    /// Something that is no answer.
    Malformed,
    /// The end of the connection.
    End,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: Option<OwnedFd>,
    pub(super) stage: Stage,
    partial: Vec<u8>,
}

impl Connection {
    /// None yet.
    pub(super) fn away() -> Self {
        Self { socket: None, stage: Stage::Away { again: 0 }, partial: Vec::new() }
    }

    /// Closes it and forgets what had come.
    pub(super) fn close(&mut self) {
        self.socket = None;
        self.partial.clear();
    }

    /// Sends as much of `bytes` as the system takes; how many it took, `None` when the connection
    /// is broken.
    pub(super) fn send(&self, bytes: &[u8]) -> Option<usize> {
        match send(self.socket.as_ref()?, bytes, SendFlags::NOSIGNAL) {
            Ok(written) => Some(written),
            Err(Errno::AGAIN | Errno::INTR) => Some(0),
            Err(_) => None,
        }
    }

    /// Receives what there is; `buffer` is only used within the call.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Came {
        let Some(socket) = &self.socket else { return Came::End };
        loop {
            let length = match recv(socket, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) => return Came::End,
                Ok((length, _)) => length,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Came::Nothing,
                Err(_) => return Came::End,
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            let read = if self.partial.is_empty() {
                answer::read(bytes)
            } else {
                self.partial.extend_from_slice(bytes);
                answer::read(&self.partial)
            };
            match read {
                Read::Whole(answer) => {
                    self.partial.clear();
                    return Came::Answer(answer);
                }
                Read::Malformed => return Came::Malformed,
                Read::Partial if self.partial.is_empty() => self.partial.extend_from_slice(bytes),
                Read::Partial => {}
            }
            // Less than we asked for: there was no more, and we are told when there is.
            if length < buffer.len() {
                return Came::Nothing;
            }
        }
    }
}
