//! The fear: a world whose nodes do nothing, or whose end hides what they left.

use counterpart::jobs::claim::{Appetite, claim};
use counterpart::jobs::enqueue::enqueue;
use counterpart::jobs::{Lane, Request};
use counterpart::ledger::event;
use counterpart::node::chores::{DUTIES, PRUNE};
use serde_json::json;

use super::World;
use super::node::KEEP_EVENTS_DAYS;
use crate::ledger::{Bed, on_both_engines};

on_both_engines!(
    nodes_do_what_is_due_and_nothing_before,
    two_nodes_share_the_work_and_do_it_once,
    a_world_that_ends_with_a_lease_held_says_so,
    a_world_that_ends_with_work_undone_says_so,
);

const DAY_MS: u64 = 86_400_000;

async fn remember(world: &World, subject: &str) {
    let mut tx = world.bed().ledger.begin().await.unwrap();
    event::record(&mut tx, world.clock.now(), "test.happened", subject, &json!({})).await.unwrap();
    tx.save().await.unwrap();
}

async fn nodes_do_what_is_due_and_nothing_before(bed: Bed) {
    let mut world = World::new(1).node().start_on(bed).await;
    remember(&world, "long ago").await;
    assert_eq!(world.settle().await, 0, "pruning is for tomorrow");
    assert_eq!(world.bed().counts().await.later, 1);

    world.clock.advance_ms(DAY_MS);
    assert_eq!(world.settle().await, 1);
    assert_eq!(world.bed().number("select count(*) from event").await, 1, "young enough to stay");

    world.clock.advance_ms(KEEP_EVENTS_DAYS * DAY_MS);
    remember(&world, "today").await;
    assert_eq!(world.settle().await, 1, "however long the node was away, one pruning is enough");
    assert_eq!(world.bed().number("select count(*) from event").await, 1);
    assert_eq!(world.bed().number("select count(*) from event where subject = 'today'").await, 1);
}

async fn two_nodes_share_the_work_and_do_it_once(bed: Bed) {
    let mut world = World::new(2).node().node().start_on(bed).await;
    assert_eq!(world.settle().await, 0);
    for _ in 0..5 {
        world.clock.advance_ms(DAY_MS);
        assert_eq!(world.settle().await, 1, "there is one pruning a day, however many nodes");
    }
    assert_eq!(world.settle().await, 0);
}

/// Ends the world and says what its end complained of.
async fn end(world: World) -> String {
    let ended = tokio::task::spawn_blocking(move || drop(world)).await;
    let panic = ended.expect_err("the world ended without a word").into_panic();
    panic.downcast_ref::<String>().expect("a message").clone()
}

async fn a_world_that_ends_with_a_lease_held_says_so(bed: Bed) {
    let world = World::new(3).node().start_on(bed).await;
    let now = world.clock.now();
    let mut tx = world.bed().ledger.begin().await.unwrap();
    enqueue(&mut tx, Request::new(&PRUNE, "events", now), now).await.unwrap();
    tx.save().await.unwrap();
    let holder = world.bed().holder().await;
    let appetite = Appetite { lane: Lane::Small, jobs_max: 1, per_host_max: 1 };
    let leases = claim(&world.bed().ledger, &holder, DUTIES, appetite, now).await.unwrap();
    assert_eq!(leases.len(), 1);
    let complaint = end(world).await;
    assert!(complaint.contains("prune of events is still held by"), "{complaint}");
}

async fn a_world_that_ends_with_work_undone_says_so(bed: Bed) {
    let mut world = World::new(4).node().start_on(bed).await;
    assert_eq!(world.settle().await, 0);
    world.clock.advance_ms(DAY_MS);
    let complaint = end(world).await;
    assert!(complaint.contains("prune of events was due at"), "{complaint}");
}
