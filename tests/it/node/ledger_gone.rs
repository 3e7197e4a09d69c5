//! The database goes away under a running node, and comes back.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::child::{Node, SOON};
use crate::postgres::{fresh_database, url};

#[tokio::test]
async fn health_says_so_while_the_ledger_is_gone_and_the_node_lives_on() {
    let database = fresh_database().await;
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), &["--ledger", &database.url()]);
    wait_for_health(&node, 200).await;

    let mut admin = PgConnection::connect(&url()).await.unwrap();
    let name = database.name();
    admin.execute(AssertSqlSafe(format!("alter database {name} allow_connections false"))).await.unwrap();
    let ends = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
    admin.execute(AssertSqlSafe(ends)).await.unwrap();
    wait_for_health(&node, 503).await;

    admin.execute(AssertSqlSafe(format!("alter database {name} allow_connections true"))).await.unwrap();
    wait_for_health(&node, 200).await;
    node.terminate();
    let (status, log) = node.ended();
    assert!(status.success(), "{log}");
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from node").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0, "it left the ledger in order");
}

async fn wait_for_health(node: &Node, wanted: u16) {
    let client = reqwest::Client::new();
    let deadline = Instant::now() + SOON;
    loop {
        let health = client.get(format!("{}/xrpc/_health", node.url)).send().await.unwrap();
        if health.status() == wanted {
            let body: serde_json::Value = health.json().await.unwrap();
            assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
            assert_eq!(body.get("error").is_some(), wanted == 503);
            return;
        }
        assert!(Instant::now() < deadline, "still {} instead of {wanted}", health.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
