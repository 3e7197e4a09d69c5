//! What a node does for itself: plans and performs the housekeeping jobs, and
//! takes work away from nodes that died.

use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Moment};
use crate::jobs::enqueue::enqueue_all;
use crate::jobs::rescue::{Swept, sweep};
use crate::jobs::{Duty, Ending, Lane, Lease, Request, settle};
use crate::ledger::{Ledger, event};
use crate::limits;

/// Forgets events that are older than the operator keeps them.
pub const PRUNE: Duty =
    Duty { kind: "prune", lane: Lane::Small, priority: 5, deadline_ms: 600_000, attempts_max: 10 };

pub const DUTIES: &[&Duty] = &[&PRUNE];

const DAY_MICROS: i64 = 86_400_000_000;

/// The housekeeping there should be, seen from `now`. Planned again before the
/// day is over it is the same: one prune when the next day begins.
pub fn plan(now: Moment) -> Vec<Request> {
    let next_day = (now.micros().div_euclid(DAY_MICROS) + 1) * DAY_MICROS;
    vec![Request::new(&PRUNE, "events", Moment::from_micros(next_day))]
}

/// The planner: asks for the work there should be, every minute.
pub async fn planner(ledger: Ledger, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    every(limits::PLAN_EVERY_MS, &stop, || async {
        let now = clock.now();
        let mut tx = ledger.begin().await?;
        enqueue_all(&mut tx, plan(now), now).await?;
        tx.save().await.context("cannot plan")
    })
    .await
}

/// The rescuer: its step is in `jobs`, this is the dull loop around it.
pub async fn rescuer(ledger: Ledger, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    every(limits::RESCUE_EVERY_MS + clock.roll(limits::RESCUE_EVERY_MS), &stop, || async {
        let swept = sweep(&ledger, clock.now()).await.context("cannot look for work of dead nodes")?;
        if swept != Swept::default() {
            tracing::info!(
                jobs.released = swept.released,
                jobs.buried = swept.buried,
                "took work from a node that died"
            );
        }
        Ok(())
    })
    .await
}

/// Prunes in steps, each its own transaction, so that nobody waits long.
pub async fn prune(
    ledger: &Ledger,
    clock: &Clock,
    keep_events_days: u64,
    lease: &Lease,
) -> anyhow::Result<Ending> {
    let before = clock.now().minus_ms(keep_events_days.saturating_mul(86_400_000));
    loop {
        let mut tx = ledger.begin().await?;
        let gone = event::prune(&mut tx, before, limits::PRUNE_ROWS_MAX).await?;
        if gone < limits::PRUNE_ROWS_MAX as u64 {
            return Ok(Ending::Finished(settle::finish(tx, lease, clock.now()).await?));
        }
        tx.save().await?;
    }
}

/// Takes a step now and again. A step that fails is told and tried at the next turn.
async fn every<F>(ms: u64, stop: &CancellationToken, mut step: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    loop {
        if let Err(fault) = step().await {
            tracing::warn!("{fault:#}");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(ms)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_twice_in_one_day_it_is_one_plan() {
        let morning = Moment::from_micros(1_800_000_000_000_000);
        let plans = [plan(morning), plan(morning.plus_ms(1))];
        assert_eq!(plans[0], plans[1]);
        assert!(plans[0][0].due_at > morning);
        assert_ne!(plan(morning), plan(morning.plus_ms(86_400_000)));
    }
}
