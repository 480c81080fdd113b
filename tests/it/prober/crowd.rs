//! A few hundred visitors of four days with rare values everywhere: as rows to store, and as the
//! events that the truth is counted from.

use std::collections::BTreeMap;

use crate::days::raw::Raw;
use crate::support::random::Random;

/// The days of the crowd. Between the first two a month begins, between the next two a week.
pub(crate) const DAYS: [&str; 4] = ["2093-02-28", "2093-03-01", "2093-03-02", "2093-03-03"];
/// The first instant of the first day.
pub(crate) const START: u32 = 3_886_617_600;
/// The moment of all questions: 20:00 of the third day.
pub(crate) const NOW: u32 = START + 2 * DAY + 72_000;
const DAY: u32 = 86_400;
/// Events without a token of the first day: so many that its sums are kept by value.
pub(crate) const BULK: u64 = 20_500;

/// A dimension by which the crowd differs.
pub(crate) struct Dimension {
    pub(crate) name: &'static str,
    pub(crate) protected: bool,
    /// Stored values; each one about half as frequent as the one before it.
    values: &'static [&'static str],
}

const fn plain(name: &'static str, values: &'static [&'static str]) -> Dimension {
    Dimension { name, protected: false, values }
}

const fn protected(name: &'static str, values: &'static [&'static str]) -> Dimension {
    Dimension { name, protected: true, values }
}

/// Dimensions of events stand before those of visits, and times last.
pub(crate) const DIMENSIONS: [Dimension; 27] = [
    plain(
        "event:page",
        &["/", "/pricing", "/docs/start", "/docs/api", "/blog", "/about", "/jobs", "/only/for/you"],
    ),
    plain("event:name", &["pageview", "signup", "download", "refund", "farewell"]),
    plain("event:hostname", &["site.example", "www.site.example", "old.site.example"]),
    protected("event:props:plan", &["", "free", "team", "Gold", "trial", "staff", "press"]),
    protected("event:props:who am i", &["", "", "", "", "reader", "author", "editor", "owner"]),
    plain("visit:source", &["", "Search", "News", "Forum", "Friend", "Letter", "Aunt"]),
    plain("visit:referrer", &["", "search.example", "news.example", "forum.example", "b.example"]),
    plain("visit:channel", &["Direct", "Organic", "Referral", "Email", "Paid"]),
    plain("visit:utm_source", &["", "letter", "spring", "poster", "flyer", "radio"]),
    plain("visit:utm_medium", &["", "email", "cpc", "print", "audio"]),
    plain("visit:utm_campaign", &["", "spring", "autumn", "launch", "secret"]),
    protected("visit:utm_term", &["", "shoes", "hats", "gloves", "scarves", "size 53"]),
    protected("visit:utm_content", &["", "top", "bottom", "left", "right", "tiny"]),
    plain("visit:country", &["DE", "FR", "", "IT", "AT", "CH", "LI", "SM"]),
    protected("visit:region", &["Bavaria", "", "Saxony", "Hesse", "Tyrol", "Lazio", "Uri"]),
    protected(
        "visit:city",
        &["Munich", "Berlin", "", "Paris", "Rome", "Köln", "Vienna", "Vaduz", "Halle", "Gotha"],
    ),
    plain("visit:browser", &["Chrome", "Firefox", "Safari", "Edge", "Opera", "Lynx", "Netscape"]),
    plain("visit:browser_version", &["120", "121", "119", "118", "99", "12", "4"]),
    plain("visit:os", &["Windows", "Linux", "macOS", "Android", "iOS", "OpenBSD", "Plan 9"]),
    plain("visit:os_version", &["10", "11", "", "14", "8", "7", "3"]),
    plain("visit:device", &["Desktop", "Mobile", "Tablet", "TV"]),
    protected("visit:language", &["de", "en", "fr", "", "it", "rm", "la", "eo"]),
    protected("visit:screen", &["L", "M", "S", "", "XL", "XS"]),
    plain("visit:entry_page", &[]),
    plain("visit:exit_page", &[]),
    plain("time:hour", &[]),
    plain("time:minute", &[]),
];
pub(crate) const PAGE: usize = 0;
pub(crate) const NAME: usize = 1;
const PLAN: usize = 3;
const WHO: usize = 4;
const FIRST_OF_VISITS: usize = 5;
const CITY: usize = 15;
pub(crate) const ENTRY: usize = 23;
pub(crate) const HOUR: usize = 25;
pub(crate) const MINUTE: usize = 26;
/// Dimensions that a list of any length, or a filter, may name.
pub(crate) const LISTED: usize = HOUR;

/// One event, or many that are alike, with the attributes of its visit.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The number of the visitor; `None` without a token.
    pub(crate) visitor: Option<u32>,
    /// The number of the visit over all visitors.
    pub(crate) visit: u32,
    pub(crate) by_key: bool,
    pub(crate) day: usize,
    pub(crate) ts: u32,
    pub(crate) weight: u64,
    /// What is shown of it, for each of [`DIMENSIONS`].
    pub(crate) labels: Vec<String>,
}

/// Events, and the rows that they are stored as (without [`BULK`]).
#[derive(Default)]
pub(crate) struct Crowd {
    pub(crate) events: Vec<Event>,
    pub(crate) rows: Vec<Raw>,
    visits: u32,
}

/// Stored values of the dimensions up to the entry page.
type Attributes = Vec<String>;

/// What somebody does at a second of the day.
struct Act {
    second: u32,
    attributes: Attributes,
    name: &'static str,
    by_key: bool,
}

/// `size` visitors, and who else there is.
pub(crate) fn crowd(seed: u64, size: u32) -> Crowd {
    let mut random = Random::seeded("prober's crowd", seed);
    let mut crowd = Crowd::default();
    for visitor in 0..size {
        crowd.visitor(&mut random, visitor);
    }
    for day in 0..DAYS.len() {
        let attributes = drawn(&mut random);
        crowd.add(None, day, &[Act { second: 50_000, attributes, name: "pageview", by_key: true }]);
    }
    crowd.bulk();
    let places = (0..).zip(&mut crowd.rows);
    places.for_each(|(place, row)| {
        (row.spool, row.batch, row.position) = (7, u64::from(place / 400), place % 400);
    });
    crowd
}

/// The statement that stores the events without a token.
pub(crate) fn bulk_statement(site: u32) -> String {
    format!(
        "INSERT INTO open_events (site, day, hour, ts, visitor, name, interactive, path, city, \
         spool, batch, position) SELECT {site}, '{}', 3, {}, 0, 'pageview', 1, '/bulk', 'Bulk', \
         9, 1, number FROM numbers({BULK})",
        DAYS[0],
        START + 10_800
    )
}

impl Crowd {
    fn bulk(&mut self) {
        let mut attributes = vec![String::new(); ENTRY];
        attributes[PAGE] = "/bulk".to_owned();
        attributes[CITY] = "Bulk".to_owned();
        self.add(None, 0, &[Act { second: 10_800, attributes, name: "pageview", by_key: false }]);
        self.rows.pop();
        self.events.last_mut().expect("just added").weight = BULK;
    }

    fn visitor(&mut self, random: &mut Random, visitor: u32) {
        let day = usize::try_from(random.below(4)).expect("four days");
        // Of two kinds: those who come by a key alone have a town and a page of their own.
        let keys = random.below(100);
        let is_recent = day == 2 && random.below(6) == 0;
        let mut second = if is_recent { 71_750 } else { below(random, 40_000) };
        let visits = if is_recent { 1 } else { 1 + random.below(100) / 70 };
        let mut attributes = drawn(random);
        for visit in 0..visits {
            if visit > 0 && random.below(2) == 0 {
                attributes = drawn(random);
            }
            if keys < 8 && random.below(2) == 0 {
                attributes[CITY] = "Keytown".to_owned();
            }
            let mut events = Vec::new();
            for nth in 0..=random.below(4) {
                draw_own(random, &mut attributes);
                if keys < 8 && random.below(2) == 0 {
                    attributes[PAGE] = "/by/key".to_owned();
                }
                let name = match random.below(10) {
                    0 | 1 => DIMENSIONS[NAME].values[1 + skewed(random, 4)],
                    2 if nth > 0 => "engagement",
                    _ => "pageview",
                };
                let by_key = keys < 8 || (keys < 18 && random.below(2) == 0);
                events.push(Act { second, attributes: attributes.clone(), name, by_key });
                second += if is_recent { below(random, 60) } else { below(random, 400) };
            }
            self.add(Some(visitor), day, &events);
            second += 1_801 + below(random, 9_000);
        }
    }

    /// One visit.
    fn add(&mut self, visitor: Option<u32>, day: usize, acts: &[Act]) {
        self.visits += 1;
        let token = visitor.map_or(0, |number| 1_000_003 * (u64::from(number) + 1));
        let start = START + DAY * u32::try_from(day).expect("four days");
        let mut pages = acts.iter().filter(|act| act.name == "pageview");
        let page = |act: Option<&Act>| {
            act.filter(|_| token != 0).map_or(String::new(), |act| act.attributes[PAGE].clone())
        };
        let ends = [page(pages.clone().next()), page(pages.next_back())];
        for act in acts {
            let (ts, by_key) = (start + act.second, act.by_key);
            let mut stored = act.attributes.clone();
            stored[NAME] = act.name.to_owned();
            self.rows.push(raw(day, ts, token, by_key, &stored));
            if act.name == "engagement" {
                continue;
            }
            stored.extend(ends.clone());
            let mut labels: Vec<String> = stored.into_iter().enumerate().map(label).collect();
            let (hour, minute) = (act.second / 3600, act.second % 3600 / 60);
            labels.push(format!("{} {hour:02}:00:00", DAYS[day]));
            labels.push(format!("{} {hour:02}:{minute:02}:00", DAYS[day]));
            self.events.push(Event {
                visitor,
                visit: self.visits,
                by_key,
                day,
                ts,
                weight: 1,
                labels,
            });
        }
    }
}

fn label((dimension, stored): (usize, String)) -> String {
    match (DIMENSIONS[dimension].name, stored.as_str()) {
        ("visit:source", "") => "Direct / None".to_owned(),
        (_, "") => "(not set)".to_owned(),
        _ => stored,
    }
}

/// Attributes of a visit; those of events are empty, but what nobody else has.
fn drawn(random: &mut Random) -> Attributes {
    let dimensions = DIMENSIONS.iter().enumerate().take(ENTRY);
    let mut found: Attributes = dimensions
        .map(|(at, dimension)| {
            if at < FIRST_OF_VISITS {
                return String::new();
            }
            dimension.values[skewed(random, dimension.values.len())].to_owned()
        })
        .collect();
    if random.below(12) == 0 {
        let lone = FIRST_OF_VISITS + usize::try_from(random.below(18)).expect("few");
        found[lone] = format!("lone {}", random.below(1000));
    }
    draw_own(random, &mut found);
    found
}

/// Attributes of the next event.
fn draw_own(random: &mut Random, found: &mut Attributes) {
    for at in [PAGE, 2, PLAN, WHO] {
        let values = DIMENSIONS[at].values;
        found[at] = values[skewed(random, values.len())].to_owned();
    }
    if random.below(30) == 0 {
        found[PAGE] = format!("/lone/{}", random.below(1000));
    }
}

/// A number below `n`, each about half as likely as the one before: the last ones come once or
/// never.
fn skewed(random: &mut Random, n: usize) -> usize {
    let mut number = 0;
    while number + 1 < n && random.below(100) < 48 {
        number += 1;
    }
    number
}

fn below(random: &mut Random, n: u32) -> u32 {
    u32::try_from(random.below(u64::from(n))).expect("below a u32")
}

fn raw(day: usize, ts: u32, visitor: u64, by_key: bool, stored: &[String]) -> Raw {
    let value = |name: &str| {
        let at = DIMENSIONS.iter().position(|one| one.name == name).expect("a dimension");
        stored[at].clone()
    };
    let props = [("plan", PLAN), ("who am i", WHO)];
    let props = props.iter().filter(|(_, at)| !stored[*at].is_empty());
    let engagement = stored[NAME] == "engagement";
    Raw {
        site: 1,
        day: DAYS[day].to_owned(),
        hour: u8::try_from(ts % DAY / 3600).expect("an hour"),
        ts,
        visitor,
        name: value("event:name"),
        interactive: u8::from(!engagement),
        by_key: u8::from(by_key),
        hostname: value("event:hostname"),
        path: value("event:page"),
        referrer: value("visit:referrer"),
        source: value("visit:source"),
        channel: value("visit:channel"),
        utm_source: value("visit:utm_source"),
        utm_medium: value("visit:utm_medium"),
        utm_campaign: value("visit:utm_campaign"),
        utm_term: value("visit:utm_term"),
        utm_content: value("visit:utm_content"),
        country: value("visit:country"),
        region: value("visit:region"),
        city: value("visit:city"),
        browser: value("visit:browser"),
        browser_version: value("visit:browser_version"),
        os: value("visit:os"),
        os_version: value("visit:os_version"),
        device: value("visit:device"),
        language: value("visit:language"),
        screen: value("visit:screen"),
        engaged_ms: if engagement { 5_000 } else { 0 },
        scroll: if engagement { 40 } else { 255 },
        props: props
            .map(|(name, at)| ((*name).to_owned(), stored[*at].clone()))
            .collect::<BTreeMap<_, _>>(),
        revenue: "0".to_owned(),
        ..Raw::default()
    }
}
