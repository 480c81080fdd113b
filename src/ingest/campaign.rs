//! What the query of a page says about the campaign that brought the visitor.

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
            other => {
                if !value.is_empty() {
                    click::note(&mut found, other);
                }
                continue;
            }
        };
        if field.is_empty() {
            *field = text(&value, CAMPAIGN_BYTES_MAX).into_owned();
        }
    }
    found.reference = if source.is_empty() { reference } else { source };
    found
}
