//! Pages, scripts and styles that are built into the binary.
//!
//! The front-end build leaves `.br` and `.gz` siblings beside each file; the client's
//! `Accept-Encoding` picks one. Hashed names never change; everything else is asked for again
//! with its tag.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, VARY,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::server::answer::{self, Answer};

const POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self'; \
    script-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "dashboards/web/dist/"]
struct Web;

#[derive(RustEmbed)]
#[folder = "dashboards/tracker/dist/"]
struct Tracker;

/// The dashboard's one page; the address decides what it shows.
#[must_use]
pub fn page(headers: &HeaderMap) -> Answer {
    page_headers(send(Web::get, "index.html", headers, Keep::Ask))
}

/// A hashed file of the dashboard.
#[must_use]
pub fn asset(path: &str, headers: &HeaderMap) -> Answer {
    send(Web::get, path, headers, Keep::Forever)
}

/// A script for the pages of any site.
#[must_use]
pub fn script(name: &str, headers: &HeaderMap) -> Answer {
    let mut answer = send(Tracker::get, name, headers, Keep::Hours);
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    answer
}

/// A file of the demo site.
#[must_use]
pub fn demo(file: &str, headers: &HeaderMap) -> Answer {
    page_headers(send(Web::get, file, headers, Keep::Ask))
}

#[derive(Clone, Copy, PartialEq)]
enum Keep {
    /// The name holds a hash of the content.
    Forever,
    /// Ask again each time, with the tag.
    Ask,
    /// A few hours: a new version reaches sites within the day.
    Hours,
}

fn send(
    get: fn(&str) -> Option<EmbeddedFile>,
    name: &str,
    headers: &HeaderMap,
    keep: Keep,
) -> Answer {
    let Some(plain) = get(name).filter(|_| !name.ends_with(".br") && !name.ends_with(".gz")) else {
        return answer::error(StatusCode::NOT_FOUND, "there is no such page");
    };
    let tag = format!("\"{}\"", short_hex(&plain.metadata.sha256_hash()));
    let not_changed = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let (encoding, data) = match pick(get, name, headers) {
        Some((encoding, file)) => (Some(encoding), file.data),
        None => (None, plain.data),
    };
    let mut answer = if not_changed {
        answer::with_body(StatusCode::NOT_MODIFIED, content_type(name), Bytes::new())
    } else {
        answer::with_body(StatusCode::OK, content_type(name), bytes(data))
    };
    let out = answer.headers_mut();
    if let Some(encoding) = encoding.filter(|_| !not_changed) {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    let cache = match keep {
        Keep::Forever => "public, max-age=31536000, immutable",
        Keep::Ask => "no-cache",
        Keep::Hours => "public, max-age=14400",
    };
    out.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    answer
}

fn pick(
    get: fn(&str) -> Option<EmbeddedFile>,
    name: &str,
    headers: &HeaderMap,
) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
    let takes = |coding: &str| {
        accepted.split(',').any(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            name.trim() == coding && weight.trim() != "q=0"
        })
    };
    if takes("br")
        && let Some(file) = get(&format!("{name}.br"))
    {
        return Some(("br", file));
    }
    if takes("gzip")
        && let Some(file) = get(&format!("{name}.gz"))
    {
        return Some(("gzip", file));
    }
    None
}

fn page_headers(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    answer
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json; charset=utf-8",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        _ => "application/octet-stream",
    }
}

fn bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
}

fn short_hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().take(12).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}
