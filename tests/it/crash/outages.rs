//! A PostgreSQL that throws everybody out, again and again, while they work.

use std::io::Write;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::evidence::Evidence;
use super::judge::{crimes, unrest};
use super::oracle::Oracle;
use super::stage::Stage;
use super::victim::Victim;
use crate::postgres::url;

const TERMINATIONS: u32 = 8;

const EVERY: Duration = Duration::from_millis(500);

/// Ends every session that victims have on one database.
const TERMINATE: &str = "
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = $1 and application_name = 'counterpart'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_cut_off_at_any_moment_lose_nothing_and_double_nothing() {
    let stage = Stage::postgres().await;
    stage.set().await;
    let wishing_ms = u64::from(TERMINATIONS) * EVERY.as_millis() as u64;
    let victims: Vec<_> = (0..2u64)
        .map(|seed| {
            let mut part = stage.part(&format!("v{seed}"));
            (part.keep_wishing, part.wishing_ms) = (Some(seed), Some(wishing_ms));
            part.start()
        })
        .collect();
    victims.iter().for_each(Victim::wait_for_standing);

    let terminated = cut_off(stage.database()).await;
    // They themselves must find their way: whoever leaves gives everything back.
    stage.until("no job left", "select count(*) from job", 0, Duration::from_secs(60)).await;
    let mut oracle = Oracle::default();
    for victim in victims {
        oracle.remember(&victim.stop(Duration::from_secs(30)));
    }
    let ledger = stage.ledger().await;
    let evidence = Evidence::read(&ledger).await.unwrap();
    ledger.close().await;
    assert_eq!(crimes(&evidence, &oracle), [""; 0]);
    assert_eq!(unrest(&evidence), [""; 0]);
    let summary = format!(
        "{terminated} sessions cut off on PostgreSQL: {} wishes, {} attempts, {} effects and {} dead letters \
         checked: none lost, none doubled\n",
        evidence.wanted.values().sum::<i64>(),
        evidence.attempts.len(),
        evidence.effects.len(),
        evidence.letters.len(),
    );
    let _ = std::io::stderr().lock().write_all(summary.as_bytes());
    assert!(evidence.effects.len() > 20, "hardly anything happened");
}

async fn cut_off(database: &str) -> i64 {
    let mut terminator = PgConnection::connect(&url()).await.unwrap();
    let mut terminated = 0;
    for _ in 0..TERMINATIONS {
        tokio::time::sleep(EVERY).await;
        let cut = sqlx::query_scalar::<_, i64>(TERMINATE).bind(database).fetch_one(&mut terminator);
        terminated += cut.await.unwrap();
    }
    assert!(terminated >= i64::from(TERMINATIONS), "only {terminated} sessions were there to be cut off");
    terminated
}
