//! Names under which other tools' scripts are asked for, and which of ours answers.
//!
//! A page keeps the tag it has, only its host is changed; so names are those of the tools. Plausible's
//! say what the script can do (`script.hash.revenue.js`) or which site it is for (`pa-….js`); the
//! script reads that off its own address.

/// What Plausible's older names may hold besides the first part, in any order.
const FEATURES: [&str; 11] = [
    "compat",
    "exclusions",
    "file-downloads",
    "hash",
    "local",
    "manual",
    "outbound-links",
    "pageleave",
    "pageview-props",
    "revenue",
    "tagged-events",
];
/// Longest id of a site in a script's name, bytes; Plausible's have some twenty.
const ID_BYTES_MAX: usize = 64;

/// The file that stands in for what is asked for; `None` when no tool has such a script.
#[must_use]
pub fn stand_in(path: &str) -> Option<&'static str> {
    match path {
        "/script.js" | "/api/script.js" => Some("tags.js"),
        "/gtag/js" | "/analytics.js" | "/ga.js" => Some("gtag.js"),
        "/matomo.js" | "/piwik.js" => Some("matomo.js"),
        "/count.js" => Some("count.js"),
        _ => {
            let name = path.strip_prefix("/js/")?.strip_suffix(".js")?;
            is_plausible(name).then_some("plausible.js")
        }
    }
}

fn is_plausible(name: &str) -> bool {
    if let Some(id) = name.strip_prefix("pa-") {
        let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        return (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_of_id);
    }
    let mut parts = name.split('.');
    matches!(parts.next(), Some("plausible" | "script"))
        && parts.all(|feature| FEATURES.contains(&feature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tools_find_their_script() {
        for (path, file) in [
            ("/script.js", "tags.js"),
            ("/gtag/js", "gtag.js"),
            ("/matomo.js", "matomo.js"),
            ("/piwik.js", "matomo.js"),
            ("/count.js", "count.js"),
            ("/js/plausible.js", "plausible.js"),
            ("/js/script.hash.js", "plausible.js"),
            ("/js/script.file-downloads.outbound-links.tagged-events.js", "plausible.js"),
            ("/js/plausible.compat.revenue.exclusions.js", "plausible.js"),
            ("/js/pa-AbC_1-2.js", "plausible.js"),
        ] {
            assert_eq!(stand_in(path), Some(file), "{path}");
        }
        for path in [
            "/",
            "/gtag/js/",
            "/gtag",
            "/script.js/",
            "/js/",
            "/js/x.js",
            "/js/script.unknown.js",
            "/js/script..js",
            "/js/plausiblex.js",
            "/js/pa-.js",
            "/js/pa-a/b.js",
            "/js/pa-a.b.js",
            "/js/scripts/script.js",
            "/js/script.hash",
        ] {
            assert_eq!(stand_in(path), None, "{path}");
        }
        assert_eq!(
            stand_in(&format!("/js/pa-{}.js", "a".repeat(ID_BYTES_MAX))),
            Some("plausible.js")
        );
        assert_eq!(stand_in(&format!("/js/pa-{}.js", "a".repeat(ID_BYTES_MAX + 1))), None);
    }
}
