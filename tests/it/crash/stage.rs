//! Where a play is given: a ledger of one's own on one of the engines, with the
//! tables in which victims leave their traces.

use std::time::Duration;

use counterpart::ledger::{Ledger, LedgerUrl, Tx};
use sqlx::AssertSqlSafe;
use tokio::time::Instant;

use super::victim::Casting;
use crate::postgres::{Database, fresh_database};

/// `wanted` counts the wishes for a subject, in the transactions that made
/// them. `attempt` is written before an attempt does anything, and saved by
/// itself; `beside` says how many jobs of the same host ran then. `effect` and
/// `step` are saved with what they are the effect of: `seen` is how many wishes
/// the attempt knew of when it began, `superseded` how many later attempts had
/// begun when it ended. No constraint keeps doubles out: they are what the
/// harness looks for.
const TABLES: [&str; 4] = [
    "create table wanted (subject text not null primary key, generation bigint not null)",
    "create table attempt (job bigint not null, fence bigint not null, holder text not null,
        subject text not null, beside bigint not null)",
    "create table effect (subject text not null, run bigint not null, job bigint not null,
        fence bigint not null, seen bigint not null, superseded bigint not null)",
    "create table step (subject text not null, run bigint not null, number bigint not null)",
];

pub struct Stage {
    pub engine: &'static str,
    pub url: LedgerUrl,
    text: String,
    room: Room,
}

enum Room {
    Directory(#[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir),
    Database(Box<Database>),
}

impl Stage {
    /// A place where no ledger has been made yet.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = format!("sqlite:{}", directory.path().join("ledger.sqlite").display());
        Self::on("SQLite", text, Room::Directory(directory))
    }

    pub async fn postgres() -> Self {
        let database = fresh_database().await;
        Self::on("PostgreSQL", database.url(), Room::Database(Box::new(database)))
    }

    fn on(engine: &'static str, text: String, room: Room) -> Self {
        Self { engine, url: LedgerUrl::parse(&text).unwrap(), text, room }
    }

    /// Its name on the server.
    pub fn database(&self) -> &str {
        match &self.room {
            Room::Database(database) => database.name(),
            Room::Directory(_) => panic!("SQLite has no server"),
        }
    }

    /// Makes the ledger and the tables of the play.
    pub async fn set(&self) {
        let ledger = Ledger::open(&self.url, 2).await.unwrap();
        let mut tx = ledger.begin().await.unwrap();
        for table in TABLES {
            sqlx::query(table).execute(&mut *tx).await.unwrap();
        }
        tx.save().await.unwrap();
        ledger.close().await;
    }

    /// The part of a victim that is quick to notice things: rescue within a
    /// test's time needs short leases, and a busy machine not too short ones.
    pub fn part(&self, name: &str) -> Casting {
        Casting {
            ledger: self.text.clone(),
            name: name.to_owned(),
            lease_ms: 1_500,
            beat_ms: 300,
            drain_ms: 300,
            workers: 6,
            wish: Vec::new(),
            keep_wishing: None,
            wishing_ms: None,
            crash_at: None,
        }
    }

    /// A part whose lease outlasts the play, however slow the machine.
    pub fn steady(&self, name: &str) -> Casting {
        Casting { lease_ms: 120_000, beat_ms: 5_000, ..self.part(name) }
    }

    /// The ledger as a bystander sees it.
    pub async fn ledger(&self) -> Ledger {
        Ledger::attach(&self.url).await.unwrap()
    }

    /// Waits until a count in the ledger is what it should be.
    pub async fn until(&self, what: &str, query: &str, expected: i64, within: Duration) {
        let ledger = self.ledger().await;
        let give_up_at = Instant::now() + within;
        loop {
            let count = number(&ledger, query).await;
            if count == expected {
                return ledger.close().await;
            }
            assert!(
                Instant::now() < give_up_at,
                "after {within:?} still not: {what}; `{query}` says {count}, not {expected}; jobs: {:#?}",
                jobs(&ledger).await
            );
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    pub async fn number(&self, query: &str) -> i64 {
        let ledger = self.ledger().await;
        let count = number(&ledger, query).await;
        ledger.close().await;
        count
    }
}

pub async fn run(tx: &mut Tx, text: &str) -> sqlx::Result<u64> {
    sqlx::query(AssertSqlSafe(text.to_owned())).execute(&mut **tx).await.map(|done| done.rows_affected())
}

async fn number(ledger: &Ledger, query: &str) -> i64 {
    let mut connection = ledger.read().await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut *connection).await.unwrap()
}

async fn jobs(ledger: &Ledger) -> Vec<counterpart::jobs::Job> {
    counterpart::jobs::list(&mut ledger.read().await.unwrap(), 20).await.unwrap()
}
