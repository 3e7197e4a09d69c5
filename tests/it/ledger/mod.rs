//! The conformance suite: each test runs on SQLite and on PostgreSQL, in a
//! ledger of its own. What holds on one engine and not on the other is a bug,
//! not a difference.

mod append_only;
mod claims;
mod engines_agree;
mod leases;
mod letters;
mod migrations;
mod uniqueness;
mod values;
mod wishes;

use counterpart::clock::{Clock, Moment};
use counterpart::jobs::claim::{Appetite, claim};
use counterpart::jobs::enqueue::enqueue_all;
use counterpart::jobs::holder::Holder;
use counterpart::jobs::{self, Counts, Duty, Lane, Lease, Request, settle};
use counterpart::ledger::{Ledger, LedgerUrl};
use sqlx::AssertSqlSafe;

use crate::postgres::{Database, fresh_database};

/// Makes one test for each engine out of each named function.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::ledger::Bed::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::ledger::Bed::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both_engines;

/// A ledger of one's own, with time that stands still.
pub struct Bed {
    pub ledger: Ledger,
    pub clock: Clock,
    pub url: LedgerUrl,
    _room: Room,
}

enum Room {
    Directory(#[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir),
    Database(#[expect(dead_code, reason = "removed when dropped")] Database),
}

pub const START: Moment = Moment::from_micros(1_800_000_000_000_000);

pub const SMALL: Duty =
    Duty { kind: "small", lane: Lane::Small, priority: 50, deadline_ms: 60_000, attempts_max: 3 };

pub const URGENT: Duty = Duty { kind: "urgent", priority: 90, ..SMALL };

pub const GIANT: Duty = Duty { kind: "giant", lane: Lane::Large, ..SMALL };

pub const DUTIES: &[&Duty] = &[&SMALL, &URGENT, &GIANT];

impl Bed {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = LedgerUrl::in_directory(directory.path());
        Self::open(url, Room::Directory(directory)).await
    }

    pub async fn postgres() -> Self {
        let database = fresh_database().await;
        let url = LedgerUrl::parse(&database.url()).unwrap();
        Self::open(url, Room::Database(database)).await
    }

    async fn open(url: LedgerUrl, room: Room) -> Self {
        let ledger = Ledger::open(&url, 4).await.unwrap();
        Self { ledger, clock: Clock::manual(START, 7), url, _room: room }
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    pub async fn holder(&self) -> Holder {
        Holder::register(&self.ledger, &self.clock).await.unwrap().0
    }

    pub async fn wish(&self, requests: Vec<Request>) {
        let mut tx = self.ledger.begin().await.unwrap();
        enqueue_all(&mut tx, requests, self.now()).await.unwrap();
        tx.save().await.unwrap();
    }

    pub async fn claim(&self, holder: &Holder, jobs_max: u32) -> Vec<Lease> {
        self.claim_from(holder, Appetite { lane: Lane::Small, jobs_max, per_host_max: 2 }).await
    }

    pub async fn claim_from(&self, holder: &Holder, appetite: Appetite) -> Vec<Lease> {
        let claimed = claim(&self.ledger, holder, DUTIES, appetite, self.now()).await.unwrap();
        claimed.into_iter().map(|(lease, _)| lease).collect()
    }

    pub async fn finish(&self, lease: &Lease) -> Result<settle::Finished, settle::SettleFault> {
        let tx = self.ledger.begin().await.unwrap();
        settle::finish(tx, lease, self.now()).await
    }

    pub async fn counts(&self) -> Counts {
        jobs::counts(&mut *self.ledger.read().await.unwrap()).await.unwrap()
    }

    /// Runs a statement of the test's own and says what the ledger made of it.
    pub async fn run(&self, text: &str) -> sqlx::Result<u64> {
        let mut tx = self.ledger.begin().await?;
        let done = sqlx::query(AssertSqlSafe(text.to_owned())).execute(&mut *tx).await?.rows_affected();
        tx.save().await?;
        Ok(done)
    }

    pub async fn number(&self, text: &str) -> i64 {
        let mut connection = self.ledger.read().await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(text.to_owned())).fetch_one(&mut *connection).await.unwrap()
    }
}

pub fn subjects(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|lease| lease.subject.as_str()).collect()
}
