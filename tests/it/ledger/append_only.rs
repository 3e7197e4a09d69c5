//! Tables that only grow: history cannot be changed, and leaves only through a gate.

use counterpart::ledger::gate::{self, AppendOnly};
use counterpart::ledger::{Engine, event};
use serde_json::json;

use super::{Bed, START, on_both_engines};

on_both_engines!(
    history_cannot_be_changed,
    history_cannot_be_deleted,
    history_cannot_be_replaced_or_truncated,
    a_gate_lets_deletes_through_on_its_own_table_only,
    a_gate_that_is_left_open_cannot_be_saved,
    pruning_forgets_the_oldest_and_closes_its_gate,
);

async fn fill(bed: &Bed) {
    for n in 1..=3 {
        let mut tx = bed.ledger.begin().await.unwrap();
        event::record(&mut tx, START.plus_ms(n), "link.live", "did:plc:alice", &json!({ "n": n }))
            .await
            .unwrap();
        tx.save().await.unwrap();
    }
    bed.run(
        "insert into commit_log (did, rev, commit_cid, data_cid, since, prev_data_cid, ops, outcome, received_at)
         values ('did:plc:alice', '3k1', 'bafy1', 'bafy2', '', '', '[]', 'applied', 1)",
    )
    .await
    .unwrap();
}

fn refused(result: sqlx::Result<u64>) -> bool {
    result.unwrap_err().to_string().contains("is append-only")
}

async fn history_cannot_be_changed(bed: Bed) {
    fill(&bed).await;
    assert!(refused(bed.run("update event set detail = 'forged'").await));
    assert!(refused(bed.run("update event set at = at where id = 1").await));
    assert!(refused(bed.run("update commit_log set outcome = 'invalid'").await));
    let upsert = "insert into event (id, at, topic, subject, detail) values (1, 1, 'a.b', 'x', '')
                  on conflict (id) do update set detail = 'forged'";
    assert!(refused(bed.run(upsert).await));
    assert_eq!(bed.number("select count(*) from event where detail = 'forged'").await, 0);
}

async fn history_cannot_be_deleted(bed: Bed) {
    fill(&bed).await;
    for table in AppendOnly::ALL {
        assert!(refused(bed.run(&format!("delete from {}", table.table())).await));
    }
    assert_eq!(bed.number("select count(*) from event").await, 3);
    assert_eq!(bed.number("select count(*) from commit_log").await, 1);
}

async fn history_cannot_be_replaced_or_truncated(bed: Bed) {
    fill(&bed).await;
    let around = match bed.ledger.engine() {
        Engine::Sqlite => {
            "insert or replace into event (id, at, topic, subject, detail) values (1, 1, 'a.b', 'x', '')"
        }
        Engine::Postgres => "truncate event",
    };
    assert!(refused(bed.run(around).await));
    assert_eq!(bed.number("select count(*) from event where subject = 'did:plc:alice'").await, 3);
}

async fn a_gate_lets_deletes_through_on_its_own_table_only(bed: Bed) {
    fill(&bed).await;
    let mut tx = bed.ledger.begin().await.unwrap();
    gate::open(&mut tx, AppendOnly::Event).await.unwrap();
    let gone = sqlx::query("delete from event where id = 1").execute(&mut *tx).await.unwrap();
    assert_eq!(gone.rows_affected(), 1);
    gate::close(&mut tx, AppendOnly::Event).await.unwrap();
    tx.save().await.unwrap();
    assert_eq!(bed.number("select count(*) from event").await, 2);

    let mut tx = bed.ledger.begin().await.unwrap();
    gate::open(&mut tx, AppendOnly::Event).await.unwrap();
    let other = sqlx::query("delete from commit_log").execute(&mut *tx).await.unwrap_err();
    assert!(other.to_string().contains("commit_log is append-only"), "{other}");
    drop(tx);

    let mut tx = bed.ledger.begin().await.unwrap();
    gate::open(&mut tx, AppendOnly::Event).await.unwrap();
    let change = sqlx::query("update event set detail = ''").execute(&mut *tx).await.unwrap_err();
    assert!(change.to_string().contains("never changed"), "{change}");
}

async fn a_gate_that_is_left_open_cannot_be_saved(bed: Bed) {
    fill(&bed).await;
    let mut tx = bed.ledger.begin().await.unwrap();
    gate::open(&mut tx, AppendOnly::Event).await.unwrap();
    sqlx::query("delete from event").execute(&mut *tx).await.unwrap();
    tx.save().await.unwrap_err();
    assert_eq!(bed.number("select count(*) from event").await, 3);
    assert_eq!(bed.number("select count(*) from gate").await, 0);
}

async fn pruning_forgets_the_oldest_and_closes_its_gate(bed: Bed) {
    fill(&bed).await;
    let mut tx = bed.ledger.begin().await.unwrap();
    assert_eq!(event::prune(&mut tx, START.plus_ms(3), 1).await.unwrap(), 1);
    assert_eq!(event::prune(&mut tx, START.plus_ms(3), 9).await.unwrap(), 1);
    tx.save().await.unwrap();
    assert_eq!(bed.number("select min(id) from event").await, 3);
    assert!(refused(bed.run("delete from event").await));
}
