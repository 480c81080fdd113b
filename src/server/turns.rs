//! How many reports are made at once: a flood of them must neither end the database nor keep one
//! site's readers from theirs because of another's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::SiteId;

/// Reports of one site that are made at once: what one page of the dashboard asks for goes through
/// in two or three rounds.
pub const SITE_REPORTS_MAX: usize = 4;
/// Reports of all sites that are made at once.
pub const ALL_REPORTS_MAX: usize = 12;
/// Reports of one site for its public counters that are made at once.
pub const SITE_COUNTERS_MAX: usize = 1;
/// Reports of all sites for public counters that are made at once: anybody may ask for a counter,
/// and must not keep owners from their reports.
pub const ALL_COUNTERS_MAX: usize = 2;
/// How long a report waits for its turn.
pub const TURN_TIME: Duration = Duration::from_secs(5);

/// Whose reports were too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// The site's own.
    #[error(
        "too many reports of this site at once: {SITE_REPORTS_MAX} are made at a time; ask again in some seconds"
    )]
    Site,
    /// Those of all sites.
    #[error(
        "too many reports at once: {ALL_REPORTS_MAX} are made at a time; ask again in some seconds"
    )]
    All,
}

/// Who may make reports now.
pub struct Turns {
    all: Arc<Semaphore>,
    /// Sites with reports under way, and since the last look some without.
    sites: Mutex<HashMap<SiteId, Arc<Semaphore>>>,
    /// Turns of one site.
    site_max: usize,
    /// How long a report waits.
    time: Duration,
}

/// One report's turn, given back when dropped.
#[derive(Debug)]
pub struct Turn {
    _site: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(SITE_REPORTS_MAX, ALL_REPORTS_MAX, TURN_TIME)
    }
}

impl Turns {
    /// The turns of public counters, which take none of a report.
    #[must_use]
    pub fn of_counters() -> Self {
        Self::new(SITE_COUNTERS_MAX, ALL_COUNTERS_MAX, TURN_TIME)
    }

    fn new(site_max: usize, all_max: usize, time: Duration) -> Self {
        Self { all: Arc::new(Semaphore::new(all_max)), sites: Mutex::default(), site_max, time }
    }

    /// Waits for a turn of `site`, up to [`TURN_TIME`].
    ///
    /// # Errors
    /// When none came.
    pub async fn take(&self, site: SiteId) -> Result<Turn, Busy> {
        let deadline = tokio::time::Instant::now() + self.time;
        let own = self.of(site);
        let own = tokio::time::timeout_at(deadline, own.acquire_owned());
        // Nobody closes these semaphores.
        let Ok(Ok(own)) = own.await else { return Err(Busy::Site) };
        let all = tokio::time::timeout_at(deadline, Arc::clone(&self.all).acquire_owned());
        let Ok(Ok(all)) = all.await else { return Err(Busy::All) };
        Ok(Turn { _site: own, _all: all })
    }

    fn of(&self, site: SiteId) -> Arc<Semaphore> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody holds or waits for are known by this list alone.
        sites.retain(|_, turns| Arc::strong_count(turns) > 1);
        Arc::clone(sites.entry(site).or_insert_with(|| Arc::new(Semaphore::new(self.site_max))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(30);

    async fn taken(turns: &Turns, site: u32, n: usize) -> Vec<Turn> {
        let mut taken = Vec::new();
        for _ in 0..n {
            taken.push(turns.take(SiteId(site)).await.unwrap());
        }
        taken
    }

    #[tokio::test]
    async fn one_site_leaves_turns_for_others() {
        let turns = Turns::new(SITE_REPORTS_MAX, ALL_REPORTS_MAX, SHORT);
        let mut held = taken(&turns, 1, SITE_REPORTS_MAX).await;
        let begun = std::time::Instant::now();
        assert_eq!(turns.take(SiteId(1)).await.unwrap_err(), Busy::Site);
        assert!(begun.elapsed() >= turns.time);
        held.extend(taken(&turns, 2, SITE_REPORTS_MAX).await);
        held.extend(taken(&turns, 3, SITE_REPORTS_MAX).await);
        assert_eq!(turns.take(SiteId(4)).await.unwrap_err(), Busy::All);
        held.pop();
        drop(turns.take(SiteId(4)).await.unwrap());
        drop(held);
        drop(taken(&turns, 1, SITE_REPORTS_MAX).await);
        assert_eq!(turns.sites.lock().unwrap().len(), 1, "quiet sites are forgotten");
    }

    #[tokio::test]
    async fn counters_have_one_turn_a_site_and_two_in_all() {
        let turns = Turns::new(SITE_COUNTERS_MAX, ALL_COUNTERS_MAX, SHORT);
        let held = (taken(&turns, 1, 1).await, taken(&turns, 2, 1).await);
        assert_eq!(turns.take(SiteId(1)).await.unwrap_err(), Busy::Site);
        assert_eq!(turns.take(SiteId(3)).await.unwrap_err(), Busy::All);
        drop(held);
        assert_eq!(Turns::of_counters().site_max, SITE_COUNTERS_MAX);
        assert_eq!(Turns::of_counters().all.available_permits(), ALL_COUNTERS_MAX);
    }

    #[tokio::test]
    async fn who_waits_gets_the_turn_that_is_given_back() {
        let turns = Turns::default();
        let mut held = taken(&turns, 1, SITE_REPORTS_MAX).await;
        let late = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            held.pop();
        };
        let (turn, ()) = tokio::join!(turns.take(SiteId(1)), late);
        assert!(turn.is_ok());
    }
}
