//! What our job engine costs beside its peers, in one run on one cluster.
//!
//! Jobs are enqueued, claimed and completed by eight workers on eight
//! connections: raw SQL (the ceiling), `graphile_worker` (the peer) and ours,
//! one after another in several rounds, so that the noise of the machine falls
//! on all of them. It prints one table; what the numbers should be is said in
//! the last column and decides nothing here.

#![expect(clippy::disallowed_methods, reason = "a bench reads the environment and spawns its own workers")]

mod cluster;
mod crowd;
mod graphile;
mod meter;
mod ours;
mod raw;
mod table;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use counterpart::clock::Stopwatch;
use counterpart::ledger::LedgerUrl;

use cluster::Cluster;
use graphile::Graphile;
use meter::{Meter, Reading};
use ours::Ours;
use raw::Raw;

/// Workers of each contender, and its connections.
pub const WORKERS: usize = 8;

/// Jobs in one statement of the batch mode.
pub const BATCH: usize = 64;

/// How jobs travel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One job for each transaction that enqueues, claims or completes.
    Single,
    /// Up to `BATCH` jobs for each.
    Batch,
}

/// What was claimed and completed, and how long that took, without the time
/// that a runner takes to start and stop.
pub struct Drained {
    pub jobs: usize,
    pub took: Duration,
}

/// How much is measured.
pub struct Sizes {
    pub rounds: usize,
    pub single: usize,
    pub batch: usize,
    pub backlog: usize,
    pub claims: usize,
}

const SHORT: Sizes = Sizes { rounds: 5, single: 1_024, batch: 8_192, backlog: 100_000, claims: 150 };
const LONG: Sizes = Sizes { rounds: 15, single: 8_192, batch: 65_536, backlog: 100_000, claims: 1_000 };

enum Contender {
    Raw(Raw),
    Graphile(Graphile),
    Ours(Ours),
}

impl Contender {
    fn name(&self) -> &'static str {
        match self {
            Self::Raw(_) => "raw SQL",
            Self::Graphile(_) => "graphile_worker",
            Self::Ours(ours) => ours.name(),
        }
    }

    fn meter(&self) -> Meter {
        match self {
            Self::Raw(raw) => Meter::of_postgres(raw.pool()),
            Self::Graphile(graphile) => Meter::of_postgres(graphile.pool()),
            Self::Ours(ours) => ours.meter(),
        }
    }

    async fn enqueue(&self, mode: Mode, jobs: usize) -> Result<()> {
        match self {
            Self::Raw(raw) => raw.enqueue(mode, jobs).await,
            Self::Graphile(graphile) => graphile.enqueue(mode, jobs).await,
            Self::Ours(ours) => ours.enqueue(mode, jobs).await,
        }
    }

    /// Claims and completes whatever there is.
    async fn drain(&self, mode: Mode, jobs: usize) -> Result<Drained> {
        match self {
            Self::Raw(raw) => raw.drain(mode).await,
            Self::Graphile(graphile) => graphile.drain(mode, jobs).await,
            Self::Ours(ours) => ours.drain(mode).await,
        }
    }

    async fn left(&self) -> Result<i64> {
        match self {
            Self::Raw(raw) => raw.left().await,
            Self::Graphile(graphile) => graphile.left().await,
            Self::Ours(ours) => ours.left().await,
        }
    }

    async fn measure(&self, mode: Mode, jobs: usize) -> Result<Reading> {
        let meter = self.meter();
        let start = meter.start().await?;
        let watch = Stopwatch::start();
        self.enqueue(mode, jobs).await.with_context(|| format!("{} cannot enqueue", self.name()))?;
        let enqueue = watch.elapsed();
        let Drained { jobs: done, took } =
            self.drain(mode, jobs).await.with_context(|| format!("{} cannot drain", self.name()))?;
        let reading = start.read(&meter, jobs, enqueue, took).await?;
        // A number for work that was not done would be worth nothing.
        ensure!(done == jobs, "{} completed {done} of {jobs} jobs", self.name());
        ensure!(self.left().await? == 0, "{} left jobs behind", self.name());
        meter.tidy().await?;
        Ok(reading)
    }
}

fn main() -> Result<()> {
    let long = std::env::var_os("COUNTERPART_BENCH_LONG").is_some_and(|value| value == "1");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(if long { LONG } else { SHORT }))
}

async fn run(sizes: Sizes) -> Result<()> {
    let cluster = Cluster::take()?;
    let directory = tempfile::tempdir()?;
    let contenders = [
        Contender::Raw(Raw::open(&cluster.database("raw").await?).await?),
        Contender::Graphile(Graphile::open(&cluster.database("graphile").await?).await?),
        Contender::Ours(Ours::open(&LedgerUrl::parse(&cluster.database("ours").await?)?).await?),
        Contender::Ours(Ours::open(&LedgerUrl::in_directory(directory.path())).await?),
    ];
    table::head(&sizes);
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wants = |section: &str| wanted.is_empty() || wanted.iter().any(|word| word == section);
    for (section, mode, jobs) in [("single", Mode::Single, sizes.single), ("batch", Mode::Batch, sizes.batch)]
    {
        if !wants(section) {
            continue;
        }
        let rows = rounds(&contenders, mode, jobs, sizes.rounds).await?;
        table::section(mode, jobs, &rows);
    }
    if wants("crowd") {
        crowd::run(&cluster, directory.path(), &sizes).await?;
    }
    cluster.leave().await
}

/// All contenders, in turns: whoever else uses the machine disturbs them alike.
async fn rounds(
    contenders: &[Contender],
    mode: Mode,
    jobs: usize,
    rounds: usize,
) -> Result<Vec<(&'static str, Vec<Reading>)>> {
    let mut rows: Vec<_> = contenders.iter().map(|contender| (contender.name(), Vec::new())).collect();
    // Round 0 fills caches and prepares statements, and is not counted.
    for round in 0..=rounds {
        for turn in 0..contenders.len() {
            let place = (round + turn) % contenders.len();
            let reading = contenders[place].measure(mode, jobs).await?;
            if round > 0 {
                rows[place].1.push(reading);
            }
        }
        eprintln!("{}: round {round} of {rounds}", table::title(mode));
    }
    Ok(rows)
}
