//! Matomo: `/matomo.php` and its older name `/piwik.php`.
//!
//! A request is answered with a picture (200), or with nothing (204) when it asks for that; a bulk
//! request with the numbers of what was taken and of what could not be read. What cannot be read is
//! answered with 400, as Matomo does.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::json;

use crate::ingest::PayloadError;
use crate::ingest::adapters::Hits;
use crate::ingest::adapters::matomo::{self, bulk};
use crate::model::Outcome;
use crate::server::adapters::{
    Door, Fates, Sent, Wanted, finish, other_method, picture, refused, take,
};
use crate::server::answer::{self, Answer};
use crate::server::judge::Verdict;
use crate::server::limit::BROWSER_BODY_BYTES_MAX;
use crate::server::state::State;

/// Largest body: its key is found only in it, so this much is read of anybody; 500 requests of
/// 500 bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;

const TRACKED: Door = Door {
    bytes_max: BODY_BYTES_MAX,
    secret_of_query: |query| matomo::token(query.as_bytes()),
    secret_of_body: |body| {
        if bulk::is_bulk(body) { bulk::read(body).ok()?.token } else { matomo::token(body) }
    },
    needs_secret: false,
    keyless_bytes_max: BROWSER_BODY_BYTES_MAX,
    wanted,
    parse,
};

/// The refusal of a body that is too large.
const TOO_LARGE: &str = "the body is larger than 64 KiB (with a send key 256 KiB if it is the \
    token_auth of the body, and 1 MiB if it is that of the query)";
/// What a request lacks that is refused without a reason of its own.
const NO_PAGE: PayloadError = PayloadError {
    field: "url",
    message: "can't be blank: only with a token_auth an event needs no page",
};

/// `GET` and `POST /matomo.php`.
pub async fn tracked(state: &State, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let taken = [Method::GET, Method::POST];
    if let Some(answer) = other_method(request.method(), &taken, "GET, POST, OPTIONS") {
        return answer;
    }
    let without_image =
        matomo::is_without_image(request.uri().query().unwrap_or_default().as_bytes());
    let fates = take(state, request, peer, &TRACKED).await;
    if fates.deciding() == Outcome::TooLarge {
        return finish(answer::error(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE), &fates);
    }
    if let Some(answer) = refused(&fates) {
        return answer;
    }
    let answer = if fates.wanted == Wanted::Numbers {
        of_bulk(&fates)
    } else if fates.deciding() == Outcome::Invalid {
        let error = fates.invalid().unwrap_or(NO_PAGE);
        answer::text(StatusCode::BAD_REQUEST, error.to_string())
    } else if without_image || fates.wanted == Wanted::Nothing {
        answer::text(StatusCode::NO_CONTENT, "")
    } else {
        picture(StatusCode::OK)
    };
    finish(answer, &fates)
}

fn parse<'a>(sent: &Sent<'a>) -> Hits<'a> {
    if bulk::is_bulk(sent.body) {
        return Ok(bulk::read(sent.body)?.events());
    }
    matomo::tracked(sent.query, sent.body, sent.headers.referer)
}

/// Its script sends its parameters in the body, `send_image` too.
fn wanted(body: &[u8]) -> Wanted {
    if bulk::is_bulk(body) {
        Wanted::Numbers
    } else if matomo::is_without_image(body) {
        Wanted::Nothing
    } else {
        Wanted::Usual
    }
}

/// `tracked` are requests that were taken, and those that are understood and not counted, such as a
/// ping; a request of two events is one.
fn of_bulk(fates: &Fates) -> Answer {
    if let Some(whole) = fates.whole.as_ref().and_then(|verdict| verdict.invalid) {
        let body = json!({
            "status": "error", "tracked": 0, "invalid": 0, "message": whole.to_string(),
        });
        return answer::json(StatusCode::BAD_REQUEST, &body);
    }
    let count = |wanted: Outcome| {
        let is_one =
            |(verdict, follows): &(&Verdict, &bool)| !**follows && verdict.deciding() == wanted;
        fates.each.iter().zip(&fates.follows).filter(is_one).count()
    };
    let (tracked, invalid) = (count(Outcome::Accepted), count(Outcome::Invalid));
    answer::json(
        StatusCode::OK,
        &json!({ "status": "success", "tracked": tracked, "invalid": invalid }),
    )
}
