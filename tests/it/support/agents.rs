//! Real User-Agents, from the npm package `user-agents`, and the names that users of other tools know.
//!
//! The list is the package's own file, pinned by the lock file. Names are worked out by a dozen
//! plain rules of our own, in the order a reader of such a string would use; strings that the
//! rules do not name are not used.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::support::command;

/// One User-Agent and its expected names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    /// The header's value.
    pub(crate) text: String,
    /// Browser family.
    pub(crate) browser: &'static str,
    /// Operating system family.
    pub(crate) os: &'static str,
    /// Kind of device.
    pub(crate) device: &'static str,
}

/// Part of a User-Agent that names a browser, the most telling first.
const BROWSERS: [(&str, &str); 10] = [
    ("EdgA/", "Microsoft Edge"),
    ("EdgiOS/", "Microsoft Edge"),
    ("Edg/", "Microsoft Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Browser"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

/// Parts of apps that show pages: their names are a matter of taste, so they are left out.
const LEFT_OUT: [&str; 14] = [
    "Brave",
    "Ddg/",
    "FBAN",
    "FBAV",
    "Instagram",
    "GSA/",
    "; wv)",
    "YaBrowser",
    "DuckDuckGo",
    "Vivaldi",
    "CrOS",
    "Snapchat",
    "Pinterest",
    "TikTok",
];

/// Part of a User-Agent that names a system.
const SYSTEMS: [(&str, &str); 6] = [
    ("Windows NT", "Windows"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Android", "Android"),
    ("Macintosh", "Mac"),
    ("X11; Linux", "GNU/Linux"),
];

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "userAgent")]
    text: String,
    #[serde(rename = "deviceCategory")]
    device: String,
}

/// Every User-Agent of the package that the rules name, without repetition, in its order.
pub(crate) fn all() -> &'static [Agent] {
    static ALL: OnceLock<Vec<Agent>> = OnceLock::new();
    ALL.get_or_init(|| {
        let bytes = std::fs::read(command::npm("user-agents/dist/user-agents.json"))
            .expect("the list of user agents can be read");
        let lines: Vec<Line> = serde_json::from_slice(&bytes).expect("the list is JSON");
        let mut agents: Vec<Agent> = Vec::new();
        for agent in lines.into_iter().filter_map(named) {
            if !agents.contains(&agent) {
                agents.push(agent);
            }
        }
        agents
    })
}

/// The first agent with this browser and system.
pub(crate) fn like(browser: &str, os: &str) -> &'static Agent {
    all()
        .iter()
        .find(|agent| agent.browser == browser && agent.os == os)
        .unwrap_or_else(|| panic!("the list has no {browser} on {os}"))
}

fn named(line: Line) -> Option<Agent> {
    let text = line.text;
    if LEFT_OUT.iter().any(|part| text.contains(part)) || !text.starts_with("Mozilla/5.0 (") {
        return None;
    }
    let (_, browser) = BROWSERS.iter().find(|(part, _)| text.contains(part))?;
    let (_, os) = SYSTEMS.iter().find(|(part, _)| text.contains(part))?;
    let device = match line.device.as_str() {
        "mobile" => "Mobile",
        "tablet" => "Tablet",
        _ => "Desktop",
    };
    // Some entries of the list contradict themselves (a phone's string on a "desktop").
    let phone = text.contains("Mobile") && !text.contains("iPad");
    let fits = match device {
        "Mobile" => phone,
        "Tablet" => !phone && matches!(*os, "iPadOS" | "Android"),
        _ => matches!(*os, "Windows" | "Mac" | "GNU/Linux"),
    };
    fits.then_some(Agent { text, browser, os, device })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_names_many_browsers_systems_and_every_kind_of_device() {
        let distinct =
            |of: fn(&Agent) -> &'static str| all().iter().map(of).collect::<BTreeSet<_>>();
        let browsers = distinct(|agent| agent.browser);
        let systems = distinct(|agent| agent.os);
        let devices = distinct(|agent| agent.device);
        assert!(all().len() > 500, "{} agents", all().len());
        assert!(browsers.len() >= 5 && systems.len() >= 5, "{browsers:?} {systems:?}");
        assert_eq!(devices.into_iter().collect::<Vec<_>>(), ["Desktop", "Mobile", "Tablet"]);
    }
}
