//! The three pages of the demo site, served only with `--demo`.

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::ingest;
use crate::server::answer::{self, Answer};
use crate::server::{assets, collect};

/// A page or file of the demo site.
#[must_use]
pub fn page(path: &str, headers: &HeaderMap) -> Answer {
    let file = match path.trim_end_matches('/') {
        "/demo" => "demo/index.html",
        "/demo/pricing" => "demo/pricing.html",
        "/demo/docs" => "demo/docs.html",
        "/demo/demo.css" => "demo/demo.css",
        "/demo/demo.js" => "demo/demo.js",
        _ => return answer::error(StatusCode::NOT_FOUND, "there is no such page"),
    };
    let mut answer = assets::demo(file, headers);
    // A signal that the page's own script cannot see (set by a proxy or an extension) is passed on.
    if ingest::opted_out(&collect::gather(headers)) {
        answer.headers_mut().insert(
            HeaderName::from_static("server-timing"),
            HeaderValue::from_static("opted-out"),
        );
    }
    answer
}
