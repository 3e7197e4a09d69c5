//! Our engine, through the functions a node calls, on either engine.

use std::sync::Arc;

use anyhow::Result;
use counterpart::clock::{Clock, Stopwatch};
use counterpart::jobs::claim::{Appetite, claim};
use counterpart::jobs::enqueue::{enqueue, enqueue_all};
use counterpart::jobs::holder::Holder;
use counterpart::jobs::{self, Duty, Lane, Lease, Request, settle};
use counterpart::ledger::{Engine, Ledger, LedgerUrl};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use crate::meter::Meter;
use crate::{BATCH, Drained, Mode, WORKERS};

pub const DUTY: Duty =
    Duty { kind: "bench", lane: Lane::Small, priority: 50, deadline_ms: 600_000, attempts_max: 3 };

pub const DUTIES: &[&Duty] = &[&DUTY];

#[derive(Clone)]
pub struct Ours {
    ledger: Ledger,
    clock: Clock,
    holder: Arc<Holder>,
    /// For reading WAL positions; takes no part in the work.
    beside: Option<PgPool>,
}

impl Ours {
    pub async fn open(url: &LedgerUrl) -> Result<Self> {
        let ledger = Ledger::open(url, WORKERS as u32).await?;
        let clock = Clock::system();
        let (holder, _) = Holder::register(&ledger, &clock).await?;
        let beside = match url {
            LedgerUrl::Sqlite(_) => None,
            LedgerUrl::Postgres(url) => Some(PgPoolOptions::new().max_connections(1).connect(url).await?),
        };
        Ok(Self { ledger, clock, holder: Arc::new(holder), beside })
    }

    pub fn name(&self) -> &'static str {
        match self.ledger.engine() {
            Engine::Postgres => "counterpart",
            Engine::Sqlite => "counterpart on SQLite",
        }
    }

    pub fn meter(&self) -> Meter {
        self.beside.as_ref().map_or_else(Meter::of_time, Meter::of_postgres)
    }

    pub async fn wish(&self, requests: Vec<Request>) -> Result<()> {
        let mut tx = self.ledger.begin().await?;
        enqueue_all(&mut tx, requests, self.clock.now()).await?;
        Ok(tx.save().await?)
    }

    pub fn request(&self, subject: String) -> Request {
        Request::new(&DUTY, subject, self.clock.now())
    }

    pub async fn claim(&self, jobs_max: usize) -> Result<Vec<Lease>> {
        let appetite = Appetite { lane: Lane::Small, jobs_max: jobs_max as u32, per_host_max: 2 };
        let claimed = claim(&self.ledger, &self.holder, DUTIES, appetite, self.clock.now()).await?;
        Ok(claimed.into_iter().map(|(lease, _)| lease).collect())
    }

    pub async fn finish(&self, leases: &[Lease]) -> Result<()> {
        let tx = self.ledger.begin().await?;
        settle::finish_all(tx, leases, self.clock.now()).await?;
        Ok(())
    }

    pub async fn enqueue(&self, mode: Mode, jobs: usize) -> Result<()> {
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let ours = self.clone();
            let requests: Vec<_> = subjects(worker, jobs).map(|subject| ours.request(subject)).collect();
            workers.spawn(async move {
                match mode {
                    Mode::Single => {
                        for request in requests {
                            let mut tx = ours.ledger.begin().await?;
                            enqueue(&mut tx, request, ours.clock.now()).await?;
                            tx.save().await?;
                        }
                    }
                    Mode::Batch => {
                        for requests in requests.chunks(BATCH) {
                            ours.wish(requests.to_vec()).await?;
                        }
                    }
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = workers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// As a node does it: one claim for all workers that are free, and each
    /// worker finishes its share in a transaction of its own.
    pub async fn drain(&self, mode: Mode) -> Result<Drained> {
        let watch = Stopwatch::start();
        let share = match mode {
            Mode::Single => 1,
            Mode::Batch => BATCH,
        };
        let (mut workers, mut done, mut more) = (JoinSet::new(), 0, true);
        loop {
            while let Some(ended) = workers.try_join_next() {
                done += ended??;
            }
            if more && workers.len() < WORKERS {
                let leases = self.claim((WORKERS - workers.len()) * share).await?;
                more = !leases.is_empty();
                for leases in leases.chunks(share) {
                    let (ours, leases) = (self.clone(), leases.to_vec());
                    workers.spawn(async move { ours.finish(&leases).await.map(|()| leases.len()) });
                }
            } else if let Some(ended) = workers.join_next().await {
                done += ended??;
            } else {
                return Ok(Drained { jobs: done, took: watch.elapsed() });
            }
        }
    }

    pub async fn left(&self) -> Result<i64> {
        let counts = jobs::counts(&mut *self.ledger.read().await?).await?;
        Ok(counts.later + counts.ready + counts.running + counts.dead)
    }
}

/// What one worker asks for: its share of `jobs`.
pub fn subjects(worker: usize, jobs: usize) -> impl Iterator<Item = String> {
    let share = jobs / WORKERS;
    (worker * share..(worker + 1) * share).map(|number| format!("did:plc:bench{number:019}"))
}
