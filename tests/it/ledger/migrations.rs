//! Bringing the tables up to date: once, together, and never backwards.

use counterpart::ledger::{DataDirectory, DirectoryFault, Ledger, LedgerUrl, newest_known};

use super::{Bed, on_both_engines};

on_both_engines!(
    opening_again_changes_nothing,
    nodes_that_start_together_make_the_tables_once,
    a_ledger_that_a_newer_release_has_used_is_refused_and_left_alone,
    a_ledger_made_with_another_text_of_a_migration_is_refused,
);

async fn opening_again_changes_nothing(bed: Bed) {
    bed.run("insert into event (at, topic, subject, detail) values (1, 'a.b', 'c', '{}')").await.unwrap();
    let applied = bed.number("select count(*) from migration").await;
    let again = Ledger::open(&bed.url, 2).await.unwrap();
    assert_eq!(bed.number("select count(*) from migration").await, applied);
    assert_eq!(bed.number("select count(*) from event").await, 1);
    again.close().await;
}

async fn nodes_that_start_together_make_the_tables_once(bed: Bed) {
    // The bed's own ledger has its tables: begin again from nothing.
    for table in [
        "commit_log",
        "stream",
        "host",
        "gate",
        "gate_never",
        "event",
        "dead_letter",
        "job",
        "node",
        "migration",
    ] {
        bed.run(&format!("drop table {table}")).await.unwrap();
    }
    if bed.ledger.engine() == counterpart::ledger::Engine::Postgres {
        bed.run("drop function refuse_change").await.unwrap();
    }
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let url = bed.url.clone();
            tokio::spawn(async move { Ledger::open(&url, 2).await.map(|_| ()) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    assert_eq!(bed.number("select max(number) from migration").await, newest_known());
}

async fn a_ledger_that_a_newer_release_has_used_is_refused_and_left_alone(bed: Bed) {
    let newer = newest_known() + 1;
    bed.run(&format!("insert into migration (number, name, digest) values ({newer}, 'tomorrow', 'x')"))
        .await
        .unwrap();
    let fault = anyhow::Error::from(Ledger::open(&bed.url, 2).await.err().expect("refused"));
    let said = format!("{fault:#}");
    assert!(said.contains("newer release") && said.contains(&newer.to_string()), "{said}");
    assert_eq!(bed.number("select count(*) from migration").await, newer);
}

async fn a_ledger_made_with_another_text_of_a_migration_is_refused(bed: Bed) {
    bed.run("update migration set digest = 'another' where number = 1").await.unwrap();
    let fault = anyhow::Error::from(Ledger::open(&bed.url, 2).await.err().expect("refused"));
    assert!(format!("{fault:#}").contains("migration 1"), "{fault:#}");
}

#[test]
fn a_data_directory_belongs_to_one_node_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    let first = DataDirectory::lock(&path).unwrap();
    let second = DataDirectory::lock(&path).unwrap_err();
    assert!(matches!(second, DirectoryFault::Locked(_)), "{second}");
    drop(first);
    DataDirectory::lock(&path).unwrap();
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_one_clear_line_without_its_password() {
    let url = LedgerUrl::parse("postgres://alice:hunter2@127.0.0.1:1/ledger").unwrap();
    let fault = anyhow::Error::from(Ledger::open(&url, 2).await.err().expect("nobody listens there"));
    let said = format!("{fault:#}");
    assert!(said.contains("cannot reach the ledger at postgres://alice:***@127.0.0.1:1/ledger"), "{said}");
    assert!(!said.contains("hunter2"));
}
