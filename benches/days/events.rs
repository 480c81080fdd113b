//! Made-up events, as one `INSERT … SELECT FROM numbers()` a block.
//!
//! A visitor has one place, one browser and one screen; one visit (85 %) or two with more than
//! half an hour between; 1 to 8 events a visit (45 % have one) with 5 to 240 seconds between; of
//! each event, with 43 %, an engagement. Pages follow 1/rank over 4,000 paths for the biggest site
//! and 400 for the others; sources, countries, regions, cities and browsers are skewed. All chance
//! is `cityHash64` of visitor, day and purpose, so that a run can be repeated.

use headcount::model::Day;

/// Visitors of one `INSERT`: about 53,000 rows, so that it is one block and therefore one part.
pub(crate) const VISITORS_PER_INSERT: u64 = 12_000;

/// The statement that makes visitors `first` to `first + count` of a day.
pub(crate) fn insert(day: Day, first: u64, count: u64) -> String {
    let visitors = visitors(day, first, count);
    let visits = visits(&visitors);
    let events = format!(
        "SELECT *, event.1 AS engagement, event.2 AS nth, event.3 AS second, \
         {page} AS page, engagement = 0 AND {custom} < 0.07 AS custom \
         FROM ({visits}) ARRAY JOIN arrayConcat(events, engagements) AS event",
        page = "toUInt32(pow(if(site = 1, 4000, 400), \
                (cityHash64(n, d, v, nth, 'page') % 1000003) / 1000003))",
        custom = uniform("n, d, v, nth, 'custom'"),
    );
    format!("INSERT INTO open_events ({COLUMNS}) SELECT {} FROM ({events})", values(day, first))
}

const COLUMNS: &str = "site, day, hour, ts, visitor, name, interactive, by_key, hostname, path, \
    referrer, source, channel, utm_source, utm_medium, utm_campaign, utm_term, utm_content, \
    country, region, city, browser, browser_version, os, os_version, device, language, screen, \
    engaged_ms, scroll, props, revenue, currency, spool, batch, position";

const COUNTRIES: &str = "['DE','US','FR','GB','AT','CH','NL','ES','IT','PL','BE','SE','DK','NO','FI','CZ',\
    'PT','IE','CA','AU','IN','BR','JP','MX','HU','RO','GR','BG','HR','SK','SI','LT','LV','EE','LU','UA',\
    'TR','IL','ZA','AR','CL','CO','KR','TW','SG','MY','TH','VN','ID','PH','NZ','EG','MA','NG','KE','PK',\
    'BD','SA','AE','IS']";
const REGIONS: &str = "['North','South','East','West','Coast','Hills','Lakes','Plain','Valley','Islands','Forest','Capital']";
const CITIES: &str = "['Newtown','Oldbridge','Harbour','Millford','Ashton','Kingsbury','Lowfield','Stonegate','Riverside','Highmoor']";
const BROWSERS: &str =
    "['Chrome','Safari','Firefox','Edge','Samsung Internet','Opera','DuckDuckGo','Brave']";
const LANGUAGES: &str =
    "['de','fr','es','it','pl','nl','sv','da','pt','cs','hu','ro','tr','ja','ko','zh','uk','fi']";
const SOURCES: &str = "['Google','Bing','DuckDuckGo','Facebook','Reddit','Hacker News','YouTube','LinkedIn','GitHub','Ecosia']";
const HOSTS: &str = "['google.com','bing.com','duckduckgo.com','facebook.com','reddit.com','news.ycombinator.com','youtube.com','linkedin.com','github.com','ecosia.org']";
const CHANNELS: &str = "['Organic Search','Organic Search','Organic Search','Organic Social','Organic Social','Organic Social','Organic Video','Organic Social','Referral','Organic Search']";
const SECTIONS: &str = "['articles','docs','shop','news','guides','people','help']";
const WORDS: &str = "['amber','bridge','candle','desert','ember','forest','garden','harbour','island','jasmine',\
    'kettle','lantern','meadow','nectar','orchard','pebble','quarry','river','summit','timber','umbrella',\
    'valley','willow','yarrow','zephyr','anchor','beacon','copper','dune','evening','feather','glacier',\
    'hollow','ivory','juniper','kingdom','lagoon','marble','night','ocean','prairie','quiet','rapids','silver']";

/// A number from 0 to below 1 that depends on `of`.
fn uniform(of: &str) -> String {
    format!("((cityHash64({of}) % 1000003) / 1000003)")
}

/// An index from 1 to `count`, small ones more often the higher `skew`.
fn skewed(of: &str, skew: f64, count: u32) -> String {
    format!("(1 + toUInt32(pow({}, {skew}) * {count}))", uniform(of))
}

fn visitors(day: Day, first: u64, count: u64) -> String {
    let u = |name: &str| uniform(&format!("n, d, '{name}'"));
    let pick = |name: &str, skew: f64, count: u32| skewed(&format!("n, d, '{name}'"), skew, count);
    format!(
        "SELECT number AS n, {d} AS d, \
         if({site} < 0.3, 1, 1 + {other_site}) AS site, \
         if({no_token} < 0.005, 0, cityHash64(n, d, 'token')) AS token, \
         if({shop} < 0.1, 'shop.', '') AS host_prefix, \
         {COUNTRIES}[{country}] AS country, {region} AS region_index, \
         concat({REGIONS}[region_index], ' ', country) AS region, \
         concat({CITIES}[{city}], ' ', toString(region_index), ' ', country) AS city, \
         {BROWSERS}[{browser}] AS browser, toString(142 - {version}) AS browser_version, \
         multiIf({device} < 0.55, 'Mobile', {device} < 0.97, 'Desktop', 'Tablet') AS device, \
         multiIf(device = 'Desktop', ['Windows','macOS','Linux'][{desktop}], ['Android','iOS'][{mobile}]) AS os, \
         toString(18 - {os_version}) AS os_version, \
         if({english} < 0.2, 'en', {LANGUAGES}[1 + cityHash64(country) % 18]) AS language, \
         if(device = 'Desktop', ['Large','Extra large'][{wide}], ['Small','Medium'][{narrow}]) AS screen, \
         if({twice} < 0.85, 1, 2) AS visits, \
         10000 + toUInt32(({morning} + {evening}) * 30000) AS begin \
         FROM numbers({first}, {count})",
        d = day.0,
        site = u("site"),
        other_site = pick("other site", 2.0, 49),
        no_token = u("no token"),
        shop = u("shop"),
        country = pick("country", 3.0, 60),
        region = pick("region", 2.0, 12),
        city = pick("city", 2.0, 10),
        browser = pick("browser", 2.0, 8),
        version = pick("version", 2.0, 12),
        device = u("device"),
        desktop = pick("desktop", 2.0, 3),
        mobile = pick("mobile", 1.0, 2),
        os_version = pick("os version", 2.0, 8),
        english = u("english"),
        wide = pick("wide", 1.0, 2),
        narrow = pick("narrow", 2.0, 2),
        twice = u("twice"),
        morning = u("morning"),
        evening = u("evening"),
    )
}

fn visits(visitors: &str) -> String {
    let u = |name: &str| uniform(&format!("n, d, v, '{name}'"));
    let pick =
        |name: &str, skew: f64, count: u32| skewed(&format!("n, d, v, '{name}'"), skew, count);
    format!(
        "SELECT *, v, if({short} < 0.45, 1, 1 + {length}) AS length, \
         begin + v * (3600 + cityHash64(n, d, 'pause') % 8000) AS start, \
         arrayCumSum(arrayMap(i -> if(i = 0, 0, 5 + cityHash64(n, d, v, i, 'gap') % 235), range(length))) AS seconds, \
         arrayMap((i, s) -> (0, i, start + s), range(length), seconds) AS events, \
         arrayMap(e -> (1, e.2, e.3 + 4), arrayFilter(e -> cityHash64(n, d, v, e.2, 'engaged') % 100 < 43, events)) AS engagements, \
         {tagged} AS tag, if(tag >= 0.08 AND {direct} < 0.45, 0, {source}) AS source_index, \
         if(tag < 0.08, concat('campaign-', toString({campaign})), '') AS utm_campaign, \
         if(tag < 0.03, concat('term ', toString({term})), '') AS utm_term, \
         if(tag < 0.02, concat('banner ', toString({content})), '') AS utm_content \
         FROM ({visitors}) ARRAY JOIN range(visits) AS v",
        short = u("short"),
        length = pick("length", 1.5, 7),
        tagged = u("tagged"),
        direct = u("direct"),
        source = pick("source", 2.5, 40),
        campaign = pick("campaign", 2.0, 60),
        term = pick("term", 2.0, 200),
        content = pick("content", 1.0, 12),
    )
}

fn values(day: Day, first: u64) -> String {
    let word = |number: u32| format!("{WORDS}[1 + cityHash64(site, page, {number}) % 44]");
    format!(
        "site, toDate({d}), intDiv(second, 3600), toDateTime({d} * 86400 + second, 'UTC'), token, \
         multiIf(engagement = 1, 'engagement', custom, \
           ['Signup','Download','Outbound link','Purchase','Search'][1 + page % 5], 'pageview') AS event_name, \
         engagement = 0, 0, concat(host_prefix, 'site', toString(site), '.example'), \
         if(page = 1, '/', concat('/', {SECTIONS}[1 + page % 7], '/', {w1}, '-', {w2}, '-', {w3})), \
         multiIf(source_index = 0, '', source_index <= 10, {HOSTS}[source_index], concat('site-', toString(source_index), '.example')), \
         multiIf(source_index = 0, '', source_index <= 10, {SOURCES}[source_index], concat('site-', toString(source_index), '.example')), \
         multiIf(tag < 0.03, 'Paid Search', tag < 0.08, 'Email', source_index = 0, 'Direct', \
           source_index <= 10, {CHANNELS}[source_index], 'Referral'), \
         multiIf(tag < 0.03, 'google', tag < 0.08, 'letter', ''), \
         multiIf(tag < 0.03, 'cpc', tag < 0.08, 'email', ''), \
         utm_campaign, utm_term, utm_content, country, region, city, browser, browser_version, os, \
         os_version, device, language, screen, \
         if(engagement = 1, 1000 + cityHash64(n, v, nth, d, 'ms') % 60000, 0), \
         if(engagement = 1, 10 + cityHash64(n, v, nth, d, 'scroll') % 91, 255), \
         CAST(multiIf(engagement = 1, map(), custom, map('plan', ['free','team','firm'][1 + cityHash64(n) % 3], \
           'place', ['top','side','foot'][1 + nth % 3]), page % 7 = 0, map('author', concat('Author ', toString(page % 23))), map()), \
           'Map(LowCardinality(String), String)'), \
         if(event_name = 'Purchase', toDecimal64(19 + cityHash64(n, nth) % 80, 3), toDecimal64(0, 3)), \
         if(event_name = 'Purchase', 'EUR', ''), 1, {batch} + intDiv(n, 4000), rowNumberInAllBlocks()",
        d = day.0,
        w1 = word(1),
        w2 = word(2),
        w3 = word(3),
        batch = u64::from(day.0) * 1_000 + first / VISITORS_PER_INSERT * 10,
    )
}
