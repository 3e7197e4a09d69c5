//! What a world leaves behind: leases still held and jobs that were due.

use counterpart::clock::Moment;
use counterpart::jobs::{self, State};
use counterpart::ledger::{Ledger, LedgerUrl};

const JOBS_MAX: u32 = 1_000;

/// Looks with a connection and a runtime of its own, because it is asked while
/// something is dropped, where nothing can be awaited.
pub fn look(url: &LedgerUrl, now: Moment) -> Vec<String> {
    let url = url.clone();
    let looking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(list(&url, now))
    });
    looking.join().unwrap()
}

async fn list(url: &LedgerUrl, now: Moment) -> Vec<String> {
    let ledger = Ledger::attach(url).await.unwrap();
    let live = jobs::list(&mut ledger.read().await.unwrap(), JOBS_MAX).await.unwrap();
    ledger.close().await;
    let undone = live.into_iter().filter_map(|job| {
        let (kind, subject) = (&job.lease.kind, &job.lease.subject);
        match job.state {
            State::Running => Some(format!("{kind} of {subject} is still held by {}", job.holder)),
            State::Ready | State::Later if job.lease.due_at <= now => {
                Some(format!("{kind} of {subject} was due at {}", job.lease.due_at))
            }
            State::Ready | State::Later => None,
        }
    });
    undone.collect()
}
