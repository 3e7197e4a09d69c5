//! A node: one running process of the service, and everything it is made of.
//!
//! Builds the parts from the configuration, hands each what it uses, and watches
//! over them. It decides nothing about accounts: that is the story's.

mod chores;
pub mod config;
pub mod listen;
pub mod presence;
pub mod tasks;
pub mod telemetry;
pub mod workers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::jobs::claim::Appetite;
use crate::jobs::{Ending, Lane, Lease};
use crate::ledger::{DataDirectory, Ledger, LedgerUrl};
use crate::serving::{self, Description};
use config::{Config, Work};
use presence::{Heartbeat, Presence};
use tasks::Tasks;
use workers::{Perform, Workers};

/// Opens the ledger of a node, which on SQLite has the data directory for itself.
async fn open_ledger(config: &Config) -> anyhow::Result<(Ledger, Option<DataDirectory>)> {
    let directory = match &config.ledger {
        LedgerUrl::Sqlite(path) => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Some(DataDirectory::lock(parent.unwrap_or(Path::new(".")))?)
        }
        LedgerUrl::Postgres(_) => None,
    };
    let ledger = Ledger::open(&config.ledger, config.ledger_connections).await?;
    Ok((ledger, directory))
}

/// Runs a node until it is asked to stop or something of it fails.
pub async fn run(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    let (ledger, _directory) = open_ledger(&config).await?;
    let Config {
        data,
        ledger: ledger_url,
        ledger_connections: _,
        listen,
        public_url,
        admission,
        work,
        drain_ms,
        keep_events_days,
        log: _,
    } = config;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}: is the port taken by another program? set `listen` to another")
    })?;
    let at = listener.local_addr().context("the listening socket has no address")?;
    let clock = Clock::system();

    let description = Description { did: public_url.as_ref().map(config::PublicUrl::did) };
    let router = serving::router(ledger.clone(), description, admission.connections_max)
        .merge(telemetry::metrics_route(metrics, ledger.clone()));

    let (heartbeat, presence) = Heartbeat::begin(ledger.clone(), clock.clone()).await?;
    let perform = performer(ledger.clone(), clock.clone(), keep_events_days);
    let beating = CancellationToken::new();

    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("listener", listen::serve(listener, router, admission, stop.clone()));
    tasks.spawn("planner", chores::planner(ledger.clone(), clock.clone(), stop.clone()));
    tasks.spawn("rescuer", chores::rescuer(ledger.clone(), clock.clone(), stop.clone()));
    for workers in lanes(&ledger, &clock, &presence, &perform, work) {
        tasks.spawn("workers", workers.run(stop.clone()));
    }
    // Beats on while the others drain: what they still do is under our lease.
    let mut vital = Tasks::new(beating.clone());
    vital.spawn("heartbeat", heartbeat.run(beating.clone()));

    tracing::info!(
        listen.at = %at,
        ledger.at = %ledger_url,
        data.at = %data.display(),
        service.did = public_url.map_or_else(|| "none: set `public_url` to be reachable by partners".to_owned(), |url| url.did()),
        "counterpart {} is ready",
        env!("CARGO_PKG_VERSION")
    );
    let drain = Duration::from_millis(drain_ms);
    let ended = tokio::select! {
        ended = tasks.run(drain) => ended,
        // Only ends unasked: it is told to stop below.
        ended = vital.run(Duration::ZERO) => ended,
    };
    leave(&ledger, &clock, &presence).await;
    ledger.close().await;
    ended
}

fn lanes(ledger: &Ledger, clock: &Clock, presence: &Presence, perform: &Perform, work: Work) -> [Workers; 2] {
    let Work { workers, large_workers, jobs_per_host } = work;
    [(Lane::Small, workers), (Lane::Large, large_workers)].map(|(lane, jobs_max)| Workers {
        ledger: ledger.clone(),
        clock: clock.clone(),
        presence: presence.clone(),
        duties: chores::DUTIES,
        perform: Arc::clone(perform),
        appetite: Appetite { lane, jobs_max, per_host_max: jobs_per_host },
    })
}

/// From a job's kind to what performs it.
fn performer(ledger: Ledger, clock: Clock, keep_events_days: u64) -> Perform {
    Arc::new(move |lease: Lease| {
        let (ledger, clock) = (ledger.clone(), clock.clone());
        Box::pin(async move {
            if lease.kind == chores::PRUNE.kind {
                return chores::prune(&ledger, &clock, keep_events_days, &lease).await;
            }
            Ok(Ending::GiveUp { reason: format!("nothing here performs {}", lease.kind) })
        })
    })
}

/// Gives back what is still held, so that others need not wait for the lease to end.
async fn leave(ledger: &Ledger, clock: &Clock, presence: &Presence) {
    let Some(standing) = presence.borrow().clone() else { return };
    match standing.holder.depart(ledger, clock).await {
        Ok(released) => tracing::info!(jobs.released = released, "stopped"),
        Err(fault) => {
            tracing::warn!("stopped without giving back its leases; they end by themselves: {fault}")
        }
    }
}
