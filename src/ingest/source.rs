//! Where a visit comes from: the campaign's word, or the referrer's host, under a known name.
//!
//! `utm_source` counts before `source`, `source` before `ref`, and each before the referrer.
//! Hosts match with their subdomains, the longest entry of `sources.toml` wins (so
//! `gemini.google.com` is Gemini, not Google). An unknown word is its own name; an unknown host goes
//! by its registrable domain, after the Public Suffix List (`news.site.co.uk` by `site.co.uk`,
//! `someone.github.io` by itself), while the referrer keeps the whole host.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::ingest::channel::{self, Touch};
use crate::ingest::text::small;
use crate::ingest::url::{Campaign, site_name};

/// First labels of the names of apps, which are written the other way round.
const APP_LABELS: [&str; 3] = ["com", "net", "org"];

/// What a source is, for the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Search,
    Social,
    Video,
    Email,
    Ai,
    Shopping,
    Other,
}

/// Name and channel of a visit's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// Such as `Google`; empty for direct visits.
    pub name: &'a str,
    /// Such as `Organic Search`.
    pub channel: &'static str,
    /// The name is one of our table.
    pub is_known: bool,
}

#[derive(serde::Deserialize)]
struct Table {
    source: Vec<Entry>,
}

#[derive(serde::Deserialize)]
struct Entry {
    name: String,
    kind: Kind,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    paid: Vec<String>,
}

/// What a host or word is known as.
#[derive(Clone)]
struct Known {
    name: String,
    kind: Kind,
    paid: bool,
}

#[derive(Default)]
struct Lookup {
    hosts: HashMap<String, Known>,
    /// Hosts of any ending, without their `.*`.
    stems: HashMap<String, Known>,
    words: HashMap<String, Known>,
}

static LOOKUP: LazyLock<Lookup> = LazyLock::new(|| {
    let table: Table =
        toml::from_str(include_str!("sources.toml")).expect("sources.toml is tested");
    let mut lookup = Lookup::default();
    for entry in table.source {
        let known = |paid| Known { name: entry.name.clone(), kind: entry.kind, paid };
        for host in &entry.hosts {
            match host.strip_suffix(".*") {
                Some(stem) => lookup.stems.insert(stem.to_owned(), known(false)),
                None => lookup.hosts.insert(host.clone(), known(false)),
            };
        }
        lookup.words.extend(entry.words.iter().map(|word| (word.clone(), known(false))));
        lookup.words.extend(entry.paid.iter().map(|word| (word.clone(), known(true))));
        lookup.words.insert(entry.name.to_lowercase(), known(false));
    }
    lookup
});

/// Finds name and channel; `referrer` is a reduced host, empty when there is none or it is the
/// site's own.
#[must_use]
pub fn find<'a>(campaign: &'a Campaign, referrer: &'a str) -> Source<'a> {
    let word = [&campaign.source, &campaign.reference].into_iter().find(|word| !word.is_empty());
    let known = match word {
        Some(word) => by_word(word),
        None => by_host(referrer),
    };
    let own_name = || word.map_or_else(|| registrable(referrer), String::as_str);
    let name = known.map_or_else(own_name, |known| &known.name);
    let channel = channel::of(&Touch {
        kind: known.map(|known| known.kind),
        is_paid_source: known.is_some_and(|known| known.paid),
        source: name,
        medium: &campaign.medium,
        campaign: &campaign.campaign,
        has_referrer: !referrer.is_empty(),
        google_click: campaign.google_click,
        microsoft_click: campaign.microsoft_click,
    });
    Source { name, channel, is_known: known.is_some() }
}

/// Reads the table now, so that no request waits for it.
pub(crate) fn load() {
    LazyLock::force(&LOOKUP);
}

fn by_word(word: &str) -> Option<&'static Known> {
    let word = small(word.trim());
    LOOKUP.words.get(&*word).or_else(|| {
        let is_host = word.contains('.') && !word.contains(['/', ' ']);
        is_host.then(|| by_host(&site_name(&word))).flatten()
    })
}

/// The longest suffix of `host`, in whole labels, that the table names; `name.*` of the table is
/// `name` under any ending at which registries register names.
fn by_host(host: &str) -> Option<&'static Known> {
    let ending = ending(host);
    let mut rest = Some(host).filter(|host| !host.is_empty());
    while let Some(suffix) = rest {
        let found = LOOKUP.hosts.get(suffix).or_else(|| {
            let stem = suffix.strip_suffix(ending?)?.strip_suffix('.')?;
            LOOKUP.stems.get(stem)
        });
        if found.is_some() {
            return found;
        }
        rest = suffix.split_once('.').map(|(_, shorter)| shorter);
    }
    None
}

/// `com`, `co.uk` and the like at the end of a host.
fn ending(host: &str) -> Option<&str> {
    let suffix = psl::suffix(host.as_bytes())?;
    // Below a company's own ending (`github.io`) anybody may call a site `google`.
    let is_registry = suffix.typ() == Some(psl::Type::Icann);
    std::str::from_utf8(suffix.as_bytes()).ok().filter(|_| is_registry)
}

/// The domain that somebody registered, of which this host is a part. The host itself, when it is
/// an app, a bare address, or of no ending in the list (a network of its own).
fn registrable(host: &str) -> &str {
    let is_app = host.split_once('.').is_some_and(|(first, _)| APP_LABELS.contains(&first));
    if is_app {
        return host;
    }
    match psl::domain(host.as_bytes()) {
        Some(domain) if domain.suffix().is_known() => {
            std::str::from_utf8(domain.as_bytes()).unwrap_or(host)
        }
        _ => host,
    }
}

/// Name and kind of a host that the table knows.
#[cfg(test)]
pub(crate) fn known(host: &str) -> Option<(&'static str, Kind)> {
    by_host(host).map(|known| (known.name.as_str(), known.kind))
}

/// How many hosts the table names.
#[cfg(test)]
pub(crate) fn known_hosts() -> usize {
    LOOKUP.hosts.len() + LOOKUP.stems.len()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn referred(host: &str) -> (String, &'static str) {
        let direct = Campaign::default();
        let source = find(&direct, host);
        (source.name.to_owned(), source.channel)
    }

    fn tagged(source: &str, medium: &str) -> (String, &'static str) {
        let campaign =
            Campaign { source: source.into(), medium: medium.into(), ..Campaign::default() };
        let source = find(&campaign, "");
        (source.name.to_owned(), source.channel)
    }

    #[test]
    fn referrers_have_names_and_channels() {
        for (host, name, channel) in [
            ("google.com", "Google", "Organic Search"),
            ("google.co.uk", "Google", "Organic Search"),
            ("google.com.br", "Google", "Organic Search"),
            ("gemini.google.com", "Gemini", "AI Assistants"),
            ("mail.google.com", "Gmail", "Email"),
            ("docs.google.com", "Google Docs", "Referral"),
            ("com.google.android.gm", "Gmail", "Email"),
            ("duckduckgo.com", "DuckDuckGo", "Organic Search"),
            ("m.facebook.com", "Facebook", "Organic Social"),
            ("t.co", "X", "Organic Social"),
            ("news.ycombinator.com", "Hacker News", "Organic Social"),
            ("chatgpt.com", "ChatGPT", "AI Assistants"),
            ("claude.ai", "Claude", "AI Assistants"),
            ("copilot.microsoft.com", "Copilot", "AI Assistants"),
            ("youtube.com", "YouTube", "Organic Video"),
            ("amazon.co.uk", "Amazon", "Organic Shopping"),
            ("outlook.live.com", "Outlook.com", "Email"),
            ("github.com", "GitHub", "Referral"),
            ("blog.example.org", "example.org", "Referral"),
            ("news.bbc.co.uk", "bbc.co.uk", "Referral"),
            ("a.b.city.kawasaki.jp", "city.kawasaki.jp", "Referral"),
            ("someone.github.io", "someone.github.io", "Referral"),
            ("x.someone.blogspot.com", "someone.blogspot.com", "Referral"),
            ("github.io", "github.io", "Referral"),
            ("google.github.io", "google.github.io", "Referral"),
            (
                "xn--bcher-kva.blog.xn--vermgensberatung-pwb",
                "blog.xn--vermgensberatung-pwb",
                "Referral",
            ),
            ("wiki.intranet.example", "wiki.intranet.example", "Referral"),
            ("com.example.notes.app", "com.example.notes.app", "Referral"),
            (":address", ":address", "Referral"),
            ("google.co.jp", "Google", "Organic Search"),
            ("mail.yandex.com.tr", "Yandex Mail", "Email"),
            ("yandex.com.tr", "Yandex", "Organic Search"),
            ("ebay.com.au", "eBay", "Organic Shopping"),
            ("lobste.rs", "Lobsters", "Organic Social"),
            ("vimeo.com", "Vimeo", "Organic Video"),
            ("mail.proton.me", "Proton Mail", "Email"),
            ("hexbear.net", "Lemmy", "Organic Social"),
            ("perplexity.ai", "Perplexity", "AI Assistants"),
            ("notgoogle.com", "notgoogle.com", "Referral"),
            ("google.com.evil.example", "google.com.evil.example", "Referral"),
            ("", "", "Direct"),
        ] {
            assert_eq!(referred(host), (name.into(), channel), "{host}");
        }
    }

    #[test]
    fn campaign_words_count_before_the_referrer() {
        assert_eq!(tagged("Facebook", ""), ("Facebook".into(), "Organic Social"));
        assert_eq!(tagged("fb", "cpc"), ("Facebook".into(), "Paid Social"));
        assert_eq!(tagged("chatgpt.com", ""), ("ChatGPT".into(), "AI Assistants"));
        assert_eq!(tagged("adwords", ""), ("Google".into(), "Paid Search"));
        assert_eq!(tagged("newsletter", ""), ("newsletter".into(), "Email"));
        assert_eq!(tagged("spring", "cpc"), ("spring".into(), "Paid Other"));
        assert_eq!(tagged("partner", ""), ("partner".into(), "Referral"));
        let campaign = Campaign { reference: "hn".into(), ..Campaign::default() };
        assert_eq!(find(&campaign, "google.com").name, "Hacker News");
    }

    #[test]
    fn facebooks_click_id_says_nothing_of_money() {
        let by = |click_id, google_click, referrer| {
            let campaign = Campaign { click_id, google_click, ..Campaign::default() };
            find(&campaign, referrer).channel
        };
        assert_eq!(by("fbclid", false, "facebook.com"), "Organic Social");
        assert_eq!(by("gclid", true, "google.com"), "Paid Search");
        assert_eq!(by("gclid", true, "youtube.com"), "Organic Video");
    }

    #[test]
    fn the_table_is_sorted_and_names_no_host_twice() {
        let table: Table = toml::from_str(include_str!("sources.toml")).unwrap();
        assert!(table.source.is_sorted_by(|a, b| a.name < b.name));
        let mut seen = HashSet::new();
        for entry in &table.source {
            for text in entry.hosts.iter().chain(&entry.words).chain(&entry.paid) {
                assert!(seen.insert(text.clone()), "{text} is there twice");
                assert_eq!(*text, text.to_lowercase());
            }
        }
        assert!(table.source.iter().map(|entry| entry.hosts.len()).sum::<usize>() >= 350);
    }
}
