//! Bodies are read only to a limit, within a time, and within what all of them may hold together.
//!
//! Nearly every event comes in one piece with its head and costs nothing here. What comes in
//! several pieces is gathered, and everything gathered at a time is bounded
//! ([`GATHERED_BYTES_MAX`]): a thousand clients that send large bodies slowly get refusals, not
//! the memory.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};

/// Body of an event from a browser, bytes (tags of other tools send far less).
pub const BROWSER_BODY_BYTES_MAX: usize = 64 * 1024;
/// Body of a request with a send key, bytes.
pub const KEY_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Body of a report or dashboard request, bytes.
pub const QUERY_BODY_BYTES_MAX: usize = 256 * 1024;
/// Bytes that bodies which come in several pieces hold at a time, all connections together: 256
/// events of the largest kind, or sixteen bodies of the largest relay.
pub const GATHERED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Time for a body to arrive: 64 KiB in it are 35 kbit/s.
const BODY_TIME: Duration = Duration::from_secs(15);
/// Time for a body that nobody looks at: nearly all come together with their head.
const DISCARD_TIME: Duration = Duration::from_millis(200);
/// Room for a body in several pieces at first, bytes; it doubles as more comes.
const FIRST_ROOM: usize = 8 * 1024;

/// What is gathered now, bytes, in all connections.
static GATHERED: AtomicUsize = AtomicUsize::new(0);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the limit; the rest was not read.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time, or the connection broke.
    #[error("the body did not arrive")]
    Broken,
    /// Too many bodies arrive in pieces at the moment.
    #[error("too many large bodies arrive at once; try again in some seconds")]
    Busy,
}

/// A body that was read to its end.
#[derive(Debug)]
pub struct Whole {
    bytes: Bytes,
    _room: Room,
}

/// A part of [`GATHERED_BYTES_MAX`], given back when dropped.
#[derive(Debug, Default)]
struct Room(usize);

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Room {
    /// Makes it `bytes` large.
    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        let more = bytes.saturating_sub(self.0);
        let taken = GATHERED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(more).filter(|held| *held <= GATHERED_BYTES_MAX)
        });
        taken.map_err(|_| BodyError::Busy)?;
        self.0 += more;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        GATHERED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Whether a body is compressed: none is decompressed here, since a kilobyte can become a gigabyte.
#[must_use]
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    !codings.all(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// Reads at most `bytes_max` bytes.
///
/// # Errors
/// When there is more, when the body does not arrive, or when too many come in pieces.
pub async fn read_body(mut body: Incoming, bytes_max: usize) -> Result<Whole, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(BodyError::TooLarge);
    }
    let reading = async {
        // Nearly every body is one piece: it is handed on without a copy.
        let first = next(&mut body).await?.unwrap_or_default();
        if first.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        if body.is_end_stream() {
            return Ok(Whole { bytes: first, _room: Room::default() });
        }
        let most = if announced > 0 { announced } else { bytes_max };
        gather(first, &mut body, most).await
    };
    tokio::time::timeout(BODY_TIME, reading).await.unwrap_or(Err(BodyError::Broken))
}

/// Reads and forgets what is left of a body, so that the connection can be used again; answers
/// whether it came to its end within `bytes_max` and a moment. The answer is known already and
/// does not wait for a body that is still on its way.
pub async fn discard(mut body: Incoming, bytes_max: usize) -> bool {
    if body.is_end_stream() {
        return true;
    }
    let reading = async {
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > bytes_max {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DISCARD_TIME, reading).await.unwrap_or(false)
}

/// The next piece; nothing at the end. Trailers are read over.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

async fn gather(first: Bytes, body: &mut Incoming, bytes_max: usize) -> Result<Whole, BodyError> {
    let mut room = Room::default();
    let mut all = BytesMut::new();
    let mut piece = Some(first);
    while let Some(bytes) = piece {
        let length = all.len() + bytes.len();
        if length > bytes_max {
            return Err(BodyError::TooLarge);
        }
        if length > all.capacity() {
            let wanted = (all.capacity() * 2).max(FIRST_ROOM).min(bytes_max).max(length);
            room.grow(wanted)?;
            all.reserve(wanted - all.len());
        }
        all.extend_from_slice(&bytes);
        // Before waiting: a piece holds the whole buffer that it was read into.
        drop(bytes);
        piece = next(body).await?;
    }
    Ok(Whole { bytes: all.freeze(), _room: room })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_is_bounded_and_comes_back() {
        let mut rooms = Vec::new();
        loop {
            let mut room = Room::default();
            if room.grow(BROWSER_BODY_BYTES_MAX).is_err() {
                break;
            }
            rooms.push(room);
        }
        assert_eq!(rooms.len(), GATHERED_BYTES_MAX / BROWSER_BODY_BYTES_MAX);
        assert_eq!(rooms[0].grow(BROWSER_BODY_BYTES_MAX + 1), Err(BodyError::Busy));
        assert_eq!(rooms[0].grow(BROWSER_BODY_BYTES_MAX), Ok(()));
        rooms.pop();
        assert_eq!(Room::default().grow(BROWSER_BODY_BYTES_MAX), Ok(()));
        drop(rooms);
        assert_eq!(GATHERED.load(Ordering::Relaxed), 0);
    }
}
