//! Answers: small builders that set the headers every answer carries.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::model::Outcome;

/// Every answer of the server.
pub type Answer = Response<Full<Bytes>>;

/// The type of plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// Seconds a refused client is asked to wait.
const RETRY_SECONDS: &str = "5";

/// Headers for which a connection keeps room from one request to the next; browsers send some
/// twenty.
const ROOM_HEADERS_MAX: usize = 64;

/// The emptied header map of a request, for its answer: the connection reads the next head into it
/// again, so that headers take no memory anew.
#[derive(Default)]
pub struct Room(HeaderMap);

impl Room {
    /// Forgets the headers of a request, and keeps their place.
    #[must_use]
    pub fn of(mut headers: HeaderMap) -> Self {
        if headers.capacity() > ROOM_HEADERS_MAX {
            return Self::default();
        }
        headers.clear();
        Self(headers)
    }
}

/// Stands in the extensions of an answer to a request that was read to its end: the connection can
/// be used again, whatever the answer says.
#[derive(Debug, Clone, Copy)]
pub struct WasRead;

/// The smallest GIF: one transparent pixel, 43 bytes.
pub const PIXEL: [u8; 43] = [
    0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0x01, 0x00, 0x01, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0xff, 0x21, 0xf9, 0x04, 0x01, 0x00, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x01, 0x00, 0x00, 0x02, 0x01, 0x44, 0x00, 0x3b, 0x00,
];

/// An answer with a body of the given type.
#[must_use]
pub fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    within(Room::default(), status, content_type, body)
}

/// The same with the headers in this room.
#[must_use]
pub fn within(
    Room(mut headers): Room,
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// Plain text.
#[must_use]
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with_body(status, TEXT, body)
}

/// JSON that must not be kept by caches.
#[must_use]
pub fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    json_bytes(status, body.to_string())
}

/// JSON that is already written.
#[must_use]
pub fn json_bytes(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = with_body(status, "application/json; charset=utf-8", body);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// `{"error": message}`, with the headers its status asks for.
#[must_use]
pub fn error(status: StatusCode, message: &str) -> Answer {
    let mut answer = json(status, &json!({ "error": message }));
    if status == StatusCode::UNAUTHORIZED {
        answer
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"headcount\""));
    }
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    }
    answer
}

/// Adds `X-Headcount`, the CORS headers and, for 429 and 503, `Retry-After`.
#[must_use]
pub fn for_outcome(mut answer: Answer, outcome: Outcome) -> Answer {
    let value = if outcome == Outcome::Accepted {
        HeaderValue::from_static("accepted")
    } else if answer.status().is_success() {
        reason("ignored", outcome)
    } else {
        reason("rejected", outcome)
    };
    let status = outcome.status();
    let headers = answer.headers_mut();
    headers.insert(HeaderName::from_static("x-headcount"), value);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("X-Headcount"));
    if matches!(status, 429 | 503) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    }
    answer
}

fn reason(word: &str, outcome: Outcome) -> HeaderValue {
    HeaderValue::from_str(&format!("{word}; reason={}", outcome.name()))
        .expect("outcome names are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_outcome() {
        let header = |outcome: Outcome| {
            let status = StatusCode::from_u16(outcome.status()).unwrap();
            let answer = for_outcome(text(status, "ok"), outcome);
            answer.headers().get("x-headcount").unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(header(Outcome::Accepted), "accepted");
        assert_eq!(header(Outcome::Bot), "ignored; reason=bot");
        assert_eq!(header(Outcome::SpoolFull), "rejected; reason=spool_full");
    }

    #[test]
    fn an_answer_takes_the_place_of_the_headers_and_nothing_of_them() {
        let mut headers = HeaderMap::with_capacity(20);
        headers.insert("x-of-the-request", HeaderValue::from_static("1"));
        headers.append("x-of-the-request", HeaderValue::from_static("2"));
        let capacity = headers.capacity();
        let answer = within(Room::of(headers), StatusCode::OK, TEXT, "ok");
        assert_eq!(answer.headers(), text(StatusCode::OK, "ok").headers());
        assert_eq!(answer.headers().capacity(), capacity);
        assert_eq!(Room::of(HeaderMap::with_capacity(100)).0.capacity(), 0);
    }

    #[test]
    fn a_picture_that_is_answered_with_200_is_ignored_not_rejected() {
        let answer = for_outcome(text(StatusCode::OK, ""), Outcome::Invalid);
        assert_eq!(answer.headers().get("x-headcount").unwrap(), "ignored; reason=invalid");
    }

    #[test]
    fn refusals_that_pass_say_when_to_come_back() {
        let answer = for_outcome(text(StatusCode::SERVICE_UNAVAILABLE, ""), Outcome::Unavailable);
        assert!(answer.headers().contains_key(RETRY_AFTER));
    }
}
