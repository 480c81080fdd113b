//! The three pages of the demo site, served only with `--demo`.

use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::server::answer::{self, Answer};
use crate::server::assets;

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
    assets::demo(file, headers)
}
