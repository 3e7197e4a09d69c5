//! The victim: a process that lives to be killed.
//!
//! It is a node without its doors: the real ledger, heartbeat, workers, rescuer
//! step and drain, with duties of its own whose effects can be counted. What it
//! has been promised it says on standard output, one line each; the harness in
//! `tests/it/crash` keeps the lines, kills it, and judges what the ledger says.

mod rows;
mod script;
mod wishes;
mod work;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use counterpart::clock::Clock;
use counterpart::jobs::Lane;
use counterpart::jobs::claim::Appetite;
use counterpart::jobs::holder::Terms;
use counterpart::jobs::rescue::{Swept, sweep};
use counterpart::ledger::{DataDirectory, Ledger, LedgerUrl};
use counterpart::node::presence::{Heartbeat, Presence};
use counterpart::node::tasks::Tasks;
use counterpart::node::workers::Workers;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

const SWEEP_MS: u64 = 100;

const CONNECTIONS: u32 = 6;

#[derive(Parser)]
struct Part {
    #[arg(long)]
    ledger: String,
    /// Told apart by it in the traces; never given to two processes.
    #[arg(long)]
    name: String,
    #[arg(long)]
    lease_ms: u64,
    #[arg(long)]
    beat_ms: u64,
    #[arg(long)]
    drain_ms: u64,
    /// Jobs at the same time, in the lane for small work.
    #[arg(long)]
    workers: u32,
    /// Wish for this when all is ready.
    #[arg(long)]
    wish: Vec<String>,
    /// Go on wishing, with dice of this seed.
    #[arg(long)]
    keep_wishing: Option<u64>,
    /// But no longer than this.
    #[arg(long, default_value_t = u64::MAX)]
    wishing_ms: u64,
}

fn main() -> anyhow::Result<()> {
    die_with_the_harness();
    if let Some(place) = counterpart::node::config::crash_point() {
        counterpart::crash::arm(&place);
    }
    let part = Part::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(play(part))
}

/// Tells the harness something. Each line is flushed as it ends.
fn say(line: fmt::Arguments<'_>) {
    println!("{line}");
}

/// Standard input ends when the harness is gone, however it went.
fn die_with_the_harness() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(3);
    });
}

async fn play(part: Part) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let url = LedgerUrl::parse(&part.ledger)?;
    let _directory = match &url {
        LedgerUrl::Sqlite(path) => Some(DataDirectory::lock(path.parent().unwrap_or(Path::new(".")))?),
        LedgerUrl::Postgres(_) => None,
    };
    let (ledger, clock) = (Ledger::open(&url, CONNECTIONS).await?, Clock::system());
    let terms = Terms { lease_ms: part.lease_ms, beat_ms: part.beat_ms };
    let (heartbeat, presence) = Heartbeat::begin_on(ledger.clone(), clock.clone(), terms).await?;

    let stop = CancellationToken::new();
    let mut tasks = Tasks::new(stop.clone());
    for workers in lanes(&part, &ledger, &clock, &presence) {
        tasks.spawn("workers", workers.run(stop.clone()));
    }
    tasks.spawn("rescuer", rescuer(ledger.clone(), clock.clone(), stop.clone()));
    tasks.spawn("crier", cry_standing(presence, stop.clone()));
    if !part.wish.is_empty() {
        wishes::wish(&ledger, &clock, &part.wish).await?;
    }
    if let Some(seed) = part.keep_wishing {
        let until = clock.now().plus_ms(part.wishing_ms);
        let wisher = wishes::Wisher { ledger: ledger.clone(), clock, name: part.name, seed, until };
        tasks.spawn("wisher", wisher.run(stop.clone()));
    }
    let playing = heartbeat.watch_over(tasks, Duration::from_millis(part.drain_ms));
    let mut playing = std::pin::pin!(playing);
    let ended = tokio::select! {
        ended = playing.as_mut() => ended,
        _ = terminate.recv() => {
            stop.cancel();
            playing.await
        }
    };
    ledger.close().await;
    ended
}

fn lanes(part: &Part, ledger: &Ledger, clock: &Clock, presence: &Presence) -> [Workers; 2] {
    let worker =
        work::Worker { ledger: ledger.clone(), clock: clock.clone(), name: part.name.as_str().into() };
    let perform = worker.perform();
    [(Lane::Small, part.workers), (Lane::Large, 1)].map(|(lane, jobs_max)| Workers {
        ledger: ledger.clone(),
        clock: clock.clone(),
        presence: presence.clone(),
        duties: work::DUTIES,
        perform: perform.clone(),
        appetite: Appetite { lane, jobs_max, per_host_max: script::PER_HOST_MAX },
    })
}

/// The node's rescuer in a hurry.
async fn rescuer(ledger: Ledger, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        match sweep(&ledger, clock.now()).await {
            Ok(Swept { released: 0, buried: 0 }) => {}
            Ok(Swept { released, buried }) => say(format_args!("rescued {released} {buried}")),
            Err(fault) => eprintln!("cannot sweep: {fault}"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(SWEEP_MS)) => {}
        }
    }
}

/// Says under which name we stand in the ledger, and when we no longer do.
async fn cry_standing(mut presence: Presence, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        let holder = presence.borrow_and_update().as_ref().map(|standing| standing.holder.id().to_owned());
        match holder {
            Some(id) => say(format_args!("entered {id}")),
            None => say(format_args!("lost")),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = presence.changed() => if changed.is_err() {
                // The heartbeat is gone, and the rest of us goes with it.
                return Ok(());
            },
        }
    }
}
