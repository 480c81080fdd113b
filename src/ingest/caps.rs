//! How many different values a site may have on one day: beyond it they become "(more)".
//!
//! A site's numbers stay readable, and the memory of whoever stores and closes its days bounded,
//! whatever is sent. A value that was seen before its cap was reached keeps its name all day.
//!
//! The state lives in memory, one for each collector: after a restart a day's count begins anew.
//! It holds hashes of values of the site's own rows under a random key of the process, nothing of
//! a visitor.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ingest::reduce::{EVENTS_WITH_PATH, Reduced, Row};
use crate::ingest::{ENGAGEMENT, PAGEVIEW};
use crate::model::{Day, KeptBack, SiteId};

/// What stands in the place of values beyond a cap.
pub const MORE: &str = "(more)";

/// Different values of a property that a site may have on a day.
pub const PROPERTY_VALUES_MAX: usize = 200;
/// Names of undeclared properties that are offered to the owner on a day.
pub const OFFERED_NAMES_MAX: usize = 100;
/// Values that all sites may have together: about 30 MB. Beyond it, a site with more than its share
/// gets no new ones.
const ALL_VALUES_MAX: usize = 1_000_000;

/// A dimension with a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Capped {
    Page,
    Hostname,
    EventName,
    Referrer,
    Source,
    UtmSource,
    UtmMedium,
    UtmCampaign,
    UtmTerm,
    UtmContent,
    Language,
    Currency,
    ErrorTemplate,
    Offered,
}

impl Capped {
    const COUNT: usize = 14;

    /// Different values a day.
    const fn most(self) -> usize {
        match self {
            Self::Page => 50_000,
            Self::Referrer | Self::Source | Self::UtmTerm | Self::UtmContent => 5_000,
            Self::UtmSource | Self::UtmMedium | Self::UtmCampaign => 2_000,
            Self::EventName => 500,
            Self::Hostname | Self::Language | Self::ErrorTemplate => 200,
            Self::Currency => 50,
            Self::Offered => OFFERED_NAMES_MAX,
        }
    }

    /// The name that owners read.
    const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Hostname => "hostname",
            Self::EventName => "name",
            Self::Referrer => "referrer",
            Self::Source => "source",
            Self::UtmSource => "utm_source",
            Self::UtmMedium => "utm_medium",
            Self::UtmCampaign => "utm_campaign",
            Self::UtmTerm => "utm_term",
            Self::UtmContent => "utm_content",
            Self::Language => "language",
            Self::Currency => "currency",
            Self::ErrorTemplate => "error",
            Self::Offered => "property",
        }
    }
}

/// The values that were seen, by site.
#[derive(Debug, Default)]
pub struct Caps {
    hasher: RandomState,
    sites: Mutex<Sites>,
}

#[derive(Debug, Default)]
struct Sites {
    days: HashMap<SiteId, SiteDay>,
    /// Values of all sites together.
    values: usize,
}

/// What a site had on its newest day.
#[derive(Debug)]
struct SiteDay {
    day: Day,
    seen: HashSet<u64>,
    counts: [usize; Capped::COUNT],
    properties: HashMap<String, usize>,
}

impl Caps {
    /// Replaces values beyond the caps and adds to `kept_back` which dimensions they are of.
    pub fn apply(&self, reduced: &mut Reduced<'_>) {
        let mut sites = self.lock();
        match &mut reduced.row {
            Row::Event(event) => {
                let mut at = sites.on(event.site, event.day);
                let kept_back = &mut reduced.kept_back;
                if !is_own_name(&event.name) {
                    self.cap(&mut at, Capped::EventName, &mut event.name, kept_back);
                }
                // Names of our table are few: a flood of others must not hide them.
                if !reduced.source_is_known {
                    self.cap(&mut at, Capped::Source, &mut event.source, kept_back);
                }
                for (dimension, value) in [
                    (Capped::Page, &mut event.path),
                    (Capped::Hostname, &mut event.hostname),
                    (Capped::Referrer, &mut event.referrer),
                    (Capped::UtmSource, &mut event.utm_source),
                    (Capped::UtmMedium, &mut event.utm_medium),
                    (Capped::UtmCampaign, &mut event.utm_campaign),
                    (Capped::UtmTerm, &mut event.utm_term),
                    (Capped::UtmContent, &mut event.utm_content),
                    (Capped::Language, &mut event.language),
                    (Capped::Currency, &mut event.currency),
                ] {
                    self.cap(&mut at, dimension, value, kept_back);
                }
                for (name, value) in &mut event.props {
                    if !at.has_property(&self.hasher, name, value) {
                        *value = MORE.into();
                        kept_back.push((KeptBack::Distinct, name.to_string()));
                    }
                }
                if event.currency == MORE {
                    // A sum in no currency is no sum.
                    event.currency = "".into();
                    event.revenue = 0;
                }
                kept_back.retain(|(what, name)| {
                    *what != KeptBack::Property || at.has(&self.hasher, Capped::Offered, name)
                });
            }
            Row::Vitals(vitals) => {
                for vital in vitals {
                    let mut at = sites.on(vital.site, vital.day);
                    self.cap(&mut at, Capped::Page, &mut vital.path, &mut reduced.kept_back);
                }
            }
            Row::ScriptError(error) => {
                let mut at = sites.on(error.site, error.day);
                let kept_back = &mut reduced.kept_back;
                self.cap(&mut at, Capped::Page, &mut error.path, kept_back);
                self.cap(&mut at, Capped::ErrorTemplate, &mut error.template, kept_back);
            }
        }
    }

    /// Drops what is known of days before `day`; to be called now and then.
    pub fn forget_before(&self, day: Day) {
        let mut sites = self.lock();
        sites.days.retain(|_, site| site.day >= day);
        sites.values = sites.days.values().map(|site| site.seen.len()).sum();
    }

    fn cap<'a, T: AsRef<str> + From<&'a str>>(
        &self,
        at: &mut At<'_>,
        dimension: Capped,
        value: &mut T,
        kept_back: &mut Vec<(KeptBack, String)>,
    ) {
        let text = value.as_ref();
        if !text.is_empty() && !at.has(&self.hasher, dimension, text) {
            *value = MORE.into();
            kept_back.push((KeptBack::Distinct, dimension.name().to_owned()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sites> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an event has a name of the script's: a flood of other names must not hide it.
fn is_own_name(name: &str) -> bool {
    name == PAGEVIEW || name == ENGAGEMENT || EVENTS_WITH_PATH.contains(&name)
}

/// A site's day among all sites.
struct At<'a> {
    day: &'a mut SiteDay,
    values: &'a mut usize,
    /// Values this site may have while all sites together have too many.
    share: usize,
}

impl Sites {
    /// What the site had on this day. A new day begins anew; older days are counted with the newest.
    fn on(&mut self, site: SiteId, day: Day) -> At<'_> {
        let share = ALL_VALUES_MAX / (self.days.len() + 1);
        let empty = || SiteDay {
            day,
            seen: HashSet::new(),
            counts: [0; Capped::COUNT],
            properties: HashMap::new(),
        };
        let known = self.days.entry(site).or_insert_with(empty);
        if known.day < day {
            self.values -= known.seen.len();
            *known = empty();
        }
        At { day: known, values: &mut self.values, share }
    }
}

impl At<'_> {
    /// Whether the value may keep its name.
    fn has(&mut self, hasher: &RandomState, dimension: Capped, value: &str) -> bool {
        let hash = hasher.hash_one((dimension, value));
        if self.day.seen.contains(&hash) {
            return true;
        }
        let place = dimension as usize;
        let count = self.day.counts.get(place).copied().unwrap_or(usize::MAX);
        if count >= dimension.most() || !self.has_room() {
            return false;
        }
        if let Some(count) = self.day.counts.get_mut(place) {
            *count += 1;
        }
        self.add(hash)
    }

    /// Whether the value of a property may keep its name.
    fn has_property(&mut self, hasher: &RandomState, name: &str, value: &str) -> bool {
        let hash = hasher.hash_one((name, value));
        if self.day.seen.contains(&hash) {
            return true;
        }
        let count = self.day.properties.get(name).copied().unwrap_or_default();
        if count >= PROPERTY_VALUES_MAX || !self.has_room() {
            return false;
        }
        self.day.properties.insert(name.to_owned(), count + 1);
        self.add(hash)
    }

    fn has_room(&self) -> bool {
        *self.values < ALL_VALUES_MAX || self.day.seen.len() < self.share
    }

    fn add(&mut self, hash: u64) -> bool {
        *self.values += 1;
        self.day.seen.insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Metric, ScriptError, Vital};

    fn error(site: u32, day: u16, path: &str, template: &str) -> Reduced<'static> {
        let row = ScriptError {
            site: SiteId(site),
            day: Day(day),
            path: path.into(),
            browser: String::new(),
            template: template.into(),
        };
        Reduced { row: Row::ScriptError(row), kept_back: Vec::new(), source_is_known: false }
    }

    fn after(caps: &Caps, mut reduced: Reduced<'_>) -> (String, Vec<(KeptBack, String)>) {
        caps.apply(&mut reduced);
        match reduced.row {
            Row::ScriptError(error) => (error.template, reduced.kept_back),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_seen_before_the_cap_keeps_its_name_and_the_rest_is_more() {
        let caps = Caps::default();
        for n in 0..200 {
            assert_eq!(after(&caps, error(1, 5, "/", &format!("e{n}"))).0, format!("e{n}"));
        }
        let beyond = (MORE.to_owned(), vec![(KeptBack::Distinct, "error".to_owned())]);
        assert_eq!(after(&caps, error(1, 5, "/", "new")), beyond);
        assert_eq!(after(&caps, error(1, 5, "/", "e7")), ("e7".to_owned(), vec![]));
        assert_eq!(after(&caps, error(2, 5, "/", "new")).0, "new");
        assert_eq!(after(&caps, error(1, 6, "/", "new")).0, "new");
        // A row of the day before does not bring that day back.
        assert_eq!(after(&caps, error(1, 5, "/", "again")).0, "again");
        assert_eq!(caps.lock().days[&SiteId(1)].day, Day(6));
    }

    #[test]
    fn the_number_of_all_values_is_kept_right_over_days() {
        let caps = Caps::default();
        for day in 1..5 {
            for n in 0..10 {
                after(&caps, error(1, day, &format!("/{n}"), "e"));
                after(&caps, error(2, day, "/", "e"));
            }
        }
        assert_eq!(caps.lock().values, 11 + 2);
        after(&caps, error(1, 9, "/", "e"));
        caps.forget_before(Day(9));
        let sites = caps.lock();
        assert_eq!((sites.values, sites.days.len()), (2, 1));
    }

    #[test]
    fn a_flood_at_one_site_leaves_room_for_the_others() {
        let caps = Caps::default();
        caps.lock().values = ALL_VALUES_MAX;
        assert_eq!(after(&caps, error(1, 5, "/", "e")).0, "e");
        caps.lock().days.get_mut(&SiteId(1)).unwrap().seen.extend(0..ALL_VALUES_MAX as u64);
        assert_eq!(after(&caps, error(1, 5, "/", "f")).0, MORE);
        assert_eq!(after(&caps, error(2, 5, "/", "f")).0, "f");
    }

    #[test]
    fn vitals_of_too_many_pages_are_one_page() {
        let caps = Caps::default();
        let vital = |path: String| Vital {
            site: SiteId(1),
            day: Day(1),
            path,
            device: String::new(),
            country: String::new(),
            metric: Metric::Lcp,
            bucket: 1,
        };
        let mut last =
            Reduced { row: Row::Vitals(Vec::new()), kept_back: Vec::new(), source_is_known: false };
        for n in 0..=Capped::Page.most() {
            last.row = Row::Vitals(vec![vital(format!("/{n}"))]);
            caps.apply(&mut last);
        }
        assert_eq!(last.row, Row::Vitals(vec![vital(MORE.to_owned())]));
    }
}
