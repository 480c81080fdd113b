//! What points at one person is replaced by a word that says what stood there.
//!
//! Replaced in paths and in referrer hosts: mail addresses (`:email`), UUIDs (`:uuid`), 16 or more
//! hex digits (`:hex`), base64-like runs of 20 or more (`:token`), 6 or more digits (`:number`).
//! Replaced in event names, property values and campaign parameters: mail addresses only, since
//! order numbers and campaign numbers are what those fields are for.
//!
//! A *base64-like run* is 20 or more of `A-Z a-z 0-9 - _ +` (with up to two `=`), where
//! 1. a piece between hyphens or underscores has 20 characters or more, among them capitals, small
//!    letters and digits; or
//! 2. the kind of character (capital, small, digit) changes inside the pieces at least once every
//!    five characters, or, in a run without a digit, more than once every four. A capital followed
//!    by a small letter is a word's beginning and no change.
//!
//! So `how-we-moved-to-TypeScript-in-2024` stays and `dGhpcyBpcyBhIHNlY3JldA` goes.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Length from which a run of letters and digits may be a token, in characters.
const TOKEN_CHARS_MIN: usize = 20;

static MAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)[^\s/@＠:;,?&=#<>()\[\]"'|]+(?:@|＠|%40)[^\s/@＠:;,?&=#<>()\[\]"'|]*\.(?:xn--[a-z0-9-]+|\p{L}{2,})"#,
    )
});
static UUID: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static HEX: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)[0-9a-f]{16,}"));
static RUN: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9_+-]{20,}={0,2}"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d{6,}"));

/// Replaces mail addresses: for event names, property values and campaign parameters.
pub(crate) fn hide_mail(text: &str) -> Cow<'_, str> {
    MAIL.replace_all(text, ":email")
}

/// Replaces everything that points at one person: for paths and referrer hosts.
pub(crate) fn hide_all(text: &str) -> String {
    let text = hide_mail(text);
    let text = UUID.replace_all(&text, ":uuid");
    let text = HEX.replace_all(&text, |found: &Captures<'_>| {
        let digits =
            found.get(0).is_some_and(|run| run.as_str().bytes().all(|b| b.is_ascii_digit()));
        if digits { ":number" } else { ":hex" }
    });
    let text = RUN.replace_all(&text, |found: &Captures<'_>| {
        let run = found.get(0).map_or("", |run| run.as_str());
        if is_token(run) { ":token".to_owned() } else { run.to_owned() }
    });
    NUMBER.replace_all(&text, ":number").into_owned()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern that the tests compile")
}

fn is_token(run: &str) -> bool {
    let run = run.trim_end_matches('=');
    let mut changes = 0;
    for piece in run.split(['-', '_']) {
        let has = |kind: fn(&u8) -> bool| piece.as_bytes().iter().any(kind);
        if piece.len() >= TOKEN_CHARS_MIN
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
        {
            return true;
        }
        changes += piece.as_bytes().windows(2).filter(|pair| is_change(pair)).count();
    }
    if run.bytes().any(|b| b.is_ascii_digit()) {
        changes * 5 >= run.len()
    } else {
        changes * 4 > run.len()
    }
}

fn is_change(pair: &[u8]) -> bool {
    let kind = |byte: &u8| match byte {
        b'A'..=b'Z' => 'A',
        b'a'..=b'z' => 'a',
        b'0'..=b'9' => '0',
        _ => '+',
    };
    match pair {
        [first, second] => {
            let kinds = (kind(first), kind(second));
            kinds.0 != kinds.1 && kinds != ('A', 'a')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_points_at_one_person_goes() {
        for (sent, kept) in [
            ("/u/jane.doe@example.com/edit", "/u/:email/edit"),
            ("/u/jane%40example.co.uk", "/u/:email"),
            ("/u/jane+tag@müller.de", "/u/:email"),
            ("/order/123456", "/order/:number"),
            ("/order/12345", "/order/12345"),
            ("/o/A-123456-x", "/o/A-:number-x"),
            ("/d/550e8400-e29b-41d4-a716-446655440000", "/d/:uuid"),
            ("/d/550E8400-E29B-41D4-A716-446655440000/x", "/d/:uuid/x"),
            ("/c/0123456789abcdef", "/c/:hex"),
            ("/c/0123456789abcde", "/c/:numberabcde"),
            ("/c/deadbeefdeadbee", "/c/deadbeefdeadbee"),
            ("/n/1234567890123456", "/n/:number"),
            ("/r/dGhpcyBpcyBhIHNlY3JldA==", "/r/:token"),
            ("/r/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x", "/r/:token.:token.x"),
            ("/r/Abcdefghijklmnopqrs1", "/r/:token"),
            ("/r/V1StGXR8_Z5jdHi6B-myT", "/r/:token"),
            ("/r/k3j5h2k3jh5k2j3h5k2j", "/r/:token"),
            ("/r/AbCdEfGhIjKlMnOpQrStUvWx", "/r/:token"),
        ] {
            assert_eq!(hide_all(sent), kept, "{sent}");
        }
    }

    #[test]
    fn words_stay() {
        for path in [
            "/blog/how-we-moved-to-TypeScript-in-2024-and-why",
            "/wiki/ListOfCountriesByPopulation",
            "/donaudampfschifffahrtsgesellschaft",
            "/AWS-S3-EC2-vs-GCP-K8s-2024",
            "/2026/11/21/a-day-in-the-life",
            "/npm/@scope/lodash@4.17.21",
            "/@someone/posts",
            "/top-10-tips-for-2024-mp3-players",
            "/THIS_IS_A_LONG_CONSTANT_NAME",
        ] {
            assert_eq!(hide_all(path), path);
        }
    }

    #[test]
    fn other_text_loses_mail_addresses_only() {
        assert_eq!(hide_mail("order 123456 of a@b.example"), "order 123456 of :email");
    }
}
