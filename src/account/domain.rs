//! How a site is named: its domain and its zone, as people type them.

use jiff::tz::TimeZone;

use crate::account::error::AccountError;
use crate::model::day;

/// Longest domain, in bytes (RFC 1035).
const DOMAIN_MAX: usize = 253;
/// From which Jaro-Winkler likeness on a zone is worth naming.
const LIKENESS: f64 = 0.7;

/// The domain in the form in which it is stored: lower case, ASCII, without `www.`.
///
/// # Errors
/// With a hint how to write it, when it is an address of a page, has a port, or is no domain.
pub(super) fn domain(text: &str) -> Result<String, AccountError> {
    let text = text.trim().to_lowercase();
    let bad = |hint: String| Err(AccountError::Domain(hint));
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        return bad(format!("leave out the scheme and the path, so {:?}", without_www(host)));
    }
    if let Some((host, _)) = text.split_once(['/', '?', '#']) {
        return bad(format!("leave out the path, so {:?}", without_www(host)));
    }
    if text.starts_with("www.") {
        let rest = without_www(&text);
        return bad(format!("leave out www, so {rest:?}; pages under www are counted with it"));
    }
    if text.is_empty() || text.len() > DOMAIN_MAX {
        return bad(format!("use a name of 1 to {DOMAIN_MAX} bytes, such as example.com"));
    }
    if let Some((host, port)) = text.split_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return bad(format!("leave out the port, so {host:?}"));
    }
    match url::Host::parse(&text) {
        Ok(url::Host::Domain(name)) if is_host_name(&name) => Ok(name),
        Ok(url::Host::Domain(_)) | Err(_) => {
            bad("use letters, digits, hyphens and dots, such as example.com".to_owned())
        }
        Ok(_) => bad("use a name and not a number, such as example.com".to_owned()),
    }
}

/// The zone of a name, and the name as the time zone database spells it.
///
/// # Errors
/// With the nearest known name, when it is not known.
pub(super) fn timezone(name: &str) -> Result<(String, TimeZone), AccountError> {
    let name = name.trim();
    let zone = day::zone(name).map_err(|_| unknown(name))?;
    let spelled = zone.iana_name().unwrap_or(name).to_owned();
    Ok((spelled, zone))
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= DOMAIN_MAX && name.split('.').all(label)
}

fn unknown(name: &str) -> AccountError {
    let given: String = name.chars().take(64).collect();
    let wanted = given.to_lowercase().replace(' ', "_");
    let likeness = |known: &str| {
        let known = known.to_lowercase();
        let city = known.rsplit('/').next().unwrap_or(&known);
        // "Berlin" means Europe/Berlin.
        strsim::jaro_winkler(&wanted, &known).max(strsim::jaro_winkler(&wanted, city))
    };
    let nearest = jiff::tz::db()
        .available()
        .map(|known| (likeness(known.as_str()), known.as_str().to_owned()))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known);
    AccountError::Timezone { given, nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_stored_in_one_form() {
        assert_eq!(domain(" Example.COM ").unwrap(), "example.com");
        assert_eq!(domain("münchen.example").unwrap(), "xn--mnchen-3ya.example");
        assert_eq!(domain("a-b.c0.example").unwrap(), "a-b.c0.example");
    }

    #[test]
    fn what_is_no_domain_gets_a_hint() {
        let hint = |text: &str| domain(text).unwrap_err().to_string();
        assert!(hint("https://www.example.com/a?b").contains("so \"example.com\""));
        assert!(hint("http://example.com:8080").contains("so \"example.com\""));
        assert!(hint("www.example.com").contains("so \"example.com\""));
        assert!(hint("example.com/blog").contains("so \"example.com\""));
        assert!(hint("example.com:8080").contains("leave out the port"));
        assert!(hint("127.0.0.1").contains("a name and not a number"));
        for bad in ["", "a b.example", "-a.example", "a..example", "a_b.example", "x,y", "a\tb"] {
            assert!(domain(bad).is_err(), "{bad:?}");
        }
        assert!(domain(&"a.".repeat(200)).is_err());
    }

    #[test]
    fn a_zone_is_spelled_as_the_database_spells_it() {
        assert_eq!(timezone("europe/berlin").unwrap().0, "Europe/Berlin");
        assert_eq!(timezone("UTC").unwrap().0, "UTC");
    }

    #[test]
    fn an_unknown_zone_gets_the_nearest_name() {
        let nearest = |name: &str| match timezone(name) {
            Err(AccountError::Timezone { nearest, .. }) => nearest,
            _ => panic!("{name} is known"),
        };
        assert_eq!(nearest("Europe/Berln").as_deref(), Some("Europe/Berlin"));
        assert_eq!(nearest("Berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(nearest("new york").as_deref(), Some("America/New_York"));
        assert_eq!(nearest("#"), None);
    }
}
