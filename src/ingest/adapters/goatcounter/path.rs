//! Paths as GoatCounter keeps them: without a slash at their end, without the parameters of
//! campaigns, and those of archived and saved pages as they were on the site.

use url::Url;

/// How pages of the Internet Archive begin: `/web/20200104233523/https://…`.
const ARCHIVE: &str = "/web/20";
/// What follows in their place, besides the 20: digits of the moment.
const ARCHIVE_DIGITS: usize = 12;
/// Where an app keeps pages that were saved to be read without a network.
const SAVED: &str = "/storage/emulated/0/Android/data/jonas.tool.saveForOffline/files/";
/// Parameters of newsletters and of links that others have marked.
const OF_CAMPAIGNS: [&str; 4] = ["fbclid", "ref", "mc_cid", "mc_eid"];

/// Whether a parameter says how somebody came, and not which page it is.
pub(super) fn is_of_campaign(name: &str) -> bool {
    OF_CAMPAIGNS.contains(&name) || name.starts_with("utm_")
}

/// The path with its query.
pub(super) fn cleaned(sent: &str) -> String {
    let rooted = format!("/{}", sent.trim_start_matches('/'));
    let path = original(&rooted).unwrap_or(rooted);
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let path = path.trim_end_matches('/');
    let query = query.trim_end_matches(['?', '&']);
    let path = if path.is_empty() { "/" } else { path };
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The page as it was on the site, if this is a copy elsewhere.
fn original(path: &str) -> Option<String> {
    if let Some(name) = path.strip_prefix(SAVED) {
        return name.find('/').and_then(|end| name.get(end..)).map(str::to_owned);
    }
    let (moment, address) = path.strip_prefix(ARCHIVE)?.split_once('/')?;
    if moment.len() != ARCHIVE_DIGITS || !moment.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let url = Url::parse(address).ok().filter(Url::has_host)?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{}{query}", url.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (sent, expected) in [
            ("/", "/"),
            ("a", "/a"),
            ("//a//", "/a"),
            ("/a/", "/a"),
            ("/a/?id=5&", "/a?id=5"),
            ("/a?", "/a"),
            ("/?x=1", "/?x=1"),
            ("/web/20200104233523/https://www.a.example/tmux.html", "/tmux.html"),
            ("/web/20200104233523/https://www.a.example", "/"),
            ("/web/20200104233523/https://a.example/x/?id=5", "/x?id=5"),
            ("/web/2020/https://a.example/x", "/web/2020/https://a.example/x"),
            ("/web/20200104233523/nonsense", "/web/20200104233523/nonsense"),
            (
                "/storage/emulated/0/Android/data/jonas.tool.saveForOffline/files/Curl_2019/curl.html",
                "/curl.html",
            ),
        ] {
            assert_eq!(cleaned(sent), expected, "{sent}");
        }
        for (name, expected) in
            [("ref", true), ("utm_x", true), ("mc_eid", true), ("fbclid", true), ("id", false)]
        {
            assert_eq!(is_of_campaign(name), expected, "{name}");
        }
    }
}
