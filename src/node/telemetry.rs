//! Logs and metrics: how a node is watched.
//!
//! Secrets never get here: types that hold them show themselves without.

use std::io::IsTerminal;
use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use super::config::{Log, LogFormat};
use crate::jobs;
use crate::ledger::Ledger;

/// Starts logging to standard error; what a command answers goes to standard output.
pub fn start_logging(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.filter).with_context(|| {
        format!("`log` is `{}`, which is not a log filter like info,sqlx=warn", log.filter)
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match log.format {
        LogFormat::Pretty => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|fault| anyhow::anyhow!("cannot start logging: {fault}"))
}

/// Starts counting. A process counts once.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder().context("cannot start metrics")?;
    metrics::describe_counter!("counterpart_jobs_total", "Attempts at jobs, by kind and outcome");
    metrics::describe_histogram!("counterpart_job_seconds", "How long attempts took, by kind");
    metrics::describe_gauge!("counterpart_jobs", "Jobs in the ledger, by state");
    metrics::describe_gauge!("counterpart_connections", "Callers connected now");
    metrics::describe_counter!("counterpart_connections_refused_total", "Callers over a cap, closed unheard");
    metrics::describe_counter!("counterpart_refusals_total", "Requests refused, by error name");
    Ok(handle)
}

/// `/metrics`, for scrapers on this machine: they tell a stranger how busy and
/// how broken we are. A request that a proxy passed on is a stranger's.
pub fn metrics_route(handle: PrometheusHandle, ledger: Ledger) -> Router {
    let answer = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, headers: HeaderMap| {
        let (handle, ledger) = (handle.clone(), ledger.clone());
        async move {
            let passed_on =
                ["forwarded", "x-forwarded-for", "via"].iter().any(|name| headers.contains_key(*name));
            if !peer.ip().to_canonical().is_loopback() || passed_on {
                return StatusCode::NOT_FOUND.into_response();
            }
            scraped(&handle, &ledger).await
        }
    };
    Router::new().route("/metrics", get(answer))
}

async fn scraped(handle: &PrometheusHandle, ledger: &Ledger) -> Response {
    let counts = async { jobs::counts(&mut *ledger.read().await?).await }.await;
    match counts {
        Ok(counts) => {
            let states = [
                ("later", counts.later),
                ("ready", counts.ready),
                ("running", counts.running),
                ("dead", counts.dead),
            ];
            for (state, count) in states {
                metrics::gauge!("counterpart_jobs", "state" => state).set(count as f64);
            }
            metrics::gauge!("counterpart_ledger_up").set(1.0);
        }
        Err(_) => metrics::gauge!("counterpart_ledger_up").set(0.0),
    }
    handle.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()).into_response()
}
