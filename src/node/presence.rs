//! The heartbeat: this process's standing in the ledger.
//!
//! While the ledger answers, the lease of everything we hold is renewed and our
//! clock follows the database's. When it does not answer for as long as a lease
//! lasts, others may take our work: what runs here is dropped, nothing new is
//! claimed, and once the ledger is back we enter it under a new name.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::tasks::Tasks;
use crate::clock::{Clock, Moment};
use crate::jobs::holder::{Beat, Holder, Terms};
use crate::ledger::Ledger;
use crate::limits;

/// A standing in the ledger, and the token that falls with it.
#[derive(Clone, Debug)]
pub struct Standing {
    pub holder: Holder,
    pub lost: CancellationToken,
}

/// What the workers watch: `None` while we have no standing.
pub type Presence = watch::Receiver<Option<Standing>>;

pub struct Heartbeat {
    ledger: Ledger,
    clock: Clock,
    terms: Terms,
    presence: watch::Sender<Option<Standing>>,
    until: Moment,
}

impl Heartbeat {
    /// Enters this process in the ledger.
    pub async fn begin(ledger: Ledger, clock: Clock) -> sqlx::Result<(Self, Presence)> {
        Self::begin_on(ledger, clock, Terms::USUAL).await
    }

    pub async fn begin_on(ledger: Ledger, clock: Clock, terms: Terms) -> sqlx::Result<(Self, Presence)> {
        let (holder, until) = Holder::register_on(&ledger, &clock, terms).await?;
        let standing = Standing { holder, lost: CancellationToken::new() };
        let (presence, watched) = watch::channel(Some(standing));
        Ok((Self { ledger, clock, terms, presence, until }, watched))
    }

    /// Watches over `tasks` until they are told to stop and have drained, or
    /// one of them ends unasked. Beats all the while: what they still do while
    /// draining is under our lease. What is then still held is given back.
    pub async fn watch_over(self, tasks: Tasks, drain: Duration) -> anyhow::Result<()> {
        let (ledger, clock, presence) = (self.ledger.clone(), self.clock.clone(), self.presence.subscribe());
        let beating = CancellationToken::new();
        let mut vital = Tasks::new(beating.clone());
        vital.spawn("heartbeat", self.run(beating));
        let ended = tokio::select! {
            ended = tasks.run(drain) => ended,
            // Nobody tells it to stop: it ends with the others, or unasked.
            ended = vital.run(Duration::ZERO) => ended,
        };
        leave(&ledger, &clock, &presence).await;
        ended
    }

    /// Beats until stopped; the standing stays with those who watch it.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.pause()) => self.beat().await,
            }
        }
    }

    /// One beat. `run` beats in time; a test that keeps the time beats itself.
    pub async fn beat(&mut self) {
        match tokio::time::timeout(self.patience(), self.ask()).await {
            Ok(Ok(Beat::Renewed { until })) => self.until = until,
            Ok(Ok(Beat::Lost)) => self.lose("others have declared this node dead"),
            Ok(Err(fault)) => tracing::warn!(fault = %fault, "the ledger does not answer the heartbeat"),
            Err(_) => tracing::warn!("the ledger has not answered the heartbeat yet"),
        }
        if self.clock.now() > self.until {
            self.lose("the ledger has not answered for as long as a lease lasts");
        }
    }

    async fn ask(&self) -> sqlx::Result<Beat> {
        let standing = self.presence.borrow().clone();
        match standing {
            Some(standing) => standing.holder.beat(&self.ledger, &self.clock).await,
            None => self.enter().await,
        }
    }

    /// Until the next beat, which comes before the lease is over or just then.
    fn pause(&self) -> Duration {
        let lease_is_over = self.until.ms_since(self.clock.now()).saturating_add(1);
        let pause = match *self.presence.borrow() {
            Some(_) => self.terms.beat_ms.min(lease_is_over),
            None => self.terms.beat_ms,
        };
        Duration::from_millis(pause)
    }

    /// How long an answer may take. A ledger that hangs is as bad as one that
    /// refuses: nobody waits for it beyond the lease and works on. Where the
    /// lease is over already (this process was frozen), it is asked once more
    /// whether anybody has noticed.
    fn patience(&self) -> Duration {
        let patience = match self.until.ms_since(self.clock.now()) {
            0 => self.terms.beat_ms,
            left => left.saturating_add(1),
        };
        Duration::from_millis(patience)
    }

    async fn enter(&self) -> sqlx::Result<Beat> {
        let (holder, until) = Holder::register_on(&self.ledger, &self.clock, self.terms).await?;
        tracing::info!(node.id = holder.id(), "back in the ledger");
        self.presence.send_replace(Some(Standing { holder, lost: CancellationToken::new() }));
        Ok(Beat::Renewed { until })
    }

    fn lose(&mut self, why: &str) {
        if self.presence.borrow().is_none() {
            return;
        }
        if let Some(standing) = self.presence.send_replace(None) {
            tracing::error!(node.id = standing.holder.id(), "lost the leases of this node: {why}");
            standing.lost.cancel();
        }
    }
}

/// Gives back what is still held, so that others need not wait for the lease to end.
async fn leave(ledger: &Ledger, clock: &Clock, presence: &Presence) {
    let Some(standing) = presence.borrow().clone() else { return };
    let patience = Duration::from_millis(limits::NODE_LEAVE_MS_MAX);
    match tokio::time::timeout(patience, standing.holder.depart(ledger, clock)).await {
        Ok(Ok(released)) => tracing::info!(jobs.released = released, "stopped"),
        Ok(Err(fault)) => {
            tracing::warn!("stopped without giving back its leases; they end by themselves: {fault}");
        }
        Err(_) => {
            tracing::warn!("stopped without giving back its leases; they end by themselves: no answer");
        }
    }
}
