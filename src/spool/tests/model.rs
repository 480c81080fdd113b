//! Random histories against a small model: what was acknowledged is handed out once in each life
//! until it is delivered, always in the same batch at the same positions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::{SMALL, copy_of, in_sealed_order, numbers, open, quick_dir, record};
use crate::spool::{Limits, Spool};

#[derive(Debug, Clone)]
enum Action {
    /// So many records.
    Append(u32),
    /// Take a segment, if one is there.
    Take,
    /// Answer the n-th of those that are out.
    Deliver(usize),
    GiveBack(usize),
    /// Close and open again.
    Reopen,
    /// Go on with a copy of the files, as after a kill.
    Crash,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1_u32..6).prop_map(Action::Append),
        4 => Just(Action::Take),
        3 => (0_usize..4).prop_map(Action::Deliver),
        2 => (0_usize..4).prop_map(Action::GiveBack),
        1 => Just(Action::Reopen),
        1 => Just(Action::Crash),
    ]
}

struct Model {
    dir: TempDir,
    spool: Spool,
    limits: Limits,
    next: u32,
    acked: BTreeSet<u32>,
    /// What each batch held when it was first handed out.
    content: BTreeMap<u64, Vec<u32>>,
    /// Handed out in this life.
    out: Vec<u64>,
    delivered: BTreeSet<u64>,
    /// Batches that an earlier life had.
    old: BTreeSet<u64>,
}

impl Model {
    fn new(rows: usize) -> Self {
        let dir = quick_dir();
        let limits = Limits { rows, ..SMALL };
        let spool = open(dir.path(), limits);
        let (acked, content) = (BTreeSet::new(), BTreeMap::new());
        let (out, delivered, old) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Self { dir, spool, limits, next: 0, acked, content, out, delivered, old }
    }

    async fn step(&mut self, action: Action) {
        match action {
            Action::Append(count) => {
                let count = count.min(u32::try_from(self.limits.rows).unwrap());
                let mine: Vec<u32> = (self.next..self.next + count).collect();
                self.next += count;
                self.spool.append(mine.iter().map(|one| record(*one)).collect()).await.unwrap();
                self.acked.extend(mine);
            }
            Action::Take => {
                let soon = tokio::time::timeout(Duration::from_millis(3), self.spool.next());
                if let Ok(Some(sealed)) = soon.await {
                    self.took(&sealed);
                }
            }
            Action::Deliver(index) if index < self.out.len() => {
                let batch = self.out.swap_remove(index);
                self.spool.delivered(batch);
                assert!(self.delivered.insert(batch));
            }
            Action::GiveBack(index) if index < self.out.len() => {
                self.spool.give_back(self.out.swap_remove(index));
            }
            Action::Deliver(_) | Action::GiveBack(_) => {}
            Action::Reopen => {
                self.spool.close();
                self.new_life(None);
            }
            Action::Crash => {
                let left = copy_of(self.dir.path());
                self.new_life(Some(left));
            }
        }
    }

    fn new_life(&mut self, left: Option<TempDir>) {
        let id = self.spool.id();
        // The old one must go first: it holds the lock.
        let elsewhere = quick_dir();
        self.spool = open(elsewhere.path(), self.limits);
        if let Some(left) = left {
            self.dir = left;
        }
        self.spool = open(self.dir.path(), self.limits);
        assert_eq!(self.spool.id(), id);
        self.out.clear();
        self.old.extend(self.content.keys());
    }

    fn took(&mut self, sealed: &crate::spool::Sealed) {
        let (batch, got) = (sealed.batch, numbers(sealed));
        assert!(!self.out.contains(&batch), "handed out twice");
        assert!(
            !self.delivered.contains(&batch),
            "handed out after delivery, or number used twice"
        );
        assert!(!self.old.contains(&batch) || sealed.is_in_doubt);
        assert!(got.len() <= self.limits.rows);
        assert!(got.iter().all(|one| self.acked.contains(one)), "never appended");
        let mut arrival = got.clone();
        arrival.sort_unstable();
        assert_eq!(got, in_sealed_order(&arrival), "sorted, and stable");
        let known = self.content.entry(batch).or_insert_with(|| got.clone());
        assert_eq!(*known, got, "other rows or positions than before");
        self.out.push(batch);
    }

    async fn finish(mut self) {
        self.step(Action::Reopen).await;
        self.spool.close();
        while let Some(sealed) = self.spool.next().await {
            self.took(&sealed);
            self.spool.delivered(sealed.batch);
        }
        let mut all: Vec<u32> = self.content.values().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, self.acked.iter().copied().collect::<Vec<_>>(), "each exactly once");
        assert_eq!(self.spool.bytes(), 0);
        assert_eq!(super::files(self.dir.path()), ["lock", "spool.id"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_history_agrees_with_the_model(
        rows in 1_usize..9,
        actions in proptest::collection::vec(action(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new(rows);
            for action in actions {
                model.step(action).await;
            }
            model.finish().await;
        });
    }
}
