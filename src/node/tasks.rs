//! The only place that spawns: tasks that watch over each other.
//!
//! A task that ends before it was asked to ends the node. A node that goes on
//! without its heartbeat or its listener is worse than one that restarts.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The long-lived tasks of a node.
pub struct Tasks {
    set: JoinSet<(&'static str, anyhow::Result<()>)>,
    stop: CancellationToken,
}

impl Tasks {
    pub fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop }
    }

    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.set.spawn(async move { (name, task.await) });
    }

    /// Waits until the node is asked to stop, then gives the tasks `drain` to
    /// come to an end. A task that ends first is the error this returns.
    pub async fn run(mut self, drain: Duration) -> anyhow::Result<()> {
        let unasked = tokio::select! {
            // First: tasks that end because they were asked to may be done already.
            biased;
            () = self.stop.cancelled() => None,
            ended = self.set.join_next() => Some(ended),
        };
        self.stop.cancel();
        let drained = tokio::time::timeout(drain, self.drain()).await;
        self.set.abort_all();
        match unasked {
            Some(Some(Ok((name, Ok(()))))) => Err(anyhow!("the {name} ended unasked")),
            Some(Some(Ok((name, Err(fault))))) => Err(fault.context(format!("the {name} failed"))),
            Some(Some(Err(panic))) => Err(panic).context("a task of the node panicked"),
            Some(None) => Err(anyhow!("the node has no tasks")),
            None => drained.unwrap_or_else(|_| {
                tracing::warn!(
                    duration_ms = drain.as_millis() as u64,
                    "not everything ended in time; leaving it"
                );
                Ok(())
            }),
        }
    }

    async fn drain(&mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        while let Some(ended) = self.set.join_next().await {
            let ended = match ended {
                Ok((name, ended)) => ended.with_context(|| format!("the {name} failed while stopping")),
                Err(panic) => Err(panic).context("a task of the node panicked while stopping"),
            };
            first = first.and(ended);
        }
        first
    }
}
