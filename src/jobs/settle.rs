//! Ending an attempt: finished with its effects, or put back, or buried.
//!
//! Every write here names the attempt's fence. When the lease has been lost
//! meanwhile the write changes nothing, the caller is told, and whatever else
//! was in its transaction must not be saved.

use serde_json::json;
use thiserror::Error;

use super::rules::{self, AfterFailure};
use super::{Duty, Ending, Lease, letters, rows};
use crate::clock::{Clock, Moment};
use crate::crash;
use crate::ledger::{Ledger, Tx, event};
use crate::limits;

/// Proof that a job was completed in the transaction that held its effects,
/// and that the transaction was saved.
#[derive(Debug)]
pub struct Finished(());

#[derive(Debug, Error)]
pub enum SettleFault {
    #[error("the lease on {kind} of {subject} was lost; nothing was saved")]
    Lost { kind: String, subject: String },
    #[error("the ledger failed")]
    Ledger(#[from] sqlx::Error),
}

/// Completes the job and saves `tx`, effects and all, or saves nothing.
pub async fn finish(tx: Tx, lease: &Lease, now: Moment) -> Result<Finished, SettleFault> {
    finish_all(tx, std::slice::from_ref(lease), now).await
}

/// Completes several jobs whose effects share one transaction.
pub async fn finish_all(mut tx: Tx, leases: &[Lease], now: Moment) -> Result<Finished, SettleFault> {
    let gone = rows::delete_clean(&mut tx, leases).await?;
    // The rest were asked for again while they ran, or are lost.
    for lease in leases.iter().filter(|lease| !gone.contains(&lease.id)) {
        require(lease, rows::run_again(&mut tx, lease, now).await?)?;
        tx.made_work();
    }
    crash::point("finish.before_save");
    tx.save().await?;
    crash::point("finish.saved");
    Ok(Finished(()))
}

/// Remembers where the next attempt may resume, in the transaction of the step
/// just taken.
pub async fn save_progress(tx: &mut Tx, lease: &Lease, progress: &str) -> Result<(), SettleFault> {
    debug_assert!(
        progress.len() <= limits::JOB_TEXT_BYTES_MAX,
        "progress is a place to resume at, not a store"
    );
    require(lease, rows::set_progress(tx, lease, progress).await?)
}

/// What the ledger was told about an attempt that did not finish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    Finished,
    Deferred,
    Retried,
    Buried,
}

impl Settled {
    pub fn label(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Deferred => "deferred",
            Self::Retried => "retried",
            Self::Buried => "buried",
        }
    }
}

/// Writes down how an attempt ended.
pub async fn settle(
    ledger: &Ledger,
    clock: &Clock,
    duty: &Duty,
    lease: &Lease,
    ending: Ending,
) -> Result<Settled, SettleFault> {
    let now = clock.now();
    match ending {
        Ending::Finished(Finished(())) => Ok(Settled::Finished),
        Ending::Defer { until, reason } => {
            let until = until.min(now.plus_ms(limits::JOB_DEFER_MS_MAX));
            let mut tx = ledger.begin().await?;
            require(lease, rows::defer(&mut tx, lease, until, &clipped(&reason)).await?)?;
            tx.save().await?;
            Ok(Settled::Deferred)
        }
        Ending::Retry { reason } => match rules::after_failure(duty, lease.attempts.saturating_add(1)) {
            AfterFailure::Retry => {
                let due_at = now.plus_ms(rules::backoff_ms(lease.attempts, |below| clock.roll(below)));
                let mut tx = ledger.begin().await?;
                require(lease, rows::retry(&mut tx, lease, due_at, &clipped(&reason)).await?)?;
                crash::point("retry.before_save");
                tx.save().await?;
                Ok(Settled::Retried)
            }
            AfterFailure::Bury => buried(ledger, lease, &reason, now).await,
        },
        Ending::GiveUp { reason } => buried(ledger, lease, &reason, now).await,
    }
}

async fn buried(ledger: &Ledger, lease: &Lease, reason: &str, now: Moment) -> Result<Settled, SettleFault> {
    let mut tx = ledger.begin().await?;
    let dead = Lease { attempts: lease.attempts.saturating_add(1), ..lease.clone() };
    bury(&mut tx, &dead, reason, now).await?;
    crash::point("bury.before_save");
    tx.save().await?;
    Ok(Settled::Buried)
}

/// Makes the job a dead letter. If it was asked for again during its last
/// attempt, a new job with new attempts stands beside the letter: a wish is
/// never lost because an older one failed.
pub(super) async fn bury(tx: &mut Tx, lease: &Lease, reason: &str, now: Moment) -> Result<(), SettleFault> {
    let reason = clipped(reason);
    require(lease, letters::rows::write(tx, lease, &reason, now).await?)?;
    if rows::delete_clean(tx, std::slice::from_ref(lease)).await?.is_empty() {
        require(lease, rows::run_again(tx, lease, now).await?)?;
        tx.made_work();
    }
    let detail =
        json!({ "kind": lease.kind, "reason": reason, "attempts": lease.attempts, "rescues": lease.rescues });
    event::record(tx, now, "job.buried", &lease.subject, &detail).await?;
    Ok(())
}

/// Gives jobs back untouched: this process is going away and they cost no attempt.
pub async fn release_all(ledger: &Ledger, holder_id: &str, now: Moment) -> sqlx::Result<u64> {
    let mut tx = ledger.begin().await?;
    let released = rows::release_held(&mut tx, holder_id, now).await?;
    tx.made_work();
    tx.save().await?;
    Ok(released)
}

fn require(lease: &Lease, rows: u64) -> Result<(), SettleFault> {
    match rows {
        0 => Err(SettleFault::Lost { kind: lease.kind.clone(), subject: lease.subject.clone() }),
        _ => Ok(()),
    }
}

/// Cuts a text that came from outside to what is worth keeping.
pub(super) fn clipped(text: &str) -> String {
    let mut end = text.len().min(limits::JOB_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Postgres text cannot hold NUL, and a host's error page may.
    text[..end].replace('\0', "\u{fffd}")
}
