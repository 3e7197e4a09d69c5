//! Processes that freeze: stopped for longer than their lease, then continued.
//! And processes that never come back. All on PostgreSQL: it takes two.

use std::time::Duration;

use rustix::process::Signal;

use super::evidence::Evidence;
use super::judge::{crimes, unrest};
use super::oracle::Oracle;
use super::stage::{Stage, run};
use super::victim::Victim;

/// Longer than any lease, pause and sweep of these plays together; shorter than
/// the timeouts of the ledger's sessions, which must not be what saves us.
const SOON: Duration = Duration::from_secs(20);

const EFFECTS: &str = "select count(*) from effect";

const EXPIRED_LEASES: &str =
    "select count(*) from node where lease_until < extract(epoch from clock_timestamp()) * 1000000";

async fn stage() -> Stage {
    let stage = Stage::postgres().await;
    stage.set().await;
    stage
}

/// Stops everybody and judges what is left.
async fn judged(stage: &Stage, victims: Vec<Victim>) -> (Evidence, Oracle) {
    stage.until("no job left", "select count(*) from job", 0, SOON).await;
    let mut oracle = Oracle::default();
    for victim in victims {
        oracle.remember(&victim.stop(SOON));
    }
    let ledger = stage.ledger().await;
    let evidence = Evidence::read(&ledger).await.unwrap();
    ledger.close().await;
    assert_eq!(crimes(&evidence, &oracle), [""; 0]);
    assert_eq!(unrest(&evidence), [""; 0]);
    (evidence, oracle)
}

fn holders(evidence: &Evidence, subject: &str) -> Vec<String> {
    let mut attempts: Vec<_> =
        evidence.attempts.iter().filter(|attempt| attempt.subject == subject).collect();
    attempts.sort_by_key(|attempt| attempt.fence);
    attempts.into_iter().map(|attempt| attempt.holder.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_of_a_killed_node_is_finished_by_another() {
    let stage = stage().await;
    let dead = stage.part("dead").wish(&["alice.steps"]).crash_at("progress.saved:1").start();
    dead.die_at("progress.saved");
    let heir = stage.steady("heir").start();
    stage.until("the heir has done it", EFFECTS, 1, SOON).await;
    let (evidence, oracle) = judged(&stage, vec![heir]).await;
    assert_eq!(holders(&evidence, "alice.steps"), ["dead", "heir"]);
    assert_eq!(oracle.rescued, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_frozen_past_its_lease_finds_out_and_enters_again() {
    let stage = stage().await;
    let frozen = stage.part("frozen").wish(&["alice.plain"]).crash_at("work.under_way:0:stop").start();
    frozen.wait_until_frozen();
    let heir = stage.steady("heir").start();
    stage.until("the heir has done it", EFFECTS, 1, SOON).await;
    stage.until("the frozen one is forgotten", "select count(*) from node", 1, SOON).await;

    frozen.signal(Signal::CONT);
    frozen.wait_until("noticed and back under a new name", |heard| {
        heard.times("lost") == 1 && heard.after("entered").count() == 2
    });
    let (evidence, _) = judged(&stage, vec![frozen, heir]).await;
    assert_eq!(holders(&evidence, "alice.plain"), ["frozen", "heir"]);
    assert_eq!(evidence.effects.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_frozen_node_had_in_hand_it_can_no_longer_save() {
    let stage = stage().await;
    let mut part = stage.part("frozen").wish(&["alice.plain"]).crash_at("work.under_way:0:stop");
    part.beat_ms = part.lease_ms - 100;
    let frozen = part.start();
    frozen.wait_until_frozen();
    // Its heartbeat will wait for us, so that it cannot find out before it tries to save.
    let ledger = stage.ledger().await;
    let mut tx = ledger.begin().await.unwrap();
    assert_eq!(run(&mut tx, "update node set version = version").await.unwrap(), 1);

    // The heir has it in hand, no more: the row is there and says `running`.
    let heir = stage.steady("heir").crash_at("work.under_way:0:stop").start();
    heir.wait_until_frozen();
    frozen.signal(Signal::CONT);
    frozen.wait_until("fenced off", |heard| heard.after("fenced").any(|subject| subject == "alice.plain"));
    assert_eq!(stage.number(EFFECTS).await, 0);
    drop(tx);
    ledger.close().await;
    heir.signal(Signal::CONT);
    stage.until("the heir has done it", EFFECTS, 1, SOON).await;
    let (evidence, oracle) = judged(&stage, vec![frozen, heir]).await;
    assert_eq!(holders(&evidence, "alice.plain"), ["frozen", "heir"]);
    assert_eq!((evidence.effects.len(), oracle.fenced), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_frozen_while_it_saves_an_effect_saves_it_once() {
    let stage = stage().await;
    let frozen = stage.part("frozen").wish(&["alice.plain"]).crash_at("finish.before_save:0:stop").start();
    frozen.wait_until_frozen();
    // The heir sweeps, and shows that it does: the second wish is its own.
    let heir = stage.steady("heir").wish(&["bob.plain"]).start();
    stage.until("the heir is at work", EFFECTS, 1, SOON).await;
    stage.until("the lease is over", EXPIRED_LEASES, 1, SOON).await;
    frozen.signal(Signal::CONT);
    stage.until("both are done", EFFECTS, 2, SOON).await;
    let (evidence, _) = judged(&stage, vec![frozen, heir]).await;
    assert_eq!(holders(&evidence, "alice.plain"), ["frozen"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_frozen_in_the_middle_of_a_claim_does_not_stop_the_others() {
    let stage = stage().await;
    // So that the first claim finds something.
    stage.part("wisher").wish(&["alice.plain"]).crash_at("wish.saved").start().die_at("wish.saved");
    let frozen = stage.part("frozen").crash_at("claim.before_save:0:stop").start();
    frozen.wait_until_frozen();
    let heir = stage.steady("heir").wish(&["bob.plain"]).start();
    stage.until("the heir has done both", EFFECTS, 2, SOON).await;
    frozen.signal(Signal::CONT);
    let (evidence, _) = judged(&stage, vec![frozen, heir]).await;
    assert_eq!(holders(&evidence, "alice.plain"), ["heir"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_frozen_in_the_middle_of_its_beat_loses_its_work_all_the_same() {
    let stage = stage().await;
    let frozen = stage.part("frozen").wish(&["alice.endless"]).crash_at("beat.before_save:3:stop").start();
    frozen.wait_until_frozen();
    let taken = "select count(*) from job where rescues > 0";
    let heir = stage.steady("heir").wish(&["bob.plain"]).start();
    stage.until("the job is taken away", taken, 1, SOON).await;
    stage.until("the heir has begun it", "select count(*) from attempt where holder = 'heir'", 2, SOON).await;
    frozen.kill();
    let heard = heir.stop(SOON);
    assert_eq!(heard.after("rescued").collect::<Vec<_>>(), ["1 0"]);
    assert_eq!(stage.number("select count(*) from job where state = 'ready'").await, 1);
}
