//! Audits each day once it is over: accepted events against stored ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::model::{Day, SiteId, now};
use crate::server::state::State;
use crate::spool::Spool;
use crate::store::audit::{self, Verdict};
use crate::store::tally::Tally;

/// How often is looked whether a day is due; a look costs nothing.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Opens the tally of a data directory. Without one, rows are delivered and nothing is audited.
pub(super) fn open_tally(data_dir: &Path, spool: &Spool) -> Option<Arc<Tally>> {
    let path = data_dir.join("spool").join("tally");
    match Tally::open(&path, now(), |batch| spool.holds(batch)) {
        Ok(tally) => Some(Arc::new(tally)),
        Err(error) => {
            tracing::warn!(%error, "Accepted events are not compared with stored ones.");
            None
        }
    }
}

/// Looks again and again, until the tasks are ended.
pub(super) fn start(tasks: &mut JoinSet<()>, state: &Arc<State>, tally: Option<Arc<Tally>>) {
    let Some(tally) = tally else { return };
    let state = Arc::clone(state);
    tasks.spawn(async move {
        let mut auditor = Auditor { state, tally, told: BTreeMap::new() };
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            auditor.look(now()).await;
        }
    });
}

struct Auditor {
    state: Arc<State>,
    tally: Arc<Tally>,
    /// What was said of a spool's day, and for which numbers.
    told: BTreeMap<(u32, Day), (BTreeMap<u32, u64>, Verdict)>,
}

impl Auditor {
    async fn look(&mut self, now: u32) {
        self.tally.forget_before(audit::oldest_open(now));
        let due = audit::due(&self.tally, self.state.spool.backlog(), now);
        self.told.retain(|(spool, day), _| due.contains(&(*spool, *day)));
        for (spool, day) in due {
            let numbers = self.tally.of(spool, day);
            if self.told.get(&(spool, day)).is_some_and(|(told, _)| *told == numbers) {
                continue;
            }
            let Some(sites) = self.state.sites.snapshot() else { return };
            let exists = |site| sites.by_id(SiteId(site)).is_some();
            match self.state.store.audit(&self.tally, spool, day, exists).await {
                Ok(Some(verdict)) => self.tell(spool, day, numbers, verdict),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "A day could not be audited now.");
                    return;
                }
            }
        }
    }

    /// Counts what was not counted before.
    fn tell(&mut self, spool: u32, day: Day, numbers: BTreeMap<u32, u64>, verdict: Verdict) {
        let before = self.told.insert((spool, day), (numbers, verdict));
        let before = before.map(|(_, verdict)| verdict);
        let metrics = &self.state.metrics;
        let known = before.unwrap_or_default();
        metrics.audit_missing_rows.inc_by(verdict.missing.saturating_sub(known.missing));
        metrics.audit_extra_rows.inc_by(verdict.extra.saturating_sub(known.extra));
        if before.is_none() {
            metrics.audited_days.inc();
        }
        let Verdict { accepted, missing, extra } = verdict;
        if missing > 0 || extra > 0 {
            tracing::warn!(
                %day,
                accepted,
                missing,
                extra,
                "The database does not hold the events that were accepted."
            );
        } else {
            tracing::info!(%day, accepted, "All events that were accepted are stored once.");
        }
    }
}
