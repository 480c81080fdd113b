//! What the query of a page says about the campaign that brought the visitor: `utm_…`, and where
//! there is none of a kind, what Matomo and its predecessor call it (`mtm_…`, `pk_…`).

use url::form_urlencoded;

use crate::ingest::click;
use crate::ingest::url::text;

/// Longest campaign parameter that is kept, in bytes.
pub const CAMPAIGN_BYTES_MAX: usize = 255;
/// Query parameters that are read; what stands behind them is not.
const QUERY_PAIRS_MAX: usize = 200;

/// The campaign parameters of a page; empty where not given.
#[derive(Default)]
pub struct Campaign {
    /// `utm_source`.
    pub source: String,
    /// `utm_medium`.
    pub medium: String,
    /// `utm_campaign`.
    pub campaign: String,
    /// `utm_term`.
    pub term: String,
    /// `utm_content`.
    pub content: String,
    /// The first of `source` and `ref`.
    pub reference: String,
    /// Which click id of an advertiser there was, by name (its value is not kept), or empty.
    pub click_id: &'static str,
    /// There was a click id of Google's (its value is not kept).
    pub google_click: bool,
    /// There was a click id of Microsoft's (its value is not kept).
    pub microsoft_click: bool,
}

/// Reads the campaign of a query; of a name that stands several times the first with a value counts.
pub(super) fn campaign(query: &str) -> Campaign {
    let mut found = Campaign::default();
    let mut of_matomo = Campaign::default();
    let (mut source, mut reference) = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()).take(QUERY_PAIRS_MAX) {
        let field = match name.as_ref() {
            "utm_source" => &mut found.source,
            "utm_medium" => &mut found.medium,
            "utm_campaign" => &mut found.campaign,
            "utm_term" => &mut found.term,
            "utm_content" => &mut found.content,
            "source" => &mut source,
            "ref" => &mut reference,
            other => match matomos(&mut of_matomo, other) {
                Some(field) => field,
                None => {
                    if !value.is_empty() {
                        click::note(&mut found, other);
                    }
                    continue;
                }
            },
        };
        if field.is_empty() {
            *field = text(&value, CAMPAIGN_BYTES_MAX).into_owned();
        }
    }
    let Campaign { source: from, medium, campaign, term, content, .. } = of_matomo;
    for (field, other) in [
        (&mut found.source, from),
        (&mut found.medium, medium),
        (&mut found.campaign, campaign),
        (&mut found.term, term),
        (&mut found.content, content),
    ] {
        if field.is_empty() {
            *field = other;
        }
    }
    found.reference = if source.is_empty() { reference } else { source };
    found
}

/// Whether a parameter of this name says something of a campaign, and is not the page's.
pub(super) fn is_of_campaign(name: &str) -> bool {
    name.starts_with("utm_")
        || name.starts_with("mtm_")
        || matomos(&mut Campaign::default(), name).is_some()
}

/// The field of a parameter under one of Matomo's names.
fn matomos<'a>(campaign: &'a mut Campaign, name: &str) -> Option<&'a mut String> {
    let of = name.split_once('_').filter(|(start, _)| matches!(*start, "mtm" | "pk" | "piwik"));
    Some(match of?.1 {
        "source" => &mut campaign.source,
        "medium" => &mut campaign.medium,
        "campaign" | "cpn" => &mut campaign.campaign,
        "keyword" | "kwd" => &mut campaign.term,
        "content" => &mut campaign.content,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matomos_names_count_where_there_is_no_other() {
        let of = |query: &str| {
            let found = campaign(query);
            [found.source, found.medium, found.campaign, found.term, found.content]
        };
        let all =
            "mtm_source=news&mtm_medium=email&mtm_campaign=spring&mtm_kwd=shoes&mtm_content=top";
        assert_eq!(of(all), ["news", "email", "spring", "shoes", "top"]);
        assert_eq!(of("pk_campaign=a&pk_keyword=b&pk_cpn=c"), ["", "", "a", "b", ""]);
        assert_eq!(of("piwik_campaign=a&piwik_kwd=b"), ["", "", "a", "b", ""]);
        assert_eq!(of("mtm_campaign=a&utm_campaign=b&mtm_kwd=c"), ["", "", "b", "c", ""]);
        assert_eq!(of("mtm_campaign=jane%40mail.example&mtm_cid=1&pk_x=2")[2], ":email");
        assert!(is_of_campaign("mtm_cid") && is_of_campaign("utm_id"));
        assert!(is_of_campaign("pk_kwd") && !is_of_campaign("pk_id"));
    }
}
