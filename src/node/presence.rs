//! The heartbeat: this process's standing in the ledger.
//!
//! While the ledger answers, the lease of everything we hold is renewed and our
//! clock follows the database's. When it does not answer for as long as a lease
//! lasts, others may take our work: what runs here is dropped, nothing new is
//! claimed, and once the ledger is back we enter it under a new name.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Moment};
use crate::jobs::holder::{Beat, Holder};
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
    presence: watch::Sender<Option<Standing>>,
    until: Moment,
}

impl Heartbeat {
    /// Enters this process in the ledger.
    pub async fn begin(ledger: Ledger, clock: Clock) -> sqlx::Result<(Self, Presence)> {
        let (holder, until) = Holder::register(&ledger, &clock).await?;
        let standing = Standing { holder, lost: CancellationToken::new() };
        let (presence, watched) = watch::channel(Some(standing));
        Ok((Self { ledger, clock, presence, until }, watched))
    }

    /// Beats until stopped, then hands back what the standing still is.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(Duration::from_millis(limits::NODE_BEAT_MS));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = tick.tick() => self.beat().await,
            }
        }
    }

    async fn beat(&mut self) {
        let standing = self.presence.borrow().clone();
        let result = match &standing {
            Some(standing) => standing.holder.beat(&self.ledger, &self.clock).await,
            None => self.enter().await,
        };
        match result {
            Ok(Beat::Renewed { until }) => self.until = until,
            Ok(Beat::Lost) => self.lose("others have declared this node dead"),
            Err(fault) => {
                tracing::warn!(fault = %fault, "the ledger does not answer the heartbeat");
                if self.clock.now() > self.until {
                    self.lose("the ledger has not answered for as long as a lease lasts");
                }
            }
        }
    }

    async fn enter(&mut self) -> sqlx::Result<Beat> {
        let (holder, until) = Holder::register(&self.ledger, &self.clock).await?;
        tracing::info!(node.id = holder.id(), "back in the ledger");
        self.presence.send_replace(Some(Standing { holder, lost: CancellationToken::new() }));
        Ok(Beat::Renewed { until })
    }

    fn lose(&mut self, why: &str) {
        if let Some(standing) = self.presence.send_replace(None) {
            tracing::error!(node.id = standing.holder.id(), "lost the leases of this node: {why}");
            standing.lost.cancel();
        }
    }
}
