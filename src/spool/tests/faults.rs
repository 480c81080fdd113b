//! A disk that fails at each step in turn, a process that dies at each step, and power cuts.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::sim::{CUTS, Fault, Names, Op, Plan, Sim};
use super::{SMALL, config, copy_of, drain, flat, open, quick_dir, record};
use crate::spool::{AppendError, FsyncPolicy, Limits, Spool};

/// What the one who appends was told.
#[derive(Default, Debug)]
struct Told {
    acked: BTreeSet<u32>,
    refused: BTreeSet<u32>,
}

/// Appends one after the other, 1 to 4 records each, over several segments.
async fn append_some(spool: &Spool, from: u32, told: &mut Told) {
    let mut next = from;
    for turn in 0..9 {
        let mine: Vec<u32> = (next..next + 1 + turn % 4).collect();
        next += 4;
        match spool.append(mine.iter().map(|one| record(*one)).collect()).await {
            Ok(()) => told.acked.extend(mine),
            Err(_) => told.refused.extend(mine),
        }
    }
}

/// Opens what is left on a sound disk: all that was acknowledged comes once; what was refused not
/// at all, or where `doubt` is allowed at most once.
async fn check_left(left: &Path, told: &Told, doubt: bool, case: &str) {
    let spool = open(left, SMALL);
    let got = flat(&drain(&spool).await);
    let set: BTreeSet<u32> = got.iter().copied().collect();
    assert_eq!(set.len(), got.len(), "{case}: something came twice");
    let lost: Vec<_> = told.acked.difference(&set).collect();
    assert!(lost.is_empty(), "{case}: acknowledged but lost: {lost:?}");
    let back: Vec<_> = told.refused.intersection(&set).collect();
    assert!(doubt || back.is_empty(), "{case}: refused but came: {back:?}");
    assert_eq!(spool.corrupt_records(), 0, "{case}: a crash is no damage");
}

/// One run against a plan; `doubt`: the disk may refuse even to take a refused record back.
async fn run(plan: Plan, doubt: bool, case: &str) -> u64 {
    let limits = Limits { rows: 5, ..SMALL };
    let dir = quick_dir();
    let sim = Sim::with_plan(dir.path(), plan);
    let Ok(spool) = Spool::open_on(&config(dir.path()), Arc::clone(&sim) as _, limits) else {
        return sim.steps();
    };
    let mut told = Told::default();
    append_some(&spool, 0, &mut told).await;
    check_left(copy_of(dir.path()).path(), &told, doubt, &format!("{case}, killed")).await;
    for (luck, names) in CUTS {
        let case = format!("{case}, power cut, luck {luck}, {names:?}");
        check_left(sim.after_power_cut(luck, names).path(), &told, doubt, &case).await;
    }
    let got = flat(&drain(&spool).await);
    let set: BTreeSet<u32> = got.iter().copied().collect();
    assert_eq!(set.len(), got.len(), "{case}: something came twice");
    assert!(doubt || told.acked.is_subset(&set), "{case}: acknowledged but not handed out");
    assert!(told.refused.is_disjoint(&set), "{case}: refused but handed out");
    drop(spool);
    sim.assert_no_violation();
    check_left(copy_of(dir.path()).path(), &told, doubt, &format!("{case}, closed")).await;
    sim.steps()
}

#[tokio::test]
async fn any_single_failing_step_loses_nothing_acknowledged_and_brings_back_nothing_refused() {
    let steps = run(Box::new(|_, _| None), false, "no fault").await;
    assert!(steps > 40, "{steps}");
    for at in 0..steps + 4 {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            for fault in [Fault::Not(kind), Fault::Done(kind)] {
                let plan = move |step, _| (step == at).then_some(fault);
                run(Box::new(plan), false, &format!("step {at}, {fault:?}")).await;
            }
        }
    }
}

#[tokio::test]
async fn several_failing_steps_lose_nothing_acknowledged() {
    for at in 0..60 {
        for (count, each) in [(2, 1), (3, 1), (6, 1), (3, 2), (5, 3)] {
            for fault in [Fault::Not(ErrorKind::Other), Fault::Done(ErrorKind::Other)] {
                let plan = move |step: u64, _| {
                    let after = step.checked_sub(at)?;
                    (after.is_multiple_of(each) && after / each < count).then_some(fault)
                };
                run(Box::new(plan), true, &format!("{count} from {at} each {each}, {fault:?}"))
                    .await;
            }
        }
    }
}

#[tokio::test]
async fn a_process_that_dies_at_any_step_leaves_exactly_one_usable_copy_of_each_batch() {
    for at in 0..70 {
        for last in [None, Some(Fault::Done(ErrorKind::Other))] {
            let plan = move |step: u64, _| match step.cmp(&at) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => last.or(Some(Fault::Not(ErrorKind::Other))),
                std::cmp::Ordering::Greater => Some(Fault::Not(ErrorKind::Other)),
            };
            run(Box::new(plan), true, &format!("dead at {at}")).await;
        }
    }
}

#[tokio::test]
async fn an_acknowledged_append_is_on_the_disk_before_the_answer() {
    for policy in [FsyncPolicy::Group, FsyncPolicy::Each] {
        let dir = quick_dir();
        let sim = Sim::new(dir.path());
        let mut config = config(dir.path());
        config.fsync = policy;
        let spool = Spool::open_on(&config, Arc::clone(&sim) as _, SMALL).unwrap();
        let mut told = Told::default();
        for one in 0..20 {
            spool.append(vec![record(one)]).await.unwrap();
            assert!(told.acked.insert(one));
            // Nothing that was not synced survives this.
            for names in [Names::Synced, Names::Removals] {
                let left = sim.after_power_cut(0, names);
                check_left(left.path(), &told, false, "power cut").await;
            }
        }
    }
}

#[tokio::test]
async fn after_a_failed_sync_the_group_is_refused_and_the_next_append_has_a_new_log() {
    let dir = quick_dir();
    let sim = Sim::new(dir.path());
    let limits = Limits { rows: 100, ..SMALL };
    let spool = Spool::open_on(&config(dir.path()), Arc::clone(&sim) as _, limits).unwrap();
    spool.append(vec![record(1)]).await.unwrap();
    let mut syncs = 0;
    sim.set_plan(Box::new(move |_, op| {
        syncs += u32::from(op == Op::Sync);
        (op == Op::Sync && syncs == 1).then_some(Fault::Done(ErrorKind::Other))
    }));
    assert_eq!(spool.append(vec![record(2)]).await, Err(AppendError::Unavailable));
    spool.append(vec![record(3)]).await.unwrap();
    let batches = drain(&spool).await;
    assert_eq!(batches.into_values().collect::<Vec<_>>(), [[1], [3]]);
    sim.assert_no_violation();
}

#[tokio::test]
async fn each_means_one_sync_an_append_and_group_fewer() {
    for (policy, exactly) in [(FsyncPolicy::Each, true), (FsyncPolicy::Group, false)] {
        let dir = quick_dir();
        let sim = Sim::new(dir.path());
        let mut config = config(dir.path());
        config.fsync = policy;
        let limits = Limits { rows: 1000, reserve_from: u64::MAX, ..SMALL };
        let spool = Spool::open_on(&config, Arc::clone(&sim) as _, limits).unwrap();
        spool.append(vec![record(1000)]).await.unwrap();
        let before = sim.steps();
        sim.hold(true);
        let mut tasks = tokio::task::JoinSet::new();
        for one in 0..50 {
            let spool = spool.clone();
            tasks.spawn(async move { spool.append(vec![record(one)]).await });
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        sim.hold(false);
        while let Some(done) = tasks.join_next().await {
            done.unwrap().unwrap();
        }
        // A write and a sync each.
        let steps = sim.steps() - before;
        assert!(if exactly { steps == 100 } else { steps <= 6 }, "{policy:?}: {steps}");
    }
}

#[tokio::test]
async fn while_the_disk_refuses_to_take_back_nothing_is_accepted_and_then_it_recovers() {
    let dir = quick_dir();
    let sim = Sim::new(dir.path());
    let spool = Spool::open_on(&config(dir.path()), Arc::clone(&sim) as _, SMALL).unwrap();
    spool.append(vec![record(1)]).await.unwrap();
    sim.set_plan(Box::new(|_, _| Some(Fault::Not(ErrorKind::Other))));
    assert_eq!(spool.append(vec![record(2)]).await, Err(AppendError::Unavailable));
    assert!(!spool.is_accepting());
    let before = (sim.steps(), Instant::now());
    for _ in 0..200 {
        assert_eq!(spool.append(vec![record(3)]).await, Err(AppendError::Unavailable));
    }
    let looks = 2 + u64::try_from(before.1.elapsed().as_millis() / 250).unwrap();
    let steps = sim.steps() - before.0;
    assert!(steps <= 6 * looks, "a dead disk is hammered: {steps} steps");
    sim.set_plan(Box::new(|_, _| None));
    super::until(|| spool.is_accepting()).await;
    spool.append(vec![record(4)]).await.unwrap();
    assert_eq!(flat(&drain(&spool).await), [1, 4]);
}

#[tokio::test]
async fn a_full_disk_answers_full_keeps_what_is_there_and_recovers() {
    let dir = quick_dir();
    let sim = Sim::new(dir.path());
    let spool = Spool::open_on(&config(dir.path()), Arc::clone(&sim) as _, SMALL).unwrap();
    for one in 0..4 {
        spool.append(vec![record(one)]).await.unwrap();
    }
    let first = spool.next().await.unwrap();
    let full = Some(Fault::Done(ErrorKind::StorageFull));
    sim.set_plan(Box::new(move |_, op| if op == Op::Append { full } else { None }));
    assert_eq!(spool.append(vec![record(10)]).await, Err(AppendError::Full));
    // What was acknowledged is handed out although no sorted file could be written.
    let second = spool.next().await.unwrap();
    assert_eq!(second.records().unwrap(), [record(3)]);
    sim.set_plan(Box::new(|_, _| None));
    spool.delivered(first.batch);
    spool.delivered(second.batch);
    super::until(|| spool.is_accepting()).await;
    spool.append(vec![record(11)]).await.unwrap();
    assert_eq!(flat(&drain(&spool).await), [11]);
}
