//! Asking for work: in the caller's transaction, once, and never lost.

use counterpart::jobs::enqueue::{enqueue, enqueue_all};
use counterpart::jobs::{Counts, Ending, Request, settle};

use super::{Bed, SMALL, START, URGENT, on_both_engines, subjects};

on_both_engines!(
    a_wish_in_a_transaction_that_is_not_saved_was_never_made,
    two_wishes_for_one_thing_are_one_job,
    a_repeated_wish_writes_nothing,
    a_wish_during_a_run_means_one_more_run,
    a_more_urgent_wish_hastens_the_job_that_waits,
    a_wish_does_not_shorten_a_pause_that_a_host_asked_for,
    a_thousand_wishes_with_repetitions_are_each_kept_once,
    two_transactions_with_the_same_wishes_do_not_wait_for_each_other_in_a_circle,
    a_saved_wish_wakes_the_workers_of_this_process,
);

async fn a_wish_in_a_transaction_that_is_not_saved_was_never_made(bed: Bed) {
    let mut tx = bed.ledger.begin().await.unwrap();
    enqueue(&mut tx, Request::new(&SMALL, "alice", START), bed.now()).await.unwrap();
    drop(tx);
    assert_eq!(bed.counts().await, Counts::default());
}

async fn two_wishes_for_one_thing_are_one_job(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    bed.wish(vec![Request::new(&SMALL, "alice", START), Request::new(&URGENT, "alice", START)]).await;
    let leases = bed.claim(&holder, 10).await;
    let kinds: Vec<_> = leases.iter().map(|lease| lease.kind.as_str()).collect();
    assert_eq!(kinds, ["urgent", "small"]);
}

async fn a_repeated_wish_writes_nothing(bed: Bed) {
    let wish = || vec![Request::new(&SMALL, "alice", START), Request::new(&SMALL, "bob", START.plus_ms(5))];
    bed.wish(wish()).await;
    let version = "select cast(sum(due_at) + sum(priority) as bigint) from job";
    let before = (bed.number(version).await, bed.counts().await);
    bed.wish(wish()).await;
    assert_eq!((bed.number(version).await, bed.counts().await), before);
}

async fn a_wish_during_a_run_means_one_more_run(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let first = bed.claim(&holder, 1).await.remove(0);
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    assert!(bed.claim(&holder, 1).await.is_empty(), "it runs already");
    bed.finish(&first).await.unwrap();

    let second = bed.claim(&holder, 1).await.remove(0);
    assert_eq!(second.id, first.id);
    assert!(second.fence > first.fence);
    bed.finish(&second).await.unwrap();
    assert_eq!(bed.counts().await, Counts::default());
}

async fn a_more_urgent_wish_hastens_the_job_that_waits(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START.plus_ms(60_000))]).await;
    assert!(bed.claim(&holder, 1).await.is_empty());
    bed.wish(vec![Request { priority: 99, ..Request::new(&SMALL, "alice", START) }]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    assert_eq!((lease.priority, lease.due_at), (99, START));
}

async fn a_wish_does_not_shorten_a_pause_that_a_host_asked_for(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    let lease = bed.claim(&holder, 1).await.remove(0);
    let until = START.plus_ms(30_000);
    let ending = Ending::Defer { until, reason: "429, come back in 30 s".to_owned() };
    settle::settle(&bed.ledger, &bed.clock, &SMALL, &lease, ending).await.unwrap();

    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    assert!(bed.claim(&holder, 1).await.is_empty());
    bed.clock.advance_ms(29_999);
    assert!(bed.claim(&holder, 1).await.is_empty());
    bed.clock.advance_ms(1);
    let again = bed.claim(&holder, 1).await.remove(0);
    assert_eq!(again.attempts, 0, "being asked to wait is not a failure");
}

async fn a_thousand_wishes_with_repetitions_are_each_kept_once(bed: Bed) {
    let wishes = (0..1000).map(|n| Request::new(&SMALL, format!("account {}", n % 777), START)).collect();
    bed.wish(wishes).await;
    assert_eq!(bed.counts().await, Counts { ready: 777, ..Counts::default() });
}

async fn two_transactions_with_the_same_wishes_do_not_wait_for_each_other_in_a_circle(bed: Bed) {
    let names: Vec<String> = (0..200).map(|n| format!("account {n}")).collect();
    let forwards: Vec<_> = names.iter().map(|name| Request::new(&SMALL, name, START)).collect();
    let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
    let wish = |requests: Vec<Request>| {
        let ledger = bed.ledger.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                let mut tx = ledger.begin().await?;
                enqueue_all(&mut tx, requests.clone(), START).await?;
                tx.save().await?;
            }
            Ok::<(), sqlx::Error>(())
        })
    };
    let (one, other) = (wish(forwards), wish(backwards));
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(bed.counts().await.ready, 200);
}

async fn a_saved_wish_wakes_the_workers_of_this_process(bed: Bed) {
    let mut work = bed.ledger.watch_work();
    let worker = tokio::spawn(async move { work.changed().await });
    bed.wish(vec![Request::new(&SMALL, "alice", START)]).await;
    tokio::time::timeout(std::time::Duration::from_secs(10), worker).await.expect("woken").unwrap().unwrap();
    let holder = bed.holder().await;
    assert_eq!(subjects(&bed.claim(&holder, 1).await), ["alice"]);
}
