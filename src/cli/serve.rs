//! `counterpart serve`: a node, until somebody stops it.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Failed;
use crate::node::config::{Config, Layers};
use crate::node::{self, telemetry};

pub fn serve(layers: &Layers) -> Result<(), Failed> {
    let config = Config::parse(layers)?;
    telemetry::start_logging(&config.log).map_err(Failed::Asking)?;
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut node = std::pin::pin!(node::run(config, stop.clone()));
        let asked = tokio::select! {
            ended = node.as_mut() => return Ok(ended?),
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{asked}: finishing what is under way; once more to stop at once");
        stop.cancel();
        tokio::select! {
            ended = node.as_mut() => Ok(ended?),
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    })
}
