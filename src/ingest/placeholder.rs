//! What points at one person is replaced by a word that says what stood there.
//!
//! Replaced in paths, referrer hosts and query values: mail addresses (`:email`), UUIDs (`:uuid`),
//! IP addresses (`:address`), pairs of coordinates (`:coordinates`), numbers of payment cards
//! (`:card`), telephone numbers (`:phone`), 16 or more hex digits (`:hex`), base64-like runs of 20
//! or more (`:token`), 6 or more digits (`:number`). Replaced in event names and campaign
//! parameters: what contacts or pays for a person (mail, telephone with its country, card, IP
//! address), since order numbers and campaign numbers are what those fields are for. A value of a
//! property that holds any of it is not kept at all, see `props`.
//!
//! A *base64-like run* is 20 or more of `A-Z a-z 0-9 - _ +` (with up to two `=`), where
//! 1. a piece between hyphens or underscores has 20 characters or more, among them capitals, small
//!    letters and digits; or
//! 2. the kind of character (capital, small, digit) changes inside the pieces at least once every
//!    five characters, or, in a run without a digit, more than once every four. A capital followed
//!    by a small letter is a word's beginning and no change.
//!
//! So `how-we-moved-to-TypeScript-in-2024` stays and `dGhpcyBpcyBhIHNlY3JldA` goes.
//!
//! A *telephone number* begins with `+` or `00` and has 8 to 15 digits (E.164), or is written as in
//! North America (`415-555-0132`), or begins with an area code behind 0, has 9 digits or more and no
//! date in it. A *card* has the first digits and the length that an issuer gives, in groups of four
//! (or 4, 6 and 5), and passes the check of ISO/IEC 7812 (Luhn).

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::ingest::traits::Traits;

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
static V4: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(^|[^0-9.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)($|[^0-9])",
    )
});
static V6: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(^|[^0-9a-z:])\[?(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6}::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?)\]?",
    )
});
static COORDINATES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^0-9.])-?\d{1,3}\.\d{3,}(?:,|;|\s|%2[cC])+-?\d{1,3}\.\d{3,}"));
static CARD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:\d{4}[ .-]?){3}\d{1,7}\b|\b\d{4}[ .-]\d{6}[ .-]\d{5}\b"));
static ABROAD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(^|[^0-9A-Za-z+])(?:\+[1-9](?:[ .()-]{0,2}\d){7,14}|00[1-9]\d{1,2}(?:[ .()-]{0,2}\d){6,12})\b",
    )
});
static AT_HOME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\(?\b[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}\b|\b0[1-9]\d{1,4}[ .-]\d(?:[ .-]?\d){3,9}\b")
});
static DATE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:19|20)\d{2}[ .-]?\d{2}[ .-]?\d{2}"));
/// Fewest digits of a telephone number that begins with an area code behind 0: German ones have 9,
/// an ISSN has 8.
const AT_HOME_DIGITS_MIN: usize = 9;
/// Fewest digits of an IPv4 address.
const V4_DIGITS_MIN: usize = 4;
/// Fewest digits of a card.
const CARD_DIGITS_MIN: usize = 13;
/// Fewest digits of a telephone number with its country.
const ABROAD_DIGITS_MIN: usize = 8;
/// Fewest digits of a pair of coordinates.
const COORDINATES_DIGITS_MIN: usize = 8;
/// Characters of a UUID.
const UUID_CHARS: usize = 36;
/// Fewest hex digits that are no word.
const HEX_CHARS_MIN: usize = 16;
/// Fewest digits that count somebody or something.
const NUMBER_DIGITS_MIN: usize = 6;

/// Replaces what contacts or pays for a person: for event names and campaign parameters.
pub(crate) fn hide_contact(text: &str) -> Cow<'_, str> {
    contact_hidden(Text::new(text, Traits::of))
}

fn contact_hidden(mut text: Text<'_>) -> Cow<'_, str> {
    text.step(text.has.mail_sign, |text| MAIL.replace_all(text, ":email"));
    text.hide_addresses();
    text.hide_cards();
    text.step(text.has.digits >= ABROAD_DIGITS_MIN, |text| ABROAD.replace_all(text, "${1}:phone"));
    text.text
}

/// Whether a text holds anything of what is replaced in paths.
pub(crate) fn identifies(text: &str) -> bool {
    hide_all(text) != text
}

/// Replaces everything that points at one person: for paths and referrer hosts.
pub(crate) fn hide_all(text: &str) -> Cow<'_, str> {
    all_hidden(Text::new(text, Traits::of))
}

fn all_hidden(mut text: Text<'_>) -> Cow<'_, str> {
    text.step(text.has.mail_sign, |text| MAIL.replace_all(text, ":email"));
    text.step(text.has.run >= UUID_CHARS, |text| UUID.replace_all(text, ":uuid"));
    let coordinates = text.has.digits >= COORDINATES_DIGITS_MIN && text.has.dots >= 2;
    text.step(coordinates, |text| COORDINATES.replace_all(text, "${1}:coordinates"));
    text.hide_addresses();
    text.hide_cards();
    text.step(text.has.digits >= ABROAD_DIGITS_MIN, |text| ABROAD.replace_all(text, "${1}:phone"));
    text.step(text.has.digits >= AT_HOME_DIGITS_MIN, |text| {
        AT_HOME.replace_all(text, phone_or_number)
    });
    text.step(text.has.hex_run >= HEX_CHARS_MIN, |text| {
        HEX.replace_all(text, |found: &Captures<'_>| {
            let digits =
                found.get(0).is_some_and(|run| run.as_str().bytes().all(|b| b.is_ascii_digit()));
            if digits { ":number" } else { ":hex" }
        })
    });
    text.step(text.has.run >= TOKEN_CHARS_MIN, |text| {
        RUN.replace_all(text, |found: &Captures<'_>| {
            let run = found.get(0).map_or("", |run| run.as_str());
            if is_token(run) { ":token".to_owned() } else { run.to_owned() }
        })
    });
    text.step(text.has.digit_run >= NUMBER_DIGITS_MIN, |text| NUMBER.replace_all(text, ":number"));
    text.text
}

/// A text on its way through the steps, and what is in it.
struct Text<'a> {
    text: Cow<'a, str>,
    has: Traits,
    look: fn(&str) -> Traits,
}

impl<'a> Text<'a> {
    fn new(text: &'a str, look: fn(&str) -> Traits) -> Self {
        Self { text: Cow::Borrowed(text), has: look(text), look }
    }

    /// Applies a step where its pattern may be found.
    fn step(&mut self, is_possible: bool, step: impl Fn(&str) -> Cow<'_, str>) {
        if !is_possible {
            return;
        }
        let changed = match step(&self.text) {
            Cow::Borrowed(_) => return,
            Cow::Owned(changed) => changed,
        };
        self.has = (self.look)(&changed);
        self.text = Cow::Owned(changed);
    }

    /// Replaces IP addresses. Twice for those of four numbers: what parts two of them belongs to
    /// both.
    fn hide_addresses(&mut self) {
        for _ in 0..2 {
            let possible = self.has.digits >= V4_DIGITS_MIN && self.has.dots >= 3;
            self.step(possible, |text| V4.replace_all(text, "${1}:address${2}"));
        }
        self.step(self.has.colons >= 2, |text| V6.replace_all(text, address_or_word));
    }

    fn hide_cards(&mut self) {
        self.step(self.has.digits >= CARD_DIGITS_MIN, |text| {
            CARD.replace_all(text, card_or_digits)
        });
    }
}

/// `::` between words, as in `std::fs`, is no address.
fn address_or_word(found: &Captures<'_>) -> String {
    let run = found.get(0).map_or("", |run| run.as_str());
    let before = found.get(1).map_or("", |before| before.as_str());
    let has_digit = run.bytes().any(|byte| byte.is_ascii_digit());
    if has_digit { format!("{before}:address") } else { run.to_owned() }
}

/// A date, a part's number or an ISSN is no telephone number.
fn phone_or_number(found: &Captures<'_>) -> String {
    let run = found.get(0).map_or("", |run| run.as_str());
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let is_phone = digits >= AT_HOME_DIGITS_MIN && !DATE.is_match(run);
    if is_phone { ":phone".to_owned() } else { run.to_owned() }
}

/// Whether digits begin and are as many as those of a card (ISO/IEC 7812 and the issuers' ranges).
fn has_issuer(digits: &[u32]) -> bool {
    let first = digits.iter().take(4).fold(0, |number, digit| number * 10 + digit);
    matches!(
        (first, digits.len()),
        (4000..5000, 13 | 16 | 19)
            | (5100..5600 | 2221..2721 | 3528..3590, 16)
            | (3400..3500 | 3700..3800, 15)
            | (3000..3060 | 3600..3700 | 3800..4000, 14)
            | (6000..7000, 16..=19)
    )
}

fn card_or_digits(found: &Captures<'_>) -> String {
    let run = found.get(0).map_or("", |run| run.as_str());
    let digits: Vec<u32> = run.chars().filter_map(|one| one.to_digit(10)).collect();
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    let is_card = has_issuer(&digits) && sum.is_multiple_of(10);
    if is_card { ":card".to_owned() } else { run.to_owned() }
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_step_that_is_left_out_would_have_found_nothing(
            text in "(/|[a-z]{1,9}|[0-9]{1,9}|[0-9a-f:.]{1,12}|@|%40|\\+|-|_|\\.|:|::|;| |[A-Za-z0-9]{18,24}|é|＠|٣{7}|a@b\\.de|1\\.2\\.3\\.4|52\\.520008,13\\.404954|4111-1111-1111-1111|0049301234567|550e8400-e29b-41d4-a716-446655440000){0,9}"
        ) {
            fn all(text: &str) -> Text<'_> {
                Text::new(text, |_| Traits::UNKNOWN)
            }
            prop_assert_eq!(hide_all(&text), all_hidden(all(&text)));
            prop_assert_eq!(hide_contact(&text), contact_hidden(all(&text)));
        }
    }

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
    fn other_text_loses_what_contacts_a_person_only() {
        for (sent, kept) in [
            ("order 123456 of a@b.example", "order 123456 of :email"),
            ("spring-2026-q1", "spring-2026-q1"),
            ("call +49 30 1234567 now", "call :phone now"),
            ("card 4111 1111 1111 1111", "card :card"),
            ("from 203.0.113.9", "from :address"),
            ("120208462342340120", "120208462342340120"),
            ("id 550e8400-e29b-41d4-a716-446655440000", "id 550e8400-e29b-41d4-a716-446655440000"),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(hide_contact(sent), kept, "{sent}");
        }
    }

    #[test]
    fn addresses_places_cards_and_telephones_go() {
        for (sent, kept) in [
            ("/ip/203.0.113.9/x", "/ip/:address/x"),
            ("/v/1.2.3", "/v/1.2.3"),
            ("/v/1.2.3.400", "/v/1.2.3.400"),
            ("/ip/2001:db8:1:2:3:4:5:6", "/ip/:address"),
            ("/ip/2001:db8::7/x", "/ip/:address/x"),
            ("/docs/std::fs::File", "/docs/std::fs::File"),
            ("/wiki/Category:Stubs", "/wiki/Category:Stubs"),
            ("/map/@52.520008,13.404954,12z", "/map/@:coordinates,12z"),
            ("/near/-33.8688;151.2093", "/near/:coordinates"),
            ("/price/19.999", "/price/19.999"),
            ("/pay/4111-1111-1111-1111", "/pay/:card"),
            ("/pay/3782 822463 10005", "/pay/:card"),
            ("/pay/1234-5678-9012-3456", "/pay/1234-5678-9012-3456"),
            ("/tel/+49-30-1234-567", "/tel/:phone"),
            ("/tel/+1 (415) 555-0132", "/tel/:phone"),
            ("/tel/0049 30 1234 567", "/tel/:phone"),
            ("/tel/415-555-0132", "/tel/:phone"),
            ("/tel/030-1234-567", "/tel/:phone"),
            ("/2026-11-22/10-30-59", "/2026-11-22/10-30-59"),
            ("/isbn/978-3-16-14841", "/isbn/978-3-16-14841"),
            ("/log/ip_203.0.113.9", "/log/ip_:address"),
            ("/ip203.0.113.9/203.0.113.8", "/ip:address/:address"),
            ("/203.0.113.9_x", "/:address_x"),
            ("/net/2600::/fe80::1", "/net/:address/:address"),
            ("/at/10:30:00", "/at/10:30:00"),
            ("/photo/001/2024/11/22", "/photo/001/2024/11/22"),
            ("/files/001/002/003/004", "/files/001/002/003/004"),
            ("/files/001-002-003-004", "/files/001-002-003-004"),
            ("/search/world+cup+2026/11/22", "/search/world+cup+2026/11/22"),
            ("/tag/c++17/2024/05/12", "/tag/c++17/2024/05/12"),
            ("/ep/007-2024-11-22", "/ep/007-2024-11-22"),
            ("/issn/0140-6736", "/issn/0140-6736"),
            ("/parts/0123-4567", "/parts/0123-4567"),
            ("/img/012-2024-11-22", "/img/012-2024-11-22"),
            ("/en/ep/045-1999", "/en/ep/045-1999"),
            ("/doi/10.1000/182.234", "/doi/10.1000/182.234"),
        ] {
            assert_eq!(hide_all(sent), kept, "{sent}");
            assert_eq!(identifies(sent), sent != kept, "{sent}");
        }
    }
}
