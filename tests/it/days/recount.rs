//! What `hits` and `totals` should hold, counted in plain Rust from the raw events. It shares
//! nothing with the closing but the rules of the design.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::days::raw::Raw;

/// A row of `hits` that a raw event should have become. The ordinal is not known: `token` is.
#[derive(Debug, Clone)]
pub(crate) struct Hit<'a> {
    pub(crate) raw: &'a Raw,
    pub(crate) token: u64,
    pub(crate) visit: u64,
    pub(crate) hit: u64,
    pub(crate) first: u64,
    pub(crate) start_hour: u64,
    pub(crate) elapsed: u64,
    pub(crate) engaged_ms: u64,
    pub(crate) scroll: u64,
    pub(crate) entry_page: String,
    pub(crate) exit_page: String,
    pub(crate) duration: u64,
    pub(crate) bounce: u64,
    pub(crate) views: u64,
    /// The event whose attributes the visit has.
    pub(crate) touch: &'a Raw,
}

/// All hits of the events of one day, in no order.
pub(crate) fn hits(rows: &[Raw]) -> Vec<Hit<'_>> {
    // Of each site and token: its events, its engagement rows.
    let mut visitors: BTreeMap<(u32, u64), [Vec<&Raw>; 2]> = BTreeMap::new();
    let mut found = Vec::new();
    for row in rows {
        match (row.visitor, row.name.as_str()) {
            (0, "engagement") => {}
            (0, _) => found.push(tokenless(row)),
            (_, "engagement") => visitors.entry((row.site, row.visitor)).or_default()[1].push(row),
            _ => visitors.entry((row.site, row.visitor)).or_default()[0].push(row),
        }
    }
    for [mut events, engaged] in visitors.into_values() {
        events.sort_by_key(|row| (row.ts, row.batch, row.position, row.spool));
        found.extend(of_visitor(&events, &engaged));
    }
    found
}

fn tokenless(row: &Raw) -> Hit<'_> {
    Hit {
        raw: row,
        token: 0,
        visit: 0,
        hit: 0,
        first: 0,
        start_hour: u64::from(row.hour),
        elapsed: 0,
        engaged_ms: 0,
        scroll: 0,
        entry_page: String::new(),
        exit_page: String::new(),
        duration: 0,
        bounce: 0,
        views: 0,
        touch: row,
    }
}

fn of_visitor<'a>(events: &[&'a Raw], engaged: &[&Raw]) -> Vec<Hit<'a>> {
    let mut visits: Vec<Vec<&Raw>> = Vec::new();
    for &event in events {
        match visits.last_mut() {
            Some(visit) if event.ts - visit[visit.len() - 1].ts <= 1800 => visit.push(event),
            _ => visits.push(vec![event]),
        }
    }
    let mut found = Vec::new();
    for (number, visit) in visits.iter().enumerate() {
        let pages: Vec<_> = visit.iter().filter(|row| row.name == "pageview").collect();
        let start = visit[0];
        for (place, &row) in visit.iter().enumerate() {
            found.push(Hit {
                raw: row,
                token: row.visitor,
                visit: number as u64 + 1,
                hit: place as u64 + 1,
                first: 0,
                start_hour: u64::from(start.hour),
                elapsed: step(u64::from(row.ts - start.ts)),
                engaged_ms: 0,
                scroll: 0,
                entry_page: pages.first().map_or(String::new(), |row| row.path.clone()),
                exit_page: pages.last().map_or(String::new(), |row| row.path.clone()),
                duration: u64::from(visit[visit.len() - 1].ts - start.ts),
                bounce: u64::from(visit.iter().filter(|row| row.interactive == 1).count() <= 1),
                views: pages.len() as u64,
                touch: start,
            });
        }
    }
    set_first_bits(&mut found);
    for row in engaged {
        let number = visits.iter().rposition(|visit| visit[0].ts <= row.ts).unwrap_or(0) as u64 + 1;
        let target = found
            .iter_mut()
            .find(|hit| hit.visit == number && hit.raw.path == row.path && hit.first & 4 != 0);
        if let Some(hit) = target {
            hit.engaged_ms += u64::from(row.engaged_ms);
            let scroll = if row.scroll == 255 { 0 } else { u64::from(row.scroll) };
            hit.scroll = hit.scroll.max(scroll);
        }
    }
    found
}

fn set_first_bits(hits: &mut [Hit<'_>]) {
    let mut order: Vec<usize> = (0..hits.len()).collect();
    order.sort_by_key(|&at| (hits[at].raw.by_key, at));
    let mut seen = BTreeSet::new();
    for at in order {
        let (name, path) = (hits[at].raw.name.clone(), hits[at].raw.path.clone());
        let kinds =
            [(None, None), (None, Some(&path)), (Some(&name), None), (Some(&name), Some(&path))];
        for (kind, key) in kinds.into_iter().enumerate() {
            let key = (key.0.cloned(), key.1.cloned());
            for (scope, visit) in [hits[at].visit, 0].into_iter().enumerate() {
                if seen.insert((kind, scope, visit, key.clone())) {
                    hits[at].first |= 1 << (2 * kind + scope);
                }
            }
        }
    }
}

fn step(seconds: u64) -> u64 {
    let steps = [0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800];
    steps.into_iter().rev().find(|&step| step <= seconds).expect("0 is a step")
}

/// Compares stored rows with those expected; answers which ordinal each (site, token) has.
pub(crate) fn compare(stored: &[Value], expected: &[Hit<'_>]) -> BTreeMap<(u32, u64), u64> {
    assert_eq!(stored.len(), expected.len(), "number of hits");
    let by_number: BTreeMap<&str, &Value> =
        stored.iter().map(|row| (row["props"]["n"].as_str().expect("a number"), row)).collect();
    let mut ordinals = BTreeMap::new();
    for hit in expected {
        let number = hit.raw.props["n"].as_str();
        let row = by_number.get(number).unwrap_or_else(|| panic!("event {number} is missing"));
        let numbers = [
            ("site", u64::from(hit.raw.site)),
            ("visit", hit.visit),
            ("hit", hit.hit),
            ("first", hit.first),
            ("hour", u64::from(hit.raw.hour)),
            ("start_hour", hit.start_hour),
            ("elapsed", hit.elapsed),
            ("by_key", u64::from(hit.raw.by_key)),
            ("engaged_ms", hit.engaged_ms),
            ("scroll", hit.scroll),
            ("duration", hit.duration),
            ("bounce", hit.bounce),
            ("views", hit.views),
        ];
        for (name, value) in numbers {
            assert_eq!(row[name], value, "{name} of {hit:?}");
        }
        let own = serde_json::to_value(hit.raw).expect("a row is JSON");
        for name in ["name", "hostname", "path", "props", "currency", "day"] {
            assert_eq!(row[name], own[name], "{name} of {hit:?}");
        }
        let revenue: f64 = hit.raw.revenue.parse().expect("a number");
        assert_eq!(row["revenue"], revenue, "revenue of {hit:?}");
        assert_eq!(row["entry_page"], hit.entry_page, "{hit:?}");
        assert_eq!(row["exit_page"], hit.exit_page, "{hit:?}");
        let touch = serde_json::to_value(hit.touch).expect("a row is JSON");
        for name in VISIT_COLUMNS {
            assert_eq!(row[name], touch[name], "{name} of {hit:?}");
        }
        let ordinal = row["visitor"].as_u64().expect("a number");
        assert_eq!(ordinal == 0, hit.token == 0, "{hit:?}");
        let known = *ordinals.entry((hit.raw.site, hit.token)).or_insert(ordinal);
        assert_eq!(known, ordinal, "two ordinals of one visitor");
    }
    ordinals.retain(|(_, token), _| *token != 0);
    ordinals
}

/// Columns that a visit takes from its first event.
pub(crate) const VISIT_COLUMNS: [&str; 20] = [
    "referrer",
    "source",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "country",
    "region",
    "city",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "device",
    "language",
    "screen",
    "click_id",
    "score",
];

/// The numbers of a row of `totals`, in the order of its columns.
pub(crate) type Sums = [u64; 13];

/// The names of [`Sums`].
pub(crate) const SUMS: [&str; 13] = [
    "visitors",
    "heads",
    "visits",
    "entries",
    "bounces",
    "duration",
    "views",
    "pageviews",
    "events",
    "engaged_pages",
    "engaged_ms",
    "scrolled_pages",
    "scroll",
];

/// What `totals` should hold of one site: by (dim, value).
pub(crate) fn totals(hits: &[&Hit<'_>], detailed: bool) -> BTreeMap<(String, String), Sums> {
    let mut groups: BTreeMap<(String, String), Vec<&Hit<'_>>> = BTreeMap::new();
    let mut starts: BTreeMap<(String, String), Vec<&Hit<'_>>> = BTreeMap::new();
    for &hit in hits {
        groups.entry((String::new(), String::new())).or_default().push(hit);
        let hour = |hour: u64| ("hour".to_owned(), format!("{hour:02}"));
        groups.entry(hour(u64::from(hit.raw.hour))).or_default().push(hit);
        if hit.token != 0 {
            starts.entry(hour(hit.start_hour)).or_default().push(hit);
        }
        if !detailed {
            continue;
        }
        let mut add = |dim: &str, value: &str| {
            groups.entry((dim.to_owned(), value.to_owned())).or_default().push(hit);
        };
        add("page", &hit.raw.path);
        add("name", &hit.raw.name);
        add("hostname", &hit.raw.hostname);
        add("entry_page", &hit.entry_page);
        add("exit_page", &hit.exit_page);
        let touch = serde_json::to_value(hit.touch).expect("a row is JSON");
        for name in VISIT_COLUMNS {
            add(name, touch[name].as_str().expect("text"));
        }
    }
    let mut found = BTreeMap::new();
    for ((dim, value), rows) in groups {
        let visits = if dim == "hour" {
            starts.remove(&(dim.clone(), value.clone())).unwrap_or_default()
        } else {
            rows.clone()
        };
        let page = (dim == "page").then(|| value.clone());
        let sums = sums(&rows, &visits, page.as_deref());
        found.insert((dim, value), sums);
    }
    assert!(starts.is_empty(), "a visit starts in an hour without an event");
    found
}

fn sums(rows: &[&Hit<'_>], of_visits: &[&Hit<'_>], page: Option<&str>) -> Sums {
    let mut sums = [0; 13];
    let tokens = |human: bool| -> u64 {
        let of = |hit: &&&Hit<'_>| hit.token != 0 && (!human || hit.raw.by_key == 0);
        rows.iter().filter(of).map(|hit| hit.token).collect::<BTreeSet<_>>().len() as u64
    };
    sums[0] = tokens(false);
    sums[1] = tokens(true);
    let visits: BTreeMap<_, _> = of_visits
        .iter()
        .filter(|hit| hit.token != 0)
        .map(|hit| ((hit.token, hit.visit), *hit))
        .collect();
    for hit in visits.values() {
        let entered = page.is_none_or(|page| hit.views > 0 && hit.entry_page == page);
        sums[2] += 1;
        sums[3] += u64::from(entered);
        sums[4] += if entered { hit.bounce } else { 0 };
        sums[5] += hit.duration;
        sums[6] += hit.views;
    }
    for hit in rows {
        sums[7] += u64::from(hit.raw.name == "pageview");
        sums[8] += 1;
        sums[9] += u64::from(hit.engaged_ms > 0);
        sums[10] += hit.engaged_ms;
        sums[11] += u64::from(hit.scroll > 0);
        sums[12] += hit.scroll;
    }
    sums
}
