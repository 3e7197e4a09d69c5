//! Being asked to stop: what is nearly done is finished, what is not is given
//! back, and neither takes longer than the node was told to wait.

use std::time::{Duration, Instant};

use super::stage::Stage;

const DRAIN_MS: u64 = 1_500;

/// Beyond the drain: giving back, closing, and a slow machine.
const MARGIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_stop_a_node_drains_and_gives_back_on_sqlite() {
    drains_and_gives_back(Stage::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_stop_a_node_drains_and_gives_back_on_postgres() {
    drains_and_gives_back(Stage::postgres().await).await;
}

async fn drains_and_gives_back(stage: Stage) {
    stage.set().await;
    let mut part = stage.steady("leaver").wish(&["short.slow", "long.endless"]);
    part.drain_ms = DRAIN_MS;
    let leaver = part.start();
    let begun = "select count(*) from attempt";
    stage.until("both are under way", begun, 2, Duration::from_secs(20)).await;

    let asked_at = Instant::now();
    leaver.stop(Duration::from_millis(DRAIN_MS) + MARGIN);
    let took = asked_at.elapsed();
    assert!(took >= Duration::from_millis(DRAIN_MS), "it gave up after {took:?} what it had time for");

    assert_eq!(stage.number("select count(*) from effect where subject = 'short.slow'").await, 1);
    let given_back = "select count(*) from job where subject = 'long.endless' and state = 'ready' \
                      and holder = '' and attempts = 0 and rescues = 0";
    assert_eq!(stage.number(given_back).await, 1, "the long one is given back and costs it nothing");
    assert_eq!(stage.number("select count(*) from job").await, 1);
    assert_eq!(stage.number("select count(*) from node").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_nothing_to_do_stops_at_once() {
    let stage = Stage::sqlite();
    stage.set().await;
    let mut part = stage.steady("idle");
    part.drain_ms = 60_000;
    let idle = part.start();
    idle.wait_for_standing();
    idle.stop(MARGIN);
    assert_eq!(stage.number("select count(*) from node").await, 0);
}
