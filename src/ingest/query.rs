//! Parameters of a page's query, in case the site keeps some of them by name.
//!
//! Promise: they are bounded and reduced like a path before the site is known, and live no longer
//! than the request. Campaign parameters are not among them.

use url::form_urlencoded;

use crate::ingest::campaign::is_of_campaign;
use crate::ingest::click::is_click_id;
use crate::ingest::placeholder::hide_all;
use crate::ingest::text::{clean, cut};
use crate::ingest::url::decoded;

/// Parameters of one address that are looked at.
const PAIRS_MAX: usize = 30;
/// Longest name that is kept, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// Longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 100;

/// The parameters of a query: names as sent, values without what points at one person.
pub(crate) fn reduced(query: &str) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(query.as_bytes()).take(PAIRS_MAX);
    pairs
        .filter(|(name, _)| name.len() <= NAME_BYTES_MAX)
        .filter(|(name, _)| !is_of_campaign(name) && !is_click_id(name))
        .map(|(name, value)| (name.into_owned(), part(&value)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// A value as it can stand in a stored address: what parts an address is left out.
fn part(value: &str) -> String {
    let plain = clean(&decoded(cut(value, 12 * VALUE_BYTES_MAX)), 4 * VALUE_BYTES_MAX)
        .replace(['&', '?', '#', '='], " ");
    cut(&hide_all(&plain), VALUE_BYTES_MAX).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query_of(address: &str) -> &str {
        address.split_once('?').unwrap().1
    }

    #[test]
    fn values_are_reduced_and_bounded() {
        let long = "z".repeat(300);
        let address = format!(
            "https://e.example/?id=5&who=jane%40mail.example&t=eyJhbGciOiJIUzI1NiJ9aB3&utm_term=x\
             &gclid=SECRET&ip=203%252E0%252E113%252E9&empty=&n=123456789&a=b%26c%3Dd&long={long}"
        );
        let pairs = reduced(query_of(&address));
        let value = |name: &str| {
            pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(value("id"), Some("5"));
        assert_eq!(value("who"), Some(":email"));
        assert_eq!(value("t"), Some(":token"));
        assert_eq!(value("n"), Some(":number"));
        assert_eq!(value("a"), Some("b c d"));
        assert_eq!((value("utm_term"), value("empty"), value("gclid")), (None, None, None));
        assert_eq!(value("ip"), Some(":address"));
        assert_eq!(value("long").unwrap().len(), VALUE_BYTES_MAX);
        assert_eq!(reduced(""), []);
    }

    #[test]
    fn a_thousand_parameters_are_not_all_looked_at() {
        let query: Vec<String> = (0..1000).map(|n| format!("p{n}=1")).collect();
        let address = format!("https://e.example/?{}", query.join("&"));
        assert_eq!(reduced(query_of(&address)).len(), PAIRS_MAX);
    }
}
