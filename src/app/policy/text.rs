//! The text for a site's privacy policy: short sections of plain sentences, each of which follows
//! from the configuration.

use crate::app::policy::{Facts, KeyPlace, Section};
use crate::model::{Rules, Site};

/// What is kept of a page view or event, and why.
const KEPT: [(&str, &str); 11] = [
    ("the address of the page without its query", "to see what is read"),
    (
        "the host of the page that linked here, and its name and kind",
        "to see where visits come from",
    ),
    (
        "the five campaign parameters of a link (utm_…) and the names of click ids, never their values",
        "to see which of our own links work",
    ),
    (
        "families of browser and operating system with their versions (major, of systems also minor, such as 18.7), and the kind of device",
        "to know what the site must work on",
    ),
    ("the primary language and one of a few classes of screen width", "to know whom it should fit"),
    (
        "the names of events such as a sign-up or a download, with the properties that we declared and three that need no declaration: the url and path of a link, file or form, and how many items an order has",
        "to see whether the site does its work",
    ),
    (
        "the amount and currency of a purchase, where a page sends them",
        "to see what sales come from",
    ),
    ("how long a page was in view and how far it was scrolled", "to see whether it is read"),
    ("a coarse score of signs that a program and not a person visits", "to leave programs out"),
    (
        "the second of the event while its day is open; afterwards its hour, its place in the order of the visit, and roughly how long after the visit's begin it was (rounded down to 1, 2, 5, 10, 20, 30 seconds, 1, 2, 5 minutes and so on)",
        "to tell visits apart and see the ways through the site",
    ),
    ("how long the whole visit lasted, in seconds", "to see whether visits are short or long"),
];

/// All sections.
pub(super) fn sections(facts: &Facts) -> Vec<Section> {
    vec![
        section("What we count, and why", what(facts)),
        section("What is kept of a visit", kept(facts)),
        section("What is used for a moment and not kept", used(facts)),
        section("How visitors are counted", counted(facts)),
        section("What is stored on your device", device(facts)),
        section("How to say no", no(facts)),
        section("Who sees the numbers", numbers(facts)),
        section("How long", how_long(facts)),
        section("What you should know besides", besides(facts)),
    ]
}

fn section(title: &'static str, lines: Vec<String>) -> Section {
    Section { title, lines }
}

fn name(facts: &Facts) -> &str {
    facts.site.as_ref().map_or("this site", |site| site.domain.as_str())
}

fn what(facts: &Facts) -> Vec<String> {
    let at = facts.collector.as_ref().map_or_else(String::new, |url| format!(" at {url}"));
    let mut lines = vec![
        format!("We count visits to {} with headcount, which we run ourselves{at}.", name(facts)),
        "The purpose is to learn which pages are read, where visits come from and what does not \
         work. The numbers serve no advertising and no profile of a person."
            .to_owned(),
    ];
    if let Some(path) = &facts.first_party {
        lines.push(format!("The script and its requests use addresses below {path} of the site."));
    }
    if facts.is_external {
        lines.push(
            "The rows are kept in a ClickHouse database of ours on another server.".to_owned(),
        );
    }
    lines
}

fn kept(facts: &Facts) -> Vec<String> {
    let mut lines: Vec<String> = KEPT.iter().map(|(what, why)| format!("{what}: {why};")).collect();
    lines.push(if facts.knows_places {
        "country, region and city, as a database of networks names them, never coordinates or a \
         postcode: to know where readers are."
            .to_owned()
    } else {
        "no place: no database of places is configured.".to_owned()
    });
    lines.push(
        "If a page uses the script that measures speed: how fast pages appear and which errors \
         their scripts meet, as counts by page and day without a number of the visitor."
            .to_owned(),
    );
    lines.push(
        "Mail addresses, telephone and card numbers, coordinates and what looks like an id are \
         taken out of addresses before they are stored."
            .to_owned(),
    );
    lines.push(
        "Beside that, counts by day that know no visitor: how many events were refused and for \
         what reason, and the names of properties that were sent without being declared or whose \
         values were not kept, never those values."
            .to_owned(),
    );
    lines.extend(facts.site.as_ref().map(rules).unwrap_or_default());
    lines
}

/// What the owner's own rules change.
fn rules(site: &Site) -> Vec<String> {
    let mut lines = Vec::new();
    let mut list = |names: &[String], what: &str| {
        if !names.is_empty() {
            lines.push(format!("{what}: {}.", names.join(", ")));
        }
    };
    let rules = &site.rules;
    list(&rules.query_params, "These parts of a page's query are kept as well");
    list(&rules.properties, "These properties of events are kept");
    list(&rules.excluded_paths, "Pages that are not counted");
    list(&rules.excluded_countries, "Countries whose visits are not counted");
    if !rules.path_rules.is_empty() {
        let count = rules.path_rules.len();
        lines.push(format!(
            "Addresses are shortened by {count} rules of ours before they are stored."
        ));
    }
    if rules.public.iter().any(|what| what == Rules::COUNTER) {
        lines.push(
            "How often a page was visited, up to the last full hour, is public (a counter)."
                .to_owned(),
        );
    }
    if !rules.excluded_networks.is_empty() {
        lines.push("Visits from some networks of our own are not counted.".to_owned());
    }
    lines
}

fn used(facts: &Facts) -> Vec<String> {
    let mut lines = vec![
        "Your network address and the text by which your browser names itself (User-Agent) arrive \
         with every request. They are used to look up the place and the browser and to make the \
         number of the next section. They are written to no file, no database and no log of \
         headcount, and their memory is overwritten when the request is done."
            .to_owned(),
    ];
    lines.push(if facts.proxies.is_empty() {
        "The network address is the one of the connection; what a request claims about it in a \
         header is not believed."
            .to_owned()
    } else {
        format!(
            "The network address is the one that our proxy passes on (trusted: {}). What the proxy \
             itself logs is not headcount's and has to be described beside this.",
            facts.proxies.join(", ")
        )
    });
    if facts.has_datacentre_list {
        lines.push("The address is also compared with a list of data centres, whose visits count as programs.".to_owned());
    }
    if facts.has_spam_list {
        lines.push("The linking host is compared with a list of hosts that spam.".to_owned());
    }
    lines
}

fn counted(facts: &Facts) -> Vec<String> {
    let zone = facts.site.as_ref().map_or("the site's time zone", |site| site.timezone.as_str());
    let place = match &facts.keys {
        KeyPlace::Named(path) => format!(
            "It is kept in locked memory and, to survive a restart, in {path}, which must be on a \
             RAM disk."
        ),
        KeyPlace::Found => "It is kept in locked memory and, to survive a restart, on a RAM disk \
             if there is one that fits."
            .to_owned(),
        KeyPlace::Memory => "It is kept in memory only, because this machine swaps.".to_owned(),
    };
    let mut lines = vec![
        "A page view gets a number made from your network address (of IPv6 the first half) and \
         User-Agent with a random key. The key is made anew for each site and each day, and \
         nothing else can make it again."
            .to_owned(),
        format!("{place} At midnight ({zone}) it is overwritten and deleted."),
        "So you count once a day and site. On the next day, or at another site, the number is \
         another one, and we say \"daily visitors, summed\" for longer times."
            .to_owned(),
        "The number stays on rows until their day is closed and at most 72 hours after it ended; \
         then a random order takes its place."
            .to_owned(),
        "Whoever controls the machine can see the key of the running day, as can snapshots of a \
         virtual machine and hibernation. After a stop its file stays until the next start or \
         reboot."
            .to_owned(),
    ];
    if facts.allows_swap {
        lines.push(
            "Swap is allowed by configuration (allow_swap): where it is on, a key of the day may \
             be written to the swap of a disk."
                .to_owned(),
        );
    }
    lines
}

fn device(_: &Facts) -> Vec<String> {
    vec![
        "The script sets no cookie and writes nothing into your browser's storage. It reads there \
         whether you switched counting off."
            .to_owned(),
        "One thing is stored, and only if you ask for it with the switch on our page: your wish \
         not to be counted (headcount_ignore)."
            .to_owned(),
    ]
}

fn no(_: &Facts) -> Vec<String> {
    vec![
        "If your browser sends Do Not Track (DNT: 1) or Global Privacy Control (Sec-GPC: 1), the \
         script sends nothing. If a request arrives with such a signal all the same, it leaves \
         nothing on disk, in a log or in the database; no setting changes that. Its network address \
         still reaches the server's socket and any proxy in front."
            .to_owned(),
        "Global Privacy Control is about selling and sharing and does not ask a site to stop \
         counting its own visits. That we do is our choice."
            .to_owned(),
        "The script also sends nothing when cookies are switched off, when Google Analytics' \
         opt-out add-on is installed, and when the opt-out of another counting tool is set."
            .to_owned(),
        "A picture in a mail counts the opening and no visitor. A picture on a page cannot see \
         whether cookies are switched off; it obeys the two signals."
            .to_owned(),
    ]
}

fn numbers(facts: &Facts) -> Vec<String> {
    let mut lines = vec![
        "People and programs that we gave an account or a key. Nobody else receives the rows, and \
         the numbers of different sites are not put together."
            .to_owned(),
    ];
    lines.push(if facts.threshold > 1 {
        format!(
            "A list shows region, city, language, screen, properties and the finer parts of \
             campaigns only for groups of at least {} visitors, and a selection of fewer visitors \
             shows totals by day alone.",
            facts.threshold
        )
    } else {
        "Groups are shown however small they are (threshold = 1): a single visit can be seen by \
         its place, language and properties."
            .to_owned()
    });
    if facts.threshold > 1 {
        lines.push(format!(
            "Of what pages report about speed and errors a group is shown from {} reports on; these \
             are counted without visitors, and all of them may come from one.",
            facts.threshold
        ));
    }
    lines.push(
        "Counts of refused events, and of the names of properties that were not kept, are shown \
         however small they are."
            .to_owned(),
    );
    lines
}

fn how_long(facts: &Facts) -> Vec<String> {
    vec![
        format!(
            "Rows are deleted after {} months at the latest; a site may keep them for less.",
            facts.retention_months
        ),
        "When a site is removed, its rows are out of reports at once, and the command says by when \
         their bytes have left the disk. Copies that we made of the disk are not headcount's to \
         delete."
            .to_owned(),
    ]
}

fn besides(_: &Facts) -> Vec<String> {
    vec![
        "Once the key of a day is gone we know no way to find the rows of a given person, so we \
         cannot list, correct or delete them one by one. What a site itself writes into addresses \
         or properties of its pages is another matter, and ours to avoid."
            .to_owned(),
        "While a day is open, rows carry seconds: whoever also holds the web server's own log \
         could put the two side by side."
            .to_owned(),
    ]
}
