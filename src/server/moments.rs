//! Where each site is in its calendar, without asking the zone for every event: a day that was found
//! once holds until it is over.

use std::collections::HashMap;

use arc_swap::ArcSwap;

use crate::model::{LocalMoment, Site, SiteId, day};

/// Seconds of an hour.
const HOUR: u32 = 3600;

/// The day of each site that had an event, with the zone it was found in.
#[derive(Default)]
pub struct Moments {
    sites: ArcSwap<HashMap<SiteId, (String, LocalMoment)>>,
}

impl Moments {
    /// Places `at` (seconds since 1970 UTC) in the calendar of a site; the same as
    /// [`day::locate`].
    #[must_use]
    pub fn of(&self, site: &Site, at: u32) -> LocalMoment {
        if let Some((zone, known)) = self.sites.load().get(&site.id)
            && *zone == site.timezone
            && (known.day_start..known.day_end).contains(&at)
        {
            let hour = u8::try_from((at - known.day_start) / HOUR).unwrap_or(u8::MAX);
            return LocalMoment { hour, ..*known };
        }
        let found = day::locate(at, &site.zone);
        self.sites.rcu(|sites| {
            let mut sites = HashMap::clone(sites);
            sites.insert(site.id, (site.timezone.clone(), found));
            sites
        });
        found
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
