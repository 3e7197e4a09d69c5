//! The workers: claim what is due, perform it under its deadline, settle it.
//!
//! One loop for each lane. What a job does comes in as a function; how it ended
//! goes back to the ledger. A job that panics has failed and is told so; it
//! takes nobody with it.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::presence::{Presence, Standing};
use crate::clock::{Clock, Stopwatch};
use crate::jobs::claim::{Appetite, claim};
use crate::jobs::settle::{SettleFault, settle};
use crate::jobs::{Duty, Ending, Lease};
use crate::ledger::Ledger;
use crate::limits;

type Performance = Pin<Box<dyn Future<Output = anyhow::Result<Ending>> + Send>>;

/// What jobs do: a function from a lease to its ending.
pub type Perform = Arc<dyn Fn(Lease) -> Performance + Send + Sync>;

/// One lane's worth of workers.
#[derive(Clone)]
pub struct Workers {
    pub ledger: Ledger,
    pub clock: Clock,
    pub presence: Presence,
    pub duties: &'static [&'static Duty],
    pub perform: Perform,
    /// `jobs_max` is how many run here at the same time.
    pub appetite: Appetite,
}

impl Workers {
    /// Works until stopped; then what runs may run on until `lost` or the
    /// node's patience ends, and what is left goes back with the standing.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut running = Running::default();
        let mut work = self.ledger.watch_work();
        loop {
            let full = running.set.len() >= self.appetite.jobs_max as usize;
            let claimed = if full { 0 } else { self.fill(&mut running).await };
            if claimed > 0 {
                continue;
            }
            let idle = Duration::from_millis(limits::JOB_POLL_MS);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = running.set.join_next_with_id() => running.told(ended, self.appetite),
                Ok(()) = work.changed(), if !full => {}
                () = tokio::time::sleep(idle), if !full => {}
            }
        }
        while let Some(ended) = running.set.join_next_with_id().await {
            running.told(ended, self.appetite);
        }
        Ok(())
    }

    /// Claims as much as there is room for; says how many jobs that were.
    async fn fill(&mut self, running: &mut Running) -> usize {
        let Some(standing) = self.presence.borrow_and_update().clone() else { return 0 };
        let room = self.appetite.jobs_max - running.set.len() as u32;
        let appetite = Appetite { jobs_max: room, ..self.appetite };
        let now = self.clock.now();
        let claimed = match claim(&self.ledger, &standing.holder, self.duties, appetite, now).await {
            Ok(claimed) => claimed,
            Err(fault) => {
                tracing::warn!(fault = %fault, "cannot claim jobs");
                return 0;
            }
        };
        let count = claimed.len();
        for (lease, duty) in claimed {
            let subject = (lease.kind.clone(), lease.subject.clone());
            let one = One { workers: self.clone(), standing: standing.clone(), lease, duty };
            let handle = running.set.spawn(one.run());
            running.subjects.insert(handle.id(), subject);
        }
        count
    }
}

#[derive(Default)]
struct Running {
    set: JoinSet<()>,
    subjects: HashMap<Id, (String, String)>,
}

impl Running {
    fn told(&mut self, ended: Result<(Id, ()), JoinError>, appetite: Appetite) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(fault) => fault.id(),
        };
        let subject = self.subjects.remove(&id);
        if let (Err(fault), Some((kind, subject))) = (ended, subject) {
            // The attempt itself is caught below; this is the settling that broke.
            tracing::error!(
                job.kind = kind,
                job.subject = subject,
                lane = appetite.lane.as_str(),
                "a worker broke: {fault}"
            );
        }
    }
}

/// One attempt at one job.
struct One {
    workers: Workers,
    standing: Standing,
    lease: Lease,
    duty: &'static Duty,
}

impl One {
    async fn run(self) {
        let Self { workers, standing, lease, duty } = self;
        let watch = Stopwatch::start();
        let attempt = (workers.perform)(lease.clone());
        let ending = tokio::select! {
            ending = attempted(attempt, duty) => ending,
            // Whatever it would still do, it may no longer save.
            () = standing.lost.cancelled() => return,
        };
        let failure = match &ending {
            Ending::Retry { reason } | Ending::GiveUp { reason } => Some(reason.clone()),
            Ending::Finished(_) | Ending::Defer { .. } => None,
        };
        let settled = settle(&workers.ledger, &workers.clock, duty, &lease, ending).await;
        let label = match &settled {
            Ok(settled) => settled.label(),
            Err(SettleFault::Lost { .. }) => "lost",
            Err(SettleFault::Ledger(_)) => "unsettled",
        };
        let duration_ms = watch.elapsed().as_millis() as u64;
        metrics::counter!("counterpart_jobs_total", "kind" => duty.kind, "outcome" => label).increment(1);
        metrics::histogram!("counterpart_job_seconds", "kind" => duty.kind)
            .record(watch.elapsed().as_secs_f64());
        let Lease { kind, subject, attempts, .. } = &lease;
        match (settled, failure) {
            (Err(fault), _) => {
                tracing::warn!(
                    job.kind = kind,
                    job.subject = subject,
                    duration_ms,
                    "{:#}",
                    anyhow::Error::from(fault)
                );
            }
            (Ok(_), Some(reason)) => {
                tracing::warn!(
                    job.kind = kind,
                    job.subject = subject,
                    job.attempts = attempts + 1,
                    job.outcome = label,
                    duration_ms,
                    "job failed: {reason}"
                );
            }
            (Ok(_), None) => {
                tracing::debug!(
                    job.kind = kind,
                    job.subject = subject,
                    job.outcome = label,
                    duration_ms,
                    "job ended"
                );
            }
        }
    }
}

async fn attempted(attempt: Performance, duty: &Duty) -> Ending {
    let deadline = Duration::from_millis(duty.deadline_ms);
    let caught = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(attempt));
    match tokio::time::timeout(deadline, caught).await {
        Ok(Ok(Ok(ending))) => ending,
        Ok(Ok(Err(fault))) => Ending::Retry { reason: format!("{fault:#}") },
        Ok(Err(panic)) => Ending::Retry { reason: format!("a bug: it panicked with `{}`", said(&*panic)) },
        Err(_) => Ending::Retry { reason: format!("not done within its {} s", duty.deadline_ms / 1000) },
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
