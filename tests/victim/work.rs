//! What the victim's jobs do: each leaves a trace before it begins, then goes
//! the way of its subject's nature, and takes effect in the transaction that
//! finishes it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use counterpart::clock::{Clock, Moment};
use counterpart::crash;
use counterpart::jobs::settle::{self, SettleFault};
use counterpart::jobs::{Duty, Ending, Lane, Lease, Request};
use counterpart::ledger::Ledger;
use counterpart::node::workers::Perform;

use crate::script::{self, Nature};
use crate::{rows, say, wishes};

const SMALL: Duty =
    Duty { kind: "small", lane: Lane::Small, priority: 50, deadline_ms: 60_000, attempts_max: 20 };

const LARGE: Duty = Duty { kind: "large", lane: Lane::Large, ..SMALL };

const HASTY: Duty = Duty { kind: "hasty", deadline_ms: 500, ..SMALL };

const DOOMED: Duty = Duty { kind: "doomed", attempts_max: 2, ..SMALL };

pub const DUTIES: &[&Duty] = &[&SMALL, &LARGE, &HASTY, &DOOMED];

/// The wish for a subject, as its nature has it.
pub fn request(subject: &str, nature: Nature, due_at: Moment) -> Request {
    match nature {
        Nature::Large => Request::new(&LARGE, subject, due_at),
        Nature::Overruns => Request::new(&HASTY, subject, due_at),
        Nature::Doomed => Request::new(&DOOMED, subject, due_at),
        Nature::Hosted => Request::new(&SMALL, subject, due_at).talking_to("busy.test"),
        _ => Request::new(&SMALL, subject, due_at),
    }
}

/// Who works, and on what.
#[derive(Clone)]
pub struct Worker {
    pub ledger: Ledger,
    pub clock: Clock,
    pub name: Arc<str>,
}

impl Worker {
    pub fn perform(self) -> Perform {
        Arc::new(move |lease| {
            let worker = self.clone();
            Box::pin(async move { worker.attempt(&lease).await })
        })
    }

    async fn attempt(&self, lease: &Lease) -> anyhow::Result<Ending> {
        let seen = self.begin(lease).await.context("cannot begin")?;
        crash::point("work.under_way");
        let nature = Nature::of(&lease.subject).context("a subject without a nature")?;
        match nature {
            Nature::Plain => {}
            Nature::Slow | Nature::Large | Nature::Hosted => pause_ms(50 + self.clock.roll(150)).await,
            Nature::Endless => std::future::pending().await,
            Nature::Fails if lease.attempts == 0 => bail!("it fails at first"),
            Nature::Fails => assert!(lease.attempts > 1, "it panics next"),
            Nature::Waits if lease.progress.is_empty() => return self.wait(lease).await,
            Nature::Waits | Nature::Overruns if lease.attempts > 0 => {}
            Nature::Waits => {}
            Nature::Overruns => self.overrun(lease, seen).await?,
            Nature::Steps => self.step_by_step(lease).await?,
            Nature::Again => self.ask_again(lease, seen).await?,
            Nature::Parent => {}
            Nature::Doomed => bail!("it is doomed"),
            Nature::Hopeless => return Ok(Ending::GiveUp { reason: "it is hopeless".to_owned() }),
        }
        self.finish(lease, nature, seen).await
    }

    /// Leaves the trace that this attempt was made, saved by itself; then looks
    /// how often the subject has been wished for by now.
    async fn begin(&self, lease: &Lease) -> sqlx::Result<i64> {
        let mut tx = self.ledger.begin().await?;
        rows::begun(&mut tx, lease, &self.name).await?;
        tx.save().await?;
        rows::wanted(&mut *self.ledger.read().await?, &lease.subject).await
    }

    async fn wait(&self, lease: &Lease) -> anyhow::Result<Ending> {
        self.save_progress(lease, 1).await?;
        let until = self.clock.now().plus_ms(100);
        Ok(Ending::Defer { until, reason: "come back in a moment".to_owned() })
    }

    /// Is dropped at its deadline while its effect waits to be saved.
    async fn overrun(&self, lease: &Lease, seen: i64) -> anyhow::Result<()> {
        let mut tx = self.ledger.begin().await?;
        rows::took_effect(&mut tx, lease, seen).await?;
        std::future::pending().await
    }

    async fn step_by_step(&self, lease: &Lease) -> anyhow::Result<()> {
        let done = if lease.progress.is_empty() { 0 } else { lease.progress.parse::<i64>()? };
        for number in done + 1..=script::STEPS {
            pause_ms(self.clock.roll(40)).await;
            self.save_progress(lease, number).await?;
        }
        Ok(())
    }

    async fn save_progress(&self, lease: &Lease, number: i64) -> anyhow::Result<()> {
        let mut tx = self.ledger.begin().await?;
        rows::stepped(&mut tx, &lease.subject, number).await?;
        settle::save_progress(&mut tx, lease, &number.to_string()).await?;
        crash::point("progress.before_save");
        tx.save().await?;
        crash::point("progress.saved");
        Ok(())
    }

    async fn ask_again(&self, lease: &Lease, seen: i64) -> anyhow::Result<()> {
        pause_ms(20 + self.clock.roll(40)).await;
        if seen < script::AGAIN_WISHES {
            wishes::wish(&self.ledger, &self.clock, std::slice::from_ref(&lease.subject)).await?;
        }
        pause_ms(20).await;
        Ok(())
    }

    async fn finish(&self, lease: &Lease, nature: Nature, seen: i64) -> anyhow::Result<Ending> {
        let mut tx = self.ledger.begin().await?;
        rows::took_effect(&mut tx, lease, seen).await?;
        if nature == Nature::Parent {
            wishes::write(&mut tx, &script::children(&lease.subject), self.clock.now()).await?;
        }
        match settle::finish(tx, lease, self.clock.now()).await {
            Ok(finished) => Ok(Ending::Finished(finished)),
            Err(fault) => {
                if matches!(fault, SettleFault::Lost { .. }) {
                    say(format_args!("fenced {}", lease.subject));
                }
                Err(fault.into())
            }
        }
    }
}

async fn pause_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
