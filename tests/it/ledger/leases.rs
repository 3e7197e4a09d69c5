//! Holding work: what a lease is worth, and what becomes of it when its
//! process dies, sticks, leaves or comes back too late.

use counterpart::jobs::holder::Beat;
use counterpart::jobs::rescue::{Swept, sweep};
use counterpart::jobs::settle::SettleFault;
use counterpart::jobs::{Counts, Request, settle};
use counterpart::limits;

use super::{Bed, SMALL, START, on_both_engines};

on_both_engines!(
    effects_and_completion_are_saved_together,
    a_lost_lease_saves_no_effect,
    work_of_a_dead_process_is_taken_away,
    work_of_a_living_process_is_left_alone,
    work_of_a_stuck_process_is_taken_away_after_its_deadline,
    a_process_that_beats_too_late_learns_that_it_is_dead,
    leaving_gives_everything_back_and_costs_no_attempt,
    progress_reaches_the_next_attempt,
    progress_of_a_lost_lease_is_refused,
    a_job_that_kills_its_processes_is_buried,
    several_jobs_finish_in_one_transaction_or_none_does,
    a_second_rescue_changes_nothing,
);

const EFFECTS: &str = "create table effect (name text primary key)";

async fn effect(bed: &Bed, name: &str) -> counterpart::ledger::Tx {
    let mut tx = bed.ledger.begin().await.unwrap();
    sqlx::query("insert into effect (name) values ($1)").bind(name).execute(&mut *tx).await.unwrap();
    tx
}

async fn effects_and_completion_are_saved_together(bed: Bed) {
    bed.run(EFFECTS).await.unwrap();
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    let tx = effect(&bed, "alice").await;
    settle::finish(tx, &lease, bed.now()).await.unwrap();
    assert_eq!(bed.number("select count(*) from effect").await, 1);
    assert_eq!(bed.counts().await, Counts::default());
}

async fn a_lost_lease_saves_no_effect(bed: Bed) {
    bed.run(EFFECTS).await.unwrap();
    let (first, second) = (bed.holder().await, bed.holder().await);
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let old = bed.claim(&first, 1).await.remove(0);
    bed.clock.advance_ms(limits::NODE_LEASE_MS + 1);
    second.beat(&bed.ledger, &bed.clock).await.unwrap();
    sweep(&bed.ledger, bed.now()).await.unwrap();

    let tx = effect(&bed, "before the other took it").await;
    let fault = settle::finish(tx, &old, bed.now()).await.unwrap_err();
    assert!(matches!(fault, SettleFault::Lost { .. }), "{fault}");

    let new = bed.claim(&second, 1).await.remove(0);
    let tx = effect(&bed, "after the other took it").await;
    assert!(settle::finish(tx, &old, bed.now()).await.is_err());
    let tx = effect(&bed, "the other's").await;
    settle::finish(tx, &new, bed.now()).await.unwrap();
    let tx = effect(&bed, "after the other finished").await;
    assert!(settle::finish(tx, &old, bed.now()).await.is_err());
    assert_eq!(bed.number("select count(*) from effect where name = 'the other''s'").await, 1);
    assert_eq!(bed.number("select count(*) from effect").await, 1);
}

async fn work_of_a_dead_process_is_taken_away(bed: Bed) {
    let dead = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lost = bed.claim(&dead, 1).await.remove(0);
    bed.clock.advance_ms(limits::NODE_LEASE_MS + 1);
    assert_eq!(sweep(&bed.ledger, bed.now()).await.unwrap(), Swept { released: 1, buried: 0 });

    let holder = bed.holder().await;
    let found = bed.claim(&holder, 1).await.remove(0);
    assert_eq!((found.id, found.attempts, found.rescues), (lost.id, 0, 1));
    assert!(found.fence > lost.fence);
}

async fn work_of_a_living_process_is_left_alone(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    for _ in 0..8 {
        bed.clock.advance_ms(limits::NODE_BEAT_MS);
        assert!(matches!(holder.beat(&bed.ledger, &bed.clock).await.unwrap(), Beat::Renewed { .. }));
        assert_eq!(sweep(&bed.ledger, bed.now()).await.unwrap(), Swept::default());
    }
    bed.finish(&lease).await.unwrap();
}

async fn work_of_a_stuck_process_is_taken_away_after_its_deadline(bed: Bed) {
    let stuck = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    bed.claim(&stuck, 1).await;
    bed.clock.advance_ms(SMALL.deadline_ms + limits::JOB_DEADLINE_GRACE_MS);
    stuck.beat(&bed.ledger, &bed.clock).await.unwrap();
    assert_eq!(sweep(&bed.ledger, bed.now()).await.unwrap(), Swept::default());
    bed.clock.advance_ms(1);
    stuck.beat(&bed.ledger, &bed.clock).await.unwrap();
    assert_eq!(sweep(&bed.ledger, bed.now()).await.unwrap(), Swept { released: 1, buried: 0 });
}

async fn a_process_that_beats_too_late_learns_that_it_is_dead(bed: Bed) {
    let late = bed.holder().await;
    bed.clock.advance_ms(limits::NODE_LEASE_MS + 1);
    sweep(&bed.ledger, bed.now()).await.unwrap();
    assert_eq!(late.beat(&bed.ledger, &bed.clock).await.unwrap(), Beat::Lost);
}

async fn leaving_gives_everything_back_and_costs_no_attempt(bed: Bed) {
    let leaving = bed.holder().await;
    bed.wish((0..3).map(|n| Request::new(&SMALL, format!("account {n}"), START)).collect()).await;
    bed.claim(&leaving, 2).await;
    assert_eq!(leaving.depart(&bed.ledger, &bed.clock).await.unwrap(), 2);
    assert_eq!(bed.number("select count(*) from node").await, 0);

    let holder = bed.holder().await;
    let leases = bed.claim(&holder, 9).await;
    assert_eq!(leases.len(), 3);
    assert!(leases.iter().all(|lease| (lease.attempts, lease.rescues) == (0, 0)));
}

async fn progress_reaches_the_next_attempt(bed: Bed) {
    let dead = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&dead, 1).await.remove(0);
    let mut tx = bed.ledger.begin().await.unwrap();
    settle::save_progress(&mut tx, &lease, "page 7").await.unwrap();
    tx.save().await.unwrap();
    bed.clock.advance_ms(limits::NODE_LEASE_MS + 1);
    sweep(&bed.ledger, bed.now()).await.unwrap();
    let holder = bed.holder().await;
    assert_eq!(bed.claim(&holder, 1).await.remove(0).progress, "page 7");
}

async fn progress_of_a_lost_lease_is_refused(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    holder.depart(&bed.ledger, &bed.clock).await.unwrap();
    let mut tx = bed.ledger.begin().await.unwrap();
    let fault = settle::save_progress(&mut tx, &lease, "page 7").await.unwrap_err();
    assert!(matches!(fault, SettleFault::Lost { .. }));
}

async fn a_job_that_kills_its_processes_is_buried(bed: Bed) {
    bed.wish(vec![Request::new(&SMALL, "poison", START)]).await;
    for death in 0..=limits::JOB_RESCUES_MAX {
        let doomed = bed.holder().await;
        assert_eq!(bed.claim(&doomed, 1).await.len(), 1, "death {death}");
        bed.clock.advance_ms(limits::NODE_LEASE_MS + 1);
        let swept = sweep(&bed.ledger, bed.now()).await.unwrap();
        let last = death == limits::JOB_RESCUES_MAX;
        assert_eq!(swept, Swept { released: u64::from(!last), buried: u64::from(last) });
    }
    assert_eq!(bed.counts().await, Counts { dead: 1, ..Counts::default() });
    assert_eq!(bed.number("select count(*) from event where topic = 'job.buried'").await, 1);
}

async fn several_jobs_finish_in_one_transaction_or_none_does(bed: Bed) {
    bed.run(EFFECTS).await.unwrap();
    let holder = bed.holder().await;
    bed.wish((0..100).map(|n| Request::new(&SMALL, format!("account {n}"), START)).collect()).await;
    let leases = bed.claim(&holder, 100).await;
    bed.finish(&leases[50]).await.unwrap();

    let tx = effect(&bed, "all").await;
    assert!(settle::finish_all(tx, &leases, bed.now()).await.is_err());
    assert_eq!(bed.number("select count(*) from effect").await, 0);
    assert_eq!(bed.counts().await.running, 99);

    let left: Vec<_> = leases.iter().filter(|lease| lease.id != leases[50].id).cloned().collect();
    bed.wish(vec![Request::new(&SMALL, "account 3", START)]).await;
    let tx = effect(&bed, "the rest").await;
    settle::finish_all(tx, &left, bed.now()).await.unwrap();
    assert_eq!(bed.number("select count(*) from effect").await, 1);
    assert_eq!(bed.counts().await, Counts { ready: 1, ..Counts::default() }, "account 3 was asked for again");
}

async fn a_second_rescue_changes_nothing(bed: Bed) {
    let dead = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    bed.claim(&dead, 1).await;
    bed.clock.advance_ms(limits::NODE_LEASE_MS + 1);
    sweep(&bed.ledger, bed.now()).await.unwrap();
    assert_eq!(sweep(&bed.ledger, bed.now()).await.unwrap(), Swept::default());
}
