//! Where each site is in its calendar, without asking the zone for every event: a day that was found
//! once holds until it is over.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::model::{LocalMoment, Site, SiteId, day};

/// Sites whose day is known; for others the zone is asked.
const SITES_MAX: usize = 65_536;

/// The day of each site that had an event.
pub struct Moments {
    sites: Cache<SiteId, Arc<Known>>,
}

/// A day, and the zone it was found in.
struct Known {
    zone: String,
    moment: LocalMoment,
}

impl Default for Moments {
    fn default() -> Self {
        Self { sites: Cache::new(SITES_MAX) }
    }
}

impl Moments {
    /// Places `at` (seconds since 1970 UTC) in the calendar of a site; the same as
    /// [`day::locate`].
    #[must_use]
    pub fn of(&self, site: &Site, at: u32) -> LocalMoment {
        if let Some(known) = self.sites.get(&site.id)
            && known.zone == site.timezone
            && (known.moment.day_start..known.moment.day_end).contains(&at)
        {
            return day::at(&known.moment, at);
        }
        let moment = day::locate(at, &site.zone);
        self.sites.insert(site.id, Arc::new(Known { zone: site.timezone.clone(), moment }));
        moment
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Day;

    fn site(zone: &str) -> Site {
        Site {
            id: SiteId(1),
            domain: "a.example".to_owned(),
            timezone: zone.to_owned(),
            zone: day::zone(zone).unwrap(),
            hostnames: Vec::new(),
            rules: Arc::default(),
            threshold: None,
            created: 0,
        }
    }

    #[test]
    fn every_moment_is_the_one_of_the_calendar() {
        let moments = Moments::default();
        // Both days on which the clocks change, forwards and backwards in time, and a new zone.
        let start = Day::parse("2026-03-28").unwrap().start(&day::zone("UTC").unwrap());
        for zone in ["Europe/Berlin", "Pacific/Kiritimati", "America/Santiago"] {
            let site = site(zone);
            for step in (0..400).chain((0..400).rev()) {
                for at in [start + step * 1_801, start + 18_144_000 + step * 1_801] {
                    assert_eq!(moments.of(&site, at), day::locate(at, &site.zone), "{zone} {at}");
                }
            }
        }
    }
}
