//! Click ids of advertisers: that there was one is kept, by its name; its value never is.

use crate::ingest::url::Campaign;

/// Parameters by which advertisers tell clicks apart, the first by rank. Facebook's is the last: it is
/// added to every link there, paid for or not.
const CLICK_IDS: [&str; 19] = [
    // Google, its display network last.
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "msclkid",   // Microsoft
    "twclid",    // X
    "ttclid",    // TikTok
    "li_fat_id", // LinkedIn
    "rdt_cid",   // Reddit
    "epik",      // Pinterest
    "ScCid",     // Snapchat
    "qclid",     // Quora
    "yclid",     // Yandex
    "sznclid",   // Seznam
    "vmcid",     // Yahoo
    "dicbo",     // Outbrain
    "tblci",     // Taboola
    "irclickid", // Impact
    "fbclid",    // Facebook
];

/// Notes that a page's address has this parameter, if it is a click id: the first of the table
/// holds, whatever their order in the address.
pub(crate) fn note(campaign: &mut Campaign, name: &str) {
    let place_of = |name: &str| CLICK_IDS.iter().position(|known| *known == name);
    let Some(place) = place_of(name) else { return };
    campaign.google_click |= matches!(name, "gclid" | "gbraid" | "wbraid");
    campaign.microsoft_click |= name == "msclkid";
    if place_of(campaign.click_id).is_none_or(|held| place < held) {
        campaign.click_id = CLICK_IDS.get(place).copied().unwrap_or_default();
    }
}

/// Whether a parameter of this name is a click id.
pub(crate) fn is_click_id(name: &str) -> bool {
    CLICK_IDS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::url::page;

    #[test]
    fn of_click_ids_the_name_is_kept() {
        let id = |query: &str| {
            let campaign = page(&format!("https://e.example/?{query}"), false).unwrap().campaign;
            (campaign.click_id, campaign.google_click, campaign.microsoft_click)
        };
        assert_eq!(id("gclid=SECRET"), ("gclid", true, false));
        assert_eq!(id("fbclid=SECRET&wbraid=SECRET"), ("wbraid", true, false));
        assert_eq!(id("msclkid=a&fbclid=b"), ("msclkid", false, true));
        assert_eq!(id("fbclid=b&msclkid=a&gclid=c"), ("gclid", true, true));
        for name in CLICK_IDS {
            assert_eq!(id(&format!("{name}=SECRET")).0, name);
        }
        for none in ["gclid=", "igshid=x", "GCLID=x", "x=gclid", ""] {
            assert_eq!(id(none), ("", false, false), "{none}");
        }
    }
}
