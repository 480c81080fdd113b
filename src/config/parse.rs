//! Makes typed values of the text of one setting; each error says what is allowed.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

use crate::config::raw::Text;

/// Units of a size and their bytes, largest first where they divide evenly.
const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Longest path of the operator's own, bytes; requests with much longer ones are not looked at.
const WEB_PATH_BYTES_MAX: usize = 100;
/// First segments of paths that headcount answers itself.
const OWN_PATHS: &[&str] = &[
    "api",
    "assets",
    "demo",
    "health",
    "js",
    "login",
    "metrics",
    "pixel.gif",
    "ready",
    "setup",
    "sites",
];

pub(super) fn text(given: &Text) -> Result<String, String> {
    match given {
        Text::One(text) if text.trim().is_empty() => Err("must not be empty".to_owned()),
        Text::One(text) => Ok(text.trim().to_owned()),
        Text::Many(_) => Err("must be one text and not a list".to_owned()),
    }
}

pub(super) fn address(given: &Text) -> Result<SocketAddr, String> {
    let text = text(given)?;
    text.parse().map_err(|_| {
        format!("{text:?} is not ADDRESS:PORT, such as 127.0.0.1:8000, 0.0.0.0:80 or [::]:80")
    })
}

pub(super) fn address_or_off(given: &Text) -> Result<Option<SocketAddr>, String> {
    if text(given)? == "off" { Ok(None) } else { address(given).map(Some) }
}

pub(super) fn path(given: &Text) -> Result<PathBuf, String> {
    match given {
        Text::One(text) if !text.is_empty() => Ok(PathBuf::from(text)),
        _ => text(given).map(PathBuf::from),
    }
}

pub(super) fn paths(given: &Text) -> Result<Vec<PathBuf>, String> {
    let list = list(given);
    if list.is_empty() {
        return Err("must name a file".to_owned());
    }
    Ok(list.into_iter().map(PathBuf::from).collect())
}

pub(super) fn size(given: &Text) -> Result<u64, String> {
    let text = text(given)?;
    let bad = || format!("{text:?} is not a size, such as 600MiB, 2GiB or a number of bytes");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let unit = text.strip_prefix(digits).unwrap_or_default().trim();
    let factor = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => return Err(bad()),
    };
    let count: u64 = digits.replace('_', "").parse().map_err(|_| bad())?;
    count.checked_mul(factor).ok_or_else(bad)
}

/// A size as a person would write it.
pub(super) fn size_text(bytes: u64) -> String {
    let fits = |factor: u64| bytes != 0 && bytes.is_multiple_of(factor);
    match UNITS.iter().take(4).find(|(_, factor)| fits(*factor)) {
        Some((name, factor)) => format!("{}{name}", bytes / factor),
        None => bytes.to_string(),
    }
}

pub(super) fn port(given: &Text) -> Result<u16, String> {
    let text = text(given)?;
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{text:?} is not a port from 1 to 65535")),
    }
}

pub(super) fn number(given: &Text, least: u32, most: u32) -> Result<u32, String> {
    let text = text(given)?;
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a whole number from {least} to {most}"))
}

pub(super) fn number_or_off(given: &Text, least: u32, most: u32) -> Result<Option<u32>, String> {
    if text(given)? == "off" { Ok(None) } else { number(given, least, most).map(Some) }
}

pub(super) fn switch(given: &Text) -> Result<bool, String> {
    match text(given)?.as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    }
}

pub(super) fn word(given: &Text, words: &[&str]) -> Result<String, String> {
    let text = text(given)?;
    if words.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(format!("{text:?} is not one of {}", words.join(", ")))
}

pub(super) fn networks(given: &Text) -> Result<Vec<IpNet>, String> {
    let one = |text: String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse::<IpNet>().or_else(|_| address());
        network.map(|network| network.trunc()).map_err(|_| {
            format!("{text:?} is not a network or address, such as 127.0.0.1 or 10.0.0.0/8")
        })
    };
    list(given).into_iter().map(one).collect()
}

/// The address of a ClickHouse, without a slash at its end.
pub(super) fn url(given: &Text) -> Result<String, String> {
    let text = text(given)?;
    let parsed = web(&text, "http://127.0.0.1:8123")?;
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("must not hold a query or fragment".to_owned());
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

/// Scheme, host and port, as browsers send it in `Origin`.
pub(super) fn origin(given: &Text) -> Result<String, String> {
    let text = text(given)?;
    let parsed = web(&text, "https://stats.example.com")?;
    if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("must be scheme, host and port only, such as \
                    https://stats.example.com; headcount cannot live under a path"
            .to_owned());
    }
    Ok(parsed.origin().ascii_serialization())
}

/// A path below the public address; nothing when it is empty.
pub(super) fn web_path(given: &Text) -> Result<Option<String>, String> {
    let Text::One(text) = given else { return Err("must be one path and not a list".to_owned()) };
    let path = text.trim();
    if path.is_empty() {
        return Ok(None);
    }
    let bad = |why: &str| Err(format!("{path:?} {why}, such as /numbers"));
    let Some(rest) = path.strip_prefix('/') else { return bad("does not begin with a slash") };
    if path.len() > WEB_PATH_BYTES_MAX {
        return bad("is too long: at most 100 bytes");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    for segment in rest.split('/') {
        if segment.is_empty() || segment.starts_with('.') || !segment.chars().all(plain) {
            return bad(
                "is not a plain path of letters, digits, - _ . ~ without a slash at its end",
            );
        }
    }
    let first = rest.split('/').next().unwrap_or_default();
    if OWN_PATHS.contains(&first) {
        return Err(format!("{path:?} lies below /{first}, which headcount uses itself"));
    }
    Ok(Some(path.to_owned()))
}

/// An http or https address without credentials. Errors do not show it: it may hold a password.
fn web(text: &str, example: &str) -> Result<Url, String> {
    let bad = || format!("is not an http or https address, such as {example}");
    let parsed = Url::parse(text).map_err(|_| bad())?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(bad());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("must not hold credentials; use clickhouse_user and \
                    HEADCOUNT_CLICKHOUSE_PASSWORD"
            .to_owned());
    }
    Ok(parsed)
}

fn list(given: &Text) -> Vec<String> {
    let items: Vec<&str> = match given {
        Text::One(text) => text.split(',').collect(),
        Text::Many(items) => items.iter().map(String::as_str).collect(),
    };
    items.into_iter().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Text {
        Text::One(text.to_owned())
    }

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(size(&one("600MiB")), Ok(600 << 20));
        assert_eq!(size(&one("2 GiB")), Ok(2 << 30));
        assert_eq!(size(&one("4gib")), Ok(4 << 30));
        assert_eq!(size(&one("1_000")), Ok(1000));
        assert_eq!(size(&one("1GB")), Ok(1_000_000_000));
        for bad in ["", "MiB", "1.5GiB", "-1", "10XB", "99999999999TiB", "1e3"] {
            assert!(size(&one(bad)).is_err(), "{bad}");
        }
        for bytes in [0, 1, 1 << 10, 600 << 20, 4 << 30, 1_000_000] {
            assert_eq!(size(&one(&size_text(bytes))), Ok(bytes));
        }
    }

    #[test]
    fn networks_take_addresses_and_cut_host_bits() {
        let found = networks(&one("127.0.0.1, 10.1.2.3/8,fd00::/8")).unwrap();
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]);
        assert_eq!(networks(&one("")), Ok(vec![]));
        assert!(networks(&one("proxy.local")).is_err());
    }

    #[test]
    fn an_origin_is_what_browsers_send() {
        let origin = |text: &str| origin(&one(text));
        assert_eq!(origin("https://Stats.Example.com/"), Ok("https://stats.example.com".into()));
        assert_eq!(origin("https://a.example:443"), Ok("https://a.example".into()));
        assert_eq!(origin("http://[::1]:8000"), Ok("http://[::1]:8000".into()));
        for bad in ["stats.example.com", "ftp://a", "https://a/b", "https://a/?x", "https://u@a"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_of_ones_own_is_plain_and_nobody_elses() {
        assert_eq!(web_path(&one("")), Ok(None));
        for good in ["/numbers", "/a/b-c", "/~x_1.y"] {
            assert_eq!(web_path(&one(good)), Ok(Some(good.to_owned())));
        }
        for (bad, why) in [
            ("numbers", "does not begin with a slash"),
            ("/", "not a plain path"),
            ("/a/", "not a plain path"),
            ("/a//b", "not a plain path"),
            ("/a/../b", "not a plain path"),
            ("/.well-known", "not a plain path"),
            ("/ä", "not a plain path"),
            ("/a?b", "not a plain path"),
            ("/a%2fb", "not a plain path"),
            ("/js", "lies below /js, which headcount uses itself"),
            ("/api/x", "lies below /api, which headcount uses itself"),
            (&format!("/{}", "a".repeat(100)), "too long"),
        ] {
            let said = web_path(&one(bad)).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_refused_without_showing_it() {
        let why = url(&one("http://u:hunter2@db:8123")).unwrap_err();
        assert!(!why.contains("hunter2"), "{why}");
        assert!(why.contains("HEADCOUNT_CLICKHOUSE_PASSWORD"), "{why}");
        assert_eq!(url(&one("http://db:8123/")), Ok("http://db:8123".to_owned()));
    }
}
