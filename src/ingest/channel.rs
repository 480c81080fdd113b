//! The channel of a visit: a closed set of names, found by the first rule that holds.
//!
//! The rules are those of GA4's published default channel group, in its order, and `AI Assistants`
//! before `Organic Search`; what GA4 takes from its own lists of sites is the kind of the source.
//! Beyond GA4: a source that says that it was paid for (`google-ads`), and a click id of Google's or
//! Microsoft's on their own search, count as paid; mail providers are `Email`; a source of no rule
//! is `Referral` rather than "Unassigned". Names are final: reports, exports and saved filters hold
//! them.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::source::Kind;
use crate::ingest::text::small;

pub(crate) const AFFILIATES: &str = "Affiliates";
pub(crate) const AI_ASSISTANTS: &str = "AI Assistants";
pub(crate) const AUDIO: &str = "Audio";
pub(crate) const CROSS_NETWORK: &str = "Cross-network";
pub(crate) const DIRECT: &str = "Direct";
pub(crate) const DISPLAY: &str = "Display";
pub(crate) const EMAIL: &str = "Email";
pub(crate) const MOBILE_PUSH: &str = "Mobile Push";
pub(crate) const ORGANIC_SEARCH: &str = "Organic Search";
pub(crate) const ORGANIC_SHOPPING: &str = "Organic Shopping";
pub(crate) const ORGANIC_SOCIAL: &str = "Organic Social";
pub(crate) const ORGANIC_VIDEO: &str = "Organic Video";
pub(crate) const PAID_OTHER: &str = "Paid Other";
pub(crate) const PAID_SEARCH: &str = "Paid Search";
pub(crate) const PAID_SHOPPING: &str = "Paid Shopping";
pub(crate) const PAID_SOCIAL: &str = "Paid Social";
pub(crate) const PAID_VIDEO: &str = "Paid Video";
pub(crate) const REFERRAL: &str = "Referral";
pub(crate) const SMS: &str = "SMS";

/// All names, in the order of the rules; those at the end are found last.
#[cfg(test)]
pub(crate) const ALL: [&str; 19] = [
    CROSS_NETWORK,
    PAID_SHOPPING,
    PAID_SEARCH,
    PAID_SOCIAL,
    PAID_VIDEO,
    DISPLAY,
    PAID_OTHER,
    ORGANIC_SHOPPING,
    ORGANIC_SOCIAL,
    ORGANIC_VIDEO,
    AI_ASSISTANTS,
    ORGANIC_SEARCH,
    REFERRAL,
    EMAIL,
    AFFILIATES,
    AUDIO,
    SMS,
    MOBILE_PUSH,
    DIRECT,
];

const DISPLAY_MEDIA: [&str; 5] = ["banner", "cpm", "display", "expandable", "interstitial"];
const EMAIL_WORDS: [&str; 5] = ["e mail", "e-mail", "e_mail", "email", "newsletter"];
const REFERRAL_MEDIA: [&str; 3] = ["app", "link", "referral"];
const SOCIAL_MEDIA: [&str; 6] =
    ["sm", "social", "social media", "social network", "social-media", "social-network"];

static PAID: LazyLock<Regex> = LazyLock::new(|| pattern("^(?:.*cp.*|ppc|retargeting|paid.*)$"));
static SHOP: LazyLock<Regex> = LazyLock::new(|| pattern("(?:^|[^a-df-z])shop|shopping"));

/// What is known of how a visit began.
pub(crate) struct Touch<'a> {
    pub(crate) kind: Option<Kind>,
    pub(crate) is_paid_source: bool,
    pub(crate) source: &'a str,
    pub(crate) medium: &'a str,
    pub(crate) campaign: &'a str,
    pub(crate) has_referrer: bool,
    pub(crate) google_click: bool,
    pub(crate) microsoft_click: bool,
}

/// The channel of this touch.
pub(crate) fn of(touch: &Touch<'_>) -> &'static str {
    let [source, medium, campaign] =
        [touch.source, touch.medium, touch.campaign].map(|text| small(text.trim()));
    let is = |kind| touch.kind == Some(kind);
    // Patterns are dear, and most visits have neither medium nor campaign.
    let is_shop = is(Kind::Shopping) || (campaign.contains("shop") && SHOP.is_match(&campaign));
    let is_click =
        (touch.google_click && source == "google") || (touch.microsoft_click && source == "bing");
    let is_paid = touch.is_paid_source || (!medium.is_empty() && PAID.is_match(&medium));
    let has = |words: &[&str], text: &str| words.contains(&text);

    if campaign.contains("cross-network") {
        return CROSS_NETWORK;
    }
    if is_paid || is_click {
        if is_shop && is_paid {
            return PAID_SHOPPING;
        }
        match touch.kind {
            Some(Kind::Search) => return PAID_SEARCH,
            Some(Kind::Social) => return PAID_SOCIAL,
            Some(Kind::Video) => return PAID_VIDEO,
            _ => {}
        }
    }
    if has(&DISPLAY_MEDIA, &medium) {
        DISPLAY
    } else if is_paid {
        PAID_OTHER
    } else if is_shop {
        ORGANIC_SHOPPING
    } else if is(Kind::Social) || has(&SOCIAL_MEDIA, &medium) {
        ORGANIC_SOCIAL
    } else if is(Kind::Video) || medium.contains("video") {
        ORGANIC_VIDEO
    } else if is(Kind::Ai) {
        AI_ASSISTANTS
    } else if is(Kind::Search) || medium == "organic" {
        ORGANIC_SEARCH
    } else if has(&REFERRAL_MEDIA, &medium) {
        REFERRAL
    } else if is(Kind::Email) || has(&EMAIL_WORDS, &source) || has(&EMAIL_WORDS, &medium) {
        EMAIL
    } else {
        rarer(touch, &source, &medium)
    }
}

/// The rules for the rarer channels, and what is left.
fn rarer(touch: &Touch<'_>, source: &str, medium: &str) -> &'static str {
    if medium == "affiliate" || medium == "affiliates" {
        AFFILIATES
    } else if medium == "audio" {
        AUDIO
    } else if source == "sms" || medium == "sms" {
        SMS
    } else if medium.ends_with("push")
        || medium.contains("mobile")
        || medium.contains("notification")
        || source == "firebase"
    {
        MOBILE_PUSH
    } else if !source.is_empty() || touch.has_referrer {
        REFERRAL
    } else {
        DIRECT
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern that the tests compile")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(kind: Option<Kind>, source: &str, medium: &str, campaign: &str) -> &'static str {
        of(&Touch {
            kind,
            is_paid_source: false,
            source,
            medium,
            campaign,
            has_referrer: false,
            google_click: false,
            microsoft_click: false,
        })
    }

    /// Kind, source, medium and campaign of a touch, and its channel.
    type Case = (Option<Kind>, &'static str, &'static str, &'static str, &'static str);

    const CASES: &[Case] = &[
        (None, "", "", "", DIRECT),
        (None, "x", "", "2026 cross-network test", CROSS_NETWORK),
        (None, "x", "", "crossnetwork", REFERRAL),
        (Some(Kind::Shopping), "Etsy", "cpc", "", PAID_SHOPPING),
        (Some(Kind::Shopping), "Etsy", "paid", "", PAID_SHOPPING),
        (None, "x", "ppc", "spring shopping", PAID_SHOPPING),
        (None, "x", "ppc", "my shop", PAID_SHOPPING),
        (None, "x", "ppc", "eshop", PAID_SHOPPING),
        (None, "x", "ppc", "workshop", PAID_OTHER),
        (Some(Kind::Search), "Google", "CPC", "", PAID_SEARCH),
        (Some(Kind::Search), "Google", " cpc ", "", PAID_SEARCH),
        (Some(Kind::Search), "Google", "cpm", "", PAID_SEARCH),
        (Some(Kind::Search), "Google", "paidsearch", "", PAID_SEARCH),
        (Some(Kind::Search), "Google", "retargeting", "", PAID_SEARCH),
        (Some(Kind::Search), "Google", "unpaid", "", ORGANIC_SEARCH),
        (Some(Kind::Search), "Google", "ppc2", "", ORGANIC_SEARCH),
        (Some(Kind::Search), "Google", "cpc", "spring shop", PAID_SHOPPING),
        (Some(Kind::Search), "Google", "cpc", "x cross-network", CROSS_NETWORK),
        (Some(Kind::Social), "Facebook", "paid_social", "", PAID_SOCIAL),
        (Some(Kind::Video), "YouTube", "ppc", "", PAID_VIDEO),
        (None, "site.example", "display", "", DISPLAY),
        (None, "site.example", "banner", "", DISPLAY),
        (None, "site.example", "expandable", "", DISPLAY),
        (None, "site.example", "interstitial", "", DISPLAY),
        (None, "site.example", "cpm", "", DISPLAY),
        (Some(Kind::Search), "Google", "display", "", DISPLAY),
        (None, "site.example", "displays", "", REFERRAL),
        (None, "site.example", "retargeting", "", PAID_OTHER),
        (None, "site.example", "cpa", "", PAID_OTHER),
        (Some(Kind::Ai), "Claude", "cpc", "", PAID_OTHER),
        (Some(Kind::Email), "Gmail", "cpc", "", PAID_OTHER),
        (Some(Kind::Shopping), "Etsy", "", "", ORGANIC_SHOPPING),
        (None, "x", "", "summer shop", ORGANIC_SHOPPING),
        (Some(Kind::Social), "Facebook", "", "", ORGANIC_SOCIAL),
        (Some(Kind::Social), "Facebook", "referral", "", ORGANIC_SOCIAL),
        (None, "x", "social", "", ORGANIC_SOCIAL),
        (None, "x", "social-network", "", ORGANIC_SOCIAL),
        (None, "x", "social-media", "", ORGANIC_SOCIAL),
        (None, "x", "sm", "", ORGANIC_SOCIAL),
        (None, "x", "social network", "", ORGANIC_SOCIAL),
        (None, "x", "social media", "", ORGANIC_SOCIAL),
        (Some(Kind::Video), "YouTube", "", "", ORGANIC_VIDEO),
        (None, "x", "promo_video_1", "", ORGANIC_VIDEO),
        (Some(Kind::Ai), "Claude", "", "", AI_ASSISTANTS),
        (Some(Kind::Ai), "ChatGPT", "referral", "", AI_ASSISTANTS),
        (Some(Kind::Search), "Google", "", "", ORGANIC_SEARCH),
        (None, "site.example", "organic", "", ORGANIC_SEARCH),
        (None, "site.example", "organics", "", REFERRAL),
        (None, "x", "referral", "", REFERRAL),
        (None, "x", "app", "", REFERRAL),
        (None, "x", "link", "", REFERRAL),
        (None, "", "referral", "", REFERRAL),
        (None, "email", "referral", "", REFERRAL),
        (Some(Kind::Email), "Gmail", "", "", EMAIL),
        (None, "", "e-mail", "", EMAIL),
        (None, "", "e_mail", "", EMAIL),
        (None, "", "e mail", "", EMAIL),
        (None, "Email", "", "", EMAIL),
        (None, "newsletter", "", "", EMAIL),
        (None, "x", "emails", "", REFERRAL),
        (None, "x", "affiliate", "", AFFILIATES),
        (None, "x", "affiliates", "", AFFILIATES),
        (None, "x", "audio", "", AUDIO),
        (None, "sms", "", "", SMS),
        (None, "x", "SMS", "", SMS),
        (None, "x", "web push", "", MOBILE_PUSH),
        (None, "x", "mobile-web", "", MOBILE_PUSH),
        (None, "x", "notifications", "", MOBILE_PUSH),
        (None, "Firebase", "", "", MOBILE_PUSH),
        (None, "x", "pushed", "", REFERRAL),
        (None, "x", "", "", REFERRAL),
        (None, "", "unheard of", "", DIRECT),
    ];

    #[test]
    fn each_rule_holds_and_what_only_looks_like_it_does_not() {
        let mut found = std::collections::HashSet::new();
        for (kind, source, medium, campaign, expected) in CASES {
            let channel = channel(*kind, source, medium, campaign);
            assert_eq!(channel, *expected, "{source} | {medium} | {campaign}");
            found.insert(channel);
        }
        assert_eq!(found, ALL.into_iter().collect(), "every channel is reached");
    }

    #[test]
    fn a_click_id_says_that_a_search_was_paid_for() {
        let mut touch = Touch {
            kind: Some(Kind::Search),
            is_paid_source: false,
            source: "Google",
            medium: "",
            campaign: "",
            has_referrer: true,
            google_click: true,
            microsoft_click: false,
        };
        assert_eq!(of(&touch), PAID_SEARCH);
        touch.source = "Ecosia";
        assert_eq!(of(&touch), ORGANIC_SEARCH);
        (touch.source, touch.microsoft_click) = ("Bing", true);
        assert_eq!(of(&touch), PAID_SEARCH);
        (touch.source, touch.google_click) = ("Google", false);
        assert_eq!(of(&touch), ORGANIC_SEARCH);
        (touch.source, touch.google_click, touch.kind) = ("Gmail", true, Some(Kind::Email));
        assert_eq!(of(&touch), EMAIL);
    }
}
