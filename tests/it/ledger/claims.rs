//! Taking work: the right jobs, in the right order, never one job twice.

use std::collections::BTreeMap;

use counterpart::jobs::claim::Appetite;
use counterpart::jobs::{Counts, Duty, Lane, Request};

use super::{Bed, GIANT, SMALL, START, URGENT, on_both_engines, subjects};

on_both_engines!(
    the_most_urgent_is_taken_first_and_then_the_longest_due,
    what_is_not_due_is_not_taken,
    a_host_never_has_more_running_than_it_may,
    a_long_queue_for_one_host_does_not_hide_the_others,
    the_cap_of_a_host_counts_both_lanes,
    large_work_has_a_lane_of_its_own,
    claims_at_the_same_time_share_no_job_and_miss_none,
    claims_at_the_same_time_keep_to_the_cap_of_a_host,
    work_of_an_unknown_kind_is_left_for_newer_nodes,
);

async fn the_most_urgent_is_taken_first_and_then_the_longest_due(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![
        Request::new(&SMALL, "third", START.minus_ms(10)),
        Request::new(&SMALL, "fourth", START.minus_ms(5)),
        Request::new(&URGENT, "second", START),
        Request::new(&URGENT, "first", START.minus_ms(1)),
    ])
    .await;
    assert_eq!(subjects(&bed.claim(&holder, 3).await), ["first", "second", "third"]);
    assert_eq!(subjects(&bed.claim(&holder, 3).await), ["fourth"]);
}

async fn what_is_not_due_is_not_taken(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&URGENT, "tomorrow", START.plus_ms(1)), Request::new(&SMALL, "now", START)])
        .await;
    assert_eq!(subjects(&bed.claim(&holder, 9).await), ["now"]);
    bed.clock.advance_ms(1);
    assert_eq!(subjects(&bed.claim(&holder, 9).await), ["tomorrow"]);
}

fn at_host(n: usize, host: &str) -> Request {
    Request::new(&SMALL, format!("{host} {n:04}"), START).talking_to(host)
}

async fn a_host_never_has_more_running_than_it_may(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish((0..5).flat_map(|n| [at_host(n, "a.test"), at_host(n, "b.test")]).collect()).await;
    let first = bed.claim(&holder, 9).await;
    assert_eq!(subjects(&first), ["a.test 0000", "a.test 0001", "b.test 0000", "b.test 0001"]);
    assert!(bed.claim(&holder, 9).await.is_empty());
    bed.finish(&first[0]).await.unwrap();
    assert_eq!(subjects(&bed.claim(&holder, 9).await), ["a.test 0002"]);
}

async fn a_long_queue_for_one_host_does_not_hide_the_others(bed: Bed) {
    let holder = bed.holder().await;
    let mut wishes: Vec<_> = (0..2_000).map(|n| at_host(n, "huge.test")).collect();
    for wish in &mut wishes {
        wish.priority = 99;
    }
    wishes.extend([at_host(0, "tiny.test"), Request::new(&SMALL, "nobody's", START)]);
    bed.wish(wishes).await;
    assert_eq!(bed.claim(&holder, 2).await.len(), 2);
    // The host with the urgent queue is full; the others have their turn.
    assert_eq!(subjects(&bed.claim(&holder, 9).await), ["nobody's", "tiny.test 0000"]);
}

async fn the_cap_of_a_host_counts_both_lanes(bed: Bed) {
    let holder = bed.holder().await;
    let giant = |n: u32| Request::new(&GIANT, format!("giant {n}"), START).talking_to("a.test");
    bed.wish(vec![at_host(0, "a.test"), giant(0), giant(1)]).await;
    assert_eq!(bed.claim(&holder, 9).await.len(), 1);
    let large = Appetite { lane: Lane::Large, jobs_max: 9, per_host_max: 2 };
    assert_eq!(bed.claim_from(&holder, large).await.len(), 1);
}

async fn large_work_has_a_lane_of_its_own(bed: Bed) {
    let holder = bed.holder().await;
    bed.wish(vec![
        Request::new(&GIANT, "giant", START),
        Request::new(&SMALL, "moved", START).in_lane(Lane::Large),
        Request::new(&SMALL, "small", START),
    ])
    .await;
    assert_eq!(subjects(&bed.claim(&holder, 9).await), ["small"]);
    let large = Appetite { lane: Lane::Large, jobs_max: 9, per_host_max: 2 };
    assert_eq!(subjects(&bed.claim_from(&holder, large).await), ["giant", "moved"]);
}

async fn claims_at_the_same_time_share_no_job_and_miss_none(bed: Bed) {
    bed.wish((0..400).map(|n| Request::new(&SMALL, format!("account {n}"), START)).collect()).await;
    let bed = std::sync::Arc::new(bed);
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let bed = std::sync::Arc::clone(&bed);
            tokio::spawn(async move {
                let holder = bed.holder().await;
                let mut taken = Vec::new();
                loop {
                    let leases = bed.claim(&holder, 7).await;
                    if leases.is_empty() {
                        return taken;
                    }
                    taken.extend(leases.into_iter().map(|lease| lease.subject));
                }
            })
        })
        .collect();
    let mut taken = Vec::new();
    for claimer in claimers {
        taken.extend(claimer.await.unwrap());
    }
    taken.sort();
    let all = taken.len();
    taken.dedup();
    assert_eq!((all, taken.len()), (400, 400));
}

async fn claims_at_the_same_time_keep_to_the_cap_of_a_host(bed: Bed) {
    bed.wish(
        (0..50).flat_map(|n| [at_host(n, "a.test"), at_host(n, "b.test"), at_host(n, "c.test")]).collect(),
    )
    .await;
    let bed = std::sync::Arc::new(bed);
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let bed = std::sync::Arc::clone(&bed);
            tokio::spawn(async move {
                let holder = bed.holder().await;
                let mut taken = Vec::new();
                for _ in 0..10 {
                    taken.extend(bed.claim(&holder, 3).await);
                }
                taken
            })
        })
        .collect();
    let mut running: BTreeMap<String, u32> = BTreeMap::new();
    for claimer in claimers {
        for lease in claimer.await.unwrap() {
            *running.entry(lease.host).or_default() += 1;
        }
    }
    let expected = ["a.test", "b.test", "c.test"].map(|host| (host.to_owned(), 2));
    assert_eq!(running, BTreeMap::from(expected));
}

async fn work_of_an_unknown_kind_is_left_for_newer_nodes(bed: Bed) {
    const NEWER: Duty = Duty { kind: "of-a-newer-release", ..SMALL };
    let holder = bed.holder().await;
    bed.wish(vec![Request::new(&NEWER, "alice", START)]).await;
    assert!(bed.claim(&holder, 9).await.is_empty());
    assert_eq!(bed.counts().await, Counts { later: 1, ..Counts::default() });
}
