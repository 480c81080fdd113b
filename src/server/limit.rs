//! Bodies are read only to a limit and within a time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Body of an event from a browser, bytes (tags of other tools send far less).
pub const BROWSER_BODY_BYTES_MAX: usize = 64 * 1024;
/// Body of a request with a send key, bytes.
pub const KEY_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Body of a report or dashboard request, bytes.
pub const QUERY_BODY_BYTES_MAX: usize = 256 * 1024;
/// Time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(15);

/// Time for a body that nobody looks at: nearly all come together with their head.
const DISCARD_TIME: Duration = Duration::from_millis(200);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the limit; the rest was not read.
    #[error("the body is too large")]
    TooLarge,
    /// It did not arrive in time, or the connection broke.
    #[error("the body did not arrive")]
    Broken,
}

/// Reads at most `bytes_max` bytes.
///
/// # Errors
/// When there is more, or when the body does not arrive.
pub async fn read_body(body: Incoming, bytes_max: usize) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(BodyError::TooLarge);
    }
    tokio::time::timeout(BODY_TIME, gather(body, bytes_max)).await.unwrap_or(Err(BodyError::Broken))
}

/// Reads and forgets what is left of a body, so that the connection can be used again; answers
/// whether it came to its end within `bytes_max` and a moment. The answer is known already and
/// does not wait for a body that is still on its way.
pub async fn discard(mut body: Incoming, bytes_max: usize) -> bool {
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

async fn gather(mut body: Incoming, bytes_max: usize) -> Result<Bytes, BodyError> {
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Ok(chunk) = frame.into_data() else { continue };
        let so_far = all.len() + first.as_ref().map_or(0, Bytes::len);
        if so_far + chunk.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        match first.take() {
            // Nearly every body is one chunk: hand it on without a copy.
            None if all.is_empty() => first = Some(chunk),
            None => all.extend_from_slice(&chunk),
            Some(head) => {
                all.extend_from_slice(&head);
                all.extend_from_slice(&chunk);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
