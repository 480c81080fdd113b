//! Counts events the slow way, straight from the definitions of the design, for comparison.
//!
//! visitors: distinct tokens with an event other than engagement. visit: a run of such events of
//! one visitor within one site-day with gaps of at most 1,800 s. bounce: a visit with at most one
//! event that counts. duration: last minus first. Groups of the visit take their attributes from
//! its first event; entry and exit are the first and last page view.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::support::events::Sent;
use crate::support::geo::{Geo, Place};

/// The longest gap within a visit, in seconds.
const VISIT_GAP: u32 = 1_800;

/// A site's calendar.
pub(crate) struct Calendar(TimeZone);

impl Calendar {
    /// The calendar of a zone.
    pub(crate) fn of(zone: &str) -> Self {
        Self(TimeZone::get(zone).expect("a known zone"))
    }

    /// Day as `YYYY-MM-DD` and full hours since its first instant.
    pub(crate) fn place(&self, ts: u32) -> (String, u32) {
        let zoned = Timestamp::from_second(i64::from(ts)).expect("a time").to_zoned(self.0.clone());
        let start = zoned.start_of_day().expect("a day begins").timestamp().as_second();
        let since = i64::from(ts) - start;
        (zoned.date().to_string(), u32::try_from(since / 3600).expect("within a day"))
    }

    /// First second of a day.
    pub(crate) fn start(&self, day: &str) -> u32 {
        let date: jiff::civil::Date = day.parse().expect("a date");
        let zoned = date.to_zoned(self.0.clone()).expect("a day in the zone");
        let start = zoned.start_of_day().expect("a day begins").timestamp().as_second();
        u32::try_from(start).expect("after 1970")
    }
}

/// One event that is not engagement, with the visit it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// What was sent.
    pub(crate) sent: Sent,
    /// Site-local day.
    pub(crate) day: String,
    /// Hour of the day.
    pub(crate) hour: u32,
    /// Day, address as the token sees it, and User-Agent: who it was.
    pub(crate) visitor: (String, String, String),
    /// Number of its visit in [`Log::visits`].
    pub(crate) visit: usize,
}

/// A visit.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    first: Seen,
    last: u32,
    counting: usize,
    entry: Option<&'static str>,
    exit: Option<&'static str>,
}

impl Visit {
    fn is_bounce(&self) -> bool {
        self.counting <= 1
    }

    fn duration(&self) -> u32 {
        self.last - self.first.sent.ts
    }
}

/// Everything one site was sent, placed in its calendar and cut into visits.
pub(crate) struct Log {
    /// Events without engagement, in order.
    pub(crate) events: Vec<Seen>,
    /// Visits.
    pub(crate) visits: Vec<Visit>,
    places: BTreeMap<&'static str, Place>,
}

/// Numbers of one group.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Visitors, summed over days.
    pub(crate) visitors: usize,
    /// Visits.
    pub(crate) visits: usize,
    /// Page views.
    pub(crate) pageviews: usize,
    /// Events other than engagement.
    pub(crate) events: usize,
    bounces: usize,
    seconds: u64,
}

impl Numbers {
    /// `bounce_rate`: bounces in a hundred visits, rounded; 0 without visits.
    pub(crate) fn bounce_rate(&self) -> u64 {
        rounded(self.bounces as u64 * 100, self.visits as u64)
    }

    /// `visit_duration`: mean seconds, rounded; 0 without visits.
    pub(crate) fn visit_duration(&self) -> u64 {
        rounded(self.seconds, self.visits as u64)
    }
}

fn rounded(sum: u64, n: u64) -> u64 {
    if n == 0 { 0 } else { (2 * sum + n) / (2 * n) }
}

/// The part of an address that a token is made of.
fn network(address: &str) -> String {
    match address.parse().expect("a test address") {
        std::net::IpAddr::V4(v4) => v4.to_string(),
        std::net::IpAddr::V6(v6) => format!("{:?}", &v6.octets()[..8]),
    }
}

impl Log {
    /// Places the events of site number `site` in `calendar` and cuts them into visits.
    pub(crate) fn of(sent: &[Sent], site: usize, calendar: &Calendar, geo: &Geo) -> Self {
        let mut log = Self { events: Vec::new(), visits: Vec::new(), places: BTreeMap::new() };
        let mut open: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for event in sent.iter().filter(|event| event.site == site && event.name != "engagement") {
            log.places.entry(event.address).or_insert_with(|| geo.place(event.address));
            let (day, hour) = calendar.place(event.ts);
            let visitor = (day.clone(), network(event.address), event.agent.text.clone());
            let running = open.get(&visitor).copied().filter(|at| {
                log.visits.get(*at).is_some_and(|visit| event.ts - visit.last <= VISIT_GAP)
            });
            let visit = running.unwrap_or(log.visits.len());
            let seen = Seen { sent: event.clone(), day, hour, visitor: visitor.clone(), visit };
            if running.is_none() {
                log.visits.push(Visit {
                    first: seen.clone(),
                    last: event.ts,
                    counting: 0,
                    entry: None,
                    exit: None,
                });
                open.insert(visitor, visit);
            }
            let visit = log.visits.get_mut(visit).expect("just made or found");
            visit.last = event.ts;
            visit.counting += usize::from(event.interactive);
            if event.name == "pageview" {
                visit.entry = visit.entry.or(Some(event.path));
                visit.exit = Some(event.path);
            }
            log.events.push(seen);
        }
        log
    }

    /// The visit an event belongs to.
    pub(crate) fn visit(&self, seen: &Seen) -> &Visit {
        self.visits.get(seen.visit).expect("every event has a visit")
    }

    /// The label an event gets in a breakdown by `dimension`.
    pub(crate) fn label(&self, seen: &Seen, dimension: &str) -> String {
        let visit = self.visit(seen);
        let first = &visit.first.sent;
        let place = self.places.get(first.address).expect("every address was looked up");
        let (text, empty) = match dimension {
            "time:day" => (seen.day.clone(), ""),
            "time:hour" => (format!("{} {:02}:00:00", seen.day, seen.hour), ""),
            "event:page" => (seen.sent.path.to_owned(), ""),
            "event:name" => (seen.sent.name.to_owned(), ""),
            "visit:source" => (first.origin.source.to_owned(), "Direct / None"),
            "visit:channel" => (first.origin.channel.to_owned(), "(not set)"),
            "visit:country" => (place.country.clone(), "(not set)"),
            "visit:region" => (place.region.clone(), "(not set)"),
            "visit:city" => (place.city.clone(), "(not set)"),
            "visit:browser" => (first.agent.browser.to_owned(), "(not set)"),
            "visit:os" => (first.agent.os.to_owned(), "(not set)"),
            "visit:device" => (first.agent.device.to_owned(), "(not set)"),
            "visit:entry_page" => (visit.entry.unwrap_or_default().to_owned(), "(not set)"),
            "visit:exit_page" => (visit.exit.unwrap_or_default().to_owned(), "(not set)"),
            other => panic!("the brute count does not know {other}"),
        };
        if text.is_empty() { empty.to_owned() } else { text }
    }

    /// Numbers of every group of `dimension` among the events that `keep` admits.
    ///
    /// Below a day a visit is counted where it begins; elsewhere in every group it has an event in.
    pub(crate) fn by(
        &self,
        dimension: &str,
        keep: impl Fn(&Seen) -> bool,
    ) -> BTreeMap<String, Numbers> {
        let mut groups: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
        for seen in self.events.iter().filter(|seen| keep(seen)) {
            groups.entry(self.label(seen, dimension)).or_default().push(seen);
        }
        let hourly = dimension == "time:hour";
        groups
            .into_iter()
            .map(|(label, events)| {
                let starts_here =
                    |visit: &Visit| !hourly || self.label(&visit.first, dimension) == label;
                let numbers = self.numbers(&events, starts_here);
                (label, numbers)
            })
            .collect()
    }

    /// Numbers of all events that `keep` admits.
    pub(crate) fn totals(&self, keep: impl Fn(&Seen) -> bool) -> Numbers {
        let events: Vec<&Seen> = self.events.iter().filter(|seen| keep(seen)).collect();
        self.numbers(&events, |_| true)
    }

    fn numbers(&self, events: &[&Seen], counts: impl Fn(&Visit) -> bool) -> Numbers {
        let visitors: BTreeSet<_> = events.iter().map(|seen| &seen.visitor).collect();
        let visits: BTreeSet<usize> = events.iter().map(|seen| seen.visit).collect();
        let visits: Vec<&Visit> = visits
            .into_iter()
            .map(|at| self.visits.get(at).expect("a visit of an event"))
            .filter(|visit| counts(visit))
            .collect();
        Numbers {
            visitors: visitors.len(),
            visits: visits.len(),
            pageviews: events.iter().filter(|seen| seen.sent.name == "pageview").count(),
            events: events.len(),
            bounces: visits.iter().filter(|visit| visit.is_bounce()).count(),
            seconds: visits.iter().map(|visit| u64::from(visit.duration())).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::agents;

    #[test]
    fn a_hand_counted_day_is_counted_the_same() {
        let agent = agents::like("Chrome", "Windows");
        // 2026-11-01 04:00 UTC: midnight in New York, a day of 25 hours.
        let midnight = Calendar::of("America/New_York").start("2026-11-01");
        assert_eq!(midnight, 1_793_505_600);
        let view = |after: i64, address, path| {
            let ts = u32::try_from(i64::from(midnight) + after).expect("a time");
            Sent::pageview(0, ts, address, agent, path)
        };
        let sent = [
            view(-10, "8.8.8.8", "/"),
            view(0, "8.8.8.8", "/pricing"),
            view(1_800, "8.8.8.8", "/about"),
            view(1_900, "5.9.0.1", "/"),
            view(2_000, "5.9.0.1", "/").named("engagement"),
            view(3_601, "8.8.8.8", "/"),
        ];
        let log = Log::of(&sent, 0, &Calendar::of("America/New_York"), &Geo::open());
        let all = log.totals(|_| true);
        assert_eq!((all.visitors, all.visits, all.pageviews, all.events), (3, 4, 5, 5));
        assert_eq!((all.bounce_rate(), all.visit_duration()), (75, 450));
        let days = log.by("time:day", |_| true);
        assert_eq!(days["2026-10-31"].visitors, 1);
        assert_eq!((days["2026-11-01"].visitors, days["2026-11-01"].visits), (2, 3));
        let hours = log.by("time:hour", |_| true);
        assert_eq!(
            (hours["2026-11-01 00:00:00"].visits, hours["2026-11-01 01:00:00"].visits),
            (2, 1)
        );
        let entries = log.by("visit:entry_page", |_| true);
        assert_eq!((entries["/"].visits, entries["/pricing"].pageviews), (3, 2));
    }
}
