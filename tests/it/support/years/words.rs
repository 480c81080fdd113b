//! The texts that events are made of, and how each is shown.

use std::sync::LazyLock;

/// Columns of text, in the order of the table.
pub(crate) const TEXTS: usize = 21;
/// Column of the event's name.
pub(crate) const NAME: usize = 0;
/// Column of the page's host.
pub(crate) const HOSTNAME: usize = 1;
/// Column of the page's path.
pub(crate) const PATH: usize = 2;
/// The first column of the visit; all behind it are of the visit, too.
pub(crate) const OF_VISITS: usize = 3;
/// Number of the name of a page view.
pub(crate) const PAGEVIEW: u16 = 0;
/// Number of the name of an engagement.
pub(crate) const ENGAGEMENT: u16 = 1;
/// Names of properties.
pub(crate) const PROPS: [&str; 4] = ["plan", "sku.id", "Größe", "a b"];

/// One column, or one property: its texts and what they are shown as.
#[derive(Debug)]
pub(crate) struct Words {
    /// Name in queries; of a property only what stands behind `event:props:`.
    pub(crate) dimension: &'static str,
    /// Texts as stored.
    pub(crate) values: Vec<String>,
    /// Labels, each once.
    pub(crate) labels: Vec<String>,
    /// The label of each text.
    pub(crate) label_of: Vec<u16>,
}

impl Words {
    fn new(dimension: &'static str, values: Vec<String>) -> Self {
        let empty = if dimension == "visit:source" { "Direct / None" } else { "(not set)" };
        let mut labels: Vec<String> = Vec::new();
        let mut label_of = Vec::new();
        for value in &values {
            let label = if value.is_empty() { empty } else { value.as_str() };
            let at = labels.iter().position(|known| known == label).unwrap_or_else(|| {
                labels.push(label.to_owned());
                labels.len() - 1
            });
            label_of.push(u16::try_from(at).expect("few labels"));
        }
        Self { dimension, values, labels, label_of }
    }

    /// The label of the empty text, if the column has it.
    pub(crate) fn empty(&self) -> Option<u16> {
        let at = self.values.iter().position(String::is_empty)?;
        self.label_of.get(at).copied()
    }
}

/// All columns of text.
pub(crate) static COLUMNS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let all = columns();
    assert_eq!(all.len(), TEXTS);
    all
});

/// The values of each property; the first stands for "not there".
pub(crate) static PROP_VALUES: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let lists = [
        of(&["", "free", "pro", "team", "Pro"]),
        numbered("sku", 40),
        of(&["", "S", "M", "größer", "GRÖSSER", "it's"]),
        of(&["", "", "x", "y\ty", "(not set)"]),
    ];
    PROPS.into_iter().zip(lists).map(|(name, list)| Words::new(name, list)).collect()
});

fn columns() -> Vec<Words> {
    vec![
        Words::new(
            "event:name",
            of(&[
                "pageview",
                "engagement",
                "signup",
                "Outbound Link: Click",
                "it's \\ \"one\"",
                "größe",
            ]),
        ),
        Words::new(
            "event:hostname",
            of(&["site.example", "", "shop.site.example", "Blog.site.example", "a_b.site.example"]),
        ),
        Words::new("event:page", paths()),
        Words::new("visit:referrer", numbered("ref", 25)),
        Words::new("visit:source", sources()),
        Words::new(
            "visit:channel",
            of(&["Direct", "Organic Search", "Paid Search", "Email", "", "Referral"]),
        ),
        Words::new("visit:utm_source", of(&["", "newsletter", "google", "Google", "x%y"])),
        Words::new("visit:utm_medium", of(&["", "email", "cpc", "CPC", "social"])),
        Words::new("visit:utm_campaign", of(&["", "spring", "Spring", "sommer \u{fc}ber", "a_b"])),
        Words::new("visit:utm_term", numbered("term", 30)),
        Words::new("visit:utm_content", of(&["", "(not set)", "top", "bottom", "l\\n"])),
        Words::new("visit:country", of(&["DE", "US", "", "FR", "NZ", "KI", "AS", "NP", "CL"])),
        Words::new("visit:region", numbered("Region", 24)),
        Words::new("visit:city", numbered("City", 60)),
        Words::new(
            "visit:browser",
            of(&["Chrome", "Safari", "Firefox", "", "Edge", "Samsung Browser"]),
        ),
        Words::new("visit:browser_version", numbered("", 30)),
        Words::new("visit:os", of(&["Windows", "iOS", "Android", "Mac", "GNU/Linux", ""])),
        Words::new("visit:os_version", of(&["10", "", "17.4", "14", "11", "10.15"])),
        Words::new("visit:device", of(&["Desktop", "Mobile", "Tablet", "", "TV"])),
        Words::new("visit:language", of(&["en", "de", "", "fr", "mi", "sm", "ne", "es"])),
        Words::new("visit:screen", of(&["L", "S", "M", "", "XL"])),
    ]
}

fn of(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// The empty text, and so many others.
fn numbered(stem: &str, count: usize) -> Vec<String> {
    let mut found = vec![String::new()];
    found.extend((1..=count).map(|n| format!("{stem}{n}")));
    found
}

fn sources() -> Vec<String> {
    let mut found =
        of(&["", "Google", "DuckDuckGo", "Direct / None", "it's \\ \"quoted\"\ttab", "\u{fc}ber"]);
    found.extend((1..=12).map(|n| format!("blog{n}.example")));
    found
}

fn paths() -> Vec<String> {
    let mut found = of(&[
        "/",
        "/pricing",
        "/docs/start",
        "/Docs/Start",
        "/a%b_c",
        "/quo'te\\x",
        "/tab\there",
        "/Straße/ünï",
        "/😀",
        "",
        "/docs/api.v1",
        "/docs/apixv1",
    ]);
    found.extend((1..=80).map(|n| format!("/blog/post-{n}")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_looks_like_the_label_of_the_empty_one_shares_it() {
        let content = &COLUMNS[10];
        assert_eq!(content.dimension, "visit:utm_content");
        assert_eq!(content.label_of[0], content.label_of[1]);
        assert_eq!(content.labels.len(), content.values.len() - 1);
        assert_eq!(COLUMNS[4].labels[usize::from(COLUMNS[4].label_of[0])], "Direct / None");
        assert_eq!(COLUMNS[PATH].empty(), Some(9));
        assert_eq!(COLUMNS[NAME].empty(), None);
    }
}
