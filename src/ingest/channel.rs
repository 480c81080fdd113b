//! The channel of a visit: a closed set of names, found by the first rule that holds.
//!
//! The rules follow GA4's published default channels, with `AI Assistants` of its own. Names are
//! final: reports, exports and saved filters hold them.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::source::Kind;

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
    let source = touch.source.trim().to_lowercase();
    let medium = touch.medium.trim().to_lowercase();
    let campaign = touch.campaign.trim().to_lowercase();
    let is = |kind| touch.kind == Some(kind);
    let is_shop = is(Kind::Shopping) || SHOP.is_match(&campaign);
    let is_click =
        (touch.google_click && source == "google") || (touch.microsoft_click && source == "bing");
    let is_paid = touch.is_paid_source || PAID.is_match(&medium);
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
    } else if is(Kind::Email) || has(&EMAIL_WORDS, &source) || has(&EMAIL_WORDS, &medium) {
        EMAIL
    } else {
        small(touch, &source, &medium)
    }
}

/// The rules for the rarer channels, and what is left.
fn small(touch: &Touch<'_>, source: &str, medium: &str) -> &'static str {
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
    } else if REFERRAL_MEDIA.contains(&medium) || !source.is_empty() || touch.has_referrer {
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

    #[test]
    fn the_first_rule_that_holds_names_the_channel() {
        use Kind::{Ai, Email, Search, Shopping, Social, Video};
        for (kind, source, medium, campaign, expected) in [
            (None, "", "", "", DIRECT),
            (Some(Search), "Google", "", "", ORGANIC_SEARCH),
            (Some(Search), "Google", "CPC", "", PAID_SEARCH),
            (Some(Search), "Google", "cpm", "", PAID_SEARCH),
            (Some(Search), "Google", "cpc", "spring shop", PAID_SHOPPING),
            (Some(Search), "Google", "cpc", "x cross-network", CROSS_NETWORK),
            (Some(Search), "Google", "cpc", "workshop", PAID_SEARCH),
            (Some(Social), "Facebook", "paid_social", "", PAID_SOCIAL),
            (Some(Social), "Facebook", "", "", ORGANIC_SOCIAL),
            (Some(Video), "YouTube", "ppc", "", PAID_VIDEO),
            (Some(Video), "YouTube", "", "", ORGANIC_VIDEO),
            (Some(Ai), "Claude", "", "", AI_ASSISTANTS),
            (Some(Ai), "Claude", "cpc", "", PAID_OTHER),
            (Some(Email), "Gmail", "", "", EMAIL),
            (Some(Shopping), "Etsy", "", "", ORGANIC_SHOPPING),
            (None, "site.example", "banner", "", DISPLAY),
            (None, "site.example", "retargeting", "", PAID_OTHER),
            (None, "site.example", "social", "", ORGANIC_SOCIAL),
            (None, "site.example", "organic", "", ORGANIC_SEARCH),
            (None, "", "e-mail", "", EMAIL),
            (None, "x", "affiliate", "", AFFILIATES),
            (None, "x", "audio", "", AUDIO),
            (None, "sms", "", "", SMS),
            (None, "x", "web push", "", MOBILE_PUSH),
            (None, "x", "referral", "", REFERRAL),
            (None, "x", "", "", REFERRAL),
        ] {
            assert_eq!(channel(kind, source, medium, campaign), expected, "{source} {medium}");
        }
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
    }
}
