//! Click ids of advertisers: that there was one is kept, by its name; its value never is.

use crate::ingest::url::Campaign;

/// Parameters by which advertisers tell clicks apart: Google, Google's display network, Microsoft,
/// X, `TikTok`, `LinkedIn`, Reddit, Pinterest, Snapchat, Quora, Yandex, Seznam, Yahoo, Outbrain,
/// Taboola, Impact, and at last Facebook's, which it adds to every link, paid for or not.
const CLICK_IDS: [&str; 19] = [
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "msclkid",
    "twclid",
    "ttclid",
    "li_fat_id",
    "rdt_cid",
    "epik",
    "ScCid",
    "qclid",
    "yclid",
    "sznclid",
    "vmcid",
    "dicbo",
    "tblci",
    "irclickid",
    "fbclid",
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
