//! A ledger that goes away in the middle, hangs, or saves without saying so.
//!
//! The outages here are made by hand and on both engines; in `crash` they come
//! at random.

use std::sync::Arc;
use std::time::Duration;

use counterpart::clock::Clock;
use counterpart::jobs::claim::Appetite;
use counterpart::jobs::holder::Terms;
use counterpart::jobs::rescue::{Swept, sweep};
use counterpart::jobs::{Ending, Lane, Request, settle};
use counterpart::ledger::Ledger;
use counterpart::limits;
use counterpart::node::presence::{Heartbeat, Presence};
use counterpart::node::workers::{Perform, Workers};
use sqlx::AssertSqlSafe;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Bed, DUTIES, SMALL, START, on_both_engines};

on_both_engines!(
    how_an_attempt_ended_is_told_until_the_ledger_takes_it,
    jobs_of_a_claim_whose_answer_was_lost_are_given_back,
    a_node_whose_ledger_hangs_stands_down_when_its_lease_is_over,
    a_transaction_given_up_before_it_had_begun_is_not_left_open,
);

/// Some polls and pauses of a worker long.
const OUTAGE: Duration = Duration::from_millis(3 * limits::JOB_POLL_MS);

const SOON: Duration = Duration::from_secs(20);

fn at_work(bed: &Bed, presence: &Presence, perform: Perform) -> Workers {
    Workers {
        ledger: bed.ledger.clone(),
        clock: bed.clock.clone(),
        presence: presence.clone(),
        duties: DUTIES,
        perform,
        appetite: Appetite { lane: Lane::Small, jobs_max: 2, per_host_max: 2 },
    }
}

/// Every statement about jobs fails until the table is back.
async fn outage(bed: &Bed) {
    bed.run("alter table job rename to job_away").await.unwrap();
    tokio::time::sleep(OUTAGE).await;
    bed.run("alter table job_away rename to job").await.unwrap();
}

async fn until(bed: &Bed, query: &str) {
    let reached = async {
        while bed.number(query).await != 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, reached).await;
    assert!(waited.is_ok(), "`{query}` is not 1 after {SOON:?}; {:?}", bed.counts().await);
}

async fn how_an_attempt_ended_is_told_until_the_ledger_takes_it(bed: Bed) {
    let (_heartbeat, presence) = Heartbeat::begin(bed.ledger.clone(), bed.clock.clone()).await.unwrap();
    let (stop, fail) = (CancellationToken::new(), Arc::new(Notify::new()));
    let failing = Arc::clone(&fail);
    let perform: Perform = Arc::new(move |_| {
        let fail = Arc::clone(&failing);
        Box::pin(async move {
            fail.notified().await;
            Ok(Ending::Retry { reason: "pds.test answered 502".to_owned() })
        })
    });
    let working = tokio::spawn(at_work(&bed, &presence, perform).run(stop.clone()));
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    until(&bed, "select count(*) from job where state = 'running'").await;
    fail.notify_one();
    outage(&bed).await;
    until(&bed, "select count(*) from job where state = 'later' and attempts = 1").await;
    stop.cancel();
    working.await.unwrap().unwrap();
}

async fn jobs_of_a_claim_whose_answer_was_lost_are_given_back(bed: Bed) {
    bed.run("create table effect (subject text primary key)").await.unwrap();
    let (_heartbeat, presence) = Heartbeat::begin(bed.ledger.clone(), bed.clock.clone()).await.unwrap();
    let (ledger, stop) = (bed.ledger.clone(), CancellationToken::new());
    let perform: Perform = Arc::new(move |lease| {
        let ledger = ledger.clone();
        Box::pin(async move {
            let mut tx = ledger.begin().await?;
            let effect = sqlx::query("insert into effect (subject) values ($1)").bind(&lease.subject);
            effect.execute(&mut *tx).await?;
            Ok(Ending::Finished(settle::finish(tx, &lease, START).await?))
        })
    });
    // Saved, and nobody heard: the workers know nothing of it.
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let holder = presence.borrow().clone().unwrap().holder;
    assert_eq!(bed.claim(&holder, 1).await.len(), 1);

    let working = tokio::spawn(at_work(&bed, &presence, perform).run(stop.clone()));
    outage(&bed).await;
    until(&bed, "select count(*) from effect").await;
    assert_eq!(bed.counts().await, counterpart::jobs::Counts::default());
    stop.cancel();
    working.await.unwrap().unwrap();
}

async fn a_node_whose_ledger_hangs_stands_down_when_its_lease_is_over(bed: Bed) {
    let (clock, stop) = (Clock::system(), CancellationToken::new());
    let terms = Terms { lease_ms: 600, beat_ms: 150 };
    let (heartbeat, mut presence) = Heartbeat::begin_on(bed.ledger.clone(), clock, terms).await.unwrap();
    let beating = tokio::spawn(heartbeat.run(stop.clone()));
    let lost = presence.borrow().clone().unwrap().lost;

    let other = Ledger::open(&bed.url, 1).await.unwrap();
    let mut tx = other.begin().await.unwrap();
    sqlx::query("update node set version = version").execute(&mut *tx).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), lost.cancelled()).await.expect("it stands down");
    assert!(presence.borrow_and_update().is_none());

    drop(tx);
    other.close().await;
    let again = tokio::time::timeout(SOON, presence.wait_for(Option::is_some)).await;
    again.expect("it enters again").unwrap();
    // Nobody of those who gave up waiting has kept the ledger for himself.
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    stop.cancel();
    beating.await.unwrap().unwrap();
}

async fn a_transaction_given_up_before_it_had_begun_is_not_left_open(bed: Bed) {
    for _ in 0..20 {
        tokio::select! {
            biased;
            tx = bed.ledger.begin() => drop(tx.unwrap()),
            // Looked at once, and given up.
            () = std::future::ready(()) => {}
        }
    }
    // Whoever comes next, on whichever connection, is in no transaction: what
    // fails for him is forgotten, and what he writes is there at once.
    let connections = (0..4).map(|_| bed.ledger.read());
    for connection in futures_util::future::join_all(connections).await {
        let mut connection = connection.unwrap();
        assert!(sqlx::query("select nothing").execute(&mut *connection).await.is_err());
        let gone = sqlx::query("delete from node").execute(&mut *connection).await;
        assert!(gone.is_ok(), "in a transaction that is not its own: {gone:?}");
    }
    let other = Ledger::open(&bed.url, 1).await.unwrap();
    let saved = async {
        let mut tx = other.begin().await?;
        sqlx::query("delete from job").execute(&mut *tx).await?;
        tx.save().await
    };
    tokio::time::timeout(Duration::from_secs(5), saved).await.expect("nobody has a lock").unwrap();
    other.close().await;
}

/// On SQLite nobody can freeze while holding one row: there is one lock for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_freezes_in_the_middle_of_a_beat_does_not_hold_up_the_rescue_of_its_jobs() {
    let bed = Bed::postgres().await;
    let frozen = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    bed.claim(&frozen, 1).await;
    let mut tx = bed.ledger.begin().await.unwrap();
    let beat = format!("update node set lease_until = lease_until + 1 where id = '{}'", frozen.id());
    sqlx::query(AssertSqlSafe(beat)).execute(&mut *tx).await.unwrap();

    bed.clock.advance_ms(limits::NODE_LEASE_MS + 1);
    let swept = tokio::time::timeout(Duration::from_secs(10), sweep(&bed.ledger, bed.now())).await;
    assert_eq!(swept.expect("no waiting").unwrap(), Swept { released: 1, buried: 0 });
}
