//! Closed lists: uap-core's families → the names shown, and the kind of device by rule.
//!
//! What is not listed is empty. A name that is not listed would be text of the User-Agent.

/// Browsers inside of apps, which say nothing about the browser a person chose.
pub(crate) const MOBILE_APP: &str = "Mobile App";
pub(crate) const ANDROID: &str = "Android";
pub(crate) const CHROME_OS: &str = "Chrome OS";
pub(crate) const GNU_LINUX: &str = "GNU/Linux";
pub(crate) const WINDOWS: &str = "Windows";

/// Sorted by family.
const BROWSERS: &[(&str, &str)] = &[
    ("360 Secure Browser", "360 Browser"),
    ("AVG", "AVG Secure Browser"),
    ("Aloha Browser", "Aloha Browser"),
    ("Amazon Silk", "Amazon Silk"),
    ("Android", "Android Browser"),
    ("Arc", "Arc"),
    ("Avast Secure Browser", "Avast Secure Browser"),
    ("Baidu Browser", "Baidu Browser"),
    ("Baidu Explorer", "Baidu Browser"),
    ("Basilisk", "Basilisk"),
    ("Brave", "Brave"),
    ("CCleaner", "CCleaner Browser"),
    ("Chrome", "Chrome"),
    ("Chrome Frame", "Chrome"),
    ("Chrome Mobile", "Chrome"),
    ("Chrome Mobile WebView", MOBILE_APP),
    ("Chrome Mobile iOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Coc Coc", "Coc Coc"),
    ("Comodo Dragon", "Comodo Dragon"),
    ("Dolphin", "Dolphin"),
    ("Dragon", "Comodo Dragon"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("DuckDuckGo Mobile", "DuckDuckGo"),
    ("Ecosia Android", "Ecosia"),
    ("Ecosia iOS", "Ecosia"),
    ("Edge", "Microsoft Edge"),
    ("Edge Mobile", "Microsoft Edge"),
    ("Epiphany", "Epiphany"),
    ("Facebook", MOBILE_APP),
    ("Facebook Messenger", MOBILE_APP),
    ("Falkon", "Falkon"),
    ("Firefox", "Firefox"),
    ("Firefox Alpha", "Firefox"),
    ("Firefox Beta", "Firefox"),
    ("Firefox Mobile", "Firefox"),
    ("Firefox iOS", "Firefox"),
    ("Flipboard", MOBILE_APP),
    ("Google", MOBILE_APP),
    ("HeyTap Browser", "HeyTap Browser"),
    ("Honor Browser", "Honor Browser"),
    ("Huawei Browser", "Huawei Browser"),
    ("IE", "Internet Explorer"),
    ("IE Large Screen", "Internet Explorer"),
    ("IE Mobile", "Internet Explorer"),
    ("IceCat", "IceCat"),
    ("Instabridge", "Instabridge"),
    ("Instagram", MOBILE_APP),
    ("Iron", "Iron"),
    ("KaiOS Browser", "KaiOS Browser"),
    ("KakaoTalk", MOBILE_APP),
    ("Konqueror", "Konqueror"),
    ("Kurio App", MOBILE_APP),
    ("LINE", MOBILE_APP),
    ("Ladybird", "Ladybird"),
    ("LinkedIn", MOBILE_APP),
    ("Maxthon", "Maxthon"),
    ("Microsoft Teams", MOBILE_APP),
    ("Midori", "Midori"),
    ("Mint Browser", "MIUI Browser"),
    ("MiuiBrowser", "MIUI Browser"),
    ("Mobile Safari", "Safari"),
    ("Mobile Safari UI/WKWebView", MOBILE_APP),
    ("MullvadBrowser", "Mullvad Browser"),
    ("Nokia Browser", "Nokia Browser"),
    ("Norton", "Norton Browser"),
    ("Oculus Browser", "Oculus Browser"),
    ("Opera", "Opera"),
    ("Opera Coast", "Opera"),
    ("Opera GX", "Opera GX"),
    ("Opera Mini", "Opera Mini"),
    ("Opera Mobile", "Opera"),
    ("Opera Neon", "Opera"),
    ("Opera Tablet", "Opera"),
    ("Opera Touch", "Opera"),
    ("Otter", "Otter"),
    ("Pale Moon", "Pale Moon"),
    ("Phoenix Browser", "Phoenix Browser"),
    ("Pinterest", MOBILE_APP),
    ("Puffin", "Puffin"),
    ("QQ Browser", "QQ Browser"),
    ("QQ Browser Mini", "QQ Browser"),
    ("QQ Browser Mobile", "QQ Browser"),
    ("Quark", "Quark"),
    ("Quark PC", "Quark"),
    ("QupZilla", "QupZilla"),
    ("Roblox App", MOBILE_APP),
    ("Safari", "Safari"),
    ("Sailfish Browser", "Sailfish Browser"),
    ("Samsung Internet", "Samsung Browser"),
    ("SeaMonkey", "SeaMonkey"),
    ("Seznam prohlížeč", "Seznam Browser"),
    ("Slack Desktop Client", MOBILE_APP),
    ("Sleipnir", "Sleipnir"),
    ("SmartTV WebBrowser", "Samsung Browser"),
    ("Snapchat", MOBILE_APP),
    ("Sogou Explorer", "Sogou Explorer"),
    ("Spotify", MOBILE_APP),
    ("Telegram", MOBILE_APP),
    ("Tenta Browser", "Tenta"),
    ("TikTok", MOBILE_APP),
    ("Tizen Browser", "Samsung Browser"),
    ("TopBuzz", MOBILE_APP),
    ("Tor Browser", "Tor Browser"),
    ("Twitter", MOBILE_APP),
    ("UC Browser", "UC Browser"),
    ("Vivaldi", "Vivaldi"),
    ("VivoBrowser", "Vivo Browser"),
    ("Waterfox", "Waterfox"),
    ("WeChat Browser", MOBILE_APP),
    ("WebKit Nightly", "Safari"),
    ("Weibo", MOBILE_APP),
    ("Whale", "Whale"),
    ("Yandex Browser", "Yandex Browser"),
    ("baidubrowser", "Baidu Browser"),
    ("qutebrowser", "qutebrowser"),
    ("webOS Browser", "webOS Browser"),
];

/// Sorted by family.
const SYSTEMS: &[(&str, &str)] = &[
    ("ATV OS X", "tvOS"),
    ("Android", ANDROID),
    ("Arch Linux", GNU_LINUX),
    ("BlackBerry OS", "BlackBerry"),
    ("BlackBerry Tablet OS", "BlackBerry"),
    ("CentOS", GNU_LINUX),
    ("Chrome OS", CHROME_OS),
    ("Chromecast Android", ANDROID),
    ("Chromecast Fuchsia", "Fuchsia"),
    ("Debian", GNU_LINUX),
    ("Fedora", GNU_LINUX),
    ("Firefox OS", "Firefox OS"),
    ("FreeBSD", "FreeBSD"),
    ("Gentoo", GNU_LINUX),
    ("Haiku", "Haiku"),
    ("HarmonyOS", "HarmonyOS"),
    ("KaiOS", "KaiOS"),
    ("Kubuntu", GNU_LINUX),
    ("Linux", GNU_LINUX),
    ("Linux Mint", GNU_LINUX),
    ("Lubuntu", GNU_LINUX),
    ("Mac OS", "Mac"),
    ("Mac OS X", "Mac"),
    ("Mageia", GNU_LINUX),
    ("Mandriva", GNU_LINUX),
    ("Mint", GNU_LINUX),
    ("NetBSD", "NetBSD"),
    ("OpenBSD", "OpenBSD"),
    ("OpenHarmony", "HarmonyOS"),
    ("PCLinuxOS", GNU_LINUX),
    ("PlayStation", "PlayStation"),
    ("Red Hat", GNU_LINUX),
    ("SUSE", GNU_LINUX),
    ("Sailfish", "Sailfish"),
    ("Slackware", GNU_LINUX),
    ("Solaris", "Solaris"),
    ("Symbian OS", "Symbian"),
    ("Symbian^3", "Symbian"),
    ("Symbian^3 Anna", "Symbian"),
    ("Symbian^3 Belle", "Symbian"),
    ("Tizen", "Tizen"),
    ("Ubuntu", GNU_LINUX),
    ("WatchOS", "watchOS"),
    ("Windows", WINDOWS),
    ("Windows Mobile", "Windows Mobile"),
    ("Windows Phone", "Windows Phone"),
    ("Xubuntu", GNU_LINUX),
    ("iOS", "iOS"),
    ("tvOS", "tvOS"),
    ("webOS", "webOS"),
];

/// Words of television sets and boxes, in small letters.
const TV_WORDS: [&str; 18] = [
    "smart-tv",
    "smarttv",
    "googletv",
    "google tv",
    "appletv",
    "apple tv",
    "android tv",
    "hbbtv",
    "netcast",
    "web0s",
    "webos.tv",
    "tizen tv",
    " tv safari",
    "bravia",
    "crkey",
    "roku",
    "; aft",
    "viera",
];

/// The name shown for a browser family, or empty.
pub(crate) fn browser(family: &str) -> &'static str {
    find(BROWSERS, family)
}

/// The name shown for a system family, or empty.
pub(crate) fn system(family: &str, user_agent: &str) -> &'static str {
    if family == "iOS" && user_agent.contains("iPad") { "iPadOS" } else { find(SYSTEMS, family) }
}

/// `TV`, `Tablet`, `Mobile`, `Desktop`, or empty when no rule applies.
pub(crate) fn device(user_agent: &str) -> &'static str {
    let text = user_agent.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&TV_WORDS) {
        "TV"
    } else if has(&["ipad", "playbook", "kindle", "silk/"])
        || (text.contains("tablet") && !text.contains("tablet pc"))
        || (text.contains("android") && !text.contains("mobile"))
    {
        "Tablet"
    } else if has(&["mobile", "android", "iphone", "ipod", "phone", "kaios", "opera mini"]) {
        "Mobile"
    } else if has(&["windows nt", "macintosh", "x11", "cros ", "linux", "bsd"]) {
        "Desktop"
    } else {
        ""
    }
}

fn find(table: &[(&str, &'static str)], family: &str) -> &'static str {
    let place = table.binary_search_by(|(known, _)| (*known).cmp(family));
    place.ok().and_then(|place| table.get(place)).map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(BROWSERS.is_sorted_by_key(|(family, _)| family));
        assert!(SYSTEMS.is_sorted_by_key(|(family, _)| family));
    }

    #[test]
    fn devices_are_told_apart_by_words() {
        for (user_agent, expected) in [
            ("Mozilla/5.0 (Linux; Android 13; SM-X906C) Chrome/142 Safari", "Tablet"),
            ("Mozilla/5.0 (Linux; Android 9; AFTS Build/PS7) Chrome/90", "TV"),
            ("Mozilla/5.0 (Web0S; Linux/SmartTV) Chrome/94", "TV"),
            ("Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) KAIOS/2.5", "Mobile"),
            ("Mozilla/5.0 (Windows NT 6.1; Tablet PC 2.0) Trident/7.0", "Desktop"),
            ("Mozilla/5.0 (X11; OpenBSD amd64) Firefox/145.0", "Desktop"),
            ("Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet)", ""),
        ] {
            assert_eq!(device(user_agent), expected, "{user_agent}");
        }
    }

    #[test]
    fn what_is_not_listed_is_empty() {
        assert_eq!(browser("Canary"), "");
        assert_eq!(system("Other", ""), "");
        assert_eq!(system("iOS", "iPad; CPU OS 17_5"), "iPadOS");
    }
}
